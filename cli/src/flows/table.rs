//! Flows as CSV.

use anyhow::{Result, anyhow, bail};

use super::{Counter, Flow, FlowEnd, Lines, Record, Seen, port, protocol};

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

/// What parts the columns of a header, if it has more than one.
pub(super) fn delimiter(header: &str) -> Option<char> {
    let count = |delimiter: &char| header.matches(*delimiter).count();
    let most = [',', ';', '\t'].into_iter().rev().max_by_key(count)?;
    (count(&most) != 0).then_some(most)
}

/// Reads a header and its records. A record is a line: no end of a flow has a line
/// break in its name.
pub(super) fn read(lines: &mut Lines<'_>, counter: &mut Counter) -> Result<()> {
    let Some((_, header)) = lines.next()? else {
        return Ok(());
    };
    let header = header.map_err(|problem| anyhow!("the header: {problem}"))?;
    let delimiter = delimiter(header).unwrap_or(',');
    let mut fields = Fields::new(delimiter as u8);
    fields.split(header);
    let column = |names: &[&str]| {
        let is_called = |title: &str| names.iter().any(|name| title.eq_ignore_ascii_case(name));
        (0..fields.len()).find(|at| fields.get(*at).is_some_and(is_called))
    };
    let columns = [SOURCE, DESTINATION, PROTOCOL, PORT, COUNT].map(column);
    if columns[0].is_none() || columns[1].is_none() {
        bail!(
            "{}: the header names no columns source and destination",
            lines.name()
        );
    }
    lines.count(counter, |line| {
        fields.split(line);
        let [source, destination, protocol, port, count] =
            columns.map(|at| at.and_then(|at| fields.get(at)));
        parse(source, destination, protocol, port, count)
    })
}

/// The fields of a line.
struct Fields {
    reader: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    len: usize,
}

impl Fields {
    fn new(delimiter: u8) -> Fields {
        Fields {
            reader: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            text: Vec::new(),
            ends: Vec::new(),
            len: 0,
        }
    }

    fn split(&mut self, line: &str) {
        self.reader.reset();
        // No field is longer than the line, and no line has more fields than bytes.
        self.text.resize(line.len(), 0);
        self.ends.resize(line.len() + 1, 0);
        let (_, _, written, mut len) =
            self.reader
                .read_record(line.as_bytes(), &mut self.text, &mut self.ends);
        // The end of the line, which ends the last field.
        let rest = (&mut self.text[written..], &mut self.ends[len..]);
        len += self.reader.read_record(&[], rest.0, rest.1).3;
        self.len = len;
    }

    fn len(&self) -> usize {
        self.len
    }

    fn get(&self, at: usize) -> Option<&str> {
        let ends = self.ends.get(..self.len)?;
        let first = match at.checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => 0,
        };
        let field = self.text.get(first..*ends.get(at)?)?;
        // Quotes are bytes of their own, so parts of text are text.
        str::from_utf8(field).ok().map(str::trim)
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
    Ok(Record::Flow(Flow {
        source: FlowEnd::parse(source.ok_or("no source")?)?,
        destination: FlowEnd::parse(destination.ok_or("no destination")?)?,
        protocol,
        port: port(protocol, port_text)?,
        seen: Seen::Passed,
        count,
    }))
}
