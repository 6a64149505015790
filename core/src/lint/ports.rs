//! Ports that are opened, and that no container declares.

use alloc::format;
use alloc::vec::Vec;

use super::given::GivenPods;
use super::{Code, Finding};
use crate::check::warning;
use crate::image::Image;
use crate::image::tables::{NONE, PolicyKind};
use crate::model::Direction;
use crate::protocol::PortKey;
use crate::verdict::rule_ports;
use crate::{Cluster, Protocol};

pub(super) fn find(cluster: &Cluster, image: &Image<'_>, findings: &mut Vec<Finding>) {
    let given = GivenPods::new(cluster);
    for (policy, record) in image.policies().zip(image.cold.policies.iter()) {
        if record.kind() != PolicyKind::Network || !record.isolates(Direction::Ingress) {
            continue;
        }
        // Only where every pod it selects declares ports is one that none declares
        // worth a word.
        let mut ports: Vec<(Protocol, u16)> = Vec::new();
        let (mut selected, mut silent) = (0, 0);
        for pod in image.pods().filter(|pod| policy.selects(pod)) {
            let given = given.get(pod.namespace(), pod.name());
            let declared: &[_] = given.map_or(&[], |pod| &*pod.declared_ports);
            selected += 1;
            silent += usize::from(declared.is_empty());
            ports.extend(declared);
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
                    "lists {protocol} {range}, which no container declares of the pods that the \
                     policy selects ({selected})"
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
