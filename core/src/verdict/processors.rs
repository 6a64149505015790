//! The lookup on processors that count bits in one instruction.
//!
//! An x86-64 build runs on processors without `popcnt`, so the compiler counts with a
//! dozen instructions, three to five times a verdict. Whoever builds for a newer processor
//! has no need of this module; for the others the lookup is there twice. `cargo xtask
//! bench` compares builds.

#![allow(unsafe_code)]

use core::net::IpAddr;

use super::{Connection, Verdict};
use crate::address::{mapped, to_bits, unmapped};
use crate::image::Decision;
use crate::protocol::PortKey;

#[cfg(all(
    target_arch = "x86_64",
    not(target_feature = "popcnt"),
    not(target_env = "sgx")
))]
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
        // SAFETY: outside of SGX every x86-64 processor has `cpuid`, and leaf 1 of it.
        #[allow(unused_unsafe)]
        let features = unsafe { __cpuid(1) }.ecx;
        let has = features >> 23 & 1 != 0;
        POPCNT.store(if has { YES } else { NO }, Ordering::Relaxed);
        has
    }
}

/// A lookup, compiled for processors with and without `popcnt`.
macro_rules! for_processors {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $lookup:ident, $fast:ident, $plain:ident of $by_tables:ident
        ($($argument:ident: $type:ty),*) $(-> $result:ty)?
    ) => {
        $(#[$attribute])*
        #[inline]
        $visibility fn $lookup(&self, $($argument: $type),*) $(-> $result)? {
            #[cfg(all(target_arch = "x86_64", not(target_feature = "popcnt"), not(target_env = "sgx")))]
            if processor::has_popcnt() {
                // SAFETY: the processor has what the function needs.
                return unsafe { self.$fast($($argument),*) };
            }
            self.$plain($($argument),*)
        }

        #[cfg(all(target_arch = "x86_64", not(target_feature = "popcnt"), not(target_env = "sgx")))]
        #[target_feature(enable = "popcnt")]
        fn $fast(&self, $($argument: $type),*) $(-> $result)? {
            self.$by_tables($($argument),*)
        }

        // Not inlined: whoever asks would save its registers for it.
        #[inline(never)]
        fn $plain(&self, $($argument: $type),*) $(-> $result)? {
            self.$by_tables($($argument),*)
        }
    };
}

impl Decision<'_> {
    for_processors!(fn verdict_v4, verdict_v4_fast, verdict_v4_plain of verdict_v4_by_tables
        (source: u32, destination: u32, key: PortKey) -> Option<Verdict>);
    for_processors!(fn verdict_v6, verdict_v6_fast, verdict_v6_plain of verdict_v6_by_tables
        (source: u128, destination: u128, key: PortKey) -> Option<Verdict>);
    for_processors!(
        /// Answers `connections` in order into `verdicts`, the shorter of the two, as
        /// [`Decision::verdict`] does.
        pub(crate) fn verdicts, verdicts_fast, verdicts_plain of verdicts_by_tables
        (
            connections: &[Connection],
            verdicts: &mut [Verdict],
            otherwise: &impl Fn(u128, u128, PortKey) -> Verdict
        )
    );

    #[inline(always)]
    fn verdicts_by_tables(
        &self,
        connections: &[Connection],
        verdicts: &mut [Verdict],
        otherwise: &impl Fn(u128, u128, PortKey) -> Verdict,
    ) {
        for (connection, verdict) in connections.iter().zip(verdicts) {
            let Connection {
                source,
                destination,
                protocol,
                port,
            } = *connection;
            let key = PortKey::new(protocol, port);
            *verdict = match Ends::of(source, destination) {
                Ends::V4(source, destination) => self
                    .verdict_v4_by_tables(source, destination, key)
                    .unwrap_or_else(|| otherwise(mapped(source), mapped(destination), key)),
                Ends::V6(source, destination) => self
                    .verdict_v6_by_tables(source, destination, key)
                    .unwrap_or_else(|| otherwise(source, destination, key)),
                Ends::Stored(source, destination) => self
                    .verdict_of_stored(source, destination, key)
                    .unwrap_or_else(|| otherwise(source, destination, key)),
            };
        }
    }

    /// The verdict from the tables, or from `otherwise`, which is given the addresses as
    /// they are stored, where the tables leave it to interpretation, and where the addresses
    /// are of two families: whether they are one pod's, only the rules can tell.
    #[inline(always)]
    pub(crate) fn verdict(
        &self,
        source: IpAddr,
        destination: IpAddr,
        key: PortKey,
        otherwise: impl Fn(u128, u128, PortKey) -> Verdict,
    ) -> Verdict {
        match Ends::of(source, destination) {
            Ends::V4(source, destination) => self
                .verdict_v4(source, destination, key)
                .unwrap_or_else(|| otherwise(mapped(source), mapped(destination), key)),
            Ends::V6(source, destination) => self
                .verdict_v6(source, destination, key)
                .unwrap_or_else(|| otherwise(source, destination, key)),
            Ends::Stored(source, destination) => self
                .verdict_of_stored(source, destination, key)
                .unwrap_or_else(|| otherwise(source, destination, key)),
        }
    }

    /// The verdict between addresses as they are stored.
    #[cold]
    #[inline(never)]
    fn verdict_of_stored(&self, source: u128, destination: u128, key: PortKey) -> Option<Verdict> {
        match (unmapped(source), unmapped(destination)) {
            (Some(source), Some(destination)) => self.verdict_v4(source, destination, key),
            (None, None) => self.verdict_v6(source, destination, key),
            _ => None,
        }
    }
}

/// Two addresses as numbers.
enum Ends {
    V4(u32, u32),
    /// Neither is IPv4-mapped.
    V6(u128, u128),
    /// As they are stored; perhaps of two families.
    Stored(u128, u128),
}

impl Ends {
    #[inline(always)]
    fn of(source: IpAddr, destination: IpAddr) -> Ends {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Ends::V4(source.to_bits(), destination.to_bits())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let (source, destination) = (source.to_bits(), destination.to_bits());
                // Of nearly all addresses the upper half tells that they are not mapped.
                if (source >> 64 == 0) | (destination >> 64 == 0) {
                    Ends::Stored(source, destination)
                } else {
                    Ends::V6(source, destination)
                }
            }
            _ => Ends::Stored(to_bits(source), to_bits(destination)),
        }
    }
}
