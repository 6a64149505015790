//! Fuzz targets, as `cargo fuzz` runs them, for a bounded time: first the corpus that
//! is kept, then on from it.
//!
//! libFuzzer's instrumentation is all that is needed. The core has no `unsafe`, so a
//! memory checker would have nothing to find.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{cargo, root, run, target};

const TARGETS: [&str; 2] = ["packet", "image"];
const SECONDS: u32 = 20;

const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cdebug-assertions \
     -Coverflow-checks -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table";

pub(crate) fn test() -> Result<()> {
    let host = host()?;
    let out = target().join("fuzz");
    // Only what is built for the target is instrumented, not build scripts.
    let variable = format!(
        "CARGO_TARGET_{}_RUSTFLAGS",
        host.to_uppercase().replace('-', "_")
    );
    run(cargo(&[
        "build",
        "--release",
        "--package",
        "netpolicy-fuzz",
        "--target",
        &host,
    ])
    .arg("--target-dir")
    .arg(&out)
    .env("CARGO_PROFILE_RELEASE_LTO", "off")
    .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
    .env(variable, COVERAGE))?;
    for name in TARGETS {
        let kept = root().join("fuzz/corpus").join(name);
        if fs::read_dir(&kept).map_or(0, Iterator::count) == 0 {
            bail!("{} has no corpus", kept.display());
        }
        // What is found goes elsewhere.
        let found = std::path::absolute(out.join("found").join(name))?;
        fs::create_dir_all(&found)?;
        let mut fuzz = Command::new(out.join(&host).join("release").join(name));
        fuzz.arg(format!("-max_total_time={SECONDS}"))
            .args([
                "-timeout=5",
                "-rss_limit_mb=2048",
                "-max_len=4096",
                "-print_final_stats=1",
            ])
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(&found)
            .arg(&kept);
        run(&mut fuzz)?;
    }
    Ok(())
}

/// The target that the compiler builds for by itself.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not tell its host")?.to_owned())
}
