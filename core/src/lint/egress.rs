//! Pods that cannot look up names, and pods that nobody protects.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::dns::{self, Servers};
use super::questions::{self, Asked, Kinds, Steps};
use super::{Code, Finding, some_of};
use crate::check::{usual_servers, warning};
use crate::image::Image;
use crate::image::tables::{NONE, PeerKind, PolicyKind, PolicyRecord};
use crate::model::Direction;
use crate::protocol::PortKey;
use crate::reach::{GroupKey, Places};
use crate::verdict::{Assumed, Case, Party, PodParty, rule_peers, rule_ports};
use crate::{Cluster, Diagnostic, Protocol};

/// What policies keep from pods that would ask DNS. Questions go by UDP, and by TCP where
/// the answer is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    /// Every question.
    All,
    /// Questions by UDP, though not those by TCP.
    Udp,
}

pub(super) fn find(cluster: &Cluster, image: &Image<'_>, findings: &mut Vec<Finding>) {
    if image.cold.policies.len() == 0 {
        return;
    }
    let places = Places::new(image);
    let peers = places.parties();
    // The workloads of each place.
    let mut workloads: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for end in &places.standing {
        let group = places.groups.get(end.group as usize);
        if let Some(GroupKey::Workload {
            namespace,
            kind,
            name,
        }) = group.map(|group| &group.key)
        {
            let name = format!("{kind} {namespace}/{name}");
            workloads.entry(end.place).or_default().insert(name);
        }
    }
    let mut without_dns: BTreeMap<(u32, Cut), BTreeSet<String>> = BTreeMap::new();
    let mut unprotected: BTreeSet<String> = BTreeSet::new();
    let servers = Servers::new(cluster, image, &places);
    let mut kinds = Kinds::new(image, &peers).marked(&servers.marks);
    // What is known of the first of each kind of subject, by its number.
    let mut known: BTreeMap<usize, Option<(u32, Cut)>> = BTreeMap::new();
    for (place, party) in (0..).zip(&peers) {
        // Nobody who has no name is asked first on behalf of others.
        let Some(names) = workloads.get(&place) else {
            continue;
        };
        let Some(pod) = party.pod() else { continue };
        let subject = Subject {
            image,
            party: *party,
            pod,
        };
        let number = place as usize;
        let isolating = match kinds.subject(number, Direction::Egress, &mut Steps(u64::MAX)) {
            Some(Asked::New(asked)) => subject.isolated_without_dns(&asked, &servers),
            Some(Asked::Like(first)) => known.get(&first).copied().flatten(),
            Some(Asked::TooMuch(_)) | None => None,
        };
        known.insert(number, isolating);
        if let Some(isolating) = isolating {
            without_dns
                .entry(isolating)
                .or_default()
                .extend(names.iter().cloned());
        }
        if subject.is_unprotected() {
            unprotected.extend(names.iter().cloned());
        }
    }
    for ((policy, cut), names) in without_dns {
        let record: PolicyRecord = image.cold.policies.get(policy);
        let names: Vec<String> = names.into_iter().collect();
        let but = match cut {
            Cut::All => "but none to port 53 of anybody who may answer DNS",
            Cut::Udp => {
                "but to port 53 of those who may answer DNS only by TCP: names are looked up by \
                 UDP"
            }
        };
        let message = format!(
            "isolates {} for egress, and with the other policies lets it open connections to \
             pods, {but}",
            some_of(&names)
        );
        findings.push(Finding {
            code: Code::NoDns,
            diagnostic: warning(image, &record, 0, "spec.egress".into(), message),
        });
    }
    for object in unprotected {
        findings.push(Finding {
            code: Code::UnprotectedPods,
            diagnostic: Diagnostic {
                object,
                message: "no policy governs what its pods receive".to_string(),
                ..Diagnostic::warning()
            },
        });
    }
}

struct Subject<'i> {
    image: &'i Image<'i>,
    party: Party<'i>,
    pod: PodParty<'i>,
}

impl<'i> Subject<'i> {
    fn case<'c>(&self, direction: Direction, peer: Party<'c>, key: PortKey) -> Case<'c>
    where
        'i: 'c,
    {
        Case {
            peer,
            key,
            ..Case::of_subject(self.image, direction, self.party)
        }
    }

    fn policies(&self, direction: Direction) -> Vec<(u32, PolicyRecord)> {
        let case = self.case(direction, self.party, PortKey(0));
        let policies = case.policies(self.pod);
        policies
            .map(|policy| (policy, case.record(policy)))
            .collect()
    }

    /// The first NetworkPolicy that isolates the pod for egress, if the pod may open
    /// connections to pods, and cannot ask DNS.
    fn isolated_without_dns(
        &self,
        asked: &questions::Subject<'i>,
        servers: &Servers,
    ) -> Option<(u32, Cut)> {
        let policies = self.policies(Direction::Egress);
        let isolates = |(_, record): &&(u32, PolicyRecord)| {
            record.kind() == PolicyKind::Network && record.isolates(Direction::Egress)
        };
        let (policy, _) = policies.iter().find(isolates)?;
        let may_ask = |protocol: Protocol| {
            let mut records = policies.iter().map(|(_, record)| record);
            asked.may_reach_any(|mark| servers.keys(mark, protocol))
                || self.may_send_to_the_unknown(protocol)
                || records.any(|record| self.opens_dns_to_the_unknown(record, protocol))
        };
        if may_ask(Protocol::UDP) || !asked.may_reach_pods() {
            return None;
        }
        let cut = if may_ask(Protocol::TCP) {
            Cut::Udp
        } else {
            Cut::All
        };
        Some((*policy, cut))
    }

    /// Whether a rule of a NetworkPolicy opens a port of DNS, or one with such a name,
    /// to peers of which none were given: they may be DNS servers.
    fn opens_dns_to_the_unknown(&self, record: &PolicyRecord, protocol: Protocol) -> bool {
        if record.kind() != PolicyKind::Network {
            return false;
        }
        let dns = dns::keys(protocol);
        let image = self.image;
        let (first, len) = record.rules(Direction::Egress);
        image.cold.rules.range(first, len).any(|rule| {
            let is_unknown = rule_peers(image, &rule).any(|peer| {
                PeerKind::from_code(peer.kind) == Some(PeerKind::Pods) && peer.selected == 0
            });
            let mut ports = rule_ports(image, &rule).peekable();
            is_unknown
                && (ports.peek().is_none()
                    || ports.any(|port| match port.name {
                        NONE => dns
                            .iter()
                            .any(|key| (port.first..=port.last).contains(&key.0)),
                        name => {
                            port.first == u32::from(protocol.0)
                                && image.string(name).contains("dns")
                        }
                    }))
        })
    }

    /// Whether a DNS server that is not among the pods given could be reached: one
    /// with the usual labels, in the usual namespace.
    fn may_send_to_the_unknown(&self, protocol: Protocol) -> bool {
        usual_servers().iter().any(|pod| {
            let peer = Party::described(pod, None);
            dns::keys(protocol).iter().any(|key| {
                let case = self.case(Direction::Egress, peer, *key);
                case.decide(&mut Assumed::default()).is_allowed()
            })
        })
    }

    /// Whether no policy says anything of what the pod receives.
    fn is_unprotected(&self) -> bool {
        self.policies(Direction::Ingress)
            .iter()
            .all(|(_, record)| match record.kind() {
                PolicyKind::Network => !record.isolates(Direction::Ingress),
                PolicyKind::Cluster(_) => record.rules(Direction::Ingress).1 == 0,
            })
    }
}
