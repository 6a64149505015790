//! From addresses to places: tries, the IPv6 host table and IPv6 runs.
//!
//! Where there is no host, an address's place is its region's. These places are the
//! *ground*: runs of addresses, on which hosts stand.

use super::arena::{Arena, List, Result, View};
use super::classes::{Classes, HostPlace, Known};
use super::hosts_v6;
use super::regions::Region;
use super::tries::{Run, Sharing, Tries};
use crate::address::{MAPPED_FIRST, MAPPED_LAST};
use crate::image::tables::{HostV6Record, RunV6Record};
use crate::image::{Place, SPECIAL, TrieEntry};

/// The maps.
pub(super) struct AddressMap {
    pub(super) trie: List<u32>,
    pub(super) root_v4: u32,
    pub(super) root_v6: u32,
    pub(super) hosts_v6: List<HostV6Record>,
    pub(super) seed_v6: u32,
    pub(super) runs_v6: List<RunV6Record>,
}

impl AddressMap {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        known: Known<'_>,
        classes: &Classes,
        class_bits: u32,
    ) -> Result<Option<AddressMap>> {
        let regions = known.regions;
        let external = |view: View<'_>, region| {
            let class = view.get(classes.external, region);
            Place::new(class, 0, false, class_bits).0
        };
        let runs_v6 = arena.list(2 * regions.of_v6().len as usize)?;
        let runs_v6 = ground(
            arena,
            runs_v6,
            regions.of_v6(),
            u128::MAX,
            |view, address| external(view, regions.of_in_v6(view, address)),
        );

        let mark = arena.mark();
        let sharing = if known.facts.is_to_be_patched {
            Sharing::Nothing
        } else {
            // There is hardly a node with fewer hosts.
            Sharing::Nodes(16 + classes.hosts.len / 8)
        };
        let mut tries = Tries::begin(arena, known.options.table_budget, class_bits, sharing)?;
        let ground_v4 = arena.scratch(2 * regions.of_v4().len as usize)?;
        let ground_v4 = ground(
            arena,
            ground_v4,
            regions.of_v4(),
            MAPPED_LAST,
            |view, address| external(view, regions.of(view, address)),
        );
        let span = Span {
            first: MAPPED_FIRST,
            bits: 32,
        };
        let runs_v4 = stand(
            arena,
            span,
            ground_v4,
            hosts_v4(arena.view(), classes),
            class_bits,
        )?;
        let root_v4 = tries.add(arena, span.bits, runs_v4)?;
        let upper_runs = upper_runs(arena, runs_v6)?;
        let root_v6 = tries.add(arena, 32, upper_runs)?;
        let entries = hosts_v6::entries(arena, &mut tries, classes, runs_v6, class_bits)?;
        let Some(trie) = tries.end(arena) else {
            return Ok(None);
        };
        let (hosts_v6, seed_v6) = hosts_v6::table(arena, entries)?;
        arena.release(mark);
        Ok(Some(AddressMap {
            trie,
            root_v4: root_v4.encode(),
            root_v6: root_v6.encode(),
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

/// Fills `runs` with the places of a family's addresses, of which `last` is the
/// last: cut wherever a region begins or ends. There is room for two runs a region.
fn ground(
    arena: &mut Arena<'_>,
    runs: List<RunV6Record>,
    regions: List<Region>,
    last: u128,
    place: impl Fn(View<'_>, u128) -> u32,
) -> List<RunV6Record> {
    let mut len = 0;
    for index in 0..regions.len {
        let region = arena.get(regions, index);
        let behind = (region.last < last).then(|| region.last + 1);
        for address in [Some(region.first), behind].into_iter().flatten() {
            arena.set(runs, len, RunV6Record { address, place: 0 });
            len += 1;
        }
    }
    let runs = runs.slice(0, len);
    arena.sort_by_key(runs, |run| run.address);
    let runs = arena.dedup(runs);
    for index in 0..runs.len {
        let address = arena.get(runs, index).address;
        let place = place(arena.view(), address);
        arena.set(runs, index, RunV6Record { address, place });
    }
    runs
}

/// The addresses that share all but the low `bits` with `first`.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) first: u128,
    pub(super) bits: u32,
}

impl Span {
    /// Whether an address that is not in front of the span is inside.
    fn reaches(self, address: u128) -> bool {
        (address - self.first) >> self.bits == 0
    }
}

/// Runs, as they are found.
struct Found {
    runs: List<Run>,
    len: u32,
}

impl Found {
    /// Adds a run; one that begins where the last one does takes its place.
    fn push(&mut self, arena: &mut Arena<'_>, first: u32, entry: u32) {
        let last = |arena: &Arena<'_>, len: u32| (len > 0).then(|| arena.get(self.runs, len - 1));
        if last(arena, self.len).is_some_and(|run| run.first == first) {
            self.len -= 1;
        }
        if last(arena, self.len).is_none_or(|run| run.entry != entry) {
            arena.set(self.runs, self.len, Run { first, entry });
            self.len += 1;
        }
    }

    fn all(self) -> List<Run> {
        self.runs.slice(0, self.len)
    }
}

/// The places of all addresses of a span, numbered from its first: its hosts on
/// the ground, of which the first run holds the first address. The list is scratch.
pub(super) fn stand(
    arena: &mut Arena<'_>,
    span: Span,
    ground: List<RunV6Record>,
    hosts: List<HostPlace>,
    class_bits: u32,
) -> Result<List<Run>> {
    let mut inside = 1;
    while inside < ground.len && span.reaches(arena.get(ground, inside).address) {
        inside += 1;
    }
    let mut found = Found {
        runs: arena.scratch((inside + 2 * hosts.len) as usize)?,
        len: 0,
    };
    let offset = |address: u128| (address - span.first) as u32;
    let mut below = arena.get(ground, 0).place;
    found.push(arena, 0, below);
    let (mut run, mut host) = (1, 0);
    while run < inside || host < hosts.len {
        let next_run = (run < inside).then(|| arena.get(ground, run));
        let next_host = (host < hosts.len).then(|| arena.get(hosts, host));
        if let Some(next) = next_run
            && next_host.is_none_or(|host| next.address <= host.address)
        {
            below = next.place;
            found.push(arena, offset(next.address), below);
            run += 1;
        } else if let Some(next) = next_host {
            let place = place_of(&next, class_bits).0;
            found.push(arena, offset(next.address), place);
            let behind = next.address.checked_add(1);
            if let Some(behind) = behind.filter(|address| span.reaches(*address)) {
                found.push(arena, offset(behind), below);
            }
            host += 1;
        }
    }
    Ok(found.all())
}

/// The runs of the upper 32 bits of IPv6: a place where all addresses that begin
/// with them have it in common, else the run at which to search. The list is
/// scratch.
fn upper_runs(arena: &mut Arena<'_>, runs: List<RunV6Record>) -> Result<List<Run>> {
    let upper = |address: u128| (address >> 96) as u32;
    let mut found = Found {
        runs: arena.scratch(2 * runs.len as usize)?,
        len: 0,
    };
    for index in 0..runs.len {
        let RunV6Record { address, place } = arena.get(runs, index);
        let bits = upper(address);
        if address << 32 == 0 {
            found.push(arena, bits, place);
        } else if index > 0 {
            // The run in front is the last that begins at or below these bits, unless
            // an earlier run has begun behind that as well.
            let before = arena.get(runs, index - 1).address;
            if upper(before) < bits || before << 32 == 0 {
                let search = TrieEntry::Runs(index - 1).encode();
                found.push(arena, bits, search);
            }
        }
        let next = (index + 1 < runs.len).then(|| upper(arena.get(runs, index + 1).address));
        if address << 32 != 0 && bits < u32::MAX && next != Some(bits) {
            found.push(arena, bits + 1, place);
        }
    }
    Ok(found.all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_number_that_does_not_fit_makes_its_place_special() {
        let bits = 28;
        let fits = place(5, 3, false, bits);
        assert_eq!(fits, Place(3 << bits | 5));
        assert!(!fits.is_special());
        let beyond = place(5, 4, false, bits);
        assert_eq!(beyond, Place(SPECIAL | 5));
        assert!(beyond.is_special());
    }
}
