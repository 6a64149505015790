//! Pods that come, change and go, as patches of single addresses.
//!
//! A patch needs that some compiled pod has the same namespace, labels and named
//! ports as far as any rule looks, and the same own node; that one like it has stood
//! in each region of its addresses; and that none of these is a node's. What comes
//! of contested addresses, and of pods with several of one family, is worked out
//! anew for all who are concerned.

use alloc::vec::Vec;
use core::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::holders::{Holders, claims};
use super::state::{Change, Newcomer};
use crate::address::{canonical, to_bits};
use crate::compile::{PodTraits, Retained};
use crate::image::Place;
use crate::model::Pod;

/// What is needed to patch pods.
pub(super) struct Pods {
    pub(super) holders: Holders,
    /// For each traits, a pod of the image that has them.
    like: HashMap<PodTraits, u32, FixedState>,
    /// The number of the last newcomer.
    newcomers: u64,
    /// Whether there is a newcomer that no pod of the image is like.
    pub(super) has_unlike: bool,
    /// Whether the rules are asked for some pods at each verdict.
    pub(super) has_special: bool,
}

/// How many addresses are told anew one by one, at most. More of them are concerned only
/// where very many pods claim one address.
const MOST_CONCERNED: usize = 64;

impl Pods {
    pub(super) fn new(pods: &[Pod<'static>], retained: &Retained) -> Pods {
        let mut this = Pods {
            holders: Holders::of(pods),
            like: HashMap::default(),
            newcomers: 0,
            has_unlike: false,
            has_special: false,
        };
        this.renew(retained);
        this
    }

    /// Begins anew behind a full compile.
    pub(super) fn renew(&mut self, retained: &Retained) {
        self.like = retained
            .all_traits()
            .map(|(pod, like)| (like, pod))
            .collect();
        self.newcomers = 0;
        self.has_unlike = false;
        self.has_special = retained.has_special();
    }

    /// The changes that bring readers from what they see of `touched` addresses to
    /// what the holders say now; `None` if that cannot be told without compiling.
    pub(super) fn patch(
        &mut self,
        touched: &[IpAddr],
        pods: &[Pod<'static>],
        retained: &mut Retained,
        changes: &mut Vec<Change>,
    ) -> Option<()> {
        // Who wins or loses one address may be another on its others, too; and whoever
        // is told anew on one address must be told so on all.
        let mut concerned: SmallVec<[IpAddr; 8]> = SmallVec::from_slice(touched);
        let mut at = 0;
        while let Some(address) = concerned.get(at).copied() {
            at += 1;
            for index in self.holders.claimants(address) {
                // Who claims an address is no host-networked pod, nor one that ended.
                for other in &pods.get(*index as usize)?.addresses {
                    let other = canonical(*other);
                    if !concerned.contains(&other) {
                        concerned.push(other);
                    }
                    if concerned.len() > MOST_CONCERNED {
                        return None;
                    }
                }
            }
        }
        let mut known: SmallVec<[(u32, PodTraits, Newcomer); 2]> = SmallVec::new();
        for address in concerned {
            let Some(index) = self.holders.holder(address, pods) else {
                changes.push(Change::Holder {
                    address,
                    place: retained.ground_place(to_bits(address))?.0,
                    holder: None,
                });
                continue;
            };
            let pod = pods.get(index as usize)?;
            let (_, traits, newcomer) = match known.iter().find(|(other, ..)| *other == index) {
                Some(known) => *known,
                None => {
                    let traits = retained.traits(pod)?;
                    self.newcomers += 1;
                    let newcomer = Newcomer {
                        number: self.newcomers,
                        like: self.like.get(&traits).copied(),
                    };
                    self.has_unlike |= newcomer.like.is_none();
                    known.push((index, traits, newcomer));
                    (index, traits, newcomer)
                }
            };
            let is_crowded = self.is_crowded(index, address, pods);
            let place: Place = retained.pod_place(traits, to_bits(address), is_crowded)?;
            self.has_special |= place.is_special();
            changes.push(Change::Holder {
                address,
                place: place.0,
                holder: Some(newcomer),
            });
        }
        Some(())
    }

    /// Whether a pod holds another address of the family of this one.
    fn is_crowded(&self, index: u32, address: IpAddr, pods: &[Pod<'static>]) -> bool {
        let Some(pod) = pods.get(index as usize) else {
            return false;
        };
        let is_v4 = |address: &IpAddr| canonical(*address).is_ipv4();
        let of_family = |own: &&IpAddr| is_v4(own) == address.is_ipv4();
        if pod.addresses.iter().filter(of_family).count() <= 1 {
            return false;
        }
        claims(pod).into_iter().any(|other| {
            other != address
                && other.is_ipv4() == address.is_ipv4()
                && self.holders.holder(other, pods) == Some(index)
        })
    }
}
