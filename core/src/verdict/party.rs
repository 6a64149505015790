//! Who stands at an end of a connection. SEMANTICS, "Who an address is".

use core::net::IpAddr;

use super::labels::Labels;
use crate::address::{canonical, from_bits, to_bits, unmapped};
use crate::image::Image;
use crate::image::tables::*;
use crate::model::{NamedPort, Pod};
use crate::protocol::PortKey;

/// An end of a connection: one address, or none.
#[derive(Clone, Copy)]
pub(crate) struct Party<'i> {
    pub(crate) address: Option<IpAddr>,
    pub(crate) identity: Identity<'i>,
    /// The pod that was asked about by name or description; another one may hold
    /// its address.
    pub(crate) asked: Option<PodParty<'i>>,
    /// The number of a pod that the image does not know, and for which one of the
    /// image stands in that no policy can tell from it; else 0. [`Party::of_another`]
    /// is of no number in particular.
    pub(crate) stands_in_for: u64,
}

/// What an address is.
#[derive(Clone, Copy)]
pub(crate) enum Identity<'i> {
    /// A pod.
    Pod(PodParty<'i>),
    /// A node, with its index if a Node object states the address.
    Node(Option<u32>),
    /// Anything else.
    External,
}

/// A pod, of the image or of the question.
#[derive(Clone, Copy)]
pub(crate) enum PodParty<'i> {
    /// An index in `Pods`.
    Known(u32),
    /// A pod that may not exist.
    Described(&'i Pod<'i>),
}

impl<'i> Party<'i> {
    /// Who is outside, and has no address.
    #[cfg(feature = "alloc")]
    pub(crate) const NOWHERE: Party<'static> = Party {
        stands_in_for: 0,
        address: None,
        identity: Identity::External,
        asked: None,
    };

    /// Who an address is.
    pub(crate) fn at(image: &Image<'i>, address: IpAddr) -> Party<'i> {
        let address = canonical(address);
        let identity = match holder(image, address) {
            Some(pod) => Identity::Pod(PodParty::Known(pod)),
            None => node_at(image, address),
        };
        Party {
            address: Some(address),
            identity,
            asked: None,
            stands_in_for: 0,
        }
    }

    /// A pod of the image at one of the addresses that it states.
    pub(crate) fn of_pod(image: &Image<'i>, pod: u32, address: IpAddr) -> Party<'i> {
        Party {
            asked: Some(PodParty::Known(pod)),
            ..Party::at(image, address)
        }
    }

    /// A pod of the image, as an endpoint without an address.
    pub(crate) fn without_address(image: &Image<'i>, pod: u32) -> Party<'i> {
        let flags = image.cold.pods.get(pod).flags;
        let identity = if flags & pod_flags::HOST_NETWORK != 0 {
            Identity::Node(None)
        } else if flags & pod_flags::ENDED != 0 {
            Identity::External
        } else {
            Identity::Pod(PodParty::Known(pod))
        };
        Party {
            address: None,
            identity,
            asked: Some(PodParty::Known(pod)),
            stands_in_for: 0,
        }
    }

    /// Another pod of the same workload, which decides and is decided of like this one.
    #[cfg(feature = "alloc")]
    pub(crate) fn of_another(self) -> Party<'i> {
        Party {
            stands_in_for: u64::MAX,
            ..self
        }
    }

    /// A pod of a question.
    pub(crate) fn described(pod: &'i Pod<'i>, address: Option<IpAddr>) -> Party<'i> {
        let identity = if pod.host_network {
            Identity::Node(None)
        } else if pod.phase.has_ended() {
            Identity::External
        } else {
            Identity::Pod(PodParty::Described(pod))
        };
        Party {
            address: address.map(canonical),
            identity,
            asked: Some(PodParty::Described(pod)),
            stands_in_for: 0,
        }
    }

    /// The pod that stands here.
    pub(crate) fn pod(&self) -> Option<PodParty<'i>> {
        match self.identity {
            Identity::Pod(pod) => Some(pod),
            Identity::Node(_) | Identity::External => None,
        }
    }

    /// The index of the pod that stands here, if it is one of the image's.
    #[cfg(feature = "alloc")]
    pub(crate) fn known_pod(&self) -> Option<u32> {
        match self.identity {
            Identity::Pod(PodParty::Known(pod)) => Some(pod),
            _ => None,
        }
    }

    /// Whether both are one and the same pod. What stands in for the pods of a
    /// workload is another one at each end.
    pub(crate) fn is_same_pod(&self, image: &Image<'i>, other: &Party<'i>) -> bool {
        match (self.pod(), other.pod()) {
            (Some(PodParty::Known(a)), Some(PodParty::Known(b))) => {
                let is_stand_in = self.address.is_none() && stands_in(image, a);
                a == b && !is_stand_in && self.stands_in_for == other.stands_in_for
            }
            (Some(PodParty::Described(a)), Some(PodParty::Described(b))) => core::ptr::eq(a, b),
            _ => false,
        }
    }
}

/// The pod that holds an address.
pub(crate) fn holder(image: &Image<'_>, address: IpAddr) -> Option<u32> {
    let bits = to_bits(address);
    let pod = match unmapped(bits) {
        Some(v4) => {
            let claims = image.cold.claims_v4;
            let at = claims.partition_point(|claim| claim.address < v4);
            claims.checked(at).filter(|claim| claim.address == v4)?.pod
        }
        None => {
            let claims = image.cold.claims_v6;
            let at = claims.partition_point(|claim| claim.address < bits);
            claims
                .checked(at)
                .filter(|claim| claim.address == bits)?
                .pod
        }
    };
    (pod & VOID_CLAIM == 0).then_some(pod)
}

/// Whether a pod stands in for the pods of its workload: it has the workload's
/// name, which no pod has that a workload starts, or that and the kind, where others
/// have the name.
pub(crate) fn stands_in(image: &Image<'_>, pod: u32) -> bool {
    let record = image.cold.pods.get(pod);
    let Some(workload) = image.cold.workloads.checked(record.workload) else {
        return false;
    };
    let (kind, name) = (image.string(workload.kind), image.string(workload.name));
    let behind = image.string(record.name).strip_prefix(name);
    record.claims_len == 0
        && behind.is_some_and(|behind| {
            let is_kind = |text: &str| text.eq_ignore_ascii_case(kind);
            behind.is_empty() || behind.strip_prefix('-').is_some_and(is_kind)
        })
}

/// Whether an address is a node's, whoever holds it.
pub(crate) fn is_node_address(image: &Image<'_>, address: IpAddr) -> bool {
    node_records(image, canonical(address)).next().is_some()
}

/// The addresses that a pod of the image states, whoever holds them.
pub(crate) fn stated_addresses<'i>(
    image: &Image<'i>,
    pod: u32,
) -> impl Iterator<Item = IpAddr> + Clone + use<'i> {
    let PodRecord {
        claims, claims_len, ..
    } = image.cold.pods.get(pod);
    let (v4, v6) = (image.cold.claims_v4, image.cold.claims_v6);
    image
        .cold
        .pod_claims
        .range(claims, claims_len)
        .map(move |claim| {
            if claim & CLAIM_V6 == 0 {
                IpAddr::V4(v4.get(claim).address.into())
            } else {
                from_bits(v6.get(claim & !CLAIM_V6).address)
            }
        })
}

/// What an address that no pod holds is.
pub(crate) fn node_at<'i>(image: &Image<'i>, address: IpAddr) -> Identity<'i> {
    match node_records(image, address).next() {
        Some(NodeAddressRecord { node: NONE, .. }) => Identity::Node(None),
        Some(NodeAddressRecord { node, .. }) => Identity::Node(Some(node)),
        None => Identity::External,
    }
}

/// The records of a node address.
fn node_records<'i>(
    image: &Image<'i>,
    address: IpAddr,
) -> impl Iterator<Item = NodeAddressRecord> + use<'i> {
    let bits = to_bits(address);
    let records = image.cold.node_addresses;
    let at = records.partition_point(|record| record.address < bits);
    records
        .range(at, u32::MAX)
        .take_while(move |record| record.address == bits)
}

/// The nodes whose objects state an address.
pub(crate) fn nodes_at<'i>(
    image: &Image<'i>,
    address: IpAddr,
) -> impl Iterator<Item = NodeRecord> + use<'i> {
    let nodes = image.cold.nodes;
    node_records(image, address)
        .filter(|record| record.node != NONE)
        .map(move |record| nodes.get(record.node))
}

impl<'i> PodParty<'i> {
    /// The namespace, if the image knows it.
    pub(crate) fn namespace(self, image: &Image<'i>) -> Option<u32> {
        match self {
            PodParty::Known(pod) => Some(image.cold.pods.get(pod).namespace),
            PodParty::Described(pod) => find_namespace(image, &pod.namespace),
        }
    }

    /// Whether the image leaves the pod to other nodes. Of a described pod it has
    /// not all policies, unless it judges everybody.
    pub(crate) fn is_out_of_scope(self, image: &Image<'i>) -> bool {
        match self {
            PodParty::Known(pod) => image.cold.pods.get(pod).flags & pod_flags::OUT_OF_SCOPE != 0,
            PodParty::Described(_) => image.is_scoped(),
        }
    }

    pub(crate) fn namespace_name(self, image: &Image<'i>) -> &'i str {
        match self {
            PodParty::Known(pod) => {
                let namespace = image.cold.pods.get(pod).namespace;
                image.string(image.cold.namespaces.get(namespace).name)
            }
            PodParty::Described(pod) => &pod.namespace,
        }
    }

    pub(crate) fn name(self, image: &Image<'i>) -> &'i str {
        match self {
            PodParty::Known(pod) => image.string(image.cold.pods.get(pod).name),
            PodParty::Described(pod) => &pod.name,
        }
    }

    /// The name of its workload; its own, if it is by itself.
    pub(crate) fn workload_name(self, image: &Image<'i>) -> &'i str {
        let PodParty::Known(pod) = self else {
            return self.name(image);
        };
        let workload = image.cold.pods.get(pod).workload;
        let workload = image.cold.workloads.checked(workload);
        workload.map_or_else(|| self.name(image), |workload| image.string(workload.name))
    }

    pub(crate) fn namespace_labels(self, image: &Image<'i>) -> Labels<'i> {
        match self.namespace(image) {
            Some(namespace) => {
                let record = image.cold.namespaces.get(namespace);
                Labels::Stored {
                    first: record.labels,
                    len: record.labels_len,
                }
            }
            None => Labels::NameOnly(self.namespace_name(image)),
        }
    }

    /// Whether no Namespace object told the labels of the namespace.
    pub(crate) fn namespace_is_only_named(self, image: &Image<'i>) -> bool {
        self.namespace(image)
            .is_none_or(|namespace| image.cold.namespaces.get(namespace).given == 0)
    }

    pub(crate) fn labels(self, image: &Image<'i>) -> Labels<'i> {
        match self {
            PodParty::Known(pod) => {
                let facts = image.cold.facts.get(image.cold.pods.get(pod).facts);
                Labels::Stored {
                    first: facts.labels,
                    len: facts.labels_len,
                }
            }
            PodParty::Described(pod) => Labels::Given(&pod.labels),
        }
    }

    /// Whether the pod calls a port by a name (a string of the image).
    pub(crate) fn names_port(self, image: &Image<'i>, name: u32, key: PortKey) -> bool {
        let Some((protocol, number)) = key.parts() else {
            return false;
        };
        match self {
            PodParty::Known(pod) => {
                let facts = image.cold.facts.get(image.cold.pods.get(pod).facts);
                let protocol_port = u32::from(protocol.0) << 16 | u32::from(number);
                image
                    .cold
                    .named_ports
                    .range(facts.ports, facts.ports_len)
                    .any(|port| {
                        port == NamedPortRecord {
                            name,
                            protocol_port,
                        }
                    })
            }
            PodParty::Described(pod) => {
                let name = image.string(name);
                pod.ports.iter().any(|port: &NamedPort<'_>| {
                    *port.name == *name && port.protocol == protocol && port.number == number
                })
            }
        }
    }

    /// Whether an address belongs to the pod's own node, also if a pod holds it.
    ///
    /// SEMANTICS: a pod's own node is its `hostIP`/`hostIPs` and the addresses of
    /// the Node that its `spec.nodeName` names.
    pub(crate) fn own_node_has(self, image: &Image<'i>, address: IpAddr) -> bool {
        let bits = to_bits(address);
        match self {
            PodParty::Known(pod) => {
                let own = image.cold.own_nodes.get(image.cold.pods.get(pod).own_node);
                image
                    .cold
                    .addresses
                    .range(own.addresses, own.addresses_len)
                    .any(|record| record.address == bits)
            }
            PodParty::Described(pod) => {
                let of_node = || {
                    nodes_at(image, address).any(|node| *image.string(node.name) == *pod.node_name)
                };
                pod.host_addresses
                    .iter()
                    .any(|host| canonical(*host) == address)
                    || (!pod.node_name.is_empty() && of_node())
            }
        }
    }

    /// Whether nothing is known of the pod's own node.
    pub(crate) fn own_node_is_unknown(self, image: &Image<'i>) -> bool {
        match self {
            PodParty::Known(pod) => image.cold.pods.get(pod).own_node == 0,
            PodParty::Described(pod) => {
                let knows_node = || {
                    let mut nodes = image.cold.nodes.iter();
                    nodes.any(|node| *image.string(node.name) == *pod.node_name)
                };
                pod.host_addresses.is_empty() && !knows_node()
            }
        }
    }
}

/// The index of a namespace.
pub(crate) fn find_namespace(image: &Image<'_>, name: &str) -> Option<u32> {
    let namespaces = image.cold.namespaces;
    let at = namespaces.partition_point(|namespace| image.string(namespace.name) < name);
    namespaces
        .checked(at)
        .filter(|namespace| image.string(namespace.name) == name)
        .map(|_| at)
}

/// The index of a pod.
pub(crate) fn find_pod(image: &Image<'_>, namespace: &str, name: &str) -> Option<u32> {
    let namespace = find_namespace(image, namespace)?;
    let pods = image.cold.pods;
    let key = |pod: &PodRecord| (pod.namespace, image.string(pod.name));
    let at = pods.partition_point(|pod| key(&pod) < (namespace, name));
    pods.checked(at)
        .filter(|pod| key(pod) == (namespace, name))
        .map(|_| at)
}
