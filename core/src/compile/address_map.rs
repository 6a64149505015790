//! From addresses to places: the IPv4 trie, the IPv6 host table and IPv6 runs.

use super::arena::{Arena, List, Result, View};
use super::classes::{Classes, HostPlace};
use super::regions::{Region, Regions};
use crate::address::{MAPPED_FIRST, MAPPED_LAST, unmapped};
use crate::image::record::record;
use crate::image::tables::{HostV6Record, RunV6Record};
use crate::image::{
    HostTableV6, NodeKind, Place, SPECIAL, TrieEntry, array_len, node_header, popcount_header,
};

/// From this many entries on an array of 256 is smaller, or not much larger, than
/// a bitmap and entries, and one load nearer.
const ARRAY_ENTRIES: u32 = 48;
/// From this many runs on the root is an array of 65,536.
const WIDE_ROOT_RUNS: u32 = 4096;
/// How full the host table may be, in percent, and how many seeds are tried for
/// one with which no probe is long.
const MAX_LOAD_PERCENT: usize = 75;
const MAX_SEEDS: u32 = 8;
const MAX_PROBES: u32 = 24;

record! {
    /// The first address of a run of IPv4 addresses of one place.
    struct RunV4 { first, place }
}

/// The maps.
pub(super) struct AddressMap {
    pub(super) trie_v4: List<u32>,
    pub(super) root_v4: u32,
    pub(super) hosts_v6: List<HostV6Record>,
    pub(super) seed_v6: u32,
    pub(super) runs_v6: List<RunV6Record>,
}

impl AddressMap {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        regions: &Regions,
        classes: &Classes,
        class_bits: u32,
    ) -> Result<Option<AddressMap>> {
        let mark = arena.mark();
        let runs = runs_v4(arena, regions, classes, class_bits)?;
        let start = arena.front();
        let root = if runs.len > WIDE_ROOT_RUNS {
            NodeKind::Array16
        } else {
            NodeKind::Array8
        };
        let root = Trie { runs, start }.build(arena, root)?;
        let Some(root) = root else { return Ok(None) };
        let trie_v4 = List::new(start, (arena.front() - start) / 4);
        arena.release(mark);
        let runs_v6 = runs_v6(arena, regions, classes, class_bits)?;
        let (hosts_v6, seed_v6) = hosts_v6(arena, classes, class_bits)?;
        Ok(Some(AddressMap {
            trie_v4,
            root_v4: root.encode(),
            hosts_v6,
            seed_v6,
            runs_v6,
        }))
    }
}

/// The number of low bits of a place that its class takes.
pub(super) fn class_bits(classes: u32) -> u32 {
    (u32::BITS - classes.saturating_sub(1).leading_zeros()).max(1)
}

/// The place of a class and a host number. A host number that does not fit marks
/// the place as special.
pub(super) fn place(class: u32, host: u32, special: bool, class_bits: u32) -> Place {
    let fits = host < SPECIAL >> class_bits;
    Place::new(
        class,
        if fits { host } else { 0 },
        special || !fits,
        class_bits,
    )
}

/// The place of a host.
pub(super) fn place_of(host: &HostPlace, class_bits: u32) -> Place {
    place(host.class, host.host, host.special != 0, class_bits)
}

/// The hosts of IPv4, which stand side by side.
fn hosts_v4(view: View<'_>, classes: &Classes) -> List<HostPlace> {
    let first = view.partition_point(classes.hosts, |host| host.address < MAPPED_FIRST);
    let end = view.partition_point(classes.hosts, |host| host.address <= MAPPED_LAST);
    classes.hosts.slice(first, end - first)
}

/// Cuts IPv4 wherever the place may change.
fn runs_v4(
    arena: &mut Arena<'_>,
    regions: &Regions,
    classes: &Classes,
    class_bits: u32,
) -> Result<List<RunV4>> {
    let hosts = hosts_v4(arena.view(), classes);
    let regions_v4 = regions.of_v4();
    let runs: List<RunV4> = arena.scratch((2 * (hosts.len + regions_v4.len)) as usize)?;
    let mut len = 0;
    let mut cut = |arena: &mut Arena<'_>, first: u128, last: u128| {
        for address in [first, last + 1] {
            if let Some(first) = unmapped(address) {
                arena.set(runs, len, RunV4 { first, place: 0 });
                len += 1;
            }
        }
    };
    for index in 0..regions_v4.len {
        let Region { first, last, .. } = arena.get(regions_v4, index);
        cut(arena, first, last);
    }
    for index in 0..hosts.len {
        let HostPlace { address, .. } = arena.get(hosts, index);
        cut(arena, address, address);
    }
    let runs = runs.slice(0, len);
    arena.sort_by_key(runs, |run| run.first);
    let runs = arena.dedup(runs);

    let (mut host, mut kept) = (0, 0);
    let mut last = None;
    for index in 0..runs.len {
        let first = arena.get(runs, index).first;
        let address = MAPPED_FIRST | u128::from(first);
        let view = arena.view();
        let at_host = (host < hosts.len)
            .then(|| view.get(hosts, host))
            .filter(|host| host.address == address);
        let place = match at_host {
            Some(at_host) => {
                host += 1;
                place_of(&at_host, class_bits)
            }
            None => Place::new(
                view.get(classes.external, regions.of(view, address)),
                0,
                false,
                class_bits,
            ),
        };
        if last != Some(place) {
            arena.set(
                runs,
                kept,
                RunV4 {
                    first,
                    place: place.0,
                },
            );
            kept += 1;
            last = Some(place);
        }
    }
    Ok(runs.slice(0, kept))
}

/// The IPv4 trie, as it is appended to the arena.
struct Trie {
    runs: List<RunV4>,
    /// Where its words begin.
    start: u32,
}

impl Trie {
    /// Builds the trie; `None` if it is larger than an entry can lead to.
    fn build(&self, arena: &mut Arena<'_>, root: NodeKind) -> Result<Option<TrieEntry>> {
        let root = self.entry(arena, 0, 32, root, 0)?;
        let len = (arena.front() - self.start) / 4;
        Ok((len <= TrieEntry::MAX_OFFSET).then_some(root))
    }

    /// The entry for the `bits` low bits of the addresses from `base`, whose first
    /// is in run `run`. A node is written behind all nodes that it leads to.
    fn entry(
        &self,
        arena: &mut Arena<'_>,
        base: u32,
        bits: u32,
        kind: NodeKind,
        run: u32,
    ) -> Result<TrieEntry> {
        let next_run = |arena: &Arena<'_>, run: u32| {
            (run + 1 < self.runs.len).then(|| arena.get(self.runs, run + 1).first)
        };
        let last = base | ((1_u64 << bits) - 1) as u32;
        if next_run(arena, run).is_none_or(|first| first > last) {
            return Ok(TrieEntry::Leaf(arena.get(self.runs, run).place));
        }
        let mark = arena.mark();
        let entries: List<u32> = arena.scratch(array_len(kind) as usize)?;
        let bits = bits - kind.stride();
        let mut run = run;
        for index in 0..entries.len {
            let base = base | index << bits;
            while next_run(arena, run).is_some_and(|first| first <= base) {
                run += 1;
            }
            let entry = if bits == 0 {
                TrieEntry::Leaf(arena.get(self.runs, run).place)
            } else {
                self.entry(arena, base, bits, NodeKind::Array8, run)?
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

/// Cuts IPv6 wherever a region begins or ends.
fn runs_v6(
    arena: &mut Arena<'_>,
    regions: &Regions,
    classes: &Classes,
    class_bits: u32,
) -> Result<List<RunV6Record>> {
    let regions_v6 = regions.of_v6();
    let runs: List<RunV6Record> = arena.list(2 * regions_v6.len as usize)?;
    let mut len = 0;
    for index in 0..regions_v6.len {
        let Region { first, last, .. } = arena.get(regions_v6, index);
        for address in [Some(first), last.checked_add(1)].into_iter().flatten() {
            arena.set(runs, len, RunV6Record { address, place: 0 });
            len += 1;
        }
    }
    let runs = runs.slice(0, len);
    arena.sort_by_key(runs, |run| run.address);
    let runs = arena.dedup(runs);
    for index in 0..runs.len {
        let address = arena.get(runs, index).address;
        let view = arena.view();
        let class = view.get(classes.external, regions.of_in_v6(view, address));
        let place = Place::new(class, 0, false, class_bits).0;
        arena.set(runs, index, RunV6Record { address, place });
    }
    Ok(runs)
}

/// The IPv6 host table and its seed.
fn hosts_v6(
    arena: &mut Arena<'_>,
    classes: &Classes,
    class_bits: u32,
) -> Result<(List<HostV6Record>, u32)> {
    let v4 = hosts_v4(arena.view(), classes);
    let count = (classes.hosts.len - v4.len) as usize;
    if count == 0 {
        return Ok((List::default(), 0));
    }
    let slots = (count * 100).div_ceil(MAX_LOAD_PERCENT).next_power_of_two();
    let table: List<HostV6Record> = arena.list(slots)?;
    let mut best = (u32::MAX, 0);
    for seed in 0..MAX_SEEDS {
        let longest = fill(arena, table, classes, class_bits, seed);
        best = best.min((longest, seed));
        if longest <= MAX_PROBES {
            return Ok((table, seed));
        }
    }
    fill(arena, table, classes, class_bits, best.1);
    Ok((table, best.1))
}

/// Fills the table; returns the longest probe.
fn fill(
    arena: &mut Arena<'_>,
    table: List<HostV6Record>,
    classes: &Classes,
    class_bits: u32,
    seed: u32,
) -> u32 {
    for index in 0..table.len {
        arena.set(
            table,
            index,
            HostV6Record {
                address: 0,
                place: 0,
            },
        );
    }
    let mut longest = 0;
    for index in 0..classes.hosts.len {
        let host = arena.get(classes.hosts, index);
        if unmapped(host.address).is_some() {
            continue;
        }
        let mut slot = HostTableV6::slot(host.address, seed, table.len);
        let mut probes = 1;
        while arena.get(table, slot).place != 0 {
            slot = (slot + 1) & (table.len - 1);
            probes += 1;
        }
        longest = longest.max(probes);
        let place = place_of(&host, class_bits).0;
        arena.set(
            table,
            slot,
            HostV6Record {
                address: host.address,
                place,
            },
        );
    }
    longest
}
