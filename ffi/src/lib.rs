//! libnetpolicy: the C API of netpolicy.
//!
//! The header `include/netpolicy.h` is made from this crate; the README states its
//! conventions, which are the safety contract of every function here:
//!
//! - A pointer is NULL or points to a live value of its type; a pointer with a
//!   length, to that many. NULL is checked wherever a value is needed.
//! - A function that takes `const` may be called from any thread at any time; one
//!   that takes a pointer without `const` needs the object for itself.
//! - What a function writes, it writes on success only.
//!
//! Nothing is decided here: the functions convert, and hand on to the crate
//! `netpolicy`.
// C names.
#![allow(non_camel_case_types)]
// Stated once, above.
#![allow(clippy::missing_safety_doc)]

mod address;
mod boundary;
mod cluster;
mod compile;
mod convert;
mod error;
mod explain;
mod handle;
mod image;
mod objects;
mod text;
mod verdict;

pub use address::*;
pub use cluster::*;
pub use compile::*;
pub use error::{
    netpolicy_last_error_message, netpolicy_last_error_needed, netpolicy_result,
    netpolicy_result_name,
};
pub use explain::*;
pub use handle::*;
pub use image::*;
pub use objects::*;
pub use text::{netpolicy_str, netpolicy_str_of};
pub use verdict::*;

use std::ffi::{CStr, c_char};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// The version of the library, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn netpolicy_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the image format that the library writes: the major version in the
/// upper 16 bits, the minor version in the lower. Images of the same major version
/// can be opened.
#[unsafe(no_mangle)]
pub extern "C" fn netpolicy_image_format_version() -> u32 {
    let (major, minor) = netpolicy::Image::FORMAT_VERSION;
    u32::from(major) << 16 | u32::from(minor)
}
