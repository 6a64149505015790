//! What two images answer differently.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hashbrown::HashMap;

use super::cover::{Side, cover};
use super::joint::{JointUnit, joint_units};
use super::network::{Network, Relation};
use super::peer::Peer;
use super::places::{GroupKey, Member};
use super::port_set::{PortSet, PortSets};
use super::rows::{listed_order, matrix, positions, relations};
use crate::Protocol;
use crate::explain::Explanation;
use crate::image::Image;
use crate::protocol::PortKey;
use crate::verdict::{Identity, Pair, Party};

/// Every connection that one of two images lets through and the other does not.
///
/// Ends are the same if they are of the same workload (namespace, kind and name),
/// whichever pods run it: pods that both images have are compared with themselves,
/// and others with the pods of the same workload that the other image has instead.
/// Nodes are compared by address, external addresses as such. A workload that one
/// image does not have can reach nothing there.
#[derive(Debug, Clone)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
pub struct Difference {
    /// What differs; empty is a proof that no connection does.
    pub changes: Vec<Change>,
    /// The workloads that only the second image has.
    pub added_workloads: Vec<WorkloadName>,
    /// The workloads that only the first image has.
    pub removed_workloads: Vec<WorkloadName>,
}

/// A workload, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct WorkloadName {
    /// Its namespace.
    pub namespace: String,
    /// Its kind; `Pod` for a pod by itself.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Connections of some pairs of ends that pass in one image only.
#[derive(Debug, Clone)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
pub struct Change {
    /// Who opens the connections.
    pub source: Peer,
    /// Who receives them.
    pub destination: Peer,
    /// What passes in the first image.
    pub before: PortSet,
    /// What passes in the second image.
    pub after: PortSet,
    /// What passes in the second image only.
    pub added: PortSet,
    /// What passes in the first image only.
    pub removed: PortSet,
    /// Whether the source is in each of the images.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub has_source: [bool; 2],
    /// Whether the destination is in each of the images.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub has_destination: [bool; 2],
    /// An end of each side in each image, that differ.
    #[cfg_attr(feature = "serde", serde(skip))]
    witness: [Option<[WitnessEnd; 2]>; 2],
}

/// An end of a witness: a pod, an address, or both.
#[derive(Debug, Clone, Copy)]
struct WitnessEnd {
    pod: Option<u32>,
    is_node: bool,
    address: Option<core::net::IpAddr>,
}

impl Difference {
    /// Works out everything that `before` and `after` answer differently.
    #[must_use]
    pub fn between(before: &Image<'_>, after: &Image<'_>) -> Difference {
        let (mut first, mut second) = (Network::new(before), Network::new(after));
        let mut sets = PortSets::new();
        let groups = joint_groups(&first, &second);
        let joint: Vec<Vec<JointUnit>> = groups
            .iter()
            .map(|group| joint_units([&first, &second], *group))
            .collect();
        let mut changes = Vec::new();
        for (from, sources) in groups.iter().zip(&joint) {
            for (to, destinations) in groups.iter().zip(&joint) {
                for relation in joint_relations([&first, &second], *from, *to) {
                    let ends = Ends {
                        groups: [*from, *to],
                        units: [sources, destinations],
                        relation,
                    };
                    ends.compare([&mut first, &mut second], &mut sets, &mut changes);
                }
            }
        }
        let only = |side: usize| {
            let networks = [&first, &second];
            let only = groups
                .iter()
                .filter(move |group| group.get(1 - side).is_some_and(Option::is_none));
            only.filter_map(|group| {
                let network = networks.get(side)?;
                workload_name(network, (*group.get(side)?)?)
            })
            .collect()
        };
        Difference {
            changes,
            added_workloads: only(1),
            removed_workloads: only(0),
        }
    }

    /// Whether no connection differs, which is then proved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// The groups of both images, by their number in each.
fn joint_groups(first: &Network<'_>, second: &Network<'_>) -> Vec<[Option<u32>; 2]> {
    let key = |network: &Network<'_>, group: u32| {
        let group = network.places.groups.get(group as usize);
        group.map(|group| group.key.clone())
    };
    let mut groups: HashMap<GroupKey, [Option<u32>; 2], _> = HashMap::with_hasher(super::hasher());
    for (side, network) in [first, second].into_iter().enumerate() {
        for group in listed_order(network) {
            let Some(key) = key(network, group) else {
                continue;
            };
            if let Some(slot) = groups.entry(key).or_default().get_mut(side) {
                *slot = Some(group);
            }
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(a, _), (b, _)| a.listed().cmp(&b.listed()));
    groups.into_iter().map(|(_, sides)| sides).collect()
}

fn workload_name(network: &Network<'_>, group: u32) -> Option<WorkloadName> {
    match &network.places.groups.get(group as usize)?.key {
        GroupKey::Workload {
            namespace,
            kind,
            name,
        } => Some(WorkloadName {
            namespace: namespace.clone(),
            kind: kind.clone(),
            name: name.clone(),
        }),
        GroupKey::Nodes | GroupKey::External => None,
    }
}

/// The relations in which either image has rows between two groups.
fn joint_relations(
    networks: [&Network<'_>; 2],
    from: [Option<u32>; 2],
    to: [Option<u32>; 2],
) -> Vec<Relation> {
    let mut all = Vec::new();
    for ((network, from), to) in networks.into_iter().zip(from).zip(to) {
        if let (Some(from), Some(to)) = (from, to) {
            for relation in relations(network, from, to) {
                if !all.contains(&relation) {
                    all.push(relation);
                }
            }
        }
    }
    all
}

/// Two groups to compare.
struct Ends<'j> {
    /// Source and destination, in each image.
    groups: [[Option<u32>; 2]; 2],
    units: [&'j [JointUnit]; 2],
    relation: Relation,
}

impl Ends<'_> {
    fn compare(
        &self,
        networks: [&mut Network<'_>; 2],
        sets: &mut PortSets,
        changes: &mut Vec<Change>,
    ) {
        let [first, second] = networks;
        let [sources, destinations] = self.units;
        let indices = |units: &[JointUnit]| (0..units.len() as u32).collect();
        let at = |units: &[JointUnit], at: u32| {
            units.get(at as usize).map_or([None; 2], |unit| unit.units)
        };
        let cells = matrix(&[indices(sources), indices(destinations)], |from, to| {
            let ([from_a, from_b], [to_a, to_b]) = (at(sources, from), at(destinations, to));
            // What is missing in one image can reach nothing there. What both have is a
            // pair in both or in none: the units of one may be wider than the other's.
            let mut ports =
                |network: &mut Network<'_>, from: Option<u32>, to: Option<u32>| match (from, to) {
                    (Some(from), Some(to)) => network.ports(sets, from, to, self.relation),
                    _ => Some(PortSets::EMPTY),
                };
            let before = ports(first, from_a, to_a)?;
            let after = ports(second, from_b, to_b)?;
            Some(if before == after {
                UNCHANGED
            } else {
                (before, after)
            })
        });
        let networks = [&*first, &*second];
        for rectangle in cover(&cells) {
            if rectangle.value == UNCHANGED {
                continue;
            }
            let [from, to] = positions(&rectangle, &cells);
            let sides = [&rectangle.source, &rectangle.destination];
            let witness = from.iter().find_map(|from| {
                let row = cells.get(*from as usize)?;
                let is_cell = |to: &&u32| row.get(**to as usize) == Some(&Some(rectangle.value));
                Some((*from, *to.iter().find(is_cell)?))
            });
            let (before, after) = rectangle.value;
            let (before, after) = (sets.get(before).clone(), sets.get(after).clone());
            let peer = |index: usize, positions: &[u32]| {
                self.peer(
                    networks,
                    index,
                    positions,
                    sides.get(index) == Some(&&Side::Whole),
                )
            };
            let (Some((source, has_source)), Some((destination, has_destination))) =
                (peer(0, &from), peer(1, &to))
            else {
                continue;
            };
            changes.push(Change {
                source,
                destination,
                added: after.difference(&before),
                removed: before.difference(&after),
                before,
                after,
                has_source,
                has_destination,
                witness: self.witness(networks, witness),
            });
        }
    }

    /// The peer of a side, and whether each image has it.
    fn peer(
        &self,
        networks: [&Network<'_>; 2],
        side: usize,
        positions: &[u32],
        is_whole: bool,
    ) -> Option<(Peer, [bool; 2])> {
        let units = self.units.get(side)?;
        let groups = *self.groups.get(side)?;
        let chosen = || positions.iter().filter_map(|at| units.get(*at as usize));
        let mut peer = None;
        let mut has = [false; 2];
        // The second image is the one to come: it names what both have.
        for (image, has) in has.iter_mut().enumerate().rev() {
            let members: Vec<Member> = chosen()
                .filter_map(|unit| unit.members.get(image))
                .flatten()
                .copied()
                .collect();
            *has = !members.is_empty();
            let (Some(network), Some(Some(group))) = (networks.get(image), groups.get(image))
            else {
                continue;
            };
            if *has && peer.is_none() {
                peer = Peer::new(network, *group, self.relation, &members, is_whole);
            }
        }
        Some((peer?, has))
    }

    fn witness(
        &self,
        networks: [&Network<'_>; 2],
        cell: Option<(u32, u32)>,
    ) -> [Option<[WitnessEnd; 2]>; 2] {
        let mut images = 0..;
        networks.map(|network| {
            let image: usize = images.next()?;
            let (from, to) = cell?;
            let [sources, destinations] = self.units;
            let unit = |units: &[JointUnit], at: u32| {
                units.get(at as usize)?.units.get(image).copied().flatten()
            };
            let (source, destination) = (unit(sources, from)?, unit(destinations, to)?);
            let (source, destination) = network.pair(source, destination, self.relation)?;
            Some([source.party, destination.party].map(|party| WitnessEnd {
                pod: party.known_pod(),
                is_node: matches!(party.identity, Identity::Node(_)),
                address: party.address,
            }))
        })
    }
}

/// The value of cells that do not differ.
const UNCHANGED: (u32, u32) = (PortSets::EMPTY, PortSets::EMPTY);

impl Change {
    /// A connection that differs: its protocol and destination port.
    #[must_use]
    pub fn witness_port(&self) -> (Protocol, u16) {
        let differing = if self.added.is_empty() {
            &self.removed
        } else {
            &self.added
        };
        let key = differing.keys().first().map_or(0, |(first, _)| *first);
        PortKey(key).parts().unwrap_or((Protocol::ICMP, 0))
    }

    /// Why a connection that differs may or may not pass, in each of the images that
    /// were compared; `None` in an image that has not both of its ends.
    #[must_use]
    pub fn explain<'i>(
        &self,
        before: &'i Image<'i>,
        after: &'i Image<'i>,
    ) -> [Option<Explanation<'i>>; 2] {
        let [in_before, in_after] = self.witness;
        let explain = |image: &'i Image<'i>, ends: Option<[WitnessEnd; 2]>| {
            let [source, destination] = ends?.map(|end| end.party(image));
            let pair = Pair {
                image,
                source,
                destination,
            };
            let (protocol, port) = self.witness_port();
            let cases = pair.cases_of(PortKey::new(protocol, port), false);
            Some(Explanation::new(cases, protocol, port))
        };
        [explain(before, in_before), explain(after, in_after)]
    }
}

impl WitnessEnd {
    fn party<'i>(&self, image: &'i Image<'i>) -> Party<'i> {
        match (self.address, self.pod) {
            (Some(address), _) => Party::at(image, address),
            (None, Some(pod)) => Party::without_address(image, pod),
            (None, None) if self.is_node => Party {
                identity: Identity::Node(None),
                ..Party::NOWHERE
            },
            (None, None) => Party::NOWHERE,
        }
    }
}

/// `source -> destination: added …; removed …`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}:", self.source, self.destination)?;
        let mut separator = " ";
        for (what, ports) in [("added", &self.added), ("removed", &self.removed)] {
            if !ports.is_empty() {
                write!(f, "{separator}{what} {ports}")?;
                separator = "; ";
            }
        }
        Ok(())
    }
}

impl fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}[{}]", self.namespace, self.name, self.kind)
    }
}
