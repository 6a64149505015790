//! Observed flows, from the formats in which they are recorded.
//!
//! Flows are counted by who, to whom, protocol and destination port; the same flow
//! seen a million times is one [`Flow`] with a count.

mod conntrack;
mod ends;
mod json;
#[cfg(feature = "parquet")]
mod parquet;
mod table;
mod vpc;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use netpolicy::Protocol;

pub(crate) use ends::{EndId, Ends, FlowEnd};

use crate::progress;

/// Where flows are, and how they are recorded.
#[derive(clap::Args)]
pub(crate) struct FlowFile {
    /// The flows; - for standard input
    #[arg(long, value_name = "FILE")]
    flows: PathBuf,

    /// How they are recorded, where that cannot be seen
    #[arg(long, value_enum)]
    format: Option<FlowFormat>,
}

impl FlowFile {
    /// Reads them.
    pub(crate) fn read(&self) -> Result<Flows> {
        read(&self.flows, self.format)
    }
}

/// How flows are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FlowFormat {
    /// A header, with source, destination, protocol and port, and perhaps count
    Csv,
    /// An object with the same names on each line
    Jsonl,
    /// Columns with the same names
    Parquet,
    /// `hubble observe -o json`
    Hubble,
    /// `conntrack -L`
    Conntrack,
    /// VPC flow log records
    Vpc,
}

/// The same connection, seen `count` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) source: EndId,
    pub(crate) destination: EndId,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    pub(crate) count: u64,
}

/// All flows of a file.
pub(crate) struct Flows {
    pub(crate) ends: Ends,
    pub(crate) all: Vec<Flow>,
    /// Records that are no connections: replies, denied or dropped packets, headers.
    pub(crate) skipped: u64,
    /// Records that could not be read, with the first few reasons.
    pub(crate) unreadable: u64,
    pub(crate) problems: Vec<String>,
}

/// What a record is.
pub(crate) enum Record {
    Flow {
        source: FlowEnd,
        destination: FlowEnd,
        protocol: Protocol,
        port: u16,
        count: u64,
    },
    /// Something that opens no connection.
    Other,
}

/// Counts flows as they are read.
#[derive(Default)]
pub(crate) struct Counter {
    ends: Ends,
    counts: std::collections::HashMap<(EndId, EndId, u8, u16), u64, ahash::RandomState>,
    skipped: u64,
    unreadable: u64,
    problems: Vec<String>,
}

impl Counter {
    /// Adds a record, or why it could not be read.
    fn add(&mut self, place: impl FnOnce() -> String, record: Result<Record, String>) {
        match record {
            Ok(Record::Flow {
                source,
                destination,
                protocol,
                port,
                count,
            }) => {
                let (source, destination) = (self.ends.id(source), self.ends.id(destination));
                self.count(source, destination, protocol, port, count);
            }
            Ok(Record::Other) => self.skipped += 1,
            Err(problem) => self.refuse(|| format!("{}: {problem}", place())),
        }
    }

    fn count(&mut self, source: EndId, destination: EndId, protocol: Protocol, port: u16, n: u64) {
        // The port of what has none would tell flows apart that are the same.
        let port = if protocol.has_ports() { port } else { 0 };
        *self
            .counts
            .entry((source, destination, protocol.0, port))
            .or_default() += n;
    }

    fn refuse(&mut self, problem: impl FnOnce() -> String) {
        const FEW: usize = 5;
        self.unreadable += 1;
        if self.problems.len() < FEW {
            self.problems.push(problem());
        }
    }

    /// Takes in what another counted.
    #[cfg(feature = "parquet")]
    fn merge(&mut self, other: Counter) {
        let ids: Vec<EndId> = other
            .ends
            .all()
            .iter()
            .map(|end| self.ends.id(end.clone()))
            .collect();
        for ((source, destination, protocol, port), n) in other.counts {
            let at = |id: EndId| ids.get(id.0 as usize).copied();
            if let (Some(source), Some(destination)) = (at(source), at(destination)) {
                self.count(source, destination, Protocol(protocol), port, n);
            }
        }
        self.skipped += other.skipped;
        self.unreadable += other.unreadable;
        self.problems.extend(other.problems);
        self.problems.truncate(5);
    }

    fn finish(self) -> Flows {
        let mut all: Vec<Flow> = self
            .counts
            .into_iter()
            .map(|((source, destination, protocol, port), count)| Flow {
                source,
                destination,
                protocol: Protocol(protocol),
                port,
                count,
            })
            .collect();
        all.sort_unstable_by_key(|flow| (flow.source, flow.destination, flow.protocol, flow.port));
        Flows {
            ends: self.ends,
            all,
            skipped: self.skipped,
            unreadable: self.unreadable,
            problems: self.problems,
        }
    }
}

/// Reads a file of flows; `-` is standard input.
fn read(path: &Path, format: Option<FlowFormat>) -> Result<Flows> {
    let name = path.display().to_string();
    progress::say(&format!("reading {name}"));
    let flows = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        read_text(&name, &mut bytes.as_slice(), format)?
    } else {
        let mut file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        let mut magic = [0; 4];
        let is_parquet = file.read_exact(&mut magic).is_ok() && magic == *b"PAR1";
        file.rewind()?;
        if is_parquet || format == Some(FlowFormat::Parquet) {
            read_parquet(&file).with_context(|| name.clone())?
        } else {
            read_text(&name, &mut BufReader::new(file), format)?
        }
    };
    progress::clear();
    for problem in &flows.problems {
        eprintln!("warning: {problem}");
    }
    if flows.all.is_empty() {
        bail!(
            "{name}: no flows: {} records were passed over, {} could not be read",
            flows.skipped,
            flows.unreadable
        );
    }
    Ok(flows)
}

#[cfg(feature = "parquet")]
fn read_parquet(file: &File) -> Result<Flows> {
    Ok(parquet::read(file)?.finish())
}

#[cfg(not(feature = "parquet"))]
fn read_parquet(_: &File) -> Result<Flows> {
    bail!("this netpolicy was built without Parquet: build it with the feature parquet")
}

fn read_text(name: &str, text: &mut dyn BufRead, format: Option<FlowFormat>) -> Result<Flows> {
    let mut counter = Counter::default();
    let start = String::from_utf8_lossy(text.fill_buf()?).into_owned();
    let Some(format) = format.or_else(|| guess(&start)) else {
        bail!("{name}: not a known record of flows: say which with --format");
    };
    if format == FlowFormat::Csv {
        table::read(name, text, &mut counter)?;
        return Ok(counter.finish());
    }
    let mut vpc = vpc::Columns::default();
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        if text.read_line(&mut line)? == 0 {
            break;
        }
        if number % (1 << 20) == 0 {
            progress::say(&format!("reading {name}, line {number}"));
        }
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        let record = match format {
            FlowFormat::Conntrack => conntrack::record(text),
            FlowFormat::Vpc => vpc.record(text),
            FlowFormat::Hubble => json::hubble(text),
            FlowFormat::Jsonl | FlowFormat::Csv | FlowFormat::Parquet => json::plain(text),
        };
        counter.add(|| format!("{name}:{number}"), record);
    }
    Ok(counter.finish())
}

/// The format that a text begins like.
fn guess(start: &str) -> Option<FlowFormat> {
    let line = start.lines().find(|line| !line.trim().is_empty())?;
    let line = line.trim();
    if line.starts_with('{') {
        let is_hubble = ["\"flow\"", "\"l4\"", "\"IP\""];
        return Some(if is_hubble.iter().any(|key| line.contains(key)) {
            FlowFormat::Hubble
        } else {
            FlowFormat::Jsonl
        });
    }
    if line.contains(" src=") && line.contains(" dst=") {
        return Some(FlowFormat::Conntrack);
    }
    let words = line.split_ascii_whitespace();
    if line.contains("srcaddr") && !line.contains(',') || words.count() >= 14 {
        return Some(FlowFormat::Vpc);
    }
    line.contains(',').then_some(FlowFormat::Csv)
}

/// A protocol by name or number.
fn protocol(text: &str) -> Result<Protocol, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("{text:?} is no protocol: use TCP, UDP, SCTP, ICMP, or a number"))
}

/// A port, if the protocol has any.
fn port(protocol: Protocol, text: Option<&str>) -> Result<u16, String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    match (protocol.has_ports(), text) {
        (false, _) => Ok(0),
        (true, Some(text)) => text.parse().map_err(|_| format!("{text:?} is no port")),
        (true, None) => Err(format!("{protocol} needs a port")),
    }
}

#[cfg(test)]
mod tests;
