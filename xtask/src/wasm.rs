//! The npm package: `wasm/pkg/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages::install;
use crate::run::{cargo, root, run, target};
use crate::toolchain::Toolchain;

const TARGET: &str = "wasm32-unknown-unknown";

/// What the package may weigh, the module and its JavaScript each gzipped, in KiB.
const SIZE_LIMIT_KIB: u64 = 600;

/// What rustc uses of WebAssembly, and every browser and Node since 2022 knows.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// What is copied into the package as it is, and what it is called there.
const COPIED: [(&str, &str); 5] = [
    ("wasm/npm/package.json", "package.json"),
    ("wasm/npm/node.js", "node.js"),
    ("wasm/npm/node.d.ts", "node.d.ts"),
    ("wasm/README.md", "README.md"),
    ("LICENSE", "LICENSE"),
];

/// npm, in a folder of the repository.
pub(crate) fn npm(folder: &str, arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(root().join(folder));
    npm
}

/// Builds the package.
pub(crate) fn build() -> Result<()> {
    let module = compile()?;
    let package = root().join("wasm/pkg");
    // Nothing of an earlier build stays.
    if package.exists() {
        fs::remove_dir_all(&package).context("cannot clear wasm/pkg")?;
    }
    bind(&module, &package)?;
    for (from, to) in COPIED {
        let from = root().join(from);
        fs::copy(&from, package.join(to))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    run(&mut npm("wasm", &["ci"]))?;
    optimise(&package.join("netpolicy_bg.wasm"))?;
    hold_size(&package)
}

/// The module, as cargo builds it.
fn compile() -> Result<PathBuf> {
    let toolchain = Toolchain::with_std(TARGET)?;
    let folder = target().join("wasm");
    let mut build = toolchain.build(TARGET, &folder, "std,panic_abort");
    build.args(["--profile", "wasm", "--package", "netpolicy-wasm"]);
    if let Some(linker) = toolchain.linker(&["wasm-ld-19", "wasm-ld", "rust-lld"])? {
        build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    run(&mut build)?;
    let built = folder.join(TARGET);
    Ok(built.join("wasm/netpolicy_wasm.wasm"))
}

/// Writes the JavaScript and the types, and the module that fits them.
fn bind(module: &Path, package: &Path) -> Result<()> {
    let mut bindgen = cargo(&[
        "run",
        "--profile",
        "tool",
        "--package",
        "xtask-bindgen",
        "--",
    ]);
    run(bindgen.args([module, package]))
}

/// wasm-opt, from npm.
fn optimise(module: &Path) -> Result<()> {
    let optimised = module.with_extension("wasm.opt");
    let mut wasm_opt = Command::new("node");
    wasm_opt
        .arg("node_modules/binaryen/bin/wasm-opt")
        .args(["-O3", "--strip-debug"])
        .args(FEATURES)
        .arg(module)
        .arg("-o")
        .arg(&optimised)
        .current_dir(root().join("wasm"));
    run(&mut wasm_opt)?;
    fs::rename(&optimised, module).context("cannot keep what wasm-opt wrote")
}

/// Fails if the package has become too large to load.
fn hold_size(package: &Path) -> Result<()> {
    let mut total = 0;
    for file in ["netpolicy_bg.wasm", "netpolicy.js"] {
        let gzipped = Command::new("gzip")
            .args(["-9", "--stdout"])
            .arg(package.join(file))
            .output()
            .context("cannot run gzip")?;
        if !gzipped.status.success() {
            bail!("gzip: {}", gzipped.status);
        }
        let size = gzipped.stdout.len() as u64;
        eprintln!("{file}: {} KiB gzipped", size.div_ceil(1024));
        total += size;
    }
    if total > SIZE_LIMIT_KIB * 1024 {
        bail!("the package is over its limit of {SIZE_LIMIT_KIB} KiB gzipped");
    }
    Ok(())
}

/// Builds the package and the visualizer, and tests both: in Node, and in a browser.
pub(crate) fn test() -> Result<()> {
    build()?;
    run(&mut npm("wasm", &["run", "check"]))?;
    run(&mut npm("wasm", &["test"]))?;
    run(&mut npm("wasm/visualizer", &["ci"]))?;
    run(&mut npm("wasm/visualizer", &["run", "build"]))?;
    let mut tests = npm("wasm/visualizer", &["test"]);
    run(tests.env("CHROMIUM", chromium()?))
}

/// A browser: the one of the environment variable `CHROMIUM`, or Debian's.
fn chromium() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("CHROMIUM") {
        return Ok(given.into());
    }
    let debian = PathBuf::from("/usr/bin/chromium");
    if !debian.exists() {
        install(&["chromium"])?;
    }
    if !debian.exists() {
        bail!(
            "a browser is needed: on Debian `apt-get install chromium`, elsewhere set CHROMIUM to the path of a Chromium or Chrome"
        );
    }
    Ok(debian)
}
