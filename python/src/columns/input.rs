//! What can be a table, and what a stream.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, LargeStringArray, NullArray, RecordBatch,
    RecordBatchReader,
};
use arrow_buffer::Buffer;
use arrow_schema::{Field, Schema, SchemaRef};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyList;
use pyo3_arrow::PyArray;
use pyo3_arrow::input::AnyRecordBatch;

use super::Asked;
use super::output::arrow_error;
use crate::errors::invalid;

pub(super) enum Input {
    /// All rows are there.
    Table {
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    },
    /// Rows come as they are asked for, once.
    Stream(Box<dyn RecordBatchReader + Send>),
}

impl Input {
    pub(super) fn new<'py>(
        py: Python<'py>,
        table: &Bound<'py, PyAny>,
        asked: &Asked<'_, 'py>,
    ) -> PyResult<Input> {
        let names = [
            Some(asked.source.into_pyobject(py)?.into_any()),
            Some(asked.destination.into_pyobject(py)?.into_any()),
            asked.protocol.cloned(),
            asked.port.cloned(),
        ];
        let names = PyList::new(py, names)?;
        let adapted = py
            .import("netpolicy._columns")?
            .call_method1("arrow", (table, names, asked.keep))?;
        if let Ok(columns) = adapted.cast::<PyList>() {
            return Input::of_columns(columns);
        }
        match adapted.extract::<AnyRecordBatch>()? {
            AnyRecordBatch::RecordBatch(batch) => Ok(Input::of_batch(batch.into_inner())),
            AnyRecordBatch::Stream(stream) => {
                let reader = stream.into_reader()?;
                // What has a length can be had whole; what has none may be endless.
                if !table.hasattr("__len__")? && !table.hasattr("num_rows")? {
                    return Ok(Input::Stream(reader));
                }
                let schema = reader.schema();
                let batches = py.detach(|| reader.collect::<Result<_, _>>());
                Ok(Input::Table {
                    schema,
                    batches: batches.map_err(arrow_error)?,
                })
            }
        }
    }

    fn of_batch(batch: RecordBatch) -> Input {
        Input::Table {
            schema: batch.schema(),
            batches: vec![batch],
        }
    }

    /// Pairs of a name and an array, or `None` for a column that nobody needs.
    fn of_columns(columns: &Bound<'_, PyList>) -> PyResult<Input> {
        let columns: Vec<(String, Option<PyArray>)> = columns.extract()?;
        let lens = || {
            columns
                .iter()
                .filter_map(|(_, array)| Some(array.as_ref()?.array().len()))
        };
        let rows = lens().next().unwrap_or(0);
        if lens().any(|len| len != rows) {
            return Err(invalid("the columns have different numbers of rows"));
        }
        let (fields, arrays): (Vec<_>, Vec<ArrayRef>) = columns
            .into_iter()
            .map(|(name, array)| {
                let array = array.map_or_else(
                    || Arc::new(NullArray::new(rows)) as ArrayRef,
                    |array| array.into_inner().0,
                );
                (Field::new(name, array.data_type().clone(), true), array)
            })
            .unzip();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
        batch.map(Input::of_batch).map_err(arrow_error)
    }
}

/// A column of text. Each is `None` where a row has none.
#[pyfunction]
pub(crate) fn text_array(values: Vec<Option<PyBackedStr>>) -> PyArray {
    let values = values.iter().map(|value| value.as_deref());
    PyArray::from_array_ref(Arc::new(values.collect::<LargeStringArray>()))
}

/// A column of text that stands in cells of `width` bytes, filled up with zeros.
#[pyfunction]
pub(crate) fn fixed_width_text_array(
    py: Python<'_>,
    data: PyBuffer<u8>,
    width: usize,
) -> PyResult<PyArray> {
    let data = data.to_vec(py)?;
    let array: LargeStringArray = py.detach(|| {
        // Without a width, every text is empty.
        let cells = data.chunks_exact(width.max(1));
        cells
            .map(|cell| {
                let len = cell
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(0, |last| last + 1);
                str::from_utf8(&cell[..len]).ok()
            })
            .collect()
    });
    Ok(PyArray::from_array_ref(Arc::new(array)))
}

/// A column of binary values of `width` bytes.
#[pyfunction]
pub(crate) fn fixed_size_binary_array(
    py: Python<'_>,
    data: PyBuffer<u8>,
    width: i32,
) -> PyResult<PyArray> {
    let values = Buffer::from_vec(data.to_vec(py)?);
    let array = FixedSizeBinaryArray::try_new(width, values, None).map_err(arrow_error)?;
    Ok(PyArray::from_array_ref(Arc::new(array)))
}
