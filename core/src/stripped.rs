//! Images without names: what goes to every node of a large cluster.
//!
//! Of an image, verdicts by addresses read the decision tables, a small part; the rest
//! is for names and explanations. A [`StrippedImage`] has the tables alone. It is a type
//! of its own, so that nothing else can be asked of it.

#[cfg(feature = "alloc")]
use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
#[cfg(feature = "alloc")]
use core::fmt;
use core::net::IpAddr;

#[cfg(feature = "alloc")]
use crate::address::{canonical, from_bits};
use crate::image::{
    Decision, Layout, OpenError, is_scoped, options_of, validate_tables, verify_checksum,
};
#[cfg(feature = "alloc")]
use crate::image::{Image, STRIPPED, Section, seal};
#[cfg(feature = "alloc")]
use crate::model::Direction;
use crate::model::Options;
use crate::protocol::PortKey;
use crate::{Connection, Protocol, Verdict};

/// An image that [`Image::strip`](crate::Image::strip) made, borrowed from bytes that
/// [`StrippedImage::open`] has checked. Its verdicts are those of the whole image.
#[cfg_attr(
    feature = "alloc",
    doc = r#"
```
use netpolicy::{Cluster, Protocol, StrippedImage};

let (image, _) = Cluster::default().compile(&Default::default())?;
let bytes = image.image().strip()?;
let stripped = StrippedImage::open(&bytes)?;
let [source, destination] = ["192.0.2.1", "10.0.0.1"].map(|text| text.parse().unwrap());
assert!(stripped.verdict(source, destination, Protocol::TCP, 443).is_allowed());
# Ok::<(), Box<dyn std::error::Error>>(())
```"#
)]
#[derive(Clone, Copy)]
pub struct StrippedImage<'a> {
    bytes: &'a [u8],
    options: u32,
    decision: Decision<'a>,
}

impl<'a> StrippedImage<'a> {
    /// Opens a stripped image from bytes that nobody vouches for, as
    /// [`Image::open`](crate::Image::open) does with a whole one.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong and where; [`OpenError::NotStripped`] for an image
    /// that has names and rules.
    pub fn open(bytes: &'a [u8]) -> Result<StrippedImage<'a>, OpenError> {
        let layout = Layout::read(bytes)?;
        if !layout.is_stripped() {
            return Err(OpenError::NotStripped);
        }
        let decision = Decision::assemble(bytes, &layout);
        validate_tables(&decision)?;
        Ok(StrippedImage {
            bytes,
            options: layout.options,
            decision,
        })
    }

    /// May a connection between these addresses pass? As
    /// [`Image::verdict`](crate::Image::verdict), but that a connection between two
    /// families, of which there is no packet, is denied.
    #[inline]
    #[must_use]
    pub fn verdict(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Verdict {
        let key = PortKey::new(protocol, port);
        self.decision.verdict(source, destination, key, denied)
    }

    /// Answers `connections` in order into `verdicts`. The shorter of the two slices
    /// says how many.
    pub fn verdicts(&self, connections: &[Connection], verdicts: &mut [Verdict]) {
        self.decision.verdicts(connections, verdicts, &denied);
    }

    /// May the connection pass whose first packet this is? As
    /// [`Image::verdict_of_packet`](crate::Image::verdict_of_packet).
    #[must_use]
    pub fn verdict_of_packet(&self, packet: &[u8]) -> Verdict {
        let Ok(connection) = Connection::of_packet(packet) else {
            return Verdict::DENY;
        };
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = connection;
        self.verdict(source, destination, protocol, port)
    }

    /// The bytes, to save or to send.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the bytes are those that were written, as
    /// [`Image::verify_checksum`](crate::Image::verify_checksum) tells.
    ///
    /// # Errors
    /// [`OpenError::Checksum`].
    pub fn verify_checksum(&self) -> Result<(), OpenError> {
        verify_checksum(self.bytes)
    }

    /// The options that it was compiled with; the budget has its default value.
    #[must_use]
    pub fn options(&self) -> Options {
        options_of(self.options)
    }

    /// Whether it judges the pods of some nodes only, as
    /// [`Image::is_scoped`](crate::Image::is_scoped).
    #[must_use]
    pub fn is_scoped(&self) -> bool {
        is_scoped(self.options)
    }
}

impl core::fmt::Debug for StrippedImage<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StrippedImage")
            .field("bytes", &self.bytes.len())
            .field("classes", &self.decision.classes.len())
            .finish_non_exhaustive()
    }
}

/// What the tables leave open is of two families; `strip` has made sure that there is no
/// other reason.
const fn denied(_: u128, _: u128, _: PortKey) -> Verdict {
    Verdict::DENY
}

/// Why an image cannot do without its rules.
#[cfg(feature = "alloc")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotStrippable {
    /// The tables do not hold what a pod is allowed in a direction.
    Interpreted {
        /// The first such pod.
        pod: String,
        /// The direction.
        direction: Direction,
    },
    /// The tables do not hold what an address is to others.
    Address {
        /// The address: its pod has another of this family, or shares a part of its node's
        /// addresses with pods of other nodes, or there are too many nodes to be told
        /// apart beside that many classes.
        address: IpAddr,
    },
}

#[cfg(feature = "alloc")]
impl fmt::Display for NotStrippable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotStrippable::Interpreted { pod, direction } => write!(
                f,
                "the image needs its rules: {direction} of pod {pod}, for one, is not in the tables. Compile with a larger table budget, or keep the rules"
            ),
            NotStrippable::Address { address } => write!(
                f,
                "the image needs its rules: the pod at {address} has two addresses of a family, or shares a part of its node's addresses with pods of other nodes, or there are more nodes than can be told apart beside so many classes. Keep the rules"
            ),
        }
    }
}

#[cfg(feature = "alloc")]
impl core::error::Error for NotStrippable {}

#[cfg(feature = "alloc")]
impl Image<'_> {
    /// The bytes of a [`StrippedImage`] with the verdicts of this one: a sixth of it, or
    /// less, in a cluster of many pods.
    ///
    /// # Errors
    /// [`NotStrippable`] where the verdicts of some pod need the rules.
    pub fn strip(&self) -> Result<Vec<u8>, NotStrippable> {
        self.check_strippable()?;
        let bytes = self.as_bytes();
        // An image that is open has a layout, and a part of it is no larger.
        let whole = Layout::read(bytes).unwrap_or(Layout::EMPTY);
        let lengths = Section::ALL.map(|section| {
            if section.is_decision() {
                whole.section(bytes, section).len()
            } else {
                0
            }
        });
        let (layout, len) = Layout::new(whole.options | STRIPPED, whole.shape, lengths)
            .unwrap_or((Layout::EMPTY, 0));
        let mut stripped = vec![0; len];
        layout.write(&mut stripped);
        for section in Section::ALL {
            let start = layout.extent(section).offset as usize;
            let source = whole.section(bytes, section);
            if section.is_decision()
                && let Some(target) = stripped.get_mut(start..start + source.len())
            {
                target.copy_from_slice(source);
            }
        }
        seal(&mut stripped);
        Ok(stripped)
    }

    /// Whether every verdict by addresses is in the tables.
    fn check_strippable(&self) -> Result<(), NotStrippable> {
        if let Some((direction, _, pod)) = self.interpreted_subjects().next() {
            return Err(NotStrippable::Interpreted {
                pod: pod.to_string(),
                direction,
            });
        }
        let of_pods = self.pods().flat_map(|pod| pod.addresses());
        let of_nodes = self.cold.node_addresses.iter();
        let of_nodes = of_nodes.map(|record| from_bits(record.address));
        let mut addresses = of_pods.chain(of_nodes);
        let special = addresses.find(|address| {
            let place = self.decision.place(canonical(*address));
            place.is_special()
        });
        special.map_or(Ok(()), |address| Err(NotStrippable::Address { address }))
    }
}
