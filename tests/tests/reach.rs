//! Reachability against verdicts, on random clusters: every pair of addresses that
//! the world knows, at every port at which a row begins or ends, and at those that
//! the world asks about. Rows say exactly what verdicts say, and no pair is in two.

use std::cell::Cell;
use std::net::IpAddr;

use netpolicy::manifest::Loader;
use netpolicy::model::{DomainName, IsolationScope, Options, OwnNode, Pod};
use netpolicy::reach::{Change, Difference, OnNode, Peer, PodAt, PortSet, Reachability, Row};
use netpolicy::{Cluster, Connection, Image, Protocol, canonical};
use netpolicy_tests::oracle::OracleOptions;
use netpolicy_tests::worlds::{World, world};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

const SEED: u64 = 20_261_124;

fn config(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..Config::default()
    }
}

fn options(options: OracleOptions, table_budget: usize) -> Options {
    let own_node = |allowed| {
        if allowed {
            OwnNode::Allowed
        } else {
            OwnNode::Evaluated
        }
    };
    Options {
        isolation: if options.either_direction_is_final {
            IsolationScope::EitherDirection
        } else {
            IsolationScope::PerDirection
        },
        own_node_ingress: own_node(options.own_node_ingress_always_allowed),
        own_node_egress: own_node(options.own_node_egress_always_allowed),
        ip_block_selects_pods: options.ip_block_selects_pods,
        table_budget,
    }
}

fn cluster(world: &World) -> Cluster {
    let mut loader = Loader::default();
    let text = serde_json::to_string(&world.manifests).unwrap();
    loader.read_text("world.json", &text);
    for (name, addresses) in &world.domains {
        loader.domain_name(DomainName {
            name: name.clone().into(),
            addresses: addresses.clone().into(),
        });
    }
    loader.finish().cluster
}

/// Who an address is, told by the explanation of a connection.
#[derive(Debug, Clone, PartialEq)]
enum Who {
    Pod { namespace: String, name: String },
    Node,
    External,
}

fn who(image: &Image<'_>, address: IpAddr) -> Who {
    let explanation = image.explain(&Connection {
        source: address,
        destination: address,
        protocol: Protocol::TCP,
        port: 1,
    });
    let text = explanation.to_string();
    let (_, rest) = text.split_once(' ').unwrap();
    let (source, _) = rest.split_once(" -> ").unwrap();
    if source.ends_with("(external)") {
        Who::External
    } else if source.contains("(node ") || source.ends_with("(a node)") {
        Who::Node
    } else {
        let (name, _) = source.split_once(" (").unwrap();
        let (namespace, name) = name.split_once('/').unwrap();
        Who::Pod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The addresses of a pod's own node, from the objects alone.
fn own_node(cluster: &Cluster, namespace: &str, name: &str) -> Vec<IpAddr> {
    let pod = cluster
        .pods()
        .iter()
        .find(|pod| *pod.namespace == *namespace && *pod.name == *name)
        .unwrap();
    let nodes = cluster.nodes().iter();
    let nodes = nodes.filter(|node| !pod.node_name.is_empty() && *node.name == *pod.node_name);
    pod.host_addresses
        .iter()
        .chain(nodes.flat_map(|node| node.addresses.iter()))
        .map(|address| canonical(*address))
        .collect()
}

/// Whether a pod uses the network of a node that has the address.
fn has_host_address(pod: &Pod<'_>, address: IpAddr) -> bool {
    let mut addresses = pod.addresses.iter();
    pod.host_network && !pod.phase.has_ended() && addresses.any(|of| canonical(*of) == address)
}

struct Asked<'a> {
    cluster: &'a Cluster,
    image: &'a Image<'a>,
}

impl Asked<'_> {
    /// Whether an end of a row holds an address, seen from the other end.
    fn holds(&self, peer: &Peer, address: IpAddr, other: &Who) -> bool {
        let is_own = match other {
            Who::Pod { namespace, name } => {
                own_node(self.cluster, namespace, name).contains(&address)
            }
            _ => false,
        };
        match (peer, who(self.image, address)) {
            (Peer::Workload(workload), Who::Pod { namespace, name }) => {
                let pod = self.image.pod(&namespace, &name).unwrap();
                let of_pod = match pod.workload() {
                    Some((kind, name)) => (kind.to_owned(), name.to_owned()),
                    None => ("Pod".to_owned(), name.clone()),
                };
                workload.namespace == namespace
                    && (workload.kind.clone(), workload.name.clone()) == of_pod
                    && (workload.part.is_empty()
                        || workload
                            .part
                            .iter()
                            .any(|at| at.name == name && at.address.is_none_or(|of| of == address)))
            }
            (Peer::Workload(workload), Who::Node) => {
                let is_among = |pod: &Pod<'_>| {
                    *pod.namespace == *workload.namespace
                        && *pod.name == *workload.name
                        && has_host_address(pod, address)
                };
                let is_meant = match workload.on_node {
                    Some(OnNode::Own) => is_own,
                    Some(OnNode::Other) => !is_own,
                    None => true,
                };
                let is_part = |at: &PodAt| at.address.is_none_or(|of| of == address);
                is_meant
                    && self.cluster.pods().iter().any(is_among)
                    && (workload.part.is_empty() || workload.part.iter().any(is_part))
            }
            (Peer::Nodes(nodes), Who::Node) => {
                !is_own
                    && (nodes.ranges.is_empty()
                        || nodes.ranges.iter().any(|range| range.contains(address)))
            }
            (Peer::OwnNode(nodes), Who::Node) => {
                is_own
                    && (nodes.ranges.is_empty()
                        || nodes.ranges.iter().any(|range| range.contains(address)))
            }
            (Peer::External { ranges }, Who::External) => {
                ranges.iter().any(|range| range.contains(address))
            }
            _ => false,
        }
    }

    /// How many ends an address is: one, or a node and the pods on its network.
    fn standing_for(&self, address: IpAddr) -> usize {
        if who(self.image, address) != Who::Node {
            return 1;
        }
        let pods = self.cluster.pods().iter();
        1 + pods.filter(|pod| has_host_address(pod, address)).count()
    }

    fn is_between(&self, ends: [&Peer; 2], from: IpAddr, to: IpAddr) -> bool {
        self.holds(ends[0], from, &who(self.image, to))
            && self.holds(ends[1], to, &who(self.image, from))
    }
}

/// What an end of a row is called, whichever part of it is meant.
fn end_of(peer: &Peer) -> String {
    match peer.workload() {
        Some(of) => format!("{}/{}[{}]", of.namespace, of.name, of.kind),
        None => "nodes or external".to_owned(),
    }
}

fn addresses(world: &World) -> Vec<IpAddr> {
    let probes = world.probes.iter();
    let mut addresses: Vec<IpAddr> = probes
        .flat_map(|probe| [canonical(probe.source), canonical(probe.destination)])
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Ports at which something may begin or end.
fn edges(sets: impl IntoIterator<Item = PortSet>) -> Vec<(Protocol, u16)> {
    let mut ports = vec![
        (Protocol::ICMP, 0),
        (Protocol::TCP, 1),
        (Protocol::UDP, 53),
        (Protocol::SCTP, u16::MAX),
    ];
    for set in sets {
        for range in set.ranges() {
            if let Some(protocol) = range.protocol {
                let of = |port: u16| (port != 0).then_some((protocol, port));
                ports.extend(of(range.first));
                ports.extend(of(range.first.wrapping_sub(1)));
                ports.extend(of(range.last));
                ports.extend(of(range.last.wrapping_add(1)));
            }
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Pairs of which rows speak: of one family, not one pod, a pod at one end at least.
fn pairs(image: &Image<'_>, addresses: &[IpAddr]) -> Vec<(IpAddr, IpAddr)> {
    let mut pairs = Vec::new();
    for from in addresses {
        for to in addresses {
            let (a, b) = (who(image, *from), who(image, *to));
            let has_pod = [&a, &b].iter().any(|who| matches!(who, Who::Pod { .. }));
            if has_pod && a != b && from.is_ipv4() == to.is_ipv4() {
                pairs.push((*from, *to));
            }
        }
    }
    pairs
}

#[test]
fn rows_say_what_verdicts_say() {
    let (asked, allowed, parts) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let hosted = Cell::new(0);
    let mut runner = TestRunner::new(config(150));
    runner
        .run(&world(), |world| {
            for budget in [Options::DEFAULT_TABLE_BUDGET, 0] {
                let cluster = cluster(&world);
                let (image, _) = cluster.compile(&options(world.options, budget)).unwrap();
                let image = image.image();
                let reach = Reachability::new(&image);
                let tested = Asked {
                    cluster: &cluster,
                    image: &image,
                };
                let is_part = |row: &Row<'_>| {
                    let is_part = |peer: &Peer| {
                        peer.workload().is_some_and(|workload| !workload.part.is_empty())
                    };
                    is_part(row.source()) || is_part(row.destination())
                };
                parts.set(parts.get() + reach.rows().filter(is_part).count());
                let known = addresses(&world);
                let probed = world.probes.iter();
                let probed: Vec<_> = probed
                    .filter(|probe| probe.port != 0)
                    .map(|probe| (Protocol(probe.protocol), probe.port))
                    .collect();
                for (from, to) in pairs(&image, &known) {
                    let rows: Vec<Row<'_>> = reach
                        .rows()
                        .filter(|row| {
                            tested.is_between([row.source(), row.destination()], from, to)
                        })
                        .collect();
                    // A node's address stands for the node, and for each pod that uses
                    // its network.
                    let ends = |row: &Row<'_>| [row.source(), row.destination()].map(end_of);
                    let mut named: Vec<_> = rows.iter().map(ends).collect();
                    named.sort();
                    named.dedup();
                    if rows.len() > named.len() {
                        return Err(TestCaseError::fail(format!(
                            "{from} -> {to} is in more than one row: {rows:?}"
                        )));
                    }
                    let stand = tested.standing_for(from) * tested.standing_for(to);
                    let of_pods = stand - 1;
                    hosted.set(hosted.get() + of_pods);
                    let ports = rows.first().map_or(PortSet::EMPTY, |row| row.ports().clone());
                    let is_listed = rows.is_empty() || rows.len() == stand;
                    if !is_listed || rows.iter().any(|row| *row.ports() != ports) {
                        return Err(TestCaseError::fail(format!(
                            "{from} -> {to}: {stand} rows are not alike: {rows:?}"
                        )));
                    }
                    let mut questions = edges([ports.clone()]);
                    questions.extend(&probed);
                    for (protocol, port) in questions {
                        let expected = image.verdict(from, to, protocol, port).is_allowed();
                        asked.set(asked.get() + 1);
                        allowed.set(allowed.get() + usize::from(expected));
                        if ports.contains(protocol, port) != expected {
                            return Err(TestCaseError::fail(format!(
                                "budget {budget}: {from} ({:?}) -> {to} ({:?}) {protocol} {port}: verdict {expected}, rows {rows:?}\nall: {:#?}\n{:#}",
                                who(&image, from), who(&image, to),
                                reach.rows().collect::<Vec<_>>(),
                                image.explain(&Connection {
                                    source: from,
                                    destination: to,
                                    protocol,
                                    port,
                                }),
                            )));
                        }
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    let (asked, allowed, parts) = (asked.get(), allowed.get(), parts.get());
    assert!(asked > 100_000, "{asked} questions were asked");
    assert!(
        allowed > asked / 20 && allowed < asked / 20 * 19,
        "{allowed} of {asked}"
    );
    assert!(parts > 100, "{parts} rows were about parts of workloads");
    let hosted = hosted.get();
    assert!(
        hosted > 500,
        "{hosted} ends were pods on the network of a node"
    );
}

#[test]
fn decisions_are_those_of_explanations() {
    let decided = Cell::new(0);
    let mut runner = TestRunner::new(config(40));
    runner
        .run(&world(), |world| {
            let cluster = cluster(&world);
            let (image, _) = cluster
                .compile(&options(world.options, Options::DEFAULT_TABLE_BUDGET))
                .unwrap();
            let image = image.image();
            let reach = Reachability::new(&image);
            for row in reach.rows() {
                let decisions = row.decisions(&image);
                let mut ports = PortSet::EMPTY;
                for decision in &decisions {
                    decided.set(decided.get() + 1);
                    let verdict = decision.explanation.verdict();
                    if !verdict.is_allowed() {
                        return Err(TestCaseError::fail(format!("{row}: {decision}")));
                    }
                    ports = ports.union(&decision.ports);
                }
                if ports != *row.ports() {
                    return Err(TestCaseError::fail(format!("{row}: {decisions:#?}")));
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(decided.get() > 1_000, "{} decisions", decided.get());
}

/// Differences between a world and the same with some policies left out.
#[test]
fn differences_are_those_of_verdicts() {
    let (differing, equal) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(config(100));
    runner
        .run(&world(), |world| {
            let fewer = World {
                manifests: world
                    .manifests
                    .iter()
                    .enumerate()
                    .filter(|(index, object)| {
                        let kind = object["kind"].as_str().unwrap_or("");
                        !kind.ends_with("Policy") || index % 3 != 0
                    })
                    .map(|(_, object)| object.clone())
                    .collect(),
                ..world.clone()
            };
            let (cluster_a, cluster_b) = (cluster(&world), cluster(&fewer));
            let options = options(world.options, Options::DEFAULT_TABLE_BUDGET);
            let (image_a, _) = cluster_a.compile(&options).unwrap();
            let (image_b, _) = cluster_b.compile(&options).unwrap();
            let (a, b) = (image_a.image(), image_b.image());
            if !Difference::between(&a, &a).is_empty() {
                return Err(TestCaseError::fail("an image differs from itself"));
            }
            let difference = Difference::between(&a, &b);
            for change in &difference.changes {
                check_witness(change, &a, &b)?;
            }
            let tested = Asked {
                cluster: &cluster_a,
                image: &a,
            };
            let known = addresses(&world);
            for (from, to) in pairs(&a, &known) {
                let changes: Vec<&Change> = difference
                    .changes
                    .iter()
                    .filter(|change| {
                        tested.is_between([&change.source, &change.destination], from, to)
                    })
                    .collect();
                let ends = |change: &&Change| [&change.source, &change.destination].map(end_of);
                let mut named: Vec<_> = changes.iter().map(ends).collect();
                named.sort();
                named.dedup();
                if changes.len() > named.len() {
                    return Err(TestCaseError::fail(format!("{from} -> {to}: {changes:#?}")));
                }
                let sets = changes
                    .iter()
                    .flat_map(|change| [change.added.clone(), change.removed.clone()]);
                for (protocol, port) in edges(sets) {
                    let was = a.verdict(from, to, protocol, port).is_allowed();
                    let is = b.verdict(from, to, protocol, port).is_allowed();
                    let added = changes
                        .iter()
                        .any(|change| change.added.contains(protocol, port));
                    let removed = changes
                        .iter()
                        .any(|change| change.removed.contains(protocol, port));
                    if was == is {
                        equal.set(equal.get() + 1);
                    } else {
                        differing.set(differing.get() + 1);
                    }
                    if (added, removed) != (!was && is, was && !is) {
                        return Err(TestCaseError::fail(format!(
                            "{from} -> {to} {protocol} {port}: {was} and {is}: {changes:#?}"
                        )));
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    let (differing, equal) = (differing.get(), equal.get());
    assert!(differing > 1_000 && equal > 1_000, "{differing}, {equal}");
}

/// Every change has a connection that really differs, as both sides explain.
fn check_witness(change: &Change, a: &Image<'_>, b: &Image<'_>) -> Result<(), TestCaseError> {
    let [before, after] = change.explain(a, b);
    let (Some(before), Some(after)) = (before, after) else {
        return Err(TestCaseError::fail(format!("{change}: no witness")));
    };
    let ends = [&before, &after].map(|explanation| {
        let text = explanation.to_string();
        let (_, ends) = text.split_once(' ').unwrap();
        ends.split_once(": ").unwrap().0.to_owned()
    });
    let [same, other] = &ends;
    if same != other {
        return Err(TestCaseError::fail(format!("{change}: {ends:?}")));
    }
    let verdicts = [&before, &after].map(|explanation| explanation.verdict().is_allowed());
    let expected = if change.added.is_empty() {
        [true, false]
    } else {
        [false, true]
    };
    if verdicts != expected {
        return Err(TestCaseError::fail(format!(
            "{change}: {before:#}\n{after:#}"
        )));
    }
    // What is asked of a pair is not always what is asked of its addresses.
    let (protocol, port) = change.witness_port();
    for ((image, explanation), expected) in [(a, &before), (b, &after)].into_iter().zip(expected) {
        let ends = [explanation.source(), explanation.destination()];
        let [Some(from), Some(to)] = ends.map(|end| end.address()) else {
            continue;
        };
        if image.verdict(from, to, protocol, port).is_allowed() != expected {
            return Err(TestCaseError::fail(format!("{change}: {explanation}")));
        }
    }
    Ok(())
}
