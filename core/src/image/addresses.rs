//! Address → place, for both families.
//!
//! ```text
//! IPv4   ─► trie by 32 bits ─► place
//! IPv6   ─► host table by the upper 120 bits ─► this address's place
//!             │ no such host     └─► node by the lower 8 bits ─► place
//!             └─► trie by the upper 32 bits ─► place
//!                                └─► runs, sorted ─► place
//! ```

use core::net::IpAddr;

use super::decision::Decision;
use super::record::Table;
use super::tables::HostV6Record;
use super::trie::{self, Found, TrieEntry};

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

    /// Whether the fast path cannot judge; what is no place is special, too.
    #[inline]
    pub(crate) const fn is_special(self) -> bool {
        self.0 >= SPECIAL
    }
}

impl Decision<'_> {
    /// The place of an address, which is canonical.
    pub(crate) fn place(&self, address: IpAddr) -> Place {
        match address {
            IpAddr::V4(v4) => self.place_v4(u32::from(v4)),
            IpAddr::V6(v6) => self.place_v6(u128::from(v6)),
        }
    }

    /// The place of an IPv4 address; that of nobody where a damaged trie leads nowhere.
    pub(crate) fn place_v4(&self, address: u32) -> Place {
        self.find_v4(address)
            .map_or(Place(0), |found| self.place_of(found))
    }

    /// The same for an IPv6 address that is not IPv4-mapped.
    pub(crate) fn place_v6(&self, address: u128) -> Place {
        self.find_v6(address)
            .map_or(Place(0), |found| self.place_of(found))
    }

    #[inline(always)]
    pub(crate) fn place_of(&self, found: Found) -> Place {
        Place(found.place(self.trie))
    }

    /// Finds an IPv4 address; `None` where a damaged trie leads nowhere.
    #[inline(always)]
    pub(crate) fn find_v4(&self, address: u32) -> Option<Found> {
        trie::walk(self.trie, self.shape.root_v4, address)
    }

    /// The same for an IPv6 address that is not IPv4-mapped.
    #[inline(always)]
    pub(crate) fn find_v6(&self, address: u128) -> Option<Found> {
        let table = HostTableV6 {
            slots: self.hosts_v6,
            seed: self.shape.seed_v6,
        };
        if let Some(slot) = table.find(address) {
            // A leaf is of one address, a node of all that share the upper bits.
            if slot.entry >> 31 != 0 {
                let index = address as u32 % (1 << LOW_BITS);
                return trie::last_step(self.trie, slot.entry, index);
            }
            if slot.address == address {
                return Some(Found::whole(slot.entry));
            }
        }
        Some(Found::whole(self.run_v6(address)))
    }

    /// The place of an IPv6 address whose upper 120 bits are no host's.
    fn run_v6(&self, address: u128) -> u32 {
        let upper = (address >> 96) as u32;
        let found = trie::walk(self.trie, self.shape.root_v6, upper);
        let entry = found.map_or(0, |found| found.place(self.trie));
        let Some(TrieEntry::Runs(first)) = TrieEntry::decode(entry) else {
            return entry;
        };
        // Most often there are few runs from here to the next 32 bits: in steps of
        // doubling length to one that is too far, then halving.
        let begins_behind = |run: u32| {
            let run = self.runs_v6.checked(run);
            run.is_none_or(|run| run.address > address)
        };
        let mut step = 1;
        while !begins_behind(first.saturating_add(step)) {
            step *= 2;
        }
        let (mut at, mut end) = (first.saturating_add(step / 2), first.saturating_add(step));
        while end - at > 1 {
            let middle = at + (end - at) / 2;
            if begins_behind(middle) {
                end = middle;
            } else {
                at = middle;
            }
        }
        self.runs_v6.get(at).place
    }
}

/// The low bits of an IPv6 address that the host table leaves to a node.
pub(crate) const LOW_BITS: u32 = 8;

/// The IPv6 host table: open addressing, linear probing, at most three quarters
/// full; a power of two of slots.
#[derive(Clone, Copy)]
pub(crate) struct HostTableV6<'a> {
    pub(crate) slots: Table<'a, HostV6Record>,
    pub(crate) seed: u32,
}

impl HostTableV6<'_> {
    /// The slot at which probing for an address begins, in a table of `slots`. The
    /// low bits do not count.
    #[inline]
    pub(crate) const fn slot(address: u128, seed: u32, slots: u32) -> u32 {
        const K: u64 = 0x9e37_79b9_7f4a_7c15;
        let high = (address >> 64) as u64;
        let low = address as u64 >> LOW_BITS;
        let mixed = (high ^ seed as u64).wrapping_mul(K).rotate_left(32) ^ low;
        let mixed = mixed.wrapping_mul(K);
        ((mixed ^ mixed >> 32) as u32) & slots.wrapping_sub(1)
    }

    /// The slot of the addresses that share the upper bits of one.
    #[inline(always)]
    pub(crate) fn find(&self, address: u128) -> Option<HostV6Record> {
        let len = self.slots.len() as u32;
        let mut at = Self::slot(address, self.seed, len);
        for _ in 0..len {
            let slot = self.slots.checked(at)?;
            // In front of the question whether the slot is empty: most often it is the one.
            let differs = slot.address ^ address;
            let (high, low) = ((differs >> 64) as u64, differs as u64);
            if high | low >> LOW_BITS == 0 {
                return (slot.entry != 0).then_some(slot);
            }
            if slot.entry == 0 {
                return None;
            }
            at = at.wrapping_add(1) & len.wrapping_sub(1);
        }
        None
    }
}
