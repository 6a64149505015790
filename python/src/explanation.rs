//! Explanations as Python objects: the data of `netpolicy verdict -o json`, with names
//! that can be completed and type-checked.

use netpolicy::explain;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

/// Why a connection may pass, or may not.
///
/// ``str()`` is a sentence; ``chain`` adds every policy that was consulted, tier by
/// tier; the attributes have all of it as data.
#[pyclass(module = "netpolicy", frozen, get_all, eq)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Explanation {
    /// ``"allow"`` or ``"deny"``.
    verdict: String,
    /// Who the source is.
    source: String,
    /// Who the destination is.
    destination: String,
    /// The two as data.
    ends: (End, End),
    /// The protocol, by name.
    protocol: String,
    /// The destination port; ``None`` for protocols without ports.
    port: Option<u16>,
    /// The source's side.
    egress: DirectionExplanation,
    /// The destination's side.
    ingress: DirectionExplanation,
    /// The sentence.
    text: String,
    /// The whole chain of tiers: a line for each policy that was consulted.
    #[serde(skip)]
    chain: String,
}

/// An end of an explained connection.
#[pyclass(module = "netpolicy", frozen, get_all, eq)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    /// ``"pod"``, ``"node"`` or ``"external"``.
    kind: String,
    /// The namespace of a pod.
    namespace: Option<String>,
    /// The name of a pod or node, where it is known.
    name: Option<String>,
    /// The address, as text; ``None`` where it has none.
    address: Option<String>,
}

/// Why a connection may pass in one direction, or may not. ``str()`` is a sentence.
#[pyclass(module = "netpolicy", frozen, get_all, eq)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DirectionExplanation {
    /// ``"allow"`` or ``"deny"``.
    verdict: String,
    /// The tier that decides: ``"Admin"``, ``"NetworkPolicy"`` or ``"Baseline"``;
    /// ``None`` where no policy does.
    tier: Option<String>,
    /// What decides: ``"rule"``, ``"isolated"``, ``"isolatedElsewhere"``,
    /// ``"ownNode"``, ``"samePod"``, ``"notAPod"``, ``"noRuleMatches"`` or
    /// ``"noPolicySelects"``.
    reason: String,
    /// The rule that decides, if one does.
    rule: Option<Rule>,
    /// The policies that were consulted, in order.
    policies: Vec<ConsultedPolicy>,
    /// What was not known, and what was taken to be the case instead.
    assumptions: Vec<String>,
    /// The sentence.
    text: String,
}

/// What a policy that was consulted had to say.
#[pyclass(module = "netpolicy", frozen, get_all, eq)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ConsultedPolicy {
    /// The policy.
    policy: Policy,
    /// The rule that matches, if one does.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
    /// Else how near it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    miss: Option<NearestMiss>,
}

/// How near a policy that does not match came to matching.
#[pyclass(module = "netpolicy", frozen, get_all, eq)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NearestMiss {
    /// ``"noRules"``, ``"port"`` (the rule matches the peer, but not the port),
    /// ``"peer"`` (the port, but not the peer), ``"neither"`` or ``"failsClosed"``.
    kind: String,
    /// The nearest rule, if one is near.
    rule: Option<Rule>,
    /// The same as a sentence.
    text: String,
}

/// A policy.
#[pyclass(module = "netpolicy", frozen, get_all, eq)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// The ``kind`` of the object.
    kind: String,
    /// Its namespace; ``None`` for the cluster-scoped kinds.
    namespace: Option<String>,
    /// Its name.
    name: String,
    /// ``"Admin"``, ``"NetworkPolicy"`` or ``"Baseline"``.
    tier: String,
    /// Its priority; ``None`` for the kinds without.
    priority: Option<u16>,
    /// The file it was read from.
    file: Option<String>,
    /// The line on which it begins.
    line: Option<u32>,
}

/// A rule of a policy.
#[pyclass(module = "netpolicy", frozen, get_all, eq)]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    /// The policy it stands in.
    policy: Policy,
    /// ``"egress"`` or ``"ingress"``.
    direction: String,
    /// Its index in that list of the manifest, from 0.
    index: u32,
    /// Its name.
    name: Option<String>,
    /// ``"allow"``, ``"deny"`` or ``"pass"``.
    action: String,
    /// Whether it has a peer that is not known here.
    fails_closed: bool,
    /// The line on which it begins, in the file of its policy; 0 if unknown.
    line: u32,
}

impl Explanation {
    pub(crate) fn new(explanation: &explain::Explanation<'_>) -> PyResult<Explanation> {
        Ok(Explanation {
            chain: format!("{explanation:#}"),
            ..as_data(explanation)?
        })
    }
}

/// What a pickle of an explanation calls.
#[pyfunction]
pub(crate) fn unpickled_explanation(json: &str, chain: String) -> PyResult<Explanation> {
    let explanation: Explanation =
        serde_json::from_str(json).map_err(|error| crate::errors::invalid(error.to_string()))?;
    Ok(Explanation {
        chain,
        ..explanation
    })
}

/// What the core serializes, as one of the structures here.
pub(crate) fn as_data<T: for<'d> Deserialize<'d>>(value: &impl Serialize) -> PyResult<T> {
    serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .map_err(|error| {
            crate::errors::invalid(format!("an explanation that cannot be read: {error}"))
        })
}

#[pymethods]
impl Explanation {
    /// Whether the connection may pass.
    #[getter]
    fn allowed(&self) -> bool {
        self.verdict == "allow"
    }

    /// All of it as dicts and lists, as ``netpolicy verdict -o json`` writes it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let json = serde_json::to_string(self)
            .map_err(|error| crate::errors::invalid(error.to_string()))?;
        py.import("json")?.call_method1("loads", (json,))
    }

    pub(crate) fn __str__(&self) -> &str {
        &self.text
    }

    /// The whole chain, so that a prompt or notebook shows it.
    fn __repr__(&self) -> &str {
        &self.chain
    }

    /// As JSON, for pickles.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String, String))> {
        let explanation = slf.get();
        let json = serde_json::to_string(explanation)
            .map_err(|error| crate::errors::invalid(error.to_string()))?;
        let native = slf.py().import("netpolicy._native")?;
        let arguments = (json, explanation.chain.clone());
        Ok((native.getattr("unpickled_explanation")?, arguments))
    }
}

#[pymethods]
impl DirectionExplanation {
    /// Whether the connection may pass in this direction.
    #[getter]
    fn allowed(&self) -> bool {
        self.verdict == "allow"
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<DirectionExplanation {}>", self.text)
    }
}

#[pymethods]
impl Policy {
    /// ``kind namespace/name``.
    fn __str__(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    fn __repr__(&self) -> String {
        format!("<Policy {}>", self.__str__())
    }
}

#[pymethods]
impl Rule {
    /// The policy, and where in it the rule stands.
    fn __str__(&self) -> String {
        format!(
            "{} {}[{}]",
            self.policy.__str__(),
            self.direction,
            self.index
        )
    }

    fn __repr__(&self) -> String {
        format!("<Rule {}>", self.__str__())
    }
}

#[pymethods]
impl NearestMiss {
    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<NearestMiss {}>", self.text)
    }
}

#[pymethods]
impl ConsultedPolicy {
    fn __repr__(&self) -> String {
        let outcome = match (&self.rule, &self.miss) {
            (Some(rule), _) => format!("matches by {}[{}]", rule.direction, rule.index),
            (None, Some(miss)) => miss.text.clone(),
            (None, None) => String::new(),
        };
        format!("<ConsultedPolicy {}: {outcome}>", self.policy.__str__())
    }
}
