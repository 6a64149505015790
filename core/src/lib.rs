//! May this connection pass under these Kubernetes network policies, and why?
#![no_std]
#![forbid(unsafe_code)]
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
#[cfg(feature = "std")]
pub mod manifest;
pub mod model;
mod protocol;
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
pub use protocol::Protocol;
pub use verdict::{Connection, Endpoint, Pair, Pairs, PodRef, Verdict};
