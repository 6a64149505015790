//! Objects of kinds that do not matter, which are passed over and counted; and those
//! that only look as if they did not.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::field::nearest;
use super::tape::Node;
use super::workload;
use super::{Loader, Origin};
use crate::Severity;

/// The policies that are known here, with their `apiVersion`s.
const POLICIES: [(&str, &str); 4] = [
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"),
    (
        "policy.networking.k8s.io/v1alpha1",
        "BaselineAdminNetworkPolicy",
    ),
    ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
];

/// What else is known, controllers apart.
const OTHERS: [(&str, &str); 3] = [("v1", "Pod"), ("v1", "Namespace"), ("v1", "Node")];

/// The API group of an `apiVersion`; the core group has none.
fn group(api_version: &str) -> Option<&str> {
    api_version.split_once('/').map(|(group, _)| group)
}

impl Loader {
    /// Passes over an object of a kind that does not matter. One that looks like a
    /// policy, or whose kind is misspelt, does matter.
    pub(super) fn skip(
        &mut self,
        origin: Origin<'_>,
        node: Node<'_>,
        api_version: &str,
        kind: &str,
    ) {
        *self
            .skipped
            .entry(format!("{api_version} {kind}"))
            .or_default() += 1;
        let (severity, path, message) = match POLICIES.iter().find(|(_, known)| *known == kind) {
            Some((expected, _)) => {
                let is_ours = group(api_version) == group(expected)
                    || matches!(api_version, "extensions/v1beta1" | "v1");
                let (severity, message) = if is_ours {
                    (
                        Severity::Error,
                        format!(
                            "{api_version:?}: not a version that is known here: use {expected}"
                        ),
                    )
                } else {
                    (
                        Severity::Warning,
                        format!(
                            "{api_version:?}: a policy of another API, which does not count here"
                        ),
                    )
                };
                (severity, "apiVersion", message)
            }
            None => {
                let known = POLICIES.iter().chain(&OTHERS).chain(&workload::KINDS);
                let of_group: Vec<_> = known
                    .filter(|(known, _)| group(known) == group(api_version))
                    .map(|(_, kind)| *kind)
                    .collect();
                let Some(meant) = nearest(kind, &of_group) else {
                    return;
                };
                let message = format!("unknown kind: did you mean {meant}?");
                (Severity::Error, "kind", message)
            }
        };
        self.diagnose(
            origin,
            severity,
            node.mark(),
            kind.to_owned(),
            path.to_owned(),
            message,
        );
    }

    /// Passes over a map with neither `apiVersion` nor `kind`, such as the values of a
    /// chart; unless both are there, and misspelt.
    pub(super) fn skip_what_is_no_object(&mut self, origin: Origin<'_>, node: Node<'_>) {
        *self.skipped.entry("(no object)".to_owned()).or_default() += 1;
        let misspelt = ["apiVersion", "kind"].map(|name| {
            let mut pairs = node.pairs();
            pairs.find_map(|(key, _)| nearest(key.text(), &[name]).map(|meant| (key, meant)))
        });
        let [Some(api_version), Some(kind)] = misspelt else {
            return;
        };
        for (key, meant) in [api_version, kind] {
            self.diagnose(
                origin,
                Severity::Error,
                key.mark(),
                String::new(),
                key.text().to_owned(),
                format!("unknown field: did you mean {meant}?"),
            );
        }
    }
}
