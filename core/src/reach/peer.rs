//! The ends of rows.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use hashbrown::HashMap;

use super::address_range::{AddressRange, Bits, joined};
use super::exposure::POTENTIAL;
use super::network::{Network, Relation};
use super::places::{GroupKey, Member};
use crate::image::Image;
use crate::model::NamedPort;
use crate::verdict::nodes_at;

/// An end of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "type", rename_all = "camelCase")
)]
#[non_exhaustive]
pub enum Peer {
    /// The pods of a workload, or some of them.
    Workload(WorkloadPeer),
    /// Nodes, as others than the one that the pod at the other end runs on.
    Nodes(NodePeer),
    /// The node that the pod at the other end runs on.
    OwnNode(NodePeer),
    /// Addresses in these ranges that are no pod's and no node's. Sorted, IPv4 first,
    /// and apart.
    External {
        /// The ranges.
        ranges: Vec<AddressRange>,
    },
}

/// The pods that one controller runs, or one pod that none runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
pub struct WorkloadPeer {
    /// Its namespace.
    pub namespace: String,
    /// Deployment, StatefulSet, …; `Pod` for a pod by itself.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether all its pods use the network of their nodes: no policy governs them,
    /// and to others they are nodes.
    pub host_network: bool,
    /// How many pods it has; 1 where its template stands in for them.
    pub pods: u32,
    /// The ports of its pods that some rule calls by name. None of made-up pods, of which
    /// [`PotentialPorts`](super::PotentialPorts) tells.
    #[cfg_attr(feature = "serde", serde(serialize_with = "named_ports"))]
    pub named_ports: Vec<NamedPort<'static>>,
    /// Empty for all of its pods. Otherwise policies tell its pods (or their
    /// addresses) apart, and these are meant.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub part: Vec<PodAt>,
    /// Which of its pods are meant that use the network of their nodes, seen from the
    /// pod at the other end; `None`: wherever they are.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub on_node: Option<OnNode>,
}

/// Where pods are that use the network of their nodes, seen from another pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
pub enum OnNode {
    /// On the node that the other pod runs on.
    Own,
    /// On other nodes.
    Other,
}

#[cfg(feature = "serde")]
fn named_ports<S: serde::Serializer>(
    ports: &[NamedPort<'static>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(serde::Serialize)]
    struct Named<'p> {
        name: &'p str,
        protocol: String,
        number: u16,
    }
    serializer.collect_seq(ports.iter().map(|port| Named {
        name: &port.name,
        protocol: port.protocol.to_string(),
        number: port.number,
    }))
}

/// A pod of a workload, at one of its addresses or at all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PodAt {
    /// Its name.
    pub name: String,
    /// `None`: at all of its addresses.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub address: Option<IpAddr>,
}

/// Some or all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct NodePeer {
    /// The Node objects, by name. Addresses that only pods tell of have none.
    pub names: Vec<String>,
    /// Their addresses. Empty for all of them.
    pub ranges: Vec<AddressRange>,
}

/// An end by which a unit is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) pod: Option<u32>,
    pub(super) address: Option<IpAddr>,
}

impl Peer {
    /// The peer that some members of a group are; all that matter if `is_whole`.
    pub(super) fn new(
        network: &Network<'_>,
        group: u32,
        relation: Relation,
        members: &[Member],
        is_whole: bool,
    ) -> Option<Peer> {
        let description = network.places.groups.get(group as usize)?;
        Some(match &description.key {
            GroupKey::External => Peer::External {
                ranges: joined(
                    members
                        .iter()
                        .filter_map(|member| match member {
                            Member::Range(range) => Some(*range),
                            _ => None,
                        })
                        .collect(),
                ),
            },
            GroupKey::Nodes => {
                let nodes = node_peer(network.image, members, is_whole);
                match relation {
                    Relation::Apart | Relation::Either => Peer::Nodes(nodes),
                    Relation::OwnNode => Peer::OwnNode(NodePeer {
                        names: Vec::new(),
                        ..nodes
                    }),
                }
            }
            GroupKey::Workload {
                namespace,
                kind,
                name,
            } => Peer::Workload(WorkloadPeer {
                namespace: namespace.clone(),
                kind: kind.clone(),
                name: name.clone(),
                host_network: description.host_network,
                pods: description.pods,
                named_ports: description
                    .named_ports
                    .iter()
                    .filter(|_| kind != POTENTIAL)
                    .map(|(name, protocol, number)| NamedPort {
                        name: name.clone().into(),
                        protocol: *protocol,
                        number: *number,
                    })
                    .collect(),
                part: if is_whole {
                    Vec::new()
                } else {
                    pods_at(network, group, members)
                },
                on_node: match relation {
                    _ if !network.has_nodes(group) => None,
                    Relation::Apart => Some(OnNode::Other),
                    Relation::OwnNode => Some(OnNode::Own),
                    Relation::Either => None,
                },
            }),
        })
    }

    /// The workload, if it is one.
    #[must_use]
    pub fn workload(&self) -> Option<&WorkloadPeer> {
        match self {
            Peer::Workload(workload) => Some(workload),
            Peer::Nodes(_) | Peer::OwnNode(_) | Peer::External { .. } => None,
        }
    }

    /// The external ranges; none of what is inside.
    #[must_use]
    pub fn external(&self) -> &[AddressRange] {
        match self {
            Peer::External { ranges } => ranges,
            _ => &[],
        }
    }
}

fn node_peer(image: &Image<'_>, members: &[Member], is_whole: bool) -> NodePeer {
    let mut names = Vec::new();
    let mut ranges = Vec::new();
    for address in members.iter().filter_map(Member::address) {
        names.extend(nodes_at(image, address).map(|node| image.string(node.name).to_string()));
        ranges.push(Bits::host(address));
    }
    names.sort_unstable();
    names.dedup();
    NodePeer {
        names,
        ranges: if is_whole { Vec::new() } else { joined(ranges) },
    }
}

fn pods_at(network: &Network<'_>, group: u32, members: &[Member]) -> Vec<PodAt> {
    let image = network.image;
    let mut addresses: HashMap<u32, Vec<Option<IpAddr>>, _> = HashMap::with_hasher(super::hasher());
    for member in members {
        if let Member::Pod(pod, address) = member {
            addresses.entry(*pod).or_default().push(*address);
        }
    }
    // How many places each of the pods has in all.
    let mut places: HashMap<u32, usize, _> = HashMap::with_hasher(super::hasher());
    let units = network.of_group.get(group as usize).into_iter().flatten();
    for unit in units.filter_map(|unit| network.unit(*unit)) {
        for member in &unit.members.all {
            if let Member::Pod(pod, _) = member {
                *places.entry(*pod).or_default() += 1;
            }
        }
    }
    let mut pods = Vec::new();
    for (pod, addresses) in addresses {
        let name = image.string(image.cold.pods.get(pod).name).to_string();
        if places.get(&pod) == Some(&addresses.len()) {
            pods.push(PodAt {
                name,
                address: None,
            });
        } else {
            pods.extend(addresses.into_iter().map(|address| PodAt {
                name: name.clone(),
                address,
            }));
        }
    }
    pods.sort_unstable();
    pods
}

/// `web/frontend[Deployment]`, `nodes`, `own node`, `external`, `external IPv4`,
/// `10.0.0.0/8`; what is a part is named in brackets.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Workload(workload) => workload.fmt(f),
            Peer::Nodes(nodes) => nodes.fmt_as(f, "nodes"),
            Peer::OwnNode(nodes) => nodes.fmt_as(f, "own node"),
            Peer::External { ranges } => match ranges.as_slice() {
                [AddressRange::EVERY_V4, AddressRange::EVERY_V6] => f.write_str("external"),
                [AddressRange::EVERY_V4] => f.write_str("external IPv4"),
                [AddressRange::EVERY_V6] => f.write_str("external IPv6"),
                ranges => fmt_list(f, ranges),
            },
        }
    }
}

impl NodePeer {
    fn fmt_as(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        f.write_str(what)?;
        if self.ranges.is_empty() {
            return Ok(());
        }
        f.write_str(" (")?;
        fmt_list(f, &self.ranges)?;
        f.write_str(")")
    }
}

impl fmt::Display for WorkloadPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkloadPeer {
            namespace,
            kind,
            name,
            part,
            on_node,
            ..
        } = self;
        write!(f, "{namespace}/{name}[{kind}]")?;
        if !part.is_empty() {
            f.write_str(" (")?;
            fmt_list(f, part)?;
            f.write_str(")")?;
        }
        match on_node {
            Some(OnNode::Own) => f.write_str(" on its own node"),
            Some(OnNode::Other) => f.write_str(" on other nodes"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PodAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.address {
            Some(address) => write!(f, "@{address}"),
            None => Ok(()),
        }
    }
}

fn fmt_list(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{item}")?;
    }
    Ok(())
}
