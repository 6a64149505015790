//! The C programs with the library built for AddressSanitizer and ThreadSanitizer.
//!
//! The instrumented library is linked by clang, whose runtime both sides then share.
//! For ThreadSanitizer it is built with the sources of `std`, without which the checker
//! does not see the fences of `Arc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::programs::{Linkage, compile, folder, program, vectors};
use crate::run::{cargo, run, target};
use crate::toolchain::Toolchain;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Its runtime must know what the compiler of the library calls: that of clang 14 lacks
/// `__tsan_memcpy`.
const CLANG: &str = "clang-19";

pub(super) fn test() -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        eprintln!("the sanitizers run on Linux on x86-64 only: NOT RUN");
        return Ok(());
    }
    let address = Instrumented::build("address", None)?;
    let vectors = vectors()?;
    // Undefined behaviour of the C programs themselves as well.
    let flags = ["-fsanitize=undefined", "-fno-sanitize-recover=undefined"];
    let scratch = folder("programs")?;
    run(address.program("api.c", &flags)?.arg(&scratch))?;
    run(address.program("vectors.c", &flags)?.args(&vectors))?;
    let thread = Instrumented::build("thread", Some(&Toolchain::with_sources()?))?;
    run(&mut thread.program("threads.c", &[])?)
}

/// An installed library that is instrumented.
struct Instrumented {
    sanitizer: &'static str,
    prefix: PathBuf,
}

impl Instrumented {
    /// Builds and installs it, with the `std` of a toolchain that has its sources, or
    /// with the one that was built beforehand.
    fn build(sanitizer: &'static str, sources: Option<&Toolchain>) -> Result<Instrumented> {
        let out = target().join("ffi").join(sanitizer);
        let mut build = match sources {
            None => cargo(&[]),
            Some(toolchain) => toolchain.cargo(),
        };
        build
            .args(["rustc", "--release", "--package", "netpolicy-ffi", "--lib"])
            .args([
                "--crate-type",
                "staticlib",
                "--target",
                TARGET,
                "--target-dir",
            ])
            .arg(&out)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            // The runtime is the linker's, see above.
            .env(
                "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
                format!("-Zsanitizer={sanitizer} -Zexternal-clangrt -Copt-level=1"),
            );
        if sources.is_some() {
            build.arg("-Zbuild-std=std,panic_unwind");
        }
        run(&mut build)?;
        let prefix = std::path::absolute(folder(&format!("prefix-{sanitizer}"))?)?;
        install(
            &out.join(TARGET).join("release/libnetpolicy_ffi.a"),
            &prefix,
        )?;
        Ok(Instrumented { sanitizer, prefix })
    }

    fn program(&self, source: &str, flags: &[&str]) -> Result<Command> {
        let sanitize = format!("-fsanitize={}", self.sanitizer);
        let flags: Vec<&str> = [sanitize.as_str()].iter().chain(flags).copied().collect();
        let out = self.prefix.join(source.trim_end_matches(".c"));
        compile(CLANG, source, &flags, &self.prefix, Linkage::Static, &out)?;
        Ok(program(&[], &out, &self.prefix))
    }
}

/// Puts the instrumented library where the usual one would be.
fn install(library: &Path, prefix: &Path) -> Result<()> {
    let usual = target().join("ffi/prefix");
    let lib = prefix.join("lib");
    fs::create_dir_all(lib.join("pkgconfig"))?;
    fs::create_dir_all(prefix.join("include"))?;
    fs::copy(library, lib.join("libnetpolicy.a"))
        .with_context(|| format!("{} was not built", library.display()))?;
    fs::copy(
        usual.join("include/netpolicy.h"),
        prefix.join("include/netpolicy.h"),
    )?;
    let file = fs::read_to_string(usual.join("lib/pkgconfig/netpolicy.pc"))?;
    let usual = std::path::absolute(&usual)?;
    let moved = file.replace(&*usual.to_string_lossy(), &prefix.to_string_lossy());
    if moved == file {
        bail!("the pkg-config file does not speak of {}", usual.display());
    }
    fs::write(lib.join("pkgconfig/netpolicy.pc"), moved)?;
    Ok(())
}
