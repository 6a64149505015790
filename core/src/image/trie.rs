//! Tries: up to 32 bits of an address → place.
//!
//! A node covers 8 or 16 bits and is an array of entries, or, where it has few
//! runs of equal entries, the values at which a run begins, as a bitmap or as a
//! sorted list, and one entry a run. Where all entries are places of one node's pods,
//! none special, and classes have at most 15 bits, they are halves of a word. An entry is a place, or leads to a node that
//! stands in front of its parent: edges point one way, so no walk can loop. Or, for
//! IPv6, it leads to the runs among which to search by more than these bits.
//!
//! ```text
//! entry   0 place(31)                  leaf
//!         1 kind(3) word offset(28)    node
//!         1 7(3)    run(28)            the first run that may hold the address
//! node    word 0: kind << 24 | entries. Offsets lead to word 1.
//!         Popcount: 1 word of ranks, 8 of bitmap; then the entries
//!         Sorted: 1 word, the number of entries; values of 2 bytes, filled up to
//!         a word; then the entries
//!         Halves: 1 word, the base; then 256 halves of places
//! ```

use super::addresses::SPECIAL;
use super::record::{Record, Table};

/// How a node finds the entry for its piece of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// 8 bits; a bitmap of 256 and as many entries as it has ones.
    Popcount,
    /// 8 bits; 256 entries.
    Array8,
    /// 16 bits; 65,536 entries.
    Array16,
    /// 16 bits; a sorted list of values and as many entries.
    Sorted,
    /// 8 bits; 256 places of 2 bytes each, and what some of them have in common.
    Halves,
}

impl NodeKind {
    const fn code(self) -> u32 {
        match self {
            NodeKind::Popcount => 0,
            NodeKind::Array8 => 1,
            NodeKind::Array16 => 2,
            NodeKind::Sorted => 3,
            NodeKind::Halves => 4,
        }
    }

    const fn from_code(code: u32) -> Option<NodeKind> {
        match code {
            0 => Some(NodeKind::Popcount),
            1 => Some(NodeKind::Array8),
            2 => Some(NodeKind::Array16),
            3 => Some(NodeKind::Sorted),
            4 => Some(NodeKind::Halves),
            _ => None,
        }
    }

    /// The bits of the address that a node of the kind consumes.
    pub(crate) const fn stride(self) -> u32 {
        match self {
            NodeKind::Popcount | NodeKind::Array8 | NodeKind::Halves => 8,
            NodeKind::Array16 | NodeKind::Sorted => 16,
        }
    }
}

/// The words of a popcount node in front of its entries: ranks and bitmap.
pub(crate) const POPCOUNT_PREFIX: u32 = 9;

/// The places of a node of halves.
const HALVES: u32 = 256;
/// The words of one: the base, and two places a word.
const HALVES_WORDS: u32 = 1 + HALVES / 2;

/// The words of a sorted node in front of its entries: their number, and the
/// values at which they begin.
pub(crate) const fn sorted_prefix(entries: u32) -> u32 {
    1 + entries.div_ceil(2)
}

/// The number of entries of an array node.
pub(crate) const fn array_len(kind: NodeKind) -> u32 {
    1 << kind.stride()
}

/// What the places of a node of halves have in common. A half has the low 15 bits of its
/// place, and a bit that says whether the others are those of the base, or zeros. All of
/// the class is in a half, and no place is special: so the base, which tells the host,
/// need not be read where it does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HalvesBase(u32);

impl HalvesBase {
    /// The class bits of a place at most.
    pub(crate) const CLASS_BITS: u32 = 15;

    /// The bits of a place that a half has.
    const OWN: u32 = (1 << Self::CLASS_BITS) - 1;
    const HAS_BASE: u32 = 0x8000;

    /// The base that `word` states; `None` if it has bits that halves have, or none may.
    pub(crate) const fn from_word(word: u32) -> Option<HalvesBase> {
        if word & (Self::OWN | NODE_BIT | SPECIAL) == 0 {
            Some(HalvesBase(word))
        } else {
            None
        }
    }

    /// The base by which all `entries` can be told; `None` where one leads to a node, or
    /// two have different high bits.
    pub(crate) fn of_entries(entries: impl IntoIterator<Item = u32>) -> Option<HalvesBase> {
        let high_bits = entries.into_iter().map(|entry| entry & !Self::OWN);
        let mut base = 0;
        for bits in high_bits.filter(|bits| *bits != 0) {
            if base != 0 && bits != base {
                return None;
            }
            base = bits;
        }
        HalvesBase::from_word(base)
    }

    /// The word in front of the halves.
    pub(crate) const fn word(self) -> u32 {
        self.0
    }

    /// The half of a place; `None` where it has other high bits.
    pub(crate) const fn half(self, place: u32) -> Option<u16> {
        let own = (place & Self::OWN) as u16;
        let high_bits = place & !Self::OWN;
        if high_bits == 0 {
            Some(own)
        } else if high_bits == self.0 {
            Some(own | Self::HAS_BASE as u16)
        } else {
            None
        }
    }

    /// The place of a half.
    #[inline(always)]
    const fn place(self, half: u32) -> u32 {
        let base = if half & Self::HAS_BASE != 0 {
            self.0
        } else {
            0
        };
        half & Self::OWN | base
    }
}

/// The node of halves of 256 entries, word 0 and all; `None` where one leads to a
/// node, or where halves do not suffice to tell the places apart.
pub(crate) fn halves_node(
    entries: impl IntoIterator<Item = u32, IntoIter: Clone>,
) -> Option<[u32; 1 + HALVES_WORDS as usize]> {
    let entries = entries.into_iter();
    let base = HalvesBase::of_entries(entries.clone())?;
    let mut node = [0; 1 + HALVES_WORDS as usize];
    let [header, base_word, pairs @ ..] = &mut node;
    *header = node_header(NodeKind::Halves, HALVES);
    *base_word = base.word();
    for (index, entry) in entries.take(HALVES as usize).enumerate() {
        if let Some(pair) = pairs.get_mut(index / 2) {
            *pair |= u32::from(base.half(entry)?) << (16 * (index % 2));
        }
    }
    Some(node)
}

/// An entry of a node, or the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrieEntry {
    /// The place of every address that gets here.
    Leaf(u32),
    /// Where to go on: the offset, in words, of a node's word 1.
    Node(NodeKind, u32),
    /// The last run of IPv6 that begins at or in front of all addresses that get
    /// here.
    Runs(u32),
}

const NODE_BIT: u32 = 1 << 31;
const KIND_SHIFT: u32 = 28;
const RUNS: u32 = 7;
const OFFSET_MASK: u32 = (1 << KIND_SHIFT) - 1;

impl TrieEntry {
    /// The largest offset that an entry can state.
    pub(crate) const MAX_OFFSET: u32 = OFFSET_MASK;

    pub(crate) const fn encode(self) -> u32 {
        match self {
            TrieEntry::Leaf(place) => place & !NODE_BIT,
            TrieEntry::Node(kind, offset) => {
                NODE_BIT | kind.code() << KIND_SHIFT | (offset & OFFSET_MASK)
            }
            TrieEntry::Runs(first) => NODE_BIT | RUNS << KIND_SHIFT | (first & OFFSET_MASK),
        }
    }

    #[inline]
    pub(crate) const fn decode(word: u32) -> Option<TrieEntry> {
        if word & NODE_BIT == 0 {
            return Some(TrieEntry::Leaf(word));
        }
        let target = word & OFFSET_MASK;
        let kind = word >> KIND_SHIFT & 7;
        match (NodeKind::from_code(kind), kind) {
            (Some(kind), _) => Some(TrieEntry::Node(kind, target)),
            (None, RUNS) => Some(TrieEntry::Runs(target)),
            (None, _) => None,
        }
    }
}

/// Word 0 of a node.
pub(crate) const fn node_header(kind: NodeKind, entries: u32) -> u32 {
    kind.code() << 24 | entries
}

/// The ranks word and the bitmap of a popcount node whose runs begin at the set
/// bits of `starts`. Byte `i` of the ranks is the number of ones in front of the
/// 64 bits that begin at `64 * i`.
pub(crate) fn popcount_header(starts: &[u32; 8]) -> [u32; 9] {
    let mut header = [0; 9];
    let mut ones = 0;
    let mut ranks = [0_u8; 4];
    for (rank, pair) in ranks.iter_mut().zip(starts.as_chunks::<2>().0) {
        *rank = ones as u8;
        ones += pair.iter().map(|word| word.count_ones()).sum::<u32>();
    }
    let (first, bitmap) = header.split_at_mut(1);
    if let Some(first) = first.first_mut() {
        *first = u32::from_le_bytes(ranks);
    }
    bitmap.copy_from_slice(starts);
    header
}

/// Where a walk ends.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    /// A place, or a half of one, in which the class is whole and which is not special. It
    /// is no node, unless the trie is damaged.
    pub(crate) entry: u32,
    /// Where the base of a half is, or [`Found::WHOLE`].
    base: u32,
}

impl Found {
    /// Behind all words.
    const WHOLE: u32 = u32::MAX;

    #[inline(always)]
    pub(crate) const fn whole(entry: u32) -> Found {
        Found {
            entry,
            base: Self::WHOLE,
        }
    }

    /// The whole place.
    #[inline(always)]
    pub(crate) fn place(self, words: Table<'_, u32>) -> u32 {
        match words.checked(self.base) {
            Some(base) => HalvesBase(base).place(self.entry),
            None => self.entry,
        }
    }
}

/// Where `bits` lead to from `entry`, the first stride being the highest bits; `None` where
/// a damaged trie leads out of the table.
///
/// Entries are taken apart by hand here, and the most frequent kinds are compared one
/// by one: with [`TrieEntry::decode`] a step takes three times as many instructions,
/// and with a `match` of all kinds it is an indirect jump.
#[inline(always)]
pub(crate) fn walk(words: Table<'_, u32>, mut entry: u32, mut bits: u32) -> Option<Found> {
    // Only a root is one.
    if let Some(offset) = target(entry, NodeKind::Array16) {
        entry = words.checked(offset + (bits >> 16))?;
        // Where there are many addresses, most are found this way.
        if let Some(offset) = target(entry, NodeKind::Array8) {
            entry = words.checked(offset + (bits >> 8 & 0xff))?;
            return last_step(words, entry, bits & 0xff);
        }
        bits <<= 16;
    }
    // Four nodes by 8 bits consume an address. Edges lead in front, but in a damaged image
    // perhaps into a node, where anything may be read as one: so steps are counted.
    for _ in 0..4 {
        if let Some(offset) = target(entry, NodeKind::Array8) {
            entry = words.checked(offset + (bits >> 24))?;
            bits <<= 8;
        } else if let Some(offset) = target(entry, NodeKind::Halves) {
            return half(words, offset, bits >> 24);
        } else if let Some(offset) = target(entry, NodeKind::Popcount) {
            entry = popcount_entry(words, offset, bits >> 24)?;
            bits <<= 8;
        } else if entry & NODE_BIT == 0 {
            break;
        } else {
            entry = last_entry(words, entry, bits)?;
            break;
        }
    }
    Some(Found::whole(entry))
}

/// Where the last 8 bits lead to from `entry`: a node by 8 bits, below which are no others,
/// or none.
#[inline(always)]
pub(crate) fn last_step(words: Table<'_, u32>, entry: u32, index: u32) -> Option<Found> {
    let entry = if let Some(offset) = target(entry, NodeKind::Halves) {
        return half(words, offset, index);
    } else if let Some(offset) = target(entry, NodeKind::Popcount) {
        popcount_entry(words, offset, index)?
    } else if let Some(offset) = target(entry, NodeKind::Array8) {
        words.checked(offset + index)?
    } else {
        entry
    };
    Some(Found::whole(entry))
}

/// The offset of the node that an entry leads to, if it is of a kind.
#[inline(always)]
const fn target(entry: u32, kind: NodeKind) -> Option<u32> {
    let rest = entry ^ (NODE_BIT | kind.code() << KIND_SHIFT);
    if rest <= OFFSET_MASK {
        Some(rest)
    } else {
        None
    }
}

/// The half of `index` (0–255) in the node of halves at `offset`.
#[inline(always)]
fn half(words: Table<'_, u32>, offset: u32, index: u32) -> Option<Found> {
    Some(Found {
        entry: words.half(2 * (offset + 1) + index)?.into(),
        base: offset,
    })
}

/// The place of `index` (0–255) in the node of halves at `offset`.
pub(crate) fn halves_place(words: Table<'_, u32>, offset: u32, index: u32) -> u32 {
    half(words, offset, index).map_or(0, |half| half.place(words))
}

/// The entry that `bits` lead to from `entry`, which is a sorted node or none: below a
/// sorted node are no others. Not inlined: the walk of other nodes would save registers
/// for it.
#[inline(never)]
fn last_entry(words: Table<'_, u32>, entry: u32, bits: u32) -> Option<u32> {
    match TrieEntry::decode(entry) {
        Some(TrieEntry::Node(NodeKind::Sorted, offset)) => sorted_entry(words, offset, bits >> 16),
        _ => Some(entry),
    }
}

/// The entry for `index` (0–255) of the popcount node at `offset`.
#[inline(always)]
fn popcount_entry(words: Table<'_, u32>, offset: u32, index: u32) -> Option<u32> {
    let [ranks, bitmap @ ..] = words.array::<{ POPCOUNT_PREFIX as usize }>(offset)?;
    let quarter = (index >> 6 & 3) as usize;
    let [low, high] = bitmap.as_chunks().0.get(quarter)?;
    let bits = u64::from(u32::decode(low)) | u64::from(u32::decode(high)) << 32;
    let below = u32::decode(ranks) >> (8 * quarter) & 0xff;
    let upto = (bits << (63 - (index & 63))).count_ones();
    let behind = POPCOUNT_PREFIX + below + upto;
    words.checked(offset.wrapping_add(behind).wrapping_sub(1))
}

/// The values of the sorted node at `offset`.
#[inline]
fn sorted_values(words: Table<'_, u32>, offset: u32) -> &[[u8; 2]] {
    let count = words.get(offset);
    let list = words.slice(offset.wrapping_add(1), count.div_ceil(2));
    let (values, _) = list.as_flattened().as_chunks();
    values.get(..count as usize).unwrap_or(&[])
}

/// The runs of the sorted node at `offset`: their first values, and their entries.
#[cfg(feature = "std")]
pub(crate) fn sorted_runs(
    words: Table<'_, u32>,
    offset: u32,
) -> impl Iterator<Item = (u32, u32)> + '_ {
    let values = sorted_values(words, offset);
    let first = offset.wrapping_add(sorted_prefix(values.len() as u32));
    let entries = words.range(first, values.len() as u32);
    values
        .iter()
        .map(|value| u32::from(u16::decode(value)))
        .zip(entries)
}

/// The entry for `value` of the sorted node at `offset`.
fn sorted_entry(words: Table<'_, u32>, offset: u32, value: u32) -> Option<u32> {
    let values = sorted_values(words, offset);
    let upto = values.partition_point(|first| u32::from(u16::decode(first)) <= value);
    let behind = sorted_prefix(values.len() as u32).wrapping_add(upto as u32);
    words.checked(offset.wrapping_add(behind).wrapping_sub(1))
}

/// Walks the nodes in their order, then `roots`. Every node must be sound (as `is_sound`
/// says) and whole, each entry a sound leaf or run or lead to a node in front of its own;
/// else the word at which one is not.
pub(crate) fn validate(
    words: Table<'_, u32>,
    roots: impl IntoIterator<Item = u32>,
    mut is_sound: impl FnMut(TrieEntry) -> bool,
) -> Result<(), u32> {
    let len = words.len() as u32;
    let mut at = 0;
    while at < len {
        let header = words.get(at);
        let kind = NodeKind::from_code(header >> 24).ok_or(at)?;
        let count = header & 0x00ff_ffff;
        let node = at + 1;
        if !is_sound(TrieEntry::Node(kind, node)) {
            return Err(at);
        }
        let (first, entries) = match kind {
            NodeKind::Popcount => {
                let starts = core::array::from_fn(|i| words.get(node + 1 + i as u32));
                let stated = core::array::from_fn(|i| words.get(node + i as u32));
                let ones: u32 = starts.iter().map(|word: &u32| word.count_ones()).sum();
                if ones != count || starts[0] & 1 == 0 || popcount_header(&starts) != stated {
                    return Err(at);
                }
                (node + POPCOUNT_PREFIX, count)
            }
            NodeKind::Array8 | NodeKind::Array16 => {
                if count != array_len(kind) {
                    return Err(at);
                }
                (node, count)
            }
            NodeKind::Sorted => {
                let values = sorted_values(words, node);
                let begins = values.first() == Some(&[0, 0]);
                let is_sorted = values.is_sorted_by_key(u16::decode);
                if values.len() != count as usize || !begins || !is_sorted {
                    return Err(at);
                }
                (node + sorted_prefix(count), count)
            }
            NodeKind::Halves => {
                let has_base = HalvesBase::from_word(words.get(node)).is_some();
                let mut places = (0..HALVES).map(|index| halves_place(words, node, index));
                if count != HALVES
                    || !has_base
                    || !places.all(|place| is_sound(TrieEntry::Leaf(place)))
                {
                    return Err(at);
                }
                (node + HALVES_WORDS, 0)
            }
        };
        let end = first
            .checked_add(entries)
            .filter(|end| *end <= len)
            .ok_or(at)?;
        for entry in first..end {
            let word = words.get(entry);
            let may_lead_here = match TrieEntry::decode(word) {
                Some(TrieEntry::Node(below, _)) => {
                    kind != NodeKind::Sorted && below != NodeKind::Array16
                }
                _ => true,
            };
            if !may_lead_here || !is_sound_entry(words, word, at, &mut is_sound) {
                return Err(entry);
            }
        }
        at = end;
    }
    let is_sound_root = |root| is_sound_entry(words, root, len, &mut is_sound);
    if roots.into_iter().all(is_sound_root) {
        Ok(())
    } else {
        Err(len)
    }
}

/// Whether an entry of a node that begins at word `parent` is sound.
fn is_sound_entry(
    words: Table<'_, u32>,
    word: u32,
    parent: u32,
    is_sound: &mut impl FnMut(TrieEntry) -> bool,
) -> bool {
    match TrieEntry::decode(word) {
        Some(TrieEntry::Node(kind, offset)) => {
            offset >= 1 && offset <= parent && words.get(offset - 1) >> 24 == kind.code()
        }
        Some(entry) => is_sound(entry),
        None => false,
    }
}
