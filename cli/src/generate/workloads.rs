//! The workloads that policies can be about, and how policies call them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use netpolicy::model::Pod;
use netpolicy::{Cidr, Cluster, Image, Protocol};

use super::policies::Labels;
use crate::flows::{Flows, Seen};
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

/// Where DNS is asked.
pub(super) const DNS: [(Protocol, u16); 2] = [(Protocol::UDP, 53), (Protocol::TCP, 53)];

/// A workload: namespace, kind and name.
type Key = (String, String, String);

/// The number of a workload.
pub(super) type Id = usize;

/// Pods that are run as one.
pub(super) struct Workload<'a> {
    pub(super) namespace: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) pods: Vec<&'a Pod<'static>>,
    /// What all its pods have in common.
    pub(super) labels: Labels,
    /// The labels of its pods, each set once.
    variants: BTreeSet<Labels>,
    /// Where it answers questions of DNS; empty if it does not.
    pub(super) dns_ports: BTreeSet<(Protocol, u16)>,
}

impl Workload<'_> {
    /// What it is listed as.
    pub(super) fn title(&self) -> String {
        format!("{}/{}[{}]", self.namespace, self.name, self.kind)
    }

    pub(super) fn is_dns(&self) -> bool {
        !self.dns_ports.is_empty()
    }

    /// Whether the labels of another select pods of it.
    pub(super) fn is_selected_by(&self, other: &Workload<'_>) -> bool {
        let has =
            |labels: &Labels, (key, value): (&String, &String)| labels.get(key) == Some(value);
        self.namespace == other.namespace
            && self
                .variants
                .iter()
                .any(|labels| other.labels.iter().all(|label| has(labels, label)))
    }

    /// The ports at which it declares that it answers questions of DNS.
    fn declared_dns_ports(&self) -> BTreeSet<(Protocol, u16)> {
        let is_cluster_dns = self.namespace == "kube-system"
            && self
                .labels
                .get("k8s-app")
                .is_some_and(|app| app == "kube-dns");
        let ports = self.pods.iter().flat_map(|pod| {
            let named = pod.ports.iter().filter(|port| port.name.starts_with("dns"));
            let named = named.map(|port| (port.protocol, port.number));
            let declared = pod.declared_ports.iter().copied();
            named.chain(declared.filter(|port| DNS.contains(port)))
        });
        let ports: BTreeSet<_> = ports.collect();
        // What has no port for UDP is not asked, whatever its ports are called.
        let is_asked = ports.iter().any(|(protocol, _)| *protocol == Protocol::UDP);
        match (is_asked, is_cluster_dns) {
            (true, _) => both_protocols(ports),
            (false, true) => DNS.into(),
            (false, false) => BTreeSet::new(),
        }
    }
}

/// Questions that are too long for UDP are asked again by TCP.
fn both_protocols(mut ports: BTreeSet<(Protocol, u16)>) -> BTreeSet<(Protocol, u16)> {
    for protocol in [Protocol::TCP, Protocol::UDP] {
        if !ports.iter().any(|(other, _)| *other == protocol) {
            let numbers: Vec<u16> = ports.iter().map(|(_, number)| *number).collect();
            ports.extend(numbers.into_iter().map(|number| (protocol, number)));
        }
    }
    ports
}

/// All workloads of a cluster, by namespace, kind and name.
pub(super) struct Workloads<'a> {
    pub(super) all: Vec<Workload<'a>>,
    /// The workload of each pod of the image; none of what is no subject of policies.
    of_pods: Vec<Option<Id>>,
    /// The addresses of all pods, in order.
    addresses: Vec<IpAddr>,
}

impl<'a> Workloads<'a> {
    pub(super) fn new(cluster: &'a Cluster, image: &Image<'_>) -> Workloads<'a> {
        let mut pods: BTreeMap<Key, Vec<&Pod<'static>>> = BTreeMap::new();
        let mut addresses = Vec::new();
        for pod in cluster.pods() {
            addresses.extend(pod.addresses.iter().copied());
            if !pod.host_network && !pod.phase.has_ended() {
                pods.entry(key_of(pod)).or_default().push(pod);
            }
        }
        addresses.sort_unstable();
        let mut ids: HashMap<(&str, &str), Id, ahash::RandomState> = HashMap::default();
        for (id, pod) in pods
            .values()
            .zip(0..)
            .flat_map(|(pods, id)| pods.iter().map(move |pod| (id, pod)))
        {
            ids.insert((&pod.namespace, &pod.name), id);
        }
        let of_pods = image
            .pods()
            .map(|pod| ids.get(&(pod.namespace(), pod.name())).copied());
        let of_pods = of_pods.collect();
        let all = pods.into_iter().map(|((namespace, kind, name), pods)| {
            let variants: BTreeSet<Labels> = pods.iter().map(|pod| labels_of(pod)).collect();
            let mut labels = variants.first().cloned().unwrap_or_default();
            labels.retain(|key, value| {
                variants
                    .iter()
                    .all(|variant| variant.get(key) == Some(value))
            });
            let mut workload = Workload {
                namespace,
                kind,
                name,
                pods,
                labels,
                variants,
                dns_ports: BTreeSet::new(),
            };
            workload.dns_ports = workload.declared_dns_ports();
            workload
        });
        Workloads {
            all: all.collect(),
            of_pods,
            addresses,
        }
    }

    /// What was seen answering others at port 53 is DNS, whatever it declares.
    pub(super) fn find_dns(&mut self, flows: &Flows, observed: &Observed<'_>) {
        let asked = flows.all.iter().filter(|flow| flow.seen == Seen::Passed);
        for flow in asked.filter(|flow| DNS.contains(&(flow.protocol, flow.port))) {
            let Some(ends) = observed.ends(flow) else {
                continue;
            };
            let [Some(from), Some(to)] = ends.map(|end| self.of(end)) else {
                continue;
            };
            if from != to {
                self.all[to].dns_ports.extend(DNS);
            }
        }
    }

    /// The workload of an end, if policies can be about it.
    pub(super) fn of(&self, end: &Resolved<'_>) -> Option<Id> {
        self.of_pods.get(end.pod()?.index()).copied()?
    }

    /// Whether no pod has an address in a block.
    pub(super) fn is_free(&self, block: &Cidr) -> bool {
        let network = block.network();
        let next = self.addresses.partition_point(|address| *address < network);
        let address = self.addresses.get(next);
        address.is_none_or(|address| !block.contains(*address))
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
