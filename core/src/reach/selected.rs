//! What labels selectors ask for, and which pods and namespaces they are about.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::Cluster;
use crate::model::{
    ClusterPolicyPeer, Direction, Label, NAMESPACE_NAME_LABEL, NetworkPolicyPeer, Operator,
    Requirement, Selector, Text,
};

/// Selectors of pods, and of the namespaces they are in.
#[derive(Clone, Copy)]
pub(super) struct Selected<'c> {
    pub(super) namespaces: Namespaces<'c>,
    pub(super) pods: &'c Selector<'c>,
}

/// In which namespaces pods are selected.
#[derive(Clone, Copy)]
pub(super) enum Namespaces<'c> {
    Named(&'c str),
    Selected(&'c Selector<'c>),
}

/// Whatever rules select by labels.
pub(super) fn peers(cluster: &Cluster) -> impl Iterator<Item = Selected<'_>> {
    let of_policies = cluster.network_policies().iter().flat_map(|policy| {
        let rules = Direction::BOTH
            .into_iter()
            .flat_map(|direction| policy.rules(direction));
        let peers = rules.flat_map(|rule| &rule.peers);
        peers.filter_map(|peer| match peer {
            NetworkPolicyPeer::OwnNamespace(pods) => Some(Selected {
                namespaces: Namespaces::Named(&policy.namespace),
                pods,
            }),
            NetworkPolicyPeer::Pods(selector) => Some(Selected {
                namespaces: Namespaces::Selected(&selector.namespaces),
                pods: &selector.pods,
            }),
            NetworkPolicyPeer::IpBlock(_) => None,
        })
    });
    let of_cluster_policies = cluster.cluster_policies().iter().flat_map(|policy| {
        let rules = Direction::BOTH
            .into_iter()
            .flat_map(|direction| policy.rules(direction));
        let peers = rules.flat_map(|rule| &rule.peers);
        peers.filter_map(|peer| match peer {
            ClusterPolicyPeer::Pods(selector) => Some(Selected {
                namespaces: Namespaces::Selected(&selector.namespaces),
                pods: &selector.pods,
            }),
            _ => None,
        })
    });
    of_policies.chain(of_cluster_policies)
}

/// Whatever policies select as their subjects.
pub(super) fn subjects(cluster: &Cluster) -> impl Iterator<Item = Selected<'_>> {
    let of_policies = cluster.network_policies().iter().map(|policy| Selected {
        namespaces: Namespaces::Named(&policy.namespace),
        pods: &policy.pod_selector,
    });
    let of_cluster_policies = cluster.cluster_policies().iter().map(|policy| Selected {
        namespaces: Namespaces::Selected(&policy.subject.namespaces),
        pods: &policy.subject.pods,
    });
    of_policies.chain(of_cluster_policies)
}

/// The labels of a pod and of its namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels {
    pub(super) of_namespace: LabelSet,
    pub(super) of_pod: LabelSet,
}

/// A made-up value where a selector asks for any: no label has it, so none that a
/// selector lists is meant.
pub(crate) const ANY_VALUE: &str = "\0";

/// `app=web`; `app` if it has a value that is made up.
pub(crate) fn written(labels: &[Label<'_>]) -> String {
    let mut text = String::new();
    for label in labels {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&label.key);
        if *label.value != *ANY_VALUE {
            text.push('=');
            text.push_str(&label.value);
        }
    }
    text
}

pub(super) type LabelSet = BTreeMap<String, String>;

impl Labels {
    /// The labels of both, if they do not contradict.
    pub(super) fn and(&self, other: &Labels) -> Option<Labels> {
        Some(Labels {
            of_namespace: united(&self.of_namespace, &other.of_namespace)?,
            of_pod: united(&self.of_pod, &other.of_pod)?,
        })
    }
}

fn united(one: &LabelSet, other: &LabelSet) -> Option<LabelSet> {
    let has_another = |(key, value): (&String, &String)| one.get(key).is_some_and(|of| of != value);
    if other.iter().any(has_another) {
        return None;
    }
    let other = other
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()));
    Some(one.clone().into_iter().chain(other).collect())
}

pub(super) fn labels_of(set: LabelSet) -> Vec<Label<'static>> {
    let set = set.into_iter();
    set.map(|(key, value)| Label::new(key, value)).collect()
}

impl Selected<'_> {
    /// The fewest labels that are selected, and those that are not by one value.
    pub(super) fn around(&self) -> Vec<Labels> {
        let of_namespaces = match self.namespaces {
            Namespaces::Named(name) => {
                let name = (NAMESPACE_NAME_LABEL.to_string(), name.to_string());
                Vec::from([LabelSet::from([name])])
            }
            Namespaces::Selected(selector) => label_sets_around(selector),
        };
        let of_pods = label_sets_around(self.pods);
        let of_namespaces = of_namespaces.into_iter();
        of_namespaces
            .flat_map(|of_namespace| {
                of_pods.iter().map(move |of_pod| Labels {
                    of_namespace: of_namespace.clone(),
                    of_pod: of_pod.clone(),
                })
            })
            .collect()
    }
}

/// The fewest labels that a selector matches: once for each value of each list that it
/// admits, and none if it can match nothing.
pub(super) fn label_sets(selector: &Selector<'_>) -> Vec<LabelSet> {
    let mut first = LabelSet::new();
    for label in &selector.match_labels {
        first.insert(label.key.to_string(), label.value.to_string());
    }
    let expressions = &selector.match_expressions;
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
                first.insert(key.to_string(), ANY_VALUE.to_string());
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
    core::iter::once(first.clone()).chain(other_sets).collect()
}

/// The same, and the first of them with each label that the selector refuses.
fn label_sets_around(selector: &Selector<'_>) -> Vec<LabelSet> {
    let mut sets = label_sets(selector);
    let Some(first) = sets.first().cloned() else {
        return sets;
    };
    for requirement in &selector.match_expressions {
        let any = Text::from(ANY_VALUE);
        let refused = match requirement.operator() {
            Operator::NotIn => requirement.values(),
            Operator::DoesNotExist => core::slice::from_ref(&any),
            Operator::In | Operator::Exists => &[],
        };
        for value in refused {
            let mut labels = first.clone();
            labels.insert(requirement.key().to_string(), value.to_string());
            sets.push(labels);
        }
    }
    sets
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
