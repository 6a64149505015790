//! Who is there, in which order: namespaces by name, pods by namespace and name,
//! policies in the order in which they decide.
//!
//! An object that is given twice counts as given last.

use core::cmp::Ordering;

use super::arena::{Arena, List, Result, View};
use super::facts::{Facts, PodFact};
use super::projection::{has_bit, set_bit};
use crate::image::record::record;
use crate::image::tables::{PolicyKind, PolicyRecord};
use crate::model::Tier;

/// The objects in force, by their numbers in [`Facts`].
pub(super) struct Order {
    /// Namespaces, by name.
    pub(super) namespaces: List<u32>,
    /// For each namespace of [`Facts`], its index in `namespaces`.
    pub(super) namespace_index: List<u32>,
    /// Pods, by namespace and name.
    pub(super) pods: List<u32>,
    /// Policies, in the order of decision.
    pub(super) policies: List<u32>,
}

record! {
    /// A pod to sort: its namespace's index and the first 8 bytes of its name
    /// decide most comparisons without looking further.
    struct PodKey { namespace, name_high, name_low, fact }
}

impl Order {
    pub(super) fn new(arena: &mut Arena<'_>, facts: &Facts) -> Result<Order> {
        let namespaces = sorted(arena, facts.namespaces.len(), |view, a, b| {
            let name = |id| {
                facts
                    .strings
                    .bytes(view, facts.namespaces.get(view, id).name)
            };
            name(a).cmp(name(b))
        })?;
        let namespace_index = arena.list(namespaces.len as usize)?;
        for index in 0..namespaces.len {
            let id = arena.get(namespaces, index);
            arena.set(namespace_index, id, index);
        }
        let judged = judged(arena, facts)?;
        Ok(Order {
            namespaces,
            namespace_index,
            pods: sort_pods(arena, facts, namespace_index)?,
            policies: sort_policies(arena, facts, namespace_index, judged)?,
        })
    }
}

/// The numbers below `len`, sorted.
fn sorted(
    arena: &mut Arena<'_>,
    len: u32,
    compare: impl Fn(View<'_>, u32, u32) -> Ordering,
) -> Result<List<u32>> {
    let list = arena.list(len as usize)?;
    for index in 0..len {
        arena.set(list, index, index);
    }
    arena.sort_by(list, compare);
    Ok(list)
}

/// The name of a pod.
pub(super) fn pod_name<'v>(view: View<'v>, pod: &PodFact) -> &'v [u8] {
    view.bytes(pod.name, pod.name_len)
}

fn sort_pods(
    arena: &mut Arena<'_>,
    facts: &Facts,
    namespace_index: List<u32>,
) -> Result<List<u32>> {
    let len = facts.pods.len();
    let pods: List<u32> = arena.list(len as usize)?;
    let mark = arena.mark();
    let keys: List<PodKey> = arena.scratch(len as usize)?;
    for fact in 0..len {
        let view = arena.view();
        let pod = facts.pods.get(view, fact);
        let mut prefix = [0; 8];
        for (to, from) in prefix.iter_mut().zip(pod_name(view, &pod)) {
            *to = *from;
        }
        let prefix = u64::from_be_bytes(prefix);
        let key = PodKey {
            namespace: view.get(namespace_index, pod.namespace),
            name_high: (prefix >> 32) as u32,
            name_low: prefix as u32,
            fact,
        };
        arena.set(keys, fact, key);
    }
    let same_name = |view: View<'_>, a: &PodKey, b: &PodKey| {
        let name = |key: &PodKey| pod_name(view, &facts.pods.get(view, key.fact));
        (a.namespace, a.name_high, a.name_low)
            .cmp(&(b.namespace, b.name_high, b.name_low))
            .then_with(|| name(a).cmp(name(b)))
    };
    arena.sort_by(keys, |view, a, b| {
        same_name(view, &a, &b).then(a.fact.cmp(&b.fact))
    });
    let mut kept = 0;
    for index in 0..len {
        let key = arena.get(keys, index);
        let replaced = index + 1 < len && {
            let next = arena.get(keys, index + 1);
            same_name(arena.view(), &key, &next).is_eq()
        };
        if !replaced {
            arena.set(pods, kept, key.fact);
            kept += 1;
        }
    }
    arena.release(mark);
    Ok(pods.slice(0, kept))
}

/// A bit for each namespace with a pod that is judged; `None` where all are.
fn judged(arena: &mut Arena<'_>, facts: &Facts) -> Result<Option<List<u32>>> {
    if !facts.is_scoped {
        return Ok(None);
    }
    let judged = arena.list(facts.namespaces.len().div_ceil(32) as usize)?;
    for pod in 0..facts.pods.len() {
        let pod = facts.pods.get(arena.view(), pod);
        if pod.is_in_scope() {
            set_bit(arena, judged, pod.namespace);
        }
    }
    Ok(Some(judged))
}

/// The policies in force; NetworkPolicies of namespaces without a pod that is
/// judged are left out, and what only they ask is not asked.
fn sort_policies(
    arena: &mut Arena<'_>,
    facts: &Facts,
    namespace_index: List<u32>,
    judged: Option<List<u32>>,
) -> Result<List<u32>> {
    let namespace = |view: View<'_>, policy: &PolicyRecord| match policy.kind() {
        PolicyKind::Network => view.get(namespace_index, policy.namespace),
        PolicyKind::Cluster(_) => 0,
    };

    let by_identity = |view: View<'_>, a: &PolicyRecord, b: &PolicyRecord| {
        a.kind()
            .api_kind()
            .cmp(b.kind().api_kind())
            .then_with(|| namespace(view, a).cmp(&namespace(view, b)))
            .then_with(|| policy_name(view, facts, a).cmp(policy_name(view, facts, b)))
    };
    let policy = |view: View<'_>, id| facts.policies.get(view, id);
    let all = sorted(arena, facts.policies.len(), |view, a, b| {
        by_identity(view, &policy(view, a), &policy(view, b)).then(a.cmp(&b))
    })?;
    let mut kept = 0;
    for index in 0..all.len {
        let view = arena.view();
        let id = view.get(all, index);
        let replaced = index + 1 < all.len
            && by_identity(
                view,
                &policy(view, id),
                &policy(view, view.get(all, index + 1)),
            )
            .is_eq();
        let is_judged = |policy: PolicyRecord| match (judged, policy.kind()) {
            (Some(judged), PolicyKind::Network) => has_bit(view, judged, policy.namespace),
            _ => true,
        };
        if !replaced && is_judged(policy(view, id)) {
            arena.set(all, kept, id);
            kept += 1;
        }
    }
    let policies = all.slice(0, kept);
    arena.sort_by(policies, |view, a, b| {
        let (a, b) = (policy(view, a), policy(view, b));
        let key = |policy: &PolicyRecord| decision_key(policy, namespace(view, policy));
        key(&a)
            .cmp(&key(&b))
            .then_with(|| policy_name(view, facts, &a).cmp(policy_name(view, facts, &b)))
    });
    Ok(policies)
}

fn policy_name<'v>(view: View<'v>, facts: &Facts, policy: &PolicyRecord) -> &'v [u8] {
    facts.strings.bytes(view, policy.name)
}

/// What orders policies, in front of their names.
///
/// SEMANTICS, "Order of decision": in the Admin tier by priority, then ANP before
/// CNP; in the Baseline tier BANP first, then by priority. NetworkPolicies stand
/// together by namespace; among them no order matters.
pub(super) fn decision_key(policy: &PolicyRecord, namespace: u32) -> (Tier, u32, u32) {
    let kind = policy.kind();
    match kind.tier() {
        Tier::Admin => (Tier::Admin, policy.priority, kind.code()),
        Tier::NetworkPolicy => (Tier::NetworkPolicy, namespace, 0),
        Tier::Baseline => (Tier::Baseline, kind.code(), policy.priority),
    }
}
