//! `cargo xtask bench-nfqueue`.

use anyhow::Result;

use crate::packages;
use crate::run::{cargo, run};

use super::{PACKAGES, make, need_root};

/// Measure the netfilter-queue daemon beside one that accepts without looking
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each is measured, in turns
    #[arg(long, default_value_t = 5)]
    rounds: u32,

    /// How long each measurement lasts, in seconds
    #[arg(long, default_value_t = 3)]
    seconds: u32,
}

/// Builds both daemons, and measures them in one run.
pub(crate) fn bench(arguments: &Arguments) -> Result<()> {
    need_root()?;
    packages::need(&PACKAGES)?;
    let flags = "-O2 -g";
    let daemon = make("ffi/examples/nfqueue", "netpolicy-nfqueue", flags)?;
    let idle = make("benches/nfqueue", "accept-all", flags)?;
    run(cargo(&[
        "run",
        "--release",
        "--package",
        "netpolicy-bench-nfqueue",
        "--",
    ])
    .args(["--rounds", &arguments.rounds.to_string()])
    .args(["--seconds", &arguments.seconds.to_string()])
    .env("NETPOLICY_NFQUEUE", daemon)
    .env("NETPOLICY_ACCEPT_ALL", idle))
}
