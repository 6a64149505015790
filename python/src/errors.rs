//! The exceptions, which are defined in `netpolicy._errors`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pyo3::import_exception!(netpolicy._errors, CompileError);
pyo3::import_exception!(netpolicy._errors, ImageError);
pyo3::import_exception!(netpolicy._errors, ManifestError);
pyo3::import_exception!(netpolicy._errors, UnknownEndpointError);

/// A `ValueError`.
pub(crate) fn invalid(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

/// One of the words of an argument.
pub(crate) fn choice<T: Copy>(argument: &str, given: &str, choices: &[(&str, T)]) -> PyResult<T> {
    if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == given) {
        return Ok(*choice);
    }
    let words: Vec<_> = choices
        .iter()
        .map(|(word, _)| format!("{word:?}"))
        .collect();
    Err(invalid(format!(
        "{argument}={given:?}: use {}",
        words.join(" or ")
    )))
}
