//! Every chore of this repository: `cargo xtask --help`.

mod bare;
mod bench;
mod ffi;
mod fuzz;
mod insight;
mod packages;
mod python;
mod run;
mod test;
mod toolchain;
mod traffic;
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
    Bench(bench::Arguments),
    Test(test::Arguments),
    BenchPython(python::bench::Arguments),
    /// Write ffi/include/netpolicy.h anew from ffi/src
    Header,
    InstallFfi(ffi::install::Arguments),
    BenchNfqueue(traffic::bench::Arguments),
    /// Build the npm package into wasm/pkg
    Wasm,
}

fn main() -> Result<()> {
    match Arguments::parse().chore {
        Chore::Bench(arguments) => bench::bench(&arguments),
        Chore::Test(arguments) => test::test(&arguments),
        Chore::BenchPython(arguments) => python::bench::bench(&arguments),
        Chore::Header => ffi::header(),
        Chore::InstallFfi(arguments) => ffi::install::install(&arguments),
        Chore::BenchNfqueue(arguments) => traffic::bench::bench(&arguments),
        Chore::Wasm => wasm::build(),
    }
}
