//! Sets of classes, as bitmaps: what an atom or a rule's peers match.

use super::arena::{Arena, List, Result};
use super::atoms::AtomKind;
use super::classes::{Classes, Known};
use crate::image::record::Record;
use crate::image::tables::RuleRecord;

/// A set of classes: a bit each, in words of 32, 16 words to a chunk.
pub(super) type ClassSet = List<u32>;

/// How many words the sets of atoms may take that are kept to be used again.
const MAX_KEPT_WORDS: u32 = 16 << 20;

/// Adds the classes from `first` to `end`.
pub(super) fn add_run(arena: &mut Arena<'_>, set: ClassSet, first: u32, end: u32) {
    let mut at = first;
    while at < end {
        let word = at / 32;
        let behind = end.min((word + 1) * 32);
        let ones = (1_u64 << (behind - at)) - 1;
        let bits = arena.get(set, word) | ((ones as u32) << (at % 32));
        arena.set(set, word, bits);
        at = behind;
    }
}

/// What tells the members of atoms.
pub(super) struct Members<'k> {
    known: Known<'k>,
    classes: &'k Classes,
    /// The words of a class set.
    words: u32,
    kept: Kept,
}

/// The sets of atoms that are kept to be used again.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// For each atom whose set is kept, where it begins in the arena; else 0. No set
    /// of an atom that came later is kept.
    starts: List<u32>,
    words_left: u32,
}

impl Kept {
    pub(super) fn new(arena: &mut Arena<'_>, atoms: u32) -> Result<Kept> {
        Ok(Kept {
            starts: arena.list(atoms as usize)?,
            words_left: MAX_KEPT_WORDS,
        })
    }
}

impl<'k> Members<'k> {
    pub(super) fn new(
        known: Known<'k>,
        classes: &'k Classes,
        words: u32,
        kept: Kept,
    ) -> Members<'k> {
        Members {
            known,
            classes,
            words,
            kept,
        }
    }

    /// The sets that are kept by now.
    pub(super) fn kept(&self) -> Kept {
        self.kept
    }

    /// Adds the classes that the listed peers of a rule match.
    pub(super) fn add_peers(
        &mut self,
        arena: &mut Arena<'_>,
        set: ClassSet,
        rule: &RuleRecord,
    ) -> Result<()> {
        for peer in rule.peers..rule.peers + rule.peers_len {
            let atom = arena.get(self.known.atoms.peers, peer);
            self.add_atom(arena, set, atom)?;
        }
        Ok(())
    }

    /// Adds the classes that an atom matches. The set of one that matches many is
    /// kept: adding it once more costs a word for each 32 classes, not a step for
    /// each class.
    pub(super) fn add_atom(
        &mut self,
        arena: &mut Arena<'_>,
        set: ClassSet,
        atom: u32,
    ) -> Result<()> {
        let pod_classes = self.classes.pod_classes(arena.view(), atom);
        let Kept { starts, words_left } = self.kept;
        if atom >= starts.len {
            self.collect(arena, set, atom);
            return Ok(());
        }
        let is_large = pod_classes.len > self.words / 4;
        if arena.get(starts, atom) == 0 && is_large && self.words <= words_left {
            let own: ClassSet = arena.list(self.words as usize)?;
            self.collect(arena, own, atom);
            arena.set(starts, atom, own.start);
            self.kept.words_left -= self.words;
        }
        match arena.get(starts, atom) {
            0 => self.collect(arena, set, atom),
            start => add(arena, set, List::new(start, self.words)),
        }
        Ok(())
    }

    /// Adds the classes of an atom one by one.
    pub(super) fn collect(&self, arena: &mut Arena<'_>, set: ClassSet, atom: u32) {
        let record = self.known.atoms.get(arena.view(), atom);
        match record.kind() {
            AtomKind::PodsIn | AtomKind::Pods | AtomKind::NamedPort => {
                let pod_classes = self.classes.pod_classes(arena.view(), atom);
                for index in 0..pod_classes.len {
                    let pod_class = arena.get(pod_classes, index);
                    let members = self.classes.of_pod_class.get(arena.view(), pod_class);
                    add_each(arena, set, members);
                }
            }
            AtomKind::Nodes | AtomKind::Domain => {
                let members = self.classes.classes_of_atom.get(arena.view(), atom);
                add_each(arena, set, members);
            }
            AtomKind::Network => self.add_regions(arena, set, atom, true),
            AtomKind::IpBlock => {
                let selects_pods = self.known.options.ip_block_selects_pods;
                self.add_regions(arena, set, atom, selects_pods);
            }
        }
    }

    /// Adds the classes of the regions that a block or network covers.
    fn add_regions(&self, arena: &mut Arena<'_>, set: ClassSet, atom: u32, pods: bool) {
        let record = self.known.atoms.get(arena.view(), atom);
        let Classes {
            all,
            node_first,
            node_count,
            pod_first,
            ..
        } = *self.classes;
        // Within each kind the classes are sorted by region.
        let kinds = [
            (1, node_first),
            (node_first, node_first + node_count),
            (node_first + node_count, pod_first),
            (pod_first, if pods { all.len } else { pod_first }),
        ];
        let mut runs = self.known.regions.runs(arena.view(), record);
        while let Some((first, end)) = runs.next(arena.view(), self.known.regions) {
            for (kind_first, kind_end) in kinds {
                let kind = all.slice(kind_first, kind_end - kind_first);
                let point = |region| {
                    let before = arena
                        .view()
                        .partition_point(kind, |key| key.region < region);
                    kind_first + before
                };
                let (run_first, run_end) = (point(first), point(end));
                add_run(arena, set, run_first, run_end);
            }
        }
    }
}

/// Adds listed classes.
fn add_each(arena: &mut Arena<'_>, set: ClassSet, members: List<u32>) {
    for index in 0..members.len {
        let class = arena.get(members, index);
        add_run(arena, set, class, class + 1);
    }
}

/// Adds one class set to another.
pub(super) fn add(arena: &mut Arena<'_>, to: ClassSet, from: ClassSet) {
    let (to, from) = if to.start < from.start {
        let (_, to, from) = arena.split_two(to, from);
        (to, from)
    } else {
        let (_, from, to) = arena.split_two(from, to);
        (to, from)
    };
    for (to, from) in to.iter_mut().zip(from) {
        *to = (u32::decode(to) | u32::decode(from)).encode();
    }
}
