//! What an image lets through between its places.
//!
//! ```text
//! pods, nodes, ranges ─► places ─► units        who, as far as anybody can tell
//! classes ─► deciders ─► questions ─► partition     what tells them apart
//! (unit, unit) ─► egress of one ∩ ingress of the other ─► ports
//! ```
//!
//! Places that no decider tells apart and that decide alike are one *unit* of their
//! group. All work is in units: thousands of pods make a few.

use alloc::vec::Vec;
use core::net::IpAddr;

use hashbrown::HashMap;

use super::deciders::{Deciders, PeerAt};
use super::pairing::{Between, Ends, Members, choose};
use super::partition::partition;
use super::places::{Member, PlaceKey, Places};
use super::port_set::{Combine, PortSets};
use super::silence::{Passes, Silence};
use crate::image::Image;
use crate::image::tables::NONE;
use crate::model::Direction;
use crate::verdict::{Identity, Party};

/// Places of one group that answer alike, and decide alike.
pub(super) struct Unit<'i> {
    pub(super) group: u32,
    pub(super) members: Members,
    /// The first of the members.
    pub(super) party: Party<'i>,
    pub(super) key: PlaceKey,
    /// The place of the first.
    pub(super) place: u32,
    /// How it decides in each direction.
    pub(super) egress: u32,
    pub(super) ingress: u32,
}

/// How two ends stand to each other, where one is a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Relation {
    /// The node, if one is, is another than the pod's own.
    Apart,
    /// The node is the pod's own.
    OwnNode,
    /// The node may be the pod's own or another.
    Either,
}

/// The units of an image, by group.
pub(super) struct Network<'i> {
    pub(super) image: &'i Image<'i>,
    pub(super) places: Places<'i>,
    pub(super) units: Vec<Unit<'i>>,
    /// For each group, its units.
    pub(super) of_group: Vec<Vec<u32>>,
    deciders: Deciders<'i>,
    silence: Silence,
}

impl<'i> Network<'i> {
    pub(super) fn new(image: &'i Image<'i>) -> Network<'i> {
        let mut places = Places::new(image);
        let mut deciders = Deciders::new(image);
        let parties = places.parties();
        let mut standing = core::mem::take(&mut places.standing);
        let decided: Vec<[u32; 2]> = places
            .keys
            .iter()
            .zip(&parties)
            .map(|(key, party)| {
                Direction::BOTH.map(|direction| deciders.of(key.class, direction, *party))
            })
            .collect();
        let peers: Vec<PeerAt<'i>> = places
            .keys
            .iter()
            .zip(&parties)
            .map(|(key, party)| PeerAt {
                class: (key.special == NONE).then_some(key.class),
                party: *party,
            })
            .collect();
        let mut passes = Passes::new(&deciders, peers.len());
        let blocks = partition(&deciders, &peers, |question, allowed| {
            if let Some(passes) = &mut passes {
                passes.hear(question, allowed);
            }
        });

        // The class matters only through what was asked about it; but for nodes, of
        // which a pod's own is told by class.
        standing.sort_by_key(|end| (end.group, end.place, end.member));
        let mut network = Network {
            image,
            units: Vec::new(),
            of_group: Vec::new(),
            places,
            deciders,
            silence: Silence::default(),
        };
        network
            .of_group
            .resize_with(network.places.groups.len(), Vec::new);
        let mut ids = HashMap::with_hasher(super::hasher());
        for end in standing {
            let place = end.place as usize;
            let (Some(key), Some([egress, ingress]), Some(block)) = (
                network.places.keys.get(place),
                decided.get(place),
                blocks.get(place),
            ) else {
                continue;
            };
            let (key, egress, ingress) = (*key, *egress, *ingress);
            let identity = (
                end.group,
                *block,
                [egress, ingress],
                PlaceKey {
                    class: if key.is_node { key.class } else { 0 },
                    ..key
                },
            );
            let next = network.units.len() as u32;
            let unit = *ids.entry(identity).or_insert(next);
            if unit == next {
                network.units.push(Unit {
                    group: end.group,
                    members: Members::default(),
                    party: end.party,
                    key,
                    place: end.place,
                    egress,
                    ingress,
                });
                if let Some(units) = network.of_group.get_mut(end.group as usize) {
                    units.push(unit);
                }
            }
            if let Some(unit) = network.units.get_mut(unit as usize) {
                unit.members.push(end.member, key.is_node);
            }
        }
        network.silence = Silence::new(passes, &network.units, &network.of_group);
        network
    }

    /// Whether nobody of a group may open connections to anybody of another; `false` where
    /// that is not plain.
    pub(super) fn is_silent(&self, source: u32, destination: u32) -> bool {
        self.silence.is_between(source, destination)
    }

    pub(super) fn unit(&self, unit: u32) -> Option<&Unit<'i>> {
        self.units.get(unit as usize)
    }

    /// The units of a group.
    pub(super) fn units_of(&self, group: u32) -> Vec<u32> {
        let units = self.of_group.get(group as usize);
        units.cloned().unwrap_or_default()
    }

    /// Whether some unit of a group is nodes.
    pub(super) fn has_nodes(&self, group: u32) -> bool {
        let units = self.of_group.get(group as usize).into_iter().flatten();
        units.filter_map(|unit| self.unit(*unit)).any(Unit::is_node)
    }

    /// On which ports units may open connections to others; `None` where there is no
    /// pair of ends that could, so that nothing is to be said.
    pub(super) fn ports(
        &mut self,
        sets: &mut PortSets,
        source: u32,
        destination: u32,
        relation: Relation,
    ) -> Option<u32> {
        let between = self.between(source, destination)?;
        let [from, to] = choose(&[between], relation)?.first().copied()?;
        self.ports_of(sets, [source, destination], [from, to], relation)
    }

    /// All of two units.
    fn between(&self, source: u32, destination: u32) -> Option<Between<'_, 'i>> {
        let ends = |unit: u32| {
            let members = &self.unit(unit)?.members;
            Some(Ends { unit, members })
        };
        Some(Between {
            network: self,
            ends: [ends(source)?, ends(destination)?],
        })
    }

    /// On which ports two ends of two units may connect, which stand to each other as
    /// all of the units do in this relation.
    pub(super) fn ports_of(
        &mut self,
        sets: &mut PortSets,
        units: [u32; 2],
        ends: [Member; 2],
        relation: Relation,
    ) -> Option<u32> {
        let [source, destination] = units.map(|unit| self.unit(unit));
        let (source, destination) = (source?, destination?);
        let has_relations = source.is_node() != destination.is_node();
        let is_own = has_relations && relation == Relation::OwnNode;
        let [from, to] = ends;
        let (from, to) = (
            self.peer_at(source, from, is_own),
            self.peer_at(destination, to, is_own),
        );
        let (egress, ingress) = (source.egress, destination.ingress);
        // A place that the tables leave to interpretation is a pod of its own, and
        // both directions are asked of its very pair.
        if from.class.is_none() || to.class.is_none() {
            let (source, destination) = (from.party, to.party);
            let deciders = &self.deciders;
            let egress = deciders.ports_by_rules(sets, Direction::Egress, source, &to);
            let ingress = deciders.ports_by_rules(sets, Direction::Ingress, destination, &from);
            return Some(sets.combine(Combine::Intersection, egress, ingress));
        }
        let egress = self.deciders.ports(sets, egress, &to);
        if egress == PortSets::EMPTY {
            return Some(egress);
        }
        let ingress = self.deciders.ports(sets, ingress, &from);
        Some(sets.combine(Combine::Intersection, egress, ingress))
    }

    fn peer_at(&self, unit: &Unit<'i>, member: Member, is_own: bool) -> PeerAt<'i> {
        let class = unit.key.class;
        let class = if is_own && unit.is_node() {
            self.deciders.twin(class)
        } else {
            class
        };
        let is_first = unit.members.all.first() == Some(&member);
        PeerAt {
            class: (unit.key.special == NONE).then_some(class),
            party: match member {
                Member::Range(_) => unit.party,
                _ if is_first => unit.party,
                member => party(self.image, member),
            },
        }
    }
}

/// Who stands there; of a range, its first address.
pub(super) fn party<'i>(image: &'i Image<'i>, member: Member) -> Party<'i> {
    match member {
        Member::Pod(_, Some(address)) | Member::Node(address) => Party::at(image, address),
        Member::Pod(pod, None) => Party::without_address(image, pod),
        Member::Range(range) => Party::at(image, range.addresses().first),
    }
}

impl Unit<'_> {
    /// Whether nodes stand there, or pods that use the network of theirs.
    pub(super) fn is_node(&self) -> bool {
        matches!(self.party.identity, Identity::Node(_))
    }
}

impl Member {
    /// The address, of what has one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self {
            Member::Pod(_, address) => *address,
            Member::Node(address) => Some(*address),
            Member::Range(_) => None,
        }
    }
}
