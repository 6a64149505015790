//! The question and its answer.
//!
//! SEMANTICS, "The question": *may the first packet of this connection pass?*
//! Allowed is what egress at the source and ingress at the destination both allow.

mod endpoint;
mod interpret;
mod labels;
mod party;

pub use endpoint::{Endpoint, Pair, Pairs, PodRef};
#[cfg(feature = "alloc")]
pub(crate) use interpret::Without;
#[cfg(feature = "alloc")]
pub(crate) use interpret::rule_ports;
pub(crate) use interpret::{Assumed, Case, Decided, Miss, Policies, RuleHit};
#[cfg(feature = "alloc")]
pub(crate) use labels::Labels;
pub(crate) use labels::requirements;
pub(crate) use party::{Identity, Party, PodParty};
#[cfg(feature = "alloc")]
pub(crate) use party::{nodes_at, stated_addresses};

use core::net::IpAddr;

use crate::Protocol;
use crate::address::canonical;
use crate::image::tables::{ClassRecord, NONE};
use crate::image::{Image, Place};
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
    /// Never fails, never allocates, and takes a fixed number of steps, except
    /// where the image leaves a pod to interpretation.
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
        let (source, destination) = (canonical(source), canonical(destination));
        // Two addresses of one family that are the same pod's are the same, or their
        // places are special.
        let is_one_family = source.is_ipv4() == destination.is_ipv4();
        match self.look_up(self.place(source), self.place(destination), key) {
            Some(verdict) if is_one_family => {
                // SEMANTICS: source and destination are the same pod: allow. What is
                // no pod is allowed to itself as well.
                let same = source == destination;
                Verdict::new(verdict.egress | same, verdict.ingress | same)
            }
            _ => self.interpret(source, destination, key),
        }
    }

    /// A number that two addresses share only if every verdict about the one is that
    /// about the other, towards the same third; `None` for an address that has none to
    /// share.
    #[must_use]
    pub fn class_of(&self, address: IpAddr) -> Option<u32> {
        let place = self.place(canonical(address));
        (!place.is_special()).then_some(place.0)
    }

    /// Answers `connections` in order into `verdicts`.
    ///
    /// The shorter of the two slices says how many.
    pub fn verdicts(&self, connections: &[Connection], verdicts: &mut [Verdict]) {
        for (connection, verdict) in connections.iter().zip(verdicts) {
            let Connection {
                source,
                destination,
                protocol,
                port,
            } = *connection;
            *verdict = self.verdict(source, destination, protocol, port);
        }
    }

    /// The verdict from the tables; `None` where they leave it to interpretation.
    #[inline]
    pub(crate) fn look_up(
        &self,
        source: Place,
        destination: Place,
        key: PortKey,
    ) -> Option<Verdict> {
        if source.is_special() | destination.is_special() {
            return None;
        }
        let bits = self.shape.class_bits;
        let (from, to) = (source.class(bits), destination.class(bits));
        let host = source.host(bits);
        let same_host = (host != 0) & (host == destination.host(bits));
        let interval = self.port_pages.get(key.0 >> 8).interval(key.0);
        let ClassRecord {
            egress_map,
            egress_rows,
            ..
        } = self.classes.get(from);
        let ClassRecord {
            ingress_map,
            ingress_rows,
            ..
        } = self.classes.get(to);
        let egress = self.bit(
            egress_map,
            egress_rows,
            interval,
            self.peer_class(to, same_host),
        )?;
        let ingress = self.bit(
            ingress_map,
            ingress_rows,
            interval,
            self.peer_class(from, same_host),
        )?;
        Some(Verdict::new(egress, ingress))
    }

    /// The class that a peer is to a subject: a node class's twin where the
    /// subject runs on that node.
    #[inline]
    fn peer_class(&self, class: u32, same_host: bool) -> u32 {
        let is_node = class.wrapping_sub(self.shape.node_first) < self.shape.node_count;
        class + self.shape.node_count * u32::from(is_node & same_host)
    }

    /// The bit of a peer class in the row of an interval.
    #[inline]
    fn bit(&self, map: u32, rows: u32, interval: u32, peer: u32) -> Option<bool> {
        if map == NONE {
            return None;
        }
        let word = self.port_maps.get(map.wrapping_add(interval >> 5));
        // All bits up to the interval's own.
        let upto = word.starts & (u32::MAX >> (31 - (interval & 31)));
        let index = word.rank.wrapping_add(upto.count_ones()).wrapping_sub(1);
        let row = self.rows.get(rows.wrapping_add(index));
        let chunk = self.row_chunks.get(row.wrapping_add(peer >> 9));
        let bits = self.chunk_words.get((chunk << 4) + (peer >> 5 & 15));
        Some(bits >> (peer & 31) & 1 != 0)
    }

    /// The verdict from the rules.
    #[cold]
    #[inline(never)]
    pub(crate) fn interpret(&self, source: IpAddr, destination: IpAddr, key: PortKey) -> Verdict {
        let pair = Pair::of_addresses(self, source, destination);
        pair.interpret(key)
    }
}
