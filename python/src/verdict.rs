//! One answer.

use std::sync::Arc;

use netpolicy_cli::endpoint;
use pyo3::prelude::*;

use crate::errors::UnknownEndpointError;
use crate::explanation::Explanation;
use crate::open_image::OpenImage;
use crate::question::Question;

/// The answer to a question: true where the connection may pass.
///
/// >>> verdict = image.verdict("203.0.113.7", "default/mysql", port=3306)
/// >>> bool(verdict), verdict.egress, verdict.ingress
/// (False, True, False)
/// >>> print(verdict.reason.ingress.tier, verdict.reason.ingress.reason)
/// NetworkPolicy isolated
///
/// Where an end is a workload, or a pod of several addresses, the connections of all of
/// them have to pass.
#[pyclass(module = "netpolicy", frozen)]
pub(crate) struct Verdict {
    image: Arc<OpenImage>,
    question: Question,
    egress: bool,
    ingress: bool,
}

/// What an error of the command's library is here.
fn unknown(error: impl std::fmt::Display) -> PyErr {
    UnknownEndpointError::new_err(format!("{error:#}"))
}

impl Verdict {
    pub(crate) fn new(image: &Arc<OpenImage>, question: Question) -> PyResult<Verdict> {
        let Question {
            source,
            destination,
            protocol,
            port,
        } = &question;
        let outcomes = endpoint::outcomes(image.image(), source, destination, *protocol, *port);
        let (mut egress, mut ingress) = (true, true);
        for (verdict, _) in outcomes.map_err(unknown)? {
            egress &= verdict.egress();
            ingress &= verdict.ingress();
        }
        Ok(Verdict {
            image: Arc::clone(image),
            egress,
            ingress,
            question,
        })
    }
}

#[pymethods]
impl Verdict {
    /// Whether the connection may pass.
    #[getter]
    fn allowed(&self) -> bool {
        self.egress && self.ingress
    }

    /// Whether the source may send; true where it is no pod.
    #[getter]
    fn egress(&self) -> bool {
        self.egress
    }

    /// Whether the destination may receive; true where it is no pod.
    #[getter]
    fn ingress(&self) -> bool {
        self.ingress
    }

    /// Why. Worked out when it is asked for.
    #[getter]
    pub(crate) fn reason(&self) -> PyResult<Explanation> {
        let first = self.explanations()?.into_iter().next();
        first.ok_or_else(|| unknown("there is no connection to explain"))
    }

    /// Why, once for each verdict that pairs of addresses of the two ends get, denied
    /// ones first. More than one where pods of a workload, or addresses of a pod,
    /// differ.
    #[getter]
    fn explanations(&self) -> PyResult<Vec<Explanation>> {
        let Question {
            source,
            destination,
            protocol,
            port,
        } = &self.question;
        let image = self.image.image();
        let outcomes = endpoint::outcomes(image, source, destination, *protocol, *port);
        let outcomes = outcomes.map_err(unknown)?;
        let explanations = endpoint::explanations(&outcomes, *protocol, *port);
        explanations.iter().map(Explanation::new).collect()
    }

    fn __bool__(&self) -> bool {
        self.allowed()
    }

    fn __str__(&self) -> &'static str {
        if self.allowed() { "allow" } else { "deny" }
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("<Verdict {}>", self.reason()?.__str__()))
    }
}
