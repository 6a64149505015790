//! The Python package: built as a wheel, installed into virtual environments, tested
//! there.

pub(crate) mod bench;
mod environment;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages::need;
use crate::run::{cargo, root, run, target};
use environment::{Environment, python};

/// What is strictly typed: the package, and scripts as users write them.
const TYPED: [&str; 5] = [
    "python/package/netpolicy",
    "python/tests/typed.py",
    "python/examples/sample_data.py",
    "python/examples/denied_flows_spark.py",
    "python/examples/policy_questions.py",
];

/// Builds the wheel, and tests it as its users meet it.
pub(crate) fn test() -> Result<()> {
    let wheel = wheel()?;
    clean_install(&wheel)?;
    let environment = Environment::open("python/test")?;
    environment.install(&[&format!("{}[test,spark]", wheel.display())])?;
    environment.replace(&wheel)?;
    types(&environment)?;
    run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "netpolicy-cli",
    ]))?;
    let mut pytest = environment.module("pytest");
    pytest
        .args(["--color=auto", "--ignore=tests/spark"])
        .env("NETPOLICY_BINARY", target().join("release/netpolicy"))
        .current_dir(root().join("python"));
    run(&mut pytest)?;
    spark(&environment)
}

/// The tests on `PySpark`, in the same environment.
fn spark(environment: &Environment) -> Result<()> {
    if Command::new("java").arg("-version").output().is_err() {
        need(&["default-jre-headless"])?;
    }
    if Command::new("java").arg("-version").output().is_err() {
        bail!("Spark needs Java 17 or newer: on Debian `apt-get install default-jre-headless`");
    }
    let mut pytest = environment.module("pytest");
    pytest
        .args(["--color=auto", "--durations=5", "tests/spark"])
        .current_dir(root().join("python"));
    run(&mut pytest)
}

/// Builds the wheel, and returns where it is.
fn wheel() -> Result<PathBuf> {
    let tools = Environment::open("python/tools")?;
    tools.install(&["maturin>=1.9,<2"])?;
    let folder = target().join("python/wheels");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut build = tools.program("maturin");
    build
        .args(["build", "--release", "--manifest-path", "python/Cargo.toml"])
        .arg("--out")
        .arg(&folder)
        .arg("--interpreter")
        .arg(python()?)
        .current_dir(root());
    run(&mut build)?;
    let mut wheels = std::fs::read_dir(&folder)?;
    let wheel = wheels.next().context("maturin built no wheel")??.path();
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains("-cp311-abi3-") {
        bail!("{name} is not for CPython 3.11 and newer");
    }
    Ok(wheel)
}

/// Installs the wheel where there is nothing else, and asks the README's question in
/// Python and with the command.
fn clean_install(wheel: &Path) -> Result<()> {
    const SCRIPT: &str = "import netpolicy; \
        image = netpolicy.Cluster.load('examples/wordpress').compile(); \
        assert image.verdict('203.0.113.7', 'default/wordpress', port=443, protocol='TCP'); \
        rows = {'source': ['203.0.113.7'], 'destination': ['10.244.1.11']}; \
        assert image.verdicts(rows, protocol='TCP', port=3306).denied_rows == 1";
    let clean = Environment::create("python/clean")?;
    clean.replace(wheel)?;
    let mut script = clean.program("python");
    script
        .args(["-W", "error", "-c", SCRIPT])
        .current_dir(root());
    run(&mut script)?;
    let mut command = clean.program("netpolicy");
    command
        .args(["check", "-f", "examples/wordpress"])
        .current_dir(root());
    run(&mut command)
}

/// The stubs say what the module has, and everything is typed.
fn types(environment: &Environment) -> Result<()> {
    let folder = root().join("python");
    let mut stubs = environment.module("mypy.stubtest");
    stubs
        .args([
            "netpolicy",
            "--allowlist",
            "stubtest.allow",
            "--ignore-unused-allowlist",
        ])
        .args(["--mypy-config-file", "pyproject.toml"])
        .current_dir(&folder);
    run(&mut stubs)?;
    let mut mypy = environment.module("mypy");
    mypy.args(["--strict", "--config-file", "python/pyproject.toml"])
        .args(TYPED)
        .current_dir(root());
    run(&mut mypy)
}
