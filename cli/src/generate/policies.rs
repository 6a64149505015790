//! From flows to policies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netpolicy::model::{NAMESPACE_NAME_LABEL, Pod};
use netpolicy::{Cluster, Image, Protocol};

use super::cidrs::Bound;
use crate::flows::Flows;
use crate::observed::{Observed, Resolved};

/// Labels that tell the pods of one workload apart, or one release from the next.
const PASSING: [&str; 6] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
];
/// More of the same, by what they begin with: a Job's pods have its name and uid.
const PASSING_PREFIXES: [&str; 3] = ["controller-uid", "job-name", "batch.kubernetes.io/"];

/// A workload: namespace, kind and name.
type Key = (String, String, String);
pub(super) type Labels = BTreeMap<String, String>;

/// A NetworkPolicy to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) selector: Labels,
    pub(super) ingress: Vec<Rule>,
    pub(super) egress: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    pub(super) peers: Vec<Peer>,
    /// Empty: all.
    pub(super) ports: Vec<Port>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    Pods {
        /// `None`: the policy's own.
        namespace: Option<String>,
        labels: Labels,
    },
    Block(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Port {
    Number(&'static str, u16),
    Named(&'static str, String),
}

pub(super) struct Generator<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) image: &'a Image<'a>,
    pub(super) bound: Bound,
    pub(super) keeps_present: bool,
}

/// What a workload was seen to do, in one direction: with whom, on which ports; `None`
/// for protocols that have none.
#[derive(Default)]
struct Seen {
    workloads: BTreeMap<Key, BTreeSet<Option<(Protocol, u16)>>>,
    addresses: BTreeMap<IpAddr, BTreeSet<Option<(Protocol, u16)>>>,
}

/// The workloads of a cluster.
struct Workload<'a> {
    pods: Vec<&'a Pod<'static>>,
    labels: Labels,
}

impl Generator<'_> {
    /// The policies, and what is worth knowing about them.
    pub(super) fn generate(&self, flows: &Flows) -> (Vec<Policy>, Vec<String>) {
        let workloads = self.workloads();
        let mut notes = Vec::new();
        let mut seen: BTreeMap<Key, [Seen; 2]> = BTreeMap::new();
        let observed = Observed::new(self.image, flows);
        let mut unknown = 0;
        for flow in &flows.all {
            let Some([source, destination]) = observed.ends(flow) else {
                unknown += flow.count;
                continue;
            };
            let port = flow
                .protocol
                .has_ports()
                .then_some((flow.protocol, flow.port));
            let ends = [source, destination].map(|end| self.workload_of(end));
            for (side, (own, other)) in [(&ends[0], destination), (&ends[1], source)]
                .into_iter()
                .enumerate()
            {
                let Some(own) = own else { continue };
                let seen = &mut seen.entry(own.clone()).or_default()[side];
                match (self.workload_of(other), other.address) {
                    (Some(key), _) => {
                        seen.workloads.entry(key).or_default().insert(port);
                    }
                    (None, Some(address)) => {
                        seen.addresses.entry(address).or_default().insert(port);
                    }
                    (None, None) => {}
                }
            }
        }
        if unknown != 0 {
            notes.push(format!(
                "{unknown} flows of pods that are not known were left out"
            ));
        }
        let mut policies = Vec::new();
        for (key, [egress, ingress]) in &seen {
            let Some(workload) = workloads.get(key) else {
                continue;
            };
            let (namespace, kind, name) = key;
            if workload.labels.is_empty() {
                notes.push(format!(
                    "{namespace}/{name}[{kind}] has no label of its own, so no policy can select \
                     it: it stays as open as it is"
                ));
                continue;
            }
            notes.extend(self.shared_labels(key, workload, &workloads));
            policies.push(Policy {
                namespace: namespace.clone(),
                name: self.policy_name(namespace, kind, name),
                selector: workload.labels.clone(),
                ingress: self.rules(key, ingress, false, &workloads),
                egress: self.rules(key, egress, true, &workloads),
            });
        }
        (policies, notes)
    }

    fn workloads(&self) -> BTreeMap<Key, Workload<'_>> {
        let mut workloads: BTreeMap<Key, Workload<'_>> = BTreeMap::new();
        for pod in self.cluster.pods() {
            if pod.host_network || pod.phase.has_ended() {
                continue;
            }
            let workload = workloads.entry(key_of(pod)).or_insert_with(|| Workload {
                pods: Vec::new(),
                labels: labels_of(pod),
            });
            // What all its pods have in common.
            let labels = labels_of(pod);
            workload
                .labels
                .retain(|key, value| labels.get(key) == Some(value));
            workload.pods.push(pod);
        }
        workloads
    }

    /// The workload of an end, if policies can be about it.
    fn workload_of(&self, end: &Resolved<'_>) -> Option<Key> {
        let pod = end.pod()?;
        let pod = self
            .cluster
            .pods()
            .iter()
            .find(|other| *other.namespace == *pod.namespace() && *other.name == *pod.name())?;
        (!pod.host_network && !pod.phase.has_ended()).then(|| key_of(pod))
    }

    /// A name that no present policy has, unless it is to be replaced.
    fn policy_name(&self, namespace: &str, kind: &str, name: &str) -> String {
        let is_taken = |name: &str| {
            self.keeps_present
                && self
                    .cluster
                    .network_policies()
                    .iter()
                    .any(|policy| *policy.namespace == *namespace && *policy.name == *name)
        };
        let mut chosen = format!("{name}-{}", kind.to_ascii_lowercase());
        while is_taken(&chosen) {
            chosen.push_str("-flows");
        }
        chosen
    }

    /// Others that the labels of a workload select as well.
    fn shared_labels(
        &self,
        key: &Key,
        workload: &Workload<'_>,
        workloads: &BTreeMap<Key, Workload<'_>>,
    ) -> Option<String> {
        let others: Vec<String> = workloads
            .iter()
            .filter(|(other, _)| *other != key && other.0 == key.0)
            .filter(|(_, other)| {
                let mut pods = other.pods.iter();
                pods.any(|pod| {
                    let labels = labels_of(pod);
                    let mut demanded = workload.labels.iter();
                    demanded.all(|(key, value)| labels.get(key) == Some(value))
                })
            })
            .map(|((namespace, kind, name), _)| format!("{namespace}/{name}[{kind}]"))
            .collect();
        let (namespace, kind, name) = key;
        (!others.is_empty()).then(|| {
            format!(
                "the labels of {namespace}/{name}[{kind}] select {} as well, which its policy \
                 opens and isolates with it",
                others.join(", ")
            )
        })
    }

    fn rules(
        &self,
        own: &Key,
        seen: &Seen,
        is_egress: bool,
        workloads: &BTreeMap<Key, Workload<'_>>,
    ) -> Vec<Rule> {
        let mut by_ports: BTreeMap<Vec<Port>, Vec<Peer>> = BTreeMap::new();
        let mut by_numbers: BTreeMap<BTreeSet<Option<(Protocol, u16)>>, BTreeSet<IpAddr>> =
            BTreeMap::new();
        for (key, ports) in &seen.workloads {
            let Some(peer) = workloads.get(key) else {
                continue;
            };
            let destination = if is_egress { peer } else { &workloads[own] };
            let namespace = (key.0 != own.0).then(|| key.0.clone());
            let ports = named(ports, destination);
            by_ports.entry(ports).or_default().push(Peer::Pods {
                namespace,
                labels: peer.labels.clone(),
            });
        }
        for (address, ports) in &seen.addresses {
            by_numbers
                .entry(ports.clone())
                .or_default()
                .insert(*address);
        }
        for (ports, addresses) in by_numbers {
            let is_free = |block: &netpolicy::Cidr| {
                let mut pods = self.cluster.pods().iter();
                !pods.any(|pod| pod.addresses.iter().any(|address| block.contains(*address)))
            };
            let blocks = self.bound.blocks(addresses, is_free);
            // Names are no help towards an address; a pod's own may have one.
            let ports = if is_egress {
                numbered(&ports)
            } else {
                named(&ports, &workloads[own])
            };
            let peers = blocks.iter().map(|block| Peer::Block(block.to_string()));
            by_ports.entry(ports).or_default().extend(peers);
        }
        let mut rules: Vec<Rule> = by_ports
            .into_iter()
            .map(|(ports, peers)| Rule { peers, ports })
            .collect();
        if is_egress && !rules.is_empty() {
            rules.extend(self.dns_rule(&rules, workloads));
        }
        rules
    }

    /// Leave to ask the cluster's DNS, for whoever sends anything, unless it was seen.
    fn dns_rule(&self, rules: &[Rule], workloads: &BTreeMap<Key, Workload<'_>>) -> Option<Rule> {
        let dns = workloads.iter().find(|((namespace, ..), workload)| {
            let app = workload.labels.get("k8s-app");
            namespace == "kube-system" && app.is_some_and(|app| app == "kube-dns")
        });
        let peer = Peer::Pods {
            namespace: Some("kube-system".to_owned()),
            labels: dns.map_or_else(
                || Labels::from([("k8s-app".to_owned(), "kube-dns".to_owned())]),
                |(_, workload)| workload.labels.clone(),
            ),
        };
        let is_seen = rules.iter().any(|rule| {
            let is_dns = |port: &Port| match port {
                Port::Number("UDP", 53) => true,
                Port::Named("UDP", name) => name.starts_with("dns"),
                _ => false,
            };
            rule.ports.iter().any(is_dns)
        });
        (!is_seen).then(|| Rule {
            peers: vec![peer],
            ports: vec![Port::Number("UDP", 53), Port::Number("TCP", 53)],
        })
    }
}

fn key_of(pod: &Pod<'_>) -> Key {
    let namespace = pod.namespace.to_string();
    match &pod.workload {
        Some(workload) if !workload.kind.is_empty() && &*workload.kind != "Node" => (
            namespace,
            workload.kind.to_string(),
            workload.name.to_string(),
        ),
        _ => (namespace, "Pod".to_owned(), pod.name.to_string()),
    }
}

fn labels_of(pod: &Pod<'_>) -> Labels {
    let lasting = pod.labels.iter().filter(|label| {
        !PASSING.contains(&&*label.key)
            && !PASSING_PREFIXES
                .iter()
                .any(|prefix| label.key.starts_with(prefix))
    });
    lasting
        .map(|label| (label.key.to_string(), label.value.to_string()))
        .collect()
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::UDP => "UDP",
        Protocol::SCTP => "SCTP",
        _ => "TCP",
    }
}

/// Ports by the name that all pods of the destination give them, or by number. A
/// protocol without ports needs a rule without ports.
fn named(ports: &BTreeSet<Option<(Protocol, u16)>>, destination: &Workload<'_>) -> Vec<Port> {
    if ports.contains(&None) {
        return Vec::new();
    }
    let ports = ports.iter().flatten().map(|(protocol, number)| {
        let name_in = |pod: &Pod<'static>| {
            let mut ports = pod.ports.iter();
            let port = ports.find(|port| (port.protocol, port.number) == (*protocol, *number))?;
            // A name that stands for another port of the pod would open that as well.
            let of_name = pod
                .ports
                .iter()
                .filter(|other| *other.name == *port.name && other.protocol == *protocol);
            (of_name.count() == 1).then(|| port.name.to_string())
        };
        let mut names = destination.pods.iter().map(|pod| name_in(pod));
        let first = names.next().flatten();
        match first.filter(|first| names.all(|name| name.as_ref() == Some(first))) {
            Some(name) => Port::Named(protocol_name(*protocol), name),
            None => Port::Number(protocol_name(*protocol), *number),
        }
    });
    let mut ports: Vec<_> = ports.collect();
    ports.sort();
    ports.dedup();
    ports
}

fn numbered(ports: &BTreeSet<Option<(Protocol, u16)>>) -> Vec<Port> {
    if ports.contains(&None) {
        return Vec::new();
    }
    let ports = ports.iter().flatten();
    ports
        .map(|(protocol, number)| Port::Number(protocol_name(*protocol), *number))
        .collect()
}

/// The label by which other namespaces are chosen.
pub(super) const NAMESPACE_LABEL: &str = NAMESPACE_NAME_LABEL;
