//! Which pod holds which address. SEMANTICS, "Who an address is", 1.

use core::cmp::{Ordering, Reverse};

use super::arena::{Arena, List, Result, View};
use super::facts::{Facts, PodFact};
use super::groups::Groups;
use super::order::{Order, pod_name};
use crate::address::{MAPPED_FIRST, MAPPED_LAST};
use crate::image::record::record;
use crate::image::tables::VOID_CLAIM;

record! {
    /// An address that a pod states. `pod` is an index in [`Order::pods`], with
    /// [`VOID_CLAIM`] for a pod that can hold no address.
    pub(super) struct Claim { address: u128, pod }
}

impl Claim {
    pub(super) fn pod(&self) -> u32 {
        self.pod & !VOID_CLAIM
    }

    fn is_void(&self) -> bool {
        self.pod & VOID_CLAIM != 0
    }
}

/// All claims.
pub(super) struct Claims {
    /// Sorted by address, the holder in front of who claims it in vain.
    pub(super) all: List<Claim>,
    /// Where the IPv4 addresses begin in `all`, and where they end.
    pub(super) v4: (u32, u32),
    /// For each pod, its claims.
    pub(super) of_pod: Groups,
}

impl Claims {
    pub(super) fn new(arena: &mut Arena<'_>, facts: &Facts, order: &Order) -> Result<Claims> {
        let fact = |view: View<'_>, pod| facts.pods.get(view, view.get(order.pods, pod));
        let count: u32 = (0..order.pods.len)
            .map(|pod| fact(arena.view(), pod).addresses_len)
            .sum();
        let all: List<Claim> = arena.list(count as usize)?;
        let mut at = 0;
        for pod in 0..order.pods.len {
            let fact = fact(arena.view(), pod);
            let pod = if fact.is_subject() {
                pod
            } else {
                pod | VOID_CLAIM
            };
            for index in 0..fact.addresses_len {
                let address = facts
                    .addresses
                    .get(arena.view(), fact.addresses + index)
                    .address;
                arena.set(all, at, Claim { address, pod });
                at += 1;
            }
        }
        arena.sort_by(all, |view, a, b| {
            a.address.cmp(&b.address).then_with(|| {
                let order = precedence(view, &fact(view, a.pod()), &fact(view, b.pod()));
                a.is_void()
                    .cmp(&b.is_void())
                    .then(order)
                    .then(a.pod.cmp(&b.pod))
            })
        });
        // A pod that lists an address twice claims it once.
        let all = arena.dedup(all);
        let point = |limit| {
            arena
                .view()
                .partition_point(all, |claim| claim.address < limit)
        };
        let v4 = (point(MAPPED_FIRST), point(MAPPED_LAST + 1));
        let of_pod = Groups::build(arena, order.pods.len, |view, emit| {
            for (index, claim) in view.iter(all).enumerate() {
                emit(claim.pod(), index as u32);
            }
        })?;
        Ok(Claims { all, v4, of_pod })
    }

    /// Whether the pod of a claim holds the address.
    pub(super) fn is_holder(&self, view: View<'_>, claim: u32) -> bool {
        let this = view.get(self.all, claim);
        let is_first = claim == 0 || view.get(self.all, claim - 1).address != this.address;
        is_first && !this.is_void()
    }

    /// Whether some pod holds the address.
    pub(super) fn is_held(&self, view: View<'_>, address: u128) -> bool {
        let at = view.partition_point(self.all, |claim| claim.address < address);
        at < self.all.len && view.get(self.all, at).address == address && self.is_holder(view, at)
    }
}

/// Who of two pods holds an address that both claim.
///
/// SEMANTICS: Running before Pending, not-deleting before deleting, then the
/// newest creation timestamp, then name.
fn precedence(view: View<'_>, a: &PodFact, b: &PodFact) -> Ordering {
    let key = |pod: &PodFact| (pod.rank, pod.deleting, Reverse(pod.created()));
    key(a)
        .cmp(&key(b))
        .then_with(|| pod_name(view, a).cmp(pod_name(view, b)))
}
