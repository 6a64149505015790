//! Toolchains for other targets than this machine's: rustup's, or else Debian's,
//! which has the sources of the standard library in a package.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::packages::install;
use crate::run::root;

const PACKAGES: [&str; 4] = ["cargo-web", "lld-19", "rust-web-src", "rustc-web"];

/// A toolchain that can build for a target.
pub(crate) struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// Whether it has to build the libraries of the target first.
    from_source: bool,
}

impl Toolchain {
    fn own() -> Toolchain {
        Toolchain {
            cargo: "cargo".into(),
            rustc: "rustc".into(),
            from_source: true,
        }
    }

    fn debian() -> Toolchain {
        Toolchain {
            cargo: "/usr/bin/cargo".into(),
            rustc: "/usr/bin/rustc".into(),
            from_source: true,
        }
    }

    /// Whether a file or folder of its `lib/rustlib` is there.
    fn has(&self, path: impl AsRef<Path>) -> bool {
        let sysroot = Command::new(&self.rustc)
            .args(["--print", "sysroot"])
            .output();
        let Ok(sysroot) = sysroot else { return false };
        let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
        sysroot.join("lib/rustlib").join(path).exists()
    }

    fn has_sources(&self) -> bool {
        self.has("src/rust/library/core/src/lib.rs")
    }

    /// A toolchain with the sources of the standard library.
    pub(crate) fn with_sources() -> Result<Toolchain> {
        if Toolchain::own().has_sources() {
            return Ok(Toolchain::own());
        }
        if !Toolchain::debian().has_sources() {
            install(&PACKAGES)?;
        }
        if Toolchain::debian().has_sources() {
            return Ok(Toolchain::debian());
        }
        bail!(
            "the sources of Rust's standard library are needed: `rustup component add rust-src`, or on Debian `apt-get install {}`",
            PACKAGES.join(" ")
        )
    }

    /// The toolchain in use, if it has the standard library of `target`; else one
    /// that can build it.
    pub(crate) fn with_std(target: &str) -> Result<Toolchain> {
        let own = Toolchain::own();
        if own.has(Path::new(target).join("lib")) {
            return Ok(Toolchain {
                from_source: false,
                ..own
            });
        }
        Toolchain::with_sources()
            .map_err(|error| error.context(format!("with rustup: `rustup target add {target}`")))
    }

    /// `cargo build` for a target, in the root of the repository, into a folder;
    /// `libraries` are what has to be built if the toolchain has only their sources.
    pub(crate) fn build(&self, target: &str, folder: &Path, libraries: &str) -> Command {
        let mut build = self.cargo();
        build.args(["build", "--target", target, "--target-dir"]);
        build.arg(folder);
        if self.from_source {
            build.arg(format!("-Zbuild-std={libraries}"));
        }
        build
    }

    /// Its cargo, in the root of the repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(&self.cargo);
        cargo.current_dir(root());
        if self.from_source {
            cargo.env("RUSTC", &self.rustc).env("RUSTC_BOOTSTRAP", "1");
            // What rustup's cargo sets for its children is not for another toolchain.
            for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTDOC"] {
                cargo.env_remove(variable);
            }
        }
        cargo
    }

    /// A linker of LLVM's: the first of `names` that runs. `None` where the toolchain
    /// brings its own.
    pub(crate) fn linker(&self, names: &[&'static str]) -> Result<Option<&'static str>> {
        if !self.from_source {
            return Ok(None);
        }
        let works = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
        match names.iter().find(works) {
            Some(found) => Ok(Some(found)),
            None => bail!("a linker is needed: on Debian `apt-get install lld-19`"),
        }
    }
}
