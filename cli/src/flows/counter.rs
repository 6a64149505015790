//! Counting flows, by one thread or by several.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::thread;

use netpolicy::Protocol;

use super::{EndId, Ends, Flow, Flows, Record, Seen};

/// How many maps the counts are in. Those of several threads are joined map by map, by
/// as many threads.
const SHARDS: usize = 16;

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

/// How often each flow was seen.
#[derive(Default)]
pub(super) struct Counts {
    shards: [HashMap<Key, u64, ahash::RandomState>; SHARDS],
}

impl Counts {
    pub(super) fn add(&mut self, flow: &Flow) {
        let key = key_of(flow);
        // Low bits of both ends: one source or one destination may be in all flows.
        let shard = (flow.source.0 ^ flow.destination.0) as usize % SHARDS;
        let count = self.shards[shard].entry(key).or_default();
        *count = count.saturating_add(flow.count);
    }

    /// All flows that several counted, whose ends have one numbering.
    fn joined(all: Vec<Counts>) -> Vec<Flow> {
        let mut by_shard: [Vec<HashMap<Key, u64, ahash::RandomState>>; SHARDS] = Default::default();
        let workers = all.len();
        for counts in all {
            for (maps, map) in by_shard.iter_mut().zip(counts.shards) {
                maps.push(map);
            }
        }
        if workers <= 1 {
            return by_shard.into_iter().flat_map(join).collect();
        }
        let mut shares: Vec<Vec<_>> = Vec::new();
        shares.resize_with(workers, Vec::new);
        for (at, maps) in by_shard.into_iter().enumerate() {
            shares[at % workers].push(maps);
        }
        thread::scope(|scope| {
            let joins: Vec<_> = shares
                .into_iter()
                .map(|share| {
                    scope.spawn(|| share.into_iter().flat_map(join).collect::<Vec<Flow>>())
                })
                .collect();
            joins
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }
}

/// The flows of one shard.
fn join(maps: Vec<HashMap<Key, u64, ahash::RandomState>>) -> impl Iterator<Item = Flow> {
    let mut maps = maps.into_iter();
    let mut joined = maps.next().unwrap_or_default();
    for map in maps {
        for (key, n) in map {
            let count = joined.entry(key).or_default();
            *count = count.saturating_add(n);
        }
    }
    joined.into_iter().map(|(key, count)| flow_of(key, count))
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
            Ok(Record::Flow {
                source,
                destination,
                protocol,
                port,
                seen,
                count,
            }) => {
                let (source, destination) = (self.ends.id(source), self.ends.id(destination));
                self.counts.add(&Flow {
                    source,
                    destination,
                    protocol,
                    port,
                    seen,
                    count,
                });
            }
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
