//! What all objects have: `metadata`, and label selectors.

use alloc::string::{String, ToString};

use super::field::{Field, Fields};
use crate::model::{Label, Operator, PodSelector, Problem, Requirement, Selector, Text};

/// `metadata`, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Meta {
    /// `default` if the object states none.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) labels: alloc::vec::Vec<Label<'static>>,
    /// Whether an API server has admitted the object: it has given it a `uid`.
    pub(super) admitted: bool,
    /// Seconds since the epoch.
    pub(super) created: Option<i64>,
    pub(super) deleting: bool,
    /// The controller among `ownerReferences`, or else the first.
    pub(super) owner: Option<Owner>,
}

/// An entry of `ownerReferences`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// Empty if it states none.
    pub(super) kind: String,
    pub(super) name: String,
}

/// What an object without `metadata.namespace` is in.
const DEFAULT_NAMESPACE: &str = "default";

impl Meta {
    /// Reads `metadata`, and passes over `apiVersion` and `kind`, which have been
    /// read before.
    pub(super) fn read(object: &mut Fields<'_, '_>) -> Meta {
        object.ignore(&["apiVersion", "kind"]);
        let mut meta = Meta {
            namespace: DEFAULT_NAMESPACE.to_string(),
            ..Meta::default()
        };
        let Some(field) = object.require("metadata") else {
            return meta;
        };
        let mut fields = field.fields();
        meta.read_fields(&mut fields);
        if meta.name.is_empty() {
            field.refuse_missing("name");
        }
        fields.finish_admitted(meta.admitted);
        meta
    }

    /// Reads the `metadata` of a pod template, which needs no name.
    pub(super) fn read_template(template: &mut Fields<'_, '_>) -> Meta {
        let mut meta = Meta::default();
        if let Some(field) = template.get("metadata") {
            let mut fields = field.fields();
            meta.read_fields(&mut fields);
            fields.finish();
        }
        meta
    }

    fn read_fields(&mut self, fields: &mut Fields<'_, '_>) {
        let text = |field: Option<Field<'_, '_>>| {
            field
                .and_then(|field| field.text())
                .map(ToString::to_string)
        };
        self.admitted = fields.get("uid").is_some();
        let generate_name = text(fields.get("generateName"));
        self.name = text(fields.get("name"))
            .or(generate_name)
            .unwrap_or_default();
        if let Some(namespace) = text(fields.get("namespace")).filter(|name| !name.is_empty()) {
            self.namespace = namespace;
        }
        if let Some(labels) = fields.get("labels") {
            self.labels = labels.string_map(label);
        }
        let created = fields.get("creationTimestamp");
        self.created = created.and_then(|field| {
            field.parse(|text| {
                text.parse::<jiff::Timestamp>()
                    .map(jiff::Timestamp::as_second)
                    .map_err(|_| "not a time: write it like 2026-01-31T08:00:00Z")
            })
        });
        self.deleting = fields.get("deletionTimestamp").is_some();
        if let Some(owners) = fields.get("ownerReferences") {
            let owners = owners.list(|owner| {
                let mut fields = owner.fields();
                let kind = text(fields.get("kind")).unwrap_or_default();
                let name = text(fields.require("name"))?;
                let controls =
                    fields.get("controller").and_then(|field| field.bool()) == Some(true);
                fields.ignore(&["apiVersion", "uid", "blockOwnerDeletion"]);
                fields.finish_admitted(self.admitted);
                Some((controls, Owner { kind, name }))
            });
            let controller = owners.iter().find(|(controls, _)| *controls);
            self.owner = controller
                .or(owners.first())
                .map(|(_, owner)| owner.clone());
        }
        fields.ignore(&[
            "annotations",
            "clusterName",
            "deletionGracePeriodSeconds",
            "finalizers",
            "generation",
            "managedFields",
            "resourceVersion",
            "selfLink",
        ]);
    }
}

fn label(key: &str, value: &str) -> Label<'static> {
    Label::new(key.to_string(), value.to_string())
}

/// Reads a label selector.
pub(super) fn selector(field: &Field<'_, '_>) -> Selector<'static> {
    let mut fields = field.fields();
    let match_labels = fields
        .get("matchLabels")
        .map(|field| field.string_map(label));
    let match_expressions = fields
        .get("matchExpressions")
        .map(|field| field.list(|item| requirement(&item)));
    fields.finish();
    Selector {
        match_labels: match_labels.unwrap_or_default().into(),
        match_expressions: match_expressions.unwrap_or_default().into(),
    }
}

fn requirement(field: &Field<'_, '_>) -> Option<Requirement<'static>> {
    let mut fields = field.fields();
    let key = fields.require("key").and_then(|field| field.text());
    let operator = fields
        .require("operator")
        .and_then(|field| field.parse(Operator::from_api));
    let values = fields.get("values");
    fields.finish();
    let listed = values.map_or_else(Default::default, |field| {
        field.list(|value| value.text().map(|text| Text::from(text.to_string())))
    });
    match Requirement::new(key?.to_string(), operator?, listed) {
        Ok(requirement) => Some(requirement),
        // A value that could not be read has been noted already.
        Err(Problem::OperatorWithoutValues)
            if values.is_some_and(|field| !field.is_empty_list()) =>
        {
            None
        }
        Err(problem) => {
            values.unwrap_or(*field).refuse(problem);
            None
        }
    }
}

/// Reads `namespaceSelector` and `podSelector` of the cluster-scoped policies.
pub(super) fn namespaced_pods(field: &Field<'_, '_>) -> PodSelector<'static> {
    let mut fields = field.fields();
    let namespaces = fields
        .get("namespaceSelector")
        .map(|field| selector(&field));
    let pods = fields.get("podSelector").map(|field| selector(&field));
    fields.finish();
    PodSelector {
        namespaces: namespaces.unwrap_or_default(),
        pods: pods.unwrap_or_default(),
    }
}
