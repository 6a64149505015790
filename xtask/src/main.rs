//! Every chore of this repository: `cargo xtask --help`.

mod bare;
mod run;
mod test;
mod toolchain;
mod wasm;

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
    /// Build the npm package into wasm/pkg
    Wasm,
}

fn main() -> Result<()> {
    match Arguments::parse().chore {
        Chore::Test(arguments) => test::test(&arguments),
        Chore::Wasm => wasm::build(),
    }
}
