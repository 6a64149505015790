//! Verdicts for whole columns, by way of Arrow, without a Python object for a row.
//!
//! ```text
//!  input ──► roles ──► cells ──► judge ──► reasons, workloads ──► output
//!  tables,   which     one type  a morsel  what is asked          batches,
//!  streams   column    a column  of rows   besides                in order
//! ```
//!
//! A table is cut into morsels, which threads take one after another. Nothing of this
//! needs Python once the input is there, so the GIL is released.

mod cells;
mod input;
mod judge;
mod output;
mod plan;
mod reasons;
mod roles;
mod workloads;

use std::sync::Arc;

use pyo3::prelude::*;

use crate::open_image::OpenImage;
use input::Input;
use plan::Plan;

pub(crate) use input::{fixed_size_binary_array, fixed_width_text_array, text_array};
pub(crate) use output::{VerdictStream, Verdicts, arrow_error};
pub(crate) use workloads::pods;

/// The arguments of `Image.verdicts`.
pub(crate) struct Asked<'a, 'py> {
    pub(crate) source: &'a str,
    pub(crate) destination: &'a str,
    pub(crate) protocol: Option<&'a Bound<'py, PyAny>>,
    pub(crate) port: Option<&'a Bound<'py, PyAny>>,
    pub(crate) reasons: Option<&'a Bound<'py, PyAny>>,
    pub(crate) workloads: bool,
    pub(crate) keep: Option<&'a Bound<'py, PyAny>>,
    pub(crate) threads: Option<usize>,
}

/// A [`Verdicts`] for a table, a [`VerdictStream`] for a stream.
pub(crate) fn verdicts<'py>(
    py: Python<'py>,
    image: &Arc<OpenImage>,
    table: &Bound<'py, PyAny>,
    asked: &Asked<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    match Input::new(py, table, asked)? {
        Input::Table { schema, batches } => {
            let plan = Plan::new(image, &schema, asked)?;
            let batches = py.detach(|| plan.judge(&batches));
            let batches = batches.map_err(output::arrow_error)?;
            Ok(Verdicts::new(py, plan.schema, batches)?.into_any())
        }
        Input::Stream(reader) => {
            let plan = Plan::new(image, &reader.schema(), asked)?;
            Ok(Bound::new(py, VerdictStream::new(plan, reader))?.into_any())
        }
    }
}
