//! Blocks that hold pods, and peers that were split in two.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::{Code, Finding, some_of};
use crate::Cidr;
use crate::check::warning;
use crate::image::Image;
use crate::image::tables::{NONE, PeerKind, PeerRecord, PolicyKind, PolicyRecord, RuleRecord};
use crate::model::Direction;
use crate::reach::address_range::{AddressRange, Bits, joined};
use crate::verdict::{Identity, Party, PodParty, requirements, rule_peers};

pub(super) fn find(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let pods = Addressed::new(image);
    for record in image.cold.policies.iter() {
        if record.kind() != PolicyKind::Network {
            continue;
        }
        for direction in Direction::BOTH {
            if !record.isolates(direction) {
                continue;
            }
            let (first, len) = record.rules(direction);
            for (index, rule) in image.cold.rules.range(first, len).enumerate() {
                if rule.peers_len != NONE {
                    let list = match direction {
                        Direction::Egress => "to",
                        Direction::Ingress => "from",
                    };
                    let path = format!("spec.{direction}[{index}].{list}");
                    let peers: Vec<PeerRecord> = rule_peers(image, &rule).collect();
                    find_blocks(image, &pods, (&record, &rule), &path, &peers, findings);
                    find_splits(image, (&record, &rule), &path, &peers, findings);
                }
            }
        }
    }
}

/// The addresses that pods hold, sorted.
struct Addressed {
    pods: Vec<(IpAddr, u32)>,
}

impl Addressed {
    fn new(image: &Image<'_>) -> Addressed {
        let mut pods = Vec::new();
        for pod in 0..image.cold.pods.len() as u32 {
            for address in crate::verdict::stated_addresses(image, pod) {
                let holder = Party::at(image, address).identity;
                if matches!(holder, Identity::Pod(PodParty::Known(holder)) if holder == pod) {
                    pods.push((address, pod));
                }
            }
        }
        Addressed { pods }
    }
}

type PolicyRule<'r> = (&'r PolicyRecord, &'r RuleRecord);

fn find_blocks(
    image: &Image<'_>,
    pods: &Addressed,
    (policy, rule): PolicyRule<'_>,
    path: &str,
    peers: &[PeerRecord],
    findings: &mut Vec<Finding>,
) {
    for peer in peers {
        if PeerKind::from_code(peer.kind) != Some(PeerKind::IpBlock) {
            continue;
        }
        let cidr = |cidr: u32| image.cold.cidrs.get(cidr).decode_cidr();
        let excepts: Vec<_> = image
            .cold
            .excepts
            .range(peer.b, peer.c)
            .filter_map(cidr)
            .collect();
        let Some(block) = cidr(peer.a) else { continue };
        if is_covered(block, &excepts) {
            let message = format!("selects nothing: its exceptions leave no address of {block}");
            let path = format!("{path}[{}].ipBlock.except", peer.index);
            findings.push(Finding {
                code: Code::PeerSelectsNothing,
                diagnostic: warning(image, policy, rule.line, path, message),
            });
            continue;
        }
        let held: Vec<String> = pods
            .pods
            .iter()
            .filter(|(address, _)| {
                block.contains(*address) && !excepts.iter().any(|except| except.contains(*address))
            })
            .map(|(address, pod)| {
                let pod = PodParty::Known(*pod);
                let (namespace, name) = (pod.namespace_name(image), pod.name(image));
                format!("{namespace}/{name} ({address})")
            })
            .collect();
        if held.is_empty() {
            continue;
        }
        let message = format!("{block} holds addresses of pods: {}", some_of(&held));
        let path = format!("{path}[{}].ipBlock", peer.index);
        findings.push(Finding {
            code: Code::BlockHoldsPods,
            diagnostic: warning(image, policy, rule.line, path, message),
        });
    }
}

/// Whether every address of a block is in one of the exceptions.
fn is_covered(block: Cidr, excepts: &[Cidr]) -> bool {
    let excepts = excepts.iter().copied().map(AddressRange::from);
    let block = AddressRange::from(block);
    joined(excepts.map(Bits::from).collect())
        .iter()
        .any(|range| range.intersection(&block) == Some(block))
}

/// A namespaceSelector and, next to it, a podSelector that selects nothing in the
/// policy's own namespace, but something in those namespaces.
fn find_splits(
    image: &Image<'_>,
    (policy, rule): PolicyRule<'_>,
    path: &str,
    peers: &[PeerRecord],
    findings: &mut Vec<Finding>,
) {
    let is_pods = |peer: &PeerRecord| PeerKind::from_code(peer.kind) == Some(PeerKind::Pods);
    let selects_all = |selector: u32| requirements(image, selector).next().is_none();
    let by_namespace = |peer: &PeerRecord| is_pods(peer) && peer.a != NONE && selects_all(peer.b);
    let by_pod = |peer: &PeerRecord| {
        is_pods(peer) && peer.a == NONE && !selects_all(peer.b) && peer.selected == 0
    };
    for (one, other) in peers.iter().zip(peers.iter().skip(1)) {
        let (namespaces, pods) = if by_namespace(one) && by_pod(other) {
            (one, other)
        } else if by_pod(one) && by_namespace(other) {
            (other, one)
        } else {
            continue;
        };
        let meant = (0..image.cold.pods.len() as u32).find(|pod| {
            let pod = Party::without_address(image, *pod).pod();
            pod.is_some_and(|pod| {
                pod.namespace_labels(image)
                    .match_selector(image, namespaces.a)
                    && pod.labels(image).match_selector(image, pods.b)
            })
        });
        let Some(meant) = meant.map(PodParty::Known) else {
            continue;
        };
        let example = format!("{}/{}", meant.namespace_name(image), meant.name(image));
        let message = format!(
            "the podSelector of peer {} selects no pod of the policy's own namespace, but {} in \
             the namespaces of peer {}: the two were probably meant as one",
            pods.index, example, namespaces.index,
        );
        let path = format!("{path}[{}]", pods.index);
        findings.push(Finding {
            code: Code::SplitPeer,
            diagnostic: warning(image, policy, rule.line, path, message.to_string()),
        });
    }
}
