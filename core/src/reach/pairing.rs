//! Which ends of two units are a pair of which rows speak.

use alloc::vec::Vec;
use core::net::IpAddr;

use hashbrown::HashMap;

use super::network::{Network, Relation, Unit};
use super::places::{GroupKey, Member, own_addresses};
use crate::Family;

/// How many pairs are tried to find one that two images have in common.
const MOST_COMMON_TRIED: usize = 4_096;

/// Members of a unit, and where among them each address of a node is.
pub(super) struct Members {
    pub(super) all: Vec<Member>,
    nodes: HashMap<IpAddr, u32, ahash::RandomState>,
}

impl Default for Members {
    fn default() -> Members {
        Members {
            all: Vec::new(),
            nodes: HashMap::with_hasher(super::hasher()),
        }
    }
}

impl Members {
    pub(super) fn push(&mut self, member: Member, is_node: bool) {
        if let Some(address) = member.address().filter(|_| is_node) {
            self.nodes.insert(address, self.all.len() as u32);
        }
        self.all.push(member);
    }
}

/// Members of one unit of an image.
#[derive(Clone, Copy)]
pub(super) struct Ends<'m> {
    pub(super) unit: u32,
    pub(super) members: &'m Members,
}

/// A source and a destination in one image.
pub(super) struct Between<'m, 'i> {
    pub(super) network: &'m Network<'i>,
    pub(super) ends: [Ends<'m>; 2],
}

impl Between<'_, '_> {
    /// Whether one end is a node and the other is not, so that there are relations.
    pub(super) fn has_relations(&self) -> bool {
        let [from, to] = self.are_nodes();
        from != to
    }

    fn are_nodes(&self) -> [bool; 2] {
        self.ends.map(|ends| {
            let unit = self.network.unit(ends.unit);
            unit.is_some_and(Unit::is_node)
        })
    }

    fn have_one_family(&self) -> bool {
        let [from, to] = self.ends.map(|ends| self.network.unit(ends.unit));
        match (from.and_then(Unit::family), to.and_then(Unit::family)) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
    }

    /// The members at two positions.
    fn at(&self, positions: [usize; 2]) -> Option<[Member; 2]> {
        let [from, to] = self.ends;
        let [at_from, at_to] = positions;
        let from = from.members.all.get(at_from)?;
        Some([*from, *to.members.all.get(at_to)?])
    }

    /// Whether the ends at two positions are a pair: two pods, and if one is a node,
    /// as the relation says.
    fn is_pair(&self, positions: [usize; 2], relation: Relation) -> bool {
        let Some([from, to]) = self.at(positions) else {
            return false;
        };
        let is_own = match self.are_nodes() {
            [false, true] => is_own_node(self.network, from, to),
            [true, false] => is_own_node(self.network, to, from),
            _ => return self.are_two(from, to),
        };
        is_own == (relation == Relation::OwnNode)
    }

    /// Whether two members are not one pod. A workload of one pod can have another
    /// like it.
    fn are_two(&self, from: Member, to: Member) -> bool {
        let (Member::Pod(from, _), Member::Pod(to, _)) = (from, to) else {
            return true;
        };
        let group = self.network.unit(self.ends[0].unit).map(|unit| unit.group);
        let group = group.and_then(|group| self.network.places.groups.get(group as usize));
        let has_another = group.is_some_and(|group| {
            let GroupKey::Workload { kind, .. } = &group.key else {
                return false;
            };
            group.pods == 1 && kind != "Pod"
        });
        from != to || has_another
    }

    /// The positions that could be a pair in a relation, the likeliest first.
    fn candidates(&self, relation: Relation) -> impl Iterator<Item = [usize; 2]> {
        let is_own = relation == Relation::OwnNode;
        let [from, to] = self.ends.map(|ends| ends.members);
        let nodes = self.are_nodes();
        let own_node_first = is_own && nodes == [true, false];
        let own_node_last = is_own && nodes == [false, true];
        // A pod has few own addresses, and there may be thousands of nodes.
        let own_among = move |pod: &Member, nodes: &Members| -> Vec<usize> {
            let Member::Pod(pod, _) = pod else {
                return Vec::new();
            };
            let own = own_addresses(self.network.image, *pod);
            own.filter_map(|address| Some(*nodes.nodes.get(&address)? as usize))
                .collect()
        };
        let by_source = (0..from.all.len()).filter(move |_| !own_node_first);
        let by_source = by_source.flat_map(move |at_from| {
            let own = from.all.get(at_from).filter(|_| own_node_last);
            let own = own.map(|pod| own_among(pod, to));
            let all = (0..to.all.len()).filter(move |_| !own_node_last);
            let some = own.unwrap_or_default().into_iter();
            some.chain(all).map(move |at_to| [at_from, at_to])
        });
        let by_destination = (0..to.all.len()).filter(move |_| own_node_first);
        let by_destination = by_destination.flat_map(move |at_to| {
            let own = to.all.get(at_to).map(|pod| own_among(pod, from));
            let own = own.unwrap_or_default().into_iter();
            own.map(move |at_from| [at_from, at_to])
        });
        by_source.chain(by_destination)
    }

    fn choose(&self, relation: Relation) -> Option<[Member; 2]> {
        let is_pair = |at: &[usize; 2]| self.is_pair(*at, relation);
        self.at(self.candidates(relation).find(is_pair)?)
    }
}

/// Whether a node is a pod's own.
fn is_own_node(network: &Network<'_>, pod: Member, node: Member) -> bool {
    match (pod, node.address()) {
        (Member::Pod(pod, _), Some(address)) => {
            own_addresses(network.image, pod).any(|own| own == address)
        }
        // A node without an address is nobody's own.
        _ => false,
    }
}

/// Two ends for each side that are a pair there, in a relation: the same in all, where
/// there are such. `None` if some side has none.
///
/// Members of the same position are the same end in all sides.
pub(super) fn choose(sides: &[Between<'_, '_>], relation: Relation) -> Option<Vec<[Member; 2]>> {
    if relation == Relation::Either {
        let apart = choose(sides, Relation::Apart);
        return apart.or_else(|| choose(sides, Relation::OwnNode));
    }
    if !sides.iter().all(Between::have_one_family) {
        return None;
    }
    let leading = sides.iter().find(|side| side.has_relations());
    if relation == Relation::OwnNode && leading.is_none() {
        return None;
    }
    let in_all = |at: &[usize; 2]| {
        let mut sides = sides.iter();
        sides.all(|side| side.is_pair(*at, relation))
    };
    if sides.len() > 1 {
        let leading = leading.or(sides.first())?;
        let mut common = leading.candidates(relation).take(MOST_COMMON_TRIED);
        if let Some(at) = common.find(in_all) {
            return sides.iter().map(|side| side.at(at)).collect();
        }
    }
    // Pods that have moved to other nodes are pairs of their own on each side.
    sides.iter().map(|side| side.choose(relation)).collect()
}

impl Unit<'_> {
    fn family(&self) -> Option<Family> {
        self.key.family
    }
}
