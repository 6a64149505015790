//! The IPv4 trie: address → place.
//!
//! A node covers 8 or 16 bits of the address and is an array of entries, or,
//! where it has few runs of equal entries, a bitmap of the addresses at which a
//! run begins, and one entry a run. An entry is a place, or leads to a node that
//! stands in front of its parent: edges point one way, so no walk can loop.
//!
//! ```text
//! entry   0 place(31)                  leaf
//!         1 kind(2) word offset(29)    node
//! node    word 0: kind << 24 | entries; then for Popcount 1 word of ranks and
//!         8 of bitmap; then the entries. Offsets lead to word 1.
//! ```

use super::record::Table;

/// How a node finds the entry for its piece of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// 8 bits; a bitmap of 256 and as many entries as it has ones.
    Popcount,
    /// 8 bits; 256 entries.
    Array8,
    /// 16 bits; 65,536 entries.
    Array16,
}

impl NodeKind {
    const fn code(self) -> u32 {
        match self {
            NodeKind::Popcount => 0,
            NodeKind::Array8 => 1,
            NodeKind::Array16 => 2,
        }
    }

    const fn from_code(code: u32) -> Option<NodeKind> {
        match code {
            0 => Some(NodeKind::Popcount),
            1 => Some(NodeKind::Array8),
            2 => Some(NodeKind::Array16),
            _ => None,
        }
    }

    /// The bits of the address that a node of the kind consumes.
    pub(crate) const fn stride(self) -> u32 {
        match self {
            NodeKind::Popcount | NodeKind::Array8 => 8,
            NodeKind::Array16 => 16,
        }
    }
}

/// The words of a popcount node in front of its entries: ranks and bitmap.
pub(crate) const POPCOUNT_PREFIX: u32 = 9;

/// The number of entries of an array node.
pub(crate) const fn array_len(kind: NodeKind) -> u32 {
    1 << kind.stride()
}

/// An entry of a node, or the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrieEntry {
    /// The place of every address that gets here.
    Leaf(u32),
    /// Where to go on: the offset, in words, of a node's word 1.
    Node(NodeKind, u32),
}

const NODE_BIT: u32 = 1 << 31;
const OFFSET_MASK: u32 = (1 << 29) - 1;

impl TrieEntry {
    /// The largest offset that an entry can state.
    pub(crate) const MAX_OFFSET: u32 = OFFSET_MASK;

    pub(crate) const fn encode(self) -> u32 {
        match self {
            TrieEntry::Leaf(place) => place & !NODE_BIT,
            TrieEntry::Node(kind, offset) => NODE_BIT | kind.code() << 29 | (offset & OFFSET_MASK),
        }
    }

    #[inline]
    pub(crate) const fn decode(word: u32) -> Option<TrieEntry> {
        if word & NODE_BIT == 0 {
            return Some(TrieEntry::Leaf(word));
        }
        match NodeKind::from_code(word >> 29 & 3) {
            Some(kind) => Some(TrieEntry::Node(kind, word & OFFSET_MASK)),
            None => None,
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

/// The place of an IPv4 address; 0 where the trie is damaged.
#[inline]
pub(crate) fn lookup(words: Table<'_, u32>, root: u32, address: u32) -> u32 {
    let mut entry = root;
    let mut rest = address;
    // Four strides of 8 bits consume the address: no node can be met after them.
    for _ in 0..5 {
        match TrieEntry::decode(entry) {
            Some(TrieEntry::Leaf(place)) => return place,
            Some(TrieEntry::Node(kind, offset)) => {
                let index = rest >> (32 - kind.stride());
                rest = rest.wrapping_shl(kind.stride());
                let at = match kind {
                    NodeKind::Popcount => popcount_entry(words, offset, index),
                    NodeKind::Array8 | NodeKind::Array16 => index,
                };
                entry = words.get(offset.wrapping_add(at));
            }
            None => return 0,
        }
    }
    0
}

/// The offset behind `node` of the entry for `index` (0–255).
#[inline]
fn popcount_entry(words: Table<'_, u32>, node: u32, index: u32) -> u32 {
    let quarter = index >> 6;
    let low = words.get(node.wrapping_add(1 + 2 * quarter));
    let high = words.get(node.wrapping_add(2 + 2 * quarter));
    let bits = u64::from(low) | u64::from(high) << 32;
    let below = words.get(node) >> (8 * quarter) & 0xff;
    let upto = (bits << (63 - (index & 63))).count_ones();
    (POPCOUNT_PREFIX + below + upto).wrapping_sub(1)
}

/// Walks the nodes in their order and hands each entry to `leaf`; false if a node
/// is cut off, or an entry leads anywhere but to a node in front of its own.
pub(crate) fn validate(
    words: Table<'_, u32>,
    root: u32,
    mut leaf: impl FnMut(u32) -> bool,
) -> Result<(), u32> {
    let len = words.len() as u32;
    let mut at = 0;
    while at < len {
        let header = words.get(at);
        let kind = NodeKind::from_code(header >> 24).ok_or(at)?;
        let count = header & 0x00ff_ffff;
        let node = at + 1;
        let first = match kind {
            NodeKind::Popcount => {
                let starts = core::array::from_fn(|i| words.get(node + 1 + i as u32));
                let stated = core::array::from_fn(|i| words.get(node + i as u32));
                let ones: u32 = starts.iter().map(|word: &u32| word.count_ones()).sum();
                if ones != count || starts[0] & 1 == 0 || popcount_header(&starts) != stated {
                    return Err(at);
                }
                node + POPCOUNT_PREFIX
            }
            NodeKind::Array8 | NodeKind::Array16 => {
                if count != array_len(kind) {
                    return Err(at);
                }
                node
            }
        };
        let end = first
            .checked_add(count)
            .filter(|end| *end <= len)
            .ok_or(at)?;
        for entry in first..end {
            if !is_sound(words, words.get(entry), at, &mut leaf) {
                return Err(entry);
            }
        }
        at = end;
    }
    if is_sound(words, root, len, &mut leaf) {
        Ok(())
    } else {
        Err(len)
    }
}

/// Whether an entry of a node that begins at word `parent` is sound.
fn is_sound(
    words: Table<'_, u32>,
    word: u32,
    parent: u32,
    leaf: &mut impl FnMut(u32) -> bool,
) -> bool {
    match TrieEntry::decode(word) {
        Some(TrieEntry::Leaf(place)) => leaf(place),
        Some(TrieEntry::Node(kind, offset)) => {
            offset >= 1 && offset <= parent && words.get(offset - 1) >> 24 == kind.code()
        }
        None => false,
    }
}
