//! `cargo xtask test`.

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::run::{cargo, output, root, run};
use crate::{bare, bench, ffi, insight, python, traffic, wasm};

/// Install what tests need, and run them: the parts that are named, or without a name
/// all of them
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Formatting and lints
    Lint,
    /// The core: its own tests, with each set of features, and where there is
    /// nothing but `core`
    Core,
    /// The command
    Cli,
    /// Vectors, oracle, properties, corpora, damaged images
    Suites,
    /// The benchmarks: contestants agree, and everything can be measured
    Benches,
    /// The Python package: its wheel, its types, its tests, Spark
    Python,
    /// The C API: its header, C programs, memory and thread checkers, fuzz targets
    Ffi,
    /// Real connections between network namespaces, held by the netfilter-queue daemon
    Traffic,
    /// Lists, differences, lint, simulation, generation: those of the command's tests
    /// and of the suites that are about them
    Insight,
    /// The npm package, and the visualizer in a real browser
    Wasm,
    /// The documentation, and the README's first command
    Docs,
}

/// Runs the parts that are named, or all.
pub(crate) fn test(arguments: &Arguments) -> Result<()> {
    let parts = match arguments.parts.as_slice() {
        [] => Part::value_variants(),
        parts => parts,
    };
    // Its tests are among those of two other parts.
    let is_alone = !parts.contains(&Part::Cli) || !parts.contains(&Part::Suites);
    for part in parts {
        match part {
            Part::Lint => lint()?,
            Part::Core => core()?,
            Part::Cli => run(&mut cargo(&["test", "--package", "netpolicy-cli"]))?,
            Part::Suites => run(&mut cargo(&["test", "--package", "netpolicy-tests"]))?,
            Part::Benches => bench::test()?,
            Part::Python => python::test()?,
            Part::Ffi => ffi::test()?,
            Part::Traffic => traffic::test()?,
            Part::Insight if is_alone => insight::test()?,
            Part::Insight => {}
            Part::Wasm => wasm::test()?,
            Part::Docs => docs()?,
        }
    }
    eprintln!("\nall passed");
    Ok(())
}

fn lint() -> Result<()> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    let warnings_are_errors = ["--", "--deny", "warnings"];
    for what in [
        &["--workspace", "--all-targets", "--all-features"][..],
        &["--package", "netpolicy", "--no-default-features"],
    ] {
        run(cargo(&["clippy"]).args(what).args(warnings_are_errors))?;
    }
    Ok(())
}

fn core() -> Result<()> {
    for features in ["", "alloc", "std", "std,serde"] {
        run(&mut cargo(&[
            "test",
            "--package",
            "netpolicy",
            "--no-default-features",
            "--features",
            features,
        ]))?;
    }
    bare::prove()
}

fn docs() -> Result<()> {
    let mut doc = cargo(&["doc", "--workspace", "--lib", "--no-deps", "--all-features"]);
    run(doc.env("RUSTDOCFLAGS", "--deny warnings"))?;
    let printed = output(&mut shell(&first_command()?))?;
    check_printed_lines(&printed)
}

/// The lines that the README shows below its first command must be among those that
/// it prints, in their order.
fn check_printed_lines(printed: &str) -> Result<()> {
    let mut printed_lines = printed.lines();
    let block = readme_block("```text\n")?;
    for shown in block.trim().lines() {
        if !printed_lines.any(|line| line == shown) {
            bail!(
                "the README shows a line that its first command does not print there:\n{shown}\nIt prints:\n{printed}"
            );
        }
    }
    Ok(())
}

/// The first command of the README, which shows the main job.
fn first_command() -> Result<String> {
    let block = readme_block("```sh\n")?;
    match block.trim() {
        command if command.starts_with("cargo run --release -p netpolicy-cli -- ") => {
            Ok(command.to_owned())
        }
        _ => bail!("the README's first block of commands does not show the main job"),
    }
}

/// The first block of the README that begins with `fence`.
fn readme_block(fence: &str) -> Result<String> {
    let readme =
        std::fs::read_to_string(root().join("README.md")).context("cannot read README.md")?;
    let mut blocks = readme.split(fence).skip(1);
    let block = blocks.next().and_then(|rest| rest.split("```").next());
    block
        .map(str::to_owned)
        .with_context(|| format!("the README has no block {fence:?}"))
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-ec", command]).current_dir(root());
    shell
}
