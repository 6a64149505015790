//! What happens to a world: random events, as a watch would deliver them, and the
//! questions that go with them.

use std::net::IpAddr;

use netpolicy::live::{Event, ObjectKey, ObjectKind};
use netpolicy::manifest::watch_event;
use netpolicy::model::DomainName;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::oracle::json::{kind, name, namespace};
use crate::worlds::{World, world};

/// The most steps that a history has.
pub const MOST_STEPS: usize = 12;

/// A world and what happens to it.
#[derive(Clone, Debug)]
pub struct History {
    /// The world at the beginning.
    pub world: World,
    /// What happens, a batch at a time.
    pub steps: Vec<Vec<Happening>>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Happening {
    /// An object is added or modified.
    Set(Value),
    /// An object is deleted.
    Delete(Value),
    /// A domain name resolves to other addresses, or to none.
    Resolve(String, Option<Vec<IpAddr>>),
}

/// A happening, before the world is known.
#[derive(Clone, Debug)]
enum Plan {
    /// An object of another world, new or instead of one of its name.
    Foreign(Index),
    /// An object goes.
    Delete(Index),
    /// An object that has gone comes back as it was.
    Restore(Index),
    /// A copy of a pod: its number, and whether it has addresses of its own.
    Copy(Index, u8, bool),
    /// A policy gets the part of another's `spec` of this name.
    Edit(Index, Index, &'static str),
    /// An object changes in nothing that matters.
    Touch(Index),
    /// A name resolves as in another world, or no longer.
    Resolve(Index, bool),
}

fn plan() -> impl Strategy<Value = Plan> {
    let index = any::<Index>;
    let part = prop_oneof![
        Just("ingress"),
        Just("egress"),
        Just("podSelector"),
        Just("policyTypes"),
        Just("subject"),
        Just("priority"),
    ];
    prop_oneof![
        4 => index().prop_map(Plan::Foreign),
        4 => index().prop_map(Plan::Delete),
        3 => index().prop_map(Plan::Restore),
        8 => (index(), 0..6_u8, prop::bool::weighted(0.8))
            .prop_map(|(pod, number, own)| Plan::Copy(pod, number, own)),
        6 => (index(), index(), part).prop_map(|(to, from, part)| Plan::Edit(to, from, part)),
        1 => index().prop_map(Plan::Touch),
        1 => (index(), any::<bool>()).prop_map(|(index, some)| Plan::Resolve(index, some)),
    ]
}

/// Histories.
pub fn history() -> impl Strategy<Value = History> {
    let batch = prop_oneof![
        5 => prop::collection::vec(plan(), 1),
        1 => prop::collection::vec(plan(), 2..5),
    ];
    let plans = prop::collection::vec(batch, 1..=MOST_STEPS);
    (world(), world(), plans).prop_map(|(world, other, plans)| {
        let mut now = world.clone();
        let mut gone = Vec::new();
        let mut steps = Vec::new();
        for batch in plans {
            let mut happenings = Vec::new();
            for plan in batch {
                if let Some(happening) = happening(&now, &other, &gone, &plan) {
                    if let Happening::Delete(object) = &happening {
                        gone.push(object.clone());
                    }
                    happening.happen(&mut now);
                    happenings.push(happening);
                }
            }
            steps.push(happenings);
        }
        History { world, steps }
    })
}

fn happening(now: &World, other: &World, gone: &[Value], plan: &Plan) -> Option<Happening> {
    let pick = |objects: &[Value], index: &Index, is_meant: &dyn Fn(&Value) -> bool| {
        let meant: Vec<&Value> = objects
            .iter()
            .filter(|object| object_kind(object).is_some() && is_meant(object))
            .collect();
        (!meant.is_empty()).then(|| (*index.get(&meant)).clone())
    };
    let any = |_: &Value| true;
    Some(match plan {
        Plan::Foreign(index) => Happening::Set(pick(&other.manifests, index, &any)?),
        Plan::Delete(index) => Happening::Delete(pick(&now.manifests, index, &any)?),
        Plan::Restore(index) => Happening::Set(pick(gone, index, &any)?),
        Plan::Copy(index, number, own) => {
            let is_pod = |object: &Value| object_kind(object) == Some(ObjectKind::Pod);
            let pod = pick(&now.manifests, index, &is_pod)?;
            Happening::Set(copy(pod, *number, *own))
        }
        Plan::Edit(to, from, part) => {
            let is_policy = |object: &Value| object["spec"].get(part).is_some();
            let mut policy = pick(&now.manifests, to, &is_policy)?;
            let same_kind = |object: &Value| is_policy(object) && kind(object) == kind(&policy);
            let from = pick(&other.manifests, from, &same_kind)?;
            // Rules of the Admin tier may do what those of the Baseline tier must not.
            if policy["spec"]["tier"] != from["spec"]["tier"] {
                return None;
            }
            policy["spec"][part] = from["spec"][part].clone();
            Happening::Set(policy)
        }
        Plan::Touch(index) => {
            let mut object = pick(&now.manifests, index, &any)?;
            object["metadata"]["annotations"] = json!({"touched": "yes"});
            Happening::Set(object)
        }
        Plan::Resolve(index, some) => {
            if other.domains.is_empty() {
                return None;
            }
            let (name, addresses) = index.get(&other.domains);
            Happening::Resolve(name.clone(), some.then(|| addresses.clone()))
        }
    })
}

/// A pod like another, of another name.
fn copy(mut pod: Value, number: u8, own_addresses: bool) -> Value {
    let original = name(&pod).trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    pod["metadata"]["name"] = format!("{original}-copy-{number}").into();
    if own_addresses {
        pod["status"]["podIP"] = format!("10.0.0.{}", 40 + number).into();
        pod["status"]["podIPs"] = json!([
            {"ip": format!("10.0.0.{}", 40 + number)},
            {"ip": format!("fd00:10::{:x}", 0x40 + number)},
        ]);
    }
    pod
}

/// The kind of an object that matters.
fn object_kind(object: &Value) -> Option<ObjectKind> {
    let (api_version, kind) = kind(object);
    ObjectKind::from_api(api_version, kind)
}

/// What an object is known by.
fn key(object: &Value) -> Option<ObjectKey> {
    let kind = object_kind(object)?;
    let namespace = if kind.is_namespaced() {
        namespace(object)
    } else {
        ""
    };
    Some(ObjectKey::namespaced(kind, namespace, name(object)))
}

impl Happening {
    /// Changes a world.
    pub fn happen(&self, world: &mut World) {
        match self {
            Happening::Set(object) | Happening::Delete(object) => {
                let this = key(object);
                world.manifests.retain(|other| key(other) != this);
                if let Happening::Set(object) = self {
                    world.manifests.push(object.clone());
                }
            }
            Happening::Resolve(name, addresses) => {
                let normal = |name: &str| {
                    let name = name.to_ascii_lowercase();
                    name.strip_suffix('.').map_or(name.clone(), str::to_owned)
                };
                world
                    .domains
                    .retain(|(other, _)| normal(other) != normal(name));
                if let Some(addresses) = addresses {
                    world.domains.push((name.clone(), addresses.clone()));
                }
            }
        }
    }

    /// The same as an event.
    ///
    /// # Panics
    /// If the object is not valid.
    #[must_use]
    pub fn event(&self) -> Event {
        match self {
            Happening::Set(object) => delivered("MODIFIED", object),
            Happening::Delete(object) => delivered("DELETED", object),
            Happening::Resolve(name, Some(addresses)) => {
                let domain = DomainName {
                    name: name.clone().into(),
                    addresses: addresses.clone().into(),
                };
                Event::Added(domain.into())
            }
            Happening::Resolve(name, None) => {
                Event::Deleted(ObjectKey::cluster_scoped(ObjectKind::DomainName, name))
            }
        }
    }
}

/// The event that a watch delivers.
fn delivered(event: &str, object: &Value) -> Event {
    let text = json!({"type": event, "object": object}).to_string();
    match watch_event(&text) {
        Ok(Some(Event::Invalid(invalid))) => panic!("a valid object is refused: {invalid:#?}"),
        Ok(Some(event)) => event,
        other => panic!("{other:?}: {text}"),
    }
}
