//! The question and its answer.
//!
//! SEMANTICS, "The question": *may the first packet of this connection pass?*
//! Allowed is what egress at the source and ingress at the destination both allow.

mod endpoint;
mod interpret;
#[cfg(feature = "alloc")]
mod interpreted;
mod kind;
mod labels;
#[cfg(feature = "alloc")]
mod outcomes;
mod party;
mod processors;

pub use endpoint::{Endpoint, Pair, Pairs, PodRef};
pub(crate) use interpret::{Assumed, Case, Decided, Miss, Policies, RuleHit, rule_ports};
#[cfg(feature = "alloc")]
pub(crate) use interpret::{Without, rule_peers};
#[cfg(feature = "alloc")]
pub use interpreted::Interpreted;
pub use kind::ConnectionKind;
pub(crate) use labels::requirements;
#[cfg(feature = "alloc")]
pub(crate) use labels::{Labels, asks_beyond_name};
pub(crate) use party::{Identity, Party, PodParty};
#[cfg(feature = "std")]
pub(crate) use party::{holder, node_at};
#[cfg(feature = "alloc")]
pub(crate) use party::{nodes_at, stated_addresses};

use core::net::IpAddr;

use crate::Protocol;
use crate::address::{canonical, from_bits};
use crate::image::tables::ClassRecord;
use crate::image::{Decision, Image, Place, Wanted};
use crate::protocol::PortKey;

/// A connection, by its addresses. Source ports never matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its destination port; ignored where the protocol has none.
    pub port: u16,
}

/// The answer, for each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verdict {
    egress: bool,
    ingress: bool,
}

impl Verdict {
    /// What cannot be answered is denied.
    pub const DENY: Verdict = Verdict {
        egress: false,
        ingress: false,
    };

    pub(crate) const fn new(egress: bool, ingress: bool) -> Verdict {
        Verdict { egress, ingress }
    }

    /// SEMANTICS: source and destination are the same pod: allow. Two addresses of one
    /// family that are the same pod's are the same, or their places are special. What is
    /// no pod is allowed to itself as well.
    #[inline(always)]
    const fn or_same(self, is_same: bool) -> Verdict {
        Verdict {
            egress: self.egress | is_same,
            ingress: self.ingress | is_same,
        }
    }

    /// Whether the connection may pass.
    #[inline]
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        self.egress & self.ingress
    }

    /// Whether the source may send; true where the source is no pod.
    #[inline]
    #[must_use]
    pub const fn egress(self) -> bool {
        self.egress
    }

    /// Whether the destination may receive; true where the destination is no pod.
    #[inline]
    #[must_use]
    pub const fn ingress(self) -> bool {
        self.ingress
    }
}

impl Image<'_> {
    /// May a connection between these addresses pass?
    ///
    /// Never fails and never allocates. The number of steps does not depend on the
    /// policies, but for a binary search among the blocks of IPv6 that share their
    /// first 32 bits. Two families, and what the image leaves to interpretation, are
    /// judged by the rules one by one.
    #[inline]
    #[must_use]
    pub fn verdict(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Verdict {
        let key = PortKey::new(protocol, port);
        self.decision
            .verdict(source, destination, key, |source, destination, key| {
                self.interpret(source, destination, key)
            })
    }

    /// A number that two addresses share only if every verdict about the one is that
    /// about the other, towards the same third; `None` for an address that has none to
    /// share.
    #[must_use]
    pub fn class_of(&self, address: IpAddr) -> Option<u32> {
        let place = self.decision.place(canonical(address));
        (!place.is_special()).then_some(place.0)
    }

    /// Answers `connections` in order into `verdicts`.
    ///
    /// The shorter of the two slices says how many.
    pub fn verdicts(&self, connections: &[Connection], verdicts: &mut [Verdict]) {
        self.decision
            .verdicts(connections, verdicts, &|source, destination, key| {
                self.interpret(source, destination, key)
            });
    }

    /// The verdict from the rules, between addresses as they are stored.
    ///
    /// Numbers, not addresses, which are passed in memory: every caller would write them
    /// there first, and read them in other pieces, which a processor waits for.
    #[cold]
    #[inline(never)]
    fn interpret(&self, source: u128, destination: u128, key: PortKey) -> Verdict {
        let pair = Pair::of_addresses(self, from_bits(source), from_bits(destination));
        pair.interpret(key)
    }
}

impl Decision<'_> {
    /// The verdict between two addresses of IPv4. Always inlined, so that it is compiled
    /// for the processor that its caller is compiled for.
    #[inline(always)]
    fn verdict_v4_by_tables(&self, source: u32, destination: u32, key: PortKey) -> Option<Verdict> {
        let from = self.entry_v4(source, Wanted::Class)?;
        let to = self.entry_v4(destination, Wanted::Class)?;
        let classes = self.classes_of_entries(from, to)?;
        let peers = if self.has_node(classes) {
            self.peers_v4(source, destination)
        } else {
            classes
        };
        let verdict = self.verdict_of_classes(classes, peers, key)?;
        Some(verdict.or_same(source == destination))
    }

    /// The same for IPv6; none is IPv4-mapped.
    #[inline(always)]
    fn verdict_v6_by_tables(
        &self,
        source: u128,
        destination: u128,
        key: PortKey,
    ) -> Option<Verdict> {
        let from = self.entry_v6(source, Wanted::Class)?;
        let to = self.entry_v6(destination, Wanted::Class)?;
        let classes = self.classes_of_entries(from, to)?;
        let peers = if self.has_node(classes) {
            self.peers_v6(source, destination)
        } else {
            classes
        };
        let verdict = self.verdict_of_classes(classes, peers, key)?;
        Some(verdict.or_same(source == destination))
    }

    /// The classes of two entries; `None` where one is special.
    #[inline(always)]
    fn classes_of_entries(&self, from: u32, to: u32) -> Option<(u32, u32)> {
        let is_special = Place(from | to).is_special();
        (!is_special).then(|| (self.class(Place(from)), self.class(Place(to))))
    }

    #[inline(always)]
    const fn has_node(&self, (from, to): (u32, u32)) -> bool {
        self.is_node(from) || self.is_node(to)
    }

    // Apart, with walks of their own: where no end is a node, on which nodes they are does
    // not matter.
    #[cold]
    #[inline(never)]
    fn peers_v4(&self, source: u32, destination: u32) -> (u32, u32) {
        self.as_peers(self.place_v4(source), self.place_v4(destination))
    }

    #[cold]
    #[inline(never)]
    fn peers_v6(&self, source: u128, destination: u128) -> (u32, u32) {
        self.as_peers(self.place_v6(source), self.place_v6(destination))
    }

    /// The verdict for two places; `None` where the tables leave it to
    /// interpretation.
    pub(crate) fn look_up(
        &self,
        source: Place,
        destination: Place,
        key: PortKey,
    ) -> Option<Verdict> {
        if source.is_special() | destination.is_special() {
            return None;
        }
        let classes = (self.class(source), self.class(destination));
        self.verdict_of_classes(classes, self.as_peers(source, destination), key)
    }

    /// The verdict between two classes, and what they are to each other as peers.
    #[inline(always)]
    fn verdict_of_classes(
        &self,
        (from, to): (u32, u32),
        (from_peer, to_peer): (u32, u32),
        key: PortKey,
    ) -> Option<Verdict> {
        let interval = self.interval(key.0)?;
        let ClassRecord {
            egress_map,
            egress_rows,
            ..
        } = self.classes.checked(from)?;
        let ClassRecord {
            ingress_map,
            ingress_rows,
            ..
        } = self.classes.checked(to)?;
        let egress = self.allows(egress_map, egress_rows, interval, to_peer)?;
        let ingress = self.allows(ingress_map, ingress_rows, interval, from_peer)?;
        Some(Verdict::new(egress, ingress))
    }
}
