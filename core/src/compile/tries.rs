//! Building tries from runs of values.

use super::arena::{Arena, List, Result, View};
use crate::image::record::record;
use crate::image::{
    NodeKind, POPCOUNT_PREFIX, TrieEntry, array_len, halves_node, node_header, popcount_header,
    sorted_prefix,
};

/// From this many entries on an array of 256 takes less than twice the room of a
/// bitmap and entries, and is one load nearer.
const ARRAY_ENTRIES: u32 = 120;
/// The same for halves of words.
const HALVES_ENTRIES: u32 = 54;
/// Or where so many words lie below the node that an array of 256 does not double them:
/// many addresses pass it.
const ARRAY_WORDS_BELOW: u32 = 256;
/// From this many runs on the root is an array of 65,536.
const WIDE_ROOT_RUNS: u32 = 4096;
/// As long as all tries have fewer words, nodes are what is fastest, not what is
/// smallest: 512 KiB, which the second cache of most processors holds.
const FAST_WORDS: u32 = 1 << 17;
/// Beyond, a list of runs is preferred to nodes of 8 bits that take this many times its
/// room, as long as it can be searched in ten steps.
const SORTED_GAIN: u32 = 3;
const MAX_SORTED_RUNS: u32 = 1 << 10;

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

    /// Whether there is room enough to care for speed alone.
    fn may_be_fast(&self, arena: &Arena<'_>) -> bool {
        arena.front() - self.start < 4 * FAST_WORDS
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
        if bits == 16
            && kind == NodeKind::Array8
            && !self.may_be_fast(arena)
            && let Some(inside) =
                sorted_is_better(arena.view(), runs.slice(run, runs.len - run), last)
        {
            return self.sorted_node(arena, inside, first);
        }
        let mark = arena.mark();
        let front = arena.front();
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
        let words_below = (arena.front() - front) / 4;
        let entry = self.node(arena, kind, entries, words_below)?;
        arena.release(mark);
        Ok(entry)
    }

    /// Writes the sorted node of the values from `first`, which `runs` begins with.
    fn sorted_node(&self, arena: &mut Arena<'_>, runs: List<Run>, first: u32) -> Result<TrieEntry> {
        let kind = NodeKind::Sorted;
        arena.append(&node_header(kind, runs.len).to_le_bytes())?;
        let offset = (arena.front() - self.start) / 4;
        arena.append(&runs.len.to_le_bytes())?;
        for index in 0..runs.len.next_multiple_of(2) {
            // A value of a run in front belongs to the first as well.
            let run = arena.get(runs, index.min(runs.len - 1)).first.max(first);
            arena.append(&(run as u16).to_le_bytes())?;
        }
        for index in 0..runs.len {
            let entry = arena.get(runs, index).entry;
            arena.append(&entry.to_le_bytes())?;
        }
        Ok(TrieEntry::Node(kind, offset))
    }

    /// Writes a node: an array as it is asked for, of halves if they suffice; or a bitmap
    /// if that is smaller and not `words_below` are many.
    fn node(
        &self,
        arena: &mut Arena<'_>,
        kind: NodeKind,
        entries: List<u32>,
        words_below: u32,
    ) -> Result<TrieEntry> {
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
        let may_be_fast = self.may_be_fast(arena);
        if (count >= HALVES_ENTRIES || may_be_fast)
            && kind == NodeKind::Array8
            && let Some([header, node @ ..]) = halves_node(arena.view().iter(entries))
        {
            word(arena, header)?;
            let offset = (arena.front() - self.start) / 4;
            for next in node {
                word(arena, next)?;
            }
            return Ok(TrieEntry::Node(NodeKind::Halves, offset));
        }
        let is_small = count < ARRAY_ENTRIES && words_below < ARRAY_WORDS_BELOW && !may_be_fast;
        let kind = match kind {
            NodeKind::Array8 if is_small => NodeKind::Popcount,
            kind => kind,
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

/// The runs up to the value `last`, if a sorted list of them is much smaller than
/// two levels of nodes of 8 bits. The values, 16 bits of them, begin in the first
/// run.
fn sorted_is_better(view: View<'_>, runs: List<Run>, last: u32) -> Option<List<Run>> {
    let inside = view
        .iter(runs)
        .take(MAX_SORTED_RUNS as usize + 1)
        .take_while(|run| run.first <= last)
        .count() as u32;
    if inside > MAX_SORTED_RUNS {
        return None;
    }
    let node_words =
        |entries: u32| 1 + (POPCOUNT_PREFIX + entries).min(array_len(NodeKind::Array8));
    let runs = runs.slice(0, inside);
    // A value of 8 bits needs a node if a run begins inside it, not with it.
    let (mut words, mut upper, mut in_node) = (0, 1, 0);
    let mut node = None;
    for run in view.iter(runs).skip(1) {
        let byte = run.first >> 8;
        if node != Some(byte) && run.first & 0xff != 0 {
            words += if in_node > 0 {
                node_words(in_node + 1)
            } else {
                0
            };
            (node, in_node) = (Some(byte), 0);
            upper += 1;
        }
        in_node += u32::from(node == Some(byte));
        upper += u32::from(node != Some(byte));
    }
    words += if in_node > 0 {
        node_words(in_node + 1)
    } else {
        0
    };
    words += node_words(upper);
    let sorted_words = 1 + sorted_prefix(inside) + inside;
    (words > SORTED_GAIN * sorted_words).then_some(runs)
}

/// The values that share all but the `bits` low bits with `first`, which is in run
/// `run`.
#[derive(Clone, Copy)]
struct Values {
    first: u32,
    bits: u32,
    run: u32,
}
