//! Clusters that are made to be hard to compile.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use clap::ValueEnum;
use netpolicy::model::{
    IpBlock, Label, List, NetworkPolicy, NetworkPolicyPeer, Operator, Phase, Pod, PodSelector,
    Port, PortRange, Requirement, Selector,
};
use netpolicy::{Cidr, Cluster, Protocol};
use rand::RngExt;

use super::network_policies::{ingress, tcp};
use super::{Rng, World, label, rng};

/// What is hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Adversary {
    /// 20,000 pods with random labels, 10,000 policies with random selectors: rows that
    /// do not compress.
    RandomSelectors,
    /// 20,000 pods, 10,000 policies, each with a range of ports of its own.
    PortRanges,
    /// 100,000 pods anywhere in the address space.
    ScatteredAddresses,
    /// 10,000 blocks that overlap, each with exceptions.
    OverlappingBlocks,
    /// 10,000 pods and 10,000 policies in one namespace.
    OneNamespace,
}

impl Adversary {
    /// The cluster, `one_in` times smaller than it is meant to be.
    #[must_use]
    pub fn world(self, one_in: usize) -> World {
        let mut rng = rng(0x200 + self as u64);
        let mut cluster = Cluster::default();
        let size = |number: usize| number / one_in;
        match self {
            Adversary::RandomSelectors => {
                add_pods(&mut cluster, size(20_000), |index| {
                    random_pod(&mut rng, index)
                });
                for index in 0..size(10_000) {
                    cluster.insert_network_policy(random_policy(&mut rng, index));
                }
            }
            Adversary::PortRanges => {
                add_pods(&mut cluster, size(20_000), |index| {
                    (format!("ns-{}", index % 1000), ordinary_labels(index))
                });
                for index in 0..size(10_000) {
                    let first: i64 = rng.random_range(1..60_000);
                    let last = first + rng.random_range(1..5_000);
                    let range = PortRange::new(first, last).expect("in order");
                    let ports = vec![Port::Range(Protocol::TCP, range)];
                    let own = of_app(rng.random_range(0..50));
                    let peer = anywhere(of_app(rng.random_range(0..50)));
                    let policy = ingress(own, vec![peer], ports);
                    insert(&mut cluster, index, format!("ns-{}", index % 1000), policy);
                }
            }
            Adversary::ScatteredAddresses => {
                add_pods(&mut cluster, size(100_000), |index| {
                    (format!("ns-{}", index % 5000), ordinary_labels(index))
                });
                let scattered: Vec<Pod<'_>> = cluster
                    .pods()
                    .iter()
                    .map(|pod| Pod {
                        addresses: vec![Ipv4Addr::from(rng.random::<u32>()).into()].into(),
                        ..pod.clone()
                    })
                    .collect();
                for pod in scattered {
                    cluster.insert_pod(pod);
                }
                for index in 0..size(5_000) {
                    let peer = anywhere(of_app(rng.random_range(0..50)));
                    let policy = ingress(of_app(index % 50), vec![peer], vec![tcp(8080)]);
                    insert(&mut cluster, index, format!("ns-{index}"), policy);
                }
            }
            Adversary::OverlappingBlocks => {
                add_pods(&mut cluster, size(1_000), |index| {
                    ("one".to_owned(), ordinary_labels(index))
                });
                for index in 0..size(10_000) {
                    let peers = vec![NetworkPolicyPeer::IpBlock(block(&mut rng))];
                    let policy = ingress(of_app(index % 50), peers, vec![]);
                    insert(&mut cluster, index, "one".to_owned(), policy);
                }
            }
            Adversary::OneNamespace => {
                add_pods(&mut cluster, size(10_000), |index| {
                    ("one".to_owned(), ordinary_labels(index))
                });
                for index in 0..size(10_000) {
                    let own = if index % 10 == 0 {
                        Selector::EVERYTHING
                    } else {
                        of_app(rng.random_range(0..500))
                    };
                    let app = label("app", format!("a{}", rng.random_range(0..500)));
                    let tier = label("tier", format!("t{}", index % 7));
                    let peers = vec![NetworkPolicyPeer::OwnNamespace(Selector::labels(vec![
                        app, tier,
                    ]))];
                    let ports = vec![tcp(rng.random_range(1..u16::MAX))];
                    insert(
                        &mut cluster,
                        index,
                        "one".to_owned(),
                        ingress(own, peers, ports),
                    );
                }
            }
        }
        World {
            name: format!("adversarial/{self}"),
            nodes: Vec::new(),
            pod_nodes: Vec::new(),
            external: (0..256)
                .map(|_| Ipv4Addr::from(rng.random::<u32>()).into())
                .collect(),
            cluster,
        }
    }
}

impl fmt::Display for Adversary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("none is hidden");
        f.write_str(value.get_name())
    }
}

fn add_pods(
    cluster: &mut Cluster,
    count: usize,
    mut describe: impl FnMut(usize) -> (String, Vec<Label<'static>>),
) {
    for index in 0..count {
        let (namespace, labels) = describe(index);
        let address: IpAddr = Ipv4Addr::from((10 << 24) | (index as u32 + 1)).into();
        cluster.insert_pod(Pod {
            namespace: namespace.into(),
            name: format!("pod-{index}").into(),
            labels: labels.into(),
            addresses: vec![address].into(),
            phase: Phase::Running,
            ..Pod::default()
        });
    }
}

fn ordinary_labels(index: usize) -> Vec<Label<'static>> {
    vec![
        label("app", format!("a{}", index % 500)),
        label("tier", format!("t{}", index % 7)),
    ]
}

fn random_pod(rng: &mut Rng, index: usize) -> (String, Vec<Label<'static>>) {
    let labels = ["a", "b", "c", "d", "e"]
        .map(|key| label(key, format!("v{}", rng.random_range(0..30))))
        .into_iter()
        .filter(|_| rng.random_ratio(3, 4));
    (format!("ns-{}", index % 50), labels.collect())
}

fn random_selector(rng: &mut Rng) -> Selector<'static> {
    let mut requirement = || {
        let key = ["a", "b", "c", "d", "e"][rng.random_range(0..5)];
        let values: Vec<_> = (0..rng.random_range(1..8))
            .map(|_| format!("v{}", rng.random_range(0..30)).into())
            .collect();
        match rng.random_range(0..4) {
            0 => Requirement::new(key, Operator::In, values),
            1 => Requirement::new(key, Operator::NotIn, values),
            2 => Requirement::new(key, Operator::Exists, List::EMPTY),
            _ => Requirement::new(key, Operator::DoesNotExist, List::EMPTY),
        }
        .expect("values where they belong")
    };
    Selector {
        match_expressions: vec![requirement(), requirement()].into(),
        ..Selector::EVERYTHING
    }
}

fn random_policy(rng: &mut Rng, index: usize) -> NetworkPolicy<'static> {
    let peer = anywhere(random_selector(rng));
    let ports = vec![tcp(rng.random_range(1..u16::MAX))];
    NetworkPolicy {
        namespace: format!("ns-{}", index % 50).into(),
        name: format!("policy-{index}").into(),
        ..ingress(random_selector(rng), vec![peer], ports)
    }
}

/// A block and an exception in it.
fn block(rng: &mut Rng) -> IpBlock<'static> {
    let cidr = |address: u32, prefix| {
        Cidr::new(Ipv4Addr::from(address).into(), prefix).expect("at most 32 bits")
    };
    let prefix = rng.random_range(4..28);
    let outer: u32 = rng.random();
    let host = u32::MAX >> prefix;
    let inner = outer & !host | rng.random::<u32>() & host;
    let except = cidr(inner, rng.random_range(prefix + 1..=32));
    IpBlock::new(cidr(outer, prefix), vec![except]).expect("the exception is inside")
}

fn of_app(number: usize) -> Selector<'static> {
    Selector::labels(vec![label("app", format!("a{number}"))])
}

fn anywhere(pods: Selector<'static>) -> NetworkPolicyPeer<'static> {
    NetworkPolicyPeer::Pods(PodSelector {
        namespaces: Selector::EVERYTHING,
        pods,
    })
}

fn insert(cluster: &mut Cluster, index: usize, namespace: String, policy: NetworkPolicy<'static>) {
    cluster.insert_network_policy(NetworkPolicy {
        namespace: namespace.into(),
        name: format!("policy-{index}").into(),
        ..policy
    });
}
