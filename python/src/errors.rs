//! The exceptions, which are defined in `netpolicy._errors`.

use std::io;
use std::path::Path;

use pyo3::exceptions::{PyOSError, PyValueError};
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

/// An `OSError` of the kind that fits, with the name of the file.
pub(crate) fn of_file(path: &Path, error: io::Error) -> PyErr {
    let Some(code) = error.raw_os_error() else {
        return error.into();
    };
    let message = error.to_string();
    let message = message
        .split_once(" (os error")
        .map_or(message.as_str(), |(message, _)| message);
    PyOSError::new_err((code, message.to_owned(), path.as_os_str().to_owned()))
}
