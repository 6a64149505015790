//! What the image numbers anew: facts and workloads of pods, and how much each
//! atom selects.

use super::arena::{Arena, List, Result};
use super::classes::Known;
use super::gates::Gates;
use super::pool::Pool;
use crate::image::record::{Record, record};
use crate::image::tables::{AddressRecord, LabelRecord, NONE, NamedPortRecord, WorkloadRecord};

record! {
    /// What pods have in common that `FactsRecord` tells: projected sets.
    pub(super) struct FactsKey { labels, ports }
}

/// The numbers.
pub(super) struct Numbering {
    /// [`FactsKey`]s.
    pub(super) facts: Pool,
    pub(super) facts_of_pod: List<u32>,
    /// [`WorkloadRecord`]s, whose strings are numbers in `Facts`.
    pub(super) workloads: Pool,
    pub(super) workload_of_pod: List<u32>,
    /// How many pods each atom selects as a subject.
    pub(super) selected_subjects: List<u32>,
    /// How many pods or nodes each atom selects as a peer.
    pub(super) selected_peers: List<u32>,
    /// Where the lists of each pool begin when they stand one behind another.
    pub(super) labels: List<u32>,
    pub(super) ports: List<u32>,
    pub(super) own_nodes: List<u32>,
    pub(super) selectors: List<u32>,
    pub(super) values: List<u32>,
    pub(super) row_lists: List<u32>,
}

/// The words of a requirement in front of its values.
pub(super) const REQUIREMENT_PREFIX: u32 = 2;

impl Numbering {
    pub(super) fn new(arena: &mut Arena<'_>, known: Known<'_>, gates: &Gates) -> Result<Numbering> {
        let pods = known.order.pods;
        let mut facts = Pool::new();
        let mut workloads = Pool::new();
        let facts_of_pod = arena.list(pods.len as usize)?;
        let workload_of_pod = arena.list(pods.len as usize)?;
        for pod in 0..pods.len {
            let fact = known.facts.pods.get(arena.view(), arena.get(pods, pod));
            let key = FactsKey {
                labels: arena.get(known.projection.of_label_set, fact.labels),
                ports: arena.get(known.projection.of_port_set, fact.ports),
            };
            let number = facts.intern_record(arena, key)?;
            arena.set(facts_of_pod, pod, number);
            let (kind, name) = (fact.workload_kind, fact.workload_name);
            let number = if (kind, name) == (0, 0) {
                NONE
            } else {
                workloads.intern_record(arena, WorkloadRecord { kind, name })?
            };
            arena.set(workload_of_pod, pod, number);
        }
        let (selected_subjects, selected_peers) = count_selected(arena, known)?;
        Ok(Numbering {
            facts,
            facts_of_pod,
            workloads,
            workload_of_pod,
            selected_subjects,
            selected_peers,
            labels: starts::<LabelRecord>(arena, &known.projection.label_sets, 0)?,
            ports: starts::<NamedPortRecord>(arena, &known.projection.port_sets, 0)?,
            own_nodes: starts::<AddressRecord>(arena, &known.nodes.sets, 0)?,
            selectors: starts::<u32>(arena, &known.facts.selectors, 0)?,
            values: starts::<u32>(arena, &known.facts.requirements, REQUIREMENT_PREFIX)?,
            row_lists: starts::<u32>(arena, &gates.row_lists, 0)?,
        })
    }
}

/// Where each list of a pool begins when they stand one behind another, each
/// without its first `prefix` records; and, last, where they end.
fn starts<R: Record>(arena: &mut Arena<'_>, pool: &Pool, prefix: u32) -> Result<List<u32>> {
    let starts = arena.list(pool.len() as usize + 1)?;
    let mut next = 0;
    for id in 0..pool.len() {
        arena.set(starts, id, next);
        next += pool.list::<R>(arena.view(), id).len - prefix;
    }
    arena.set(starts, pool.len(), next);
    Ok(starts)
}

/// How many pods each atom selects as a subject, and how many pods or nodes as a peer.
fn count_selected(arena: &mut Arena<'_>, known: Known<'_>) -> Result<(List<u32>, List<u32>)> {
    let matching = known.matching;
    let subjects = arena.list(known.atoms.len() as usize)?;
    let peers = arena.list(known.atoms.len() as usize)?;
    let mark = arena.mark();
    let pods: List<u32> = arena.scratch(matching.kind_count() as usize)?;
    for pod in 0..matching.kind_of_pod.len {
        let kind = arena.get(matching.kind_of_pod, pod);
        if kind != NONE {
            add(arena, pods, kind, 1);
        }
    }
    let add_all = |arena: &mut Arena<'_>, counts: List<u32>, list: u32, amount: u32| {
        let atoms: List<u32> = matching.lists.list(arena.view(), list);
        for index in 0..atoms.len {
            let atom = arena.get(atoms, index);
            add(arena, counts, atom, amount);
        }
    };
    for kind in 0..pods.len {
        let amount = arena.get(pods, kind);
        let (subject_list, peer_list) = (
            arena.get(matching.subjects, kind),
            arena.get(matching.peers, kind),
        );
        add_all(arena, subjects, subject_list, amount);
        add_all(arena, peers, peer_list, amount);
    }
    for node in 0..matching.nodes.len {
        let list = arena.get(matching.nodes, node);
        add_all(arena, peers, list, 1);
    }
    arena.release(mark);
    Ok((subjects, peers))
}

fn add(arena: &mut Arena<'_>, counts: List<u32>, index: u32, amount: u32) {
    let count = arena.get(counts, index);
    arena.set(counts, index, count + amount);
}
