//! What has no effect, whoever comes: rules in a direction that `policyTypes` leaves out,
//! and cluster-scoped policies without rules.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Code, Finding};
use crate::check::warning;
use crate::image::Image;
use crate::image::tables::PolicyKind;
use crate::model::Direction;
use crate::{Cluster, Diagnostic};

pub(super) fn find(cluster: &Cluster, image: &Image<'_>, findings: &mut Vec<Finding>) {
    for record in image.cold.policies.iter() {
        let rules = Direction::BOTH.map(|direction| record.rules(direction).1);
        if record.kind() == PolicyKind::Network || rules != [0, 0] {
            continue;
        }
        let message = "can be removed without changing any verdict: it has no rules, and to \
                       select pods does not isolate them";
        findings.push(Finding {
            code: Code::RemovablePolicy,
            diagnostic: warning(image, &record, 0, String::new(), message.into()),
        });
    }
    // Of these rules an image knows nothing.
    for policy in cluster.network_policies() {
        for direction in Direction::BOTH {
            let Some(first) = policy.rules(direction).first() else {
                continue;
            };
            if policy.isolates(direction) {
                continue;
            }
            let policy_type = match direction {
                Direction::Egress => "Egress",
                Direction::Ingress => "Ingress",
            };
            let line = if first.line == 0 {
                policy.source.line
            } else {
                first.line
            };
            findings.push(Finding {
                code: Code::RulesWithoutType,
                diagnostic: Diagnostic {
                    file: String::from(&*policy.source.file),
                    line,
                    object: format!("NetworkPolicy {}/{}", policy.namespace, policy.name),
                    path: format!("spec.{direction}"),
                    message: format!(
                        "can be removed without changing any verdict: policyTypes leaves \
                         {policy_type} out, so nothing asks for the rules"
                    ),
                    ..Diagnostic::warning()
                },
            });
        }
    }
}
