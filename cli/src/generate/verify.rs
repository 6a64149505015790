//! What policies that were generated come to, by verdicts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use netpolicy::model::Direction;
use netpolicy::reach::{Change, Difference, Peer, PortSet, Reachability, WorkloadPeer};
use netpolicy::{Endpoint, Image, PodRef, Verdict};

use super::policies::{Generated, Policy, PortsSeen};
use super::workloads::{Id, Workload, Workloads};
use crate::flows::{Flows, Seen};
use crate::observed::{Fate, Observed};
use crate::words::counted;

/// The cluster before and after.
pub(super) struct Verification<'a> {
    pub(super) workloads: &'a Workloads<'a>,
    pub(super) generated: &'a Generated,
    pub(super) present: &'a Image<'a>,
    pub(super) next: &'a Image<'a>,
    /// Whether the policies of the present are still there.
    pub(super) keeps_present: bool,
}

impl Verification<'_> {
    /// The flows that passed and would not any more, each with the reason.
    pub(super) fn denied_flows(&self, flows: &Flows) -> Vec<String> {
        let observed = Observed::new(self.next, flows);
        let denied = flows
            .all
            .iter()
            .filter(|flow| flow.seen == Seen::Passed)
            .filter(|flow| {
                observed
                    .fate(flow)
                    .is_some_and(|fate| fate != Fate::Allowed)
            });
        denied
            .filter_map(|flow| observed.explain(flow))
            .map(|explanation| explanation.to_string())
            .collect()
    }

    /// How many pods can ask DNS as before, and those that cannot any more.
    pub(super) fn dns(&self) -> (usize, Vec<String>) {
        let all = &self.workloads.all;
        let mut kept = 0;
        let mut lost = Vec::new();
        let pods = |id: Id, image| {
            let pods = all[id].pods.iter();
            pods.filter_map(move |pod| Image::pod(image, &pod.namespace, &pod.name))
                .collect::<Vec<PodRef<'_>>>()
        };
        let answering: Vec<Id> = (0..all.len()).filter(|id| all[*id].is_dns()).collect();
        for from in (0..all.len()).filter(|id| !all[*id].is_dns()) {
            let (sources, next_sources) = (pods(from, self.present), pods(from, self.next));
            let mut is_lost = vec![false; sources.len()];
            for to in &answering {
                let (servers, next_servers) = (pods(*to, self.present), pods(*to, self.next));
                for (protocol, port) in &all[*to].dns_ports {
                    let may = |image: &Image<'_>, from: PodRef<'_>, to: PodRef<'_>| {
                        let (from, to) = (Endpoint::Pod(from), Endpoint::Pod(to));
                        let verdict = image.verdict_between(from, to, *protocol, *port);
                        verdict.is_some_and(Verdict::is_allowed)
                    };
                    for (at, is_lost) in is_lost.iter_mut().enumerate() {
                        let mut servers = servers.iter().zip(&next_servers);
                        *is_lost |= servers.any(|(server, next_server)| {
                            may(self.present, sources[at], *server)
                                && !may(self.next, next_sources[at], *next_server)
                        });
                    }
                }
            }
            for (pod, is_lost) in sources.iter().zip(is_lost) {
                if is_lost {
                    lost.push(pod.to_string());
                } else {
                    kept += 1;
                }
            }
        }
        (if answering.is_empty() { 0 } else { kept }, lost)
    }

    /// What is open to or from workloads that got a policy though it was not observed.
    pub(super) fn unobserved(&self) -> Unobserved {
        let all = &self.workloads.all;
        let names: HashMap<_, Id> = all
            .iter()
            .zip(0..)
            .map(|(w, id)| (name_of(w), id))
            .collect();
        let id = |peer: &Peer| {
            let workload = peer.workload().filter(|workload| !workload.host_network)?;
            names.get(&name_of_peer(workload)).copied()
        };
        let governed = Governed::new(&self.generated.policies, all);
        // Whose flows a workload may have by having their labels.
        let alike: Vec<Vec<Id>> = (0..all.len())
            .map(|id| {
                let is_alike = |other: &Id| *other == id || all[id].is_selected_by(&all[*other]);
                (0..all.len()).filter(is_alike).collect()
            })
            .collect();
        let before = if self.keeps_present {
            open(&Reachability::new(self.present), id)
        } else {
            BTreeMap::new()
        };
        let mut found = Unobserved::default();
        for ([from, to], mut ports) in open(&Reachability::new(self.next), id) {
            if !governed.is(from, Direction::Egress) && !governed.is(to, Direction::Ingress) {
                continue;
            }
            let observed = |from: Id, to: Id| {
                let seen = self.generated.pairs.get(&[from, to]);
                seen.map_or(PortSet::EMPTY, ports_of)
            };
            let mut less = |set: &PortSet| {
                let rest = ports.difference(set);
                let is_less = rest != ports;
                ports = rest;
                is_less
            };
            less(&observed(from, to));
            if let Some(before) = before.get(&[from, to]) {
                less(before);
            }
            let dns = all[to].dns_ports.iter().copied().map(Some).collect();
            found.dns += usize::from(less(&ports_of(&dns)));
            let mut by_labels = false;
            for from in &alike[from] {
                for to in &alike[to] {
                    by_labels |= less(&observed(*from, *to));
                }
            }
            found.by_labels += usize::from(by_labels);
            if !ports.is_empty() {
                let (from, to) = (all[from].title(), all[to].title());
                found.others.push(format!("{from} -> {to}: {ports}"));
            }
        }
        found
    }

    /// How much of what is open would be closed.
    pub(super) fn account(&self) -> String {
        let open = Reachability::new(self.present).len();
        let difference = Difference::between(self.present, self.next);
        let count = |of: &dyn Fn(&Change) -> bool| {
            let changes = difference.changes.iter();
            changes.filter(|change| of(change)).count()
        };
        let closed = count(&|change| change.after == PortSet::EMPTY);
        let narrowed =
            count(&|change| change.after != PortSet::EMPTY && !change.removed.is_empty());
        let opened = count(&|change| !change.added.is_empty());
        format!(
            "{}; of {} of ends that can connect today, {closed} would be closed and {narrowed} \
             narrowed; {opened} would be opened",
            counted(self.generated.policies.len(), "policy"),
            counted(open, "pair"),
        )
    }
}

/// What is open between workloads and was not observed: pairs of them.
#[derive(Default)]
pub(super) struct Unobserved {
    /// That may ask DNS.
    pub(super) dns: usize,
    /// That have the labels of such as were observed.
    pub(super) by_labels: usize,
    /// The others.
    pub(super) others: Vec<String>,
}

/// The workloads that policies isolate.
struct Governed {
    egress: BTreeSet<Id>,
    ingress: BTreeSet<Id>,
}

impl Governed {
    fn new(policies: &[Policy], all: &[Workload<'_>]) -> Governed {
        let governed = |isolates: &dyn Fn(&Policy) -> bool| {
            let policies = policies.iter().filter(|policy| isolates(policy));
            policies
                .map(|policy| policy.workload)
                .filter(|id| !all[*id].labels.is_empty())
                .collect()
        };
        Governed {
            egress: governed(&|policy| policy.egress.is_some()),
            ingress: governed(&|policy| policy.ingress.is_some()),
        }
    }

    fn is(&self, id: Id, direction: Direction) -> bool {
        match direction {
            Direction::Egress => self.egress.contains(&id),
            Direction::Ingress => self.ingress.contains(&id),
        }
    }
}

/// What is open between different pods of workloads.
fn open(reach: &Reachability, id: impl Fn(&Peer) -> Option<Id>) -> BTreeMap<[Id; 2], PortSet> {
    let mut open: BTreeMap<[Id; 2], PortSet> = BTreeMap::new();
    for row in reach.rows() {
        if let (Some(from), Some(to)) = (id(row.source()), id(row.destination())) {
            let ports = open.entry([from, to]).or_insert(PortSet::EMPTY);
            *ports = ports.union(row.ports());
        }
    }
    open
}

/// All ports where a protocol has none: there is no rule for that alone.
fn ports_of(seen: &PortsSeen) -> PortSet {
    seen.iter().fold(PortSet::EMPTY, |ports, seen| {
        ports.union(&match seen {
            Some((protocol, port)) => PortSet::range(*protocol, *port, *port),
            None => PortSet::all(),
        })
    })
}

fn name_of<'w>(workload: &'w Workload<'_>) -> [&'w str; 3] {
    [&workload.namespace, &workload.kind, &workload.name]
}

fn name_of_peer(workload: &WorkloadPeer) -> [&str; 3] {
    [&workload.namespace, &workload.kind, &workload.name]
}
