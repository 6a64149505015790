//! Flows among the pods of an image: who the ends are there, and what becomes of them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use netpolicy::explain::Explanation;
use netpolicy::{Cluster, Connection, ConnectionKind, Endpoint, Image, Pair, PodRef, Verdict};

use crate::flows::{EndId, Flow, FlowEnd, Flows};

/// The ends of some flows, as an image knows them.
pub(crate) struct Observed<'i> {
    image: &'i Image<'i>,
    /// For each end of the flows, who it is; `None` where the image has no such pod.
    ends: Vec<Option<Resolved<'i>>>,
}

/// An end in an image.
#[derive(Clone)]
pub(crate) struct Resolved<'i> {
    /// Its address, where that is known.
    pub(crate) address: Option<IpAddr>,
    /// Without an address, the pods that it may have been: the one it names, or those
    /// of its workload.
    pods: Vec<PodRef<'i>>,
    /// What it is listed as: its workload, or its address.
    pub(crate) label: String,
}

impl<'i> Resolved<'i> {
    /// The pod, or one of the workload's.
    pub(crate) fn pod(&self) -> Option<PodRef<'i>> {
        self.pods.first().copied()
    }

    fn endpoints(&self) -> Vec<Endpoint<'i>> {
        match self.address {
            Some(address) => vec![Endpoint::Address(address)],
            None => self.pods.iter().copied().map(Endpoint::Pod).collect(),
        }
    }
}

/// What becomes of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Allowed,
    Denied,
    /// Some of the pods that it may have been between may connect, and others not.
    Differs,
}

impl<'i> Observed<'i> {
    pub(crate) fn new(image: &'i Image<'i>, flows: &Flows) -> Observed<'i> {
        let names = Names::new(image);
        let ends = flows.ends.iter();
        Observed {
            image,
            ends: ends.map(|end| names.resolve(image, end)).collect(),
        }
    }

    /// Source and destination of a flow.
    pub(crate) fn ends(&self, flow: &Flow) -> Option<[&Resolved<'i>; 2]> {
        Some([self.end(flow.source)?, self.end(flow.destination)?])
    }

    /// An end; `None` where it is not there.
    pub(crate) fn end(&self, id: EndId) -> Option<&Resolved<'i>> {
        self.ends.get(id.0 as usize)?.as_ref()
    }

    /// What becomes of a flow; `None` where an end is not there.
    pub(crate) fn fate(&self, flow: &Flow) -> Option<Fate> {
        let [source, destination] = self.ends(flow)?;
        let Flow { protocol, port, .. } = *flow;
        let fate = |is_allowed| {
            if is_allowed {
                Fate::Allowed
            } else {
                Fate::Denied
            }
        };
        if let (Some(from), Some(to)) = (source.address, destination.address) {
            return Some(fate(
                self.image.verdict(from, to, protocol, port).is_allowed(),
            ));
        }
        let outcomes = self.outcomes(flow)?;
        let fates = outcomes
            .iter()
            .map(|(verdict, _)| fate(verdict.is_allowed()));
        fates.reduce(|a, b| if a == b { a } else { Fate::Differs })
    }

    fn outcomes(&self, flow: &Flow) -> Option<Vec<(Verdict, Pair<'i>)>> {
        let [source, destination] = self.ends(flow)?.map(Resolved::endpoints);
        let outcomes = self
            .image
            .outcomes(source, destination, flow.protocol, flow.port);
        Some(outcomes)
    }

    /// Whether a flow may pass between each two of the pods that it may have been
    /// between, in an order that is that of every image with the same pods.
    pub(crate) fn one_by_one(&self, flow: &Flow) -> Vec<bool> {
        let Some([sources, destinations]) = self.ends(flow) else {
            return Vec::new();
        };
        let (sources, destinations) = (sources.endpoints(), destinations.endpoints());
        let pairs = sources.iter().flat_map(|from| {
            let to = destinations.iter();
            to.flat_map(move |to| self.image.pairs(*from, *to))
        });
        pairs
            .map(|pair| pair.verdict(flow.protocol, flow.port).is_allowed())
            .collect()
    }

    /// Why a flow may pass, or may not: of the pairs of addresses that it may be about,
    /// one that is denied, if there is one.
    pub(crate) fn explain(&self, flow: &Flow) -> Option<Explanation<'i>> {
        let outcomes = self.outcomes(flow)?;
        let pair = outcomes
            .iter()
            .min_by_key(|(verdict, _)| verdict.is_allowed());
        pair.map(|(_, pair)| pair.explain(flow.protocol, flow.port))
    }

    /// Why a flow may pass, or may not, where it is known between which two ends it was.
    pub(crate) fn explain_alone(&self, flow: &Flow) -> Option<Explanation<'i>> {
        let ends = self.ends(flow)?;
        let is_one = |end: &&Resolved<'_>| end.address.is_some() || end.pods.len() == 1;
        ends.iter().all(is_one).then(|| self.explain(flow))?
    }

    /// What the explanation of a flow depends on; `None` where it is on its own.
    pub(crate) fn kind(&self, flow: &Flow) -> Option<ConnectionKind> {
        let [source, destination] = self.ends(flow)?;
        self.image.kind(&Connection {
            source: source.address?,
            destination: destination.address?,
            protocol: flow.protocol,
            port: flow.port,
        })
    }
}

/// Workloads by namespace, kind and name.
type Workloads<'i> = BTreeMap<(&'i str, &'i str, &'i str), Vec<PodRef<'i>>>;

/// Pods by address and workloads by name.
struct Names<'i> {
    by_address: HashMap<IpAddr, PodRef<'i>, ahash::RandomState>,
    workloads: Workloads<'i>,
    /// The kinds of the workloads of a name.
    kinds: HashMap<(&'i str, &'i str), Vec<&'i str>, ahash::RandomState>,
}

impl<'i> Names<'i> {
    fn new(image: &'i Image<'i>) -> Names<'i> {
        let mut by_address = HashMap::default();
        let mut workloads = Workloads::new();
        for pod in image.pods() {
            for address in pod.addresses() {
                if image.pod_at(address) == Some(pod) {
                    by_address.insert(address, pod);
                }
            }
            if let Some((kind, name)) = pod.workload() {
                let mut add = |kind, name| {
                    let pods = workloads.entry((pod.namespace(), kind, name));
                    pods.or_default().push(pod);
                };
                add(kind, name);
                // Pods without the label pod-template-hash do not tell their Deployment.
                if let ("ReplicaSet", Some(name)) = (kind, without_hash(name)) {
                    add("Deployment", name);
                }
            }
        }
        let mut kinds: HashMap<_, Vec<_>, _> = HashMap::default();
        for (namespace, kind, name) in workloads.keys() {
            kinds.entry((*namespace, *name)).or_default().push(*kind);
        }
        Names {
            by_address,
            workloads,
            kinds,
        }
    }

    fn resolve(&self, image: &'i Image<'i>, end: &FlowEnd) -> Option<Resolved<'i>> {
        let (namespace, name, address, workload) = match end {
            FlowEnd::Address(address) => return Some(self.at(*address)),
            FlowEnd::Named {
                namespace,
                name,
                address,
                workload,
            } => (namespace, name, address, workload),
        };
        if let Some(pod) = image.pod(namespace, name) {
            return Some(Resolved {
                // The pod may have been replaced by another of its name.
                address: address.filter(|of| self.by_address.get(of) == Some(&pod)),
                pods: vec![pod],
                label: label(&pod),
            });
        }
        // A pod that is no longer there was like those of its workload.
        let pods = match workload {
            Some(workload) => self.of_workload(namespace, &workload.0, &workload.1),
            None => self.of_name(namespace, name).or_else(|| {
                let mut makers = makers(name).into_iter();
                makers.find_map(|(kind, name)| self.of_workload(namespace, kind, name))
            }),
        }?;
        Some(Resolved {
            address: None,
            label: label(pods.first()?),
            pods: pods.to_vec(),
        })
    }

    fn at(&self, address: IpAddr) -> Resolved<'i> {
        let pod = self.by_address.get(&address).copied();
        Resolved {
            address: Some(address),
            pods: pod.into_iter().collect(),
            label: pod.map_or_else(|| address.to_string(), |pod| label(&pod)),
        }
    }

    fn of_workload<'n>(
        &'n self,
        namespace: &'n str,
        kind: &'n str,
        name: &'n str,
    ) -> Option<&'n [PodRef<'i>]> {
        Some(self.workloads.get(&(namespace, kind, name))?.as_slice())
    }

    /// The pods of the workload that is called so, of whatever kind it is.
    fn of_name<'n>(&'n self, namespace: &'n str, name: &'n str) -> Option<&'n [PodRef<'i>]> {
        let kind = self.kinds.get(&(namespace, name))?.first()?;
        self.of_workload(namespace, kind, name)
    }
}

/// The workloads, by kind and name, that give their pods a name like this. Only what
/// looks generated is taken for it: `cart-redis-0` is no pod of a Deployment `cart`.
fn makers(name: &str) -> Vec<(&'static str, &str)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let Some((front, suffix)) = name.rsplit_once('-') else {
        return Vec::new();
    };
    let mut makers = Vec::new();
    if is_number(suffix) {
        makers.push(("StatefulSet", front));
    }
    if suffix.len() != 5 || !is_safe(suffix) {
        return makers;
    }
    for kind in ["ReplicaSet", "ReplicationController", "DaemonSet", "Job"] {
        makers.push((kind, front));
    }
    if let Some((owner, middle)) = front.rsplit_once('-') {
        if let Some(owner) = without_hash(front) {
            makers.push(("Deployment", owner));
        }
        if is_number(middle) {
            // The minute for which a CronJob ran, or the index of a pod in its Job.
            makers.extend([("CronJob", owner), ("Job", owner)]);
        }
    }
    makers
}

/// The name of a Deployment, of that of a ReplicaSet of it.
fn without_hash(name: &str) -> Option<&str> {
    let (owner, hash) = name.rsplit_once('-')?;
    ((8..=10).contains(&hash.len()) && is_safe(hash)).then_some(owner)
}

/// Whether Kubernetes could have made a text at random: no vowels, and nothing that
/// looks like something else.
fn is_safe(text: &str) -> bool {
    text.chars()
        .all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c))
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

#[cfg(test)]
mod tests {
    use super::makers;

    #[test]
    fn names_that_workloads_give() {
        let made = |name: &'static str| {
            let makers = makers(name).into_iter();
            makers
                .map(|(kind, name)| format!("{kind} {name}"))
                .collect::<Vec<_>>()
        };
        let by_random = |front: &str| {
            ["ReplicaSet", "ReplicationController", "DaemonSet", "Job"]
                .map(|kind| format!("{kind} {front}"))
                .to_vec()
        };
        assert_eq!(made("cart-redis-0"), ["StatefulSet cart-redis"]);
        let mut expected = by_random("cart-6b9f7d8c4d");
        expected.push("Deployment cart".to_owned());
        assert_eq!(made("cart-6b9f7d8c4d-x2z4v"), expected);
        let mut expected = by_random("backup-28390230");
        expected.extend(["CronJob backup", "Job backup"].map(str::to_owned));
        assert_eq!(made("backup-28390230-qwrtz"), expected);
        assert_eq!(made("agent-x2z4v"), by_random("agent"));
        // Words have vowels, and hashes their length.
        for name in ["cart", "cart-redis", "cart-redis-cache", "cart-x2z", ""] {
            assert!(made(name).is_empty(), "{name}");
        }
        assert_eq!(made("cart-6b9f-x2z4v"), by_random("cart-6b9f"));
    }
}
