//! May this connection pass under these Kubernetes network policies, and why?
//!
//! netpolicy compiles network policies (NetworkPolicy, ClusterNetworkPolicy,
//! AdminNetworkPolicy, BaselineAdminNetworkPolicy), with the namespaces, nodes and
//! pods they are about, into an *image*: one flat byte string that can be saved,
//! mapped into memory, sent, and asked.
//!
//! ```text
//!  manifest (std)  ─►  model  ─►  compile  ─►  image  ◄─  verdict  ◄─  explain
//!  YAML, JSON          facts      in lent      bytes      may it?      why?
//!                                 memory
//! ```
//!
//! - With manifests: [`manifest::Loader`] reads them, [`Cluster::compile`] compiles.
//! - With objects of one's own: [`Cluster`] takes [`model`] values.
//! - Without a heap: [`Compiler`] does all of it in memory that the caller lends.
//!
//! Then [`Image::verdict`] answers by addresses, [`Image::verdict_of_packet`] by raw
//! packets, [`Image::pairs`] by names and
//! descriptions, and [`Pair::explain`] tells why. What a verdict means is written in
//! the repository's SEMANTICS.md; the documentation here names its clauses.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod address;
#[cfg(feature = "alloc")]
pub mod check;
#[cfg(feature = "alloc")]
mod cluster;
mod compile;
#[cfg(feature = "alloc")]
mod diagnostic;
pub mod explain;
mod image;
#[cfg(feature = "alloc")]
pub mod lint;
#[cfg(feature = "std")]
pub mod live;
#[cfg(feature = "std")]
pub mod manifest;
pub mod model;
mod packet;
mod problem;
mod protocol;
#[cfg(feature = "alloc")]
pub mod reach;
mod stripped;
mod verdict;

pub use address::{Cidr, Family, canonical};
#[cfg(feature = "alloc")]
pub use cluster::Cluster;
pub use compile::{CompileError, CompileReport, Compiled, Compiler};
#[cfg(feature = "alloc")]
pub use diagnostic::{Diagnostic, Severity};
#[cfg(feature = "alloc")]
pub use image::ImageBuf;
pub use image::{Image, OpenError};
pub use packet::PacketError;
pub use protocol::Protocol;
#[cfg(feature = "alloc")]
pub use stripped::NotStrippable;
pub use stripped::StrippedImage;
#[cfg(feature = "alloc")]
pub use verdict::Interpreted;
pub use verdict::{Connection, ConnectionKind, Endpoint, Pair, Pairs, PodRef, Verdict};

/// The README's examples, as tests.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../../README.md")]
struct Readme;
