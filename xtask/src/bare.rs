//! The proof that nothing but `core` is needed: `tests/bare`, built for a target
//! without an operating system, its only library the `core` that is built with it.
//!
//! Building `core` needs its sources: those of rustup's component `rust-src`, or
//! else Debian's toolchain, which has them in a package.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages::install;
use crate::run::{root, run};

const TARGET: &str = "x86_64-unknown-none";
const PACKAGES: [&str; 4] = ["cargo-web", "lld-19", "rust-web-src", "rustc-web"];

/// A toolchain that can build `core` and `std`.
pub(crate) struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
}

impl Toolchain {
    /// Whether the toolchain is there, with the sources of `core`.
    fn is_complete(&self) -> bool {
        let sysroot = Command::new(&self.rustc)
            .args(["--print", "sysroot"])
            .output();
        let Ok(sysroot) = sysroot else { return false };
        let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
        sysroot
            .join("lib/rustlib/src/rust/library/core/src/lib.rs")
            .is_file()
    }

    /// Its cargo, in the root of the repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(root()).env("RUSTC", &self.rustc);
        // What rustup's cargo sets for its children is not for another toolchain.
        for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTDOC"] {
            command.env_remove(variable);
        }
        command
    }

    /// The own toolchain if it can, else Debian's, which is installed if need be.
    pub(crate) fn find() -> Result<Toolchain> {
        let own = Toolchain {
            cargo: "cargo".into(),
            rustc: "rustc".into(),
        };
        if own.is_complete() {
            return Ok(own);
        }
        let debian = Toolchain {
            cargo: "/usr/bin/cargo".into(),
            rustc: "/usr/bin/rustc".into(),
        };
        if !debian.is_complete() {
            install(&PACKAGES)?;
        }
        if debian.is_complete() {
            return Ok(debian);
        }
        bail!(
            "the sources of core are needed: `rustup component add rust-src`, or on Debian `apt-get install {}`",
            PACKAGES.join(" ")
        )
    }
}

/// A linker that takes any ELF target.
fn linker() -> Result<&'static str> {
    let works = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = ["ld.lld-19", "ld.lld", "rust-lld"].into_iter().find(works);
    found.context("a linker is needed: on Debian `apt-get install lld-19`")
}

/// Builds the proof and runs it: it answers its questions on this machine's kernel,
/// without any library.
pub(crate) fn prove() -> Result<()> {
    let toolchain = Toolchain::find()?;
    let rustflags = format!("-Crelocation-model=static -Clinker={}", linker()?);
    let mut build = toolchain.cargo();
    build
        .args([
            "build",
            "--release",
            "--package",
            "netpolicy-bare",
            "--target",
            TARGET,
        ])
        .args(["-Zbuild-std=core", "--target-dir", "target/bare"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_X86_64_UNKNOWN_NONE_RUSTFLAGS", rustflags);
    run(&mut build)?;
    let built = root().join("target/bare").join(TARGET).join("release");
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
