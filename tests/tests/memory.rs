//! Memory that the caller lends: any amount ends in an image or in an error that
//! says how much would do, and nothing is ever allocated behind its back.

use netpolicy::model::{
    ClusterPolicy, DomainName, Label, List, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule,
    Options, Pod, PodSelector, Port, PortRange, Selector,
};
use netpolicy::{Cluster, CompileError, Compiler, Connection, Endpoint, Image, Protocol, Verdict};
use netpolicy_tests::samples;

/// Compiles a cluster in lent memory, and writes the image.
fn compile<'o>(
    cluster: &Cluster,
    memory: &mut [u8],
    out: &'o mut [u8],
) -> Result<&'o [u8], CompileError> {
    let mut compiler = Compiler::new(memory, Options::default())?;
    cluster
        .namespaces()
        .iter()
        .try_for_each(|object| compiler.namespace(object))?;
    cluster
        .nodes()
        .iter()
        .try_for_each(|object| compiler.node(object))?;
    cluster
        .pods()
        .iter()
        .try_for_each(|object| compiler.pod(object))?;
    cluster
        .network_policies()
        .iter()
        .try_for_each(|object: &NetworkPolicy<'_>| compiler.network_policy(object))?;
    cluster
        .cluster_policies()
        .iter()
        .try_for_each(|object: &ClusterPolicy<'_>| compiler.cluster_policy(object))?;
    cluster
        .domain_names()
        .iter()
        .try_for_each(|object: &DomainName<'_>| compiler.domain_name(object))?;
    compiler.compile()?.write(out)
}

#[test]
fn following_the_error_leads_to_an_image() {
    let cluster = samples::merged(&samples::worlds(4));
    let expected = cluster.compile(&Options::default()).unwrap().0;
    let mut out = vec![0; expected.as_bytes().len()];
    let (mut size, mut steps) = (0, 0);
    let image = loop {
        // What was there before must not matter.
        let mut memory = vec![0xa5; size];
        match compile(&cluster, &mut memory, &mut out) {
            Ok(image) => break image,
            Err(CompileError::OutOfMemory { needed }) => {
                assert!(needed > size, "{needed} would do, and {size} did not");
                size = needed;
            }
            Err(error) => panic!("{error}"),
        }
        steps += 1;
        assert!(steps < 40, "no end in sight at {size} bytes");
    };
    assert_eq!(
        image,
        expected.as_bytes(),
        "the memory that was lent shows in the image"
    );
}

#[test]
fn every_amount_of_memory_ends_well() {
    let cluster = samples::cluster(&samples::worlds(1)[0]);
    let mut out = vec![0; 1 << 20];
    let mut succeeded = 0;
    for size in (0..200_000).step_by(997) {
        let mut memory = vec![0x5a; size];
        match compile(&cluster, &mut memory, &mut out) {
            Ok(bytes) => {
                Image::open(bytes).unwrap();
                succeeded += 1;
            }
            Err(CompileError::OutOfMemory { needed }) => assert!(needed > size),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(succeeded > 0, "no amount sufficed");
}

#[test]
fn room_for_the_image_is_told_exactly() {
    let cluster = samples::cluster(&samples::worlds(1)[0]);
    let mut memory = vec![0; 4 << 20];
    let Err(CompileError::OutputTooSmall { needed, available }) =
        compile(&cluster, &mut memory, &mut [0; 100])
    else {
        panic!("an image of 100 bytes")
    };
    assert_eq!(available, 100);
    let mut out = vec![0; needed];
    assert_eq!(
        compile(&cluster, &mut memory, &mut out).unwrap().len(),
        needed
    );
    let error = compile(&cluster, &mut memory, &mut vec![0; needed - 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the image has {needed} bytes, and there is room for {}",
            needed - 1
        )
    );
}

#[test]
fn a_table_budget_is_kept_and_changes_no_verdict() {
    let cluster = samples::merged(&samples::worlds(4));
    let compile = |table_budget| {
        let options = Options {
            table_budget,
            ..Options::default()
        };
        cluster.compile(&options).unwrap()
    };
    let (whole, report) = compile(Options::DEFAULT_TABLE_BUDGET);
    assert_eq!(report.interpreted_gates, 0);
    // So much that some subjects fit, and others do not.
    let (part, report) = (1..32)
        .map(|step| compile(step * 256))
        .find(|(_, report)| (1..report.gates - 2).contains(&report.interpreted_gates))
        .expect("a budget for some");
    let (whole, part) = (whole.image(), part.image());
    assert!(part.verdict_bytes() < whole.verdict_bytes());
    assert!(whole.interpreted().is_empty());
    // The pods of one gate are told of together, the most rules first.
    let told = part.interpreted();
    assert!(
        (1..=report.interpreted_gates as usize).contains(&told.len()),
        "{told:?}"
    );
    assert!(told.is_sorted_by(|a, b| a.rules >= b.rules), "{told:?}");
    for interpreted in &told {
        assert!(
            interpreted.pods >= 1 && interpreted.policies >= 1,
            "{interpreted:?}"
        );
    }
    for source in whole.pods().flat_map(|pod| pod.addresses()) {
        for destination in whole.pods().flat_map(|pod| pod.addresses()) {
            for port in [80, 443, 8080] {
                assert_eq!(
                    part.verdict(source, destination, Protocol::TCP, port),
                    whole.verdict(source, destination, Protocol::TCP, port),
                    "{source} -> {destination} {port}"
                );
            }
        }
    }
}

/// A gate that does not fit leaves room for others.
#[test]
fn a_large_gate_leaves_room_for_small_ones() {
    let range = |first: i64, last: i64| {
        let range = PortRange::new(first, last).unwrap();
        List::from_iter([Port::Range(Protocol::TCP, range)])
    };
    let pod = |namespace: &str, number: u32| Pod {
        namespace: namespace.to_owned().into(),
        name: format!("p{number}").into(),
        labels: [Label::new("app", format!("a{number}"))]
            .into_iter()
            .collect(),
        addresses: [std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()]
            .into_iter()
            .collect(),
        ..Pod::default()
    };
    let policy = |namespace: &str, name: i64, rule: NetworkPolicyRule<'static>| NetworkPolicy {
        namespace: namespace.to_owned().into(),
        name: format!("n{name}").into(),
        ingress: [rule].into_iter().collect(),
        ..NetworkPolicy::default()
    };
    let mut cluster = Cluster::default();
    cluster.insert_pod(pod("large", 0));
    for number in 1..=1000 {
        cluster.insert_pod(pod("peers", number));
        let first = i64::from(number);
        let peer = NetworkPolicyPeer::Pods(PodSelector {
            namespaces: Selector::default(),
            pods: Selector {
                match_labels: [Label::new("app", format!("a{number}"))]
                    .into_iter()
                    .collect(),
                ..Selector::default()
            },
        });
        let rule = NetworkPolicyRule {
            peers: [peer].into_iter().collect(),
            ports: range(7 * first, 20_000 + 13 * first),
            ..NetworkPolicyRule::default()
        };
        cluster.insert_network_policy(policy("large", first, rule));
    }
    for number in 0..20 {
        let namespace = format!("small{number}");
        cluster.insert_pod(pod(&namespace, 5000 + number));
        let rule = NetworkPolicyRule {
            ports: range(80, 90),
            ..NetworkPolicyRule::default()
        };
        cluster.insert_network_policy(policy(&namespace, 0, rule));
    }
    let options = Options {
        table_budget: 64 << 10,
        ..Options::default()
    };
    let (image, report) = cluster.compile(&options).unwrap();
    let image = image.image();
    let interpreted = image.interpreted();
    assert_eq!(report.interpreted_gates, 1, "{interpreted:?}");
    assert_eq!(interpreted[0].first.to_string(), "large/p0");
    assert_eq!(
        (interpreted[0].policies, interpreted[0].rules),
        (1000, 1000)
    );
}

#[test]
fn nothing_is_allocated() {
    let cluster = samples::merged(&samples::worlds(4));
    let mut memory = vec![0; 16 << 20];
    let mut out = vec![0; 4 << 20];
    let mut allowed = 0;
    let counted = allocation_counter::measure(|| {
        let bytes = compile(&cluster, &mut memory, &mut out).unwrap();
        let image = Image::open(bytes).unwrap();
        image.verify_checksum().unwrap();
        for source in image.pods() {
            for destination in image.pods() {
                let ends = (Endpoint::Pod(source), Endpoint::Pod(destination));
                for pair in image.pairs(ends.0, ends.1) {
                    let verdict = pair.verdict(Protocol::TCP, 80);
                    let explanation = pair.explain(Protocol::TCP, 80);
                    assert_eq!(explanation.verdict(), verdict);
                    let mut counter = Counter(0);
                    core::fmt::write(&mut counter, format_args!("{explanation:#}")).unwrap();
                    assert!(counter.0 > 20);
                    allowed += usize::from(verdict.is_allowed());
                    if let Some(connection) = pair.connection(Protocol::UDP, 53) {
                        let Connection {
                            source,
                            destination,
                            protocol,
                            port,
                        } = connection;
                        let mut verdicts = [Verdict::DENY; 4];
                        image.verdicts(&[connection; 4], &mut verdicts);
                        assert_eq!(
                            verdicts,
                            [image.verdict(source, destination, protocol, port); 4]
                        );
                    }
                }
            }
        }
    });
    assert!(allowed > 0);
    assert_eq!(
        (counted.count_total, counted.bytes_total),
        (0, 0),
        "allocations over compile, verdict and explanation"
    );
}

/// Counts what is written.
struct Counter(usize);

impl core::fmt::Write for Counter {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
