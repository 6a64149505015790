//! Peer identity, protocol and port → decision, with wildcards.

use ahash::RandomState;
use hashbrown::HashMap;
use netpolicy::Protocol;
use netpolicy::model::{Action, PortRange};

/// Stands for every identity.
pub(super) const ANY_IDENTITY: u32 = u32::MAX;

/// Ports that one entry can stand for: those of a protocol that begin with some bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PortPrefix {
    /// 0 for every protocol.
    protocol: u8,
    first: u16,
    /// How many leading bits of the port count.
    bits: u8,
}

impl PortPrefix {
    /// Every port of every protocol.
    pub(super) const ANY: PortPrefix = PortPrefix {
        protocol: 0,
        first: 0,
        bits: 0,
    };

    /// Every port of a protocol.
    pub(super) fn every(protocol: Protocol) -> PortPrefix {
        PortPrefix {
            protocol: protocol.0,
            ..PortPrefix::ANY
        }
    }

    /// One port.
    pub(super) fn single(protocol: Protocol, port: u16) -> PortPrefix {
        PortPrefix {
            protocol: protocol.0,
            first: port,
            bits: 16,
        }
    }

    /// The fewest prefixes that make up a range.
    pub(super) fn of_range(protocol: Protocol, range: PortRange) -> Vec<PortPrefix> {
        let (mut first, last) = (u32::from(range.first()), u32::from(range.last()));
        let mut prefixes = Vec::new();
        while first <= last {
            let aligned = first.trailing_zeros().min(16);
            let fits = (last - first + 1).ilog2();
            let free = aligned.min(fits);
            prefixes.push(PortPrefix {
                protocol: protocol.0,
                first: first as u16,
                bits: (16 - free) as u8,
            });
            first += 1 << free;
        }
        prefixes
    }
}

/// What an entry has in common with others: whether it names an identity and a
/// protocol, and how many bits of the port. A look-up probes each shape that occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    has_identity: bool,
    has_protocol: bool,
    bits: u8,
}

/// The policy map of a tier.
pub(super) struct PolicyMap {
    shapes: Vec<Shape>,
    /// Order and action: the lowest order wins.
    entries: HashMap<u64, u32, RandomState>,
}

impl Default for PolicyMap {
    fn default() -> Self {
        PolicyMap {
            shapes: Vec::new(),
            entries: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
        }
    }
}

fn key(identity: u32, protocol: u8, bits: u8, port: u16) -> u64 {
    let port = u32::from(port) & (u32::MAX << (16 - bits)) & 0xffff;
    u64::from(identity) << 32 | u64::from(protocol) << 24 | u64::from(bits) << 16 | u64::from(port)
}

impl PolicyMap {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Lets `action` decide for a peer and ports, unless a lower order does.
    pub(super) fn insert(&mut self, identity: u32, ports: PortPrefix, order: u32, action: Action) {
        let shape = Shape {
            has_identity: identity != ANY_IDENTITY,
            has_protocol: ports.protocol != 0,
            bits: ports.bits,
        };
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
        let entry = order << 2 | action as u32;
        let key = key(identity, ports.protocol, ports.bits, ports.first);
        let known = self.entries.entry(key).or_insert(entry);
        *known = entry.min(*known);
    }

    /// What decides for a peer, a protocol and a port.
    pub(super) fn find(&self, identity: u32, protocol: Protocol, port: u16) -> Option<Action> {
        let probe = |shape: &Shape| {
            let identity = if shape.has_identity {
                identity
            } else {
                ANY_IDENTITY
            };
            let protocol = if shape.has_protocol { protocol.0 } else { 0 };
            self.entries
                .get(&key(identity, protocol, shape.bits, port))
                .copied()
        };
        let entry = self.shapes.iter().filter_map(probe).min()?;
        Some(match entry & 3 {
            0 => Action::Allow,
            1 => Action::Deny,
            _ => Action::Pass,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_made_of_prefixes() {
        for (first, last) in [(1, 1), (80, 87), (1, 65_535), (8080, 8087), (9000, 9100)] {
            let mut map = PolicyMap::default();
            for ports in PortPrefix::of_range(Protocol::TCP, PortRange::new(first, last).unwrap()) {
                map.insert(7, ports, 0, Action::Deny);
            }
            for port in 0..=u16::MAX {
                let inside = (first..=last).contains(&i64::from(port));
                assert_eq!(map.find(7, Protocol::TCP, port).is_some(), inside, "{port}");
                assert_eq!(map.find(7, Protocol::UDP, port), None);
            }
        }
    }

    #[test]
    fn the_lowest_order_wins() {
        let mut map = PolicyMap::default();
        map.insert(ANY_IDENTITY, PortPrefix::ANY, 1, Action::Deny);
        map.insert(7, PortPrefix::every(Protocol::TCP), 0, Action::Pass);
        map.insert(8, PortPrefix::every(Protocol::TCP), 2, Action::Allow);
        assert_eq!(map.find(7, Protocol::TCP, 80), Some(Action::Pass));
        assert_eq!(map.find(7, Protocol::UDP, 80), Some(Action::Deny));
        assert_eq!(map.find(8, Protocol::TCP, 80), Some(Action::Deny));
    }
}
