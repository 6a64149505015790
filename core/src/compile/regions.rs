//! Regions: the address space, cut at every CIDR that some rule names.
//!
//! CIDRs nest or are apart, so in the order of (first address, prefix length)
//! each stands in front of those inside it, and what is inside is one run:
//!
//! ```text
//! 10.0.0.0/8   10.1.0.0/16   10.1.2.0/24   10.2.0.0/16   192.168.0.0/16
//! └──────────────── subtree of 10/8 ──────────────────┘
//! ```
//!
//! The region of a CIDR is the CIDR without those inside it, and an address's
//! region is that of the longest match. A rule's block is then a run of regions,
//! without the runs of its exceptions.

use super::arena::{Arena, List, Result, View};
use super::atoms::{AtomKind, AtomRecord, Atoms};
use super::facts::Facts;
use super::groups::Groups;
use super::projection::{has_bit, set_bit};
use crate::address::to_bits;
use crate::image::record::record;
use crate::image::tables::CidrRecord;
use crate::{Cidr, Family};

record! {
    /// A region.
    pub(super) struct Region {
        /// The first address of its CIDR, and the last.
        first: u128,
        last: u128,
        /// The region around it; its own number for the whole of a family.
        parent,
        /// One past the last region of its subtree.
        end,
        /// Its CIDR in `Facts::cidrs`, or `NONE`.
        cidr,
    }
}

/// The region of what no CIDR holds: an endpoint without an address among others.
pub(super) const NOWHERE: u32 = 0;
/// All of IPv4, but for the regions inside.
const WHOLE_V4: u32 = 1;

/// All regions: [`NOWHERE`], then IPv4, then IPv6, each beginning with the whole.
pub(super) struct Regions {
    pub(super) all: List<Region>,
    whole_v6: u32,
    /// For each CIDR of [`Facts::cidrs`], its region.
    of_cidr: List<u32>,
    /// For each list of [`Atoms::except_lists`], its regions, sorted.
    excepts: Groups,
}

/// The first and last address of a CIDR, as numbers.
fn bounds(cidr: Cidr) -> (u128, u128) {
    let bits = 128 - u32::from(Family::V6.bits() - cidr.family().bits()) - u32::from(cidr.prefix());
    let first = to_bits(cidr.network());
    (
        first,
        first | 1_u128.checked_shl(bits).map_or(u128::MAX, |size| size - 1),
    )
}

impl Regions {
    pub(super) fn new(arena: &mut Arena<'_>, facts: &Facts, atoms: &Atoms) -> Result<Regions> {
        let asked = asked_cidrs(arena, facts, atoms)?;
        let count = (0..facts.cidrs.len())
            .filter(|id| has_bit(arena.view(), asked, *id))
            .count();
        let all: List<Region> = arena.list(count + 3)?;
        let of_cidr: List<u32> = arena.list(facts.cidrs.len() as usize)?;

        let cidr = |arena: &Arena<'_>, id| {
            let record: CidrRecord = arena.get(facts.cidrs.list(arena.view(), id), 0);
            record.decode_cidr()
        };
        let whole = |address: &str| address.parse::<Cidr>().ok();
        let mut at = 1;
        let mut whole_v6 = 0;
        for family in [Family::V4, Family::V6] {
            let first = at;
            let everything = match family {
                Family::V4 => whole("0.0.0.0/0"),
                Family::V6 => whole("::/0"),
            };
            let mut add = |arena: &mut Arena<'_>, cidr: Cidr, id| {
                let (first, last) = bounds(cidr);
                arena.set(
                    all,
                    at,
                    Region {
                        first,
                        last,
                        parent: 0,
                        end: 0,
                        cidr: id,
                    },
                );
                at += 1;
            };
            if let Some(everything) = everything {
                add(arena, everything, u32::MAX);
            }
            for id in 0..facts.cidrs.len() {
                if has_bit(arena.view(), asked, id)
                    && let Some(cidr) = cidr(arena, id).filter(|cidr| cidr.family() == family)
                {
                    add(arena, cidr, id);
                }
            }
            // The whole comes first: it begins lowest and ends highest, and where a
            // rule names it too, either is inside the other.
            let of_family = all.slice(first, at - first);
            arena.sort_by_key(of_family, |region| {
                (region.first, !region.last, !region.cidr)
            });
            nest(arena, all, first, at);
            if family == Family::V6 {
                whole_v6 = first;
            }
        }
        let all = all.slice(0, at);
        for index in 1..all.len {
            let id = arena.get(all, index).cidr;
            if id != u32::MAX {
                arena.set(of_cidr, id, index);
            }
        }
        let excepts = Groups::build(arena, atoms.except_lists.len(), |view, emit| {
            for list in 0..atoms.except_lists.len() {
                for cidr in view.iter(atoms.except_lists.list::<u32>(view, list)) {
                    emit(list, view.get(of_cidr, cidr));
                }
            }
        })?;
        for list in 0..excepts.len() {
            let regions = excepts.get(arena.view(), list);
            arena.sort_by_key(regions, |region| region);
        }
        Ok(Regions {
            all,
            whole_v6,
            of_cidr,
            excepts,
        })
    }

    pub(super) fn len(&self) -> u32 {
        self.all.len
    }

    /// The regions of IPv4.
    pub(super) fn of_v4(&self) -> List<Region> {
        self.all.slice(WHOLE_V4, self.whole_v6 - WHOLE_V4)
    }

    /// The regions of IPv6.
    pub(super) fn of_v6(&self) -> List<Region> {
        self.all.slice(self.whole_v6, self.all.len)
    }

    /// The region of an address.
    pub(super) fn of(&self, view: View<'_>, address: u128) -> u32 {
        match crate::address::unmapped(address) {
            Some(_) => self.within(view, self.of_v4(), WHOLE_V4, address),
            None => self.of_in_v6(view, address),
        }
    }

    /// The region of an IPv6 address; what is mapped is taken for IPv6, too.
    pub(super) fn of_in_v6(&self, view: View<'_>, address: u128) -> u32 {
        self.within(view, self.of_v6(), self.whole_v6, address)
    }

    /// The region of an address among those of a family, which begin with `whole`.
    fn within(&self, view: View<'_>, family: List<Region>, whole: u32, address: u128) -> u32 {
        let behind = view.partition_point(family, |region| region.first <= address);
        let mut region = whole + behind.saturating_sub(1);
        while region != whole && view.get(self.all, region).last < address {
            region = view.get(self.all, region).parent;
        }
        // What no CIDR holds is nowhere, in either family.
        if region == whole { NOWHERE } else { region }
    }

    /// Whether the CIDR of a block or network, and its exceptions, are regions.
    #[cfg(feature = "std")]
    pub(super) fn has(&self, view: View<'_>, atom: AtomRecord) -> bool {
        let has_cidr = atom.a < self.of_cidr.len && view.get(self.of_cidr, atom.a) != NOWHERE;
        has_cidr && (atom.kind() != AtomKind::IpBlock || atom.b < self.excepts.len())
    }

    /// The runs of regions that a block or network covers.
    pub(super) fn runs(&self, view: View<'_>, atom: AtomRecord) -> Runs {
        let whole = view.get(self.of_cidr, atom.a);
        let excepts = match atom.kind() {
            AtomKind::IpBlock => self.excepts.get(view, atom.b),
            _ => List::default(),
        };
        Runs {
            from: whole,
            end: view.get(self.all, whole).end,
            excepts,
        }
    }
}

/// The runs of regions of a block that are still to come.
pub(super) struct Runs {
    from: u32,
    end: u32,
    excepts: List<u32>,
}

impl Runs {
    /// The next run: (first, end). Not an iterator, so that the arena may be
    /// written between two runs.
    pub(super) fn next(&mut self, view: View<'_>, regions: &Regions) -> Option<(u32, u32)> {
        while !self.excepts.is_empty() {
            let except = view.get(self.excepts, 0);
            self.excepts = self.excepts.slice(1, self.excepts.len);
            // What is inside an exception that was passed is passed already.
            if except < self.from {
                continue;
            }
            let first = self.from;
            self.from = view.get(regions.all, except).end;
            if first < except {
                return Some((first, except));
            }
        }
        let first = self.from;
        self.from = self.end;
        (first < self.end).then_some((first, self.end))
    }
}

/// Sets parents and ends of the regions from `first` to `end`, which are sorted.
fn nest(arena: &mut Arena<'_>, all: List<Region>, first: u32, end: u32) {
    for index in first..end {
        let mut region = arena.get(all, index);
        // Climb from the region in front to the first that is around this one,
        // closing those that are not.
        let mut parent = index.saturating_sub(1).max(first);
        while parent != first && arena.get(all, parent).last < region.first {
            let mut closed = arena.get(all, parent);
            closed.end = index;
            arena.set(all, parent, closed);
            parent = closed.parent;
        }
        region.parent = parent;
        region.end = end;
        arena.set(all, index, region);
    }
}

/// A bit for each CIDR that some atom names.
fn asked_cidrs(arena: &mut Arena<'_>, facts: &Facts, atoms: &Atoms) -> Result<List<u32>> {
    let asked = arena.list(facts.cidrs.len().div_ceil(32) as usize)?;
    for id in 0..atoms.len() {
        let atom = atoms.get(arena.view(), id);
        if matches!(atom.kind(), AtomKind::IpBlock | AtomKind::Network) {
            set_bit(arena, asked, atom.a);
        }
        if atom.kind() == AtomKind::IpBlock {
            let excepts: List<u32> = atoms.except_lists.list(arena.view(), atom.b);
            for index in 0..excepts.len {
                let except = arena.get(excepts, index);
                set_bit(arena, asked, except);
            }
        }
    }
    Ok(asked)
}
