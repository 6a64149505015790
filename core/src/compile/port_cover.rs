//! The peers that rules allow on each port, where the order of the rules does not
//! matter.
//!
//! NetworkPolicies only add: what they allow on a port are the peers of all rules that
//! match it. With another range of ports in each rule there are as many ports to tell
//! apart as rules, and to join the peers of all for each of them would take quadratic
//! time. So ranges are filed in a binary tree over the cuts, the ports that differ, each
//! at the few nodes that make it up. The peers of a port are those that are filed above
//! it, and from one port to the next most of the way down stays.
//!
//! ```text
//! cuts        0   1   2   3   4   5   6   7
//! root                 every port
//!             ├───────┴───────┤       ┴
//! 80–1023         ├───┼───────┤               filed at two nodes
//! ```

use super::arena::{Arena, List, Result};
use super::growing::Growing;
use super::members::{ClassSet, add};
use crate::image::record::record;
use crate::image::tables::NONE;

record! {
    /// A rule that is filed at a node.
    pub(super) struct Filed {
        /// The rule's number.
        rule,
        /// 1 + the index of the next one at the node, or 0.
        next,
    }
}

/// Where ranges are filed, and the way down to one cut.
pub(super) struct PortCover {
    /// The levels below the root.
    depth: u32,
    /// For each node 1 + the index of the last that was filed there, or 0. Node 1 is the
    /// root, and below node n are 2n and 2n + 1.
    heads: List<u32>,
    /// A class set for each level: what is filed from the root down to it.
    unions: List<u32>,
    words: u32,
}

impl PortCover {
    /// Nothing filed yet. Takes scratch.
    pub(super) fn new(arena: &mut Arena<'_>, cuts: u32, words: u32) -> Result<PortCover> {
        let leaves = cuts.next_power_of_two();
        let depth = leaves.trailing_zeros();
        Ok(PortCover {
            depth,
            heads: arena.scratch(2 * leaves as usize)?,
            unions: arena.scratch((depth as usize + 1) * words as usize)?,
            words,
        })
    }

    /// How many records so many ranges come to, at most.
    pub(super) fn most_filed(cuts: u32, ranges: u32) -> u64 {
        let depth = cuts.next_power_of_two().trailing_zeros();
        2 * u64::from(depth + 1) * u64::from(ranges)
    }

    /// Files a rule for the cuts from `first` to before `end`.
    pub(super) fn file(
        &self,
        arena: &mut Arena<'_>,
        filed: &mut Growing<Filed>,
        (first, end): (u32, u32),
        rule: u32,
    ) -> Result<()> {
        let leaves = 1 << self.depth;
        let (mut first, mut end) = (leaves + first, leaves + end);
        while first < end {
            if first % 2 == 1 {
                self.file_at(arena, filed, first, rule)?;
                first += 1;
            }
            if end % 2 == 1 {
                end -= 1;
                self.file_at(arena, filed, end, rule)?;
            }
            first /= 2;
            end /= 2;
        }
        Ok(())
    }

    fn file_at(
        &self,
        arena: &mut Arena<'_>,
        filed: &mut Growing<Filed>,
        node: u32,
        rule: u32,
    ) -> Result<()> {
        let next = arena.get(self.heads, node);
        let index = filed.push(arena, Filed { rule, next })?;
        arena.set(self.heads, node, index + 1);
        Ok(())
    }

    /// The classes that are allowed at a cut. To be asked for one cut after another, from
    /// 0 on. `peers_of` tells the class set of a rule, or [`NONE`] for every peer, which
    /// lies in `sets`.
    pub(super) fn at(
        &self,
        arena: &mut Arena<'_>,
        filed: &Growing<Filed>,
        cut: u32,
        sets: List<u32>,
        peers_of: impl Fn(&Arena<'_>, u32) -> u32,
    ) -> ClassSet {
        let leaf = 1 << self.depth | cut;
        let changed_levels = match cut.checked_sub(1) {
            Some(before) => u32::BITS - (cut ^ before).leading_zeros(),
            None => self.depth + 1,
        };
        let mut union = self.union(0);
        for level in self.depth + 1 - changed_levels..=self.depth {
            union = self.union(level);
            match level.checked_sub(1) {
                Some(above) => arena.copy(self.union(above), union),
                None => arena.fill(union, 0),
            }
            let mut next = arena.get(self.heads, leaf >> (self.depth - level));
            while let Some(index) = next.checked_sub(1) {
                let Filed { rule, next: behind } = filed.get(arena.view(), index);
                match peers_of(arena, rule) {
                    NONE => arena.fill(union, u32::MAX),
                    first => add(arena, union, sets.slice(first, self.words)),
                }
                next = behind;
            }
        }
        union
    }

    fn union(&self, level: u32) -> ClassSet {
        self.unions.slice(level * self.words, self.words)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_cut_has_the_peers_of_every_range_around_it() {
        let mut memory = vec![0xaa; 1 << 20];
        let mut arena = Arena::new(&mut memory);
        for cuts in [1, 2, 3, 7, 8, 33] {
            let mark = arena.mark();
            let cover = PortCover::new(&mut arena, cuts, 1).unwrap();
            let mut filed = Growing::new();
            // Every range there is, and each has a peer set of its own; the last is
            // every peer.
            let ranges: Vec<(u32, u32)> = (0..cuts)
                .flat_map(|first| (first..=cuts).map(move |end| (first, end)))
                .collect();
            let sets: List<u32> = arena.scratch(ranges.len()).unwrap();
            for (rule, range) in (0..).zip(&ranges) {
                arena.set(sets, rule, 1 << (rule % 31));
                cover.file(&mut arena, &mut filed, *range, rule).unwrap();
            }
            let every = ranges.len() as u32;
            cover
                .file(&mut arena, &mut filed, (cuts - 1, cuts), every)
                .unwrap();
            for cut in 0..cuts {
                let peers_of = |_: &Arena<'_>, rule| if rule == every { NONE } else { rule };
                let union = cover.at(&mut arena, &filed, cut, sets, peers_of);
                let expected = (0..)
                    .zip(&ranges)
                    .filter(|(_, (first, end))| (*first..*end).contains(&cut))
                    .fold(0_u32, |union, (rule, _)| union | 1 << (rule % 31));
                let expected = if cut == cuts - 1 { u32::MAX } else { expected };
                assert_eq!(arena.get(union, 0), expected, "cut {cut} of {cuts}");
            }
            arena.release(mark);
        }
    }
}
