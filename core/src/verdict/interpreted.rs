//! Which verdicts the tables leave to the rules, and what that costs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::interpret::Case;
use super::{Party, PodParty, PodRef};
use crate::image::tables::*;
use crate::image::{Image, Place};
use crate::model::Direction;

/// Pods of which one direction is not in the tables, because it did not fit
/// [`Options::table_budget`](crate::model::Options::table_budget) or would have taken too
/// many steps to compile: their verdicts are worked out from the rules, each time.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Interpreted<'i> {
    /// The direction.
    pub direction: Direction,
    /// How many pods there are that are decided by the same policies.
    pub pods: usize,
    /// The first of them by namespace and name.
    pub first: PodRef<'i>,
    /// How many policies decide, in this direction.
    pub policies: usize,
    /// How many rules they have, which a verdict may have to try one by one.
    pub rules: usize,
}

impl<'i> Image<'i> {
    /// What the tables leave to the rules, the most costly first.
    #[must_use]
    pub fn interpreted(&'i self) -> Vec<Interpreted<'i>> {
        let mut by_gate: BTreeMap<(u32, u32), Interpreted<'i>> = BTreeMap::new();
        for (direction, gate, pod) in self.interpreted_subjects() {
            let entry = by_gate.entry((direction as u32, gate));
            let new = || self.interpreted_of(direction, pod);
            entry.or_insert_with(new).pods += 1;
        }
        let mut all: Vec<Interpreted<'i>> = by_gate.into_values().collect();
        all.sort_by_key(|interpreted| core::cmp::Reverse(interpreted.rules));
        all
    }

    /// The subjects that the tables leave to the rules, and their gates.
    pub(crate) fn interpreted_subjects(
        &'i self,
    ) -> impl Iterator<Item = (Direction, u32, PodRef<'i>)> {
        let no_subject = pod_flags::HOST_NETWORK | pod_flags::ENDED | pod_flags::OUT_OF_SCOPE;
        self.pods().flat_map(move |pod| {
            let record = self.cold.pods.get(pod.index() as u32);
            let class = self.decision.class(Place(record.place));
            let maps = self.decision.classes.get(class);
            let gates = self.cold.class_gates.get(class);
            let directions = [
                (Direction::Egress, maps.egress_map, gates.egress),
                (Direction::Ingress, maps.ingress_map, gates.ingress),
            ];
            let is_interpreted = move |map| map == NONE && record.flags & no_subject == 0;
            directions
                .into_iter()
                .filter(move |(_, map, _)| is_interpreted(*map))
                .map(move |(direction, _, gate)| (direction, gate, pod))
        })
    }

    /// What a direction of a pod costs; not counted yet.
    fn interpreted_of(&'i self, direction: Direction, pod: PodRef<'i>) -> Interpreted<'i> {
        let mut interpreted = Interpreted {
            direction,
            pods: 0,
            first: pod,
            policies: 0,
            rules: 0,
        };
        let number = pod.index() as u32;
        let case = Case::of_subject(self, direction, Party::without_address(self, number));
        for policy in case.policies(PodParty::Known(number)) {
            interpreted.policies += 1;
            interpreted.rules += case.record(policy).rules(direction).1 as usize;
        }
        interpreted
    }
}
