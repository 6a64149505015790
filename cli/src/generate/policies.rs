//! From flows to policies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use netpolicy::explain::{PolicyRef, Reason};
use netpolicy::model::{Direction, NAMESPACE_NAME_LABEL, Pod, Tier};
use netpolicy::{Cluster, ConnectionKind, Image, Protocol};

use super::cidrs::Bound;
use super::workloads::{DNS, Id, Workload, Workloads};
use crate::flows::{Flow, Flows, Seen};
use crate::observed::Observed;
use crate::words::{counted, was};

pub(super) type Labels = BTreeMap<String, String>;

/// A NetworkPolicy to write. A direction that is `None` is none of its policy types.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) workload: Id,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) selector: Labels,
    pub(super) ingress: Option<Vec<Rule>>,
    pub(super) egress: Option<Vec<Rule>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    pub(super) peers: Vec<Peer>,
    /// Empty: all.
    pub(super) ports: Vec<Port>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    Pods {
        /// `None`: the policy's own.
        namespace: Option<String>,
        labels: Labels,
    },
    /// Every pod of every namespace.
    AllPods,
    Block(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Port {
    Number(&'static str, u16),
    Named(&'static str, String),
}

/// Protocols and ports; `None` for protocols that have none.
pub(super) type PortsSeen = BTreeSet<Option<(Protocol, u16)>>;

/// What a workload was seen to do, in one direction: with whom, on which ports.
#[derive(Default)]
struct Peers {
    workloads: BTreeMap<Id, PortsSeen>,
    addresses: BTreeMap<IpAddr, PortsSeen>,
}

/// What all workloads were seen to do.
struct Sightings {
    /// Egress and ingress of each workload, without what needs no rule.
    peers: Vec<[Peers; 2]>,
    /// Whether a workload was seen at all.
    is_seen: Vec<bool>,
    pairs: BTreeMap<[Id; 2], PortsSeen>,
    unknown: u64,
    /// Flows whose ends have no addresses of one family.
    without_addresses: u64,
}

/// What becomes of flows.
pub(super) struct Generated {
    pub(super) policies: Vec<Policy>,
    /// What is worth knowing about them.
    pub(super) notes: Vec<String>,
    /// What was observed between workloads.
    pub(super) pairs: BTreeMap<[Id; 2], PortsSeen>,
}

pub(super) struct Generator<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) image: &'a Image<'a>,
    pub(super) workloads: &'a Workloads<'a>,
    pub(super) bound: Bound,
    pub(super) keeps_present: bool,
    pub(super) isolates_unseen: bool,
}

impl Generator<'_> {
    /// Whether what is generated stands in place of other NetworkPolicies.
    fn replaces_present(&self) -> bool {
        !self.keeps_present && !self.cluster.network_policies().is_empty()
    }

    pub(super) fn generate(&self, flows: &Flows, observed: &Observed<'_>) -> Generated {
        let seen = self.sightings(flows, observed);
        let mut notes = self.general_notes(flows, &seen);
        let mut policies = Vec::new();
        let mut unseen = Vec::new();
        let mut covered = 0;
        for (id, workload) in self.workloads.all.iter().enumerate() {
            if !seen.is_seen[id] && !self.isolates_unseen {
                unseen.push(workload.title());
                continue;
            }
            if workload.labels.is_empty() {
                let fate = if self.replaces_present() {
                    "without the NetworkPolicies of -f it is open"
                } else {
                    "it stays as open as it is"
                };
                notes.push(format!(
                    "{} has no label of its own, so no policy can select it alone: {fate}",
                    workload.title()
                ));
                continue;
            }
            let [egress, ingress] = &seen.peers[id];
            let ingress = self.ingress(id, ingress, &mut notes);
            let egress = self.egress(id, egress, &mut notes);
            if ingress.is_none() && egress.is_none() {
                covered += 1;
                continue;
            }
            notes.extend(self.shared_labels(id));
            policies.push(Policy {
                workload: id,
                namespace: workload.namespace.clone(),
                name: self.policy_name(workload),
                selector: workload.labels.clone(),
                ingress,
                egress,
            });
        }
        if covered != 0 {
            notes.push(format!(
                "{} covered by the policies that are kept",
                counted(covered, "workload")
            ));
        }
        if !unseen.is_empty() {
            let fate = if self.replaces_present() {
                "open without the NetworkPolicies of -f (--isolate-unseen isolates, \
                 --start-from keeps those policies)"
            } else {
                "left as before (--isolate-unseen isolates)"
            };
            notes.push(format!(
                "{} in no flow, {fate}: {}",
                counted(unseen.len(), "workload"),
                unseen.join(", ")
            ));
        }
        let mut told = BTreeSet::new();
        notes.retain(|note| told.insert(note.clone()));
        Generated {
            policies,
            notes,
            pairs: seen.pairs,
        }
    }

    fn general_notes(&self, flows: &Flows, seen: &Sightings) -> Vec<String> {
        let mut notes = Vec::new();
        let denied = flows.count(Seen::Denied);
        if denied != 0 {
            notes.push(format!(
                "{} {was} denied when observed, and {was} left out",
                counted(denied, "flow"),
                was = was(denied)
            ));
        }
        if seen.unknown != 0 {
            notes.push(format!(
                "{} of pods that are not known {} left out",
                counted(seen.unknown, "flow"),
                was(seen.unknown)
            ));
        }
        if seen.without_addresses != 0 {
            notes.push(format!(
                "{} whose ends have no addresses of one family {} left out",
                counted(seen.without_addresses, "flow"),
                was(seen.without_addresses)
            ));
        }
        let dns = self
            .workloads
            .all
            .iter()
            .filter(|workload| workload.is_dns());
        let dns: Vec<String> = dns.map(Workload::title).collect();
        notes.push(if dns.is_empty() {
            "no DNS is among the workloads given: questions may go to the pods of kube-system \
             with k8s-app=kube-dns"
                .to_owned()
        } else {
            format!(
                "DNS is {}: open to the pods of all namespaces (where nodes, or pods on their \
                 network, ask it, add their addresses), and its egress is left as it is",
                dns.join(", ")
            )
        });
        notes
    }

    fn sightings(&self, flows: &Flows, observed: &Observed<'_>) -> Sightings {
        let all = &self.workloads.all;
        let mut seen = Sightings {
            peers: all.iter().map(|_| Default::default()).collect(),
            is_seen: vec![false; all.len()],
            pairs: BTreeMap::new(),
            unknown: 0,
            without_addresses: 0,
        };
        let mut kept = Kept::default();
        for flow in flows.all.iter().filter(|flow| flow.seen == Seen::Passed) {
            let Some(ends) = observed.ends(flow) else {
                seen.unknown = seen.unknown.saturating_add(flow.count);
                continue;
            };
            if observed.fate(flow).is_none() {
                seen.without_addresses = seen.without_addresses.saturating_add(flow.count);
                continue;
            }
            let port = flow
                .protocol
                .has_ports()
                .then_some((flow.protocol, flow.port));
            let ids = ends.map(|end| self.workloads.of(end));
            for id in ids.into_iter().flatten() {
                seen.is_seen[id] = true;
            }
            if ends[0].address.is_some() && ends[0].address == ends[1].address {
                // A pod may always reach itself; a rule would let others of it in.
                continue;
            }
            if let [Some(from), Some(to)] = ids {
                seen.pairs.entry([from, to]).or_default().insert(port);
                // Rules that all workloads have are about that.
                if port.is_some_and(|port| all[to].dns_ports.contains(&port)) {
                    continue;
                }
            }
            let needs_rule = if self.keeps_present {
                kept.allow(observed, flow).map(|is_allowed| !is_allowed)
            } else {
                [true; 2]
            };
            for (side, needs_rule) in needs_rule.into_iter().enumerate() {
                let (Some(own), true) = (ids[side], needs_rule) else {
                    continue;
                };
                let peers = &mut seen.peers[own][side];
                match (ids[1 - side], ends[1 - side].address) {
                    (Some(id), _) => {
                        peers.workloads.entry(id).or_default().insert(port);
                    }
                    (None, Some(address)) => {
                        peers.addresses.entry(address).or_default().insert(port);
                    }
                    (None, None) => seen.unknown = seen.unknown.saturating_add(flow.count),
                }
            }
        }
        seen
    }

    /// Whether the policies that are kept isolate all pods of a workload.
    fn is_isolated(&self, id: Id, direction: Direction) -> bool {
        if !self.keeps_present {
            return false;
        }
        let workload = &self.workloads.all[id];
        let policies: Vec<PolicyRef<'_>> = self
            .image
            .policies()
            .filter(|policy| policy.tier() == Tier::NetworkPolicy)
            .filter(|policy| policy.namespace() == Some(workload.namespace.as_str()))
            .filter(|policy| policy.governs(direction))
            .collect();
        workload.pods.iter().all(|pod| {
            let pod = self.image.pod(&pod.namespace, &pod.name);
            pod.is_some_and(|pod| policies.iter().any(|policy| policy.selects(&pod)))
        })
    }

    fn ingress(&self, id: Id, peers: &Peers, notes: &mut Vec<String>) -> Option<Vec<Rule>> {
        let mut rules = self.rules(id, peers, Direction::Ingress, notes);
        if rules.is_empty() && self.is_isolated(id, Direction::Ingress) {
            return None;
        }
        let workload = &self.workloads.all[id];
        if workload.is_dns() {
            rules.push(Rule {
                peers: vec![Peer::AllPods],
                ports: named(&dns_ports(workload), workload),
            });
        }
        Some(rules)
    }

    fn egress(&self, id: Id, peers: &Peers, notes: &mut Vec<String>) -> Option<Vec<Rule>> {
        // What answers questions asks others, of which flows may tell nothing.
        if self.workloads.all[id].is_dns() {
            return None;
        }
        let mut rules = self.rules(id, peers, Direction::Egress, notes);
        if self.is_isolated(id, Direction::Egress) {
            // Whether it may ask DNS has been decided.
            return (!rules.is_empty()).then_some(rules);
        }
        rules.extend(self.dns_rules(id, notes));
        Some(rules)
    }

    fn rules(
        &self,
        own: Id,
        seen: &Peers,
        direction: Direction,
        notes: &mut Vec<String>,
    ) -> Vec<Rule> {
        let all = &self.workloads.all;
        let mut by_ports: BTreeMap<Vec<Port>, Vec<Peer>> = BTreeMap::new();
        let mut by_numbers: BTreeMap<&PortsSeen, BTreeSet<IpAddr>> = BTreeMap::new();
        for (id, ports) in &seen.workloads {
            let destination = match direction {
                Direction::Egress => &all[*id],
                Direction::Ingress => &all[own],
            };
            let peers = self.peers(own, *id, notes);
            if !peers.is_empty() {
                let ports = named(ports, destination);
                by_ports.entry(ports).or_default().extend(peers);
            }
        }
        for (address, ports) in &seen.addresses {
            by_numbers.entry(ports).or_default().insert(*address);
        }
        for (ports, addresses) in by_numbers {
            let is_free = |block: &netpolicy::Cidr| self.workloads.is_free(block);
            let blocks = self.bound.blocks(addresses, is_free);
            // Names are no help towards an address; a pod's own may have one.
            let ports = match direction {
                Direction::Egress => numbered(ports),
                Direction::Ingress => named(ports, &all[own]),
            };
            if blocks.len() > self.bound.blocks {
                notes.push(format!(
                    "a rule for {direction} of {} has {} of external addresses, more than the {} \
                     of --max-blocks: no two of them are merged, as a block that holds both would \
                     have a prefix shorter than --min-prefix-v4 ({}) or --min-prefix-v6 ({}), or \
                     hold addresses of pods, or they are of different families",
                    all[own].title(),
                    counted(blocks.len(), "block"),
                    self.bound.blocks,
                    self.bound.min_prefix_v4,
                    self.bound.min_prefix_v6,
                ));
            }
            let peers = blocks.iter().map(|block| Peer::Block(block.to_string()));
            by_ports.entry(ports).or_default().extend(peers);
        }
        by_ports
            .into_iter()
            .map(|(ports, peers)| Rule { peers, ports })
            .collect()
    }

    /// How a policy of one workload calls another. Without labels, a selector would
    /// select everybody: then its addresses do, if blocks may be those of pods.
    fn peers(&self, own: Id, id: Id, notes: &mut Vec<String>) -> Vec<Peer> {
        let all = &self.workloads.all;
        let peer = &all[id];
        if !peer.labels.is_empty() {
            return vec![Peer::Pods {
                namespace: (peer.namespace != all[own].namespace).then(|| peer.namespace.clone()),
                labels: peer.labels.clone(),
            }];
        }
        let addresses = peer.pods.iter().flat_map(|pod| pod.addresses.iter());
        let addresses: BTreeSet<&IpAddr> = addresses.collect();
        let how = if addresses.is_empty() || !self.image.options().ip_block_selects_pods {
            "it was left out"
        } else {
            "its present addresses stand for it"
        };
        notes.push(format!(
            "{} has no label by which policies of {} could select it: {how}",
            peer.title(),
            all[own].title()
        ));
        if !self.image.options().ip_block_selects_pods {
            return Vec::new();
        }
        addresses
            .into_iter()
            .map(|address| Peer::Block(netpolicy::Cidr::host(*address).to_string()))
            .collect()
    }

    /// Leave to ask DNS, for whoever may not send what it likes.
    fn dns_rules(&self, own: Id, notes: &mut Vec<String>) -> Vec<Rule> {
        let all = &self.workloads.all;
        let mut by_ports: BTreeMap<Vec<Port>, Vec<Peer>> = BTreeMap::new();
        for (id, dns) in all.iter().enumerate().filter(|(_, dns)| dns.is_dns()) {
            let peers = self.peers(own, id, notes);
            if !peers.is_empty() {
                let ports = named(&dns_ports(dns), dns);
                by_ports.entry(ports).or_default().extend(peers);
            }
        }
        if !all.iter().any(Workload::is_dns) {
            let peer = Peer::Pods {
                namespace: Some("kube-system".to_owned()),
                labels: Labels::from([("k8s-app".to_owned(), "kube-dns".to_owned())]),
            };
            by_ports.insert(numbered(&DNS.map(Some).into()), vec![peer]);
        }
        by_ports
            .into_iter()
            .map(|(ports, peers)| Rule { peers, ports })
            .collect()
    }

    /// A name that no present policy has, unless it is to be replaced.
    fn policy_name(&self, workload: &Workload<'_>) -> String {
        let is_taken =
            |name: &str| {
                self.keeps_present
                    && self.cluster.network_policies().iter().any(|policy| {
                        *policy.namespace == *workload.namespace && *policy.name == *name
                    })
            };
        let mut chosen = format!("{}-{}", workload.name, workload.kind.to_ascii_lowercase());
        while is_taken(&chosen) {
            chosen.push_str("-flows");
        }
        chosen
    }

    /// Others that the labels of a workload select as well.
    fn shared_labels(&self, id: Id) -> Option<String> {
        let workload = &self.workloads.all[id];
        let others = self.workloads.all.iter().enumerate();
        let others = others.filter(|(other, _)| *other != id);
        let others = others.filter(|(_, other)| other.is_selected_by(workload));
        let others: Vec<String> = others.map(|(_, other)| other.title()).collect();
        (!others.is_empty()).then(|| {
            format!(
                "the labels of {} select {} as well, which its policy opens and isolates with it",
                workload.title(),
                others.join(", ")
            )
        })
    }
}

/// What the present policies have rules for, worked out once for flows of one kind.
#[derive(Default)]
struct Kept {
    kinds: HashMap<ConnectionKind, [bool; 2], ahash::RandomState>,
}

impl Kept {
    /// Whether a rule allows a flow, in egress and in ingress.
    fn allow(&mut self, observed: &Observed<'_>, flow: &Flow) -> [bool; 2] {
        let kind = observed.kind(flow);
        if let Some(known) = kind.and_then(|kind| self.kinds.get(&kind)) {
            return *known;
        }
        let is_allowed = match observed.explain_alone(flow) {
            Some(explanation) => explanation.directions().map(|direction| {
                direction.is_allowed() && matches!(direction.reason(), Reason::Rule(_))
            }),
            None => [false; 2],
        };
        if let Some(kind) = kind {
            self.kinds.insert(kind, is_allowed);
        }
        is_allowed
    }
}

fn dns_ports(workload: &Workload<'_>) -> PortsSeen {
    workload.dns_ports.iter().copied().map(Some).collect()
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::UDP => "UDP",
        Protocol::SCTP => "SCTP",
        _ => "TCP",
    }
}

/// Ports by the name that all pods of the destination give them, or by number. A
/// protocol without ports needs a rule without ports.
fn named(ports: &PortsSeen, destination: &Workload<'_>) -> Vec<Port> {
    if ports.contains(&None) {
        return Vec::new();
    }
    let ports = ports.iter().flatten().map(|(protocol, number)| {
        let name_in = |pod: &Pod<'static>| {
            let mut ports = pod.ports.iter();
            let port = ports.find(|port| (port.protocol, port.number) == (*protocol, *number))?;
            // A name that stands for another port of the pod would open that as well.
            let of_name = pod
                .ports
                .iter()
                .filter(|other| *other.name == *port.name && other.protocol == *protocol);
            (of_name.count() == 1).then(|| port.name.to_string())
        };
        let mut names = destination.pods.iter().map(|pod| name_in(pod));
        let first = names.next().flatten();
        match first.filter(|first| names.all(|name| name.as_ref() == Some(first))) {
            Some(name) => Port::Named(protocol_name(*protocol), name),
            None => Port::Number(protocol_name(*protocol), *number),
        }
    });
    let mut ports: Vec<_> = ports.collect();
    ports.sort();
    ports.dedup();
    ports
}

fn numbered(ports: &PortsSeen) -> Vec<Port> {
    if ports.contains(&None) {
        return Vec::new();
    }
    let ports = ports.iter().flatten();
    ports
        .map(|(protocol, number)| Port::Number(protocol_name(*protocol), *number))
        .collect()
}

/// The label by which other namespaces are chosen.
pub(super) const NAMESPACE_LABEL: &str = NAMESPACE_NAME_LABEL;
