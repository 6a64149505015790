//! Ports that are opened, and that no container declares.

use alloc::format;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::{Code, Finding};
use crate::check::warning;
use crate::image::Image;
use crate::image::tables::{NONE, PolicyKind};
use crate::model::Direction;
use crate::protocol::PortKey;
use crate::verdict::rule_ports;
use crate::{Cluster, Protocol};

pub(super) fn find(cluster: &Cluster, image: &Image<'_>, findings: &mut Vec<Finding>) {
    let mut declared = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
    for pod in cluster.pods() {
        declared.insert((&*pod.namespace, &*pod.name), &*pod.declared_ports);
    }
    for (policy, record) in image.policies().zip(image.cold.policies.iter()) {
        if record.kind() != PolicyKind::Network || !record.isolates(Direction::Ingress) {
            continue;
        }
        // Only where every pod it selects declares ports is one that none declares
        // worth a word.
        let mut ports: Vec<(Protocol, u16)> = Vec::new();
        let (mut selected, mut silent) = (0, 0);
        for pod in image.pods().filter(|pod| policy.selects(pod)) {
            let of_pod = declared.get(&(pod.namespace(), pod.name()));
            selected += 1;
            silent += usize::from(of_pod.is_none_or(|ports| ports.is_empty()));
            ports.extend(of_pod.into_iter().flat_map(|ports| ports.iter()));
        }
        if selected == 0 || silent != 0 {
            continue;
        }
        let keys: Vec<u32> = ports
            .iter()
            .map(|(protocol, port)| PortKey::new(*protocol, *port).0)
            .collect();
        let (first, len) = record.rules(Direction::Ingress);
        for (index, rule) in image.cold.rules.range(first, len).enumerate() {
            for (at, port) in rule_ports(image, &rule).enumerate() {
                let is_declared = keys
                    .iter()
                    .any(|key| (port.first..=port.last).contains(key));
                let ends = (PortKey(port.first).parts(), PortKey(port.last).parts());
                let (Some((protocol, low)), Some((_, high))) = ends else {
                    continue;
                };
                // A whole protocol asks for no port in particular.
                if port.name != NONE || is_declared || (low <= 1 && high == u16::MAX) {
                    continue;
                }
                let range = if low == high {
                    format!("{low}")
                } else {
                    format!("{low}-{high}")
                };
                let message = format!(
                    "opens {protocol} {range}, which no container of the {selected} pods it \
                     selects declares"
                );
                let path = format!("spec.ingress[{index}].ports[{at}]");
                findings.push(Finding {
                    code: Code::UndeclaredPort,
                    diagnostic: warning(image, &record, rule.line, path, message),
                });
            }
        }
    }
}
