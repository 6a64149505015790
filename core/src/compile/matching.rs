//! Which atoms match which pods and nodes.
//!
//! An inverted index, never pods × selectors: an atom is filed under the rarest
//! label that it demands, and an endpoint looks only at what is filed under its
//! own labels. An atom that demands none (`{}`, `NotIn`) is looked at by all.

use super::arena::{Arena, List, Result, View};
use super::atoms::{AtomKind, Atoms};
use super::facts::Facts;
use super::groups::Groups;
use super::growing::Growing;
use super::order::Order;
use super::pool::Pool;
use super::projection::{Projection, has_bit, set_bit};
use crate::image::record::{Record, record};
use crate::image::tables::{LabelRecord, NONE, UNMENTIONED, operator_code, operator_from_code};
use crate::model::Operator;

record! {
    /// What pods of one kind have in common: a number in `Facts::namespaces`,
    /// projected sets, and 1 if the pods are judged.
    pub(super) struct PodKindRecord { namespace, labels, ports, in_scope }
}

/// What matches what.
pub(super) struct Matching {
    /// [`PodKindRecord`]s.
    kinds: Pool,
    /// For each pod of [`Order::pods`], its kind; [`NONE`] for one that is never
    /// a subject.
    pub(super) kind_of_pod: List<u32>,
    /// Sorted lists of atoms. List 0 is empty.
    pub(super) lists: Pool,
    /// For each kind, the atoms of subjects that match it, in `lists`.
    pub(super) subjects: List<u32>,
    /// For each kind, the atoms of peers that match it, in `lists`.
    pub(super) peers: List<u32>,
    /// For each node of [`Facts::nodes`], the atoms that match it, in `lists`.
    pub(super) nodes: List<u32>,
}

impl Matching {
    pub(super) fn new(
        arena: &mut Arena<'_>,
        facts: &Facts,
        order: &Order,
        projection: &Projection,
        atoms: &Atoms,
    ) -> Result<Matching> {
        let (kinds, kind_of_pod) = pod_kinds(arena, facts, order, projection)?;
        let endpoints = Endpoints {
            facts,
            projection,
            kinds: &kinds,
        };
        let mark = arena.mark();
        let index = Index::new(arena, &endpoints, atoms)?;

        let words = atoms.len().div_ceil(32) as usize;
        let is_subject = arena.list(words)?;
        let is_peer = arena.list(words)?;
        for atom in 0..atoms.subjects.len {
            let atom = arena.get(atoms.subjects, atom);
            set_bit(arena, is_subject, atom);
        }
        for atom in 0..atoms.peers.len {
            let atom = arena.get(atoms.peers, atom);
            set_bit(arena, is_peer, atom);
        }

        let mut lists = Pool::new();
        lists.intern(arena, &[])?;
        let mut matching = Matching {
            subjects: arena.list(kinds.len() as usize)?,
            peers: arena.list(kinds.len() as usize)?,
            nodes: arena.list(facts.nodes.len() as usize)?,
            lists,
            kind_of_pod,
            kinds: Pool::new(),
        };
        let mut own = Growing::new();
        let mut found = Growing::new();
        for endpoint in endpoints.all() {
            index.matches(arena, &endpoints, endpoint, (&mut own, &mut found))?;
            let mark = arena.mark();
            let atoms = sorted(arena, &found)?;
            match endpoint {
                Endpoint::PodKind(kind) => {
                    // No policy has a pod for its subject that is not judged.
                    let subjects = match kinds.record(arena.view(), kind) {
                        PodKindRecord { in_scope: 0, .. } => 0,
                        _ => matching.intern(arena, atoms, is_subject)?,
                    };
                    arena.set(matching.subjects, kind, subjects);
                    let peers = matching.intern(arena, atoms, is_peer)?;
                    arena.set(matching.peers, kind, peers);
                }
                Endpoint::Node(node) => {
                    let list = matching.lists.intern_list(arena, atoms)?;
                    arena.set(matching.nodes, node, list);
                }
            }
            arena.release(mark);
        }
        arena.release(mark);
        matching.kinds = kinds;
        Ok(matching)
    }

    /// The number of kinds of pod.
    pub(super) fn kind_count(&self) -> u32 {
        self.kinds.len()
    }

    /// Whether an atom about pods matches a kind.
    #[cfg(feature = "std")]
    pub(super) fn matches(
        &self,
        view: View<'_>,
        (facts, projection, atoms): (&Facts, &Projection, &Atoms),
        atom: u32,
        kind: u32,
    ) -> bool {
        let endpoints = Endpoints {
            facts,
            projection,
            kinds: &self.kinds,
        };
        let traits = endpoints.traits(view, Endpoint::PodKind(kind));
        demands(view, facts, atoms, atom)
            .all(|demand| Question::new(view, facts, demand).holds(view, &traits))
    }

    /// The number of a kind that some pod is of.
    #[cfg(feature = "std")]
    pub(super) fn find_kind(&self, view: View<'_>, kind: PodKindRecord) -> Option<u32> {
        self.kinds.find_record(view, kind)
    }

    /// A kind of pod.
    pub(super) fn kind(&self, view: View<'_>, kind: u32) -> PodKindRecord {
        self.kinds.record(view, kind)
    }

    /// Interns those of some atoms that are in a set.
    fn intern(&mut self, arena: &mut Arena<'_>, atoms: List<u32>, set: List<u32>) -> Result<u32> {
        let mark = arena.mark();
        let list: List<u32> = arena.scratch(atoms.len as usize)?;
        let mut len = 0;
        for index in 0..atoms.len {
            let atom = arena.get(atoms, index);
            if has_bit(arena.view(), set, atom) {
                arena.set(list, len, atom);
                len += 1;
            }
        }
        let id = self.lists.intern_list(arena, list.slice(0, len))?;
        arena.release(mark);
        Ok(id)
    }
}

/// Numbers in order, as a scratch list.
fn sorted(arena: &mut Arena<'_>, numbers: &Growing<u32>) -> Result<List<u32>> {
    let list: List<u32> = arena.scratch(numbers.len() as usize)?;
    for index in 0..numbers.len() {
        let number = numbers.get(arena.view(), index);
        arena.set(list, index, number);
    }
    arena.sort_by_key(list, |number| number);
    Ok(list)
}

fn pod_kinds(
    arena: &mut Arena<'_>,
    facts: &Facts,
    order: &Order,
    projection: &Projection,
) -> Result<(Pool, List<u32>)> {
    let mut kinds = Pool::new();
    let kind_of_pod = arena.list(order.pods.len as usize)?;
    for pod in 0..order.pods.len {
        let fact = facts.pods.get(arena.view(), arena.get(order.pods, pod));
        let kind = if fact.is_subject() {
            let record = PodKindRecord {
                namespace: fact.namespace,
                labels: arena.get(projection.of_label_set, fact.labels),
                ports: arena.get(projection.of_port_set, fact.ports),
                in_scope: u32::from(fact.is_in_scope()),
            };
            kinds.intern_record(arena, record)?
        } else {
            NONE
        };
        arena.set(kind_of_pod, pod, kind);
    }
    Ok((kinds, kind_of_pod))
}

/// Something with labels.
#[derive(Clone, Copy)]
enum Endpoint {
    PodKind(u32),
    Node(u32),
}

/// Whose labels a requirement is about.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Space {
    Pod,
    Namespace,
    Node,
}

impl Space {
    const ALL: [Space; 3] = [Space::Pod, Space::Namespace, Space::Node];
}

/// What selectors look at in one endpoint.
struct Traits {
    /// [`NONE`] for a node.
    namespace: u32,
    /// By [`Space`], sorted by key; none where the space is another kind's.
    labels: [List<LabelRecord>; 3],
}

impl Traits {
    fn labels_in(&self, space: Space) -> List<LabelRecord> {
        let [pod, namespace, node] = self.labels;
        match space {
            Space::Pod => pod,
            Space::Namespace => namespace,
            Space::Node => node,
        }
    }
}

/// The labels of all endpoints.
struct Endpoints<'f> {
    facts: &'f Facts,
    projection: &'f Projection,
    kinds: &'f Pool,
}

impl Endpoints<'_> {
    fn all(&self) -> impl Iterator<Item = Endpoint> + use<> {
        let kinds = (0..self.kinds.len()).map(Endpoint::PodKind);
        kinds.chain((0..self.facts.nodes.len()).map(Endpoint::Node))
    }

    fn kind(&self, view: View<'_>, kind: u32) -> PodKindRecord {
        self.kinds.record(view, kind)
    }

    /// What selectors look at.
    fn traits(&self, view: View<'_>, endpoint: Endpoint) -> Traits {
        let projected = |labels| {
            let set = view.get(self.projection.of_label_set, labels);
            self.projection.label_sets.list(view, set)
        };
        match endpoint {
            Endpoint::PodKind(kind) => {
                let PodKindRecord {
                    namespace, labels, ..
                } = self.kind(view, kind);
                let namespace_labels = self.facts.namespaces.get(view, namespace).labels;
                Traits {
                    namespace,
                    labels: [
                        self.projection.label_sets.list(view, labels),
                        projected(namespace_labels),
                        List::default(),
                    ],
                }
            }
            Endpoint::Node(node) => Traits {
                namespace: NONE,
                labels: [
                    List::default(),
                    List::default(),
                    projected(self.facts.nodes.get(view, node).labels),
                ],
            },
        }
    }

    /// The buckets that an endpoint belongs to.
    fn buckets(
        &self,
        arena: &mut Arena<'_>,
        endpoint: Endpoint,
        buckets: &mut Growing<Bucket>,
    ) -> Result<()> {
        buckets.clear();
        let traits = self.traits(arena.view(), endpoint);
        for space in Space::ALL {
            let labels = traits.labels_in(space);
            for index in 0..labels.len {
                let label = arena.get(labels, index);
                if label.value != UNMENTIONED {
                    buckets.push(arena, Bucket::label(space, label.key, label.value))?;
                }
                buckets.push(arena, Bucket::label(space, label.key, NONE))?;
            }
        }
        match endpoint {
            Endpoint::PodKind(_) => {
                buckets.push(arena, Bucket::namespace(traits.namespace))?;
                buckets.push(arena, Bucket::EVERY_POD)?;
            }
            Endpoint::Node(_) => {
                buckets.push(arena, Bucket::EVERY_NODE)?;
            }
        }
        Ok(())
    }
}

record! {
    /// Under what an atom is filed: a label (`value` [`NONE`]: a key), a
    /// namespace, or nothing.
    struct Bucket { space, key, value }
}

impl Bucket {
    const EVERY_POD: Bucket = Bucket {
        space: 4,
        key: 0,
        value: 0,
    };
    const EVERY_NODE: Bucket = Bucket {
        space: 5,
        key: 0,
        value: 0,
    };

    fn label(space: Space, key: u32, value: u32) -> Bucket {
        Bucket {
            space: space as u32,
            key,
            value,
        }
    }

    fn namespace(namespace: u32) -> Bucket {
        Bucket {
            space: 3,
            key: namespace,
            value: 0,
        }
    }
}

/// One thing that an atom demands of an endpoint.
#[derive(Clone, Copy)]
enum Demand {
    /// To be in a namespace.
    Namespace(u32),
    /// To satisfy a requirement, a number in `Facts::requirements`.
    Label(Space, u32),
}

/// What an atom demands; all of it must hold. Nothing for an atom that is not
/// about labels, which [`is_about_labels`] tells.
fn demands<'v>(
    view: View<'v>,
    facts: &'v Facts,
    atoms: &Atoms,
    atom: u32,
) -> impl Iterator<Item = Demand> + Clone + 'v {
    let atom = atoms.get(view, atom);
    let (namespace, selectors) = match atom.kind() {
        AtomKind::PodsIn => (Some(atom.a), [Some((Space::Pod, atom.b)), None]),
        AtomKind::Pods => (
            None,
            [Some((Space::Namespace, atom.a)), Some((Space::Pod, atom.b))],
        ),
        AtomKind::Nodes => (None, [Some((Space::Node, atom.a)), None]),
        _ => (None, [None, None]),
    };
    let labels = selectors
        .into_iter()
        .flatten()
        .flat_map(move |(space, selector)| {
            view.iter(facts.selectors.list::<u32>(view, selector))
                .map(move |requirement| Demand::Label(space, requirement))
        });
    namespace.map(Demand::Namespace).into_iter().chain(labels)
}

fn is_about_labels(kind: AtomKind) -> bool {
    matches!(kind, AtomKind::PodsIn | AtomKind::Pods | AtomKind::Nodes)
}

impl Demand {
    /// The buckets of which an endpoint that satisfies the demand is in exactly
    /// one; `None` if the demand only rules out.
    fn buckets<'v>(
        self,
        view: View<'v>,
        facts: &Facts,
    ) -> Option<impl Iterator<Item = Bucket> + Clone + use<'v>> {
        let (first, space, key, values) = match self {
            Demand::Namespace(namespace) => (
                Some(Bucket::namespace(namespace)),
                Space::Pod,
                0,
                List::default(),
            ),
            Demand::Label(space, requirement) => {
                let requirement: List<u32> = facts.requirements.list(view, requirement);
                let key = view.get(requirement, 0);
                match operator_from_code(view.get(requirement, 1)) {
                    Some(Operator::In) => (None, space, key, requirement.slice(2, requirement.len)),
                    Some(Operator::Exists) => (
                        Some(Bucket::label(space, key, NONE)),
                        space,
                        key,
                        List::default(),
                    ),
                    _ => return None,
                }
            }
        };
        let labels = view
            .iter(values)
            .map(move |value| Bucket::label(space, key, value));
        Some(first.into_iter().chain(labels))
    }
}

/// What a demand asks, ready to be asked of one endpoint after another.
#[derive(Clone, Copy)]
struct Question {
    /// `None`: to be in the namespace `key`.
    space: Option<Space>,
    key: u32,
    operator: Option<Operator>,
    /// Sorted.
    values: List<u32>,
}

impl Question {
    fn new(view: View<'_>, facts: &Facts, demand: Demand) -> Question {
        match demand {
            Demand::Namespace(namespace) => Question {
                space: None,
                key: namespace,
                operator: None,
                values: List::default(),
            },
            Demand::Label(space, requirement) => {
                let requirement: List<u32> = facts.requirements.list(view, requirement);
                Question {
                    space: Some(space),
                    key: view.get(requirement, 0),
                    operator: operator_from_code(view.get(requirement, 1)),
                    values: requirement.slice(2, requirement.len),
                }
            }
        }
    }

    /// Whether an endpoint is as demanded.
    fn holds(self, view: View<'_>, traits: &Traits) -> bool {
        let Some(space) = self.space else {
            return traits.namespace == self.key;
        };
        // There are few labels that selectors look at, and few values to a requirement.
        let mut labels = view.iter(traits.labels_in(space));
        let label = labels.find(|label| label.key == self.key);
        let value = label.map(|label| label.value);
        let listed = |value| {
            let at = view.partition_point(self.values, |listed| listed < value);
            at < self.values.len && view.get(self.values, at) == value
        };
        match self.operator {
            Some(Operator::In) => value.is_some_and(listed),
            Some(Operator::NotIn) => !value.is_some_and(listed),
            Some(Operator::Exists) => value.is_some(),
            Some(Operator::DoesNotExist) | None => value.is_none(),
        }
    }
}

record! {
    /// A [`Question`] as it is stored: `space` [`NONE`] for a namespace.
    struct QuestionRecord { space, key, operator, values, values_len }
}

impl QuestionRecord {
    fn of(question: Question) -> QuestionRecord {
        QuestionRecord {
            space: question.space.map_or(NONE, |space| space as u32),
            key: question.key,
            operator: question.operator.map_or(NONE, operator_code),
            values: question.values.start,
            values_len: question.values.len,
        }
    }

    fn question(self) -> Question {
        Question {
            space: Space::ALL.get(self.space as usize).copied(),
            key: self.key,
            operator: operator_from_code(self.operator),
            values: List::new(self.values, self.values_len),
        }
    }
}

/// What each atom asks.
struct Questions {
    /// Where those of each atom begin in `all`, and the end.
    starts: List<u32>,
    all: List<QuestionRecord>,
}

impl Questions {
    /// Takes scratch.
    fn new(arena: &mut Arena<'_>, facts: &Facts, atoms: &Atoms) -> Result<Questions> {
        let starts: List<u32> = arena.scratch(atoms.len() as usize + 1)?;
        let mut total = 0;
        for atom in 0..atoms.len() {
            arena.set(starts, atom, total);
            total += demands(arena.view(), facts, atoms, atom).count() as u32;
        }
        arena.set(starts, atoms.len(), total);
        let all: List<QuestionRecord> = arena.scratch(total as usize)?;
        let (view, cells) = arena.split(all);
        let questions = (0..atoms.len()).flat_map(|atom| demands(view, facts, atoms, atom));
        for (cell, demand) in cells.iter_mut().zip(questions) {
            *cell = QuestionRecord::of(Question::new(view, facts, demand)).encode();
        }
        Ok(Questions { starts, all })
    }

    /// Whether an endpoint is all that an atom asks for.
    fn are_met(&self, view: View<'_>, atom: u32, traits: &Traits) -> bool {
        let (first, end) = (view.get(self.starts, atom), view.get(self.starts, atom + 1));
        view.iter(self.all.slice(first, end - first))
            .all(|question| question.question().holds(view, traits))
    }
}

/// Which atoms are filed under which buckets.
struct Index {
    buckets: Pool,
    filed: Groups,
    questions: Questions,
}

impl Index {
    fn new(arena: &mut Arena<'_>, endpoints: &Endpoints<'_>, atoms: &Atoms) -> Result<Index> {
        let (buckets, counts) = count_buckets(arena, endpoints)?;
        let filed = Groups::build(arena, buckets.len(), |view, emit| {
            let find = |bucket: Bucket| buckets.find_record(view, bucket);
            for atom in 0..atoms.len() {
                let kind = atoms.get(view, atom).kind();
                if !is_about_labels(kind) {
                    continue;
                }
                let size = |demand: &Demand| {
                    let buckets = demand.buckets(view, endpoints.facts)?;
                    Some(
                        buckets
                            .filter_map(find)
                            .map(|id| counts.get(view, id))
                            .sum::<u32>(),
                    )
                };
                let rarest = demands(view, endpoints.facts, atoms, atom)
                    .filter_map(|demand| Some((size(&demand)?, demand)))
                    .min_by_key(|(size, _)| *size);
                match rarest.and_then(|(_, demand)| demand.buckets(view, endpoints.facts)) {
                    Some(buckets) => buckets.filter_map(find).for_each(|id| emit(id, atom)),
                    None => {
                        let every = match kind {
                            AtomKind::Nodes => Bucket::EVERY_NODE,
                            _ => Bucket::EVERY_POD,
                        };
                        find(every).into_iter().for_each(|id| emit(id, atom));
                    }
                }
            }
        })?;
        Ok(Index {
            buckets,
            filed,
            questions: Questions::new(arena, endpoints.facts, atoms)?,
        })
    }

    /// Collects the atoms that match an endpoint, each once, in no order.
    fn matches(
        &self,
        arena: &mut Arena<'_>,
        endpoints: &Endpoints<'_>,
        endpoint: Endpoint,
        (own, found): (&mut Growing<Bucket>, &mut Growing<u32>),
    ) -> Result<()> {
        found.clear();
        endpoints.buckets(arena, endpoint, own)?;
        let traits = endpoints.traits(arena.view(), endpoint);
        for index in 0..own.len() {
            let view = arena.view();
            let bucket = own.get(view, index);
            let Some(id) = self.buckets.find_record(view, bucket) else {
                continue;
            };
            let filed = self.filed.get(view, id);
            for index in 0..filed.len {
                let view = arena.view();
                let atom = view.get(filed, index);
                if self.questions.are_met(view, atom, &traits) {
                    found.push(arena, atom)?;
                }
            }
        }
        Ok(())
    }
}

/// All buckets, and how many endpoints each has.
fn count_buckets(arena: &mut Arena<'_>, endpoints: &Endpoints<'_>) -> Result<(Pool, Growing<u32>)> {
    let mut buckets = Pool::new();
    let mut counts: Growing<u32> = Growing::new();
    let mut own: Growing<Bucket> = Growing::new();
    for endpoint in endpoints.all() {
        endpoints.buckets(arena, endpoint, &mut own)?;
        for index in 0..own.len() {
            let bucket = own.get(arena.view(), index);
            let id = buckets.intern_record(arena, bucket)?;
            if id == counts.len() {
                counts.push(arena, 0)?;
            }
            let count = counts.get(arena.view(), id);
            counts.set(arena, id, count + 1);
        }
    }
    Ok((buckets, counts))
}
