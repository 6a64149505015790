//! What is to be worked out, and on how many threads.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use netpolicy::Image;
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::Asked;
use super::judge::{Judged, judge};
use super::output::ALLOWED;
use super::reasons::{self, Reasons};
use super::roles::Roles;
use super::workloads::{self, Workloads};
use crate::errors::{choice, invalid};
use crate::open_image::OpenImage;

/// Rows that one thread takes at a time, at most.
const MOST: usize = 1 << 16;

/// Rows that are worth a thread.
const LEAST: usize = 1 << 13;

/// How many rows a thread takes at a time, so that small batches, as streams have them,
/// keep all threads busy. A multiple of 8: bits of several morsels are joined byte by
/// byte.
fn morsel(rows: usize, threads: usize) -> usize {
    let share = rows.div_ceil(threads).next_multiple_of(8);
    share.clamp(LEAST, MOST)
}

/// How verdicts are made of batches of one schema.
pub(super) struct Plan {
    open: Arc<OpenImage>,
    pub(super) roles: Roles,
    pub(super) reasons: Option<Reasons>,
    pub(super) workloads: Option<Workloads>,
    /// The columns of the input that come first.
    keep: Vec<usize>,
    threads: usize,
    pub(super) schema: SchemaRef,
    pub(super) counts: Counts,
}

/// How many rows there were.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) rows: AtomicU64,
    pub(super) allowed: AtomicU64,
    pub(super) bad: AtomicU64,
}

impl Plan {
    pub(super) fn new(
        open: &Arc<OpenImage>,
        schema: &SchemaRef,
        asked: &Asked<'_, '_>,
    ) -> PyResult<Plan> {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = asked.threads.unwrap_or_else(processors);
        if threads == 0 {
            return Err(invalid("threads=0: at least one is needed"));
        }
        let keep = kept(schema, asked.keep)?;
        let reasons = denied_only(asked.reasons)?.map(Reasons::new);
        let workloads = asked.workloads.then(|| Workloads::new(open.image()));
        let mut fields: Vec<_> = keep
            .iter()
            .map(|column| schema.fields()[*column].clone())
            .collect();
        fields.push(Arc::new(Field::new(ALLOWED, DataType::Boolean, true)));
        let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let more = reasons.iter().flat_map(|_| reasons::COLUMNS);
        for name in more.chain(workloads.iter().flat_map(|_| workloads::COLUMNS)) {
            fields.push(Arc::new(Field::new(name, words.clone(), true)));
        }
        for (index, field) in fields.iter().enumerate().skip(keep.len()) {
            if fields[..index]
                .iter()
                .any(|other| other.name() == field.name())
            {
                return Err(invalid(format!(
                    "the table has a column {:?} already: rename it, or leave it out with keep=[…]",
                    field.name()
                )));
            }
        }
        Ok(Plan {
            open: Arc::clone(open),
            roles: Roles::new(schema, asked)?,
            reasons,
            workloads,
            keep,
            threads,
            schema: Arc::new(Schema::new(fields)),
            counts: Counts::default(),
        })
    }

    pub(super) fn image(&self) -> &Image<'_> {
        self.open.image()
    }

    /// Judges batches, and writes one for each.
    pub(super) fn judge(&self, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, ArrowError> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let morsel = morsel(rows, self.threads);
        let morsels: Vec<(usize, Range<usize>)> = batches
            .iter()
            .enumerate()
            .flat_map(|(index, batch)| {
                let rows = batch.num_rows();
                let firsts = (0..rows).step_by(morsel);
                firsts.map(move |first| (index, first..rows.min(first + morsel)))
            })
            .collect();
        let judged: Vec<OnceLock<PyResult<Judged>>> =
            morsels.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some((batch, rows)), Some(slot)) = (morsels.get(index), judged.get(index))
                else {
                    return;
                };
                let rows = batches[*batch].slice(rows.start, rows.len());
                // Each index is handed out once.
                let _ = slot.set(judge(self, &rows));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(morsels.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut all: Vec<_> = batches
            .iter()
            .map(|batch| Judged::with_capacity(batch.num_rows()))
            .collect();
        for ((batch, _), judged) in morsels.iter().zip(judged) {
            if let Some(judged) = judged.into_inner() {
                all[*batch]
                    .append(judged.map_err(|error| ArrowError::ExternalError(Box::new(error)))?);
            }
        }
        let pairs = batches.iter().zip(all);
        pairs
            .map(|(batch, judged)| self.write(batch, judged))
            .collect()
    }

    /// The batch that comes out for a batch.
    fn write(&self, batch: &RecordBatch, mut judged: Judged) -> Result<RecordBatch, ArrowError> {
        let allowed = BooleanArray::new(judged.allowed.finish(), judged.known.finish());
        let add = |count: &AtomicU64, rows: usize| count.fetch_add(rows as u64, Ordering::Relaxed);
        add(&self.counts.rows, allowed.len());
        add(&self.counts.allowed, allowed.true_count());
        add(&self.counts.bad, allowed.null_count());
        let mut columns: Vec<ArrayRef> = self
            .keep
            .iter()
            .map(|column| Arc::clone(batch.column(*column)))
            .collect();
        columns.push(Arc::new(allowed));
        if let Some(reasons) = &self.reasons {
            columns.extend(reasons.columns(&judged.reasons)?);
        }
        if let Some(workloads) = &self.workloads {
            for keys in &judged.workloads {
                columns.push(workloads.column(keys)?);
            }
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

/// Which rows to give reasons for: none, or all (`false`), or the denied ones.
fn denied_only(reasons: Option<&Bound<'_, PyAny>>) -> PyResult<Option<bool>> {
    let Some(reasons) = reasons else {
        return Ok(None);
    };
    if let Ok(word) = reasons.cast::<PyString>() {
        let word = word.to_cow()?;
        return choice("reasons", &word, &[("denied", true), ("all", false)]).map(Some);
    }
    Ok(reasons.extract::<bool>()?.then_some(false))
}

/// The indices of the columns to keep.
fn kept(schema: &Schema, keep: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<usize>> {
    let Some(keep) = keep else {
        return Ok(Vec::new());
    };
    if let Ok(all) = keep.extract::<bool>() {
        let columns = 0..schema.fields().len();
        return Ok(if all { columns.collect() } else { Vec::new() });
    }
    let names: Vec<String> = keep
        .extract()
        .map_err(|_| PyTypeError::new_err("keep is True, False or a list of names of columns"))?;
    let index = |name: &String| {
        schema
            .index_of(name)
            .map_err(|_| PyKeyError::new_err(format!("keep: there is no column {name:?}")))
    };
    names.iter().map(index).collect()
}
