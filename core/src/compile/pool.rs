//! Byte strings that are stored once: names, label sets, lists of anything.
//!
//! A pool numbers the distinct strings in the order of their first appearance,
//! so what is compiled depends on the order of the facts alone, never on hashes.

use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::arena::{Arena, List, Result, View};
use super::growing::Growing;
use crate::image::record::{Record, record};

record! {
    struct Entry { start, len, hash }
}

/// A set of byte strings in the arena, each with a number.
pub(crate) struct Pool {
    entries: Growing<Entry>,
    /// Open addressing with linear probing: the number of an entry plus 1, or 0.
    slots: List<u32>,
}

impl Pool {
    const FIRST_SLOTS: usize = 64;

    pub(crate) fn new() -> Pool {
        Pool {
            entries: Growing::new(),
            slots: List::default(),
        }
    }

    /// The number of strings.
    pub(crate) fn len(&self) -> u32 {
        self.entries.len()
    }

    /// The string of a number.
    #[inline]
    pub(crate) fn bytes<'v>(&self, view: View<'v>, id: u32) -> &'v [u8] {
        let entry = self.entries.get(view, id);
        view.bytes(entry.start, entry.len)
    }

    /// The string of a number, as a list of records.
    #[inline]
    pub(crate) fn list<R: Record>(&self, view: View<'_>, id: u32) -> List<R> {
        let entry = self.entries.get(view, id);
        List::new(entry.start, entry.len / R::WIDTH as u32)
    }

    /// A number that tells most strings apart.
    pub(super) fn hash(bytes: &[u8]) -> u32 {
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(bytes);
        hasher.finish() as u32
    }

    /// The number of a string that may be there.
    pub(crate) fn find(&self, view: View<'_>, bytes: &[u8]) -> Option<u32> {
        self.probe(view, bytes, Self::hash(bytes)).ok()
    }

    /// The number of a string, or the slot where it would stand.
    fn probe(&self, view: View<'_>, bytes: &[u8], hash: u32) -> core::result::Result<u32, u32> {
        let mask = self.slots.len.wrapping_sub(1);
        let mut slot = hash & mask;
        // At most three quarters of the slots are taken, so an empty one comes.
        for _ in 0..self.slots.len {
            let Some(id) = view.get(self.slots, slot).checked_sub(1) else {
                return Err(slot);
            };
            let entry = self.entries.get(view, id);
            if entry.hash == hash && view.bytes(entry.start, entry.len) == bytes {
                return Ok(id);
            }
            slot = (slot + 1) & mask;
        }
        Err(slot)
    }

    /// The number of a string; stores a copy if it is new.
    pub(crate) fn intern(&mut self, arena: &mut Arena<'_>, bytes: &[u8]) -> Result<u32> {
        self.grow(arena)?;
        let hash = Self::hash(bytes);
        match self.probe(arena.view(), bytes, hash) {
            Ok(id) => Ok(id),
            Err(slot) => {
                let start = arena.front();
                arena.append(bytes)?;
                self.insert(
                    arena,
                    slot,
                    Entry {
                        start,
                        len: bytes.len() as u32,
                        hash,
                    },
                )
            }
        }
    }

    /// The number of the string that a record is.
    pub(crate) fn intern_record<R: Record>(
        &mut self,
        arena: &mut Arena<'_>,
        record: R,
    ) -> Result<u32> {
        self.intern(arena, R::bytes(&record.encode()))
    }

    /// The number of a record that may be there.
    pub(crate) fn find_record<R: Record>(&self, view: View<'_>, record: R) -> Option<u32> {
        self.find(view, R::bytes(&record.encode()))
    }

    /// The string of a number that is one record.
    pub(crate) fn record<R: Record>(&self, view: View<'_>, id: u32) -> R {
        view.get(self.list(view, id), 0)
    }

    /// The number of the string that a list in the arena spells; stores a copy if
    /// it is new.
    pub(crate) fn intern_list<R: Record>(
        &mut self,
        arena: &mut Arena<'_>,
        list: List<R>,
    ) -> Result<u32> {
        self.grow(arena)?;
        let len = list.len * R::WIDTH as u32;
        let view = arena.view();
        let bytes = view.bytes(list.start, len);
        let hash = Self::hash(bytes);
        match self.probe(view, bytes, hash) {
            Ok(id) => Ok(id),
            Err(slot) => {
                let start = arena.front();
                arena.append_copy(list.start, len)?;
                self.insert(arena, slot, Entry { start, len, hash })
            }
        }
    }

    fn insert(&mut self, arena: &mut Arena<'_>, slot: u32, entry: Entry) -> Result<u32> {
        let id = self.entries.push(arena, entry)?;
        arena.set(self.slots, slot, id + 1);
        Ok(id)
    }

    /// Doubles the slots when three quarters are taken. The old ones are left
    /// behind: all of them together are smaller than the new.
    fn grow(&mut self, arena: &mut Arena<'_>) -> Result<()> {
        if (self.entries.len() + 1) as usize * 4 <= self.slots.len as usize * 3 {
            return Ok(());
        }
        let len = (self.slots.len as usize * 2).max(Self::FIRST_SLOTS);
        self.slots = arena.list(len)?;
        let mask = self.slots.len - 1;
        for id in 0..self.entries.len() {
            let mut slot = self.entries.get(arena.view(), id).hash & mask;
            while arena.get(self.slots, slot) != 0 {
                slot = (slot + 1) & mask;
            }
            arena.set(self.slots, slot, id + 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn strings_are_numbered_in_order_and_stored_once() {
        let mut memory = vec![0xaa; 1 << 16];
        let mut arena = Arena::new(&mut memory);
        let mut pool = Pool::new();
        for round in 0..2 {
            for i in 0..500_u32 {
                let id = if round == 0 {
                    pool.intern(&mut arena, &i.to_le_bytes()).unwrap()
                } else {
                    let mark = arena.mark();
                    let list = arena.scratch(1).unwrap();
                    arena.set(list, 0, i);
                    let id = pool.intern_list(&mut arena, list).unwrap();
                    arena.release(mark);
                    id
                };
                assert_eq!(id, i);
            }
        }
        assert_eq!(pool.len(), 500);
        assert_eq!(pool.bytes(arena.view(), 7), 7_u32.to_le_bytes());
        assert_eq!(pool.find(arena.view(), b"no"), None);
    }
}
