//! Building tries from runs of values.

use super::arena::{Arena, List, Result};
use crate::image::record::record;
use crate::image::{NodeKind, TrieEntry, array_len, node_header, popcount_header};

/// From this many entries on an array of 256 is smaller, or not much larger, than
/// a bitmap and entries, and one load nearer.
const ARRAY_ENTRIES: u32 = 48;
/// From this many runs on the root is an array of 65,536.
const WIDE_ROOT_RUNS: u32 = 4096;

record! {
    /// The first of some values that share an entry: a leaf, or where to search on.
    /// Values are bits of an address.
    pub(super) struct Run { first, entry }
}

/// Nodes, as they are appended to the arena. Nothing else may be appended while
/// they are made, so all runs are scratch.
pub(super) struct Tries {
    /// Where the words begin.
    start: u32,
}

impl Tries {
    /// No node yet.
    pub(super) fn begin(arena: &Arena<'_>) -> Tries {
        Tries {
            start: arena.front(),
        }
    }

    /// All nodes; `None` if they are more than an entry can lead to.
    pub(super) fn end(self, arena: &Arena<'_>) -> Option<List<u32>> {
        let len = (arena.front() - self.start) / 4;
        (len <= TrieEntry::MAX_OFFSET).then_some(List::new(self.start, len))
    }

    /// Adds a trie over values of `bits` bits; the first run begins at 0. Returns
    /// its root.
    pub(super) fn add(
        &self,
        arena: &mut Arena<'_>,
        bits: u32,
        runs: List<Run>,
    ) -> Result<TrieEntry> {
        let root = if bits == 32 && runs.len > WIDE_ROOT_RUNS {
            NodeKind::Array16
        } else {
            NodeKind::Array8
        };
        let all = Values {
            first: 0,
            bits,
            run: 0,
        };
        self.entry(arena, runs, all, root)
    }

    /// The entry for some values. A node is written behind all nodes that it leads
    /// to.
    fn entry(
        &self,
        arena: &mut Arena<'_>,
        runs: List<Run>,
        values: Values,
        kind: NodeKind,
    ) -> Result<TrieEntry> {
        let Values {
            first,
            bits,
            mut run,
        } = values;
        let next_run = |arena: &Arena<'_>, run: u32| {
            (run + 1 < runs.len).then(|| arena.get(runs, run + 1).first)
        };
        let shared = |arena: &Arena<'_>, run: u32| {
            TrieEntry::decode(arena.get(runs, run).entry).unwrap_or(TrieEntry::Leaf(0))
        };
        let last = first | ((1_u64 << bits) - 1) as u32;
        if next_run(arena, run).is_none_or(|next| next > last) {
            return Ok(shared(arena, run));
        }
        let mark = arena.mark();
        let entries: List<u32> = arena.scratch(array_len(kind) as usize)?;
        let bits = bits - kind.stride();
        for index in 0..entries.len {
            let first = first | index << bits;
            while next_run(arena, run).is_some_and(|next| next <= first) {
                run += 1;
            }
            let entry = if bits == 0 {
                shared(arena, run)
            } else {
                self.entry(arena, runs, Values { first, bits, run }, NodeKind::Array8)?
            };
            arena.set(entries, index, entry.encode());
        }
        let entry = self.node(arena, kind, entries)?;
        arena.release(mark);
        Ok(entry)
    }

    /// Writes a node: an array as it is asked for, or a bitmap if that is smaller.
    fn node(&self, arena: &mut Arena<'_>, kind: NodeKind, entries: List<u32>) -> Result<TrieEntry> {
        let mut starts = [0_u32; 8];
        let mut count = 0;
        let mut last = None;
        for (index, entry) in arena.view().iter(entries).enumerate() {
            if last != Some(entry) {
                last = Some(entry);
                count += 1;
                if let Some(word) = starts.get_mut(index / 32) {
                    *word |= 1 << (index % 32);
                }
            }
        }
        let word = |arena: &mut Arena<'_>, word: u32| arena.append(&word.to_le_bytes());
        let kind = if kind == NodeKind::Array8 && count < ARRAY_ENTRIES {
            NodeKind::Popcount
        } else {
            kind
        };
        let kept = if kind == NodeKind::Popcount {
            count
        } else {
            entries.len
        };
        word(arena, node_header(kind, kept))?;
        let offset = (arena.front() - self.start) / 4;
        if kind == NodeKind::Popcount {
            for header in popcount_header(&starts) {
                word(arena, header)?;
            }
        }
        let mut last = None;
        for index in 0..entries.len {
            let entry = arena.get(entries, index);
            if kind != NodeKind::Popcount || last != Some(entry) {
                word(arena, entry)?;
            }
            last = Some(entry);
        }
        Ok(TrieEntry::Node(kind, offset))
    }
}

/// The values that share all but the `bits` low bits with `first`, which is in run
/// `run`.
#[derive(Clone, Copy)]
struct Values {
    first: u32,
    bits: u32,
    run: u32,
}
