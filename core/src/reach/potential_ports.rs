//! Ports of pods that do not exist yet, by the names that rules call them.
//!
//! Which number a pod to come gives to a name is not known. So a made-up pod has each
//! name at a number of its own that no rule lists. What is open of the number below,
//! which is nobody's either, is open whatever the number; where the two differ, it is
//! the name that does it.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::port_set::{PROTOCOLS, PortSet};
use crate::model::{Direction, NamedPort, Port};
use crate::{Cluster, Protocol};

/// The ports that made-up pods have by name.
#[derive(Debug, Clone)]
pub struct PotentialPorts {
    ports: Vec<NamedPort<'static>>,
}

/// A port of a pod that does not exist yet, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortName {
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The name.
    pub name: String,
    /// Whether it is open while most numbers are not, or closed while they are open.
    pub is_open: bool,
}

impl PotentialPorts {
    /// The names by which rules call ports. A name is left out if the ranges that rules
    /// list leave no number free for it.
    #[must_use]
    pub fn new(cluster: &Cluster) -> PotentialPorts {
        let mut names: BTreeSet<(Protocol, String)> = BTreeSet::new();
        let mut listed = PortSet::EMPTY;
        each_port(cluster, |port| match port {
            Port::Named(protocol, name) => {
                let protocols = PROTOCOLS.into_iter();
                let meant = protocols.filter(|of| protocol.is_none_or(|protocol| protocol == *of));
                names.extend(meant.map(|protocol| (protocol, name.to_string())));
            }
            // To list all is to list none.
            Port::Range(protocol, range) if (range.first(), range.last()) != (1, u16::MAX) => {
                let range = PortSet::range(*protocol, range.first(), range.last());
                listed = listed.union(&range);
            }
            Port::Every(_) | Port::Range(..) => {}
        });
        let mut ports = Vec::new();
        for protocol in PROTOCOLS {
            let is_free = |number: &u16| !listed.contains(protocol, *number);
            let mut numbers = (2..=u16::MAX).rev();
            for (_, name) in names.iter().filter(|(of, _)| *of == protocol) {
                let Some(number) = numbers.find(|number| is_free(number) && is_free(&(number - 1)))
                else {
                    break;
                };
                // The one below stays nobody's.
                numbers.next();
                ports.push(NamedPort {
                    name: name.clone().into(),
                    protocol,
                    number,
                });
            }
        }
        PotentialPorts { ports }
    }

    /// The ports of a made-up pod.
    pub(super) fn ports(&self) -> &[NamedPort<'static>] {
        &self.ports
    }

    /// What the ports of a row to a made-up pod mean: the numbers, and the names that
    /// are open or closed otherwise than most numbers are.
    #[must_use]
    pub fn told_apart(&self, ports: &PortSet) -> (PortSet, Vec<PortName>) {
        let mut numbers = ports.clone();
        let mut names = Vec::new();
        for NamedPort {
            name,
            protocol,
            number,
        } in &self.ports
        {
            let is_open = ports.contains(*protocol, *number);
            if is_open == ports.contains(*protocol, number - 1) {
                continue;
            }
            let own = PortSet::range(*protocol, *number, *number);
            numbers = if is_open {
                numbers.difference(&own)
            } else {
                numbers.union(&own)
            };
            names.push(PortName {
                protocol: *protocol,
                name: name.to_string(),
                is_open,
            });
        }
        (numbers, names)
    }
}

fn each_port(cluster: &Cluster, mut visit: impl FnMut(&Port<'_>)) {
    for direction in Direction::BOTH {
        for policy in cluster.network_policies() {
            let rules = policy.rules(direction).iter();
            rules.flat_map(|rule| &rule.ports).for_each(&mut visit);
        }
        for policy in cluster.cluster_policies() {
            let rules = policy.rules(direction).iter();
            rules.flat_map(|rule| &rule.ports).for_each(&mut visit);
        }
    }
}

/// `TCP grpc`; `not TCP grpc` if it is closed.
impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.is_open { "" } else { "not " };
        write!(f, "{not}{} {}", self.protocol, self.name)
    }
}

/// `protocol`, `name`, `open`.
#[cfg(feature = "serde")]
impl serde::Serialize for PortName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("PortName", 3)?;
        fields.serialize_field("protocol", &self.protocol.to_string())?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("open", &self.is_open)?;
        fields.end()
    }
}
