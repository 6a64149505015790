//! Who may answer questions of DNS.
//!
//! Whoever might is taken to. Only a pod does not that says at which ports it listens, if
//! none of them is one of DNS, and neither its namespace nor a label of it speaks of DNS;
//! nor, where a DNS server is given, a pod that says nothing of all this.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::given::GivenPods;
use crate::image::Image;
use crate::model::Pod;
use crate::protocol::PortKey;
use crate::reach::Places;
use crate::verdict::{Identity, PodParty};
use crate::{Cluster, Protocol};

/// The ports that DNS servers of clusters listen on.
const PORTS: [u16; 4] = [53, 5353, 8053, 10053];

/// The namespaces in which they are.
const NAMESPACES: [&str; 2] = ["kube-system", "openshift-dns"];

/// Where questions of DNS are sent, by one protocol.
pub(super) fn keys(protocol: Protocol) -> [PortKey; PORTS.len()] {
    PORTS.map(|port| PortKey::new(protocol, port))
}

/// At which ports who stands at each place may answer.
pub(super) struct Servers {
    /// A number for each place, in `ports`.
    pub(super) marks: Vec<u32>,
    ports: Vec<BTreeSet<u16>>,
}

impl Servers {
    pub(super) fn new(cluster: &Cluster, image: &Image<'_>, places: &Places<'_>) -> Servers {
        let given = GivenPods::new(cluster);
        let is_server_given = cluster.pods().iter().any(is_server);
        let mut of_places: Vec<BTreeSet<u16>> = Vec::new();
        of_places.resize(places.keys.len(), BTreeSet::new());
        for end in &places.standing {
            let pod = match end.party.identity {
                Identity::Pod(PodParty::Known(pod)) => {
                    let pod = PodParty::Known(pod);
                    given.get(pod.namespace_name(image), pod.name(image))
                }
                _ => None,
            };
            if let Some(ports) = of_places.get_mut(end.place as usize) {
                match pod {
                    Some(pod) => ports.extend(ports_of(pod, is_server_given)),
                    // An address that is no pod's may be anybody's.
                    None => ports.extend(PORTS),
                }
            }
        }
        let mut numbers = HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
        let mut ports = Vec::new();
        let marks = of_places.into_iter().map(|of_place| {
            let next = ports.len() as u32;
            *numbers.entry(of_place).or_insert_with_key(|of_place| {
                ports.push(of_place.clone());
                next
            })
        });
        Servers {
            marks: marks.collect(),
            ports,
        }
    }

    /// Where questions are sent to places with a mark.
    pub(super) fn keys(&self, mark: u32, protocol: Protocol) -> impl Iterator<Item = PortKey> {
        let ports = self.ports.get(mark as usize).into_iter().flatten();
        ports.map(move |port| PortKey::new(protocol, *port))
    }
}

/// Whether a pod is one of the cluster's DNS servers: it is called so, where they are, and
/// declares a port of DNS.
fn is_server(pod: &Pod<'_>) -> bool {
    NAMESPACES.contains(&&*pod.namespace)
        && speaks_of_dns(pod)
        && declared_ports(pod).any(|port| PORTS.contains(&port))
}

fn speaks_of_dns(pod: &Pod<'_>) -> bool {
    pod.labels.iter().any(|label| label.value.contains("dns"))
}

fn declared_ports(pod: &Pod<'_>) -> impl Iterator<Item = u16> {
    let declared = pod.declared_ports.iter().map(|(_, port)| *port);
    declared.chain(pod.ports.iter().map(|port| port.number))
}

/// The ports at which a pod may answer.
fn ports_of(pod: &Pod<'_>, is_server_given: bool) -> BTreeSet<u16> {
    let mut ports: BTreeSet<u16> = declared_ports(pod).collect();
    let is_silent = ports.is_empty() && !is_server_given;
    if is_silent || speaks_of_dns(pod) || NAMESPACES.contains(&&*pod.namespace) {
        ports.extend(PORTS);
        return ports;
    }
    ports.retain(|port| PORTS.contains(port));
    let named = pod.ports.iter().filter(|port| port.name.contains("dns"));
    ports.extend(named.map(|port| port.number));
    ports
}
