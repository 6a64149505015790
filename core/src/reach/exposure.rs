//! Pods and namespaces that do not exist yet, to see what stays open to them.
//!
//! Whoever comes matters only by the selectors it matches, and by the names it gives its
//! ports. So a pod is made up for each peer that a rule selects by labels, and each value
//! that it lists, in a namespace that matches as well, and besides one without labels: in
//! each namespace, and in one of which nothing is known. All have every port that a rule
//! calls by name ([`PotentialPorts`]). They take part in the image like any others.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::potential_ports::PotentialPorts;
use crate::Cluster;
use crate::model::{
    ClusterPolicyPeer, Direction, Label, NAMESPACE_NAME_LABEL, Namespace, NetworkPolicyPeer,
    Operator, Pod, Requirement, Selector, Workload,
};

/// The kind of workload that made-up pods belong to. Their names, and those of made-up
/// namespaces, are descriptions, which no object can have as a name.
pub const POTENTIAL: &str = "Potential";

/// What a made-up pod without labels is called. Pods that are there may be selected by
/// policies that it is not.
const ANY_POD: &str = "any other pod";

/// The cluster, with a made-up pod for everybody that policies could tell from others.
///
/// Rows of its [`Reachability`](super::Reachability) in which one end is a workload of
/// kind [`POTENTIAL`] are what stays open to whoever comes. What they say of its ports
/// [`PotentialPorts`] tells.
#[must_use]
pub fn with_potential_pods(cluster: &Cluster) -> Cluster {
    let mut made = Made {
        cluster: cluster.clone(),
        ports: PotentialPorts::new(cluster),
        names: cluster
            .namespaces()
            .iter()
            .map(|namespace| namespace.name.to_string())
            .chain(cluster.pods().iter().map(|pod| pod.namespace.to_string()))
            .chain(
                cluster
                    .network_policies()
                    .iter()
                    .map(|policy| policy.namespace.to_string()),
            )
            .collect(),
    };
    made.pod("any other namespace", ANY_POD, Vec::new());
    for namespace in made.names.clone() {
        made.pod(&namespace, ANY_POD, Vec::new());
    }
    for policy in cluster.network_policies() {
        for direction in Direction::BOTH {
            for peer in policy.rules(direction).iter().flat_map(|rule| &rule.peers) {
                match peer {
                    NetworkPolicyPeer::OwnNamespace(pods) => {
                        made.selected_in(&policy.namespace, pods);
                    }
                    NetworkPolicyPeer::Pods(selector) => {
                        made.selected(&selector.namespaces, &selector.pods);
                    }
                    NetworkPolicyPeer::IpBlock(_) => {}
                }
            }
        }
    }
    for policy in cluster.cluster_policies() {
        for direction in Direction::BOTH {
            for peer in policy.rules(direction).iter().flat_map(|rule| &rule.peers) {
                if let ClusterPolicyPeer::Pods(selector) = peer {
                    made.selected(&selector.namespaces, &selector.pods);
                }
            }
        }
    }
    made.cluster
}

/// The same, and besides a pod for whatever a policy selects, so that somebody stands
/// wherever policies meet.
pub(crate) fn with_potential_ends(cluster: &Cluster) -> Cluster {
    let cluster = with_potential_pods(cluster);
    let names = cluster.namespaces().iter();
    let names = names.map(|namespace| namespace.name.to_string());
    let pods = cluster.pods().iter();
    let mut made = Made {
        names: names
            .chain(pods.map(|pod| pod.namespace.to_string()))
            .collect(),
        ports: PotentialPorts::new(&cluster),
        cluster: cluster.clone(),
    };
    for policy in cluster.network_policies() {
        made.selected_in(&policy.namespace, &policy.pod_selector);
    }
    for policy in cluster.cluster_policies() {
        made.selected(&policy.subject.namespaces, &policy.subject.pods);
    }
    made.cluster
}

struct Made {
    cluster: Cluster,
    /// The namespaces that there are.
    names: BTreeSet<String>,
    ports: PotentialPorts,
}

impl Made {
    fn pod(&mut self, namespace: &str, name: &str, labels: Vec<Label<'static>>) {
        self.cluster.insert_pod(Pod {
            namespace: namespace.to_string().into(),
            name: name.to_string().into(),
            labels: labels.into(),
            ports: self.ports.ports().to_vec().into(),
            workload: Some(Workload {
                kind: POTENTIAL.into(),
                name: name.to_string().into(),
            }),
            ..Pod::default()
        });
    }

    /// The pods that a selector selects, in a namespace that is there.
    fn selected_in(&mut self, namespace: &str, pods: &Selector<'_>) {
        for labels in label_sets(pods) {
            self.pod(namespace, &describe("pods", &labels, ANY_POD), labels);
        }
    }

    /// The pods that a selector selects, in namespaces that another does.
    fn selected(&mut self, namespaces: &Selector<'_>, pods: &Selector<'_>) {
        let sets = label_sets(pods);
        for of_namespace in label_sets(namespaces) {
            for labels in &sets {
                self.pod_in(of_namespace.clone(), labels.clone());
            }
        }
    }

    /// A pod with some labels, in a namespace with others.
    fn pod_in(&mut self, mut of_namespace: Vec<Label<'static>>, labels: Vec<Label<'static>>) {
        let name = of_namespace
            .iter()
            .position(|label| &*label.key == NAMESPACE_NAME_LABEL)
            .map(|at| of_namespace.remove(at).value.to_string());
        let namespace = match name {
            Some(name) => {
                // Its labels are what they are, if it is there.
                if !self.names.contains(&name) && !of_namespace.is_empty() {
                    self.namespace(&name, of_namespace);
                }
                name
            }
            None if of_namespace.is_empty() => "any other namespace".to_string(),
            None => {
                let name = describe("namespaces", &of_namespace, "any other namespace");
                self.namespace(&name, of_namespace);
                name
            }
        };
        self.pod(&namespace, &describe("pods", &labels, ANY_POD), labels);
    }

    fn namespace(&mut self, name: &str, labels: Vec<Label<'static>>) {
        self.cluster.insert_namespace(Namespace {
            name: name.to_string().into(),
            labels: labels.into(),
        });
    }
}

/// `pods with app=web`.
fn describe(what: &str, labels: &[Label<'_>], without: &str) -> String {
    if labels.is_empty() {
        return without.to_string();
    }
    let labels: Vec<String> = labels
        .iter()
        .map(|label| format!("{}={}", &*label.key, &*label.value))
        .collect();
    format!("{what} with {}", labels.join(","))
}

/// The fewest labels that a selector matches: once for each value of each list that it
/// admits, and none if it can match nothing.
fn label_sets(selector: &Selector<'_>) -> Vec<Vec<Label<'static>>> {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for label in &selector.match_labels {
        first.insert(label.key.to_string(), label.value.to_string());
    }
    let expressions = &selector.match_expressions;
    let lists = |operator, key: &str, value: &str| {
        let mut of_key = expressions
            .iter()
            .filter(|requirement| requirement.operator() == operator && requirement.key() == key);
        of_key.any(|requirement| requirement.values().iter().any(|listed| **listed == *value))
    };
    let mut others: Vec<(String, String)> = Vec::new();
    for requirement in expressions {
        let key = requirement.key();
        if first.contains_key(key) {
            continue;
        }
        match requirement.operator() {
            Operator::In => {
                for value in requirement.values() {
                    if !is_admitted(selector, key, Some(value)) {
                        continue;
                    }
                    if first.contains_key(key) {
                        others.push((key.to_string(), value.to_string()));
                    } else {
                        first.insert(key.to_string(), value.to_string());
                    }
                }
            }
            // A list says which values there may be.
            Operator::Exists
                if !expressions
                    .iter()
                    .any(|other| other.operator() == Operator::In && other.key() == key) =>
            {
                let mut value = String::from("any");
                while lists(Operator::NotIn, key, &value) {
                    value.push('-');
                }
                first.insert(key.to_string(), value);
            }
            _ => {}
        }
    }
    let keys = selector.match_labels.iter().map(|label| &*label.key);
    let mut keys = keys.chain(expressions.iter().map(Requirement::key));
    if !keys.all(|key| is_admitted(selector, key, first.get(key).map(String::as_str))) {
        return Vec::new();
    }
    let other_sets = others.into_iter().map(|(key, value)| {
        let mut labels = first.clone();
        labels.insert(key, value);
        labels
    });
    let sets = core::iter::once(first.clone()).chain(other_sets);
    sets.map(|labels| {
        let labels = labels.into_iter();
        labels.map(|(key, value)| Label::new(key, value)).collect()
    })
    .collect()
}

/// Whether a selector has nothing against a label of this value, or against none.
fn is_admitted(selector: &Selector<'_>, key: &str, value: Option<&str>) -> bool {
    let mut of_labels = selector
        .match_labels
        .iter()
        .filter(|label| *label.key == *key);
    let expressions = selector.match_expressions.iter();
    let mut of_expressions = expressions.filter(|requirement| requirement.key() == key);
    of_labels.all(|label| value == Some(&*label.value))
        && of_expressions.all(|requirement| {
            let is_listed = value.is_some_and(|value| {
                let mut values = requirement.values().iter();
                values.any(|listed| **listed == *value)
            });
            match requirement.operator() {
                Operator::In => is_listed,
                Operator::NotIn => !is_listed,
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
}
