//! The frame of an image: header and section table.
//!
//! ```text
//! 0    label "NETPOLIM"        32   section count
//! 8    u16 major, u16 minor    36   the eight numbers of `Shape`
//! 12   u32 option bits         68   reserved, 0
//! 16   u64 total length        128  section table: (u32 offset, u32 length) each
//! 24   u32 CRC-32              ..   sections, each on a multiple of 64
//! 28   reserved, 0
//! ```
//!
//! All numbers are little-endian. Offsets count from the first byte of the image,
//! so it can be read wherever it lies.

use super::OpenError;
use crate::model::{IsolationScope, Options, OwnNode};

/// What every image begins with.
pub(crate) const LABEL: [u8; 8] = *b"NETPOLIM";
/// Readers refuse another major version.
pub(crate) const MAJOR: u16 = 1;
/// Readers take every minor version: new ones only append sections.
pub(crate) const MINOR: u16 = 0;
/// The bytes in front of the section table.
pub(crate) const HEADER_LEN: usize = 128;
/// Sections begin on multiples of this, so that a cache line holds one chunk.
pub(crate) const SECTION_ALIGN: usize = 64;

const CHECKSUM_AT: usize = 24;
/// The number of sections that version 1.0 has.
const SECTIONS_OF_1_0: usize = 37;

macro_rules! sections {
    ($($(#[$meta:meta])* $name:ident: $width:literal),+ $(,)?) => {
        /// The sections, in the order of the section table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Section { $($(#[$meta])* $name),+ }

        impl Section {
            /// All sections.
            pub(crate) const ALL: [Section; { [$($width),+].len() }] = [$(Section::$name),+];

            /// The size of a record of the section.
            pub(crate) const fn width(self) -> usize {
                match self { $(Section::$name => $width),+ }
            }

            /// Whether verdicts by addresses read the section.
            pub(crate) const fn is_decision(self) -> bool {
                (self as usize) <= (Section::Chunks as usize)
            }

            /// The name in error messages and FORMAT.md.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Section::$name => stringify!($name)),+ }
            }
        }
    };
}

sections! {
    // What a verdict reads.
    Trie: 4,
    HostsV6: 20,
    RunsV6: 20,
    PortPages: 12,
    Classes: 16,
    PortMaps: 12,
    Rows: 4,
    RowChunks: 2,
    Chunks: 64,
    // What an explanation reads.
    Gates: 8,
    GatePolicies: 4,
    ClassGates: 8,
    Strings: 4,
    StringBytes: 1,
    Labels: 8,
    Namespaces: 24,
    Nodes: 12,
    NodeAddresses: 20,
    Facts: 16,
    NamedPorts: 8,
    Pods: 36,
    Workloads: 8,
    PodClaims: 4,
    ClaimsV4: 8,
    ClaimsV6: 20,
    OwnNodes: 8,
    Addresses: 16,
    Policies: 56,
    Rules: 28,
    Peers: 24,
    RulePorts: 12,
    Cidrs: 20,
    Excepts: 4,
    Selectors: 8,
    Requirements: 16,
    Values: 4,
    Domains: 12,
}

/// Where a section lies, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

/// The numbers that tell a verdict how to read the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many low bits of a place are its class.
    pub(crate) class_bits: u32,
    /// How many chunks a row has.
    pub(crate) chunks_per_row: u32,
    /// The first class of node addresses.
    pub(crate) node_first: u32,
    /// The number of node classes; as many twins follow them.
    pub(crate) node_count: u32,
    /// The entry at which IPv4 addresses begin.
    pub(crate) root_v4: u32,
    /// The entry at which the upper 32 bits of IPv6 addresses begin.
    pub(crate) root_v6: u32,
    /// The seed of the IPv6 host table.
    pub(crate) seed_v6: u32,
    /// 1 if a chunk of a row is a number of 4 bytes, 0 if it is one of 2.
    pub(crate) wide_chunks: u32,
}

impl Shape {
    /// The bits of a place that are its class.
    pub(crate) const fn class_mask(&self) -> u32 {
        // Opening has refused more than 30.
        !(u32::MAX << (self.class_bits & 31))
    }
}

/// A decoded header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) options: u32,
    pub(crate) shape: Shape,
    pub(crate) sections: [Extent; Section::ALL.len()],
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Layout {
    /// The layout of an image in which every table is empty, for where none can be read: of
    /// bytes that the compiler has just written, or that are open already, one always can.
    #[cfg(feature = "alloc")]
    pub(crate) const EMPTY: Layout = Layout {
        options: 0,
        shape: Shape {
            class_bits: 1,
            chunks_per_row: 0,
            node_first: 0,
            node_count: 0,
            root_v4: 0,
            root_v6: 0,
            seed_v6: 0,
            wide_chunks: 0,
        },
        sections: [Extent { offset: 0, len: 0 }; Section::ALL.len()],
    };

    /// Lays out sections of these lengths behind one another.
    ///
    /// Returns the layout and the total length, or `None` beyond 4 GiB.
    pub(crate) fn new(
        options: u32,
        shape: Shape,
        lengths: [usize; Section::ALL.len()],
    ) -> Option<(Layout, usize)> {
        let mut sections = [Extent::default(); Section::ALL.len()];
        let mut end = HEADER_LEN + 8 * Section::ALL.len();
        for (extent, len) in sections.iter_mut().zip(lengths) {
            let offset = end.next_multiple_of(SECTION_ALIGN);
            *extent = Extent {
                offset: u32::try_from(offset).ok()?,
                len: u32::try_from(len).ok()?,
            };
            end = offset.checked_add(len)?;
        }
        u32::try_from(end).ok()?;
        Some((
            Layout {
                options,
                shape,
                sections,
            },
            end,
        ))
    }

    /// Writes header and section table; the checksum is left 0.
    pub(crate) fn write(&self, image: &mut [u8]) {
        let total = image.len() as u64;
        let shape = self.shape;
        let mut header = [0_u8; HEADER_LEN];
        let fields: [(usize, u32); 11] = [
            (8, u32::from(MAJOR) | u32::from(MINOR) << 16),
            (12, self.options),
            (32, Section::ALL.len() as u32),
            (36, shape.class_bits),
            (40, shape.chunks_per_row),
            (44, shape.node_first),
            (48, shape.node_count),
            (52, shape.root_v4),
            (56, shape.root_v6),
            (60, shape.seed_v6),
            (64, shape.wide_chunks),
        ];
        if let Some(label) = header.first_chunk_mut() {
            *label = LABEL;
        }
        for (at, value) in fields {
            put(&mut header, at, &value.to_le_bytes());
        }
        put(&mut header, 16, &total.to_le_bytes());
        put(image, 0, &header);
        for (index, extent) in self.sections.iter().enumerate() {
            let at = HEADER_LEN + 8 * index;
            put(image, at, &extent.offset.to_le_bytes());
            put(image, at + 4, &extent.len.to_le_bytes());
        }
    }

    /// Reads header and section table. Checks all that concerns the frame.
    pub(crate) fn read(image: &[u8]) -> Result<Layout, OpenError> {
        if !image.iter().zip(&LABEL).all(|(byte, label)| byte == label) {
            return Err(OpenError::NotAnImage);
        }
        let header: &[u8; HEADER_LEN] = image.first_chunk().ok_or(OpenError::Truncated {
            len: image.len() as u64,
            needed: HEADER_LEN as u64,
        })?;
        let field = |at| u32_at(header, at).unwrap_or(0);
        let version = field(8);
        if version as u16 != MAJOR {
            return Err(OpenError::Version {
                major: version as u16,
                minor: (version >> 16) as u16,
            });
        }
        let total = u64::from(field(16)) | u64::from(field(20)) << 32;
        if image.len() as u64 != total {
            return Err(OpenError::Truncated {
                len: image.len() as u64,
                needed: total,
            });
        }
        // An image of an older minor version has fewer sections, and the missing
        // ones are empty; one of a newer minor version has more, which are left alone.
        let count = field(32) as usize;
        if count < SECTIONS_OF_1_0 {
            return Err(OpenError::Damaged {
                section: "header",
                index: 32,
            });
        }
        let table_end = HEADER_LEN as u64 + 8 * count as u64;
        if table_end > total {
            return Err(OpenError::Damaged {
                section: "header",
                index: 32,
            });
        }
        let mut sections = [Extent::default(); Section::ALL.len()];
        let mut end = table_end;
        for (index, (extent, section)) in sections
            .iter_mut()
            .zip(Section::ALL)
            .take(count)
            .enumerate()
        {
            let at = HEADER_LEN + 8 * index;
            let (Some(offset), Some(len)) = (u32_at(image, at), u32_at(image, at + 4)) else {
                return Err(OpenError::Damaged {
                    section: "header",
                    index: index as u32,
                });
            };
            // Sections follow one another, so that no two can share bytes.
            if u64::from(offset) < end || !(len as usize).is_multiple_of(section.width()) {
                return Err(OpenError::Damaged {
                    section: section.name(),
                    index: 0,
                });
            }
            end = u64::from(offset) + u64::from(len);
            if end > total {
                return Err(OpenError::Damaged {
                    section: section.name(),
                    index: 0,
                });
            }
            *extent = Extent { offset, len };
        }
        Ok(Layout {
            options: field(12),
            shape: Shape {
                class_bits: field(36),
                chunks_per_row: field(40),
                node_first: field(44),
                node_count: field(48),
                root_v4: field(52),
                root_v6: field(56),
                seed_v6: field(60),
                wide_chunks: field(64),
            },
            sections,
        })
    }

    /// Whether the image has nothing but what verdicts by addresses read.
    pub(crate) const fn is_stripped(&self) -> bool {
        self.options & STRIPPED != 0
    }

    /// The bytes of a section.
    pub(crate) fn section<'a>(&self, image: &'a [u8], section: Section) -> &'a [u8] {
        let Extent { offset, len } = self.extent(section);
        let start = offset as usize;
        image
            .get(start..start.saturating_add(len as usize))
            .unwrap_or(&[])
    }

    /// Where a section lies.
    pub(crate) fn extent(&self, section: Section) -> Extent {
        self.sections
            .get(section as usize)
            .copied()
            .unwrap_or_default()
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    let target = bytes.get_mut(at..at.saturating_add(value.len()));
    debug_assert!(target.is_some(), "a field outside the image");
    if let Some(target) = target {
        target.copy_from_slice(value);
    }
}

/// The CRC-32 of an image, its own field counted as zeros.
pub(crate) fn checksum(image: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(image.get(..CHECKSUM_AT).unwrap_or(image));
    if let Some(behind) = image.get(CHECKSUM_AT + 4..) {
        hasher.update(&[0; 4]);
        hasher.update(behind);
    }
    hasher.finalize()
}

/// The checksum that the header states.
pub(crate) fn stated_checksum(image: &[u8]) -> Option<u32> {
    u32_at(image, CHECKSUM_AT)
}

/// States the checksum in the header.
pub(crate) fn seal(image: &mut [u8]) {
    let sum = checksum(image);
    put(image, CHECKSUM_AT, &sum.to_le_bytes());
}

const EITHER_DIRECTION: u32 = 1;
const EVALUATE_OWN_NODE_INGRESS: u32 = 2;
const ALLOW_OWN_NODE_EGRESS: u32 = 4;
const IP_BLOCK_NOT_PODS: u32 = 8;

const SCOPED: u32 = 16;
/// The bit of an image that has nothing but what verdicts by addresses read.
pub(crate) const STRIPPED: u32 = 32;

/// Whether option bits are those of an image that judges the pods of some nodes only.
pub(crate) const fn is_scoped(bits: u32) -> bool {
    bits & SCOPED != 0
}

/// The bit of an image that judges the pods of some nodes only.
pub(crate) const fn scope_bit(is_scoped: bool) -> u32 {
    if is_scoped { SCOPED } else { 0 }
}

/// The option bits of an image.
pub(crate) fn option_bits(options: &Options) -> u32 {
    let bit = |set: bool, bit: u32| if set { bit } else { 0 };
    bit(
        options.isolation == IsolationScope::EitherDirection,
        EITHER_DIRECTION,
    ) | bit(
        options.own_node_ingress == OwnNode::Evaluated,
        EVALUATE_OWN_NODE_INGRESS,
    ) | bit(
        options.own_node_egress == OwnNode::Allowed,
        ALLOW_OWN_NODE_EGRESS,
    ) | bit(!options.ip_block_selects_pods, IP_BLOCK_NOT_PODS)
}

/// The options that [`option_bits`] wrote; the budget is not part of an image.
pub(crate) fn options_of(bits: u32) -> Options {
    let own_node = |allowed| {
        if allowed {
            OwnNode::Allowed
        } else {
            OwnNode::Evaluated
        }
    };
    Options {
        isolation: if bits & EITHER_DIRECTION != 0 {
            IsolationScope::EitherDirection
        } else {
            IsolationScope::PerDirection
        },
        own_node_ingress: own_node(bits & EVALUATE_OWN_NODE_INGRESS == 0),
        own_node_egress: own_node(bits & ALLOW_OWN_NODE_EGRESS != 0),
        ip_block_selects_pods: bits & IP_BLOCK_NOT_PODS == 0,
        ..Options::default()
    }
}
