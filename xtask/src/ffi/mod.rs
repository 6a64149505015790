//! The C API: installing it, and its tests.

pub(crate) mod install;
mod programs;
mod sanitizers;

use anyhow::Result;

use crate::fuzz;
use crate::packages;
use crate::run::{cargo, run};

/// What the tests need besides Rust.
const PACKAGES: [&str; 9] = [
    "clang",
    "clang-19",
    "g++",
    "gcc",
    "libc6-dev",
    "libclang-rt-19-dev",
    "libjansson-dev",
    "pkg-config",
    "valgrind",
];

fn header_test() -> std::process::Command {
    cargo(&["test", "--package", "netpolicy-ffi"])
}

/// Writes the header.
pub(crate) fn header() -> Result<()> {
    run(header_test()
        .args(["--test", "header"])
        .env("NETPOLICY_WRITE_HEADER", "1"))
}

/// Everything about the C API.
pub(crate) fn test() -> Result<()> {
    packages::need(&PACKAGES)?;
    run(&mut header_test())?;
    programs::test()?;
    sanitizers::test()?;
    fuzz::test()
}
