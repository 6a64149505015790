//! Sets of classes, as bitmaps: what an atom or a rule's peers match.

use super::arena::{Arena, List};
use super::atoms::AtomKind;
use super::classes::{Classes, Known};
use crate::image::tables::RuleRecord;

/// A set of classes: a bit each, in words of 32, 16 words to a chunk.
pub(super) type ClassSet = List<u32>;

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

/// Adds the classes that an atom matches.
pub(super) fn add_atom(
    arena: &mut Arena<'_>,
    set: ClassSet,
    known: Known<'_>,
    classes: &Classes,
    atom: u32,
) {
    let record = known.atoms.get(arena.view(), atom);
    match record.kind() {
        AtomKind::PodsIn | AtomKind::Pods | AtomKind::NamedPort => {
            let pod_classes = classes.pod_classes_of_atom.get(arena.view(), atom);
            for index in 0..pod_classes.len {
                let pod_class = arena.get(pod_classes, index);
                let members = classes.of_pod_class.get(arena.view(), pod_class);
                for index in 0..members.len {
                    let class = arena.get(members, index);
                    add_run(arena, set, class, class + 1);
                }
            }
        }
        AtomKind::Nodes | AtomKind::Domain => {
            let members = classes.classes_of_atom.get(arena.view(), atom);
            for index in 0..members.len {
                let class = arena.get(members, index);
                add_run(arena, set, class, class + 1);
            }
        }
        AtomKind::Network => add_regions(arena, set, known, classes, atom, true),
        AtomKind::IpBlock => {
            let selects_pods = known.options.ip_block_selects_pods;
            add_regions(arena, set, known, classes, atom, selects_pods);
        }
    }
}

/// Adds the classes of the regions that a block or network covers.
fn add_regions(
    arena: &mut Arena<'_>,
    set: ClassSet,
    known: Known<'_>,
    classes: &Classes,
    atom: u32,
    pods: bool,
) {
    let record = known.atoms.get(arena.view(), atom);
    let Classes {
        all,
        node_first,
        node_count,
        pod_first,
        ..
    } = *classes;
    // Within each kind the classes are sorted by region.
    let kinds = [
        (1, node_first),
        (node_first, node_first + node_count),
        (node_first + node_count, pod_first),
        (pod_first, if pods { all.len } else { pod_first }),
    ];
    let mut runs = known.regions.runs(arena.view(), record);
    while let Some((first, end)) = runs.next(arena.view(), known.regions) {
        for (kind_first, kind_end) in kinds {
            let kind = all.slice(kind_first, kind_end - kind_first);
            let point = |region| {
                kind_first
                    + arena
                        .view()
                        .partition_point(kind, |key| key.region < region)
            };
            let (run_first, run_end) = (point(first), point(end));
            add_run(arena, set, run_first, run_end);
        }
    }
}

/// Adds the classes that the listed peers of a rule match.
pub(super) fn add_peers(
    arena: &mut Arena<'_>,
    set: ClassSet,
    known: Known<'_>,
    classes: &Classes,
    rule: &RuleRecord,
) {
    for peer in rule.peers..rule.peers + rule.peers_len {
        let atom = arena.get(known.atoms.peers, peer);
        add_atom(arena, set, known, classes, atom);
    }
}
