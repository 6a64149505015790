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
use super::partition::partition;
use super::places::{GroupKey, Member, PlaceKey, Places, own_addresses};
use super::port_set::{Combine, PortSets};
use crate::image::Image;
use crate::image::tables::NONE;
use crate::model::Direction;
use crate::verdict::{Identity, Party, PodParty};

/// Places of one group that answer alike, and decide alike.
pub(super) struct Unit<'i> {
    pub(super) group: u32,
    pub(super) members: Vec<Member>,
    /// One of the members.
    pub(super) party: Party<'i>,
    key: PlaceKey,
    egress: u32,
    ingress: u32,
}

/// How two ends stand to each other, where one is a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Relation {
    /// The node, if one is, is another than the pod's own.
    Apart,
    /// The node is the pod's own.
    OwnNode,
}

/// The units of an image, by group.
pub(super) struct Network<'i> {
    pub(super) image: &'i Image<'i>,
    pub(super) places: Places<'i>,
    pub(super) units: Vec<Unit<'i>>,
    /// For each group, its units.
    pub(super) of_group: Vec<Vec<u32>>,
    deciders: Deciders<'i>,
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
        let blocks = partition(&deciders, &peers);

        // The class matters only through what was asked about it; but for nodes, of
        // which a pod's own is told by class.
        standing.sort_by_key(|end| (end.group, end.place, end.member));
        let mut network = Network {
            image,
            units: Vec::new(),
            of_group: Vec::new(),
            places,
            deciders,
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
                    members: Vec::new(),
                    party: end.party,
                    key,
                    egress,
                    ingress,
                });
                if let Some(units) = network.of_group.get_mut(end.group as usize) {
                    units.push(unit);
                }
            }
            if let Some(unit) = network.units.get_mut(unit as usize) {
                unit.members.push(end.member);
            }
        }
        network
    }

    pub(super) fn unit(&self, unit: u32) -> Option<&Unit<'i>> {
        self.units.get(unit as usize)
    }

    /// The units of a group.
    pub(super) fn units_of(&self, group: u32) -> Vec<u32> {
        let units = self.of_group.get(group as usize);
        units.cloned().unwrap_or_default()
    }

    /// On which ports a unit may open connections to another; `None` where there is
    /// no pair of ends that could, so that nothing is to be said.
    pub(super) fn ports(
        &mut self,
        sets: &mut PortSets,
        source: u32,
        destination: u32,
        relation: Relation,
    ) -> Option<u32> {
        let (from, to) = self.pair(source, destination, relation)?;
        let (source, destination) = (self.unit(source)?, self.unit(destination)?);
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

    /// Two ends that stand for all of a pair of units.
    pub(super) fn pair(
        &self,
        source: u32,
        destination: u32,
        relation: Relation,
    ) -> Option<(PeerAt<'i>, PeerAt<'i>)> {
        let (from, to) = (self.unit(source)?, self.unit(destination)?);
        if let (Some(a), Some(b)) = (from.key.family, to.key.family)
            && a != b
        {
            return None;
        }
        if from.group == to.group && !self.has_pair_inside(source, destination) {
            return None;
        }
        let at = |unit: &Unit<'i>| PeerAt {
            class: (unit.key.special == NONE).then_some(unit.key.class),
            party: unit.party,
        };
        let mut ends = (at(from), at(to));
        let nodes = (from.is_node(), to.is_node());
        match (nodes, relation) {
            ((false, true), _) => ends.1 = self.node_for(from, to, relation)?,
            ((true, false), _) => ends.0 = self.node_for(to, from, relation)?,
            (_, Relation::OwnNode) => return None,
            _ => {}
        }
        Some(ends)
    }

    /// Whether two units of one group are more than one pod with itself. A workload
    /// of one pod can have another like it.
    fn has_pair_inside(&self, a: u32, b: u32) -> bool {
        let (Some(unit_a), Some(unit_b)) = (self.unit(a), self.unit(b)) else {
            return false;
        };
        let Some(group) = self.places.groups.get(unit_a.group as usize) else {
            return false;
        };
        let GroupKey::Workload { kind, .. } = &group.key else {
            return true;
        };
        let pods = |unit: &Unit<'i>| {
            let mut pods = unit.members.iter().filter_map(|member| match member {
                Member::Pod(pod, _) => Some(*pod),
                Member::Range(_) | Member::Node(_) => None,
            });
            let first = pods.next();
            (first, pods.any(|pod| Some(pod) != first))
        };
        let ((first_a, more_a), (first_b, more_b)) = (pods(unit_a), pods(unit_b));
        if group.pods == 1 {
            return kind != "Pod";
        }
        more_a || more_b || first_a != first_b
    }

    /// A node of a unit, as a pod of another sees it.
    fn node_for(&self, pod: &Unit<'i>, node: &Unit<'i>, relation: Relation) -> Option<PeerAt<'i>> {
        let class = node.key.class;
        let node_class = node.key.family.map(|family| (class, family));
        let own = self.places.own_nodes.get(pod.key.own_node as usize)?;
        let own = own.iter().find(|(other, _)| Some(*other) == node_class);
        let own = own.map_or(0, |(_, count)| *count);
        let all = node_class.and_then(|class| self.places.nodes_of_class.get(&class));
        let all = all.copied().unwrap_or(0);
        let is_own = relation == Relation::OwnNode;
        let pod_index = match pod.party.identity {
            Identity::Pod(PodParty::Known(index)) => Some(index),
            _ => None,
        };
        let own_addresses = || {
            pod_index
                .into_iter()
                .flat_map(|pod| own_addresses(self.image, pod))
        };
        let address = if is_own {
            if own == 0 {
                return None;
            }
            own_addresses().find(|address| node.members.iter().any(|member| member.is_at(*address)))
        } else {
            // A node without an address is nobody's own.
            let others = all.saturating_sub(own);
            if others == 0 && node.party.address.is_some() {
                return None;
            }
            let mut addresses = node.members.iter().filter_map(Member::address);
            addresses.find(|address| !own_addresses().any(|own| own == *address))
        };
        Some(PeerAt {
            class: Some(if is_own {
                self.deciders.twin(class)
            } else {
                class
            }),
            party: address.map_or(node.party, |address| Party::at(self.image, address)),
        })
    }
}

impl Unit<'_> {
    fn is_node(&self) -> bool {
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

    fn is_at(&self, address: IpAddr) -> bool {
        self.address() == Some(address)
    }
}
