//! Building tries from runs of values.
//!
//! Equal nodes are stored once, if they may be: where the pods of a node have addresses of
//! both families that end alike, they share a node.

use super::arena::{Arena, List, Result, View};
use super::pool::Pool;
use crate::image::record::record;
use crate::image::{
    HalvesBase, NodeKind, POPCOUNT_PREFIX, TrieEntry, array_len, halves_node, node_header,
    popcount_header, sorted_prefix,
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
/// As long as all tries are smaller than this share of the table budget, nodes are what
/// is fastest, not what is smallest: by default 512 KiB, which the second cache of most
/// processors holds.
const FAST_SHARE_OF_BUDGET: usize = 128;
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
    /// Up to how many bytes speed counts more than size.
    fast_bytes: u32,
    /// Whether a half has room for a class.
    halves_suffice: bool,
    /// The nodes that may be shared, by hash: open addressing with linear probing, the
    /// offset of a node or 0.
    slots: List<u32>,
    /// How many more nodes may be in it.
    slots_left: u32,
}

/// What is stored once.
#[derive(Clone, Copy)]
pub(super) enum Sharing {
    /// Nodes that are equal, among as many as this.
    Nodes(u32),
    /// Nothing: what is patched must not be another's as well.
    Nothing,
}

impl Tries {
    /// No node yet. Takes scratch.
    pub(super) fn begin(
        arena: &mut Arena<'_>,
        table_budget: usize,
        class_bits: u32,
        sharing: Sharing,
    ) -> Result<Tries> {
        let most = match sharing {
            Sharing::Nodes(most) => most,
            Sharing::Nothing => 0,
        };
        let slots = arena.scratch((2 * most as usize).next_power_of_two())?;
        arena.fill(slots, 0);
        Ok(Tries {
            start: arena.front(),
            fast_bytes: u32::try_from(table_budget / FAST_SHARE_OF_BUDGET).unwrap_or(u32::MAX),
            halves_suffice: class_bits <= HalvesBase::CLASS_BITS,
            slots,
            slots_left: most,
        })
    }

    /// All nodes; `None` if they are more than an entry can lead to.
    pub(super) fn end(self, arena: &Arena<'_>) -> Option<List<u32>> {
        let len = (arena.front() - self.start) / 4;
        (len <= TrieEntry::MAX_OFFSET).then_some(List::new(self.start, len))
    }

    /// Whether there is room enough to care for speed alone.
    fn may_be_fast(&self, arena: &Arena<'_>) -> bool {
        arena.front() - self.start < self.fast_bytes
    }

    /// Adds a trie over values of `bits` bits; the first run begins at 0. Returns
    /// its root.
    pub(super) fn add(
        &mut self,
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

    /// Adds a node of 8 bits that leads everywhere to one place.
    pub(super) fn add_uniform(&mut self, arena: &mut Arena<'_>, place: u32) -> Result<TrieEntry> {
        let mark = arena.mark();
        let kind = NodeKind::Array8;
        let entries: List<u32> = arena.scratch(array_len(kind) as usize)?;
        arena.fill(entries, TrieEntry::Leaf(place).encode());
        let entry = self.node(arena, kind, entries, 0)?;
        arena.release(mark);
        Ok(entry)
    }

    /// The entry for some values. A node is written behind all nodes that it leads
    /// to.
    fn entry(
        &mut self,
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
    fn sorted_node(
        &mut self,
        arena: &mut Arena<'_>,
        runs: List<Run>,
        first: u32,
    ) -> Result<TrieEntry> {
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
        Ok(TrieEntry::Node(kind, self.once(arena, offset)))
    }

    /// Writes a node: an array as it is asked for, of halves if they suffice; or a bitmap
    /// if that is smaller and not `words_below` are many.
    fn node(
        &mut self,
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
            && self.halves_suffice
            && let Some([header, node @ ..]) = halves_node(arena.view().iter(entries))
        {
            word(arena, header)?;
            let offset = (arena.front() - self.start) / 4;
            for next in node {
                word(arena, next)?;
            }
            return Ok(TrieEntry::Node(NodeKind::Halves, self.once(arena, offset)));
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
        Ok(TrieEntry::Node(kind, self.once(arena, offset)))
    }

    /// The offset of the node that was just written, or of an equal one, in whose favour it
    /// is taken back.
    fn once(&mut self, arena: &mut Arena<'_>, offset: u32) -> u32 {
        let first_byte = |offset: u32| self.start + (offset - 1) * 4;
        let (start, view) = (first_byte(offset), arena.view());
        let written = view.bytes(start, arena.front() - start);
        let mask = self.slots.len.wrapping_sub(1);
        let mut slot = Pool::hash(written) & mask;
        // At most half of the slots are taken, so an empty one comes.
        loop {
            match view.get(self.slots, slot) {
                0 => break,
                other if view.bytes(first_byte(other), written.len() as u32) == written => {
                    arena.take_back(start);
                    return other;
                }
                _ => slot = (slot + 1) & mask,
            }
        }
        if self.slots_left > 0 {
            self.slots_left -= 1;
            arena.set(self.slots, slot, offset);
        }
        offset
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::image::record::Table;
    use crate::image::{SPECIAL, walk};

    /// Runs over all addresses, from distances between their beginnings that are drawn
    /// again and again; places of `hosts` hosts.
    fn runs(count: u32, distances: &[u32], hosts: u32) -> Vec<Run> {
        let mut random = 7_u32;
        let mut next = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random >> 12
        };
        let mut first = 0_u32;
        let mut runs = Vec::new();
        for _ in 0..count {
            let entry = TrieEntry::Leaf((next() % 300) | ((next() % hosts) << 16)).encode();
            runs.push(Run { first, entry });
            let distance = 1 + next() % distances[next() as usize % distances.len()];
            match first.checked_add(distance) {
                Some(sum) => first = sum,
                None => break,
            }
        }
        runs
    }

    #[test]
    fn every_kind_of_node_leads_to_the_run() {
        let mut kinds = BTreeSet::new();
        let mut memory = vec![0xaa; 64 << 20];
        for (count, distances, hosts) in [
            (1, &[1][..], 1),
            (3, &[1 << 30], 1),
            (200, &[1 << 24], 1),
            (900, &[2, 4, 1 << 10], 1),
            (900, &[2, 4, 1 << 10], 9),
            (60_000, &[1 << 16], 1),
            (60_000, &[3, 5, 200], 1),
            (60_000, &[3, 5, 200], 9),
            (60_000, &[900, 1 << 16], 9),
        ] {
            let runs = runs(count, distances, hosts);
            for table_budget in [0, 1 << 20, usize::MAX] {
                let mut arena = Arena::new(&mut memory);
                let list: List<Run> = arena.scratch(runs.len()).unwrap();
                for (index, run) in (0..).zip(&runs) {
                    arena.set(list, index, *run);
                }
                let sharing = Sharing::Nodes(1 << 10);
                let mut tries = Tries::begin(&mut arena, table_budget, 8, sharing).unwrap();
                let root = tries.add(&mut arena, 32, list).unwrap();
                let nodes: Vec<[u8; 4]> = {
                    let words = tries.end(&arena).unwrap();
                    arena.view().cells(words).to_vec()
                };
                let table = Table::new(nodes.as_flattened());
                crate::image::validate_tries(table, [root.encode()], |entry| {
                    !matches!(entry, TrieEntry::Runs(_))
                })
                .unwrap();
                for (index, run) in runs.iter().enumerate() {
                    let end = runs.get(index + 1).map_or(u32::MAX, |next| next.first - 1);
                    for address in [run.first, run.first.midpoint(end), end] {
                        let found = walk(table, root.encode(), address).unwrap();
                        let place = found.place(table);
                        assert_eq!(place, run.entry, "{address:08x} of {count} {distances:?}");
                        // Classes have 15 bits at most.
                        assert_eq!(found.entry & 0x7fff, run.entry & 0x7fff);
                    }
                }
                collect_kinds(table, root.encode(), &mut kinds);
            }
        }
        let all = ["Array16", "Array8", "Halves", "Popcount", "Sorted"];
        assert_eq!(Vec::from_iter(kinds), all, "every kind was there");
    }

    #[test]
    fn equal_nodes_are_stored_once_if_they_may_be() {
        let mut memory = vec![0; 1 << 20];
        let mut roots = |sharing| {
            let mut arena = Arena::new(&mut memory);
            let few = runs(40, &[3, 5], 1);
            let list: List<Run> = arena.scratch(few.len()).unwrap();
            for (index, run) in (0..).zip(&few) {
                arena.set(list, index, *run);
            }
            let mut tries = Tries::begin(&mut arena, usize::MAX, 8, sharing).unwrap();
            let mut root = || tries.add(&mut arena, 8, list).unwrap();
            let roots = [root(), root(), root()];
            (roots, tries.end(&arena).unwrap().len)
        };
        let (own, own_len) = roots(Sharing::Nothing);
        assert!(own[0] != own[1] && own[1] != own[2]);
        for most in [1, 2, 100] {
            let (shared, shared_len) = roots(Sharing::Nodes(most));
            assert_eq!(shared, [own[0]; 3]);
            assert_eq!(3 * shared_len, own_len);
        }
    }

    #[test]
    fn halves_hold_whole_classes_of_places_that_are_not_special() {
        let mut memory = vec![0; 1 << 20];
        let mut kind = |class_bits, places: &dyn Fn(u32) -> u32| {
            let mut arena = Arena::new(&mut memory);
            let list: List<Run> = arena.scratch(100).unwrap();
            for first in 0..100 {
                let entry = TrieEntry::Leaf(places(first)).encode();
                arena.set(list, first, Run { first, entry });
            }
            let mut tries = Tries::begin(&mut arena, 0, class_bits, Sharing::Nothing).unwrap();
            match tries.add(&mut arena, 8, list).unwrap() {
                TrieEntry::Node(kind, _) => kind,
                entry => panic!("{entry:?}"),
            }
        };
        let plain = |first| first + 1;
        assert_eq!(kind(15, &plain), NodeKind::Halves);
        assert_eq!(kind(16, &plain), NodeKind::Popcount);
        assert_eq!(
            kind(15, &|first| plain(first) | SPECIAL),
            NodeKind::Popcount
        );
    }

    /// The kinds of nodes, by the words in front of them.
    fn collect_kinds(words: Table<'_, u32>, root: u32, kinds: &mut BTreeSet<std::string::String>) {
        let entries = words.iter().chain([root]);
        for entry in entries.filter_map(TrieEntry::decode) {
            if let TrieEntry::Node(kind, offset) = entry
                && offset > 0
                && words.get(offset - 1) >> 24 == node_header(kind, 0) >> 24
            {
                kinds.insert(std::format!("{kind:?}"));
            }
        }
    }
}
