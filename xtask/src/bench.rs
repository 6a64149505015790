//! `cargo xtask bench`: builds the benchmarks and their rivals, measures, keeps a
//! record and writes `benches/RESULTS.md`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::run::{cargo, root, run, target};

/// Measure netpolicy beside its rivals, and keep what was measured
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Less of everything: under five minutes on two cores that do nothing else
    #[arg(long)]
    quick: bool,
    /// text, or json: one object a line
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

const PACKAGE: &str = "netpolicy-benches";
/// Processors that code is built for, apart from the one that every x86-64 is.
const PROCESSORS: [&str; 2] = ["x86-64-v3", "native"];

/// The program that measures, in the profile that releases are built in.
fn program() -> Result<PathBuf> {
    run(&mut cargo(&["build", "--release", "--package", PACKAGE]))?;
    Ok(target().join("release").join(PACKAGE))
}

/// Builds the rival that is written in Go; `None` where its modules cannot be had.
fn rival() -> Result<Option<PathBuf>> {
    let folder = root().join("benches/rivals");
    let go = |arguments: &[&str]| {
        let mut command = Command::new("go");
        command.args(arguments).current_dir(&folder);
        command
    };
    run(&mut go(&["version"])).context("Go is needed, as new as benches/rivals/go.mod says")?;
    let program = target().join("rivals/kube-network-policies");
    if let Err(error) = run(go(&["build", "-o"]).arg(&program).arg(".")) {
        eprintln!("\nNOT THERE: kube-network-policies, which cannot be built: {error:#}");
        return Ok(None);
    }
    Ok(Some(program))
}

/// Measures everything, or as much as fits in some minutes.
pub(crate) fn bench(arguments: &Arguments) -> Result<()> {
    let program = program()?;
    let records = root().join("benches/record");
    let mut measure = Command::new(&program);
    measure.arg("run").arg("--record").arg(&records);
    match rival()? {
        Some(rival) => measure.arg("--kube-network-policies").arg(rival),
        None => measure.args(["--note", "kube-network-policies could not be had"]),
    };
    if cfg!(target_arch = "x86_64") {
        measure
            .arg("--build")
            .arg(build_argument("x86-64", &program));
        for processor in PROCESSORS {
            let program = build_for(processor)?;
            measure
                .arg("--build")
                .arg(build_argument(processor, &program));
        }
    }
    if arguments.quick {
        measure.arg("--quick");
    } else {
        let found = target().join("criterion");
        let bench = ["bench", "--package", PACKAGE, "--bench", "verdict"];
        run(cargo(&bench).env("CRITERION_HOME", &found))?;
        measure.arg("--criterion").arg(found);
    }
    match arguments.output {
        Output::Text => measure.args(["--output", "text"]),
        Output::Json => measure.args(["--output", "json"]),
    };
    run(&mut measure)?;
    run(Command::new(&program)
        .arg("page")
        .arg(root().join("benches")))
}

/// The program, built for a processor, in a folder of its own.
fn build_for(processor: &str) -> Result<PathBuf> {
    let folder = target().join(processor);
    let mut build = cargo(&["build", "--release", "--package", PACKAGE, "--target-dir"]);
    build
        .arg(&folder)
        .env("RUSTFLAGS", format!("-Ctarget-cpu={processor}"));
    run(&mut build)?;
    Ok(folder.join("release").join(PACKAGE))
}

fn build_argument(processor: &str, program: &std::path::Path) -> String {
    format!("{processor}={}", program.display())
}

/// What is tested: every contestant agrees on small worlds, and everything can be
/// measured.
pub(crate) fn test() -> Result<()> {
    run(&mut cargo(&["test", "--package", PACKAGE]))?;
    let program = program()?;
    let mut smoke = Command::new(program);
    smoke.args(["run", "--smoke", "--output", "json"]);
    if let Some(rival) = rival()? {
        smoke.arg("--kube-network-policies").arg(rival);
    }
    run(&mut smoke)
}
