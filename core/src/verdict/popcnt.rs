//! The lookup on processors that count bits in one instruction.
//!
//! An x86-64 build runs on processors without `popcnt`, so the compiler counts with a
//! dozen instructions, three to five times a verdict. Whoever builds for a newer processor
//! has no need of this module; for the others the lookup is there twice. `cargo xtask
//! bench` compares builds.

#![allow(unsafe_code)]

use super::Verdict;
use crate::address::AddressBits;
use crate::image::Decision;
use crate::protocol::PortKey;

#[cfg(all(target_arch = "x86_64", not(target_feature = "popcnt")))]
mod processor {
    use core::arch::x86_64::__cpuid;
    use core::sync::atomic::{AtomicU8, Ordering};

    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;

    /// What asking the processor gave: it takes long, above all in a virtual machine.
    static POPCNT: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// Whether this processor has the instruction.
    #[inline]
    pub(super) fn has_popcnt() -> bool {
        match POPCNT.load(Ordering::Relaxed) {
            UNKNOWN => ask(),
            known => known == YES,
        }
    }

    #[cold]
    fn ask() -> bool {
        // SAFETY: every x86-64 processor has `cpuid`, and leaf 1 of it.
        #[allow(unused_unsafe)]
        let features = unsafe { __cpuid(1) }.ecx;
        let has = features >> 23 & 1 != 0;
        POPCNT.store(if has { YES } else { NO }, Ordering::Relaxed);
        has
    }
}

/// A lookup for one family, compiled for processors with and without `popcnt`.
macro_rules! for_processors {
    ($lookup:ident: $popcnt:ident, $plain:ident of $by_tables:ident($address:ty)) => {
        impl Decision<'_> {
            #[inline]
            fn $lookup(
                &self,
                source: $address,
                destination: $address,
                key: PortKey,
            ) -> Option<Verdict> {
                #[cfg(all(target_arch = "x86_64", not(target_feature = "popcnt")))]
                if processor::has_popcnt() {
                    // SAFETY: the processor has what the function needs.
                    return unsafe { self.$popcnt(source, destination, key) };
                }
                self.$plain(source, destination, key)
            }

            #[cfg(all(target_arch = "x86_64", not(target_feature = "popcnt")))]
            #[target_feature(enable = "popcnt")]
            fn $popcnt(
                &self,
                source: $address,
                destination: $address,
                key: PortKey,
            ) -> Option<Verdict> {
                self.$by_tables(source, destination, key)
            }

            // Not inlined: whoever asks would save its registers for it.
            #[inline(never)]
            fn $plain(
                &self,
                source: $address,
                destination: $address,
                key: PortKey,
            ) -> Option<Verdict> {
                self.$by_tables(source, destination, key)
            }
        }
    };
}

for_processors!(verdict_v4: verdict_v4_by_popcnt, verdict_v4_plainly of verdict_v4_by_tables(u32));
for_processors!(verdict_v6: verdict_v6_by_popcnt, verdict_v6_plainly of verdict_v6_by_tables(u128));

impl Decision<'_> {
    /// The verdict from the tables; `None` where they leave it to interpretation, and
    /// where the addresses are of two families: whether they are one pod's, only the
    /// rules can tell.
    #[inline]
    pub(crate) fn verdict(
        &self,
        source: AddressBits,
        destination: AddressBits,
        key: PortKey,
    ) -> Option<Verdict> {
        match (source, destination) {
            (AddressBits::V4(source), AddressBits::V4(destination)) => {
                self.verdict_v4(source, destination, key)
            }
            (AddressBits::V6(source), AddressBits::V6(destination)) => {
                self.verdict_v6(source, destination, key)
            }
            _ => None,
        }
    }
}
