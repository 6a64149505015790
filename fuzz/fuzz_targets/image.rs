//! Damaged images: one that opens can be asked anything.
//!
//! The input is a list of changes to a sound image, so that most get past the checks of
//! the frame: a byte that chooses the image, then changes of 7 bytes, a place (3) and a
//! word (4). If the first byte is 255, the rest is the image.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use netpolicy::manifest::Loader;
use netpolicy::model::Options;
use netpolicy::{Endpoint, Image, Protocol};

const CLUSTER: &str = include_str!("../../examples/wordpress/cluster.yaml");
const POLICIES: &str = include_str!("../../examples/wordpress/policies.yaml");
const ADMIN: &str = "
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: admin}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  egress:
    - {name: nodes, action: Deny, to: [{nodes: {matchExpressions: [{key: a, operator: Exists}]}}]}
    - {action: Accept, to: [{domainNames: ['*.example.com']}]}
    - {action: Pass, to: [{networks: [192.0.2.0/24]}], protocols: [{tcp: {destinationPort: {number: 80}}}]}
";

fn images() -> &'static [Vec<u8>; 3] {
    static IMAGES: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let compile = |texts: &[&str], table_budget: usize| {
            let mut loader = Loader::default();
            for text in texts {
                loader.read_text("fuzz.yaml", text);
            }
            let options = Options {
                table_budget,
                ..Options::default()
            };
            let compiled = loader.finish().cluster.compile(&options);
            compiled.expect("an image").0.into_bytes()
        };
        [
            compile(&[CLUSTER, POLICIES], 1 << 20),
            compile(&[CLUSTER, POLICIES, ADMIN], 1 << 20),
            // Everything is interpreted.
            compile(&[CLUSTER, POLICIES, ADMIN], 0),
        ]
    })
}

fn changed(input: &[u8]) -> Option<Vec<u8>> {
    let (choice, changes) = input.split_first()?;
    if *choice == 255 {
        return Some(changes.to_vec());
    }
    let images = images();
    let mut image = images[usize::from(*choice) % images.len()].clone();
    for change in changes.chunks_exact(7).take(64) {
        let at =
            usize::from(change[0]) << 16 | usize::from(change[1]) << 8 | usize::from(change[2]);
        let at = at % image.len();
        let end = image.len().min(at + 4);
        image[at..end].copy_from_slice(&change[3..][..end - at]);
    }
    Some(image)
}

fn ask(image: &Image<'_>) {
    const ADDRESSES: [&str; 7] = [
        "10.244.1.10",
        "10.244.1.11",
        "10.244.1.53",
        "192.168.50.11",
        "203.0.113.7",
        "fd00:244:1::10",
        "2001:db8::7",
    ];
    let addresses = ADDRESSES.map(|text| text.parse().expect("an address"));
    for source in addresses {
        for destination in addresses {
            for (protocol, port) in [
                (Protocol::TCP, 80),
                (Protocol::UDP, 53),
                (Protocol::ICMP, 0),
            ] {
                let _ = image.verdict(source, destination, protocol, port);
            }
            let pairs = image.pairs(Endpoint::Address(source), Endpoint::Address(destination));
            for pair in pairs.take(4) {
                let _ = format!("{:#}", pair.explain(Protocol::TCP, 3306));
            }
        }
    }
    for pod in image.pods().take(8) {
        let _ = (
            format!("{pod}"),
            pod.workload(),
            pod.addresses().take(8).count(),
        );
    }
    for policy in image.policies().take(8) {
        let _ = (format!("{policy}"), policy.source(), policy.priority());
    }
    let _ = image.verify_checksum();
}

fuzz_target!(|input: &[u8]| {
    if let Some(bytes) = changed(input)
        && let Ok(image) = Image::open(&bytes)
    {
        ask(&image);
    }
});
