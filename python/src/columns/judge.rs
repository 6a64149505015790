//! Rows to verdicts.

use std::net::{IpAddr, Ipv4Addr};

use arrow_array::RecordBatch;
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder};
use netpolicy::{Connection, Family, Image, Protocol, Verdict};

use super::plan::Plan;
use super::reasons::{ReasonKeys, Reasons};
use super::roles::Rows;

/// Rows that are read, judged and written at once: what fits the cache.
const CHUNK: usize = 1024;

/// What came out for some rows.
pub(super) struct Judged {
    pub(super) allowed: BooleanBufferBuilder,
    pub(super) known: NullBufferBuilder,
    /// Empty where nobody asked.
    pub(super) reasons: Vec<ReasonKeys>,
    /// Source and destination, as keys of the names; empty where nobody asked.
    pub(super) workloads: [Vec<Option<i32>>; 2],
}

impl Judged {
    pub(super) fn with_capacity(rows: usize) -> Judged {
        Judged {
            allowed: BooleanBufferBuilder::new(rows),
            known: NullBufferBuilder::new(rows),
            reasons: Vec::new(),
            workloads: [Vec::new(), Vec::new()],
        }
    }

    /// Puts the next rows behind these.
    pub(super) fn append(&mut self, mut next: Judged) {
        let rows = next.allowed.len();
        self.allowed.append_buffer(&next.allowed.finish());
        match next.known.finish() {
            Some(known) => self.known.append_buffer(&known),
            None => self.known.append_n_non_nulls(rows),
        }
        self.reasons.append(&mut next.reasons);
        for (ours, theirs) in self.workloads.iter_mut().zip(&mut next.workloads) {
            ours.append(theirs);
        }
    }
}

/// Stands in rows that ask nothing.
const NO_QUESTION: Connection = Connection {
    source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    destination: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    protocol: Protocol(0),
    port: 0,
};

/// The cells of a chunk, used again for the next.
struct Chunk {
    source: [Option<IpAddr>; CHUNK],
    destination: [Option<IpAddr>; CHUNK],
    protocol: [Option<Protocol>; CHUNK],
    port: [Option<u16>; CHUNK],
    connections: [Connection; CHUNK],
    known: [bool; CHUNK],
    verdicts: [Verdict; CHUNK],
}

impl Chunk {
    fn new() -> Box<Chunk> {
        Box::new(Chunk {
            source: [None; CHUNK],
            destination: [None; CHUNK],
            protocol: [None; CHUNK],
            port: [None; CHUNK],
            connections: [NO_QUESTION; CHUNK],
            known: [false; CHUNK],
            verdicts: [Verdict::DENY; CHUNK],
        })
    }

    /// Reads and judges `len` rows.
    fn judge(&mut self, image: &Image<'_>, rows: &Rows<'_>, first: usize, len: usize) {
        rows.source.read(first, &mut self.source[..len]);
        rows.destination.read(first, &mut self.destination[..len]);
        rows.protocol.read(first, &mut self.protocol[..len]);
        rows.port.read(first, &mut self.port[..len]);
        for row in 0..len {
            let question = question(
                self.source[row],
                self.destination[row],
                self.protocol[row],
                self.port[row],
            );
            self.known[row] = question.is_some();
            self.connections[row] = question.unwrap_or(NO_QUESTION);
        }
        image.verdicts(&self.connections[..len], &mut self.verdicts[..len]);
    }
}

/// The connection of a row, if each part of it is there and fits.
#[inline]
fn question(
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    protocol: Option<Protocol>,
    port: Option<u16>,
) -> Option<Connection> {
    let (source, destination, protocol) = (source?, destination?, protocol?);
    // Families do not talk to each other: one question at a time, that is an error.
    if Family::of(source) != Family::of(destination) {
        return None;
    }
    Some(Connection {
        source,
        destination,
        protocol,
        port: if protocol.has_ports() { port? } else { 0 },
    })
}

/// Judges every row of a batch.
pub(super) fn judge(plan: &Plan, batch: &RecordBatch) -> pyo3::PyResult<Judged> {
    let image = plan.image();
    let rows = plan.roles.rows(batch)?;
    let mut judged = Judged::with_capacity(batch.num_rows());
    let mut chunk = Chunk::new();
    let mut memory = plan
        .reasons
        .as_ref()
        .map(Reasons::memory)
        .unwrap_or_default();
    for first in (0..batch.num_rows()).step_by(CHUNK) {
        let len = CHUNK.min(batch.num_rows() - first);
        chunk.judge(image, &rows, first, len);
        for row in 0..len {
            let known = chunk.known[row];
            judged.known.append(known);
            judged
                .allowed
                .append(known && chunk.verdicts[row].is_allowed());
        }
        let answered = || {
            let rows = chunk
                .connections
                .iter()
                .zip(&chunk.verdicts)
                .zip(&chunk.known);
            rows.take(len)
                .map(|((connection, verdict), known)| known.then_some((connection, *verdict)))
        };
        if let Some(reasons) = &plan.reasons {
            judged.reasons.extend(answered().map(|row| match row {
                Some((connection, verdict)) => {
                    reasons.keys(image, connection, verdict, &mut memory)
                }
                None => ReasonKeys::NONE,
            }));
        }
        if let Some(workloads) = &plan.workloads {
            let [source, destination] = &mut judged.workloads;
            for row in answered() {
                let key = |address| workloads.key(image, address);
                source.push(row.and_then(|(connection, _)| key(connection.source)));
                destination.push(row.and_then(|(connection, _)| key(connection.destination)));
            }
        }
    }
    if let Some(reasons) = &plan.reasons {
        reasons.give_back(memory);
    }
    Ok(judged)
}
