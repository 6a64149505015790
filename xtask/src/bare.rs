//! The proof that nothing but `core` is needed: `tests/bare`, built for a target
//! without an operating system, its only library the `core` that is built with it.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{run, target};
use crate::toolchain::Toolchain;

const TARGET: &str = "x86_64-unknown-none";

/// Builds the proof and runs it: it answers its questions on this machine's kernel,
/// without any library.
pub(crate) fn prove() -> Result<()> {
    let toolchain = Toolchain::with_sources()?;
    let linker = toolchain.linker(&["ld.lld-19", "ld.lld", "rust-lld"])?;
    let linker = linker.context("core that is not built here proves nothing")?;
    let rustflags = format!("-Crelocation-model=static -Clinker={linker}");
    let folder = target().join("bare");
    let mut build = toolchain.build(TARGET, &folder, "core");
    build
        .args(["--release", "--package", "netpolicy-bare"])
        .env("CARGO_TARGET_X86_64_UNKNOWN_NONE_RUSTFLAGS", rustflags);
    run(&mut build)?;
    let built = folder.join(TARGET).join("release");
    let libraries = std::fs::read_dir(built.join("deps"))?;
    for entry in libraries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("liballoc-") {
            bail!("{name} was built: the proof is none");
        }
    }
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        run(&mut Command::new(built.join("netpolicy-bare")))?;
    } else {
        eprintln!("built and linked; it can be run on Linux on x86-64 only");
    }
    Ok(())
}
