//! Measures, and prints what was measured.

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use netpolicy_benches::figure::{Figures, Format};
use netpolicy_benches::timing::Budget;
use netpolicy_benches::traffic::Mix;
use netpolicy_benches::world::{Spec, World};
use netpolicy_benches::{compiling, verdicts};

/// How fast netpolicy is, beside its rivals and beside the floor
#[derive(Parser)]
struct Arguments {
    /// A world: headline, crowded/POLICIES or PODS/POLICIES/ADDRESSES/FAMILIES, such
    /// as 100k/10k/dense/both
    #[arg(long = "world", default_value = "headline")]
    worlds: Vec<Spec>,
    /// The time for one figure, in milliseconds
    #[arg(long, default_value_t = 500)]
    milliseconds: u64,
    /// text or json
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let budget = Budget {
        time: Duration::from_millis(arguments.milliseconds),
        rounds: 3,
    };
    let mut figures = Figures::new(arguments.output);
    for spec in arguments.worlds {
        let world = World::new(spec);
        let (image, _) = compiling::measure(&spec.to_string(), &world.cluster, 3, &mut figures)?;
        for mix in Mix::ALL {
            verdicts::measure(&world, &image.image(), mix, budget, &mut figures)?;
        }
    }
    Ok(())
}
