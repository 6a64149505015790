//! What two images answer differently.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hashbrown::HashMap;

use super::cover::{Side, cover};
use super::joint::{JointUnit, joint_units};
use super::network::{Network, Relation, party};
use super::pairing::{Between, choose};
use super::peer::Peer;
use super::places::{GroupKey, Member};
use super::port_set::{PortSet, PortSets};
use super::rows::{Relations, listed_order, matrices, positions, relations};
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
    /// The ends of a connection that differs, as they are in each image.
    #[cfg_attr(feature = "serde", serde(skip))]
    witness: [Option<[WitnessEnd; 2]>; 2],
}

/// An end of a witness: a pod, an address, or both.
#[derive(Debug, Clone, Copy)]
struct WitnessEnd {
    pod: Option<u32>,
    is_node: bool,
    address: Option<core::net::IpAddr>,
    /// Whether it is another pod like that one, which is not given: a workload reaches
    /// itself where it reaches another of its pods.
    is_another: bool,
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
                if is_silent([&first, &second], *from, *to) {
                    continue;
                }
                let ends = Groups {
                    groups: [*from, *to],
                    units: [sources, destinations],
                };
                ends.compare([&mut first, &mut second], &mut sets, &mut changes);
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

/// Whether nothing passes between two groups in either image, which then say the same.
fn is_silent(networks: [&Network<'_>; 2], from: [Option<u32>; 2], to: [Option<u32>; 2]) -> bool {
    let mut of = networks.into_iter().zip(from).zip(to);
    of.all(|((network, from), to)| match (from, to) {
        (Some(from), Some(to)) => network.is_silent(from, to),
        _ => true,
    })
}

/// The relations in which rows are to be had of two groups in either image.
fn joint_relations(
    networks: [&Network<'_>; 2],
    from: [Option<u32>; 2],
    to: [Option<u32>; 2],
) -> Relations {
    let of = networks.into_iter().zip(from).zip(to);
    let of = of.filter_map(|((network, from), to)| Some(relations(network, from?, to?)));
    of.max().unwrap_or(Relations::None)
}

/// Two groups to compare.
struct Groups<'j> {
    /// Source and destination, in each image.
    groups: [[Option<u32>; 2]; 2],
    units: [&'j [JointUnit]; 2],
}

impl Groups<'_> {
    fn compare(
        &self,
        networks: [&mut Network<'_>; 2],
        sets: &mut PortSets,
        changes: &mut Vec<Change>,
    ) {
        let [first, second] = networks;
        let [from, to] = self.groups;
        let relations = joint_relations([first, second], from, to);
        let indices = self.units.map(|units| (0..units.len() as u32).collect());
        let matrices = matrices(relations, &indices, |from, to, relation| {
            let chosen = self.choose([first, second], from, to, relation)?;
            // What is missing in one image can reach nothing there.
            let mut ports = [PortSets::EMPTY; 2];
            let both = [&mut *first, &mut *second].into_iter().zip(chosen);
            for ((network, chosen), ports) in both.zip(&mut ports) {
                if let Some((units, ends)) = chosen {
                    *ports = network.ports_of(sets, units, ends, relation)?;
                }
            }
            let [before, after] = ports;
            Some(if before == after {
                UNCHANGED
            } else {
                (before, after)
            })
        });
        for (relation, cells) in matrices {
            self.report([first, second], sets, relation, &cells, changes);
        }
    }

    /// Ends of two joint units that are a pair, in each image that has both units.
    fn choose(
        &self,
        networks: [&Network<'_>; 2],
        from: u32,
        to: u32,
        relation: Relation,
    ) -> Option<[Option<([u32; 2], [Member; 2])>; 2]> {
        let [sources, destinations] = self.units;
        let (from, to) = (sources.get(from as usize)?, destinations.get(to as usize)?);
        let mut images = 0..;
        let sides = networks.map(|network| {
            let image = images.next()?;
            let ends = [from.ends(image)?, to.ends(image)?];
            Some(Between { network, ends })
        });
        let has_both = [sides[0].is_some(), sides[1].is_some()];
        let units = [0, 1].map(|image: usize| {
            let unit = |of: &JointUnit| of.units.get(image).copied().flatten();
            Some([unit(from)?, unit(to)?])
        });
        let sides: Vec<_> = sides.into_iter().flatten().collect();
        let mut chosen = choose(&sides, relation)?.into_iter();
        let mut images = units.into_iter().zip(has_both);
        Some([(); 2].map(|()| {
            let (units, has_both) = images.next()?;
            Some((units?, chosen.next().filter(|_| has_both)?))
        }))
    }

    fn report(
        &self,
        networks: [&Network<'_>; 2],
        sets: &PortSets,
        relation: Relation,
        cells: &[Vec<Option<(u32, u32)>>],
        changes: &mut Vec<Change>,
    ) {
        for rectangle in cover(cells) {
            if rectangle.value == UNCHANGED {
                continue;
            }
            let [from, to] = positions(&rectangle, cells);
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
                    relation,
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
                witness: self.witness(networks, witness, relation),
            });
        }
    }

    /// The peer of a side, and whether each image has it.
    fn peer(
        &self,
        networks: [&Network<'_>; 2],
        relation: Relation,
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
            let members = chosen().filter_map(|unit| unit.members.get(image));
            let members = members.flat_map(|members| members.all.iter().copied());
            // What is left over on one side is set against more than one on the other.
            let members: Vec<Member> = members.collect::<BTreeSet<_>>().into_iter().collect();
            *has = !members.is_empty();
            let (Some(network), Some(Some(group))) = (networks.get(image), groups.get(image))
            else {
                continue;
            };
            if *has && peer.is_none() {
                peer = Peer::new(network, *group, relation, &members, is_whole);
            }
        }
        Some((peer?, has))
    }

    fn witness(
        &self,
        networks: [&Network<'_>; 2],
        cell: Option<(u32, u32)>,
        relation: Relation,
    ) -> [Option<[WitnessEnd; 2]>; 2] {
        let chosen = cell.and_then(|(from, to)| {
            let chosen = self.choose(networks, from, to, relation)?;
            let [sources, destinations] = self.units;
            let units = [sources.get(from as usize)?, destinations.get(to as usize)?];
            // Of ranges, an address that both have.
            Some((chosen, units.map(|unit| unit.address)))
        });
        let Some((chosen, external)) = chosen else {
            return [None; 2];
        };
        let mut networks = networks.into_iter();
        chosen.map(|chosen| {
            let image = networks.next()?.image;
            let (_, ends) = chosen?;
            let mut external = external.into_iter();
            let [source, destination] = ends.map(|end| {
                let external = external.next().flatten();
                let party = party(image, end);
                WitnessEnd {
                    pod: party.known_pod(),
                    is_node: matches!(party.identity, Identity::Node(_)),
                    address: external.or(party.address),
                    is_another: false,
                }
            });
            let is_another = source.pod.is_some() && source.pod == destination.pod;
            Some([
                source,
                WitnessEnd {
                    is_another,
                    ..destination
                },
            ])
        })
    }
}

/// The value of cells that do not differ.
const UNCHANGED: (u32, u32) = (PortSets::EMPTY, PortSets::EMPTY);

/// The ports to show, where they are among many.
const WELL_KNOWN: [(Protocol, u16); 4] = [
    (Protocol::TCP, 443),
    (Protocol::TCP, 80),
    (Protocol::TCP, 8080),
    (Protocol::UDP, 53),
];

impl Change {
    /// A connection that differs: its protocol and destination port; one that readers
    /// know, if there is one.
    #[must_use]
    pub fn witness_port(&self) -> (Protocol, u16) {
        let differing = if self.added.is_empty() {
            &self.removed
        } else {
            &self.added
        };
        let mut well_known = WELL_KNOWN.into_iter();
        let well_known = well_known.find(|(protocol, port)| differing.contains(*protocol, *port));
        well_known.unwrap_or_else(|| {
            let key = differing.keys().first().map_or(0, |(first, _)| *first);
            PortKey(key).parts().unwrap_or((Protocol::ICMP, 0))
        })
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
            Some(pair.explain(protocol, port))
        };
        [explain(before, in_before), explain(after, in_after)]
    }
}

impl WitnessEnd {
    fn party<'i>(&self, image: &'i Image<'i>) -> Party<'i> {
        let party = match (self.address, self.pod) {
            (Some(address), _) => Party::at(image, address),
            (None, Some(pod)) => Party::without_address(image, pod),
            (None, None) if self.is_node => Party {
                identity: Identity::Node(None),
                ..Party::NOWHERE
            },
            (None, None) => Party::NOWHERE,
        };
        if self.is_another {
            party.of_another()
        } else {
            party
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
