//! Which pod holds which address, as pods come and go.

use core::cmp::Reverse;
use core::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::address::canonical;
use crate::model::Pod;

/// Indices of pods; most addresses are claimed by one.
type Claimants = SmallVec<[u32; 2]>;

/// Who claims each address. A pod is known by its index among the cluster's pods.
#[derive(Default)]
pub(super) struct Holders {
    claimants: HashMap<IpAddr, Claimants, FixedState>,
}

/// Whether a pod holds the addresses that it states.
pub(super) fn is_subject(pod: &Pod<'_>) -> bool {
    !pod.host_network && !pod.phase.has_ended()
}

/// The addresses that a pod claims, each once, canonical.
pub(super) fn claims(pod: &Pod<'_>) -> SmallVec<[IpAddr; 4]> {
    let mut claims = SmallVec::new();
    if is_subject(pod) {
        for address in pod.addresses.iter().map(|address| canonical(*address)) {
            if !claims.contains(&address) {
                claims.push(address);
            }
        }
    }
    claims
}

impl Holders {
    /// The holders among some pods.
    pub(super) fn of(pods: &[Pod<'static>]) -> Holders {
        let mut holders = Holders::default();
        for (index, pod) in (0..).zip(pods) {
            holders.insert(index, pod);
        }
        holders
    }

    pub(super) fn insert(&mut self, index: u32, pod: &Pod<'_>) {
        for address in claims(pod) {
            self.claimants.entry(address).or_default().push(index);
        }
    }

    pub(super) fn remove(&mut self, index: u32, pod: &Pod<'_>) {
        for address in claims(pod) {
            let Some(claimants) = self.claimants.get_mut(&address) else {
                continue;
            };
            claimants.retain(|other| *other != index);
            if claimants.is_empty() {
                self.claimants.remove(&address);
            }
        }
    }

    /// A pod that was at one index is at another.
    pub(super) fn renumber(&mut self, from: u32, to: u32, pod: &Pod<'_>) {
        for address in claims(pod) {
            let claimants = self.claimants.get_mut(&address);
            let claimant = claimants.and_then(|all| all.iter_mut().find(|other| **other == from));
            if let Some(claimant) = claimant {
                *claimant = to;
            }
        }
    }

    /// Who claims an address, in no order.
    pub(super) fn claimants(&self, address: IpAddr) -> &[u32] {
        self.claimants.get(&address).map_or(&[], |all| all)
    }

    /// Who holds an address.
    ///
    /// SEMANTICS: Running before Pending, not-deleting before deleting, then the
    /// newest creation timestamp, then name.
    pub(super) fn holder(&self, address: IpAddr, pods: &[Pod<'static>]) -> Option<u32> {
        let precedence = |index: &u32| {
            let pod = pods.get(*index as usize)?;
            let created = Reverse(pod.created.unwrap_or(i64::MIN));
            let name = (&*pod.name, &*pod.namespace);
            Some((pod.phase as u32, pod.deleting, created, name))
        };
        match self.claimants(address) {
            [] => None,
            [only] => Some(*only),
            all => all.iter().copied().min_by_key(precedence),
        }
    }
}
