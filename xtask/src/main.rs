//! Every chore of this repository: `cargo xtask --help`.

mod bare;
mod bench;
mod packages;
mod python;
mod run;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The chores of the netpolicy repository.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    Bench(bench::Arguments),
    Test(test::Arguments),
    BenchPython(python::bench::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().chore {
        Chore::Bench(arguments) => bench::bench(&arguments),
        Chore::Test(arguments) => test::test(&arguments),
        Chore::BenchPython(arguments) => python::bench::bench(&arguments),
    }
}
