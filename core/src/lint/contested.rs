//! Pods that state an address which another pod holds, or a node has.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::given::GivenPods;
use super::{Code, Finding, some_of};
use crate::image::Image;
use crate::model::{Phase, Pod};
use crate::{Cluster, Diagnostic, canonical};

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
            findings.push(finding(loser, message));
        }
    }
    find_on_nodes(cluster, findings);
}

fn finding(pod: &Pod<'_>, message: String) -> Finding {
    Finding {
        code: Code::ContestedAddress,
        diagnostic: Diagnostic {
            object: format!("Pod {}/{}", pod.namespace, pod.name),
            path: "status.podIPs".into(),
            message,
            ..Diagnostic::warning()
        },
    }
}

/// Pods that are not on the network of their node and state an address of a node.
/// SEMANTICS, "Who an address is": it is the pod's.
fn find_on_nodes(cluster: &Cluster, findings: &mut Vec<Finding>) {
    let mut nodes: BTreeMap<IpAddr, String> = BTreeMap::new();
    for pod in cluster.pods() {
        let of_pod: &[IpAddr] = if pod.host_network {
            &pod.addresses
        } else {
            &[]
        };
        for address in pod.host_addresses.iter().chain(of_pod) {
            let whose = || format!("the node's of {}/{}", pod.namespace, pod.name);
            nodes.entry(canonical(*address)).or_insert_with(whose);
        }
    }
    for node in cluster.nodes() {
        for address in &*node.addresses {
            nodes.insert(canonical(*address), format!("node {}'s", node.name));
        }
    }
    for pod in cluster.pods() {
        let has_ended = matches!(pod.phase, Phase::Succeeded | Phase::Failed);
        if pod.host_network || has_ended || pod.deleting {
            continue;
        }
        for address in &*pod.addresses {
            if let Some(whose) = nodes.get(&canonical(*address)) {
                let message = format!(
                    "states {address}, which is {whose} as well: it is taken for this pod's alone"
                );
                findings.push(finding(pod, message));
            }
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
