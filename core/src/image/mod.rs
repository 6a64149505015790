//! The image: compiled policies and cluster state as one flat byte string.
//!
//! An image is read in place, wherever its bytes lie. [`Image::open`] checks the
//! whole of it once, without memory of its own; behind it no read can leave the
//! image, and no verdict can panic or loop, whatever the bytes say.
//!
//! ```text
//!  address ──► tries, host table ─► place ──► class ─┐
//!                                                    ├─► port map ─► row ─► chunk ─► bit
//!  protocol, port ──► port page ──► interval ────────┘         peer class ──┘
//! ```
//!
//! The sections behind `Chunks` are for names and explanations; the fast path
//! never touches them.

mod addresses;
mod decision;
mod layout;
mod open;
pub(crate) mod record;
pub(crate) mod tables;
mod text;
mod trie;

#[cfg(feature = "alloc")]
mod owned;

pub use open::OpenError;
#[cfg(feature = "alloc")]
pub use owned::ImageBuf;

pub(crate) use addresses::{HostTableV6, LOW_BITS, Place, SPECIAL};
#[cfg(feature = "std")]
pub(crate) use decision::RowChunks;
pub(crate) use decision::{CHUNK_WORDS, Decision};
#[cfg(feature = "alloc")]
pub(crate) use layout::STRIPPED;
pub(crate) use layout::{
    Layout, Section, Shape, is_scoped, option_bits, options_of, scope_bit, seal,
};
pub(crate) use open::validate_tables;
pub(crate) use trie::{
    Found, HalvesBase, NodeKind, POPCOUNT_PREFIX, TrieEntry, array_len, halves_node, node_header,
    popcount_header, sorted_prefix,
};

#[cfg(feature = "std")]
pub(crate) use trie::{halves_place, sorted_runs};
#[cfg(test)]
pub(crate) use trie::{validate as validate_tries, walk};

use crate::model::Options;
use layout::{checksum, stated_checksum};
use record::Table;
use tables::*;

/// A compiled cluster, borrowed from bytes that [`Image::open`] has checked.
///
/// Copying it copies references only. `ImageBuf` (feature `alloc`) owns its bytes.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    bytes: &'a [u8],
    options: u32,
    pub(crate) decision: Decision<'a>,
    pub(crate) cold: Cold<'a>,
}

/// The tables that only names and explanations need.
#[derive(Clone, Copy)]
pub(crate) struct Cold<'a> {
    pub(crate) gates: Table<'a, GateRecord>,
    pub(crate) gate_policies: Table<'a, u32>,
    pub(crate) class_gates: Table<'a, ClassGatesRecord>,
    pub(crate) strings: Table<'a, u32>,
    pub(crate) string_bytes: &'a [u8],
    pub(crate) labels: Table<'a, LabelRecord>,
    pub(crate) namespaces: Table<'a, NamespaceRecord>,
    pub(crate) nodes: Table<'a, NodeRecord>,
    pub(crate) node_addresses: Table<'a, NodeAddressRecord>,
    pub(crate) facts: Table<'a, FactsRecord>,
    pub(crate) named_ports: Table<'a, NamedPortRecord>,
    pub(crate) pods: Table<'a, PodRecord>,
    pub(crate) workloads: Table<'a, WorkloadRecord>,
    pub(crate) pod_claims: Table<'a, u32>,
    pub(crate) claims_v4: Table<'a, ClaimV4Record>,
    pub(crate) claims_v6: Table<'a, ClaimV6Record>,
    pub(crate) own_nodes: Table<'a, OwnNodeRecord>,
    pub(crate) addresses: Table<'a, AddressRecord>,
    pub(crate) policies: Table<'a, PolicyRecord>,
    pub(crate) rules: Table<'a, RuleRecord>,
    pub(crate) peers: Table<'a, PeerRecord>,
    pub(crate) rule_ports: Table<'a, RulePortRecord>,
    pub(crate) cidrs: Table<'a, CidrRecord>,
    pub(crate) excepts: Table<'a, u32>,
    pub(crate) selectors: Table<'a, SelectorRecord>,
    pub(crate) requirements: Table<'a, RequirementRecord>,
    pub(crate) values: Table<'a, u32>,
    pub(crate) domains: Table<'a, DomainRecord>,
}

impl<'a> Image<'a> {
    /// The version of the format that this crate writes: major, minor.
    pub const FORMAT_VERSION: (u16, u16) = (layout::MAJOR, layout::MINOR);

    /// The bytes with which every image begins.
    pub const LABEL: [u8; 8] = layout::LABEL;

    /// Opens an image from bytes that nobody vouches for.
    ///
    /// Everything is checked once, in time linear in the length and without
    /// memory. The checksum is apart, see [`Image::verify_checksum`]: it tells of
    /// accidents, not of malice.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong and where.
    pub fn open(bytes: &'a [u8]) -> Result<Image<'a>, OpenError> {
        let layout = Layout::read(bytes)?;
        if layout.is_stripped() {
            return Err(OpenError::Stripped);
        }
        let image = Image::assemble(bytes, &layout);
        open::validate(&image)?;
        Ok(image)
    }

    /// The tables of an image whose layout is known.
    pub(crate) fn assemble(bytes: &'a [u8], layout: &Layout) -> Image<'a> {
        macro_rules! table {
            ($section:ident) => {
                Table::new(layout.section(bytes, Section::$section))
            };
        }
        Image {
            bytes,
            options: layout.options,
            decision: Decision::assemble(bytes, layout),
            cold: Cold {
                gates: table!(Gates),
                gate_policies: table!(GatePolicies),
                class_gates: table!(ClassGates),
                strings: table!(Strings),
                string_bytes: layout.section(bytes, Section::StringBytes),
                labels: table!(Labels),
                namespaces: table!(Namespaces),
                nodes: table!(Nodes),
                node_addresses: table!(NodeAddresses),
                facts: table!(Facts),
                named_ports: table!(NamedPorts),
                pods: table!(Pods),
                workloads: table!(Workloads),
                pod_claims: table!(PodClaims),
                claims_v4: table!(ClaimsV4),
                claims_v6: table!(ClaimsV6),
                own_nodes: table!(OwnNodes),
                addresses: table!(Addresses),
                policies: table!(Policies),
                rules: table!(Rules),
                peers: table!(Peers),
                rule_ports: table!(RulePorts),
                cidrs: table!(Cidrs),
                excepts: table!(Excepts),
                selectors: table!(Selectors),
                requirements: table!(Requirements),
                values: table!(Values),
                domains: table!(Domains),
            },
        }
    }

    /// The bytes, to save or to send.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the bytes are those that were compiled. [`Image::open`] does not
    /// ask: a wrong checksum cannot make a verdict fail, only be wrong.
    ///
    /// # Errors
    /// [`OpenError::Checksum`].
    pub fn verify_checksum(&self) -> Result<(), OpenError> {
        verify_checksum(self.bytes)
    }

    /// The options that the image was compiled with; the budget, which is no
    /// part of an image, has its default value.
    #[must_use]
    pub fn options(&self) -> Options {
        options_of(self.options)
    }

    /// The bytes of the tables that a verdict by addresses reads; the rest of the
    /// image is for names and explanations.
    #[must_use]
    pub fn verdict_bytes(&self) -> usize {
        self.decision.size()
    }

    /// Whether the image judges the pods of some nodes only
    /// ([`Compiler::scope_to_node`](crate::Compiler::scope_to_node)).
    #[must_use]
    pub fn is_scoped(&self) -> bool {
        is_scoped(self.options)
    }

    /// The number of pods that the image knows by name.
    #[must_use]
    pub fn pod_count(&self) -> usize {
        self.cold.pods.len()
    }

    /// The number of policies.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        self.cold.policies.len()
    }
}

/// Whether the checksum that an image states is that of its bytes.
pub(crate) fn verify_checksum(image: &[u8]) -> Result<(), OpenError> {
    let stated = stated_checksum(image).unwrap_or(0);
    let found = checksum(image);
    if stated == found {
        Ok(())
    } else {
        Err(OpenError::Checksum { stated, found })
    }
}

impl core::fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Image")
            .field("bytes", &self.bytes.len())
            .field("pods", &self.pod_count())
            .field("policies", &self.policy_count())
            .field("classes", &self.decision.classes.len())
            .finish_non_exhaustive()
    }
}
