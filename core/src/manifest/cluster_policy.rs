//! `policy.networking.k8s.io` ClusterNetworkPolicy (v1alpha2),
//! AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1). SEMANTICS,
//! "CNP, ANP, BANP".

use alloc::string::ToString;
use alloc::vec::Vec;

use super::field::{Field, Fields};
use super::meta::{Meta, namespaced_pods, selector};
use super::network_policy::{cidr, port_name, port_range};
use crate::Protocol;
use crate::model::{
    Action, ClusterPolicy, ClusterPolicyApi, ClusterPolicyPeer, ClusterPolicyRule, Direction,
    DomainPattern, PodSelector, Port, Priority, Problem, Selector, Source,
};

/// Which of the three kinds is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Admin,
    BaselineAdmin,
    Cluster,
}

impl Kind {
    fn action(self, text: &str) -> Result<Action, Problem> {
        match (self, text) {
            (Kind::Admin | Kind::BaselineAdmin, "Allow") | (Kind::Cluster, "Accept") => {
                Ok(Action::Allow)
            }
            (_, "Deny") => Ok(Action::Deny),
            (Kind::Admin | Kind::Cluster, "Pass") => Ok(Action::Pass),
            (Kind::BaselineAdmin, "Pass") => Err(Problem::PassInBaselineAdmin),
            (Kind::Admin, _) => Err(Problem::UnknownAdminAction),
            (Kind::BaselineAdmin, _) => Err(Problem::UnknownBaselineAdminAction),
            (Kind::Cluster, _) => Err(Problem::UnknownClusterAction),
        }
    }
}

/// Reads a policy. The second is missing where a field of it could not be read.
pub(super) fn cluster_policy(
    object: &Field<'_, '_>,
    kind: Kind,
    source: Source<'static>,
) -> (Meta, Option<ClusterPolicy<'static>>) {
    let mut fields = object.fields();
    let meta = Meta::read(&mut fields);
    let policy = fields.require("spec").and_then(|spec| {
        let mut fields = spec.fields();
        let api = match kind {
            Kind::Admin => Some(ClusterPolicyApi::AdminNetworkPolicy),
            Kind::BaselineAdmin => Some(ClusterPolicyApi::BaselineAdminNetworkPolicy),
            Kind::Cluster => fields.require("tier").and_then(|field| field.parse(tier)),
        };
        let priority = match kind {
            Kind::BaselineAdmin => Some(Priority::default()),
            Kind::Admin | Kind::Cluster => fields.require("priority").and_then(|field| {
                let priority = Priority::new(field.int()?);
                priority.map_err(|problem| field.refuse(problem)).ok()
            }),
        };
        let subject = fields.require("subject").and_then(|field| subject(&field));
        let mut rules = |name: &'static str, direction| {
            let list = fields.get(name);
            list.map(|field| field.list(|item| rule(&item, kind, direction)))
                .unwrap_or_default()
        };
        let ingress = rules("ingress", Direction::Ingress);
        let egress = rules("egress", Direction::Egress);
        fields.finish();
        Some(ClusterPolicy {
            api: api?,
            name: meta.name.clone().into(),
            priority: priority?,
            subject: subject?,
            ingress: ingress.into(),
            egress: egress.into(),
            source,
        })
    });
    fields.ignore(&["status"]);
    fields.finish();
    (meta, policy)
}

fn tier(text: &str) -> Result<ClusterPolicyApi, Problem> {
    match text {
        "Admin" => Ok(ClusterPolicyApi::ClusterNetworkPolicyAdmin),
        "Baseline" => Ok(ClusterPolicyApi::ClusterNetworkPolicyBaseline),
        _ => Err(Problem::UnknownTier),
    }
}

/// Reads `namespaces` or `pods`, of which a subject has exactly one.
fn subject(field: &Field<'_, '_>) -> Option<PodSelector<'static>> {
    let mut fields = field.fields();
    let namespaces = fields.get("namespaces");
    let pods = fields.get("pods");
    let is_misspelt = fields.unknown().next().is_some();
    fields.finish();
    match (namespaces, pods) {
        (Some(namespaces), None) => Some(of_namespaces(&namespaces)),
        (None, Some(pods)) => Some(namespaced_pods(&pods)),
        (None, None) if is_misspelt => None,
        _ => {
            field.refuse("a subject has exactly one of namespaces and pods");
            None
        }
    }
}

fn of_namespaces(field: &Field<'_, '_>) -> PodSelector<'static> {
    PodSelector {
        namespaces: selector(field),
        pods: Selector::EVERYTHING,
    }
}

fn rule(
    field: &Field<'_, '_>,
    kind: Kind,
    direction: Direction,
) -> Option<ClusterPolicyRule<'static>> {
    let mut fields = field.fields();
    let name = fields
        .get("name")
        .and_then(|field| field.text())
        .unwrap_or_default();
    let action = fields
        .require("action")
        .and_then(|field| field.parse(|text| kind.action(text)));
    let peers = fields.require(match direction {
        Direction::Egress => "to",
        Direction::Ingress => "from",
    });
    let ports = match kind {
        Kind::Admin | Kind::BaselineAdmin => fields.get("ports"),
        Kind::Cluster => fields.get("protocols"),
    };
    fields.finish();
    if let Some(peers) = peers
        && peers.is_empty_list()
    {
        peers.refuse(Problem::RuleWithoutPeers);
    }
    let peers = peers?.list(|item| peer(&item, kind, direction, action));
    let ports = ports.map(|field| {
        field.list(|item| match kind {
            Kind::Admin | Kind::BaselineAdmin => admin_port(&item),
            Kind::Cluster => protocol(&item),
        })
    });
    Some(ClusterPolicyRule {
        name: name.to_string().into(),
        action: action?,
        peers: peers.into(),
        ports: ports.unwrap_or_default().into(),
        line: field.line(),
    })
}

/// Reads a peer. One with no field that is known here is no mistake: its rule
/// fails closed.
fn peer(
    field: &Field<'_, '_>,
    kind: Kind,
    direction: Direction,
    action: Option<Action>,
) -> Option<ClusterPolicyPeer<'static>> {
    let mut fields = field.fields();
    let namespaces = fields.get("namespaces");
    let pods = fields.get("pods");
    let is_egress = direction == Direction::Egress;
    let mut only_in = |condition: bool, name| if condition { fields.get(name) } else { None };
    let nodes = only_in(is_egress, "nodes");
    let networks = only_in(is_egress, "networks");
    // A BaselineAdminNetworkPolicy has no domain names.
    let domain_names = only_in(is_egress && kind != Kind::BaselineAdmin, "domainNames");
    let known = [namespaces, pods, nodes, networks, domain_names];
    let count = known.iter().flatten().count();
    if count == 0 {
        warn_of_unknown_peer(field, &fields, action);
        return Some(ClusterPolicyPeer::Unknown);
    }
    fields.finish();
    if count > 1 {
        field.refuse("a peer has exactly one field: make one peer of each");
        return None;
    }
    if let Some(field) = namespaces {
        return Some(ClusterPolicyPeer::Pods(of_namespaces(&field)));
    }
    if let Some(field) = pods {
        return Some(ClusterPolicyPeer::Pods(namespaced_pods(&field)));
    }
    if let Some(field) = nodes {
        return Some(ClusterPolicyPeer::Nodes(selector(&field)));
    }
    if let Some(field) = [networks, domain_names].into_iter().flatten().next()
        && field.is_empty_list()
    {
        field.warn("an empty list: the peer matches nothing");
    }
    if let Some(field) = networks {
        return Some(ClusterPolicyPeer::Networks(
            field.list(|item| cidr(&item)).into(),
        ));
    }
    let field = domain_names?;
    if action.is_some_and(|action| action != Action::Allow) {
        field.refuse(Problem::DomainNamesNeedAllow);
    }
    let patterns: Vec<_> =
        field.list(|item| item.parse(|text| DomainPattern::new(text.to_string())));
    Some(ClusterPolicyPeer::DomainNames(patterns.into()))
}

fn warn_of_unknown_peer(field: &Field<'_, '_>, fields: &Fields<'_, '_>, action: Option<Action>) {
    let effect = match action {
        Some(Action::Allow) | None => "matches nothing",
        Some(Action::Deny | Action::Pass) => "denies everything",
    };
    let found = if fields.is_empty() {
        "no field"
    } else {
        "no field that is known here"
    };
    field.warn(format_args!(
        "the peer has {found}, so its rule fails closed: it {effect}"
    ));
}

/// Reads an AdminNetworkPolicyPort: exactly one of three.
fn admin_port(field: &Field<'_, '_>) -> Option<Port<'static>> {
    let mut fields = field.fields();
    let number = fields.get("portNumber");
    let range = fields.get("portRange");
    let name = fields.get("namedPort");
    let is_misspelt = fields.unknown().next().is_some();
    fields.finish();
    match (number, range, name) {
        (Some(number), None, None) => {
            let mut fields = number.fields();
            let protocol = admin_protocol(&mut fields);
            let port = fields.require("port");
            fields.finish();
            let port = port?;
            Some(Port::Range(
                protocol?,
                port_range(&port, port.int()?, None)?,
            ))
        }
        (None, Some(range), None) => {
            let mut fields = range.fields();
            let protocol = admin_protocol(&mut fields);
            let range = start_to_end(&mut fields);
            fields.finish();
            Some(Port::Range(protocol?, range?))
        }
        (None, None, Some(name)) => Some(Port::Named(None, port_name(&name)?.into())),
        (None, None, None) if is_misspelt => None,
        _ => {
            field.refuse("a port has exactly one of portNumber, portRange and namedPort");
            None
        }
    }
}

fn admin_protocol(fields: &mut Fields<'_, '_>) -> Option<Protocol> {
    match fields.get("protocol") {
        Some(field) => field.parse(Protocol::from_policy),
        None => Some(Protocol::TCP),
    }
}

fn start_to_end(fields: &mut Fields<'_, '_>) -> Option<crate::model::PortRange> {
    let start = fields.require("start");
    let end = fields.require("end");
    let start = start?;
    port_range(&start, start.int()?, Some(&end?))
}

/// Reads a ClusterNetworkPolicyProtocol: exactly one of four.
fn protocol(field: &Field<'_, '_>) -> Option<Port<'static>> {
    let mut fields = field.fields();
    let transports = [
        (Protocol::TCP, fields.get("tcp")),
        (Protocol::UDP, fields.get("udp")),
        (Protocol::SCTP, fields.get("sctp")),
    ];
    let name = fields.get("destinationNamedPort");
    let is_misspelt = fields.unknown().next().is_some();
    fields.finish();
    let mut given = transports
        .into_iter()
        .filter_map(|(protocol, field)| Some((protocol, field?)));
    match (given.next(), given.next(), name) {
        (Some((protocol, field)), None, None) => transport(&field, protocol),
        (None, None, Some(name)) => Some(Port::Named(None, port_name(&name)?.into())),
        (None, None, None) if is_misspelt => None,
        _ => {
            field.refuse("a protocol has exactly one of tcp, udp, sctp and destinationNamedPort");
            None
        }
    }
}

fn transport(field: &Field<'_, '_>, protocol: Protocol) -> Option<Port<'static>> {
    let mut fields = field.fields();
    let port = fields.get("destinationPort");
    fields.finish();
    let Some(port) = port else {
        return Some(Port::Every(protocol));
    };
    let mut fields = port.fields();
    let number = fields.get("number");
    let range = fields.get("range");
    let is_misspelt = fields.unknown().next().is_some();
    fields.finish();
    match (number, range) {
        (Some(number), None) => Some(Port::Range(
            protocol,
            port_range(&number, number.int()?, None)?,
        )),
        (None, Some(range)) => {
            let mut fields = range.fields();
            let range = start_to_end(&mut fields);
            fields.finish();
            Some(Port::Range(protocol, range?))
        }
        (None, None) if is_misspelt => None,
        _ => {
            port.refuse("a destination port has exactly one of number and range");
            None
        }
    }
}
