//! A policy that comes, changes or goes: the rows of those whom it selects, made
//! anew from what was retained.
//!
//! A patch needs that the pods of each class answer everything alike that the
//! policy asks: its selectors look at labels that others look at too, and cut no
//! class in two; its CIDRs are regions; its port names, nodes and domain names are
//! named by others as well. Ports may be any.

use alloc::vec::Vec;
use core::ops::Range;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::arena::{Arena, List, View};
use super::atoms::AtomKind;
use super::classes::has_item;
use super::gates::{Gates, Maker};
use super::order::decision_key;
use super::retained::Retained;
use super::tiers::Subject;
use super::{OwnedParts, known};
use crate::image::CHUNK_WORDS;
use crate::image::tables::{LabelRecord, NONE, PolicyKind, PolicyRecord};
use crate::model::{ClusterPolicy, ClusterPolicyApi, Direction, NetworkPolicy};

/// The most steps that a patch may take, as `gates` counts them; beyond, a full
/// compile is not much slower.
const MAX_EFFORT: u64 = 1 << 27;
/// The most records of port maps that the cuts of one patch may touch.
const MAX_CUT_WORDS: u64 = 1 << 16;
/// The memory that must be free when a patch begins.
const SPARE_BYTES: usize = 4 << 20;

/// What the change of one policy comes to.
#[derive(Default)]
pub(crate) struct PolicyPatch {
    /// Port keys at which intervals begin from now on.
    pub(crate) cuts: Vec<u32>,
    /// The words of chunks that come behind all others.
    pub(crate) chunks: Vec<u32>,
    /// The chunks of rows that come behind all others.
    pub(crate) row_chunks: Vec<u32>,
    pub(crate) gates: Vec<GatePatch>,
}

/// What is decided for some classes in one direction.
pub(crate) struct GatePatch {
    pub(crate) direction: Direction,
    /// The rows, each from a port key on; the first from 0.
    pub(crate) rows: Vec<(u32, u32)>,
    pub(crate) classes: Vec<u32>,
}

/// A policy of any kind.
#[derive(Clone, Copy)]
pub(crate) enum AnyPolicy<'p> {
    Network(&'p NetworkPolicy<'p>),
    Cluster(&'p ClusterPolicy<'p>),
}

/// What a policy is known by.
#[derive(Clone, Copy)]
pub(crate) enum PolicyName<'n> {
    Network(&'n str, &'n str),
    Cluster(ClusterPolicyApi, &'n str),
}

/// The same in numbers: kind, namespace, name.
type Identity = (&'static str, u32, u32);

/// A policy in force.
#[derive(Clone, Copy)]
struct InForce {
    /// Its index in `Order::policies`.
    position: u32,
    /// The atom of its subject.
    subject: u32,
}

/// What is kept to patch policies.
#[derive(Default)]
pub(super) struct Policies {
    in_force: HashMap<Identity, InForce, foldhash::fast::FixedState>,
    /// For each atom, the policies whose subject it is.
    of_atom: Vec<SmallVec<[u32; 2]>>,
    /// Atoms that pod classes match, and that were no subjects when all was compiled.
    later_subjects: HashMap<u32, Vec<u32>, foldhash::fast::FixedState>,
    /// The kinds of pod in each namespace.
    kinds_of_namespace: Vec<Vec<u32>>,
    /// How many kinds each pod class has.
    kinds_in_pod_class: Vec<u32>,
    /// How many of `Order::policies` there are.
    count: u32,
}

fn identity(view: View<'_>, parts: &OwnedParts, position: u32) -> Identity {
    let policy = policy_at(view, parts, position);
    let namespace = match policy.kind() {
        PolicyKind::Network => policy.namespace,
        PolicyKind::Cluster(_) => NONE,
    };
    (policy.kind().api_kind(), namespace, policy.name)
}

fn policy_at(view: View<'_>, parts: &OwnedParts, position: u32) -> PolicyRecord {
    let fact = view.get(parts.order.policies, position);
    parts.facts.policies.get(view, fact)
}

fn push<T: Clone + Default>(lists: &mut Vec<T>, index: u32, add: impl FnOnce(&mut T)) {
    if lists.len() <= index as usize {
        lists.resize(index as usize + 1, T::default());
    }
    if let Some(list) = lists.get_mut(index as usize) {
        add(list);
    }
}

impl Policies {
    pub(super) fn new(view: View<'_>, parts: &OwnedParts) -> Policies {
        let mut this = Policies {
            count: parts.order.policies.len,
            ..Policies::default()
        };
        for position in 0..this.count {
            let subject = view.get(parts.atoms.subjects, position);
            let identity = identity(view, parts, position);
            this.in_force
                .insert(identity, InForce { position, subject });
            push(&mut this.of_atom, subject, |all| all.push(position));
        }
        for kind in 0..parts.matching.kind_count() {
            let namespace = parts.matching.kind(view, kind).namespace;
            push(&mut this.kinds_of_namespace, namespace, |all| {
                all.push(kind);
            });
            let pod_class = view.get(parts.classes.pod_class_of_kind, kind);
            push(&mut this.kinds_in_pod_class, pod_class, |count| *count += 1);
        }
        this
    }

    /// The pod classes that an atom about pods matches; `None` if it cuts one in two.
    fn pod_classes(&self, view: View<'_>, parts: &OwnedParts, atom: u32) -> Option<Vec<u32>> {
        let record = parts.atoms.get(view, atom);
        let asked = (&parts.facts, &parts.projection, &parts.atoms);
        let mut matched: HashMap<u32, u32, foldhash::fast::FixedState> = HashMap::default();
        let mut ask = |kind| {
            if parts.matching.matches(view, asked, atom, kind) {
                let pod_class = view.get(parts.classes.pod_class_of_kind, kind);
                *matched.entry(pod_class).or_default() += 1;
            }
        };
        if record.kind() == AtomKind::PodsIn {
            let kinds = self.kinds_of_namespace.get(record.a as usize);
            kinds.into_iter().flatten().copied().for_each(ask);
        } else {
            (0..parts.matching.kind_count()).for_each(&mut ask);
        }
        let mut pod_classes = Vec::with_capacity(matched.len());
        for (pod_class, count) in matched {
            if self.kinds_in_pod_class.get(pod_class as usize) != Some(&count) {
                return None;
            }
            pod_classes.push(pod_class);
        }
        pod_classes.sort_unstable();
        Some(pod_classes)
    }
}

impl Retained {
    /// Takes in a policy, instead of one of its name if there is one.
    ///
    /// `None` where all must be compiled anew. Then nothing more can be asked of what
    /// is retained here.
    pub(crate) fn set_policy(&mut self, policy: AnyPolicy<'_>) -> Option<PolicyPatch> {
        self.reserve();
        let mut arena = Arena::resume(&mut self.memory, self.front);
        let (parts, policies) = (&mut self.parts, &mut self.policies);
        let mut patch = PolicyPatch::default();
        let subject = take(&mut arena, parts, policies, policy, &mut patch)?;
        let position = policies.count;
        policies.count += 1;
        if position >= parts.order.policies.len {
            let len = position as usize * 2 + 64;
            parts.order.policies = arena.lengthen(parts.order.policies, len).ok()?;
        }
        let fact = parts.facts.policies.len() - 1;
        arena.set(parts.order.policies, position, fact);

        let new = InForce { position, subject };
        let identity = identity(arena.view(), parts, position);
        let old = policies.in_force.insert(identity, new);
        add_subject(arena.view(), parts, policies, new);
        if let Some(old) = old {
            remove_subject(policies, old);
        }
        let changed = [Some(new), old];
        remake(&mut arena, parts, policies, changed, &mut patch)?;
        self.front = arena.front();
        Some(patch)
    }

    /// Takes out a policy; as [`Retained::set_policy`].
    pub(crate) fn remove_policy(&mut self, name: PolicyName<'_>) -> Option<PolicyPatch> {
        self.reserve();
        let mut arena = Arena::resume(&mut self.memory, self.front);
        let (parts, policies) = (&mut self.parts, &mut self.policies);
        let view = arena.view();
        let string = |text: &str| parts.facts.strings.find(view, text.as_bytes());
        let identity = match name {
            PolicyName::Network(namespace, name) => (
                PolicyKind::Network.api_kind(),
                parts.facts.find_namespace(view, namespace)?,
                string(name)?,
            ),
            PolicyName::Cluster(api, name) => (api.kind(), NONE, string(name)?),
        };
        let old = policies.in_force.remove(&identity)?;
        remove_subject(policies, old);
        let mut patch = PolicyPatch::default();
        remake(&mut arena, parts, policies, [None, Some(old)], &mut patch)?;
        self.front = arena.front();
        Some(patch)
    }

    /// Makes sure that there is memory for a patch.
    fn reserve(&mut self) {
        let needed = self.front as usize + SPARE_BYTES;
        if self.memory.len() < needed {
            self.memory.resize(needed + needed / 4, 0);
        }
    }
}

/// Takes in a policy and its atoms; returns the atom of its subject.
fn take(
    arena: &mut Arena<'_>,
    parts: &mut OwnedParts,
    policies: &Policies,
    policy: AnyPolicy<'_>,
    patch: &mut PolicyPatch,
) -> Option<u32> {
    let facts = &mut parts.facts;
    let (requirements, ports, atoms) = (
        facts.requirements.len(),
        facts.rule_ports.len(),
        parts.atoms.len(),
    );
    match policy {
        AnyPolicy::Network(policy) => facts.take_network_policy(arena, policy).ok()?,
        AnyPolicy::Cluster(policy) => facts.take_cluster_policy(arena, policy).ok()?,
    }
    let facts = &parts.facts;
    is_asked(arena.view(), parts, requirements..facts.requirements.len()).then_some(())?;
    for port in ports..facts.rule_ports.len() {
        let port = facts.rule_ports.get(arena.view(), port);
        if port.name == NONE {
            for key in [port.first, port.last + 1] {
                if parts.intervals.cut(arena, key) {
                    patch.cuts.push(key);
                    // Each cut touches every map: many are slower than a full compile.
                    let words = u64::from(parts.gates.maps.len())
                        * u64::from(parts.intervals.map_len())
                        * patch.cuts.len() as u64;
                    (words <= MAX_CUT_WORDS).then_some(())?;
                }
            }
        } else if !parts.projection.asked.port_name(arena.view(), port.name) {
            return None;
        }
    }
    if facts.peers.len() > parts.atoms.peers.len {
        let len = facts.peers.len() as usize * 2;
        parts.atoms.peers = arena.lengthen(parts.atoms.peers, len).ok()?;
    }
    let fact = facts.policies.len() - 1;
    let subject = parts.atoms.take_policy(arena, &parts.facts, fact).ok()?;
    for atom in atoms..parts.atoms.len() {
        let view = arena.view();
        let record = parts.atoms.get(view, atom);
        let pod_classes = match record.kind() {
            AtomKind::PodsIn | AtomKind::Pods => policies.pod_classes(view, parts, atom)?,
            AtomKind::IpBlock | AtomKind::Network if parts.regions.has(view, record) => Vec::new(),
            _ => return None,
        };
        parts.classes.add_atom(arena, &pod_classes).ok()?;
    }
    Some(subject)
}

/// Whether all that some requirements look at was looked at when all was compiled.
fn is_asked(view: View<'_>, parts: &OwnedParts, requirements: Range<u32>) -> bool {
    let asked = &parts.projection.asked;
    requirements.into_iter().all(|requirement| {
        let requirement: List<u32> = parts.facts.requirements.list(view, requirement);
        let key = view.get(requirement, 0);
        let mut values = view.iter(requirement.slice(2, requirement.len));
        asked.key(view, key) && values.all(|value| asked.pair(view, LabelRecord { key, value }))
    })
}

fn add_subject(view: View<'_>, parts: &OwnedParts, policies: &mut Policies, policy: InForce) {
    let InForce { position, subject } = policy;
    push(&mut policies.of_atom, subject, |all| all.push(position));
    for pod_class in view.iter(parts.classes.pod_classes(view, subject)) {
        let record = parts.classes.pod_class(view, pod_class);
        let subjects: List<u32> = parts.matching.lists.list(view, record.subjects);
        if !has_item(view, subjects, subject) {
            let later = policies.later_subjects.entry(pod_class).or_default();
            if !later.contains(&subject) {
                later.push(subject);
            }
        }
    }
}

fn remove_subject(policies: &mut Policies, policy: InForce) {
    if let Some(all) = policies.of_atom.get_mut(policy.subject as usize) {
        all.retain(|position| *position != policy.position);
    }
}

/// Makes the gates anew of all whom some policies select.
fn remake(
    arena: &mut Arena<'_>,
    parts: &mut OwnedParts,
    policies: &Policies,
    changed: [Option<InForce>; 2],
    patch: &mut PolicyPatch,
) -> Option<()> {
    let gates = parts.gates.take();
    let (chunks, rows) = (gates.chunks.len(), gates.rows.len());
    let mark = arena.mark();
    let known = known(parts);
    let mut maker = Maker::new(arena, known, &parts.classes, &parts.intervals, gates).ok()?;
    maker.effort_left = MAX_EFFORT;
    let mut pod_classes: Vec<u32> = Vec::new();
    for policy in changed.into_iter().flatten() {
        let view = arena.view();
        pod_classes.extend(view.iter(parts.classes.pod_classes(view, policy.subject)));
    }
    pod_classes.sort_unstable();
    pod_classes.dedup();
    let mut made: HashMap<(u32, Vec<u32>), usize, foldhash::fast::FixedState> = HashMap::default();
    for direction in Direction::BOTH {
        let concerns = |policy: &InForce| {
            maker
                .tiers
                .concerns(arena.view(), policy.position, direction)
        };
        if !changed.iter().flatten().any(concerns) {
            continue;
        }
        made.clear();
        for pod_class in &pod_classes {
            let key = gate_key(arena.view(), parts, policies, &maker, *pod_class, direction);
            let view = arena.view();
            let members: Vec<u32> = view
                .iter(parts.classes.of_pod_class.get(view, *pod_class))
                .collect();
            if let Some(gate) = made.get(&key).and_then(|at| patch.gates.get_mut(*at)) {
                gate.classes.extend(members);
                continue;
            }
            let rows = rows_of(arena, &mut maker, direction, &key)?;
            made.insert(key, patch.gates.len());
            patch.gates.push(GatePatch {
                direction,
                rows,
                classes: members,
            });
        }
    }
    let gates = maker.finish();
    arena.release(mark);
    collect(arena.view(), &gates, chunks, rows, patch);
    parts.gates = gates;
    Some(())
}

/// What the gate of a pod class is made from: its port set, if names are resolved
/// on it, and the policies, in the order in which they decide.
fn gate_key(
    view: View<'_>,
    parts: &OwnedParts,
    policies: &Policies,
    maker: &Maker<'_>,
    pod_class: u32,
    direction: Direction,
) -> (u32, Vec<u32>) {
    let record = parts.classes.pod_class(view, pod_class);
    let subjects: List<u32> = parts.matching.lists.list(view, record.subjects);
    let later = policies.later_subjects.get(&pod_class);
    let subjects = view
        .iter(subjects)
        .chain(later.into_iter().flatten().copied());
    let mut positions: Vec<u32> = subjects
        .filter_map(|atom| policies.of_atom.get(atom as usize))
        .flatten()
        .copied()
        .filter(|position| maker.tiers.concerns(view, *position, direction))
        .collect();
    let order = |position: &u32| {
        let policy = policy_at(view, parts, *position);
        // A NetworkPolicy's pods are of its namespace: all here are of one.
        (
            decision_key(&policy, 0),
            parts.facts.strings.bytes(view, policy.name),
        )
    };
    positions.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
    let resolves_names = direction == Direction::Ingress
        && positions
            .iter()
            .any(|position| maker.tiers.names_ports(view, *position));
    (if resolves_names { record.ports } else { 0 }, positions)
}

/// The rows of a gate, each from a port key on.
fn rows_of(
    arena: &mut Arena<'_>,
    maker: &mut Maker<'_>,
    direction: Direction,
    (ports, positions): &(u32, Vec<u32>),
) -> Option<Vec<(u32, u32)>> {
    let mark = arena.mark();
    let policies: List<u32> = arena.scratch(positions.len()).ok()?;
    for (index, position) in (0..).zip(positions) {
        arena.set(policies, index, *position);
    }
    let subject = Subject {
        direction,
        ports: *ports,
        policies,
    };
    let rows = maker.rows(arena, subject).ok()??;
    let rows = arena
        .view()
        .iter(rows)
        .map(|row| (row.key, row.row))
        .collect();
    arena.release(mark);
    Some(rows)
}

/// Collects the chunks and rows that came behind some others.
fn collect(view: View<'_>, gates: &Gates, chunks: u32, rows: u32, patch: &mut PolicyPatch) {
    for chunk in chunks..gates.chunks.len() {
        let words: List<u32> = gates.chunks.list(view, chunk);
        debug_assert_eq!(words.len, CHUNK_WORDS);
        patch.chunks.extend(view.iter(words));
    }
    for row in rows..gates.rows.len() {
        patch
            .row_chunks
            .extend(view.iter(gates.rows.list::<u32>(view, row)));
    }
}

impl PolicyPatch {
    /// Whether no table changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.cuts.is_empty() && self.gates.is_empty()
    }
}
