//! `networking.k8s.io/v1` NetworkPolicy. SEMANTICS, "NetworkPolicy".

use super::field::{Field, IntOrText};
use super::meta::{Meta, selector};
use crate::model::{
    Direction, InvalidEntry, IpBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyRule,
    PodSelector, Port, PortRange, Problem, Selector, Source,
};
use crate::{Cidr, Protocol};

/// Reads a NetworkPolicy.
pub(super) fn network_policy(
    object: &Field<'_, '_>,
    source: Source<'static>,
) -> (Meta, NetworkPolicy<'static>) {
    let mut fields = object.fields();
    let meta = Meta::read(&mut fields);
    let mut policy = NetworkPolicy {
        namespace: meta.namespace.clone().into(),
        name: meta.name.clone().into(),
        source,
        ..NetworkPolicy::default()
    };
    if let Some(spec) = fields.get("spec") {
        let mut fields = spec.fields();
        if let Some(field) = fields.get("podSelector") {
            policy.pod_selector = selector(&field);
        }
        if let Some(field) = fields.get("policyTypes") {
            policy.policy_types = field.list(|item| item.parse(policy_type)).into();
        }
        if let Some(field) = fields.get("ingress") {
            policy.ingress = field.list(|item| Some(rule(&item, "from"))).into();
        }
        if let Some(field) = fields.get("egress") {
            policy.egress = field.list(|item| Some(rule(&item, "to"))).into();
        }
        fields.finish();
    }
    // The status of versions 1.24 to 1.27.
    fields.ignore(&["status"]);
    fields.finish();
    (meta, policy)
}

fn policy_type(text: &str) -> Result<Direction, Problem> {
    match text {
        "Ingress" => Ok(Direction::Ingress),
        "Egress" => Ok(Direction::Egress),
        _ => Err(Problem::UnknownPolicyType),
    }
}

fn rule(field: &Field<'_, '_>, peers: &'static str) -> NetworkPolicyRule<'static> {
    let mut fields = field.fields();
    let peers = fields
        .get(peers)
        .map(|field| field.list(|item| peer(&item)));
    let ports = fields
        .get("ports")
        .map(|field| field.list(|item| port(&item)));
    fields.finish();
    NetworkPolicyRule {
        peers: peers.unwrap_or_default().into(),
        ports: ports.unwrap_or_default().into(),
        line: field.line(),
    }
}

fn peer(field: &Field<'_, '_>) -> Option<NetworkPolicyPeer<'static>> {
    let mut fields = field.fields();
    let pods = fields.get("podSelector");
    let namespaces = fields.get("namespaceSelector");
    let block = fields.get("ipBlock");
    // What is misspelt is not missing as well.
    let is_misspelt = fields.unknown().next().is_some();
    fields.finish();
    let read = |field: Option<Field<'_, '_>>| field.map(|field| selector(&field));
    match (read(pods), read(namespaces), block) {
        (None, None, Some(block)) => ip_block(&block).map(NetworkPolicyPeer::IpBlock),
        (_, _, Some(_)) => {
            field.refuse(Problem::IpBlockBesideSelectors);
            None
        }
        (Some(pods), None, None) => Some(NetworkPolicyPeer::OwnNamespace(pods)),
        (pods, Some(namespaces), None) => {
            let pods = pods.unwrap_or(Selector::EVERYTHING);
            Some(NetworkPolicyPeer::Pods(PodSelector { namespaces, pods }))
        }
        (None, None, None) => {
            if !is_misspelt {
                field.refuse(Problem::PeerWithoutField);
            }
            None
        }
    }
}

fn ip_block(field: &Field<'_, '_>) -> Option<IpBlock<'static>> {
    let mut fields = field.fields();
    let block = fields.require("cidr").and_then(|field| cidr(&field));
    let except = fields.get("except");
    fields.finish();
    let block = block?;
    let except = except.map(|field| {
        field.list(|item| {
            let except = cidr(&item)?;
            // Each by itself, so that each is told of at its own place.
            match IpBlock::new(block, &[except]) {
                Ok(_) => Some(except),
                Err(InvalidEntry { problem, .. }) => {
                    item.refuse_value(problem);
                    None
                }
            }
        })
    });
    IpBlock::new(block, except.unwrap_or_default()).ok()
}

/// Reads a CIDR.
pub(super) fn cidr(field: &Field<'_, '_>) -> Option<Cidr> {
    let text = field.text()?;
    let cidr: Cidr = field.parse(str::parse)?;
    let (address, _) = text.split_once('/')?;
    let has_host_bits = address
        .parse()
        .is_ok_and(|address| crate::canonical(address) != cidr.network());
    if has_host_bits {
        field.warn(format_args!(
            "{text:?}: bits behind the prefix are set; it counts as {cidr}"
        ));
    }
    Some(cidr)
}

fn port(field: &Field<'_, '_>) -> Option<Port<'static>> {
    let mut fields = field.fields();
    let protocol = match fields.get("protocol") {
        Some(field) => field.parse(Protocol::from_policy),
        None => Some(Protocol::TCP),
    };
    let first = fields.get("port");
    let last = fields.get("endPort");
    fields.finish();
    match (first.map(|field| field.int_or_text()), last) {
        (None, None) => Some(Port::Every(protocol?)),
        (None, Some(last)) => {
            last.refuse(Problem::EndPortWithoutPort);
            None
        }
        (Some(Some(IntOrText::Text(_))), Some(last)) => {
            last.refuse(Problem::EndPortWithNamedPort);
            None
        }
        (Some(Some(IntOrText::Text(_))), None) => {
            let name = port_name(&first?)?;
            Some(Port::Named(Some(protocol?), name.into()))
        }
        (Some(Some(IntOrText::Int(first_port))), last) => {
            let range = port_range(&first?, first_port, last.as_ref())?;
            Some(Port::Range(protocol?, range))
        }
        // Neither integer nor string has been noted.
        (Some(None), _) => None,
    }
}

/// Reads the name of a port.
pub(super) fn port_name(field: &Field<'_, '_>) -> Option<alloc::string::String> {
    field.parse(|text| {
        let is_name = text.bytes().any(|byte| byte.is_ascii_alphabetic());
        if is_name {
            Ok(text.into())
        } else {
            Err(Problem::NotAPortName)
        }
    })
}

/// The range from a port to the port that another field states, or to itself.
pub(super) fn port_range(
    first_field: &Field<'_, '_>,
    first: i64,
    last: Option<&Field<'_, '_>>,
) -> Option<PortRange> {
    let first = PortRange::single(first)
        .map_err(|problem| first_field.refuse(problem))
        .ok();
    let Some(last_field) = last else { return first };
    let last = last_field.int()?;
    let last = PortRange::single(last)
        .map_err(|problem| last_field.refuse(problem))
        .ok()?;
    PortRange::new(i64::from(first?.first()), i64::from(last.last()))
        .map_err(|problem| last_field.refuse(problem))
        .ok()
}
