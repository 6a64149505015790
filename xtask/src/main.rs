//! Every chore of this repository: `cargo xtask --help`.

mod bare;
mod insight;
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
    Test(test::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().chore {
        Chore::Test(arguments) => test::test(&arguments),
    }
}
