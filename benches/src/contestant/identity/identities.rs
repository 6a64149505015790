//! Which addresses share an identity, and which identities a peer means.

use std::net::IpAddr;

use ahash::{AHashMap, AHashSet};
use netpolicy::model::{
    ClusterPolicyPeer, Direction, Namespace, NetworkPolicyPeer, Pod, PodSelector, Selector,
};
use netpolicy::{Cidr, Cluster};
use poptrie::Poptrie;

use super::Endpoint;
use super::policy_map::ANY_IDENTITY;
use crate::contestant::blocks;
use crate::contestant::plain::selects;

/// What all addresses of an identity have in common.
pub(super) struct Identity<'c> {
    pub(super) pod: Option<&'c Pod<'static>>,
    /// The longest block around it.
    block: Option<Cidr>,
}

/// The longest prefix around an address → the identity of what is no pod there.
#[derive(Default)]
pub(super) struct Prefixes {
    v4: Poptrie<(u32, u8), u32>,
    v6: Poptrie<(u128, u8), u32>,
}

impl Prefixes {
    /// The identity of an address that has none of its own; 0 outside of all blocks.
    #[inline]
    pub(super) fn find(&self, address: IpAddr) -> u32 {
        let found = match address {
            IpAddr::V4(v4) => self.v4.lookup(u32::from(v4)),
            IpAddr::V6(v6) => self.v6.lookup(u128::from(v6)),
        };
        found.copied().unwrap_or(0)
    }
}

/// All identities, and indexes over them.
pub(super) struct Identities<'c> {
    pub(super) all: Vec<Identity<'c>>,
    pub(super) endpoints: AHashMap<IpAddr, Endpoint>,
    pub(super) prefixes: Prefixes,
    namespaces: AHashMap<&'c str, &'c Namespace<'static>>,
    by_namespace: AHashMap<&'c str, Vec<u32>>,
    by_block: AHashMap<Cidr, Vec<u32>>,
}

impl<'c> Identities<'c> {
    pub(super) fn new(cluster: &'c Cluster) -> Identities<'c> {
        let mut identities = Identities {
            // Identity 0 is whoever is in no block.
            all: vec![Identity {
                pod: None,
                block: None,
            }],
            endpoints: AHashMap::new(),
            prefixes: Prefixes::default(),
            namespaces: cluster
                .namespaces()
                .iter()
                .map(|namespace| (&*namespace.name, namespace))
                .collect(),
            by_namespace: AHashMap::new(),
            by_block: AHashMap::new(),
        };
        identities.add_blocks(cluster);
        identities.add_nodes(cluster);
        identities.add_pods(cluster);
        identities
    }

    fn add_blocks(&mut self, cluster: &Cluster) {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for block in blocks(cluster) {
            let identity = self.all.len() as u32;
            match block.network() {
                IpAddr::V4(network) => v4.push(((u32::from(network), block.prefix()), identity)),
                IpAddr::V6(network) => v6.push(((u128::from(network), block.prefix()), identity)),
            }
            self.by_block.insert(block, vec![identity]);
            self.all.push(Identity {
                pod: None,
                block: Some(block),
            });
        }
        self.prefixes = Prefixes {
            v4: v4.into_iter().collect(),
            v6: v6.into_iter().collect(),
        };
    }

    fn add_nodes(&mut self, cluster: &Cluster) {
        for (number, node) in (1..).zip(cluster.nodes()) {
            for address in &node.addresses {
                let endpoint = Endpoint {
                    identity: self.prefixes.find(*address),
                    node: number,
                    is_node: true,
                };
                self.endpoints.insert(*address, endpoint);
            }
        }
    }

    /// Pods share an identity that agree in namespace, in the labels that selectors
    /// look at, in named ports and in the block around them.
    fn add_pods(&mut self, cluster: &'c Cluster) {
        let looked_at = keys(cluster);
        let nodes: AHashMap<&str, u32> = (1..)
            .zip(cluster.nodes())
            .map(|(number, node)| (&*node.name, number))
            .collect();
        let mut known = AHashMap::new();
        for pod in cluster.pods() {
            let labels: Vec<_> = pod
                .labels
                .iter()
                .filter(|label| looked_at.contains(&*label.key))
                .map(|label| (&*label.key, &*label.value))
                .collect();
            for address in &pod.addresses {
                let outside = self.prefixes.find(*address);
                let key = (&*pod.namespace, labels.clone(), named_ports(pod), outside);
                let identity = *known
                    .entry(key)
                    .or_insert_with(|| self.add_pod(pod, outside));
                let endpoint = Endpoint {
                    identity,
                    node: nodes.get(&*pod.node_name).copied().unwrap_or(0),
                    is_node: false,
                };
                self.endpoints.insert(*address, endpoint);
            }
        }
    }

    fn add_pod(&mut self, pod: &'c Pod<'static>, outside: u32) -> u32 {
        let identity = self.all.len() as u32;
        let block = self.all[outside as usize].block;
        self.all.push(Identity {
            pod: Some(pod),
            block,
        });
        self.by_namespace
            .entry(&pod.namespace)
            .or_default()
            .push(identity);
        if let Some(block) = block {
            self.by_block.entry(block).or_default().push(identity);
        }
        identity
    }

    /// Whether a selector means a pod.
    pub(super) fn is_selected(&self, selector: &PodSelector<'_>, pod: &Pod<'_>) -> bool {
        let namespace = self.namespaces.get(&*pod.namespace);
        let labels = namespace.map_or(&[][..], |namespace| &namespace.labels);
        selects(&selector.namespaces, labels, Some(&pod.namespace))
            && selects(&selector.pods, &pod.labels, None)
    }

    /// The identities that the peers of a NetworkPolicy's rule mean.
    pub(super) fn of_peers(&self, namespace: &str, peers: &[NetworkPolicyPeer<'_>]) -> Vec<u32> {
        let mut found = Vec::new();
        if peers.is_empty() {
            found.push(ANY_IDENTITY);
        }
        for peer in peers {
            match peer {
                NetworkPolicyPeer::OwnNamespace(selector) => {
                    self.of_namespace(namespace, selector, &mut found);
                }
                NetworkPolicyPeer::Pods(selector) => self.of_selector(selector, &mut found),
                NetworkPolicyPeer::IpBlock(block) => {
                    self.of_block(&block.cidr(), block.except(), &mut found);
                }
            }
        }
        found
    }

    /// The identities that the peers of a cluster-scoped policy's rule mean.
    pub(super) fn of_cluster_peers(&self, peers: &[ClusterPolicyPeer<'_>]) -> Vec<u32> {
        let mut found = Vec::new();
        for peer in peers {
            match peer {
                ClusterPolicyPeer::Pods(selector) => self.of_selector(selector, &mut found),
                ClusterPolicyPeer::Networks(blocks) => {
                    for block in blocks {
                        self.of_block(block, &[], &mut found);
                    }
                }
                other => unreachable!("no world has the peer {other:?}"),
            }
        }
        found
    }

    fn of_namespace(&self, namespace: &str, selector: &Selector<'_>, found: &mut Vec<u32>) {
        for identity in self.by_namespace.get(namespace).into_iter().flatten() {
            let pod = self.all[*identity as usize].pod;
            if pod.is_some_and(|pod| selects(selector, &pod.labels, None)) {
                found.push(*identity);
            }
        }
    }

    fn of_selector(&self, selector: &PodSelector<'_>, found: &mut Vec<u32>) {
        for (name, namespace) in &self.namespaces {
            if selects(&selector.namespaces, &namespace.labels, Some(name)) {
                self.of_namespace(name, &selector.pods, found);
            }
        }
    }

    fn of_block(&self, cidr: &Cidr, except: &[Cidr], found: &mut Vec<u32>) {
        for (block, identities) in &self.by_block {
            let is_in = |outer: &Cidr| block == outer || block.is_strictly_inside(outer);
            if is_in(cidr) && !except.iter().any(is_in) {
                found.extend(identities);
            }
        }
    }
}

/// The named ports of a pod.
pub(super) type NamedPorts<'c> = Vec<(&'c str, u8, u16)>;

pub(super) fn named_ports<'c>(pod: &'c Pod<'static>) -> NamedPorts<'c> {
    let ports = pod.ports.iter();
    ports
        .map(|port| (&*port.name, port.protocol.0, port.number))
        .collect()
}

/// The keys of pod labels that some selector looks at.
fn keys(cluster: &Cluster) -> AHashSet<&str> {
    let mut keys = AHashSet::new();
    let mut add = |selector| keys.extend(keys_of(selector));
    for policy in cluster.network_policies() {
        add(&policy.pod_selector);
        let rules = Direction::BOTH.map(|direction| policy.rules(direction));
        for peer in rules.into_iter().flatten().flat_map(|rule| &*rule.peers) {
            match peer {
                NetworkPolicyPeer::OwnNamespace(selector) => add(selector),
                NetworkPolicyPeer::Pods(selector) => add(&selector.pods),
                NetworkPolicyPeer::IpBlock(_) => {}
            }
        }
    }
    for policy in cluster.cluster_policies() {
        add(&policy.subject.pods);
        let rules = Direction::BOTH.map(|direction| policy.rules(direction));
        for peer in rules.into_iter().flatten().flat_map(|rule| &*rule.peers) {
            if let ClusterPolicyPeer::Pods(selector) = peer {
                add(&selector.pods);
            }
        }
    }
    keys
}

fn keys_of<'s>(selector: &'s Selector<'static>) -> impl Iterator<Item = &'s str> {
    let labels = selector.match_labels.iter().map(|label| &*label.key);
    labels.chain(
        selector
            .match_expressions
            .iter()
            .map(netpolicy::model::Requirement::key),
    )
}
