//! How long answers take.
//!
//! A verdict is asked for in three ways. *Dependent*: each waits for the one before,
//! which is what one connection feels. *Back to back*: one call after another, which
//! the processor overlaps. *Batch*: one call for all.
//!
//! Each time is the least of some rounds: what disturbs a round only ever makes it
//! longer. Contestants that are compared take turns, round by round. Rounds are timed
//! in the thread's own processor time, so that what else the machine does counts only
//! where it takes the caches away; percentiles, which are of single moments, are timed
//! by the clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use netpolicy::Connection;
use rustix::time::{ClockId, clock_gettime};

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// The time for one figure.
    pub time: Duration,
    /// The rounds to make at least.
    pub rounds: usize,
    /// Whether each round follows one that is not timed, so that what others have put
    /// into the caches is gone.
    pub warms_up: bool,
}

/// What is timed: it answers a number of connections, and returns how many.
pub type Work<'w> = Box<dyn FnMut() -> usize + 'w>;

impl Budget {
    /// For what is different the second time.
    pub const ONE_ROUND: Budget = Budget {
        time: Duration::ZERO,
        rounds: 1,
        warms_up: false,
    };

    /// The least time of each work, in nanoseconds a connection. They take turns.
    pub fn least(&self, mut works: Vec<Work<'_>>) -> Vec<f64> {
        let mut least = vec![f64::INFINITY; works.len()];
        let time = self.time * works.len() as u32;
        let begun = Instant::now();
        let mut rounds = 0;
        while rounds < self.rounds || begun.elapsed() < time {
            for (work, least) in works.iter_mut().zip(&mut least) {
                if self.warms_up {
                    black_box(work());
                }
                let round = processor_time();
                let answered = black_box(work());
                let passed = (processor_time() - round).as_nanos() as f64;
                *least = least.min(passed / answered as f64);
            }
            rounds += 1;
        }
        least
    }
}

/// How long this thread has run.
pub fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // The clock counts up from 0.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

/// Asks for each connection when the one before is answered; returns how many are
/// allowed.
#[inline(never)]
pub fn dependent(connections: &[Connection], answer: impl Fn(&Connection) -> bool) -> usize {
    // Nothing, but the compiler cannot know.
    let nothing = black_box(0_usize);
    let (mut at, mut allowed) = (0, 0);
    while let Some(connection) = connections.get(at) {
        let verdict = usize::from(answer(connection));
        allowed += verdict;
        at += 1 + (verdict & nothing);
    }
    allowed
}

/// Asks for each connection; returns how many are allowed.
#[inline(never)]
pub fn back_to_back(connections: &[Connection], answer: impl Fn(&Connection) -> bool) -> usize {
    connections
        .iter()
        .filter(|connection| answer(connection))
        .count()
}

/// The time of groups of verdicts, one dependent on another.
#[derive(Debug, Clone, Copy)]
pub struct Percentiles {
    /// Half of the groups took at most this, in nanoseconds a verdict.
    pub p50: f64,
    /// 99 in 100.
    pub p99: f64,
    /// 999 in 1,000.
    pub p999: f64,
    /// What the clock cannot tell apart, in nanoseconds a verdict.
    pub resolution: f64,
}

/// How many verdicts are timed together.
pub const GROUP: usize = 8;

/// Times groups of [`GROUP`] dependent verdicts, and takes off what reading the clock
/// costs.
pub fn percentiles(
    connections: &[Connection],
    rounds: usize,
    answer: impl Fn(&Connection) -> bool,
) -> Percentiles {
    let clock = clock_cost();
    let mut times: Vec<u64> = Vec::with_capacity(rounds * connections.len() / GROUP);
    let (groups, _) = connections.as_chunks::<GROUP>();
    for _ in 0..rounds {
        for group in groups {
            let begun = Instant::now();
            black_box(dependent(group, &answer));
            times.push(begun.elapsed().as_nanos() as u64);
        }
    }
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        let time = times[index.min(times.len() - 1)];
        time.saturating_sub(clock) as f64 / GROUP as f64
    };
    Percentiles {
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        resolution: resolution() / GROUP as f64,
    }
}

/// What it takes to read the clock, in nanoseconds.
fn clock_cost() -> u64 {
    let mut times: Vec<u64> = (0..10_000)
        .map(|_| Instant::now().elapsed().as_nanos() as u64)
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// The least time apart from none that the clock tells, in nanoseconds.
fn resolution() -> f64 {
    let steps = (0..10_000).map(|_| {
        let begun = Instant::now();
        loop {
            let passed = begun.elapsed().as_nanos();
            if passed > 0 {
                break passed as f64;
            }
        }
    });
    let mut times: Vec<f64> = steps.collect();
    times.sort_unstable_by(f64::total_cmp);
    // What is left when reading it is taken off: the gap to the next larger time.
    let least = times[0];
    times
        .iter()
        .map(|time| time - least)
        .find(|gap| *gap > 0.0)
        .unwrap_or(least)
}
