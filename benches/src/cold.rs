//! Verdicts from an image that no cache holds.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use netpolicy::{Connection, Image};

use crate::contestant::Contestant;
use crate::figure::{Figure, Figures};
use crate::timing::dependent;
use crate::traffic::{Mix, draw};
use crate::world::World;

/// How many verdicts are asked for after the first.
const FURTHER: usize = 64;
/// No more memory than this is read to empty the caches.
const SWEEP_LIMIT: usize = 1 << 30;

/// Measures the first verdict, and the next ones, after the caches were filled with
/// something else.
///
/// # Errors
/// Where figures cannot be written.
pub fn measure(
    world: &World,
    image: &Image<'_>,
    rounds: usize,
    figures: &mut Figures,
) -> Result<()> {
    let connections = draw(world, Mix::Uniform, rounds * (1 + FURTHER));
    let other = vec![1_u8; (largest_cache() * 5 / 4).min(SWEEP_LIMIT)];
    let (mut firsts, mut further) = (Vec::new(), Vec::new());
    for asked in connections.chunks_exact(1 + FURTHER) {
        // Sums one byte of each cache line.
        let sum: u32 = other.iter().step_by(64).map(|byte| u32::from(*byte)).sum();
        black_box(sum);
        // The questions themselves are at hand.
        let asked: Vec<Connection> = black_box(asked.to_vec());
        let begun = Instant::now();
        black_box(image.allows(&asked[0]));
        firsts.push(begun.elapsed().as_nanos() as f64);
        let begun = Instant::now();
        black_box(dependent(&asked[1..], |connection| {
            image.allows(connection)
        }));
        further.push(begun.elapsed().as_nanos() as f64 / FURTHER as f64);
    }
    let name = |what: &str| format!("{}/cold/{what}", world.name);
    figures.add(Figure::new(name("first"), median(firsts), "ns"))?;
    figures.add(Figure::new(name("next-64"), median(further), "ns"))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The size of the largest cache in bytes; 64 MiB where the system does not tell.
fn largest_cache() -> usize {
    let size = |index: usize| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
        let text = fs::read_to_string(path).ok()?;
        let kib: usize = text.trim().strip_suffix('K')?.parse().ok()?;
        Some(kib << 10)
    };
    (0..8).filter_map(size).max().unwrap_or(64 << 20)
}
