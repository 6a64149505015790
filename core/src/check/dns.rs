//! The DNS servers that a cluster has, whether they were given or not.

use alloc::vec::Vec;

use crate::Protocol;
use crate::model::{Label, NamedPort, Pod};

/// The namespace in which they are.
pub(super) const NAMESPACE: &str = "kube-system";

/// A DNS server for each of the labels that they usually have.
pub(crate) fn usual_servers() -> [Pod<'static>; 2] {
    ["kube-dns", "coredns"].map(|value| Pod {
        namespace: NAMESPACE.into(),
        labels: Vec::from([Label::new("k8s-app", value)]).into(),
        ports: [("dns", Protocol::UDP), ("dns-tcp", Protocol::TCP)]
            .map(|(name, protocol)| NamedPort {
                name: name.into(),
                protocol,
                number: 53,
            })
            .to_vec()
            .into(),
        ..Pod::default()
    })
}
