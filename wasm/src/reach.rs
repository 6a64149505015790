//! What can reach what, and what two images answer differently.

use js_sys::{Reflect, Uint32Array};
use netpolicy::reach::{self, Change, Peer, PortSet};
use serde::{Serialize, Serializer};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::convert::{DifferenceObject, ReachabilityObject, Thrown, to_js};
use crate::image::Image;

/// `PortSet` in `types.ts`.
#[derive(Serialize)]
struct PortSetObject<'r> {
    text: String,
    ranges: &'r PortSet,
}

fn port_set<S: Serializer>(ports: &PortSet, serializer: S) -> Result<S::Ok, S::Error> {
    PortSetObject {
        text: ports.to_string(),
        ranges: ports,
    }
    .serialize(serializer)
}

/// `Reachability` in `types.ts`, without its rows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ends<'r> {
    peers: &'r [Peer],
    port_sets: Vec<PortSetObject<'r>>,
}

/// `Difference` in `types.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DifferenceValue<'d> {
    changes: Vec<ChangeValue<'d>>,
    added_workloads: &'d [reach::WorkloadName],
    removed_workloads: &'d [reach::WorkloadName],
}

#[derive(Serialize)]
struct ChangeValue<'d> {
    source: &'d Peer,
    destination: &'d Peer,
    #[serde(serialize_with = "port_set")]
    before: &'d PortSet,
    #[serde(serialize_with = "port_set")]
    after: &'d PortSet,
    #[serde(serialize_with = "port_set")]
    added: &'d PortSet,
    #[serde(serialize_with = "port_set")]
    removed: &'d PortSet,
}

impl<'d> From<&'d Change> for ChangeValue<'d> {
    fn from(change: &'d Change) -> ChangeValue<'d> {
        ChangeValue {
            source: &change.source,
            destination: &change.destination,
            before: &change.before,
            after: &change.after,
            added: &change.added,
            removed: &change.removed,
        }
    }
}

#[wasm_bindgen]
impl Image {
    /// Every connection that may pass, exactly, between workloads, nodes and external
    /// addresses. What is left out: a pod with itself, which is always allowed, and
    /// pairs of which no policy governs either end.
    pub fn reachability(&self) -> Result<ReachabilityObject, Thrown> {
        let reach = reach::Reachability::new(&self.image.image());
        let sets = reach.port_sets().iter();
        let value = to_js(&Ends {
            peers: reach.peers(),
            port_sets: sets
                .map(|ports| PortSetObject {
                    text: ports.to_string(),
                    ranges: ports,
                })
                .collect(),
        })?;
        for (column, name) in ["sources", "destinations", "ports"].into_iter().enumerate() {
            let numbers: Vec<u32> = reach.rows().map(|row| row.indices()[column]).collect();
            Reflect::set(&value, &name.into(), &Uint32Array::from(&*numbers))?;
        }
        Ok(value.unchecked_into())
    }

    /// Every connection that this image and another answer differently, where this
    /// one is the state before. No changes are a proof that no connection differs.
    pub fn difference(&self, after: &Image) -> Result<DifferenceObject, Thrown> {
        let difference = reach::Difference::between(&self.image.image(), &after.image.image());
        let value = DifferenceValue {
            changes: difference.changes.iter().map(ChangeValue::from).collect(),
            added_workloads: &difference.added_workloads,
            removed_workloads: &difference.removed_workloads,
        };
        Ok(to_js(&value)?.unchecked_into())
    }
}
