//! The figures of verdicts on a world: ours, the floor's and the rivals'.

use std::hint::black_box;

use anyhow::Result;
use netpolicy::{Connection, Image, Verdict};

use crate::contestant::Contestant;
use crate::figure::{Figure, Figures};
use crate::floor::Floor;
use crate::timing::{Budget, Work, back_to_back, dependent, percentiles};
use crate::traffic::{Mix, draw};
use crate::world::World;

/// How many connections of a mix are drawn. They and their answers fit in a second
/// level cache beside the tables.
pub const CONNECTIONS: usize = 1 << 14;

/// Measures one mix on a world whose image has that many classes.
///
/// # Errors
/// Where figures cannot be written.
pub fn measure(
    world: &World,
    image: &Image<'_>,
    classes: u32,
    mix: Mix,
    budget: Budget,
    figures: &mut Figures,
) -> Result<()> {
    let connections = draw(world, mix, CONNECTIONS);
    let name = |what: &str| format!("{}/{mix}/{what}", world.name);
    let allowed = back_to_back(&connections, |connection| image.allows(connection));
    let share = 100.0 * allowed as f64 / connections.len() as f64;
    figures.add(Figure::new(name("allowed"), share, "%"))?;

    let floor = Floor::new(&connections, image, classes);
    let works: Vec<Work<'_>> = vec![
        one_after_another(&connections, image),
        Box::new(|| floor.dependent()),
        overlapping(&connections, image),
        Box::new(|| floor.independent()),
        batch(&connections, image),
    ];
    let least = budget.least(works);
    let in_turn = Figure::new(name("dependent"), least[0], "ns");
    figures.add(in_turn.beside("floor", least[1]))?;
    let throughput = Figure::new(name("back-to-back"), least[2], "ns");
    figures.add(throughput.beside("floor", least[3]))?;
    figures.add(Figure::new(name("batch"), least[4], "ns"))?;

    let rounds = (budget.rounds * 4).max(16);
    let times = percentiles(&connections, rounds, |connection| image.allows(connection));
    for (what, value) in [
        ("p50", times.p50),
        ("p99", times.p99),
        ("p99.9", times.p999),
        ("resolution", times.resolution),
    ] {
        figures.add(Figure::new(name(what), value, "ns"))?;
    }
    Ok(())
}

/// Each answer waits for the one before.
pub fn one_after_another<'w>(
    connections: &'w [Connection],
    contestant: &'w impl Contestant,
) -> Work<'w> {
    Box::new(|| {
        black_box(dependent(connections, |connection| {
            contestant.allows(connection)
        }));
        connections.len()
    })
}

/// One call after another.
pub fn overlapping<'w>(connections: &'w [Connection], contestant: &'w impl Contestant) -> Work<'w> {
    Box::new(|| {
        black_box(back_to_back(connections, |connection| {
            contestant.allows(connection)
        }));
        connections.len()
    })
}

/// One call for all.
fn batch<'w>(connections: &'w [Connection], image: &'w Image<'_>) -> Work<'w> {
    let mut verdicts = vec![Verdict::DENY; connections.len()];
    Box::new(move || {
        image.verdicts(connections, &mut verdicts);
        black_box(&verdicts);
        connections.len()
    })
}
