//! Pods that state an address which another pod holds.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::given::GivenPods;
use super::{Code, Finding, some_of};
use crate::image::Image;
use crate::model::Pod;
use crate::{Cluster, Diagnostic};

pub(super) fn find(cluster: &Cluster, image: &Image<'_>, findings: &mut Vec<Finding>) {
    let given = GivenPods::new(cluster);
    for pod in image.pods() {
        // The addresses that each other pod holds.
        let mut lost: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (address, holder) in pod.lost_addresses() {
            let key = (holder.namespace(), holder.name());
            lost.entry(key).or_default().push(address.to_string());
        }
        for ((namespace, name), addresses) in lost {
            let loser = given.get(pod.namespace(), pod.name());
            let (Some(loser), Some(holder)) = (loser, given.get(namespace, name)) else {
                continue;
            };
            // While a pod goes, its address may already be another's: nothing is wrong.
            if loser.deleting {
                continue;
            }
            let message = format!(
                "states {}, which {namespace}/{name} states as well and is taken to hold: {}",
                some_of(&addresses),
                reason(holder, loser),
            );
            findings.push(Finding {
                code: Code::ContestedAddress,
                diagnostic: Diagnostic {
                    object: format!("Pod {pod}"),
                    path: "status.podIPs".into(),
                    message,
                    ..Diagnostic::warning()
                },
            });
        }
    }
}

/// Why the one pod holds an address, and the other does not. SEMANTICS, "Who an address
/// is", 1.
fn reason(holder: &Pod<'_>, loser: &Pod<'_>) -> String {
    if holder.phase != loser.phase {
        return format!("it is {:?}, and this pod {:?}", holder.phase, loser.phase);
    }
    match (holder.created, loser.created) {
        (Some(_), None) => "it says when it was created, and this pod does not".into(),
        (holder, loser) if holder != loser => "it was created later".into(),
        _ => "neither phase nor time of creation tells the two apart, and it comes first by name"
            .into(),
    }
}
