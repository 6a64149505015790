//! Questions about a world: where something could change, and anywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use super::vocabulary::{CIDRS, DOMAINS, EXTERNAL, POD_V4, POD_V6, edges};
use super::{Probe, cluster};
use crate::oracle::json::{list, port, text};
use crate::oracle::{host_addresses, node_addresses, parse_address, pod_addresses};

/// The family that an end should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn has(self, address: IpAddr) -> bool {
        match self {
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// One end of a probe, before the world is known.
#[derive(Clone, Debug)]
enum End {
    /// The pod in a place, or the next one that has an address; so that probes keep to their pods
    /// while others go.
    Place(usize),
    /// Any address in the status of a pod.
    Pod(Index),
    /// Any address of a Node, or a pod's `hostIP`.
    Node(Index),
    /// The edge of a network that a policy names, or next to it.
    Edge(Index),
    /// What a domain name resolves to.
    Domain(Index),
    /// An address that nobody in the cluster has.
    External(Index),
    Random(u128),
}

/// Protocol and port, before the world is known.
#[derive(Clone, Copy, Debug)]
enum Service {
    Fixed(u8, u16),
    /// A port that a container of the destination has; `true`: in the protocol it has there.
    Container(Index, bool, u8),
    /// A port that some policy names, or one beside it; `true`: in the protocol it has there.
    Rule(Index, i8, bool, u8),
}

/// A probe that becomes one when the world is known.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Of source and destination.
    families: (Family, Family),
    source: End,
    destination: End,
    /// Whether an IPv4 source or destination is to be spelled as IPv4-mapped IPv6.
    mapped: (bool, bool),
    service: Service,
    /// Whether the destination is the source's own pod.
    hairpin: bool,
}

/// Plans for probes: pod to pod as a rule, for only pods are subjects.
pub(super) fn plan() -> BoxedStrategy<Plan> {
    let pod = || {
        prop_oneof![
            6 => (0..cluster::MOST_PODS).prop_map(End::Place),
            1 => any::<Index>().prop_map(End::Pod),
        ]
    };
    let end = || {
        prop_oneof![
            4 => any::<Index>().prop_map(End::Node),
            3 => any::<Index>().prop_map(End::Edge),
            2 => any::<Index>().prop_map(End::Domain),
            1 => any::<Index>().prop_map(End::External),
            1 => any::<u128>().prop_map(End::Random),
        ]
    };
    let ends = prop_oneof![
        14 => (pod(), pod()),
        5 => (pod(), end()),
        4 => (end(), pod()),
        1 => (end(), end()),
    ];
    let families = prop_oneof![
        20 => Just((Family::V4, Family::V4)),
        12 => Just((Family::V6, Family::V6)),
        1 => Just((Family::V4, Family::V6)),
        1 => Just((Family::V6, Family::V4)),
    ];
    let mapped = || prop::bool::weighted(0.06);
    let hairpin = prop::bool::weighted(0.05);
    (families, ends, (mapped(), mapped()), service(), hairpin)
        .prop_map(
            |(families, (source, destination), mapped, service, hairpin)| Plan {
                families,
                source,
                destination,
                mapped,
                service,
                hairpin,
            },
        )
        .boxed()
}

fn service() -> impl Strategy<Value = Service> {
    let ported = || prop_oneof![3 => Just(6_u8), 2 => Just(17), 1 => Just(132)];
    let portless = || select(&[1_u8, 58, 47][..]);
    let fixed = |(protocol, port)| Service::Fixed(protocol, port);
    let beside = select(&[0_i8, 0, 0, -1, 1][..]);
    let own = || prop::bool::weighted(0.8);
    prop_oneof![
        8 => (any::<Index>(), beside, own(), ported()).prop_map(
            |(pick, beside, own, other)| Service::Rule(pick, beside, own, other)
        ),
        7 => (any::<Index>(), own(), ported()).prop_map(
            |(pick, own, other)| Service::Container(pick, own, other)
        ),
        1 => (ported(), select(&[0, 65535][..])).prop_map(fixed),
        1 => (ported(), any::<u16>()).prop_map(fixed),
        2 => (portless(), Just(0)).prop_map(fixed),
        // The port of a protocol without ports is ignored.
        1 => (portless(), any::<u16>()).prop_map(fixed),
    ]
}

/// What probes can be about in one world.
pub(super) struct Targets<'a> {
    pods: Vec<IpAddr>,
    nodes: Vec<IpAddr>,
    edges: Vec<IpAddr>,
    resolved: Vec<IpAddr>,
    external: Vec<IpAddr>,
    /// Protocols and ports that policies name.
    services: Vec<(u8, u16)>,
    manifests: &'a [Value],
}

impl Targets<'_> {
    pub(super) fn new<'a>(
        manifests: &'a [Value],
        domains: &[(String, Vec<IpAddr>)],
    ) -> Targets<'a> {
        let resolved = domains.iter().flat_map(|(_, addresses)| addresses);
        let mut targets = Targets {
            pods: Vec::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            resolved: resolved.map(IpAddr::to_canonical).collect(),
            external: EXTERNAL.iter().filter_map(|it| it.parse().ok()).collect(),
            services: Vec::new(),
            manifests,
        };
        for object in manifests {
            match text(object, &["kind"]) {
                Some("Pod") => {
                    targets.pods.extend(pod_addresses(object));
                    targets.nodes.extend(host_addresses(object));
                    // One that does not count, when `podIPs` has others.
                    let pod_ip = text(object, &["status", "podIP"]);
                    targets.pods.extend(pod_ip.and_then(parse_address));
                }
                Some("Node") => targets.nodes.extend(node_addresses(object)),
                Some("Namespace" | "Service") => {}
                _ => targets.read_policy(&object["spec"], None),
            }
        }
        targets
    }

    /// Writes down the networks and ports that a policy names, wherever in it they stand.
    fn read_policy(&mut self, value: &Value, protocol: Option<u8>) {
        match value {
            Value::String(word) if CIDRS.contains(&word.as_str()) => {
                self.edges.extend(edges(word));
            }
            Value::Array(items) => {
                for item in items {
                    self.read_policy(item, protocol);
                }
            }
            Value::Object(fields) => {
                let named = |key: &str| match key {
                    "TCP" | "tcp" => Some(6),
                    "UDP" | "udp" => Some(17),
                    "SCTP" | "sctp" => Some(132),
                    _ => None,
                };
                let own = fields
                    .get("protocol")
                    .and_then(Value::as_str)
                    .and_then(named);
                if let (Some(own), None | Some(Value::Null)) = (own, fields.get("port")) {
                    // Every port of the protocol: 0, too.
                    self.services.push((own, 0));
                }
                for (key, value) in fields {
                    let protocol = named(key).or(own).or(protocol);
                    let is_port =
                        ["port", "endPort", "number", "start", "end"].contains(&key.as_str());
                    let number = value.as_u64().and_then(|number| number.try_into().ok());
                    if let (true, Some(number)) = (is_port, number) {
                        self.services.push((protocol.unwrap_or(6), number));
                    }
                    self.read_policy(value, protocol);
                }
            }
            _ => {}
        }
    }

    /// An address of a family; not `unlike`, if there is another.
    fn end(&self, end: &End, family: Family, unlike: Option<IpAddr>) -> IpAddr {
        let (pool, pick) = match end {
            End::Place(place) => return self.place(*place, family, unlike),
            End::Pod(pick) => (&self.pods, pick),
            End::Node(pick) => (&self.nodes, pick),
            End::Edge(pick) => (&self.edges, pick),
            End::Domain(pick) => (&self.resolved, pick),
            End::External(pick) => (&self.external, pick),
            End::Random(bits) => {
                let short = u32::try_from(bits >> 96).unwrap_or(0);
                return match family {
                    Family::V6 => Ipv6Addr::from_bits(*bits).into(),
                    Family::V4 => Ipv4Addr::from_bits(short).into(),
                };
            }
        };
        let fitting = |pool: &[IpAddr]| -> Vec<IpAddr> {
            let fits = |&it: &IpAddr| family.has(it) && Some(it) != unlike;
            pool.iter().copied().filter(fits).collect()
        };
        let mut candidates = fitting(pool);
        if candidates.is_empty() {
            candidates = fitting(&self.external);
        }
        *pick.get(&candidates)
    }

    /// The address of a place if a pod has it, or else of the next such place.
    fn place(&self, place: usize, family: Family, unlike: Option<IpAddr>) -> IpAddr {
        let all = match family {
            Family::V4 => POD_V4,
            Family::V6 => POD_V6,
        };
        let addresses: Vec<IpAddr> = all.iter().filter_map(|it| it.parse().ok()).collect();
        let inhabited = |it: &&IpAddr| self.pods.contains(it) && Some(**it) != unlike;
        let from_here = addresses.iter().cycle().skip(place).take(addresses.len());
        from_here
            .clone()
            .find(inhabited)
            .or_else(|| from_here.clone().next())
            .copied()
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Another address of a pod that has this one, or the same.
    fn sibling(&self, address: IpAddr) -> IpAddr {
        let of_pod = |pod: &Value| {
            let addresses = pod_addresses(pod);
            let has = addresses.contains(&address);
            addresses.into_iter().rfind(|_| has)
        };
        self.manifests
            .iter()
            .filter(|object| text(object, &["kind"]) == Some("Pod"))
            .find_map(of_pod)
            .unwrap_or(address)
    }

    /// Protocols and ports of the containers of pods with this address.
    fn containers(&self, address: IpAddr) -> Vec<(u8, u16)> {
        let mut services = Vec::new();
        for pod in self.manifests {
            if text(pod, &["kind"]) != Some("Pod") || !pod_addresses(pod).contains(&address) {
                continue;
            }
            for containers in ["containers", "initContainers"] {
                for container in list(pod, &["spec", containers]) {
                    for entry in list(container, &["ports"]) {
                        let protocol = match text(entry, &["protocol"]) {
                            Some("UDP") => 17,
                            Some("SCTP") => 132,
                            _ => 6,
                        };
                        services.extend(port(entry, &["containerPort"]).map(|it| (protocol, it)));
                    }
                }
            }
        }
        services
    }

    fn service(&self, service: Service, destination: IpAddr) -> (u8, u16) {
        let (services, pick, beside, own, other) = match service {
            Service::Fixed(protocol, port) => return (protocol, port),
            Service::Container(pick, own, other) => {
                (self.containers(destination), pick, 0, own, other)
            }
            Service::Rule(pick, beside, own, other) => {
                (self.services.clone(), pick, beside, own, other)
            }
        };
        if services.is_empty() {
            return (other, 80);
        }
        let (protocol, port) = *pick.get(&services);
        let port = port.saturating_add_signed(i16::from(beside));
        (if own { protocol } else { other }, port)
    }

    /// The probe of a plan.
    pub(super) fn probe(&self, plan: &Plan) -> Probe {
        let source = self.end(&plan.source, plan.families.0, None);
        let destination = if plan.hairpin {
            self.sibling(source)
        } else {
            self.end(&plan.destination, plan.families.1, Some(source))
        };
        let (protocol, port) = self.service(plan.service, destination);
        Probe {
            source: spell(source, plan.mapped.0),
            destination: spell(destination, plan.mapped.1),
            protocol,
            port,
        }
    }
}

/// The address, or the same one as IPv4-mapped IPv6.
fn spell(address: IpAddr, mapped: bool) -> IpAddr {
    match address {
        IpAddr::V4(address) if mapped => address.to_ipv6_mapped().into(),
        other => other,
    }
}

/// What domain names resolve to.
pub(super) fn domains() -> BoxedStrategy<Vec<(String, Vec<IpAddr>)>> {
    let all = DOMAINS
        .iter()
        .map(|spellings| {
            let addresses = prop::collection::vec(cluster::resolved(), 0..=3);
            let one = (select(*spellings), addresses)
                .prop_map(|(name, addresses)| (name.to_owned(), addresses));
            prop::option::weighted(0.6, one)
        })
        .collect::<Vec<_>>();
    all.prop_map(|some| some.into_iter().flatten().collect())
        .boxed()
}
