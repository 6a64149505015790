//! The command `netpolicy`: the same function as the Rust binary calls.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command with these arguments, the first of which is its own name, and
/// returns its exit status.
#[pyfunction]
pub(crate) fn run_command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| netpolicy_cli::run(arguments).code())
}
