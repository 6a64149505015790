//! Stripped images: the verdicts of the whole, or none at all.

use std::collections::BTreeSet;
use std::net::IpAddr;

use netpolicy::model::Options;
use netpolicy::{
    Connection, Image, ImageBuf, NotStrippable, OpenError, Protocol, StrippedImage, Verdict,
};
use netpolicy_tests::samples::{self, cluster, compiled, worlds};

const ISOLATED: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: isolates, namespace: a}
spec:
  podSelector: {}
  ingress: [{ports: [{port: 80}]}]
";

fn pods(addresses: &[(&str, &[&str])]) -> String {
    let pod = |(name, addresses): &(&str, &[&str])| {
        let ips: Vec<String> = addresses
            .iter()
            .map(|ip| format!("{{ip: '{ip}'}}"))
            .collect();
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: a}}\nspec: {{}}\nstatus: {{podIPs: [{}]}}\n",
            ips.join(", ")
        )
    };
    addresses.iter().map(pod).collect()
}

/// All pairs of some addresses, with a few ports.
fn pairs(addresses: &BTreeSet<IpAddr>) -> Vec<Connection> {
    let mut pairs = Vec::new();
    for source in addresses {
        for destination in addresses {
            for (protocol, port) in [
                (Protocol::TCP, 80),
                (Protocol::UDP, 53),
                (Protocol::ICMP, 0),
            ] {
                pairs.push(Connection {
                    source: *source,
                    destination: *destination,
                    protocol,
                    port,
                });
            }
        }
    }
    pairs
}

fn hold_together(whole: &Image<'_>, stripped: &StrippedImage<'_>, connections: &[Connection]) {
    let mut batch = vec![Verdict::DENY; connections.len()];
    stripped.verdicts(connections, &mut batch);
    for (connection, of_batch) in connections.iter().zip(batch) {
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = *connection;
        let verdict = stripped.verdict(source, destination, protocol, port);
        let ends = [source, destination].map(|end| netpolicy::canonical(end).is_ipv4());
        let expected = if ends[0] == ends[1] {
            whole.verdict(source, destination, protocol, port)
        } else {
            Verdict::DENY
        };
        assert_eq!(verdict, expected, "{connection:?}");
        assert_eq!(of_batch, expected, "{connection:?}");
    }
}

#[test]
fn verdicts_are_those_of_the_whole() {
    let (mut stripped_worlds, mut refused, mut scoped) = (0, 0, 0);
    for world in worlds(60) {
        let cluster = cluster(&world);
        let mut addresses: BTreeSet<IpAddr> = world.probes.iter().map(|p| p.source).collect();
        addresses.extend(cluster.pods().iter().flat_map(|pod| pod.addresses.iter()));
        addresses.extend(
            cluster
                .nodes()
                .iter()
                .flat_map(|node| node.addresses.iter()),
        );
        let connections = pairs(&addresses);
        let node = cluster.nodes().first().map(|node| &*node.name);
        for nodes in [None, node] {
            let nodes = nodes.as_slice();
            let (whole, _) = cluster
                .compile_for_nodes(&Options::default(), nodes)
                .unwrap();
            let whole = whole.image();
            let Ok(bytes) = whole.strip() else {
                refused += 1;
                continue;
            };
            assert!(bytes.len() < whole.as_bytes().len());
            let image = StrippedImage::open(&bytes).unwrap();
            image.verify_checksum().unwrap();
            assert_eq!(image.options(), whole.options());
            assert_eq!(image.is_scoped(), !nodes.is_empty());
            hold_together(&whole, &image, &connections);
            stripped_worlds += 1;
            scoped += usize::from(image.is_scoped());
        }
    }
    assert!(
        stripped_worlds >= 20 && refused >= 5 && scoped >= 10,
        "{stripped_worlds} stripped, {scoped} for a node, {refused} refused"
    );
}

#[test]
fn raw_packets_get_the_same_verdicts() {
    let pods = pods(&[("one", &["10.0.0.1"]), ("two", &["10.0.0.2"])]);
    let whole = compiled(&format!("{ISOLATED}{pods}"), &Options::default());
    let bytes = whole.image().strip().unwrap();
    let image = StrippedImage::open(&bytes).unwrap();
    let mut packet = [0_u8; 40];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&40_u16.to_be_bytes());
    packet[9] = 6;
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[32] = 0x50;
    for (port, allowed) in [(80_u16, true), (81, false)] {
        packet[22..24].copy_from_slice(&port.to_be_bytes());
        assert_eq!(image.verdict_of_packet(&packet).is_allowed(), allowed);
        assert_eq!(
            whole.image().verdict_of_packet(&packet),
            image.verdict_of_packet(&packet)
        );
    }
    assert_eq!(image.verdict_of_packet(&packet[..30]), Verdict::DENY);
}

#[test]
fn what_needs_its_rules_keeps_them() {
    let two = pods(&[("one", &["10.0.0.1", "10.0.0.2"])]);
    let whole = compiled(&format!("{ISOLATED}{two}"), &Options::default());
    let address = "10.0.0.1".parse().unwrap();
    let error = whole.image().strip().unwrap_err();
    assert_eq!(error, NotStrippable::Address { address });
    assert!(error.to_string().contains("10.0.0.1"), "{error}");

    let plain = pods(&[("one", &["10.0.0.1"])]);
    let tight = Options {
        table_budget: 0,
        ..Options::default()
    };
    let whole = compiled(&format!("{ISOLATED}{plain}"), &tight);
    let error = whole.image().strip().unwrap_err();
    assert!(
        matches!(&error, NotStrippable::Interpreted { pod, .. } if pod == "a/one"),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("a larger table budget"),
        "{error}"
    );
}

#[test]
fn each_kind_of_image_is_opened_as_what_it_is() {
    let whole = samples_that_strip();
    let bytes = whole.image().strip().unwrap();
    assert_eq!(Image::open(&bytes).unwrap_err(), OpenError::Stripped);
    assert_eq!(
        ImageBuf::open(bytes.clone()).unwrap_err(),
        OpenError::Stripped
    );
    let not_stripped = StrippedImage::open(whole.as_bytes()).unwrap_err();
    assert_eq!(not_stripped, OpenError::NotStripped);
    for len in 0..bytes.len() {
        assert!(StrippedImage::open(&bytes[..len]).is_err(), "at {len}");
    }
}

#[test]
fn damage_is_refused_or_answers() {
    let whole = samples_that_strip();
    let bytes = whole.image().strip().unwrap();
    let addresses = [
        "10.0.0.1",
        "10.0.0.2",
        "192.0.2.1",
        "fd00::1",
        "2001:db8::1",
    ];
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let connections = pairs(&addresses);
    let (mut refused, mut answered) = (0, 0);
    let mut random = 0x5eed_u64;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let at = (random >> 3) as usize % damaged.len();
        damaged[at] ^= 1 << (random % 8);
        match StrippedImage::open(&damaged) {
            Err(_) => refused += 1,
            Ok(image) => {
                answered += 1;
                assert!(damaged == bytes || image.verify_checksum().is_err());
                let mut verdicts = vec![Verdict::DENY; connections.len()];
                image.verdicts(&connections, &mut verdicts);
            }
        }
    }
    assert!(refused > 1_000 && answered > 1_000, "{refused} {answered}");
}

/// Two pods of both families, one policy.
fn samples_that_strip() -> ImageBuf {
    let pods = pods(&[
        ("one", &["10.0.0.1", "fd00::1"]),
        ("two", &["10.0.0.2", "fd00::2"]),
    ]);
    samples::compiled(&format!("{ISOLATED}{pods}"), &Options::default())
}
