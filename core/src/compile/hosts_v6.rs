//! The IPv6 host table: an entry for every /120 with a host in it.

use super::address_map::{Span, place_of, stand};
use super::arena::{Arena, List, Result};
use super::classes::Classes;
use super::tries::Tries;
use crate::address::unmapped;
use crate::image::tables::{HostV6Record, RunV6Record};
use crate::image::{HostTableV6, LOW_BITS, TrieEntry};

/// How full the host table may be, in percent. A small one is emptier: most often the
/// first slot is the right one then, and a processor need not guess how many follow.
const MAX_LOAD_PERCENT: u32 = 75;
const MAX_SMALL_LOAD_PERCENT: u32 = 25;
/// The most entries of a small table.
const SMALL_ENTRIES: u32 = 2048;
/// How many seeds are tried for one with which no probe is long.
const MAX_SEEDS: u32 = 8;
const MAX_PROBES: u32 = 24;

/// The entry of each /120 with hosts: the place of its one host, or a node for all
/// addresses of the /120, `ground` between the hosts. The list is scratch.
pub(super) fn entries(
    arena: &mut Arena<'_>,
    tries: &mut Tries,
    classes: &Classes,
    ground: List<RunV6Record>,
    class_bits: u32,
) -> Result<List<HostV6Record>> {
    let hosts = classes.hosts;
    let entries: List<HostV6Record> = arena.scratch(hosts.len as usize)?;
    let (mut at, mut run, mut len) = (0, 0, 0);
    while at < hosts.len {
        let address = arena.get(hosts, at).address;
        let prefix = address >> LOW_BITS;
        let mut end = at + 1;
        while end < hosts.len && arena.get(hosts, end).address >> LOW_BITS == prefix {
            end += 1;
        }
        let group = hosts.slice(at, end - at);
        at = end;
        if unmapped(address).is_some() {
            continue;
        }
        let entry = if group.len == 1 {
            TrieEntry::Leaf(place_of(&arena.get(group, 0), class_bits).0)
        } else {
            let span = Span {
                first: prefix << LOW_BITS,
                bits: LOW_BITS,
            };
            while run + 1 < ground.len && arena.get(ground, run + 1).address <= span.first {
                run += 1;
            }
            let mark = arena.mark();
            let ground = ground.slice(run, ground.len - run);
            let runs = stand(arena, span, ground, group, class_bits)?;
            let entry = match tries.add(arena, LOW_BITS, runs)? {
                // In the table a place would be that of one address.
                TrieEntry::Leaf(place) => tries.add_uniform(arena, place)?,
                entry => entry,
            };
            arena.release(mark);
            entry
        };
        let record = HostV6Record {
            address,
            entry: entry.encode(),
        };
        arena.set(entries, len, record);
        len += 1;
    }
    Ok(entries.slice(0, len))
}

/// The table of some entries, and its seed.
pub(super) fn table(
    arena: &mut Arena<'_>,
    entries: List<HostV6Record>,
) -> Result<(List<HostV6Record>, u32)> {
    if entries.is_empty() {
        return Ok((List::default(), 0));
    }
    let load_percent = if entries.len > SMALL_ENTRIES {
        MAX_LOAD_PERCENT
    } else {
        MAX_SMALL_LOAD_PERCENT
    };
    let slots = (entries.len as usize * 100).div_ceil(load_percent as usize);
    let table: List<HostV6Record> = arena.list(slots.next_power_of_two())?;
    let mut best = (u32::MAX, 0);
    for seed in 0..MAX_SEEDS {
        let longest = fill(arena, table, entries, seed);
        best = best.min((longest, seed));
        if longest <= MAX_PROBES {
            return Ok((table, seed));
        }
    }
    fill(arena, table, entries, best.1);
    Ok((table, best.1))
}

/// Fills the table; returns the longest probe.
fn fill(
    arena: &mut Arena<'_>,
    table: List<HostV6Record>,
    entries: List<HostV6Record>,
    seed: u32,
) -> u32 {
    const EMPTY: HostV6Record = HostV6Record {
        address: 0,
        entry: 0,
    };
    arena.fill(table, EMPTY);
    let mut longest = 0;
    for index in 0..entries.len {
        let entry = arena.get(entries, index);
        let mut slot = HostTableV6::slot(entry.address, seed, table.len);
        let mut probes = 1;
        while arena.get(table, slot) != EMPTY {
            slot = (slot + 1) & (table.len - 1);
            probes += 1;
        }
        longest = longest.max(probes);
        arena.set(table, slot, entry);
    }
    longest
}
