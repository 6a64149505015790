//! What a watch delivers: objects that are added, modified and deleted, and
//! objects that are not valid.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::Diagnostic;
use crate::model::{
    ClusterPolicy, ClusterPolicyApi, DomainName, Namespace, NetworkPolicy, Node, Pod,
};

/// An object of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A Namespace.
    Namespace(Namespace<'static>),
    /// A Node.
    Node(Node<'static>),
    /// A Pod.
    Pod(Pod<'static>),
    /// A NetworkPolicy.
    NetworkPolicy(NetworkPolicy<'static>),
    /// A ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy.
    ClusterPolicy(ClusterPolicy<'static>),
    /// The addresses that a domain name resolves to: no object of Kubernetes, but
    /// as changeable as one.
    DomainName(DomainName<'static>),
}

/// The kinds of objects that [`Live`](super::Live) takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// Namespace.
    Namespace,
    /// Node.
    Node,
    /// Pod.
    Pod,
    /// NetworkPolicy.
    NetworkPolicy,
    /// AdminNetworkPolicy.
    AdminNetworkPolicy,
    /// BaselineAdminNetworkPolicy.
    BaselineAdminNetworkPolicy,
    /// ClusterNetworkPolicy, of either tier.
    ClusterNetworkPolicy,
    /// A resolved domain name.
    DomainName,
}

/// What an object is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The kind.
    pub kind: ObjectKind,
    /// `metadata.namespace`; empty for a kind without namespaces.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

/// Something that happened to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The object is there; one of the same name is replaced, as after a watch
    /// that was begun anew.
    Added(Object),
    /// The object has changed; it need not have been there.
    Modified(Object),
    /// The object is gone; it need not have been there.
    Deleted(ObjectKey),
    /// The object is there in a version that is not valid. What was valid before
    /// stays in force.
    Invalid(Invalid),
}

/// A version of an object that is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The object.
    pub object: ObjectKey,
    /// What is wrong with it; at least one error.
    pub diagnostics: Vec<Diagnostic>,
}

/// What an object counts for at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectState<'l> {
    /// Its last version is in force.
    InForce,
    /// Its last version is not valid, and the one before it stays in force.
    PreviousInForce(&'l [Diagnostic]),
    /// Its last version is not valid, and there was none before.
    Refused(&'l [Diagnostic]),
    /// There is no such object.
    Absent,
}

impl ObjectKind {
    /// The kind of the API's objects of these `apiVersion` and `kind`; `None` if they
    /// do not matter here.
    #[must_use]
    pub fn from_api(api_version: &str, kind: &str) -> Option<ObjectKind> {
        Some(match (api_version, kind) {
            ("v1", "Namespace") => ObjectKind::Namespace,
            ("v1", "Node") => ObjectKind::Node,
            ("v1", "Pod") => ObjectKind::Pod,
            ("networking.k8s.io/v1", "NetworkPolicy") => ObjectKind::NetworkPolicy,
            ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy") => {
                ObjectKind::AdminNetworkPolicy
            }
            ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy") => {
                ObjectKind::BaselineAdminNetworkPolicy
            }
            ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy") => {
                ObjectKind::ClusterNetworkPolicy
            }
            _ => return None,
        })
    }

    /// Whether objects of the kind have a namespace.
    #[must_use]
    pub const fn is_namespaced(self) -> bool {
        matches!(self, ObjectKind::Pod | ObjectKind::NetworkPolicy)
    }

    /// The kind, as the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ObjectKind::Namespace => "Namespace",
            ObjectKind::Node => "Node",
            ObjectKind::Pod => "Pod",
            ObjectKind::NetworkPolicy => "NetworkPolicy",
            ObjectKind::AdminNetworkPolicy => "AdminNetworkPolicy",
            ObjectKind::BaselineAdminNetworkPolicy => "BaselineAdminNetworkPolicy",
            ObjectKind::ClusterNetworkPolicy => "ClusterNetworkPolicy",
            ObjectKind::DomainName => "domain name",
        }
    }

    /// The API of a kind of cluster-scoped policy; of either tier where one kind has
    /// both.
    pub(super) const fn cluster_policy_api(self) -> Option<ClusterPolicyApi> {
        match self {
            ObjectKind::AdminNetworkPolicy => Some(ClusterPolicyApi::AdminNetworkPolicy),
            ObjectKind::BaselineAdminNetworkPolicy => {
                Some(ClusterPolicyApi::BaselineAdminNetworkPolicy)
            }
            ObjectKind::ClusterNetworkPolicy => Some(ClusterPolicyApi::ClusterNetworkPolicyAdmin),
            _ => None,
        }
    }
}

impl From<ClusterPolicyApi> for ObjectKind {
    fn from(api: ClusterPolicyApi) -> ObjectKind {
        match api {
            ClusterPolicyApi::AdminNetworkPolicy => ObjectKind::AdminNetworkPolicy,
            ClusterPolicyApi::BaselineAdminNetworkPolicy => ObjectKind::BaselineAdminNetworkPolicy,
            ClusterPolicyApi::ClusterNetworkPolicyAdmin
            | ClusterPolicyApi::ClusterNetworkPolicyBaseline => ObjectKind::ClusterNetworkPolicy,
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ObjectKey {
    /// The key of an object in a namespace.
    #[must_use]
    pub fn namespaced(kind: ObjectKind, namespace: &str, name: &str) -> ObjectKey {
        ObjectKey {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key in the spelling that counts: that of a domain name has others.
    pub(super) fn normal(&self) -> Cow<'_, ObjectKey> {
        if self.kind != ObjectKind::DomainName {
            return Cow::Borrowed(self);
        }
        Cow::Owned(ObjectKey {
            name: DomainName::normal(&self.name),
            ..self.clone()
        })
    }

    /// The key of an object of a kind without namespaces.
    #[must_use]
    pub fn cluster_scoped(kind: ObjectKind, name: &str) -> ObjectKey {
        ObjectKey::namespaced(kind, "", name)
    }
}

/// `Kind namespace/name`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

impl Object {
    /// What the object is known by.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        let (kind, namespace, name) = match self {
            Object::Namespace(object) => (ObjectKind::Namespace, "", &object.name),
            Object::Node(object) => (ObjectKind::Node, "", &object.name),
            Object::Pod(object) => (ObjectKind::Pod, &*object.namespace, &object.name),
            Object::NetworkPolicy(object) => {
                (ObjectKind::NetworkPolicy, &*object.namespace, &object.name)
            }
            Object::ClusterPolicy(object) => (object.api.into(), "", &object.name),
            Object::DomainName(object) => (ObjectKind::DomainName, "", &object.name),
        };
        ObjectKey::namespaced(kind, namespace, name)
    }
}

macro_rules! objects {
    ($($kind:ident),+) => {
        $(impl From<$kind<'static>> for Object {
            fn from(object: $kind<'static>) -> Object {
                Object::$kind(object)
            }
        })+
    };
}
objects!(
    Namespace,
    Node,
    Pod,
    NetworkPolicy,
    ClusterPolicy,
    DomainName
);
