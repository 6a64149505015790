//! Cluster-scoped policies as platform teams write them.

use netpolicy::model::{
    Action, ClusterPolicy, ClusterPolicyApi, ClusterPolicyPeer, ClusterPolicyRule, Direction,
    PodSelector, Port, Priority, Selector,
};
use netpolicy::{Cidr, Cluster};

use super::network_policies::{tcp, udp};
use super::spec::Spec;
use super::with_label;
use super::workloads::{APP, ENVIRONMENTS, SYSTEM, TEAMS};

/// One in so many is of the baseline tier.
const BASELINE: usize = 10;

pub(crate) fn fill(spec: &Spec, cluster: &mut Cluster) {
    for index in 0..spec.admin {
        let (subject, direction, rules) = match index {
            0 => (
                Selector::EVERYTHING,
                Direction::Egress,
                vec![to_name_service()],
            ),
            1 => (
                Selector::EVERYTHING,
                Direction::Egress,
                vec![no_metadata_service()],
            ),
            2 => (
                Selector::EVERYTHING,
                Direction::Ingress,
                vec![from_monitoring()],
            ),
            _ => of_team(index),
        };
        let is_baseline = index % BASELINE == BASELINE - 1;
        let mut policy = ClusterPolicy {
            api: if is_baseline {
                ClusterPolicyApi::ClusterNetworkPolicyBaseline
            } else {
                ClusterPolicyApi::ClusterNetworkPolicyAdmin
            },
            name: format!("platform-{index}").into(),
            priority: Priority::new((index * 10 % 1000) as i64).expect("below 1000"),
            subject: of_namespaces(subject),
            ingress: vec![].into(),
            egress: vec![].into(),
            source: netpolicy::model::Source::default(),
        };
        match direction {
            Direction::Egress => policy.egress = rules.into(),
            Direction::Ingress => policy.ingress = rules.into(),
        }
        cluster
            .insert_cluster_policy(policy)
            .expect("a policy of this file is valid");
    }
}

type Rules = Vec<ClusterPolicyRule<'static>>;

/// What keeps the namespaces of a team apart from others.
fn of_team(index: usize) -> (Selector<'static>, Direction, Rules) {
    let team = with_label("team", format!("team-{}", index * 13 % TEAMS));
    let other = with_label("team", format!("team-{}", index * 29 % TEAMS));
    let env = with_label("env", ENVIRONMENTS[index % ENVIRONMENTS.len()]);
    let is_baseline = index % BASELINE == BASELINE - 1;
    match index % 4 {
        _ if is_baseline => {
            let rules = vec![rule(
                Action::Deny,
                vec![namespaces(env)],
                vec![tcp(22), tcp(3389)],
            )];
            (team, Direction::Ingress, rules)
        }
        0 => {
            let rules = vec![
                rule(Action::Pass, vec![namespaces(team.clone())], vec![]),
                rule(Action::Deny, vec![namespaces(env)], vec![]),
            ];
            (team, Direction::Ingress, rules)
        }
        1 => {
            let rules = vec![
                rule(
                    Action::Allow,
                    vec![namespaces(other)],
                    vec![tcp(8080), tcp(8443)],
                ),
                rule(Action::Deny, vec![namespaces(env)], vec![tcp(22)]),
            ];
            (team, Direction::Ingress, rules)
        }
        2 => {
            let rules = vec![rule(Action::Deny, vec![namespaces(other)], vec![])];
            (team, Direction::Egress, rules)
        }
        _ => {
            let database = PodSelector {
                namespaces: other,
                pods: with_label("tier", "data"),
            };
            let rules = vec![rule(
                Action::Deny,
                vec![ClusterPolicyPeer::Pods(database)],
                vec![tcp(5432), tcp(3306), tcp(6379)],
            )];
            (team, Direction::Egress, rules)
        }
    }
}

fn to_name_service() -> ClusterPolicyRule<'static> {
    let pods = PodSelector {
        namespaces: with_label(netpolicy::model::NAMESPACE_NAME_LABEL, SYSTEM[0].0),
        pods: with_label(APP, SYSTEM[0].1.name),
    };
    let peers = vec![ClusterPolicyPeer::Pods(pods)];
    rule(Action::Allow, peers, vec![udp(53), tcp(53)])
}

fn no_metadata_service() -> ClusterPolicyRule<'static> {
    let blocks: Vec<Cidr> = ["169.254.169.254/32", "fd00:ec2::254/128"]
        .map(|text| text.parse().expect("a block"))
        .into();
    let peers = vec![ClusterPolicyPeer::Networks(blocks.into())];
    rule(Action::Deny, peers, vec![])
}

fn from_monitoring() -> ClusterPolicyRule<'static> {
    let monitoring = with_label(netpolicy::model::NAMESPACE_NAME_LABEL, SYSTEM[1].0);
    rule(Action::Allow, vec![namespaces(monitoring)], vec![tcp(9090)])
}

fn namespaces(selector: Selector<'static>) -> ClusterPolicyPeer<'static> {
    ClusterPolicyPeer::Pods(of_namespaces(selector))
}

fn of_namespaces(namespaces: Selector<'static>) -> PodSelector<'static> {
    PodSelector {
        namespaces,
        pods: Selector::EVERYTHING,
    }
}

fn rule(
    action: Action,
    peers: Vec<ClusterPolicyPeer<'static>>,
    ports: Vec<Port<'static>>,
) -> ClusterPolicyRule<'static> {
    ClusterPolicyRule {
        name: "".into(),
        action,
        peers: peers.into(),
        ports: ports.into(),
        line: 0,
    }
}
