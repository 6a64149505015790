//! Flows among the pods of an image: who the ends are there, and what becomes of them.

use std::collections::HashMap;
use std::net::IpAddr;

use netpolicy::explain::Explanation;
use netpolicy::{Cluster, Endpoint, Image, PodRef, Protocol};

use crate::flows::{Flow, FlowEnd, Flows};

/// Flows of one kind are decided alike: the classes of both ends, protocol and port.
pub(crate) type FlowKind = (u32, u32, Protocol, u16);

/// The ends of some flows, as an image knows them.
pub(crate) struct Observed<'i> {
    image: &'i Image<'i>,
    /// For each end of the flows, who it is; `None` where the image has no such pod.
    ends: Vec<Option<Resolved<'i>>>,
}

/// An end in an image.
#[derive(Clone)]
pub(crate) struct Resolved<'i> {
    endpoint: Endpoint<'i>,
    pub(crate) address: Option<IpAddr>,
    /// The pod, or one of the workload's.
    pub(crate) pod: Option<PodRef<'i>>,
    /// What it is listed as: its workload, or its address.
    pub(crate) label: String,
}

impl<'i> Observed<'i> {
    pub(crate) fn new(image: &'i Image<'i>, flows: &Flows) -> Observed<'i> {
        let names = Names::new(image);
        let ends = flows.ends.all().iter();
        Observed {
            image,
            ends: ends.map(|end| names.resolve(image, end)).collect(),
        }
    }

    /// Source and destination of a flow.
    pub(crate) fn ends(&self, flow: &Flow) -> Option<[&Resolved<'i>; 2]> {
        let end = |id: crate::flows::EndId| self.ends.get(id.0 as usize)?.as_ref();
        Some([end(flow.source)?, end(flow.destination)?])
    }

    /// Whether a flow may pass; `None` where an end is not there.
    pub(crate) fn is_allowed(&self, flow: &Flow) -> Option<bool> {
        let [source, destination] = self.ends(flow)?;
        let Flow { protocol, port, .. } = *flow;
        let verdict = match (source.address, destination.address) {
            (Some(from), Some(to)) => self.image.verdict(from, to, protocol, port),
            _ => {
                self.image
                    .verdict_between(source.endpoint, destination.endpoint, protocol, port)?
            }
        };
        Some(verdict.is_allowed())
    }

    /// Why a flow may pass, or may not: of the pairs of addresses that it may be about,
    /// one that is denied, if there is one.
    pub(crate) fn explain(&self, flow: &Flow) -> Option<Explanation<'i>> {
        let [source, destination] = self.ends(flow)?;
        let pairs = self.image.pairs(source.endpoint, destination.endpoint);
        let explanations = pairs.map(|pair| pair.explain(flow.protocol, flow.port));
        explanations.min_by_key(|explanation| explanation.verdict().is_allowed())
    }

    /// What the explanation of a flow depends on; `None` where it is on its own.
    pub(crate) fn kind(&self, flow: &Flow) -> Option<FlowKind> {
        let [source, destination] = self.ends(flow)?;
        let class = |end: &Resolved<'_>| self.image.class_of(end.address?);
        let (from, to) = (class(source)?, class(destination)?);
        // Two of one place may be the same pod, which is another matter.
        (from != to).then_some((from, to, flow.protocol, flow.port))
    }
}

/// Pods by address and workloads by name.
struct Names<'i> {
    by_address: HashMap<IpAddr, PodRef<'i>, ahash::RandomState>,
    workloads: HashMap<(&'i str, &'i str), PodRef<'i>, ahash::RandomState>,
}

impl<'i> Names<'i> {
    fn new(image: &'i Image<'i>) -> Names<'i> {
        let mut by_address = HashMap::default();
        let mut workloads = HashMap::default();
        for pod in image.pods() {
            for address in pod.addresses() {
                by_address.entry(address).or_insert(pod);
            }
            if let Some((_, name)) = pod.workload() {
                workloads.entry((pod.namespace(), name)).or_insert(pod);
            }
        }
        Names {
            by_address,
            workloads,
        }
    }

    fn resolve(&self, image: &'i Image<'i>, end: &FlowEnd) -> Option<Resolved<'i>> {
        match end {
            FlowEnd::Address(address) => Some(self.at(*address)),
            FlowEnd::Named {
                namespace,
                name,
                address,
            } => {
                let Some(pod) = self.pod(image, namespace, name) else {
                    return address.map(|address| self.at(address));
                };
                let mut addresses = pod.addresses();
                // The pod that had the address may have been replaced by another.
                let address = address.filter(|of| pod.addresses().any(|own| own == *of));
                let address = address.or_else(|| addresses.next());
                Some(Resolved {
                    endpoint: address.map_or(Endpoint::Pod(pod), Endpoint::Address),
                    address,
                    pod: Some(pod),
                    label: label(&pod),
                })
            }
        }
    }

    fn at(&self, address: IpAddr) -> Resolved<'i> {
        let pod = self.by_address.get(&address).copied();
        Resolved {
            endpoint: Endpoint::Address(address),
            address: Some(address),
            pod,
            label: pod.map_or_else(|| address.to_string(), |pod| label(&pod)),
        }
    }

    /// The pod of that name; or one of the workload that is called so, or that the
    /// name of a pod begins with.
    fn pod(&self, image: &'i Image<'i>, namespace: &str, name: &str) -> Option<PodRef<'i>> {
        if let Some(pod) = image.pod(namespace, name) {
            return Some(pod);
        }
        let shorter = |name: &str| name.rsplit_once('-').map(|(front, _)| front.to_owned());
        let mut candidate = Some(name.to_owned());
        // The pod of a Deployment adds two parts to its name, others one.
        for _ in 0..3 {
            let name = candidate?;
            if let Some(pod) = self.workloads.get(&(namespace, name.as_str())) {
                return Some(*pod);
            }
            candidate = shorter(&name);
        }
        None
    }
}

fn label(pod: &PodRef<'_>) -> String {
    match pod.workload() {
        Some((kind, name)) if !kind.is_empty() && kind != "Node" => {
            format!("{}/{name}[{kind}]", pod.namespace())
        }
        _ => format!("{pod}[Pod]"),
    }
}

/// What a cluster runs, without the policies it has.
pub(crate) fn without_policies(cluster: &Cluster) -> Cluster {
    let mut bare = Cluster::default();
    for namespace in cluster.namespaces() {
        bare.insert_namespace(namespace.clone());
    }
    for node in cluster.nodes() {
        bare.insert_node(node.clone());
    }
    for pod in cluster.pods() {
        bare.insert_pod(pod.clone());
    }
    for domain in cluster.domain_names() {
        bare.insert_domain_name(domain.clone());
    }
    bare
}

/// Adds the policies of one cluster to another.
pub(crate) fn add_policies(to: &mut Cluster, from: &Cluster) -> anyhow::Result<()> {
    for policy in from.network_policies() {
        to.insert_network_policy(policy.clone());
    }
    for policy in from.cluster_policies() {
        to.insert_cluster_policy(policy.clone())?;
    }
    Ok(())
}
