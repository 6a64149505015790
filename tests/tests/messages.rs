//! Messages that no list of bad input has: warnings about what is valid and perhaps
//! not meant, documents that cannot be read, and errors of images and of the
//! compiler. Each is compared whole.

use netpolicy::manifest::{Loaded, Loader};
use netpolicy::model::{
    Action, ClusterPolicy, ClusterPolicyApi, ClusterPolicyRule, IpBlock, NamedPort, NetworkPolicy,
    NetworkPolicyRule, Options, Pod, PodSelector, Port, PortRange, Priority, Source,
};
use netpolicy::{Cidr, Cluster, CompileError, Image, OpenError, Protocol};
use netpolicy_tests::samples;

fn load_file(file: &str, text: &str) -> Loaded {
    let mut loader = Loader::default();
    loader.read_text(file, text);
    loader.finish()
}

fn load(text: &str) -> Loaded {
    load_file("test.yaml", text)
}

fn found(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(ToString::to_string).collect()
}

/// A NetworkPolicy `web/p` whose spec begins on line 5.
fn network_policy(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: web}}\nspec:\n  {spec}\n"
    )
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {}\n";

#[test]
fn bits_behind_a_prefix() {
    let loaded = load(&network_policy(
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}]",
    ));
    assert_eq!(
        found(&loaded),
        [
            "test.yaml:5:38: warning: NetworkPolicy web/p: spec.ingress[0].from[0].ipBlock.cidr: \
             \"10.0.0.1/8\": bits behind the prefix are set; it counts as 10.0.0.0/8"
        ]
    );
    assert_eq!(loaded.cluster.network_policies().len(), 1);
}

#[test]
fn a_null_label() {
    let loaded = load(&POD.replace("name: p", "name: p, labels: {a: null, b: c}"));
    assert_eq!(
        found(&loaded),
        ["test.yaml:3:33: warning: Pod default/p: metadata.labels.a: null counts as absent"]
    );
    assert_eq!(loaded.cluster.pods()[0].labels.len(), 1);
}

#[test]
fn a_key_that_is_a_list() {
    let loaded = load(&POD.replace("name: p", "name: p, ? [a] : b"));
    assert_eq!(
        found(&loaded),
        ["test.yaml:3:23: error: Pod default/p: metadata: a key must be a string"]
    );
}

#[test]
fn a_merge_of_what_is_no_map() {
    let loaded = load(&POD.replace("name: p", "name: p, <<: all"));
    assert_eq!(
        found(&loaded),
        ["test.yaml:3:25: error: Pod default/p: metadata: << merges maps, and this is none"]
    );
}

#[test]
fn nesting() {
    let deep = |file| {
        let text = format!("{}1{}", "[".repeat(300), "]".repeat(300));
        found(&load_file(file, &text))
    };
    assert_eq!(
        deep("test.json"),
        ["test.json:1:256: error: lists and maps nest more than 255 deep"]
    );
}

#[test]
fn a_time_that_is_none() {
    let loaded = load(&POD.replace("name: p", "name: p, creationTimestamp: yesterday"));
    assert_eq!(
        found(&loaded),
        [
            "test.yaml:3:40: error: Pod default/p: metadata.creationTimestamp: \"yesterday\": \
          not a time: write it like 2026-01-31T08:00:00Z"
        ]
    );
}

#[test]
fn aliases_that_grow() {
    let mut text = String::from("a0: &a0 [x, x]\n");
    for level in 1..40 {
        text.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1));
    }
    assert_eq!(
        found(&load(&text)),
        ["test.yaml:19:12: error: aliases add more than 1048576 nodes to the document"]
    );
}

#[test]
fn an_alias_inside_itself() {
    let text = format!("a: &a [1, *a]\n---\n{POD}");
    let loaded = load(&text);
    assert_eq!(
        found(&loaded),
        ["test.yaml:1:11: error: an alias inside the node that it stands for"]
    );
    assert_eq!(loaded.cluster.pods().len(), 1, "what follows is read");
}

#[test]
fn a_destination_port_of_two() {
    let loaded = load(
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\n\
         spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {}}],\n\
         protocols: [{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}]}]}\n",
    );
    assert_eq!(
        found(&loaded),
        [
            "test.yaml:5:37: error: ClusterNetworkPolicy p: spec.egress[0].protocols[0].tcp.destinationPort: \
             a destination port has exactly one of number and range"
        ]
    );
}

#[test]
fn a_pod_that_is_given_twice() {
    let loaded = load(&format!(
        "{POD}---\n{}",
        POD.replace("name: p", "name: p, labels: {a: b}")
    ));
    assert_eq!(
        found(&loaded),
        [
            "test.yaml:6: warning: Pod default/p: is given twice: this one counts, the other is at test.yaml:1"
        ]
    );
    assert_eq!(loaded.cluster.pods().len(), 1);
    assert_eq!(loaded.cluster.pods()[0].labels.len(), 1);
}

#[test]
fn kinds_that_are_misspelt() {
    let policy = network_policy("podSelector: {}");
    for (kind, meant) in [
        ("networkpolicy", "NetworkPolicy"),
        ("NetworkPolicie", "NetworkPolicy"),
        ("Networkpolicys", "NetworkPolicy"),
    ] {
        let loaded = load(&policy.replace("NetworkPolicy", kind));
        assert_eq!(
            found(&loaded),
            [format!(
                "test.yaml:1:1: error: {kind}: kind: unknown kind: did you mean {meant}?"
            )]
        );
    }
    // Other kinds of the group are none of our business.
    let ingress = policy.replace("NetworkPolicy", "Ingress");
    assert!(found(&load(&ingress)).is_empty());
    // The word for the version misspelt as well.
    let both = policy
        .replace("apiVersion", "apiversion")
        .replace("kind:", "Kind:");
    assert_eq!(
        found(&load(&both)),
        [
            "test.yaml:1:1: error: apiversion: unknown field: did you mean apiVersion?",
            "test.yaml:2:1: error: Kind: unknown field: did you mean kind?",
        ]
    );
}

#[test]
fn images_that_cannot_be_opened() {
    let image = samples::image();
    let bytes = image.as_bytes();
    let open = |bytes: &[u8]| Image::open(bytes).map(drop).unwrap_err().to_string();
    let changed = |at: usize, word: u32| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        bytes
    };
    assert_eq!(
        open(&[b'x'; 1_000]),
        "not a netpolicy image: make one with `netpolicy compile`"
    );
    assert_eq!(
        open(&bytes[..bytes.len() - 1]),
        format!(
            "the image has {} bytes and should have {}: copy it again, or make it anew with `netpolicy compile`",
            bytes.len() - 1,
            bytes.len()
        )
    );
    assert_eq!(
        open(&changed(32, 36)),
        "the image is damaged: section header, record 32"
    );
    let strings = u32::from_le_bytes(*bytes[128 + 8 * 12..].first_chunk().unwrap()) as usize;
    assert_eq!(
        open(&changed(strings + 4, u32::MAX)),
        "the image is damaged: section Strings, record 1"
    );
    let mut bytes = bytes.to_vec();
    bytes[24] ^= 1;
    let image = Image::open(&bytes).unwrap();
    let Err(OpenError::Checksum { stated, found }) = image.verify_checksum() else {
        panic!("a wrong checksum")
    };
    assert_eq!(stated, found ^ 1);
    assert_eq!(
        image.verify_checksum().unwrap_err().to_string(),
        format!("the image is damaged: its checksum is {found:08x}, its header says {stated:08x}")
    );
}

#[test]
fn clusters_that_cannot_be_compiled() {
    let errors = [
        (
            CompileError::OutOfMemory { needed: 1234 },
            "out of working memory: give at least 1234 bytes",
        ),
        (
            CompileError::TooLarge { what: "the image" },
            "too large: the image",
        ),
    ];
    for (error, text) in errors {
        assert_eq!(error.to_string(), text);
    }
    let mut cluster = Cluster::default();
    let policy = ClusterPolicy {
        api: ClusterPolicyApi::ClusterNetworkPolicyAdmin,
        name: "p".into(),
        priority: Priority::new(1).unwrap(),
        subject: PodSelector::default(),
        ingress: vec![ClusterPolicyRule {
            name: "".into(),
            action: Action::Deny,
            peers: vec![].into(),
            ports: vec![].into(),
            line: 0,
        }]
        .into(),
        egress: vec![].into(),
        source: Source::default(),
    };
    let error = cluster.insert_cluster_policy(policy).unwrap_err();
    assert_eq!(
        error.to_string(),
        "spec.ingress[0]: the rule needs at least one peer"
    );
    assert!(cluster.cluster_policies().is_empty());
    cluster.compile(&Options::default()).unwrap();
}

/// A pod with one named port, and a NetworkPolicy with one port.
fn cluster_with(named: NamedPort<'static>, port: Port<'static>) -> Cluster {
    let mut cluster = Cluster::default();
    cluster.insert_pod(Pod {
        namespace: "web".into(),
        name: "p".into(),
        ports: vec![named].into(),
        ..Pod::default()
    });
    cluster.insert_network_policy(NetworkPolicy {
        namespace: "web".into(),
        name: "p".into(),
        egress: vec![
            NetworkPolicyRule::default(),
            NetworkPolicyRule {
                ports: vec![port].into(),
                ..NetworkPolicyRule::default()
            },
        ]
        .into(),
        ..NetworkPolicy::default()
    });
    cluster
}

#[test]
fn ports_that_no_api_would_take() {
    let named = |name: &'static str, protocol, number| NamedPort {
        name: name.into(),
        protocol,
        number,
    };
    let good = || {
        (
            named("http", Protocol::TCP, 80),
            Port::Every(Protocol::SCTP),
        )
    };
    let eight = PortRange::single(8).unwrap();
    let cases = [
        (
            (good().0, Port::Range(Protocol::ICMP, eight)),
            "spec.egress[1]: unknown protocol: use TCP, UDP or SCTP",
        ),
        (
            (good().0, Port::Every(Protocol(47))),
            "spec.egress[1]: unknown protocol: use TCP, UDP or SCTP",
        ),
        (
            (good().0, Port::Named(Some(Protocol::ICMP), "http".into())),
            "spec.egress[1]: unknown protocol: use TCP, UDP or SCTP",
        ),
        (
            (named("http", Protocol::ICMP, 80), good().1),
            "ports[0]: unknown protocol: use TCP, UDP or SCTP",
        ),
        (
            (named("http", Protocol::TCP, 0), good().1),
            "ports[0]: port 0 is out of range: ports are 1 to 65535",
        ),
        (
            (named("", Protocol::TCP, 80), good().1),
            "ports[0]: not a port name: a name has at least one letter; write a number without quotes",
        ),
    ];
    for ((named, port), text) in cases {
        let cluster = cluster_with(named, port);
        let error = cluster.compile(&Options::default()).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let (named, port) = good();
    cluster_with(named, port)
        .compile(&Options::default())
        .unwrap();
}

#[test]
fn an_exception_outside_its_block() {
    let cidr = |text: &str| text.parse().unwrap();
    let inside: Cidr = cidr("10.1.0.0/16");
    let error = IpBlock::new(cidr("10.0.0.0/8"), vec![inside, cidr("11.0.0.0/16")]).unwrap_err();
    assert_eq!((error.list, error.index), ("except", 1));
    assert_eq!(
        error.to_string(),
        "except[1]: does not lie strictly inside 10.0.0.0/8: every exception must be a smaller block within cidr"
    );
}
