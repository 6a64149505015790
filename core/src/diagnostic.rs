//! What is wrong with what was read, and where.

use alloc::string::String;
use core::fmt;

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum Severity {
    /// The object or document is left out.
    Error,
    /// It counts, but perhaps not as it was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// An error or warning about what was read. `{}` writes
/// `file:line:column: error: Kind namespace/name: field.path: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The file, as it was named to the loader; empty if there is none.
    pub file: String,
    /// The line, from 1; 0 if it concerns no line.
    pub line: u32,
    /// The column, from 1; 0 if it concerns no column.
    pub column: u32,
    /// Kind, namespace and name of the object, as far as they are known.
    pub object: String,
    /// The field: `spec.ingress[0].from[1].ipBlock.except[0]`; empty if it
    /// concerns the whole.
    pub path: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl Diagnostic {
    /// A warning of nothing yet.
    pub(crate) fn warning() -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            file: String::new(),
            line: 0,
            column: 0,
            object: String::new(),
            path: String::new(),
            message: String::new(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if self.line != 0 {
                write!(f, ":{}", self.line)?;
                if self.column != 0 {
                    write!(f, ":{}", self.column)?;
                }
            }
            f.write_str(": ")?;
        }
        write!(f, "{}: ", self.severity)?;
        for part in [&self.object, &self.path] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.message)
    }
}

impl core::error::Error for Diagnostic {}
