//! The native part of the Python package `netpolicy`, its private module `_native`.
//!
//! Bindings only: they convert, hand on, and decide nothing.

mod cluster;
mod columns;
mod command;
mod diagnostic;
mod errors;
mod explanation;
mod image;
mod open_image;
mod question;
mod reachability;
mod table;
mod verdict;

use pyo3::prelude::*;

/// The classes and functions of `netpolicy._native`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cluster::Cluster;
    #[pymodule_export]
    use super::columns::{
        VerdictStream, Verdicts, fixed_size_binary_array, fixed_width_text_array, text_array,
    };
    #[pymodule_export]
    use super::command::run_command;
    #[pymodule_export]
    use super::diagnostic::{Diagnostic, unpickled_diagnostic};
    #[pymodule_export]
    use super::explanation::{
        ConsultedPolicy, DirectionExplanation, End, Explanation, NearestMiss, Policy, Rule,
        unpickled_explanation,
    };
    #[pymodule_export]
    use super::image::Image;
    #[pymodule_export]
    use super::question::WhatIfPod;
    #[pymodule_export]
    use super::reachability::{Reachability, ReachabilityRow};
    #[pymodule_export]
    use super::table::Table;
    #[pymodule_export]
    use super::verdict::Verdict;

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
