//! The evaluator that one writes first: pods by address in a hash map, policies by
//! namespace, and every selector compared with the labels for each connection.

use std::net::IpAddr;

use ahash::AHashMap;
use netpolicy::model::{
    Action, ClusterPolicy, ClusterPolicyApi, ClusterPolicyPeer, ClusterPolicyRule, Direction,
    IpBlock, Label, Namespace, NetworkPolicy, NetworkPolicyPeer, Operator, Pod, PodSelector, Port,
    Selector, Tier,
};
use netpolicy::{Cluster, Connection, Protocol};

use super::Contestant;

/// Objects, with indexes.
pub struct Plain<'c> {
    pods: AHashMap<IpAddr, &'c Pod<'static>>,
    namespaces: AHashMap<&'c str, &'c Namespace<'static>>,
    /// The policies of each namespace.
    policies: AHashMap<&'c str, Vec<&'c NetworkPolicy<'static>>>,
    /// By priority.
    admin: Vec<&'c ClusterPolicy<'static>>,
    baseline: Vec<&'c ClusterPolicy<'static>>,
}

/// An end of a connection.
#[derive(Clone, Copy)]
pub(crate) struct End<'c> {
    pub(crate) address: IpAddr,
    pub(crate) pod: Option<&'c Pod<'static>>,
}

impl<'c> Plain<'c> {
    /// Builds the indexes.
    #[must_use]
    pub fn new(cluster: &'c Cluster) -> Plain<'c> {
        let mut policies: AHashMap<&str, Vec<_>> = AHashMap::new();
        for policy in cluster.network_policies() {
            policies.entry(&policy.namespace).or_default().push(policy);
        }
        let tier = |tier: Tier| {
            let mut all: Vec<_> = cluster
                .cluster_policies()
                .iter()
                .filter(|policy| policy.api.tier() == tier)
                .collect();
            all.sort_by_key(|policy| precedence(policy));
            all
        };
        Plain {
            pods: cluster
                .pods()
                .iter()
                .flat_map(|pod| pod.addresses.iter().map(move |address| (*address, pod)))
                .collect(),
            namespaces: cluster
                .namespaces()
                .iter()
                .map(|namespace| (&*namespace.name, namespace))
                .collect(),
            policies,
            admin: tier(Tier::Admin),
            baseline: tier(Tier::Baseline),
        }
    }

    fn end(&self, address: IpAddr) -> End<'c> {
        let pod = self.pods.get(&address).copied();
        End { address, pod }
    }

    fn is_allowed(
        &self,
        direction: Direction,
        subject: End<'c>,
        peer: End<'c>,
        connection: &Connection,
    ) -> bool {
        let Some(pod) = subject.pod else { return true };
        let destination = match direction {
            Direction::Egress => peer,
            Direction::Ingress => subject,
        };
        let matches_port = |port: &Port<'_>| port_matches(port, destination.pod, connection);
        let first = |policies: &[&ClusterPolicy<'_>]| {
            policies
                .iter()
                .filter(|policy| self.is_selected(&policy.subject, pod))
                .flat_map(|policy| policy.rules(direction))
                .find(|rule| self.cluster_rule_matches(rule, peer, &matches_port))
                .map(|rule| rule.action)
        };
        match first(&self.admin) {
            Some(Action::Allow) => return true,
            Some(Action::Deny) => return false,
            Some(Action::Pass) | None => {}
        }
        let mut isolated = false;
        for policy in self.policies.get(&*pod.namespace).into_iter().flatten() {
            if !policy.isolates(direction) || !selects(&policy.pod_selector, &pod.labels, None) {
                continue;
            }
            isolated = true;
            for rule in policy.rules(direction) {
                let by_port = rule.ports.is_empty() || rule.ports.iter().any(matches_port);
                let matches_peer = |wanted: &_| self.peer_matches(wanted, policy, peer);
                if by_port && (rule.peers.is_empty() || rule.peers.iter().any(matches_peer)) {
                    return true;
                }
            }
        }
        if isolated {
            // A node may always reach its own pods.
            return direction == Direction::Ingress
                && peer.pod.is_none()
                && pod.host_addresses.contains(&peer.address);
        }
        first(&self.baseline) != Some(Action::Deny)
    }

    fn is_selected(&self, selector: &PodSelector<'_>, pod: &Pod<'_>) -> bool {
        let labels = self
            .namespaces
            .get(&*pod.namespace)
            .map_or(&[][..], |namespace| &namespace.labels);
        selects(&selector.namespaces, labels, Some(&pod.namespace))
            && selects(&selector.pods, &pod.labels, None)
    }

    fn peer_matches(
        &self,
        wanted: &NetworkPolicyPeer<'_>,
        policy: &NetworkPolicy<'_>,
        peer: End<'_>,
    ) -> bool {
        match (wanted, peer.pod) {
            (NetworkPolicyPeer::IpBlock(block), _) => block_holds(block, peer.address),
            (NetworkPolicyPeer::OwnNamespace(selector), Some(pod)) => {
                *pod.namespace == *policy.namespace && selects(selector, &pod.labels, None)
            }
            (NetworkPolicyPeer::Pods(selector), Some(pod)) => self.is_selected(selector, pod),
            (_, None) => false,
        }
    }

    fn cluster_rule_matches(
        &self,
        rule: &ClusterPolicyRule<'_>,
        peer: End<'_>,
        matches_port: &impl Fn(&Port<'_>) -> bool,
    ) -> bool {
        let matches_peer = |wanted: &ClusterPolicyPeer<'_>| match wanted {
            ClusterPolicyPeer::Pods(selector) => {
                peer.pod.is_some_and(|pod| self.is_selected(selector, pod))
            }
            ClusterPolicyPeer::Networks(blocks) => {
                blocks.iter().any(|block| block.contains(peer.address))
            }
            other => unreachable!("no world has the peer {other:?}"),
        };
        (rule.ports.is_empty() || rule.ports.iter().any(matches_port))
            && rule.peers.iter().any(matches_peer)
    }
}

impl Contestant for Plain<'_> {
    fn allows(&self, connection: &Connection) -> bool {
        let source = self.end(connection.source);
        let destination = self.end(connection.destination);
        connection.source == connection.destination
            || (self.is_allowed(Direction::Egress, source, destination, connection)
                && self.is_allowed(Direction::Ingress, destination, source, connection))
    }
}

/// Lower is asked first.
pub(crate) fn precedence<'p>(
    policy: &'p ClusterPolicy<'_>,
) -> (bool, u16, ClusterPolicyApi, &'p str) {
    let is_baseline_api = policy.api == ClusterPolicyApi::BaselineAdminNetworkPolicy;
    let priority = policy.priority.get();
    (!is_baseline_api, priority, policy.api, &policy.name)
}

/// Whether a selector matches labels; `name` is a namespace's, which is a label.
pub(crate) fn selects(selector: &Selector<'_>, labels: &[Label<'_>], name: Option<&str>) -> bool {
    let value = |key: &str| -> Option<&str> {
        if let Some(name) = name
            && key == netpolicy::model::NAMESPACE_NAME_LABEL
        {
            return Some(name);
        }
        let label = labels.iter().find(|label| &*label.key == key)?;
        Some(&label.value)
    };
    selector
        .match_labels
        .iter()
        .all(|label| value(&label.key) == Some(&*label.value))
        && selector.match_expressions.iter().all(|requirement| {
            let found = value(requirement.key());
            let is_listed =
                found.is_some_and(|found| requirement.values().iter().any(|v| **v == *found));
            match requirement.operator() {
                Operator::In => is_listed,
                Operator::NotIn => !is_listed,
                Operator::Exists => found.is_some(),
                Operator::DoesNotExist => found.is_none(),
            }
        })
}

/// Whether a block holds an address.
pub(crate) fn block_holds(block: &IpBlock<'_>, address: IpAddr) -> bool {
    block.cidr().contains(address) && !block.except().iter().any(|inner| inner.contains(address))
}

fn port_matches(port: &Port<'_>, destination: Option<&Pod<'_>>, connection: &Connection) -> bool {
    let Connection {
        protocol,
        port: number,
        ..
    } = *connection;
    match port {
        Port::Every(wanted) => protocol == *wanted,
        Port::Range(wanted, range) => {
            protocol == *wanted && (range.first()..=range.last()).contains(&number)
        }
        Port::Named(wanted, name) => destination.is_some_and(|pod| {
            let fits = |wanted: Protocol| wanted == protocol;
            pod.ports.iter().any(|port| {
                *port.name == **name
                    && port.number == number
                    && fits(port.protocol)
                    && wanted.is_none_or(fits)
            })
        }),
    }
}
