//! Giving single addresses other places: in the tries and in the IPv6 host table.
//!
//! An entry is changed where it stands, as far as its node has one for just this
//! value. Else the node is written anew behind all others, and what leads to it is
//! changed; the old one stays behind, unused, until the next rebuild. So an address
//! that comes and goes costs memory once.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::tables::{Records, Tables};
use crate::address::{to_bits, unmapped};
use crate::image::record::Table;
use crate::image::tables::{HostV6Record, RunV6Record};
use crate::image::{
    HalvesBase, HostTableV6, LOW_BITS, NodeKind, POPCOUNT_PREFIX, TrieEntry, halves_place,
    node_header, popcount_header, sorted_runs,
};

/// From this many entries on a node that is written anew is an array: unlike when
/// everything is compiled, it is likely to be changed again soon, and an array can
/// be changed in place.
const ARRAY_ENTRIES: u32 = 24;
/// The fewest slots of a host table.
const FEWEST_SLOTS: u32 = 64;

impl Tables {
    /// Gives a place to one address, which is canonical.
    pub(super) fn set_place(&mut self, address: IpAddr, place: u32) {
        let bits = to_bits(address);
        match unmapped(bits) {
            Some(v4) => {
                let root = self.shape.root_v4;
                self.shape.root_v4 = set_in_trie(&mut self.trie, root, (v4, 32), place);
            }
            None => self.set_place_v6(bits, place),
        }
    }

    fn set_place_v6(&mut self, address: u128, place: u32) {
        // At most three quarters of the slots are taken.
        if (self.hosts_v6_taken + 1) * 4 > self.hosts_v6.len() * 3 {
            self.grow_hosts_v6();
        }
        let slot = self.slot_of(address);
        let mut record = self.hosts_v6.get(slot);
        if record.entry == 0 {
            self.hosts_v6_taken += 1;
            record = HostV6Record {
                address,
                entry: place,
            };
        } else if record.address == address && record.entry >> 31 == 0 {
            record.entry = place;
        } else {
            if record.entry >> 31 == 0 {
                let ground = self.ground_v6(address >> LOW_BITS << LOW_BITS);
                let low = (record.address as u32) << (32 - LOW_BITS);
                record.entry = set_in_trie(&mut self.trie, ground, (low, LOW_BITS), record.entry);
            }
            let low = (address as u32) << (32 - LOW_BITS);
            record.entry = set_in_trie(&mut self.trie, record.entry, (low, LOW_BITS), place);
        }
        self.hosts_v6.set(slot, record);
    }

    /// The slot of the /120 of an address, or the empty one where it would stand.
    fn slot_of(&self, address: u128) -> u32 {
        let mask = self.hosts_v6.len().wrapping_sub(1);
        let mut slot = HostTableV6::slot(address, self.shape.seed_v6, self.hosts_v6.len());
        loop {
            let record = self.hosts_v6.get(slot);
            if record.entry == 0 || (record.address ^ address) >> LOW_BITS == 0 {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow_hosts_v6(&mut self) {
        let len = (self.hosts_v6.len() * 2).max(FEWEST_SLOTS);
        let old = core::mem::replace(&mut self.hosts_v6, Records::zeros(len as usize));
        for record in old.iter().filter(|record| record.entry != 0) {
            let slot = self.slot_of(record.address);
            self.hosts_v6.set(slot, record);
        }
    }

    /// The entry of a /120 without hosts, which begins at `first`: the places of its
    /// regions.
    fn ground_v6(&mut self, first: u128) -> u32 {
        let runs = self.runs_v6.table();
        let entries = core::array::from_fn(|low| place_in(runs, first | low as u128));
        node_or_leaf(&mut self.trie, &entries)
    }
}

/// The place of an address among sorted runs.
fn place_in(runs: Table<'_, RunV6Record>, address: u128) -> u32 {
    let behind = runs.partition_point(|run| run.address <= address);
    runs.get(behind.wrapping_sub(1)).place
}

/// Sets the leaf of one value in the trie that begins at `entry`: the value's bits,
/// the first stride being the highest, and how many there are. Returns where the
/// trie begins now.
fn set_in_trie(words: &mut Records<u32>, entry: u32, (bits, len): (u32, u32), leaf: u32) -> u32 {
    if len == 0 {
        return leaf;
    }
    let node = match TrieEntry::decode(entry) {
        Some(TrieEntry::Node(kind, offset)) => Some((kind, offset)),
        _ => None,
    };
    if let Some((NodeKind::Sorted, offset)) = node {
        let spread = spread(words, offset);
        return set_in_trie(words, spread, (bits, len), leaf);
    }
    let stride = node.map_or(8, |(kind, _)| kind.stride());
    let index = bits >> (32 - stride);
    let below = match node {
        Some((NodeKind::Popcount, offset)) => {
            words.get(offset + POPCOUNT_PREFIX + run_of(words, offset, index))
        }
        Some((NodeKind::Halves, offset)) => halves_place(words.table(), offset, index),
        Some((_, offset)) => words.get(offset + index),
        None => entry,
    };
    let rest = (bits.wrapping_shl(stride), len - stride);
    let below_now = set_in_trie(words, below, rest, leaf);
    if below_now == below {
        return entry;
    }
    let is_set = match node {
        Some((NodeKind::Popcount, offset)) => {
            let is_alone = starts_run(words, offset, index) && starts_run(words, offset, index + 1);
            if is_alone {
                let run = offset + POPCOUNT_PREFIX + run_of(words, offset, index);
                words.set(run, below_now);
            }
            is_alone
        }
        Some((NodeKind::Halves, offset)) => set_half(words, offset, index, below_now),
        Some((_, offset)) => {
            words.set(offset + index, below_now);
            true
        }
        None => false,
    };
    if is_set {
        entry
    } else {
        write_anew(words, entry, index, below_now)
    }
}

/// Writes a node of 8 bits anew, or makes one of a leaf, with another entry at `index`.
/// Returns its entry.
#[cold]
fn write_anew(words: &mut Records<u32>, entry: u32, index: u32, entry_there: u32) -> u32 {
    let mut starts = [0; 8];
    let mut entries = [entry; 256];
    match TrieEntry::decode(entry) {
        Some(TrieEntry::Node(NodeKind::Popcount, offset)) => {
            for (index, entry) in (0..).zip(&mut entries) {
                *entry = words.get(offset + POPCOUNT_PREFIX + run_of(words, offset, index));
            }
            starts = core::array::from_fn(|word| words.get(offset + 1 + word as u32));
        }
        Some(TrieEntry::Node(NodeKind::Halves, offset)) => {
            for (index, entry) in (0..).zip(&mut entries) {
                *entry = halves_place(words.table(), offset, index);
            }
            // What is an array can be changed in place ever after.
            starts = [u32::MAX; 8];
        }
        _ => {}
    }
    if let Some(changed) = entries.get_mut(index as usize) {
        *changed = entry_there;
    }
    // Runs that begin once do so for ever, even beside equal ones: else what comes and
    // goes would have the node written anew each time.
    for start in [0, index, index + 1] {
        start_run(&mut starts, start);
    }
    append_node(words, &entries, &starts)
}

/// Gives `index` another place in a node of halves, if its base allows.
fn set_half(words: &mut Records<u32>, offset: u32, index: u32, place: u32) -> bool {
    let base = HalvesBase::from_word(words.get(offset));
    let Some(half) = base.and_then(|base| base.half(place)) else {
        return false;
    };
    let (pair, shift) = (offset + 1 + index / 2, 16 * (index % 2));
    let other = words.get(pair) & !(0xffff << shift);
    words.set(pair, other | u32::from(half) << shift);
    true
}

/// Writes a sorted node anew as nodes of 8 bits, which are cheaper to change.
fn spread(words: &mut Records<u32>, offset: u32) -> u32 {
    let runs: Vec<(u32, u32)> = sorted_runs(words.table(), offset).collect();
    let mut upper = [0; 256];
    let mut next = 0;
    let mut entry = 0;
    for (byte, upper) in (0..).zip(&mut upper) {
        let mut lower = [0; 256];
        for (value, lower) in (byte << 8..).zip(&mut lower) {
            while let Some((_, begun)) = runs.get(next).filter(|(first, _)| *first <= value) {
                entry = *begun;
                next += 1;
            }
            *lower = entry;
        }
        *upper = node_or_leaf(words, &lower);
    }
    node_or_leaf(words, &upper)
}

/// Whether a run of a popcount node begins at a value. The next node does, too.
fn starts_run(words: &Records<u32>, offset: u32, index: u32) -> bool {
    index > 255 || words.get(offset + 1 + index / 32) >> (index % 32) & 1 != 0
}

/// Lets a run begin at a value.
fn start_run(starts: &mut [u32; 8], index: u32) {
    if let Some(word) = starts.get_mut((index / 32) as usize) {
        *word |= 1 << (index % 32);
    }
}

/// The run of a popcount node that a value is in.
fn run_of(words: &Records<u32>, offset: u32, index: u32) -> u32 {
    let whole: u32 = (0..index / 32)
        .map(|word| words.get(offset + 1 + word).count_ones())
        .sum();
    let upto = words.get(offset + 1 + index / 32) << (31 - index % 32);
    whole + upto.count_ones() - 1
}

/// Appends the node of some entries, unless they are all one leaf.
fn node_or_leaf(words: &mut Records<u32>, entries: &[u32; 256]) -> u32 {
    let mut starts = [0; 8];
    let mut last = None;
    for (index, entry) in (0..).zip(entries) {
        if last != Some(entry) {
            start_run(&mut starts, index);
            last = Some(entry);
        }
    }
    if starts == [1, 0, 0, 0, 0, 0, 0, 0] {
        return entries[0];
    }
    append_node(words, entries, &starts)
}

/// Appends a node whose runs begin at some values.
fn append_node(words: &mut Records<u32>, entries: &[u32; 256], starts: &[u32; 8]) -> u32 {
    let count: u32 = starts.iter().map(|word| word.count_ones()).sum();
    let is_array = count >= ARRAY_ENTRIES;
    let (kind, kept) = if is_array {
        (NodeKind::Array8, 256)
    } else {
        (NodeKind::Popcount, count)
    };
    words.push(node_header(kind, kept));
    let offset = words.len();
    if !is_array {
        popcount_header(starts)
            .into_iter()
            .for_each(|word| words.push(word));
    }
    for (index, entry) in (0..).zip(entries) {
        let starts_here = starts
            .get(index / 32)
            .is_some_and(|word| word >> (index % 32) & 1 != 0);
        if is_array || starts_here {
            words.push(*entry);
        }
    }
    TrieEntry::Node(kind, offset).encode()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::Cluster;
    use crate::model::{
        IpBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule, Options, Pod,
    };

    /// Tables with regions of every length around the addresses of [`address`].
    fn tables(pods: &[IpAddr]) -> Tables {
        let mut cluster = Cluster::default();
        let cidrs = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.16/28",
            "fd00::/16",
            "fd00::1:0/113",
        ];
        let peers = cidrs.map(|cidr| {
            NetworkPolicyPeer::IpBlock(IpBlock::new(cidr.parse().unwrap(), Vec::new()).unwrap())
        });
        let rules = peers.map(|peer| NetworkPolicyRule {
            peers: [peer].into_iter().collect(),
            ..NetworkPolicyRule::default()
        });
        cluster.insert_network_policy(NetworkPolicy {
            namespace: "web".into(),
            name: "blocks".into(),
            ingress: rules.into_iter().collect(),
            ..NetworkPolicy::default()
        });
        for address in pods {
            cluster.insert_pod(Pod {
                namespace: "web".into(),
                name: std::format!("{address}").into(),
                addresses: [*address].into_iter().collect(),
                ..Pod::default()
            });
        }
        // Tries that are laid out for size have nodes of every kind.
        let options = Options {
            table_budget: 0,
            ..Options::default()
        };
        let (image, _) = cluster.compile_retained(&options).unwrap();
        Tables::copy(&image.image().decision)
    }

    /// Address `number`, of either family, near the edges of the regions.
    fn address(number: u32) -> IpAddr {
        if number.is_multiple_of(2) {
            let base = [0x0a01_0200, 0x0a01_0000, 0x0a00_0000, 0xc000_0200];
            let base: u32 = base[(number / 2 % 4) as usize];
            Ipv4Addr::from_bits(base + number / 8 * 7 % 40).into()
        } else {
            let base: u128 =
                0xfd00 << 112 | [0x1_0000, 0x1_7ff0, 0x2_0000, 0][(number / 2 % 4) as usize];
            Ipv6Addr::from_bits(base + u128::from(number / 8 * 5 % 300)).into()
        }
    }

    #[test]
    fn single_addresses_come_and_go() {
        for known in [0, 20, 600] {
            let pods: Vec<IpAddr> = (0..known).map(address).collect();
            let mut tables = tables(&pods);
            let mut expected: BTreeMap<IpAddr, u32> = (0..2000)
                .map(address)
                .map(|address| (address, tables.decision().place(address).0))
                .collect();
            let ground = expected.clone();
            let mut random = 1_u32;
            for step in 0..6000 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let address = address(random >> 16 & 1023);
                let place = if random >> 28 & 1 == 0 {
                    ground[&address]
                } else {
                    1 + step % 7
                };
                tables.set_place(address, place);
                expected.insert(address, place);
                if step % 500 == 0 || step > 5990 {
                    let decision = tables.decision();
                    for (address, place) in &expected {
                        assert_eq!(
                            decision.place(*address).0,
                            *place,
                            "{address} at step {step}"
                        );
                    }
                }
            }
            let len = tables.trie.len();
            for number in 0..1024 {
                tables.set_place(address(number), ground[&address(number)]);
                tables.set_place(address(number), 5);
            }
            let again = tables.trie.len();
            for number in 0..1024 {
                tables.set_place(address(number), ground[&address(number)]);
                tables.set_place(address(number), 6);
            }
            assert_eq!(
                tables.trie.len(),
                again,
                "{len}: an address costs memory once"
            );
        }
    }
}
