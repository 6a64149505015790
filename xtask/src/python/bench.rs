//! `cargo xtask bench-python`.

use anyhow::Result;

use super::environment::Environment;
use super::wheel;
use crate::run::{cargo, root, run, target};

/// Measure the verdict columns of the Python package beside others: a line of JSON each
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many connections to judge
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
}

pub(crate) fn bench(arguments: &Arguments) -> Result<()> {
    let wheel = wheel()?;
    let environment = Environment::open("python/test")?;
    environment.install(&[&format!("{}[test]", wheel.display())])?;
    environment.replace(&wheel)?;
    let package = ["--package", "netpolicy-bench-python"];
    run(cargo(&["build", "--release"]).args(package))?;
    let mut bench = environment.program("python");
    bench
        .arg("benches/python/verdicts.py")
        .args(["--rows", &arguments.rows.to_string()])
        .arg("--rust")
        .arg(target().join("release/netpolicy-bench-python"))
        .current_dir(root());
    run(&mut bench)
}
