//! Which rules let the connections of a row through.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::deciders::rule_starts;
use super::peer::{End, OnNode, Peer, WorkloadPeer};
use super::places::own_addresses;
use super::port_set::PortSet;
use super::rows::Row;
use crate::explain::{DirectionExplanation, Explanation, Reason};
use crate::image::Image;
use crate::model::Direction;
use crate::protocol::PortKey;
use crate::verdict::{Identity, Pair, Party};
use crate::{Family, Protocol};

/// Ports of a row, and what lets them through.
#[derive(Clone)]
pub struct Decision<'i> {
    /// The ports.
    pub ports: PortSet,
    /// Why a connection of the row to one of them may pass.
    pub explanation: Explanation<'i>,
}

impl Row<'_> {
    /// What lets the connections through: for each pair of rules (or other reasons)
    /// at the source and the destination, the ports that they decide. `image` is the
    /// one that the row is of.
    #[must_use]
    pub fn decisions<'i>(&self, image: &'i Image<'i>) -> Vec<Decision<'i>> {
        let mut decisions: Vec<Decision<'i>> = Vec::new();
        let [sources, destinations] = self.ends();
        for source in sources {
            for destination in destinations {
                if let Some(pair) = self.pair(image, source, destination) {
                    decide(&pair, self.ports(), &mut decisions);
                }
            }
        }
        decisions
    }

    /// An end of each of two units, so that they are a pair of which the row speaks.
    fn pair<'i>(
        &self,
        image: &'i Image<'i>,
        sources: &[End],
        destinations: &[End],
    ) -> Option<Pair<'i>> {
        let pairs = sources
            .iter()
            .flat_map(|from| destinations.iter().map(move |to| (*from, *to)));
        let of_one_family = pairs.filter(|(from, to)| match (from.address, to.address) {
            (Some(a), Some(b)) => Family::of(a) == Family::of(b),
            _ => true,
        });
        let mut fitting = of_one_family.filter(|(from, to)| {
            fits(image, self.source(), from, to) && fits(image, self.destination(), to, from)
        });
        // A workload of one pod has another like it some day: then one stands for both.
        let first = fitting.next()?;
        let is_two = |(from, to): &(End, End)| from.pod.is_none() || from.pod != to.pod;
        let (from, to) = [first]
            .into_iter()
            .chain(fitting)
            .find(is_two)
            .unwrap_or(first);
        Some(Pair {
            image,
            source: party(image, &from),
            destination: party(image, &to),
        })
    }
}

fn party<'i>(image: &'i Image<'i>, end: &End) -> Party<'i> {
    match (end.address, end.pod) {
        (Some(address), _) => Party::at(image, address),
        (None, Some(pod)) => Party::without_address(image, pod),
        (None, None) => Party::NOWHERE,
    }
}

/// Whether an end of a peer is what the peer says, to the pod at the other end.
fn fits(image: &Image<'_>, peer: &Peer, end: &End, other: &End) -> bool {
    let is_own = |address: IpAddr| {
        let mut own = other
            .pod
            .into_iter()
            .flat_map(|pod| own_addresses(image, pod));
        own.any(|own| own == address)
    };
    match peer {
        Peer::Nodes(_) => !end.address.is_some_and(is_own),
        Peer::OwnNode(_) => end.address.is_some_and(is_own),
        Peer::Workload(WorkloadPeer {
            on_node: Some(on_node),
            ..
        }) => {
            let is_node = end.address.is_some_and(|address| {
                matches!(Party::at(image, address).identity, Identity::Node(_))
            });
            match on_node {
                OnNode::Own => end.address.is_some_and(is_own),
                OnNode::Other => !is_node || !end.address.is_some_and(is_own),
            }
        }
        Peer::Workload(_) | Peer::External { .. } => true,
    }
}

/// Explains some ports of a pair, and adds what decides them.
fn decide<'i>(pair: &Pair<'i>, ports: &PortSet, decisions: &mut Vec<Decision<'i>>) {
    let image = pair.image;
    let mut starts = rule_starts(image, Direction::Egress, pair.source);
    starts.extend(rule_starts(image, Direction::Ingress, pair.destination));
    for (first, last) in ports.keys() {
        starts.push(*first);
        starts.push(last + 1);
    }
    starts.sort_unstable();
    starts.dedup();
    let segments = starts.iter().zip(starts.iter().skip(1));
    for (first, next) in segments {
        let keys = PortSet::from_keys([(*first, next - 1)]).intersection(ports);
        let Some(key) = keys.keys().first().map(|(first, _)| PortKey(*first)) else {
            continue;
        };
        let (protocol, port) = key.parts().unwrap_or((Protocol::ICMP, 0));
        let explanation = Explanation::new(pair.cases_of(key, false), protocol, port);
        let known = decisions
            .iter_mut()
            .find(|known| known.reasons() == reasons(&explanation));
        match known {
            Some(known) => known.ports = known.ports.union(&keys),
            None => decisions.push(Decision {
                ports: keys,
                explanation,
            }),
        }
    }
}

fn reasons<'i>(explanation: &Explanation<'i>) -> [Reason<'i>; 2] {
    explanation.directions().map(DirectionExplanation::reason)
}

impl<'i> Decision<'i> {
    /// What decides: at the source, and at the destination.
    #[must_use]
    pub fn reasons(&self) -> [Reason<'i>; 2] {
        reasons(&self.explanation)
    }
}

/// `ports: egress allowed by …; ingress allowed by …`.
impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [egress, ingress] = self.explanation.directions();
        write!(f, "{}: egress {egress}; ingress {ingress}", self.ports)
    }
}

impl fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `ports`, and `egress` and `ingress` as explanations have them.
#[cfg(feature = "serde")]
impl serde::Serialize for Decision<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Decision", 3)?;
        fields.serialize_field("ports", &self.ports)?;
        fields.serialize_field("egress", self.explanation.egress())?;
        fields.serialize_field("ingress", self.explanation.ingress())?;
        fields.end()
    }
}
