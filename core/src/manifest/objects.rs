//! Namespaces and nodes.

use core::net::IpAddr;

use super::field::Field;
use super::meta::Meta;
use crate::model::{Namespace, Node};

/// Reads a Namespace.
pub(super) fn namespace(object: &Field<'_, '_>) -> (Meta, Namespace<'static>) {
    let mut fields = object.fields();
    let meta = Meta::read(&mut fields);
    fields.ignore(&["spec", "status"]);
    fields.finish_admitted(meta.admitted);
    let namespace = Namespace {
        name: meta.name.clone().into(),
        labels: meta.labels.clone().into(),
    };
    (meta, namespace)
}

/// Reads a Node. SEMANTICS: its addresses are the IP addresses in
/// `status.addresses`, of whatever type.
pub(super) fn node(object: &Field<'_, '_>) -> (Meta, Node<'static>) {
    let mut fields = object.fields();
    let meta = Meta::read(&mut fields);
    fields.ignore(&["spec"]);
    let addresses = fields.get("status").and_then(|status| {
        let mut fields = status.fields();
        let addresses = fields.get("addresses").map(|field| {
            field.list(|item| {
                let mut fields = item.fields();
                let address = fields.require("address").and_then(|field| field.text());
                fields.ignore(&["type"]);
                fields.finish_admitted(meta.admitted);
                // Host names stand here as well.
                address?.parse::<IpAddr>().ok()
            })
        });
        // The fields of NodeStatus in Kubernetes 1.37.
        fields.ignore(&[
            "allocatable",
            "capacity",
            "conditions",
            "config",
            "daemonEndpoints",
            "declaredFeatures",
            "features",
            "images",
            "nodeInfo",
            "phase",
            "runtimeHandlers",
            "volumesAttached",
            "volumesInUse",
        ]);
        fields.finish_admitted(meta.admitted);
        addresses
    });
    fields.finish_admitted(meta.admitted);
    let node = Node {
        name: meta.name.clone().into(),
        labels: meta.labels.clone().into(),
        addresses: addresses.unwrap_or_default().into(),
    };
    (meta, node)
}
