//! The netfilter-queue daemon beside one that accepts everything without looking, in
//! turns, in one run: connections a second, and packets a second through the queue.
//!
//! `cargo xtask bench-nfqueue` builds both and starts this.

mod load;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use netpolicy_traffic::daemon::{Daemon, program};
use netpolicy_traffic::network::Network;
use netpolicy_traffic::policies::{put, wordpress};

use load::{connections, packets};
use report::{Report, Sample};

#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    rounds: u32,
    #[arg(long)]
    seconds: u64,
}

/// The two that are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rival {
    AcceptAll,
    Netpolicy,
}

impl Rival {
    fn command(self, image: &Path) -> Result<Command> {
        match self {
            Rival::AcceptAll => Ok(Command::new(program("NETPOLICY_ACCEPT_ALL")?)),
            Rival::Netpolicy => {
                let mut command = Command::new(program("NETPOLICY_NFQUEUE")?);
                command.arg("--image").arg(image);
                command.args(["--queues", "0:1"]);
                Ok(command)
            }
        }
    }
}

/// What is loaded onto a network, and how much of it passes: events, in some seconds.
type Load = fn(&Network, Duration) -> Result<u64>;

fn measure(
    network: &Network,
    rival: Rival,
    image: &Path,
    load: Load,
    length: Duration,
) -> Result<Sample> {
    let daemon = Daemon::start(network, rival.command(image)?)?;
    // Caches, neighbours, the first growth of everything.
    load(network, Duration::from_millis(300))?;
    let before = daemon.cpu_time()?;
    let events = load(network, length)?;
    let busy = daemon.cpu_time()? - before;
    daemon.stop()?;
    ensure!(events > 0, "nothing passed");
    Ok(Sample {
        per_second: events as f64 / length.as_secs_f64(),
        busy_per_event: busy / u32::try_from(events)?,
    })
}

fn main() -> Result<()> {
    let Arguments { rounds, seconds } = Arguments::parse();
    let length = Duration::from_secs(seconds);
    let image: PathBuf = std::env::temp_dir().join("netpolicy-bench-nfqueue.npi");
    put(&image, &wordpress()?)?;
    // In the one only first packets come up, in the other all.
    let first_packets = Network::wordpress("first")?;
    first_packets.queue_connections("0:1")?;
    let all_packets = Network::wordpress("all")?;
    all_packets.queue_packets("0:1")?;
    let mut report = Report::default();
    for round in 0..rounds {
        // Who goes first has the warmer or the colder machine; so they take turns.
        let mut rivals = [Rival::AcceptAll, Rival::Netpolicy];
        if round % 2 == 1 {
            rivals.reverse();
        }
        for rival in rivals {
            let sample = measure(&first_packets, rival, &image, connections, length)?;
            report.connections(rival == Rival::Netpolicy, sample);
            let sample = measure(&all_packets, rival, &image, packets, length)?;
            report.packets(rival == Rival::Netpolicy, sample);
        }
    }
    std::fs::remove_file(&image)?;
    print!("{report}");
    Ok(())
}
