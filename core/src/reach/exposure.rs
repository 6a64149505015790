//! Pods and namespaces that do not exist yet, to see what stays open to them.
//!
//! Whoever comes matters only by the selectors it matches, and by the names it gives its
//! ports. So a pod is made up for each peer that a rule selects by labels, and each value
//! that it lists, in a namespace that matches as well, and besides one without labels: in
//! each namespace, and in one of which nothing is known. All have every port that a rule
//! calls by name ([`PotentialPorts`]). They take part in the image like any others.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::potential_ports::PotentialPorts;
use super::selected::{
    ANY_VALUE, LabelSet, Labels, Namespaces, Selected, label_sets, labels_of, peers, subjects,
    written,
};
use crate::Cluster;
use crate::model::{Label, NAMESPACE_NAME_LABEL, Namespace, Pod, Workload};

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
    for peer in peers(cluster) {
        made.selected(peer);
    }
    made.cluster
}

/// How many pods are made up at most for what two selectors ask for together.
const MOST_MEETINGS: usize = 1000;

/// The same, and besides a pod for whatever a policy selects, one for each value that a
/// selector leaves out, and one for any two selectors together, if these are not too many:
/// so somebody stands wherever policies meet.
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
    for subject in subjects(&cluster) {
        made.selected(subject);
    }
    let mut ends: BTreeSet<Labels> = BTreeSet::new();
    for selected in subjects(&cluster).chain(peers(&cluster)) {
        ends.extend(selected.around());
    }
    let meetings = made.meetings(&ends);
    for Labels {
        of_namespace,
        of_pod,
    } in ends.into_iter().chain(meetings)
    {
        made.pod_in(labels_of(of_namespace), labels_of(of_pod));
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

    /// The pods that selectors select.
    fn selected(&mut self, selected: Selected<'_>) {
        let of_pods = || label_sets(selected.pods).into_iter().map(labels_of);
        match selected.namespaces {
            Namespaces::Named(namespace) => {
                for labels in of_pods() {
                    self.pod(namespace, &describe("pods", &labels, ANY_POD), labels);
                }
            }
            Namespaces::Selected(namespaces) => {
                for of_namespace in label_sets(namespaces) {
                    for labels in of_pods() {
                        self.pod_in(labels_of(of_namespace.clone()), labels);
                    }
                }
            }
        }
    }

    /// What any two of these together come to; nothing if that is too much.
    fn meetings(&self, ends: &BTreeSet<Labels>) -> BTreeSet<Labels> {
        let mut meetings = BTreeSet::new();
        if ends.len() > MOST_MEETINGS {
            return meetings;
        }
        for (index, one) in ends.iter().enumerate() {
            let others = ends.iter().skip(index + 1);
            let both = others.filter_map(|other| one.and(other));
            meetings.extend(both.filter(|both| self.can_be_in(&both.of_namespace)));
            if meetings.len() > MOST_MEETINGS {
                return BTreeSet::new();
            }
        }
        meetings
    }

    /// Whether a namespace may have these labels: of one that is named and was not given
    /// it is not known which others it has.
    fn can_be_in(&self, of_namespace: &LabelSet) -> bool {
        of_namespace.len() < 2
            || of_namespace
                .get(NAMESPACE_NAME_LABEL)
                .is_none_or(|name| name == ANY_VALUE || self.names.contains(name))
    }

    /// A pod with some labels, in a namespace with others.
    fn pod_in(&mut self, mut of_namespace: Vec<Label<'static>>, labels: Vec<Label<'static>>) {
        let name = of_namespace
            .iter()
            .position(|label| &*label.key == NAMESPACE_NAME_LABEL)
            .map(|at| of_namespace.remove(at).value.to_string())
            // Every namespace has a name, one that is made up another than those listed.
            .filter(|name| name != ANY_VALUE);
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

/// `pods with app=web,tier`.
fn describe(what: &str, labels: &[Label<'_>], without: &str) -> String {
    if labels.is_empty() {
        return without.to_string();
    }
    format!("{what} with {}", written(labels))
}
