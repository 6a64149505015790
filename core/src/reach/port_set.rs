//! Sets of protocols and destination ports.

use alloc::vec::Vec;
use core::fmt;

use hashbrown::HashMap;

use crate::Protocol;
use crate::model::PortRange;
use crate::protocol::PortKey;

/// A set of (protocol, destination port), as ranges.
///
/// Ports are 1 to 65535: no connection goes to port 0. The protocols without
/// ports (ICMP and all others but TCP, UDP and SCTP) are in it together or not at
/// all, since no policy tells them apart.
///
/// ```
/// use netpolicy::Protocol;
/// use netpolicy::reach::PortSet;
///
/// let web = PortSet::range(Protocol::TCP, 80, 80).union(&PortSet::range(Protocol::TCP, 443, 443));
/// assert_eq!(web.to_string(), "TCP 80,443");
/// assert!(web.contains(Protocol::TCP, 443) && !web.contains(Protocol::UDP, 443));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSet {
    /// Ranges of port keys, both ends included: sorted, apart, each within one
    /// protocol.
    ranges: Vec<(u32, u32)>,
}

/// A range of a [`PortSet`], both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    /// TCP, UDP or SCTP; `None`: every protocol without ports.
    pub protocol: Option<Protocol>,
    /// The lowest port; 0 for the protocols without.
    pub first: u16,
    /// The highest port; 0 for the protocols without.
    pub last: u16,
}

/// The empty set, for who needs a reference.
pub(super) const NOTHING: &PortSet = &PortSet::EMPTY;

pub(super) const PROTOCOLS: [Protocol; 3] = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];

/// The lowest and highest key of each protocol, and of those without ports.
fn blocks() -> [(u32, u32); 4] {
    let block = |protocol| {
        (
            PortKey::new(protocol, 1).0,
            PortKey::new(protocol, u16::MAX).0,
        )
    };
    let [tcp, udp, sctp] = PROTOCOLS.map(block);
    [tcp, udp, sctp, (PortKey::PORTLESS.0, PortKey::PORTLESS.0)]
}

impl PortSet {
    /// Nothing.
    pub const EMPTY: PortSet = PortSet { ranges: Vec::new() };

    /// Every port and every protocol.
    #[must_use]
    pub fn all() -> PortSet {
        PortSet::from_keys([(0, PortKey::PORTLESS.0)])
    }

    /// The ports from `first` to `last`, both included; all of a protocol that has
    /// none.
    #[must_use]
    pub fn range(protocol: Protocol, first: u16, last: u16) -> PortSet {
        PortSet::from_keys([(
            PortKey::new(protocol, first).0,
            PortKey::new(protocol, last).0,
        )])
    }

    /// Every port of a protocol.
    #[must_use]
    pub fn every(protocol: Protocol) -> PortSet {
        PortSet::range(protocol, 1, u16::MAX)
    }

    /// The keys of some ranges, which are sorted and do not overlap.
    pub(crate) fn from_keys(keys: impl IntoIterator<Item = (u32, u32)>) -> PortSet {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (first, last) in keys {
            for (low, high) in blocks() {
                let (first, last) = (first.max(low), last.min(high));
                match ranges.last_mut() {
                    _ if first > last => {}
                    // Of two protocols that border on each other, neither goes on in the other.
                    Some((_, end)) if *end + 1 == first && first != low => *end = last,
                    _ => ranges.push((first, last)),
                }
            }
        }
        PortSet { ranges }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether every port of every protocol is in it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.ranges == blocks()
    }

    /// Whether a port is in it; the port of a protocol without ports is ignored.
    #[must_use]
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        let key = PortKey::new(protocol, port).0;
        self.ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&key))
    }

    /// The ranges: of TCP, then UDP, then SCTP, then what has no ports.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Ports> + Clone + '_ {
        self.ranges.iter().map(|(first, last)| {
            match (PortKey(*first).parts(), PortKey(*last).parts()) {
                (Some((protocol, first)), Some((_, last))) => Ports {
                    protocol: Some(protocol),
                    first,
                    last,
                },
                _ => Ports {
                    protocol: None,
                    first: 0,
                    last: 0,
                },
            }
        })
    }

    /// Its ranges as port keys.
    pub(crate) fn keys(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// What is in it of one protocol.
    #[must_use]
    pub fn of_protocol(&self, protocol: Protocol) -> PortSet {
        self.intersection(&PortSet::every(protocol))
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &PortSet) -> PortSet {
        self.combine(other, |a, b| a && b)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &PortSet) -> PortSet {
        self.combine(other, |a, b| a || b)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn difference(&self, other: &PortSet) -> PortSet {
        self.combine(other, |a, b| a && !b)
    }

    fn combine(&self, other: &PortSet, keep: impl Fn(bool, bool) -> bool) -> PortSet {
        let mut edges: Vec<u32> = [self, other]
            .into_iter()
            .flat_map(|set| set.ranges.iter().flat_map(|(a, b)| [*a, *b + 1]))
            .collect();
        edges.sort_unstable();
        edges.dedup();
        // Edges come in order, so that each set is walked once.
        let (mut of_self, mut of_other) = (Walk::new(self), Walk::new(other));
        let pieces = edges.iter().zip(edges.iter().skip(1));
        let kept = pieces.filter(|(first, _)| keep(of_self.has(**first), of_other.has(**first)));
        PortSet::from_keys(kept.map(|(first, next)| (*first, *next - 1)))
    }
}

/// Membership of keys that ascend.
struct Walk<'s> {
    rest: &'s [(u32, u32)],
}

impl Walk<'_> {
    fn new(set: &PortSet) -> Walk<'_> {
        Walk { rest: &set.ranges }
    }

    fn has(&mut self, key: u32) -> bool {
        while let Some(((_, last), rest)) = self.rest.split_first()
            && *last < key
        {
            self.rest = rest;
        }
        self.rest.first().is_some_and(|(first, _)| *first <= key)
    }
}

impl From<(Protocol, PortRange)> for PortSet {
    fn from((protocol, range): (Protocol, PortRange)) -> PortSet {
        PortSet::range(protocol, range.first(), range.last())
    }
}

/// `TCP 80,443,8000-8999; UDP; other protocols`, `everything` or `nothing`. A
/// protocol without numbers stands for all of its ports.
impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("everything");
        }
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let mut last_protocol = None;
        for ports in self.ranges() {
            let Some(protocol) = ports.protocol else {
                let separator = if last_protocol.is_some() { "; " } else { "" };
                return write!(f, "{separator}other protocols");
            };
            if last_protocol == Some(protocol) {
                write!(f, ",{ports}")?;
            } else {
                let separator = if last_protocol.is_some() { "; " } else { "" };
                write!(f, "{separator}{protocol}")?;
                if !ports.is_whole_protocol() {
                    write!(f, " {ports}")?;
                }
            }
            last_protocol = Some(protocol);
        }
        Ok(())
    }
}

impl Ports {
    /// Whether these are all the ports of their protocol.
    #[must_use]
    pub fn is_whole_protocol(&self) -> bool {
        self.protocol.is_none() || (self.first, self.last) == (1, u16::MAX)
    }
}

/// `80` or `8000-8999`.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A list of `{protocol, first, last}`; `protocol` alone (`"other"`) for what has
/// no ports.
#[cfg(feature = "serde")]
impl serde::Serialize for PortSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.ranges())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Ports {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use alloc::string::ToString;
        use serde::ser::SerializeStruct;
        let Some(protocol) = self.protocol else {
            let mut fields = serializer.serialize_struct("Ports", 1)?;
            fields.serialize_field("protocol", "other")?;
            return fields.end();
        };
        let mut fields = serializer.serialize_struct("Ports", 3)?;
        fields.serialize_field("protocol", &protocol.to_string())?;
        fields.serialize_field("first", &self.first)?;
        fields.serialize_field("last", &self.last)?;
        fields.end()
    }
}

/// Port sets stored once, and what was worked out about them.
#[derive(Debug)]
pub(super) struct PortSets {
    all: Vec<PortSet>,
    ids: HashMap<PortSet, u32, ahash::RandomState>,
    combined: HashMap<(Combine, u32, u32), u32, ahash::RandomState>,
}

/// How two sets are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Combine {
    Intersection,
    Union,
}

impl PortSets {
    /// The number of the empty set.
    pub(super) const EMPTY: u32 = 0;

    pub(super) fn new() -> PortSets {
        let mut sets = PortSets {
            all: Vec::new(),
            ids: HashMap::with_hasher(super::hasher()),
            combined: HashMap::with_hasher(super::hasher()),
        };
        sets.intern(PortSet::EMPTY);
        sets
    }

    pub(super) fn intern(&mut self, set: PortSet) -> u32 {
        if let Some(id) = self.ids.get(&set) {
            return *id;
        }
        let id = self.all.len() as u32;
        self.all.push(set.clone());
        self.ids.insert(set, id);
        id
    }

    pub(super) fn get(&self, id: u32) -> &PortSet {
        self.all.get(id as usize).unwrap_or(NOTHING)
    }

    pub(super) fn combine(&mut self, how: Combine, a: u32, b: u32) -> u32 {
        match how {
            Combine::Intersection | Combine::Union if a == b => return a,
            Combine::Intersection if a == Self::EMPTY || b == Self::EMPTY => return Self::EMPTY,
            Combine::Union if a == Self::EMPTY => return b,
            Combine::Union if b == Self::EMPTY => return a,
            _ => {}
        }
        if let Some(id) = self.combined.get(&(how, a, b)) {
            return *id;
        }
        let (set_a, set_b) = (self.get(a), self.get(b));
        let set = match how {
            Combine::Intersection => set_a.intersection(set_b),
            Combine::Union => set_a.union(set_b),
        };
        let id = self.intern(set);
        self.combined.insert((how, a, b), id);
        id
    }

    pub(super) fn into_vec(self) -> Vec<PortSet> {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn sets_of_ports() {
        let all = PortSet::all();
        assert!(all.is_all());
        assert_eq!(all.to_string(), "everything");
        assert_eq!(PortSet::EMPTY.to_string(), "nothing");
        assert_eq!(all.difference(&all), PortSet::EMPTY);
        let without = all.difference(&PortSet::range(Protocol::TCP, 10, 19));
        assert_eq!(
            without.to_string(),
            "TCP 1-9,20-65535; UDP; SCTP; other protocols"
        );
        assert!(!without.is_all());
        assert_eq!(without.union(&PortSet::range(Protocol::TCP, 10, 19)), all);
        let middle = without.intersection(&PortSet::range(Protocol::TCP, 5, 25));
        assert_eq!(middle.to_string(), "TCP 5-9,20-25");
        assert_eq!(
            PortSet::every(Protocol::ICMP).to_string(),
            "other protocols"
        );
        assert_eq!(
            all.of_protocol(Protocol::UDP),
            PortSet::every(Protocol::UDP)
        );
        // Port 0 is nobody's.
        assert_eq!(PortSet::range(Protocol::TCP, 0, 1).to_string(), "TCP 1");
    }

    #[test]
    fn interned_sets_are_combined_once() {
        let mut sets = PortSets::new();
        let a = sets.intern(PortSet::range(Protocol::TCP, 1, 100));
        let b = sets.intern(PortSet::range(Protocol::TCP, 50, 200));
        for (how, text) in [
            (Combine::Intersection, "TCP 50-100"),
            (Combine::Union, "TCP 1-200"),
        ] {
            let id = sets.combine(how, a, b);
            assert_eq!(sets.get(id).to_string(), text);
            assert_eq!(sets.combine(how, a, b), id);
        }
    }
}
