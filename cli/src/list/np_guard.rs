//! Lists and differences in the lines of np-guard's netpol-analyzer, which knows
//! workloads and ranges of IPv4 addresses, and TCP, UDP and SCTP.

use netpolicy::manifest::Owners;
use netpolicy::model::Direction;
use netpolicy::reach::{AddressRange, Peer, PortSet, Reachability};
use netpolicy::{Family, Image, Protocol};

use super::Listed;

const PROTOCOLS: [Protocol; 3] = [Protocol::SCTP, Protocol::TCP, Protocol::UDP];

/// Whom pods are named after: that tool names them by the owner that they state.
pub(crate) fn owners(is_np_guard: bool) -> Owners {
    if is_np_guard {
        Owners::Stated
    } else {
        Owners::Root
    }
}

/// `source => destination : connections`, sorted.
pub(super) fn lines(image: &Image<'_>, rows: &[Listed<'_>]) -> String {
    let sources = ranges(image, Direction::Ingress);
    let destinations = ranges(image, Direction::Egress);
    let mut lines = Vec::new();
    for row in rows {
        let Some(connections) = named_connections(row) else {
            continue;
        };
        if is_within_one_workload(row.source, row.destination) {
            continue;
        }
        for source in names(row.source, &sources) {
            for destination in names(row.destination, &destinations) {
                lines.push(format!("{source} => {destination} : {connections}\n"));
            }
        }
    }
    lines.sort();
    lines.dedup();
    lines.concat()
}

/// The connections of a row, and what is open by name alone.
fn named_connections(row: &Listed<'_>) -> Option<String> {
    let names = row.names.iter().map(|port| {
        let not = if port.is_open { "" } else { "!" };
        format!("{} {not}{}", port.protocol, port.name)
    });
    let parts: Vec<String> = connections(&row.ports).into_iter().chain(names).collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

/// A workload to itself is nothing to that tool.
pub(crate) fn is_within_one_workload(source: &Peer, destination: &Peer) -> bool {
    let name = |peer: &Peer| {
        peer.workload()
            .map(|of| (of.namespace.clone(), of.kind.clone(), of.name.clone()))
    };
    name(source).is_some() && name(source) == name(destination)
}

/// IPv4, cut at the blocks of all rules of a direction.
pub(crate) fn ranges(image: &Image<'_>, direction: Direction) -> Vec<AddressRange> {
    let mut ranges = Reachability::ranges_of_direction(image, direction);
    ranges.retain(|range| range.family() == Family::V4);
    ranges
}

/// How the ends of a row are called there.
pub(crate) fn names(peer: &Peer, cut: &[AddressRange]) -> Vec<String> {
    match peer {
        Peer::Workload(workload) if workload.part.is_empty() => {
            vec![format!(
                "{}/{}[{}]",
                workload.namespace, workload.name, workload.kind
            )]
        }
        Peer::Workload(workload) => {
            let pods = workload.part.iter();
            pods.map(|pod| format!("{}/{}[Pod]", workload.namespace, pod.name))
                .collect()
        }
        Peer::External { ranges } => {
            let cut = cut.iter();
            let pieces = cut.flat_map(|cut| ranges.iter().filter_map(|of| of.intersection(cut)));
            pieces
                .map(|range| format!("{}-{}[External]", range.first, range.last))
                .collect()
        }
        // That tool knows no nodes.
        _ => Vec::new(),
    }
}

/// `All Connections`, or `SCTP 9003,TCP 8080,9090`; `None` for what it has no word
/// for.
pub(crate) fn connections(ports: &PortSet) -> Option<String> {
    let of = PROTOCOLS.map(|protocol| (protocol, ports.of_protocol(protocol)));
    if of
        .iter()
        .all(|(protocol, ports)| *ports == PortSet::every(*protocol))
    {
        return Some("All Connections".to_owned());
    }
    let mut parts = Vec::new();
    for (protocol, ports) in of.iter().filter(|(_, ports)| !ports.is_empty()) {
        let ranges: Vec<_> = ports.ranges().map(|range| range.to_string()).collect();
        parts.push(format!("{protocol} {}", ranges.join(",")));
    }
    (!parts.is_empty()).then(|| parts.join(","))
}
