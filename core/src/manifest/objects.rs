//! Namespaces and nodes.

use core::net::IpAddr;

use super::field::Field;
use super::meta::Meta;
use crate::model::{Namespace, Node, Problem};

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
                let kind = fields.get("type").and_then(|field| field.text());
                let field = fields.require("address");
                fields.finish_admitted(meta.admitted);
                let field = field?;
                // Host names stand here as well.
                let address = field.text()?.parse::<IpAddr>().ok();
                if address.is_none()
                    && let Some(kind @ ("InternalIP" | "ExternalIP")) = kind
                {
                    let problem = Problem::NotAnAddress;
                    field.warn(format_args!(
                        "{problem}, as {kind} promises: it does not count"
                    ));
                }
                address
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
