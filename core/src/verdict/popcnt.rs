//! The lookup on processors that count bits in one instruction.
//!
//! An x86-64 build runs on processors without `popcnt`, so the compiler counts with a
//! dozen instructions, five times a verdict. Whoever builds for a newer processor has no
//! need of this module; for the others the lookup is there twice. It saves a fifth of
//! the instructions of a verdict and of its time (`cargo xtask bench` compares builds).

#![allow(unsafe_code)]

use core::net::IpAddr;

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

impl Decision<'_> {
    /// The verdict from the tables; `None` where they leave it to interpretation, and
    /// where the addresses are of two families: whether they are one pod's, only the
    /// rules can tell.
    #[inline]
    pub(crate) fn verdict(
        &self,
        source: IpAddr,
        destination: IpAddr,
        key: PortKey,
    ) -> Option<Verdict> {
        // Taken apart here, where the addresses lie: passed on, they would be copied in
        // other pieces than they are read in, which a processor waits for.
        let [source, destination] = [source, destination].map(AddressBits::of);
        #[cfg(all(target_arch = "x86_64", not(target_feature = "popcnt")))]
        if processor::has_popcnt() {
            // SAFETY: the processor has what the function needs.
            return unsafe { self.verdict_by_popcnt(source, destination, key) };
        }
        self.verdict_by_tables(source, destination, key)
    }

    /// [`Decision::verdict_by_tables`], compiled for processors that have `popcnt`.
    #[cfg(all(target_arch = "x86_64", not(target_feature = "popcnt")))]
    #[target_feature(enable = "popcnt")]
    fn verdict_by_popcnt(
        &self,
        source: AddressBits,
        destination: AddressBits,
        key: PortKey,
    ) -> Option<Verdict> {
        self.verdict_by_tables(source, destination, key)
    }
}
