//! Flows as Parquet: a thread for each processor, each with row groups of its own.
//!
//! Ends are strings (best as a dictionary: each distinct one is read once for a
//! batch), or IPv4 addresses as unsigned numbers; protocols names or numbers.

use std::collections::HashMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type, UInt32Type};
use arrow::record_batch::RecordBatch;
use netpolicy::Protocol;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::table::{COUNT, DESTINATION, PORT, PROTOCOL, SOURCE};
use super::{Counter, EndId, FlowEnd, protocol};

const BATCH: usize = 1 << 14;

pub(super) fn read(file: &File) -> Result<Counter> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let groups = metadata.metadata().num_row_groups();
    let columns = Columns::new(&metadata)?;
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let work = || -> Result<Counter> {
        let mut counter = Counter::default();
        loop {
            let group = next.fetch_add(1, Ordering::Relaxed);
            if group >= groups {
                return Ok(counter);
            }
            read_group(file, &metadata, &columns, group, &mut counter)?;
        }
    };
    let counters = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.min(groups.max(1)))
            .map(|_| scope.spawn(work))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a reader failed"))?)
            .collect::<Result<Vec<_>>>()
    })?;
    let mut counters = counters.into_iter();
    let mut all = counters.next().unwrap_or_default();
    for counter in counters {
        all.merge(counter);
    }
    Ok(all)
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
    fn new(metadata: &ArrowReaderMetadata) -> Result<Columns> {
        let fields = metadata.schema().fields();
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

fn read_group(
    file: &File,
    metadata: &ArrowReaderMetadata,
    columns: &Columns,
    group: usize,
    counter: &mut Counter,
) -> Result<()> {
    let builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file.try_clone()?, metadata.clone());
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns.all());
    let reader = builder
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH)
        .build()?;
    let mut known = Known::default();
    for batch in reader {
        count_batch(&batch?, metadata, columns, counter, &mut known)?;
    }
    Ok(())
}

/// Ends that were read before.
#[derive(Default)]
struct Known {
    names: HashMap<String, Option<EndId>, ahash::RandomState>,
    v4: HashMap<u32, EndId, ahash::RandomState>,
}

fn count_batch(
    batch: &RecordBatch,
    metadata: &ArrowReaderMetadata,
    columns: &Columns,
    counter: &mut Counter,
    known: &mut Known,
) -> Result<()> {
    let array = |at: usize| -> Result<&ArrayRef> {
        let name = metadata.schema().field(at).name();
        let column = batch.column_by_name(name);
        column.with_context(|| format!("no column {name}"))
    };
    let sources = ends(array(columns.source)?, counter, known)?;
    let destinations = ends(array(columns.destination)?, counter, known)?;
    let protocols = match columns.protocol {
        Some(at) => protocols(array(at)?)?,
        None => vec![Some(Protocol::TCP); batch.num_rows()],
    };
    let numbers = |at: Option<usize>, absent: i64| -> Result<Vec<Option<i64>>> {
        let Some(at) = at else {
            return Ok(vec![Some(absent); batch.num_rows()]);
        };
        let numbers = cast(array(at)?, &DataType::Int64)?;
        Ok(numbers.as_primitive::<Int64Type>().iter().collect())
    };
    let ports = numbers(columns.port, 0)?;
    let counts = numbers(columns.count, 1)?;
    let rows = sources.into_iter().zip(destinations).zip(protocols);
    for (((source, destination), protocol), (port, count)) in
        rows.zip(ports.into_iter().zip(counts))
    {
        let port = port.map_or(Some(0), |port| u16::try_from(port).ok());
        let count = count.and_then(|count| u64::try_from(count).ok());
        match (source, destination, protocol, port, count) {
            (Some(source), Some(destination), Some(protocol), Some(port), Some(count))
                if port != 0 || !protocol.has_ports() =>
            {
                counter.count(source, destination, protocol, port, count);
            }
            _ => counter.refuse(|| "a row has no end, protocol, port or count".to_owned()),
        }
    }
    Ok(())
}

/// The end of each row; `None` where it cannot be read.
fn ends(array: &ArrayRef, counter: &mut Counter, known: &mut Known) -> Result<Vec<Option<EndId>>> {
    match array.data_type() {
        DataType::UInt32 => {
            let numbers = array.as_primitive::<UInt32Type>();
            let mut end = |number: u32| {
                *known.v4.entry(number).or_insert_with(|| {
                    let address = IpAddr::V4(Ipv4Addr::from(number));
                    counter.ends.id(FlowEnd::Address(address))
                })
            };
            Ok(numbers.iter().map(|number| number.map(&mut end)).collect())
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let mut end = |text: &str| match known.names.get(text) {
                Some(id) => *id,
                None => {
                    let id = FlowEnd::parse(text).ok().map(|end| counter.ends.id(end));
                    known.names.insert(text.to_owned(), id);
                    id
                }
            };
            of_strings(array, &mut end)
        }
        other => bail!("ends are strings or unsigned numbers of 32 bits, not {other}"),
    }
}

fn protocols(array: &ArrayRef) -> Result<Vec<Option<Protocol>>> {
    if array.data_type().is_integer() {
        let numbers = cast(array, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>().iter();
        let protocol = |number: i64| u8::try_from(number).ok().map(Protocol);
        return Ok(numbers.map(|number| number.and_then(protocol)).collect());
    }
    of_strings(array, &mut |text| protocol(text).ok())
}

/// Something of each string, worked out once for each entry of a dictionary.
fn of_strings<T: Copy>(
    array: &ArrayRef,
    of: &mut impl FnMut(&str) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    // A dictionary as others write it, whatever the width of its keys.
    let int32 = Box::new(DataType::Int32);
    let array = cast(
        array,
        &DataType::Dictionary(int32, Box::new(DataType::Utf8)),
    )?;
    let dictionary = array.as_dictionary::<Int32Type>();
    let values = dictionary.values().as_string::<i32>();
    let values: Vec<Option<T>> = values.iter().map(|text| text.and_then(&mut *of)).collect();
    let keys = dictionary.keys().iter();
    Ok(keys
        .map(|key| values.get(usize::try_from(key?).ok()?).copied().flatten())
        .collect())
}
