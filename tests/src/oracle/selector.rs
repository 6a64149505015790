//! SEMANTICS "Selectors", and the labels they look at.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{field, list, name, namespace, needed};
use super::{Feature, Oracle, Trace};

/// The label that "a pod's namespace always carries".
pub(crate) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The labels of an object or a namespace.
pub(super) type Labels = BTreeMap<String, String>;

/// `metadata.labels`.
pub(super) fn labels_of(object: &Value) -> Labels {
    let Some(labels) = field(object, &["metadata", "labels"]).and_then(Value::as_object) else {
        return Labels::new();
    };
    labels
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// "`matchLabels` and `matchExpressions`" must all hold. "`{}` matches everything."
pub(super) fn selects(selector: &Value, labels: &Labels, trace: &Trace) -> bool {
    let by_label = field(selector, &["matchLabels"])
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| has_label(key, value.as_str().unwrap_or(""), labels, trace));
    let by_expression = list(selector, &["matchExpressions"])
        .iter()
        .map(|expression| satisfies(expression, labels, trace));
    let requirements: Vec<bool> = by_label.chain(by_expression).collect();

    trace.met_if(requirements.is_empty(), Feature::SelectorEmpty);
    trace.met_if(
        requirements.contains(&true) && requirements.contains(&false),
        Feature::SelectorIsConjunction,
    );
    requirements.iter().all(|&met| met)
}

/// "`matchLabels: {k: ""}` needs the key with an empty value."
fn has_label(key: &str, value: &str, labels: &Labels, trace: &Trace) -> bool {
    let found = labels.get(key);
    let hit = found.is_some_and(|found| found == value);
    trace.met(if hit {
        Feature::MatchLabelsHit
    } else {
        Feature::MatchLabelsMiss
    });
    if value.is_empty() {
        trace.met_if(hit, Feature::EmptyValueHit);
        trace.met_if(found.is_none(), Feature::EmptyValueMissesAbsentKey);
    }
    hit
}

/// "`In` and `Exists` need the key. `NotIn` and `DoesNotExist` match when the key is absent."
fn satisfies(expression: &Value, labels: &Labels, trace: &Trace) -> bool {
    let found = labels.get(needed(expression, &["key"]));
    let listed = found.is_some_and(|found| {
        list(expression, &["values"])
            .iter()
            .any(|value| value.as_str() == Some(found))
    });
    let (hit, feature) = match (needed(expression, &["operator"]), found.is_some(), listed) {
        ("In", true, true) => (true, Feature::InHit),
        ("In", true, false) => (false, Feature::InMiss),
        ("In", false, _) => (false, Feature::InAbsentKey),
        ("NotIn", true, true) => (false, Feature::NotInMiss),
        ("NotIn", true, false) => (true, Feature::NotInHit),
        ("NotIn", false, _) => (true, Feature::NotInAbsentKey),
        ("Exists", true, _) => (true, Feature::ExistsHit),
        ("Exists", false, _) => (false, Feature::ExistsMiss),
        ("DoesNotExist", true, _) => (false, Feature::DoesNotExistMiss),
        ("DoesNotExist", false, _) => (true, Feature::DoesNotExistHit),
        (other, ..) => panic!("unknown operator {other:?}"),
    };
    trace.met(feature);
    hit
}

impl Oracle {
    /// Whether a selector of pods matches a pod; the namespace is another question.
    pub(super) fn selects_pod(selector: &Value, pod: &Value, trace: &Trace) -> bool {
        selects(selector, &labels_of(pod), trace)
    }

    /// Whether a selector of namespaces matches the namespace of a pod.
    pub(super) fn selects_namespace_of(
        &self,
        selector: &Value,
        pod: &Value,
        trace: &Trace,
    ) -> bool {
        let of = namespace(pod);
        let labels = self.namespace_labels(of);
        let hit = selects(selector, &labels, trace);

        let given = self.namespaces.iter().find(|object| name(object) == of);
        let mut without = labels;
        without.remove(NAME_LABEL);
        let looks = selector.to_string().contains("\"key\"")
            || field(selector, &["matchLabels"])
                .and_then(Value::as_object)
                .is_some_and(|labels| !labels.is_empty());
        trace.met_if(given.is_none() && looks, Feature::NamespaceWithoutObject);
        let implied = given.is_none_or(|object| !labels_of(object).contains_key(NAME_LABEL));
        trace.met_if(
            hit && implied && !selects(selector, &without, &Trace::default()),
            Feature::NameLabelImplied,
        );
        hit
    }

    /// "A pod's namespace always carries `kubernetes.io/metadata.name`, also when no Namespace
    /// object was given." What the object says of this label does not count: the API server
    /// overwrites it.
    fn namespace_labels(&self, of: &str) -> Labels {
        let mut labels = self
            .namespaces
            .iter()
            .find(|object| name(object) == of)
            .map(labels_of)
            .unwrap_or_default();
        labels.insert(NAME_LABEL.to_owned(), of.to_owned());
        labels
    }
}
