//! What is wrong with manifests, as objects.

use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::errors::invalid;

/// An error or warning about what was read.
///
/// ``str()`` writes it on one line, as the command ``netpolicy check`` does.
#[pyclass(module = "netpolicy", frozen, get_all, eq)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Diagnostic {
    /// ``"error"``: the object is left out; ``"warning"``: it counts.
    severity: String,
    /// Kind, namespace and name of the object, as far as they are known.
    object: Option<String>,
    /// The field: ``spec.ingress[0].from[1].ipBlock.except[0]``.
    path: Option<String>,
    /// What is wrong, and how to mend it.
    message: String,
    /// The file, as it was named; ``None`` for objects that were given as such.
    file: Option<String>,
    /// The line, from 1.
    line: Option<u32>,
    /// The column, from 1.
    column: Option<u32>,
    /// All of it on one line.
    text: String,
}

#[pymethods]
impl Diagnostic {
    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<Diagnostic {}>", self.text)
    }

    /// As JSON, for pickles.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        let json = serde_json::to_string(slf.get()).map_err(|error| invalid(error.to_string()))?;
        let native = slf.py().import("netpolicy._native")?;
        Ok((native.getattr("unpickled_diagnostic")?, (json,)))
    }
}

impl From<&netpolicy::Diagnostic> for Diagnostic {
    fn from(diagnostic: &netpolicy::Diagnostic) -> Diagnostic {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let file = given(&diagnostic.file);
        let place = |number: u32| (file.is_some() && number != 0).then_some(number);
        Diagnostic {
            severity: diagnostic.severity.to_string(),
            object: given(&diagnostic.object),
            path: given(&diagnostic.path),
            message: diagnostic.message.clone(),
            line: place(diagnostic.line),
            column: place(diagnostic.column),
            text: diagnostic.to_string(),
            file,
        }
    }
}

/// All of them, as objects.
pub(crate) fn diagnostics(all: &[netpolicy::Diagnostic]) -> Vec<Diagnostic> {
    all.iter().map(Diagnostic::from).collect()
}

/// What a pickle of a diagnostic calls.
#[pyfunction]
pub(crate) fn unpickled_diagnostic(json: &str) -> PyResult<Diagnostic> {
    serde_json::from_str(json).map_err(|error| invalid(error.to_string()))
}
