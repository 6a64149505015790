//! Counting flows, by one thread or by several.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::thread;

use netpolicy::Protocol;

use super::{EndId, Ends, Flow, Flows, Record, Seen};

/// How many maps the counts are in. Those of several threads are joined map by map, by
/// as many threads.
const SHARDS: usize = 64;

/// How many flows wait for their shard. Each map is small enough to be near while so
/// many are counted; one large map would be asked at another far place for each.
const WAITING: usize = 1 << 12;

/// The ends, and the rest of what tells flows apart, in two words that hash fast.
type Key = (u64, u32);

fn key_of(flow: &Flow) -> Key {
    // The port of what has none would tell flows apart that are the same.
    let port = if flow.protocol.has_ports() {
        flow.port
    } else {
        0
    };
    let ends = u64::from(flow.source.0) << 32 | u64::from(flow.destination.0);
    let [high, low] = port.to_be_bytes();
    let seen = match flow.seen {
        Seen::Passed => 0,
        Seen::Denied => 1,
    };
    (ends, u32::from_be_bytes([flow.protocol.0, high, low, seen]))
}

fn flow_of((ends, rest): Key, count: u64) -> Flow {
    let [protocol, high, low, seen] = rest.to_be_bytes();
    Flow {
        source: EndId((ends >> 32) as u32),
        destination: EndId(ends as u32),
        protocol: Protocol(protocol),
        port: u16::from_be_bytes([high, low]),
        seen: if seen == 0 {
            Seen::Passed
        } else {
            Seen::Denied
        },
        count,
    }
}

/// Some of the flows, and how often each was seen.
#[derive(Default)]
struct Shard {
    waiting: Vec<(Key, u64)>,
    counts: HashMap<Key, u64, ahash::RandomState>,
}

impl Shard {
    fn count_waiting(&mut self) {
        for (key, n) in self.waiting.drain(..) {
            let count = self.counts.entry(key).or_default();
            *count = count.saturating_add(n);
        }
    }

    /// The flows of one shard that several counted.
    fn joined(shards: Vec<Shard>) -> impl Iterator<Item = Flow> {
        let mut shards = shards.into_iter();
        let mut joined = shards.next().unwrap_or_default();
        joined.count_waiting();
        for mut shard in shards {
            shard.count_waiting();
            joined.waiting.extend(shard.counts);
            joined.count_waiting();
        }
        let counts = joined.counts.into_iter();
        counts.map(|(key, count)| flow_of(key, count))
    }
}

/// How often each flow was seen.
pub(super) struct Counts {
    shards: Vec<Shard>,
}

impl Default for Counts {
    fn default() -> Counts {
        let mut shards = Vec::new();
        shards.resize_with(SHARDS, Shard::default);
        Counts { shards }
    }
}

impl Counts {
    pub(super) fn add(&mut self, flow: &Flow) {
        // Low bits of both ends: one source or one destination may be in all flows.
        let shard = (flow.source.0 ^ flow.destination.0) as usize % SHARDS;
        let shard = &mut self.shards[shard];
        shard.waiting.push((key_of(flow), flow.count));
        if shard.waiting.len() == WAITING {
            shard.count_waiting();
        }
    }

    /// All flows that several counted, whose ends have one numbering.
    fn joined(all: Vec<Counts>) -> Vec<Flow> {
        let workers = all.len().max(1);
        let mut by_shard: Vec<Vec<Shard>> = Vec::new();
        by_shard.resize_with(SHARDS, Vec::new);
        for counts in all {
            for (same, shard) in by_shard.iter_mut().zip(counts.shards) {
                same.push(shard);
            }
        }
        let mut shares: Vec<Vec<Vec<Shard>>> = Vec::new();
        shares.resize_with(workers, Vec::new);
        for (at, shards) in by_shard.into_iter().enumerate() {
            shares[at % workers].push(shards);
        }
        let join = |share: Vec<Vec<Shard>>| share.into_iter().flat_map(Shard::joined).collect();
        thread::scope(|scope| {
            let threads: Vec<_> = shares
                .into_iter()
                .map(|share| scope.spawn(move || -> Vec<Flow> { join(share) }))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }
}

/// Records that are no flows.
#[derive(Default)]
pub(super) struct Rest {
    skipped: u64,
    unreadable: u64,
    /// Why, for the first few of those that could not be read, by their place.
    problems: Vec<(u64, String)>,
}

impl Rest {
    const FEW: usize = 5;

    pub(super) fn skip(&mut self, records: u64) {
        self.skipped += records;
    }

    /// Counts what cannot be read, which stands at this place: a line or row.
    pub(super) fn refuse(&mut self, place: u64, problem: impl FnOnce() -> String) {
        self.unreadable += 1;
        if self.problems.len() < Rest::FEW {
            self.problems.push((place, problem()));
        }
    }

    fn take_in(&mut self, other: Rest) {
        self.skipped += other.skipped;
        self.unreadable += other.unreadable;
        self.problems.extend(other.problems);
        self.problems.sort();
        self.problems.truncate(Rest::FEW);
    }
}

/// Counts the flows of a text as its records are read.
#[derive(Default)]
pub(super) struct Counter {
    pub(super) ends: Ends,
    counts: Counts,
    pub(super) rest: Rest,
}

impl Counter {
    /// Adds the record at a place, or why it could not be read.
    pub(super) fn add(&mut self, place: u64, record: Result<Record, String>) {
        match record {
            Ok(Record::Flow(flow)) => self.counts.add(&self.ends.numbered(flow)),
            Ok(Record::Other) => self.rest.skip(1),
            Err(problem) => self.rest.refuse(place, || problem),
        }
    }

    /// All flows.
    pub(super) fn finish(self, name: &str, unit: &str) -> Flows {
        finish(self.ends, vec![(self.counts, self.rest)], name, unit)
    }
}

/// What several counted, with one numbering of ends. The order of flows is that of their
/// ends, whoever met them first.
pub(super) fn finish(ends: Ends, parts: Vec<(Counts, Rest)>, name: &str, unit: &str) -> Flows {
    let mut rest = Rest::default();
    let mut counts = Vec::new();
    for (part, part_rest) in parts {
        counts.push(part);
        rest.take_in(part_rest);
    }
    let (ends, numbers) = ends.sorted();
    let number = |id: EndId| numbers.get(id.0 as usize).copied().unwrap_or(id);
    let mut all = Counts::joined(counts);
    for flow in &mut all {
        flow.source = number(flow.source);
        flow.destination = number(flow.destination);
    }
    all.sort_unstable_by_key(key_of);
    let problems = rest.problems.into_iter();
    Flows {
        ends,
        all,
        skipped: rest.skipped,
        unreadable: rest.unreadable,
        problems: problems
            .map(|(place, problem)| format!("{name}:{unit}{place}: {problem}"))
            .collect(),
    }
}
