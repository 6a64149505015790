//! Verdicts beside the rivals'. All of them must agree before anything is timed.

use anyhow::{Result, ensure};
use netpolicy::{Connection, Image};

use crate::contestant::{Cached, Contestant, IdentityMaps, Plain};
use crate::figure::{Figure, Figures};
use crate::timing::{Budget, Work};
use crate::traffic::{Mix, draw};
use crate::verdicts::{CONNECTIONS, one_after_another, overlapping};
use crate::world::World;

/// How many connections a cache keeps: as many as the default of a connection table
/// for a node.
const CACHE: usize = 1 << 18;
/// How many connections are drawn for the cache, so that it meets new ones.
const FOR_CACHE: usize = 1 << 20;
/// How many connections a rival that takes a microsecond answers in a round.
const SLOW: usize = 1 << 11;

/// The rivals in this process, ready for a world.
pub struct Rivals<'w> {
    plain: Plain<'w>,
    identity_maps: IdentityMaps,
}

impl<'w> Rivals<'w> {
    /// Builds what they look things up in.
    #[must_use]
    pub fn new(world: &'w World) -> Rivals<'w> {
        Rivals {
            plain: Plain::new(&world.cluster),
            identity_maps: IdentityMaps::new(&world.cluster),
        }
    }

    /// Measures one mix on a world beside all of them.
    ///
    /// # Errors
    /// Where two contestants answer a connection differently, or figures cannot be
    /// written.
    pub fn measure(
        &self,
        world: &World,
        image: &Image<'_>,
        mix: Mix,
        budget: Budget,
        figures: &mut Figures,
    ) -> Result<()> {
        let connections = draw(world, mix, CONNECTIONS);
        let name = |what: &str| format!("{}/{mix}/{what}", world.name);
        let cached = Cached::new(&self.plain, CACHE);
        agree(&connections, image, &self.plain, "plain-rust")?;
        agree(&connections, image, &self.identity_maps, "identity-maps")?;
        agree(&connections, image, &cached, "tuple-cache")?;

        let few = &connections[..SLOW];
        for (what, ask) in [
            ("dependent", Order::InTurn),
            ("back-to-back", Order::Overlapping),
        ] {
            let works: Vec<Work<'_>> = vec![
                ask.work(&connections, image),
                ask.work(few, &self.plain),
                ask.work(&connections, &self.identity_maps),
                ask.work(&connections, &cached),
            ];
            let least = budget.least(works);
            let ours = Figure::new(name(what), least[0], "ns");
            for (rival, value) in ["plain-rust", "identity-maps", "tuple-cache-all-hits"]
                .into_iter()
                .zip(&least[1..])
            {
                figures.add(ours.versus(rival, *value))?;
            }
        }
        self.measure_misses(world, image, mix, figures)
    }

    /// A cache that meets each connection as a cluster makes it: known or new.
    fn measure_misses(
        &self,
        world: &World,
        image: &Image<'_>,
        mix: Mix,
        figures: &mut Figures,
    ) -> Result<()> {
        let connections = draw(world, mix, FOR_CACHE);
        let name = |what: &str| format!("{}/{mix}/{what}", world.name);
        let cached = Cached::new(&self.plain, CACHE);
        let works: Vec<Work<'_>> = vec![
            overlapping(&connections, image),
            overlapping(&connections, &cached),
        ];
        let least = Budget::ONE_ROUND.least(works);
        let ours = Figure::new(name("stream"), least[0], "ns");
        figures.add(ours.versus("tuple-cache", least[1]))?;
        let misses = 100.0 * cached.misses() as f64 / connections.len() as f64;
        figures.add(Figure::new(name("tuple-cache-misses"), misses, "%"))
    }
}

/// How connections are asked about.
#[derive(Clone, Copy)]
enum Order {
    InTurn,
    Overlapping,
}

impl Order {
    fn work<'w>(self, connections: &'w [Connection], contestant: &'w impl Contestant) -> Work<'w> {
        match self {
            Order::InTurn => one_after_another(connections, contestant),
            Order::Overlapping => overlapping(connections, contestant),
        }
    }
}

/// Fails unless a rival gives the verdicts that the image gives.
///
/// # Errors
/// The first connection that they differ on.
pub fn agree(
    connections: &[Connection],
    image: &Image<'_>,
    rival: &impl Contestant,
    name: &str,
) -> Result<()> {
    for connection in connections {
        let (ours, theirs) = (image.allows(connection), rival.allows(connection));
        ensure!(
            ours == theirs,
            "{connection:?}: netpolicy says {ours}, {name} says {theirs}; nothing is timed until they agree"
        );
    }
    Ok(())
}
