//! What is valid, and yet probably not meant: policies that do nothing, rules that
//! can never decide, selectors that select nothing, and more.
//!
//! A finding states a fact about the objects that were given, and only what follows
//! from them: where they do not suffice to tell (no pods at all, say), nothing is said.
//! "Removable" is proved: the verdict is worked out with and without all that is said
//! to be, for every pair of ends that any policy can tell apart, whether they are there
//! or still to come, at every port at which a rule begins or ends. Of pods to come, those
//! are asked about that have no labels, or such as one selector asks for, or two together;
//! they have no addresses.

mod code;
mod contested;
mod dns;
mod effects;
mod egress;
mod given;
mod inert;
mod ports;
mod questions;
mod selectors;

use alloc::string::String;
use alloc::vec::Vec;

pub use code::Code;

use crate::check::check_coded;
use crate::image::Image;
use crate::{Cluster, Diagnostic};

/// Something worth a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing it is.
    pub code: Code,
    /// Where it is, and what.
    pub diagnostic: Diagnostic,
}

/// Every finding about a cluster and the image that was compiled from it, by file and
/// line.
///
/// The time it takes is bounded: where too many connections would have to be compared
/// to prove that something is removable, [`Code::TooMuchToCompare`] says of which
/// policies that was not worked out.
#[must_use]
pub fn lint(cluster: &Cluster, image: &Image<'_>) -> Vec<Finding> {
    lint_within(cluster, image, MAX_STEPS)
}

/// How many steps [`lint`] takes at most: some seconds.
const MAX_STEPS: u64 = 100_000_000;

/// The same, comparing connections in at most so many steps: a step is a rule that is
/// held to a connection.
#[must_use]
pub fn lint_within(cluster: &Cluster, image: &Image<'_>, steps: u64) -> Vec<Finding> {
    let (coded, second) = check_coded(image);
    let mut findings: Vec<Finding> = coded
        .into_iter()
        .map(|(code, diagnostic)| Finding { code, diagnostic })
        .collect();
    findings.retain(|finding| {
        finding.code != Code::MissingNamespace || is_really_missing(cluster, finding)
    });
    effects::find(cluster, image, &second, steps, &mut findings);
    inert::find(cluster, image, &mut findings);
    egress::find(cluster, image, &mut findings);
    selectors::find(image, &mut findings);
    ports::find(cluster, image, &mut findings);
    contested::find(cluster, image, &mut findings);
    leave_out_what_is_said_better(&mut findings);
    sort(&mut findings);
    findings
}

/// The same findings, each at the place that `locate` gives it. An image knows where
/// policies and their rules stand, and leaves out where their peers and ports and the pods
/// do.
///
/// `manifest::Loaded::locate` knows it of what was read.
#[must_use]
pub fn with_places(mut findings: Vec<Finding>, locate: impl Fn(&mut Diagnostic)) -> Vec<Finding> {
    for Finding { diagnostic, .. } in &mut findings {
        locate(diagnostic);
    }
    sort(&mut findings);
    findings
}

/// Of a peer that was split from another, it says enough what was probably meant.
fn leave_out_what_is_said_better(findings: &mut Vec<Finding>) {
    let split: Vec<(String, String)> = findings
        .iter()
        .filter(|finding| finding.code == Code::SplitPeer)
        .map(|Finding { diagnostic, .. }| (diagnostic.object.clone(), diagnostic.path.clone()))
        .collect();
    findings.retain(|Finding { code, diagnostic }| {
        let is_same = |(object, path): &(String, String)| {
            (object, path) == (&diagnostic.object, &diagnostic.path)
        };
        *code != Code::PeerSelectsNothing || !split.iter().any(is_same)
    });
}

/// By file and line.
fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            let Diagnostic {
                file,
                line,
                column,
                path,
                ..
            } = &finding.diagnostic;
            (file.clone(), *line, *column, finding.code, path.clone())
        };
        key(a).cmp(&key(b))
    });
}

/// Whether it is said of a policy that it selects nothing.
fn is_in_vain(finding: &Finding) -> bool {
    matches!(
        finding.code,
        Code::SubjectSelectsNothing | Code::MissingNamespace
    )
}

/// Whether the namespaces that were given can be all there are: some were, and it is
/// none that every cluster has.
fn is_really_missing(cluster: &Cluster, finding: &Finding) -> bool {
    const BUILT_IN: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];
    let object = &finding.diagnostic.object;
    let namespace = object
        .split_once(' ')
        .and_then(|(_, name)| name.split_once('/'))
        .map_or("", |(namespace, _)| namespace);
    !cluster.namespaces().is_empty() && !BUILT_IN.contains(&namespace)
}

/// A few names, and how many more there are.
fn some_of(names: &[String]) -> String {
    const FEW: usize = 3;
    let mut text = String::new();
    for (index, name) in names.iter().take(FEW).enumerate() {
        if index != 0 {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    if names.len() > FEW {
        text.push_str(&alloc::format!(" and {} more", names.len() - FEW));
    }
    text
}

/// `code`, `name`, `level`, the fields of the diagnostic, `why` and `mend`.
#[cfg(feature = "serde")]
impl serde::Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let Finding { code, diagnostic } = self;
        let mut fields = serializer.serialize_struct("Finding", 11)?;
        fields.serialize_field("code", code.code())?;
        fields.serialize_field("name", code.name())?;
        fields.serialize_field("level", if code.is_note() { "note" } else { "warning" })?;
        fields.serialize_field("object", &diagnostic.object)?;
        fields.serialize_field("path", &diagnostic.path)?;
        fields.serialize_field("file", &diagnostic.file)?;
        fields.serialize_field("line", &diagnostic.line)?;
        fields.serialize_field("column", &diagnostic.column)?;
        fields.serialize_field("message", &diagnostic.message)?;
        fields.serialize_field("why", code.why())?;
        fields.serialize_field("mend", code.mend())?;
        fields.end()
    }
}
