//! Tables that are handed out, through the Arrow `PyCapsule` interface.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch, StructArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, Field, Fields, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, ArrayReader, to_schema_pycapsule, to_stream_pycapsule};

use crate::cluster::count;
use crate::columns::arrow_error;

/// A table that speaks the Arrow `PyCapsule` interface: ``pyarrow.table(t)``,
/// ``polars.DataFrame(t)``, `DuckDB` queries and pandas take it without a copy.
#[pyclass(module = "netpolicy", frozen, subclass)]
pub(crate) struct Table {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Table {
    pub(crate) fn of(batch: RecordBatch) -> Table {
        Table {
            schema: batch.schema(),
            batches: vec![batch],
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn html(&self) -> Result<String, ArrowError> {
        let mut html = String::from("<table><thead><tr>");
        for field in self.schema.fields() {
            html += &format!("<th>{}</th>", escaped(field.name()));
        }
        html += "</tr></thead><tbody>";
        let mut left = SHOWN;
        for batch in &self.batches {
            let columns = batch.columns().iter();
            let cells: Vec<_> = columns
                .map(|column| ArrayFormatter::try_new(column, &FormatOptions::default()))
                .collect::<Result<_, _>>()?;
            for row in 0..batch.num_rows().min(left) {
                html += "<tr>";
                for cell in &cells {
                    html += &format!("<td>{}</td>", escaped(&cell.value(row).try_to_string()?));
                }
                html += "</tr>";
            }
            left = left.saturating_sub(batch.num_rows());
        }
        html += "</tbody></table>";
        let rows = self.rows();
        let of = if rows > SHOWN {
            format!("the first {SHOWN} of {rows} rows")
        } else {
            count(rows, "row", "rows")
        };
        Ok(format!("{html}<p>{of}</p>"))
    }
}

/// So many rows are shown.
const SHOWN: usize = 20;

/// Text in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A stream of batches, as Arrow exports it.
pub(crate) fn export<'py>(
    py: Python<'py>,
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
    requested_schema: Option<Bound<'py, PyCapsule>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let field = Arc::new(Field::new_struct("", schema.fields().clone(), false));
    let arrays = batches
        .map(|batch| batch.map(|batch| Arc::new(StructArray::from(batch)) as Arc<dyn Array>));
    let reader: Box<dyn ArrayReader + Send> = Box::new(ArrayIterator::new(arrays, field));
    Ok(to_stream_pycapsule(py, reader, requested_schema)?)
}

#[pymethods]
impl Table {
    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        let fields: &Fields = self.schema.fields();
        fields.iter().map(|field| field.name().clone()).collect()
    }

    /// As a ``pyarrow.Table``.
    fn to_pyarrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyarrow")?.call_method1("table", (slf,))
    }

    /// As a ``pandas.DataFrame``; needs pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Table::to_pyarrow(slf)?.call_method0("to_pandas")
    }

    /// As a ``polars.DataFrame``.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("polars")?.call_method1("DataFrame", (slf,))
    }

    fn __len__(&self) -> usize {
        self.rows()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.schema.as_ref())?)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let batches = self.batches.clone().into_iter().map(Ok);
        export(py, &self.schema, batches, requested_schema)
    }

    /// The first rows, for a notebook.
    fn _repr_html_(&self) -> PyResult<String> {
        self.html().map_err(arrow_error)
    }

    fn __repr__(&self) -> String {
        format!(
            "<Table {}: {}>",
            count(self.rows(), "row", "rows"),
            self.column_names().join(", ")
        )
    }
}
