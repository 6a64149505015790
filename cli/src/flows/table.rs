//! Flows as CSV.

use std::io::BufRead;

use anyhow::{Result, bail};

use super::{Counter, FlowEnd, Record, port, protocol};

/// What the columns may be called.
pub(super) const SOURCE: &[&str] = &["source", "src", "src_ip", "source_ip", "srcaddr", "from"];
pub(super) const DESTINATION: &[&str] = &[
    "destination",
    "dst",
    "dst_ip",
    "destination_ip",
    "dstaddr",
    "to",
];
pub(super) const PROTOCOL: &[&str] = &["protocol", "proto"];
pub(super) const PORT: &[&str] = &["port", "dst_port", "destination_port", "dport", "dstport"];
pub(super) const COUNT: &[&str] = &["count", "flows", "n"];

pub(super) fn read(name: &str, text: &mut dyn BufRead, counter: &mut Counter) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text);
    let header = reader.headers()?.clone();
    let column = |names: &[&str]| {
        let is_called = |title: &str| names.iter().any(|name| title.eq_ignore_ascii_case(name));
        header.iter().position(is_called)
    };
    let (Some(source), Some(destination)) = (column(SOURCE), column(DESTINATION)) else {
        bail!("{name}: the header names no columns source and destination");
    };
    let (protocol_at, port_at, count_at) = (column(PROTOCOL), column(PORT), column(COUNT));
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) => {
                counter.refuse(|| format!("{name}: {error}"));
                continue;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let field = |at: Option<usize>| at.and_then(|at| record.get(at));
        let parsed = parse(
            field(Some(source)),
            field(Some(destination)),
            field(protocol_at),
            field(port_at),
            field(count_at),
        );
        counter.add(|| format!("{name}:{line}"), parsed);
    }
}

/// A record from its fields as text.
pub(super) fn parse(
    source: Option<&str>,
    destination: Option<&str>,
    protocol_text: Option<&str>,
    port_text: Option<&str>,
    count: Option<&str>,
) -> Result<Record, String> {
    let protocol = protocol(
        protocol_text
            .filter(|text| !text.is_empty())
            .unwrap_or("TCP"),
    )?;
    let count = match count.filter(|text| !text.is_empty()) {
        Some(text) => text
            .parse()
            .map_err(|_| format!("{text:?} is no number of flows"))?,
        None => 1,
    };
    Ok(Record::Flow {
        source: FlowEnd::parse(source.ok_or("no source")?)?,
        destination: FlowEnd::parse(destination.ok_or("no destination")?)?,
        protocol,
        port: port(protocol, port_text)?,
        count,
    })
}
