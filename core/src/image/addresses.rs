//! Address → place, for both families.

use core::net::IpAddr;

use super::record::Table;
use super::tables::HostV6Record;
use super::{Image, trie};

/// Where an address stands: its class and, for pods and nodes, which node.
///
/// ```text
/// bit 31: 0   bit 30: special   host   class (Shape::class_bits)
/// ```
///
/// A special place is one whose pod the fast path cannot judge: it has two
/// addresses of a family, or an own node that overlaps another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) u32);

/// The bit of a special place.
pub(crate) const SPECIAL: u32 = 1 << 30;

impl Place {
    pub(crate) const fn new(class: u32, host: u32, special: bool, class_bits: u32) -> Place {
        Place(class | host << class_bits | if special { SPECIAL } else { 0 })
    }

    #[inline]
    pub(crate) const fn class(self, class_bits: u32) -> u32 {
        self.0 & !(u32::MAX << class_bits)
    }

    #[inline]
    pub(crate) const fn host(self, class_bits: u32) -> u32 {
        (self.0 & (SPECIAL - 1)) >> class_bits
    }

    #[inline]
    pub(crate) const fn is_special(self) -> bool {
        self.0 & SPECIAL != 0
    }
}

impl Image<'_> {
    /// The place of an address, which is canonical.
    #[inline]
    pub(crate) fn place(&self, address: IpAddr) -> Place {
        Place(match address {
            IpAddr::V4(v4) => trie::lookup(self.trie_v4, self.shape.root_v4, u32::from(v4)),
            IpAddr::V6(v6) => {
                let key = u128::from(v6);
                let table = HostTableV6 {
                    slots: self.hosts_v6,
                    seed: self.shape.seed_v6,
                };
                match table.find(key) {
                    0 => self.run_v6(key),
                    place => place,
                }
            }
        })
    }

    /// The place of an IPv6 address that belongs to no single host.
    fn run_v6(&self, address: u128) -> u32 {
        let behind = self.runs_v6.partition_point(|run| run.address <= address);
        // Run 0 begins at address 0, so there is always one in front.
        self.runs_v6.get(behind.wrapping_sub(1)).place
    }
}

/// The IPv6 host table: open addressing, linear probing, at most three quarters
/// full; a power of two of slots.
#[derive(Clone, Copy)]
pub(crate) struct HostTableV6<'a> {
    pub(crate) slots: Table<'a, HostV6Record>,
    pub(crate) seed: u32,
}

impl HostTableV6<'_> {
    /// The slot at which probing for an address begins, in a table of `slots`.
    #[inline]
    pub(crate) const fn slot(address: u128, seed: u32, slots: u32) -> u32 {
        const K: u64 = 0x9e37_79b9_7f4a_7c15;
        let high = (address >> 64) as u64;
        let low = address as u64;
        let mixed = (high ^ seed as u64).wrapping_mul(K).rotate_left(32) ^ low;
        let mixed = mixed.wrapping_mul(K);
        ((mixed ^ mixed >> 32) as u32) & slots.wrapping_sub(1)
    }

    /// The place of an address, or 0.
    #[inline]
    pub(crate) fn find(&self, address: u128) -> u32 {
        let len = self.slots.len() as u32;
        let start = Self::slot(address, self.seed, len);
        for probe in 0..len {
            let slot = self
                .slots
                .get(start.wrapping_add(probe) & len.wrapping_sub(1));
            if slot.place == 0 || slot.address == address {
                return slot.place;
            }
        }
        0
    }
}
