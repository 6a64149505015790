//! Protocols, and ports that have names.

use serde_json::Value;

use super::json::{field, list, port, text};
use super::{Connection, Direction, Feature, Trace};

/// The IP protocol numbers of the three protocols that policies can name, which are those that
/// have ports.
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const SCTP: u8 = 132;

/// Whether the protocol has ports.
pub(super) fn has_ports(protocol: u8) -> bool {
    [TCP, UDP, SCTP].contains(&protocol)
}

/// The protocol at `path`, which "defaults to TCP".
pub(super) fn protocol_at(value: &Value, path: &[&str]) -> u8 {
    match text(value, path) {
        None | Some("TCP") => TCP,
        Some("UDP") => UDP,
        Some("SCTP") => SCTP,
        Some(other) => panic!("unknown protocol {other:?}"),
    }
}

/// A port of a container that has a name.
struct NamedPort<'a> {
    name: &'a str,
    protocol: u8,
    number: u16,
    /// Whether "init containers with `restartPolicy: Always`" are where it stands.
    in_sidecar: bool,
    /// Whether it stands in any other init container, and so does not count.
    in_ordinary_init: bool,
}

/// All ports with names of a pod, in the order written.
fn named_ports(pod: &Value) -> Vec<NamedPort<'_>> {
    let mut found = Vec::new();
    for (key, init) in [("containers", false), ("initContainers", true)] {
        for container in list(pod, &["spec", key]) {
            let always = text(container, &["restartPolicy"]) == Some("Always");
            for entry in list(container, &["ports"]) {
                if let Some(name) = text(entry, &["name"]) {
                    let number = port(entry, &["containerPort"])
                        .unwrap_or_else(|| panic!("containerPort is missing in {entry}"));
                    found.push(NamedPort {
                        name,
                        protocol: protocol_at(entry, &["protocol"]),
                        number,
                        in_sidecar: init && always,
                        in_ordinary_init: init && !always,
                    });
                }
            }
        }
    }
    found
}

/// Whether a connection goes to the port of that name.
///
/// "A name: resolved on the **destination** pod, in `containers` and in init containers with
/// `restartPolicy: Always`; name and protocol must match; a destination that is no pod never
/// matches." For ANP and CNP `protocol` is `None`: "any protocol; the destination pod's port of
/// that name", whose own protocol and number the connection must have.
///
/// If several containers have the name, each of their ports matches.
pub(super) fn named_port_matches(
    wanted: &str,
    protocol: Option<u8>,
    direction: Direction,
    connection: &Connection<'_>,
    trace: &Trace,
) -> bool {
    if protocol.is_some_and(|protocol| protocol != connection.protocol) {
        return false;
    }
    let Some(pod) = connection.destination.pod else {
        trace.met(Feature::NamedPortNoPod);
        return false;
    };
    let all = named_ports(pod);
    let named: Vec<&NamedPort<'_>> = all
        .iter()
        .filter(|port| port.name == wanted && !port.in_ordinary_init)
        .collect();
    let goes_to = |port: &NamedPort<'_>| {
        port.protocol == connection.protocol && port.number == connection.port
    };
    let first = named.iter().position(|port| goes_to(port));

    trace.met_if(named.is_empty(), Feature::NamedPortUnknown);
    for port in &all {
        trace.met_if(
            first.is_none() && port.name == wanted && port.in_ordinary_init && goes_to(port),
            Feature::NamedPortInOrdinaryInit,
        );
    }
    if let Some(position) = first {
        let port = named[position];
        trace.met(match port.protocol {
            TCP => Feature::NamedPortTcp,
            UDP => Feature::NamedPortUdp,
            _ => Feature::NamedPortSctp,
        });
        trace.met(match direction {
            Direction::Ingress => Feature::NamedPortIngress,
            Direction::Egress => Feature::NamedPortEgress,
        });
        trace.met_if(port.in_sidecar, Feature::NamedPortInSidecar);
        let earlier = named[..position].iter();
        trace.met_if(
            earlier.clone().any(|other| other.protocol == port.protocol),
            Feature::NamedPortSecond,
        );
    } else {
        for port in &named {
            trace.met(if port.protocol == connection.protocol {
                Feature::NamedPortOtherNumber
            } else {
                Feature::NamedPortOtherProtocol
            });
        }
    }
    first.is_some()
}

/// Whether a port lies in a range, both ends included.
pub(super) fn in_range(port: u16, start: u16, end: u16) -> bool {
    start <= port && port <= end
}

/// Whether a port lies next to a range, outside of it.
pub(super) fn beside_range(port: u16, start: u16, end: u16) -> bool {
    port.checked_add(1) == Some(start) || port.checked_sub(1) == Some(end)
}

/// The string at `path` if it is one: a port can be a name or a number.
pub(super) fn port_name<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    field(value, path).and_then(Value::as_str)
}
