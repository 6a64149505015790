//! Ways to write the same thing.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::vocabulary::{KEYS, NAMESPACES, VALUES};
use crate::oracle::NAME_LABEL;

/// A field as it may be written: `None` is a missing key, null stands for itself.
pub(super) type Field = Option<Value>;

/// An object of the fields that are there.
pub(super) fn object<const N: usize>(fields: [(&str, Field); N]) -> Value {
    let there = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

/// One of a few words.
pub(super) fn word(of: &'static [&'static str]) -> BoxedStrategy<&'static str> {
    select(of).boxed()
}

/// A field that is missing, null, or as `present` has it, which comes `weight` times in ten and
/// more.
pub(super) fn maybe(
    weight: u32,
    present: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<Field> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Value::Null)),
        weight => present.prop_map(Some),
    ]
    .boxed()
}

/// A list that is missing, null, empty, or has one to `most` items.
pub(super) fn maybe_list(
    weight: u32,
    item: impl Strategy<Value = Value> + 'static,
    most: usize,
) -> BoxedStrategy<Field> {
    let some = prop::collection::vec(item, 1..=most);
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!([]))),
        weight => some.prop_map(|items| Some(Value::Array(items))),
    ]
    .boxed()
}

/// `metadata.labels`: every key of the vocabulary with some value, or not.
pub(super) fn labels() -> BoxedStrategy<Field> {
    let value = || prop::option::weighted(0.6, select(VALUES));
    let some = (value(), value(), value()).prop_map(|(first, second, third)| {
        let mut labels = Map::new();
        for (key, value) in KEYS.iter().zip([first, second, third]) {
            if let Some(value) = value {
                labels.insert((*key).to_owned(), value.into());
            }
        }
        Value::Object(labels)
    });
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(Value::Null)),
        12 => some.prop_map(Some),
    ]
    .boxed()
}

/// What a selector looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// Pods or nodes: only labels that somebody wrote.
    Objects,
    /// Namespaces: `kubernetes.io/metadata.name`, too.
    Namespaces,
}

/// A label: its key and the values it may have.
type Label = (&'static str, &'static [&'static str]);

fn label(of: Of) -> BoxedStrategy<Label> {
    let written = select(KEYS).prop_map(|key| (key, VALUES));
    match of {
        Of::Objects => written.boxed(),
        Of::Namespaces => prop_oneof![
            2 => written,
            1 => Just((NAME_LABEL, NAMESPACES)),
        ]
        .boxed(),
    }
}

fn requirement(of: Of) -> BoxedStrategy<Value> {
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 1..=3);
    (
        label(of),
        word(&["In", "NotIn", "Exists", "DoesNotExist"]),
        picks,
        0..3_u8,
    )
        .prop_map(|((key, values), operator, picks, spelling)| {
            let values = if matches!(operator, "In" | "NotIn") {
                let mut chosen: Vec<&str> = Vec::new();
                for pick in picks {
                    let value = *pick.get(values);
                    if !chosen.contains(&value) {
                        chosen.push(value);
                    }
                }
                Some(json!(chosen))
            } else {
                [None, Some(Value::Null), Some(json!([]))][usize::from(spelling)].clone()
            };
            object([
                ("key", Some(key.into())),
                ("operator", Some(operator.into())),
                ("values", values),
            ])
        })
        .boxed()
}

fn match_labels(of: Of, most: usize) -> BoxedStrategy<Value> {
    let one = (label(of), any::<prop::sample::Index>())
        .prop_map(|((key, values), pick)| (key.to_owned(), Value::from(*pick.get(values))));
    prop::collection::vec(one, 1..=most)
        .prop_map(|labels| Value::Object(labels.into_iter().collect()))
        .boxed()
}

/// A label selector. A third of them match everything, in one way or another.
pub(super) fn selector(of: Of) -> BoxedStrategy<Value> {
    let expressions = |most| prop::collection::vec(requirement(of), 1..=most);
    prop_oneof![
        6 => Just(json!({})),
        1 => Just(json!({"matchLabels": {}})),
        1 => Just(json!({"matchLabels": null, "matchExpressions": []})),
        6 => match_labels(of, 1).prop_map(|labels| json!({"matchLabels": labels})),
        1 => match_labels(of, 2).prop_map(|labels| {
            json!({"matchLabels": labels, "matchExpressions": null})
        }),
        6 => expressions(1).prop_map(|list| json!({"matchExpressions": list})),
        1 => expressions(2).prop_map(|list| json!({"matchExpressions": list})),
        2 => (match_labels(of, 1), expressions(1)).prop_map(|(labels, list)| {
            json!({"matchLabels": labels, "matchExpressions": list})
        }),
    ]
    .boxed()
}

/// `metadata` as a person writes it, or with what the API server adds.
pub(super) fn metadata(
    fields: impl IntoIterator<Item = (&'static str, Field)>,
    server: bool,
) -> Value {
    let mut metadata = Map::new();
    for (key, value) in fields {
        if let Some(value) = value {
            metadata.insert(key.to_owned(), value);
        }
    }
    if server {
        let more = json!({
            "uid": "2c1b6d3e-6a52-4b61-9a53-5f3f7d9a1c10", "resourceVersion": "4711",
            "generation": 2, "annotations": {"example.com/note": "{}"},
            "managedFields": [{"manager": "kubectl", "operation": "Update", "apiVersion": "v1"}],
        });
        if let Value::Object(more) = more {
            metadata.extend(more);
        }
        metadata.entry("creationTimestamp").or_insert(Value::Null);
    }
    Value::Object(metadata)
}

/// `metadata.namespace`: missing or null now and then, where that means `default`.
pub(super) fn namespace_field(namespace: &str, spelling: u8) -> Field {
    match (namespace, spelling) {
        ("default", 0) => None,
        ("default", 1) => Some(Value::Null),
        _ => Some(namespace.into()),
    }
}
