//! Observed flows, from the formats in which they are recorded.
//!
//! Flows are counted by who, to whom, protocol and destination port; the same flow
//! seen a million times is one [`Flow`] with a count.

mod conntrack;
mod counter;
mod ends;
mod json;
mod lines;
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

pub(crate) use ends::{EndId, FlowEnd};

use counter::Counter;
use ends::Ends;
use lines::{BOM, Lines};

use crate::progress;
use crate::words::{counted, was};

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

/// The same connection, seen `count` times; its ends are numbered, or as they were
/// written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow<End = EndId> {
    pub(crate) source: End,
    pub(crate) destination: End,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    pub(crate) seen: Seen,
    pub(crate) count: u64,
}

/// What became of a connection where it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Passed,
    /// It was dropped or rejected: somebody tried.
    Denied,
}

/// All flows of a file.
pub(crate) struct Flows {
    /// The ends, by [`EndId`].
    pub(crate) ends: Vec<FlowEnd>,
    pub(crate) all: Vec<Flow>,
    /// Records that open no connection: replies, headers, other events.
    pub(crate) skipped: u64,
    /// Records that could not be read, with the first few reasons.
    pub(crate) unreadable: u64,
    pub(crate) problems: Vec<String>,
}

impl Flows {
    /// How many flows of this kind were seen.
    pub(crate) fn count(&self, seen: Seen) -> u64 {
        let flows = self.all.iter().filter(|flow| flow.seen == seen);
        flows.fold(0, |sum, flow| sum.saturating_add(flow.count))
    }

    /// What was not read as flows, in words; `None` where everything was.
    pub(crate) fn left_out(&self) -> Option<String> {
        let skipped = match self.skipped {
            0 => None,
            n => Some(format!(
                "{} that {} no connection {} passed over",
                counted(n, "record"),
                if n == 1 { "opens" } else { "open" },
                was(n)
            )),
        };
        let unreadable = match self.unreadable {
            0 => None,
            n => Some(format!("{} could not be read", counted(n, "record"))),
        };
        let parts: Vec<String> = [skipped, unreadable].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// What a record is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Flow(Flow<FlowEnd>),
    /// Something that opens no connection.
    Other,
}

/// How files of Parquet begin.
const PARQUET: [u8; 4] = *b"PAR1";

/// Reads a file of flows; `-` is standard input.
fn read(path: &Path, format: Option<FlowFormat>) -> Result<Flows> {
    let name = path.display().to_string();
    progress::say(&format!("reading {name}"));
    let flows = if path == Path::new("-") {
        read_stream(&name, &mut std::io::stdin().lock(), format)?
    } else {
        let is_file = is_file(path)?;
        let mut file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        if is_file {
            read_file(&name, path, file, format)?
        } else {
            read_stream(&name, &mut file, format)?
        }
    };
    progress::clear();
    for problem in &flows.problems {
        eprintln!("warning: {problem}");
    }
    if flows.all.is_empty() {
        bail!(
            "{name}: no flows: {} {} passed over, {} could not be read",
            counted(flows.skipped, "record"),
            was(flows.skipped),
            flows.unreadable
        );
    }
    Ok(flows)
}

/// Whether a path is a file that can be rewound, and not a pipe.
fn is_file(path: &Path) -> Result<bool> {
    let metadata = path.metadata();
    let metadata = metadata.with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_dir() {
        bail!(
            "{} is a folder: give the files of flows in it one by one",
            path.display()
        );
    }
    Ok(metadata.is_file())
}

/// Reads what can be rewound.
fn read_file(name: &str, path: &Path, mut file: File, format: Option<FlowFormat>) -> Result<Flows> {
    let mut magic = [0; PARQUET.len()];
    let is_parquet = file.read_exact(&mut magic).is_ok() && magic == PARQUET;
    if format == Some(FlowFormat::Parquet) || (format.is_none() && is_parquet) {
        return parquet::read_file(name, path).with_context(|| name.to_owned());
    }
    file.rewind()?;
    read_text(name, &mut BufReader::new(file), format)
}

/// How much of a text has to be there to tell its format.
const START: u64 = 1 << 16;

/// Reads what cannot be rewound.
fn read_stream(name: &str, stream: &mut dyn Read, format: Option<FlowFormat>) -> Result<Flows> {
    let mut start = Vec::new();
    stream
        .take(START)
        .read_to_end(&mut start)
        .with_context(|| format!("cannot read {name}"))?;
    if format == Some(FlowFormat::Parquet) || (format.is_none() && start.starts_with(&PARQUET)) {
        // Its account of itself is at the end, so all of it has to be there.
        stream
            .read_to_end(&mut start)
            .with_context(|| format!("cannot read {name}"))?;
        return parquet::read_bytes(name, start).with_context(|| name.to_owned());
    }
    let text = start.as_slice().chain(stream);
    read_text(
        name,
        &mut BufReader::with_capacity(START as usize, text),
        format,
    )
}

/// What stands in for the reader of Parquet where it was left out.
#[cfg(not(feature = "parquet"))]
mod parquet {
    use std::path::Path;

    use anyhow::{Result, bail};

    use super::Flows;

    pub(super) fn read_file(_: &str, _: &Path) -> Result<Flows> {
        bail!("this netpolicy was built without Parquet: build it with the feature parquet")
    }

    pub(super) fn read_bytes(name: &str, _: Vec<u8>) -> Result<Flows> {
        read_file(name, Path::new(""))
    }
}

fn read_text(name: &str, text: &mut dyn BufRead, format: Option<FlowFormat>) -> Result<Flows> {
    let start = String::from_utf8_lossy(text.fill_buf()?).into_owned();
    let Some(format) = format.or_else(|| guess(&start)) else {
        bail!("{name}: not a known record of flows: say which with --format");
    };
    let mut counter = Counter::default();
    let is_json = matches!(format, FlowFormat::Jsonl | FlowFormat::Hubble);
    if is_json && start.trim_start_matches(BOM).trim_start().starts_with('[') {
        json::read_array(text, format, &mut counter)
            .with_context(|| format!("cannot read {name}"))?;
        return Ok(counter.finish(name, "record "));
    }
    let mut lines = Lines::new(name, text);
    match format {
        FlowFormat::Csv => table::read(&mut lines, &mut counter)?,
        FlowFormat::Vpc => vpc::read(&mut lines, &mut counter)?,
        FlowFormat::Conntrack => lines.count(&mut counter, conntrack::record)?,
        FlowFormat::Hubble => {
            lines.count(&mut counter, |line| json::hubble(&json::value(line)?))?;
        }
        FlowFormat::Jsonl => lines.count(&mut counter, |line| json::plain(&json::value(line)?))?,
        FlowFormat::Parquet => bail!("{name}: this is text, not Parquet"),
    }
    Ok(counter.finish(name, ""))
}

/// The format that a text begins like.
fn guess(start: &str) -> Option<FlowFormat> {
    let mut lines = start.trim_start_matches(BOM).lines();
    let line = lines.find(|line| !line.trim().is_empty())?.trim();
    if line.starts_with(['{', '[']) {
        // An array may be on many lines.
        let text = if line.starts_with('[') { start } else { line };
        let is_hubble = ["\"flow\"", "\"l4\"", "\"IP\""];
        return Some(if is_hubble.iter().any(|key| text.contains(key)) {
            FlowFormat::Hubble
        } else {
            FlowFormat::Jsonl
        });
    }
    if line.contains(" src=") && line.contains(" dst=") || line.starts_with(conntrack::BANNER) {
        return Some(FlowFormat::Conntrack);
    }
    let words = line.split_ascii_whitespace();
    if line.contains("srcaddr") && !line.contains(',') || words.count() >= 14 {
        return Some(FlowFormat::Vpc);
    }
    table::delimiter(line).map(|_| FlowFormat::Csv)
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
        (true, Some(text)) => match text.parse() {
            // No connection goes to port 0.
            Err(_) | Ok(0) => Err(format!("{text:?} is no port")),
            Ok(port) => Ok(port),
        },
        (true, None) => Err(format!("{protocol} needs a port")),
    }
}

#[cfg(test)]
mod tests;
