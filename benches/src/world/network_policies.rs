//! NetworkPolicies as teams write them.

use netpolicy::model::{
    Direction, List, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule, Operator, PodSelector,
    Port, PortRange, Requirement, Selector,
};
use netpolicy::{Cluster, Protocol};
use rand::RngExt;

use super::blocks::Blocks;
use super::spec::Spec;
use super::workloads::{APP, APPS, App, ENVIRONMENTS, Places, SYSTEM, TEAMS};
use super::{Rng, rng, with_label};

/// The label that the API server gives to every namespace.
const NAMESPACE_NAME: &str = netpolicy::model::NAMESPACE_NAME_LABEL;
/// Every tenth policy names blocks, two at a time.
const BLOCKS_AT_ONCE: usize = 2;

pub(crate) fn fill(spec: &Spec, places: &Places, blocks: &Blocks, cluster: &mut Cluster) {
    let mut rng = rng(5);
    let mut next_block = 0;
    for index in 0..spec.policies - spec.admin {
        let (namespace, apps) = &places.namespaces[index % places.namespaces.len()];
        let own = apps[rng.random_range(0..apps.len())];
        let name = format!("policy-{index}");
        let policy = if index < spec.namespaces && index % 2 == 0 {
            NetworkPolicy {
                policy_types: List::borrowed(&[Direction::Ingress]),
                ..NetworkPolicy::default()
            }
        } else if index % 10 == 7 && !blocks.all.is_empty() {
            let named: Vec<_> = (0..BLOCKS_AT_ONCE)
                .map(|offset| &blocks.all[(next_block + offset) % blocks.all.len()])
                .map(|block| NetworkPolicyPeer::IpBlock(block.clone()))
                .collect();
            next_block += BLOCKS_AT_ONCE;
            to_blocks(&mut rng, own, named)
        } else {
            let peer = apps[rng.random_range(0..apps.len())];
            ordinary(&mut rng, places, own, peer)
        };
        cluster.insert_network_policy(NetworkPolicy {
            namespace: namespace.clone().into(),
            name: name.into(),
            ..policy
        });
    }
}

fn to_blocks(
    rng: &mut Rng,
    own: &App,
    peers: Vec<NetworkPolicyPeer<'static>>,
) -> NetworkPolicy<'static> {
    let selector = with_label(APP, own.name);
    if rng.random_ratio(1, 3) {
        ingress(selector, peers, vec![tcp(443)])
    } else {
        egress(selector, peers, vec![tcp(443), tcp(5432)])
    }
}

/// A policy from one application of a namespace to another.
fn ordinary(rng: &mut Rng, places: &Places, own: &App, peer: &App) -> NetworkPolicy<'static> {
    let selector = with_label(APP, own.name);
    let app_of = |app: &App| with_label(APP, app.name);
    let elsewhere = |namespaces, pods| NetworkPolicyPeer::Pods(PodSelector { namespaces, pods });
    match rng.random_range(0..100) {
        // Within the namespace, by the name or the number of the port.
        0..40 => {
            let peers = vec![NetworkPolicyPeer::OwnNamespace(app_of(peer))];
            ingress(selector, peers, own_ports(rng, own))
        }
        // From whatever belongs to some tiers of the namespace.
        40..50 => {
            let tiers = Requirement::new(
                "tier",
                Operator::In,
                vec!["frontend".into(), "backend".into()],
            );
            let tiers = Selector {
                match_expressions: vec![tiers.expect("two values")].into(),
                ..Selector::EVERYTHING
            };
            let peers = vec![NetworkPolicyPeer::OwnNamespace(tiers)];
            ingress(selector, peers, own_ports(rng, own))
        }
        // From an application of another team.
        50..62 => {
            let team = with_label("team", format!("team-{}", rng.random_range(0..TEAMS)));
            let app = &APPS[rng.random_range(0..APPS.len())];
            ingress(
                selector,
                vec![elsewhere(team, app_of(app))],
                own_ports(rng, own),
            )
        }
        // From one other namespace.
        62..70 => {
            let (other, _) = &places.namespaces[rng.random_range(0..places.namespaces.len())];
            let peers = vec![elsewhere(
                with_label(NAMESPACE_NAME, other.as_str()),
                Selector::EVERYTHING,
            )];
            ingress(selector, peers, own_ports(rng, own))
        }
        // From an environment.
        70..74 => {
            let env = ENVIRONMENTS[rng.random_range(0..ENVIRONMENTS.len())];
            let peers = vec![elsewhere(with_label("env", env), Selector::EVERYTHING)];
            ingress(selector, peers, own_ports(rng, own))
        }
        // The monitoring reads metrics; the way in comes to what is in front.
        74..84 => {
            let (system, port) = if own.tier == "frontend" {
                (2, "http")
            } else {
                (1, "metrics")
            };
            let from = with_label(NAMESPACE_NAME, SYSTEM[system].0);
            let port = Port::Named(Some(Protocol::TCP), port.into());
            ingress(
                selector,
                vec![elsewhere(from, Selector::EVERYTHING)],
                vec![port],
            )
        }
        // Out to an application of the namespace, and to the name service.
        _ => {
            let to = NetworkPolicyPeer::OwnNamespace(app_of(peer));
            let mut policy = egress(selector, vec![to], own_ports(rng, peer));
            let dns = NetworkPolicyRule {
                peers: vec![elsewhere(
                    with_label(NAMESPACE_NAME, SYSTEM[0].0),
                    with_label(APP, SYSTEM[0].1.name),
                )]
                .into(),
                ports: vec![udp(53), tcp(53)].into(),
                line: 0,
            };
            let rules = policy.egress.iter().cloned().chain([dns]).collect();
            policy.egress = rules;
            policy
        }
    }
}

/// A port of the application: by name, by number, a range around it, or any.
fn own_ports(rng: &mut Rng, app: &App) -> Vec<Port<'static>> {
    let Some((name, number)) = app.ports.first() else {
        return Vec::new();
    };
    match rng.random_range(0..10) {
        0..3 => vec![Port::Named(Some(Protocol::TCP), (*name).into())],
        3..8 => vec![tcp(*number)],
        8 => {
            let range = PortRange::new((*number).into(), i64::from(*number) + 7);
            vec![Port::Range(Protocol::TCP, range.expect("in order"))]
        }
        _ => Vec::new(),
    }
}

/// One TCP port.
pub(crate) fn tcp(number: u16) -> Port<'static> {
    let port = PortRange::single(number.into()).expect("not 0");
    Port::Range(Protocol::TCP, port)
}

/// One UDP port.
pub(crate) fn udp(number: u16) -> Port<'static> {
    let port = PortRange::single(number.into()).expect("not 0");
    Port::Range(Protocol::UDP, port)
}

fn rule(
    peers: Vec<NetworkPolicyPeer<'static>>,
    ports: Vec<Port<'static>>,
) -> NetworkPolicyRule<'static> {
    NetworkPolicyRule {
        peers: peers.into(),
        ports: ports.into(),
        line: 0,
    }
}

/// A policy for ingress with one rule.
pub(super) fn ingress(
    pod_selector: Selector<'static>,
    peers: Vec<NetworkPolicyPeer<'static>>,
    ports: Vec<Port<'static>>,
) -> NetworkPolicy<'static> {
    NetworkPolicy {
        pod_selector,
        policy_types: List::borrowed(&[Direction::Ingress]),
        ingress: vec![rule(peers, ports)].into(),
        ..NetworkPolicy::default()
    }
}

fn egress(
    pod_selector: Selector<'static>,
    peers: Vec<NetworkPolicyPeer<'static>>,
    ports: Vec<Port<'static>>,
) -> NetworkPolicy<'static> {
    NetworkPolicy {
        pod_selector,
        policy_types: List::borrowed(&[Direction::Egress]),
        egress: vec![rule(peers, ports)].into(),
        ..NetworkPolicy::default()
    }
}
