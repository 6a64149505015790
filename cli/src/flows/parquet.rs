//! Flows as Parquet: a thread for each processor, each with row groups of its own.
//!
//! Ends are strings (best as a dictionary: each distinct one is read once for a row
//! group), or IPv4 addresses as unsigned numbers; protocols names or numbers.

use std::collections::HashMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, UInt32Type,
};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use netpolicy::Protocol;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::reader::ChunkReader;

use super::counter::{Counts, Rest, finish};
use super::table::{COUNT, DESTINATION, PORT, PROTOCOL, SOURCE};
use super::{EndId, Ends, Flow, FlowEnd, Flows, Seen, protocol};

const BATCH: usize = 1 << 16;

/// Reads a file.
pub(super) fn read_file(name: &str, path: &Path) -> Result<Flows> {
    // Each worker opens the file for itself: duplicates of one descriptor have one
    // place in the file, which another worker would move.
    read(name, workers(), || {
        File::open(path).with_context(|| format!("cannot read {name}"))
    })
}

/// Reads what is in memory.
pub(super) fn read_bytes(name: &str, bytes: Vec<u8>) -> Result<Flows> {
    let bytes = Bytes::from(bytes);
    read(name, workers(), || Ok(bytes.clone()))
}

fn workers() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn read<R: ChunkReader + 'static>(
    name: &str,
    workers: usize,
    open: impl Fn() -> Result<R> + Sync,
) -> Result<Flows> {
    let metadata = with_dictionaries(&open()?)?;
    let groups = metadata.metadata().row_groups();
    let first_rows: Vec<u64> = groups
        .iter()
        .scan(0, |next, group| {
            let first = *next;
            *next += u64::try_from(group.num_rows()).unwrap_or(0);
            Some(first)
        })
        .collect();
    let columns = Columns::new(metadata.schema())?;
    let ends = Mutex::new(Ends::default());
    let next = AtomicUsize::new(0);
    let work = || -> Result<(Counts, Rest)> {
        let mut worker = Worker::new(&ends);
        loop {
            let group = next.fetch_add(1, Ordering::Relaxed);
            let Some(first_row) = first_rows.get(group) else {
                return Ok((worker.counts, worker.rest));
            };
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(open()?, metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), columns.all());
            let reader = builder
                .with_row_groups(vec![group])
                .with_projection(mask)
                .with_batch_size(BATCH)
                .build()?;
            let mut row = *first_row;
            for batch in reader {
                let batch = batch?;
                worker.count(&batch, metadata.schema(), &columns, row)?;
                row += batch.num_rows() as u64;
            }
        }
    };
    let parts = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.min(groups.len().max(1)))
            .map(|_| scope.spawn(work))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect::<Result<Vec<_>>>()
    })?;
    let ends = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(finish(ends, parts, name, "row "))
}

/// What the file says of itself, with strings as dictionaries, which is how they are
/// written most of the time, and how each need be looked at only once.
fn with_dictionaries<R: ChunkReader>(file: &R) -> Result<ArrowReaderMetadata> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let fields = metadata.schema().fields().iter().map(|field| {
        if is_text(field.data_type()) {
            let field = field.as_ref().clone();
            Arc::new(field.with_data_type(dictionary()))
        } else {
            field.clone()
        }
    });
    let schema = Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        metadata.schema().metadata().clone(),
    );
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    Ok(ArrowReaderMetadata::try_new(
        metadata.metadata().clone(),
        options,
    )?)
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Where the columns are, in the file.
struct Columns {
    source: usize,
    destination: usize,
    protocol: Option<usize>,
    port: Option<usize>,
    count: Option<usize>,
}

impl Columns {
    fn new(schema: &SchemaRef) -> Result<Columns> {
        let fields = schema.fields();
        let column = |names: &[&str]| {
            fields.iter().position(|field| {
                let mut names = names.iter();
                names.any(|name| field.name().eq_ignore_ascii_case(name))
            })
        };
        let (Some(source), Some(destination)) = (column(SOURCE), column(DESTINATION)) else {
            bail!("no columns source and destination");
        };
        Ok(Columns {
            source,
            destination,
            protocol: column(PROTOCOL),
            port: column(PORT),
            count: column(COUNT),
        })
    }

    fn all(&self) -> Vec<usize> {
        let mut all = vec![self.source, self.destination];
        all.extend([self.protocol, self.port, self.count].into_iter().flatten());
        all
    }
}

/// A column, row by row; `None` where it cannot be read.
type Cells<T> = Vec<Option<T>>;

/// What one thread counts.
struct Worker<'a> {
    /// Those of all threads.
    ends: &'a Mutex<Ends>,
    names: HashMap<String, Option<EndId>, ahash::RandomState>,
    v4: HashMap<u32, EndId, ahash::RandomState>,
    /// The values of the dictionaries of sources and destinations, and what they are:
    /// those of the next batch are mostly the same.
    last: [Option<(ArrayRef, Cells<EndId>)>; 2],
    counts: Counts,
    rest: Rest,
}

impl Worker<'_> {
    fn new(ends: &Mutex<Ends>) -> Worker<'_> {
        Worker {
            ends,
            names: HashMap::default(),
            v4: HashMap::default(),
            last: [None, None],
            counts: Counts::default(),
            rest: Rest::default(),
        }
    }

    fn count(
        &mut self,
        batch: &RecordBatch,
        schema: &SchemaRef,
        columns: &Columns,
        first_row: u64,
    ) -> Result<()> {
        let array = |at: usize| -> Result<&ArrayRef> {
            let name = schema.field(at).name();
            let column = batch.column_by_name(name);
            column.with_context(|| format!("no column {name}"))
        };
        let sources = self.ends_of(0, array(columns.source)?)?;
        let destinations = self.ends_of(1, array(columns.destination)?)?;
        let protocols = match columns.protocol {
            Some(at) => protocols(array(at)?)?,
            None => vec![Some(Protocol::TCP.0); batch.num_rows()],
        };
        let numbers = |at: Option<usize>, absent: i64| match at {
            Some(at) => numbers(array(at)?),
            None => Ok(vec![Some(absent); batch.num_rows()]),
        };
        let ports = numbers(columns.port, 0)?;
        let counts = numbers(columns.count, 1)?;
        for row in 0..batch.num_rows() {
            let flow = flow(
                sources[row],
                destinations[row],
                protocols[row],
                ports[row],
                counts[row],
            );
            match flow {
                Ok(flow) => self.counts.add(&flow),
                Err(problem) => {
                    let row = first_row + row as u64 + 1;
                    self.rest.refuse(row, || problem.to_owned());
                }
            }
        }
        Ok(())
    }

    /// The end of each row of sources (0) or destinations (1).
    fn ends_of(&mut self, side: usize, array: &ArrayRef) -> Result<Cells<EndId>> {
        match array.data_type() {
            DataType::UInt32 => {
                let numbers = array.as_primitive::<UInt32Type>();
                let mut end = |number: u32| {
                    *self.v4.entry(number).or_insert_with(|| {
                        let address = IpAddr::V4(Ipv4Addr::from(number));
                        locked(self.ends).id(FlowEnd::Address(address))
                    })
                };
                Ok(numbers.iter().map(|number| number.map(&mut end)).collect())
            }
            data_type if is_text(data_type) => {
                let array = cast(array, &dictionary())?;
                let keys = array.as_dictionary::<Int32Type>();
                let known = match self.last[side].take() {
                    Some((values, known)) if is_same(&values, keys.values()) => known,
                    _ => self.ends_named(keys.values()),
                };
                let ends = looked_up(&array, &known);
                self.last[side] = Some((keys.values().clone(), known));
                Ok(ends)
            }
            other => bail!("ends are strings or unsigned numbers of 32 bits, not {other}"),
        }
    }

    fn ends_named(&mut self, names: &ArrayRef) -> Cells<EndId> {
        let names = names.as_string::<i32>();
        let mut end = |text: &str| match self.names.get(text) {
            Some(id) => *id,
            None => {
                let id = FlowEnd::parse(text).ok();
                let id = id.map(|end| locked(self.ends).id(end));
                self.names.insert(text.to_owned(), id);
                id
            }
        };
        names.iter().map(|text| text.and_then(&mut end)).collect()
    }
}

fn locked(ends: &Mutex<Ends>) -> std::sync::MutexGuard<'_, Ends> {
    ends.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The flow of a row, or why there is none.
fn flow(
    source: Option<EndId>,
    destination: Option<EndId>,
    protocol: Option<u8>,
    port: Option<i64>,
    count: Option<i64>,
) -> Result<Flow, &'static str> {
    let protocol = Protocol(protocol.ok_or("the protocol is none")?);
    let port = if protocol.has_ports() {
        let port = port.and_then(|port| u16::try_from(port).ok());
        let port = port.filter(|port| *port != 0);
        port.ok_or("the port is no number from 1 to 65535")?
    } else {
        0
    };
    let count = count.and_then(|count| u64::try_from(count).ok());
    Ok(Flow {
        source: source.ok_or("the source is neither an address nor namespace/name")?,
        destination: destination
            .ok_or("the destination is neither an address nor namespace/name")?,
        protocol,
        port,
        seen: Seen::Passed,
        count: count.ok_or("the count is no number of flows")?,
    })
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether two arrays are the same memory. Both are held, so neither can have been
/// given to something else.
fn is_same(a: &ArrayRef, b: &ArrayRef) -> bool {
    a.to_data().ptr_eq(&b.to_data())
}

/// What the values of a dictionary are, for each row.
fn looked_up<T: Copy>(array: &ArrayRef, values: &[Option<T>]) -> Cells<T> {
    let keys = array.as_dictionary::<Int32Type>().keys().iter();
    keys.map(|key| values.get(usize::try_from(key?).ok()?).copied().flatten())
        .collect()
}

/// Something of each string, worked out once for each entry of a dictionary.
fn of_text<T: Copy>(array: &ArrayRef, of: impl Fn(&str) -> Option<T>) -> Result<Cells<T>> {
    let array = cast(array, &dictionary())?;
    let values = array.as_dictionary::<Int32Type>().values();
    let values = values.as_string::<i32>().iter();
    let values: Cells<T> = values.map(|text| of(text?)).collect();
    Ok(looked_up(&array, &values))
}

fn protocols(array: &ArrayRef) -> Result<Cells<u8>> {
    if is_text(array.data_type()) {
        return of_text(array, |text| Some(protocol(text).ok()?.0));
    }
    let number = |number: i64| u8::try_from(number).ok();
    let numbers = numbers(array)?.into_iter();
    Ok(numbers.map(|of| of.and_then(number)).collect())
}

/// Whole numbers, however they are written.
fn numbers(array: &ArrayRef) -> Result<Cells<i64>> {
    let data_type = array.data_type();
    if is_text(data_type) {
        return of_text(array, |text| text.trim().parse().ok());
    }
    if data_type.is_floating() {
        // A cast to integers would round.
        let whole = |number: f64| (number.fract() == 0.0).then_some(number as i64);
        let numbers = cast(array, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>().iter();
        return Ok(numbers.map(|number| number.and_then(whole)).collect());
    }
    if !data_type.is_integer() {
        bail!("protocols, ports and counts are numbers or strings, not {data_type}");
    }
    let numbers = cast(array, &DataType::Int64)?;
    Ok(numbers.as_primitive::<Int64Type>().iter().collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, RecordBatch, StringArray, UInt16Array, UInt64Array};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;

    /// A file of columns, in row groups of so many rows.
    fn written(columns: Vec<(&str, ArrayRef)>, rows: usize) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(rows))
            .build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn names(names: impl IntoIterator<Item = String>) -> ArrayRef {
        Arc::new(names.into_iter().map(Some).collect::<StringArray>())
    }

    #[test]
    fn row_groups_read_at_once_are_what_they_are_one_by_one() {
        const ROWS: u32 = 60_000;
        let end = |number: u32| format!("10.0.{}.{}", number / 200 % 20, number % 200);
        let columns = vec![
            (
                "source",
                names((0..ROWS).map(|row| end(row.wrapping_mul(7919)))),
            ),
            (
                "destination",
                names((0..ROWS).map(|row| end(row.wrapping_mul(104_729)))),
            ),
            (
                "port",
                Arc::new(
                    (0..ROWS)
                        .map(|row| Some((row % 5 + 80) as u16))
                        .collect::<UInt16Array>(),
                ) as ArrayRef,
            ),
            (
                "count",
                Arc::new(
                    (0..ROWS)
                        .map(|row| Some(u64::from(row)))
                        .collect::<UInt64Array>(),
                ) as ArrayRef,
            ),
        ];
        let path =
            std::env::temp_dir().join(format!("netpolicy-groups-{}.parquet", std::process::id()));
        std::fs::write(&path, written(columns, 100)).unwrap();
        let open = || Ok(File::open(&path)?);
        let one = read("test", 1, open).unwrap();
        for _ in 0..5 {
            let many = read("test", 8, open).unwrap();
            assert!(many.ends == one.ends && many.all == one.all);
            assert_eq!((many.skipped, many.unreadable), (0, 0));
        }
        std::fs::remove_file(&path).unwrap();
        let counted: u64 = one.all.iter().map(|flow| flow.count).sum();
        assert_eq!(counted, u64::from(ROWS) * u64::from(ROWS - 1) / 2);
    }

    #[test]
    fn rows_that_cannot_be_read_are_told_by_number() {
        let columns = vec![
            (
                "src",
                names(["10.0.0.1", "x", "a/b", "10.0.0.1"].map(str::to_owned)),
            ),
            ("dst", names(["10.0.0.2"; 4].map(str::to_owned))),
            (
                "port",
                Arc::new(Float64Array::from(vec![80.0, 80.0, 80.5, 0.0])) as ArrayRef,
            ),
        ];
        let flows = read_bytes("test", written(columns, 2)).unwrap();
        assert_eq!(flows.all.len(), 1);
        assert_eq!(flows.unreadable, 3);
        assert_eq!(
            flows.problems,
            [
                "test:row 2: the source is neither an address nor namespace/name",
                "test:row 3: the port is no number from 1 to 65535",
                "test:row 4: the port is no number from 1 to 65535",
            ]
        );
    }

    #[test]
    fn a_stream_is_known_by_its_magic() {
        let columns = vec![
            ("source", names(["a/b".to_owned()])),
            ("destination", names(["10.0.0.2".to_owned()])),
            ("port", names(["80".to_owned()])),
        ];
        let bytes = written(columns, 1);
        let flows = super::super::read_stream("test", &mut bytes.as_slice(), None).unwrap();
        assert_eq!(flows.all.len(), 1);
        assert_eq!(flows.all[0].port, 80);
    }
}
