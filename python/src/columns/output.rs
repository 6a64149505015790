//! Verdicts as tables and streams.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use pyo3_arrow::ffi::to_schema_pycapsule;

use super::plan::{Counts, Plan};
use crate::cluster::count;
use crate::table::{Table, export};

/// The name of the column of verdicts.
pub(super) const ALLOWED: &str = "allowed";

/// An error of Arrow; one of Python's that went through it comes out as it was.
pub(crate) fn arrow_error(error: ArrowError) -> PyErr {
    match error {
        ArrowError::ExternalError(error) => match error.downcast::<PyErr>() {
            Ok(error) => *error,
            Err(error) => PyRuntimeError::new_err(error.to_string()),
        },
        error => PyRuntimeError::new_err(error.to_string()),
    }
}

/// Verdicts for the rows of a table, in their order: a :class:`Table` that counts.
#[pyclass(module = "netpolicy", frozen, extends = Table)]
pub(crate) struct Verdicts {
    /// The index of the column of verdicts.
    column: usize,
    allowed: usize,
    bad: usize,
}

impl Verdicts {
    pub(super) fn new(
        py: Python<'_>,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> PyResult<Bound<'_, Verdicts>> {
        let column = schema.index_of(ALLOWED).map_err(arrow_error)?;
        let mut verdicts = Verdicts {
            column,
            allowed: 0,
            bad: 0,
        };
        for batch in &batches {
            let allowed = batch.column(column).as_boolean();
            verdicts.allowed += allowed.true_count();
            verdicts.bad += allowed.null_count();
        }
        let table = Table { schema, batches };
        Bound::new(py, PyClassInitializer::from(table).add_subclass(verdicts))
    }
}

#[pymethods]
impl Verdicts {
    /// How many rows may pass.
    #[getter]
    fn allowed_rows(&self) -> usize {
        self.allowed
    }

    /// How many rows may not.
    #[getter]
    fn denied_rows(slf: PyRef<'_, Self>) -> usize {
        slf.as_super().rows() - slf.allowed - slf.bad
    }

    /// How many rows ask nothing that can be answered: null, or no address, protocol or
    /// port.
    #[getter]
    fn bad_rows(&self) -> usize {
        self.bad
    }

    /// The verdicts as a `NumPy` array of 8-bit integers: 1 allowed, 0 denied, -1 bad.
    fn to_numpy<'py>(slf: PyRef<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let table = slf.as_super();
        let mut codes: Vec<u8> = Vec::with_capacity(table.rows());
        for batch in &table.batches {
            let allowed = batch.column(slf.column).as_boolean();
            codes.extend(allowed.iter().map(|allowed| match allowed {
                Some(allowed) => u8::from(allowed),
                None => u8::MAX,
            }));
        }
        let bytes = PyBytes::new(py, &codes);
        py.import("numpy")?
            .call_method1("frombuffer", (bytes, "int8"))
    }

    fn __repr__(slf: PyRef<'_, Self>) -> String {
        let (rows, allowed, bad) = (slf.as_super().rows(), slf.allowed, slf.bad);
        let denied = rows - allowed - bad;
        let rows = count(rows, "row", "rows");
        format!("<Verdicts {rows}: {allowed} allowed, {denied} denied, {bad} bad>")
    }
}

/// Verdicts for a stream of rows. It speaks the Arrow `PyCapsule` interface, as in
/// ``pyarrow.RecordBatchReader.from_stream(s)``, or is iterated: a :class:`Verdicts` for
/// each batch. Either way once.
///
/// The counts are of what has been read so far.
#[pyclass(module = "netpolicy", frozen)]
pub(crate) struct VerdictStream {
    plan: Arc<Plan>,
    /// Until they are handed out. Waited for without the GIL, which reading may need.
    batches: Mutex<Option<Judging>>,
}

/// The batches of a stream, judged as they are asked for.
struct Judging {
    plan: Arc<Plan>,
    reader: Box<dyn RecordBatchReader + Send>,
}

impl Iterator for Judging {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        let judged = batch
            .and_then(|batch| self.plan.judge(&[batch]))
            .map(|mut all| all.pop());
        judged.transpose()
    }
}

impl VerdictStream {
    pub(super) fn new(plan: Plan, reader: Box<dyn RecordBatchReader + Send>) -> VerdictStream {
        let plan = Arc::new(plan);
        let batches = Judging {
            plan: Arc::clone(&plan),
            reader,
        };
        VerdictStream {
            plan,
            batches: Mutex::new(Some(batches)),
        }
    }

    fn batches(&self) -> MutexGuard<'_, Option<Judging>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> &Counts {
        &self.plan.counts
    }
}

#[pymethods]
impl VerdictStream {
    /// How many rows have been read.
    #[getter]
    fn rows(&self) -> u64 {
        self.counts().rows.load(Ordering::Relaxed)
    }

    /// How many of them may pass.
    #[getter]
    fn allowed_rows(&self) -> u64 {
        self.counts().allowed.load(Ordering::Relaxed)
    }

    /// How many of them may not.
    #[getter]
    fn denied_rows(&self) -> u64 {
        self.rows() - self.allowed_rows() - self.bad_rows()
    }

    /// How many of them ask nothing that can be answered.
    #[getter]
    fn bad_rows(&self) -> u64 {
        self.counts().bad.load(Ordering::Relaxed)
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        let schema: &SchemaRef = &self.plan.schema;
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    /// As a ``pyarrow.RecordBatchReader``.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let pyarrow = slf.py().import("pyarrow")?;
        pyarrow
            .getattr("RecordBatchReader")?
            .call_method1("from_stream", (slf,))
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, Verdicts>>> {
        let Some(batch) = py.detach(|| self.batches().as_mut()?.next()) else {
            return Ok(None);
        };
        let batch = batch.map_err(arrow_error)?;
        Verdicts::new(py, Arc::clone(&self.plan.schema), vec![batch]).map(Some)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.plan.schema.as_ref())?)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let batches = py.detach(|| self.batches().take()).ok_or_else(|| {
            PyRuntimeError::new_err("the stream has been handed out already: it can be read once")
        })?;
        export(py, &self.plan.schema, batches, requested_schema)
    }

    fn __repr__(&self) -> String {
        format!("<VerdictStream: {}>", self.column_names().join(", "))
    }
}
