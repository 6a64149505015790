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
use crate::image::{Decision, Found, Image, Place};
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
        let (from, to) = (self.find_v4(source)?, self.find_v4(destination)?);
        self.verdict_of_found(from, to, source == destination, key)
    }

    /// The same for IPv6; none is IPv4-mapped.
    #[inline(always)]
    fn verdict_v6_by_tables(
        &self,
        source: u128,
        destination: u128,
        key: PortKey,
    ) -> Option<Verdict> {
        let (from, to) = (self.find_v6(source)?, self.find_v6(destination)?);
        self.verdict_of_found(from, to, source == destination, key)
    }

    /// SEMANTICS: source and destination are the same pod: allow. Two addresses of one
    /// family that are the same pod's are the same, or their places are special. What is
    /// no pod is allowed to itself as well.
    #[inline(always)]
    fn verdict_of_found(
        &self,
        from: Found,
        to: Found,
        is_same: bool,
        key: PortKey,
    ) -> Option<Verdict> {
        if Place(from.entry | to.entry).is_special() {
            return None;
        }
        let classes = [from, to].map(|found| self.class(Place(found.entry)));
        // Where no end is a node, on which nodes they are does not matter.
        let peers = if classes.iter().any(|class| self.is_node(*class)) {
            self.as_peers(self.place_of(from), self.place_of(to))
        } else {
            classes
        };
        let verdict = self.verdict_of_classes(classes, peers, key)?;
        Some(Verdict {
            egress: verdict.egress | is_same,
            ingress: verdict.ingress | is_same,
        })
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
        let classes = [source, destination].map(|place| self.class(place));
        self.verdict_of_classes(classes, self.as_peers(source, destination), key)
    }

    /// The verdict between two classes, and what they are to each other as peers.
    #[inline(always)]
    fn verdict_of_classes(
        &self,
        [from, to]: [u32; 2],
        [from_peer, to_peer]: [u32; 2],
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
