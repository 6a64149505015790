//! Labels and selectors, as the image keeps them. SEMANTICS, "Selectors".

use crate::image::Image;
use crate::image::record::Record;
use crate::image::tables::{
    LabelRecord, NONE, RequirementRecord, SelectorRecord, UNMENTIONED, operator_from_code,
};
use crate::model::{Label, NAMESPACE_NAME_LABEL, Operator};

/// Labels to match a selector against.
#[derive(Clone, Copy)]
pub(crate) enum Labels<'i> {
    /// A range in `Labels`.
    Stored { first: u32, len: u32 },
    /// Labels of a question. Of a key that stands twice, the last counts.
    Given(&'i [Label<'i>]),
    /// Of a namespace that the image does not know: its name, and nothing else.
    NameOnly(&'i str),
}

/// What labels say of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value<'i> {
    Absent,
    /// Present, with a value that no selector of the image mentions.
    Unmentioned,
    /// A string of the image.
    Number(u32),
    Text(&'i str),
}

impl<'i> Labels<'i> {
    fn value(self, image: &Image<'i>, key: u32) -> Value<'i> {
        match self {
            Labels::Stored { first, len } => {
                // Sorted by key.
                let labels = image.cold.labels.slice(first, len);
                let at = labels.partition_point(|label| LabelRecord::decode(label).key < key);
                let label = labels.get(at).map(LabelRecord::decode);
                match label.filter(|label| label.key == key) {
                    Some(label) if label.value == UNMENTIONED => Value::Unmentioned,
                    Some(label) => Value::Number(label.value),
                    None => Value::Absent,
                }
            }
            Labels::Given(labels) => {
                let key = image.string(key);
                let label = labels.iter().rev().find(|label| *label.key == *key);
                label.map_or(Value::Absent, |label| Value::Text(&label.value))
            }
            Labels::NameOnly(name) if image.string(key) == NAMESPACE_NAME_LABEL => {
                Value::Text(name)
            }
            Labels::NameOnly(_) => Value::Absent,
        }
    }

    /// Whether a selector matches.
    pub(crate) fn match_selector(self, image: &Image<'i>, selector: u32) -> bool {
        requirements(image, selector).all(|requirement| self.satisfy(image, &requirement))
    }

    fn satisfy(self, image: &Image<'i>, requirement: &RequirementRecord) -> bool {
        let value = self.value(image, requirement.key);
        let is_present = value != Value::Absent;
        let is_listed = || {
            let mut values = image
                .cold
                .values
                .range(requirement.values, requirement.values_len);
            match value {
                Value::Absent | Value::Unmentioned => false,
                // Sorted.
                Value::Number(number) => image
                    .cold
                    .values
                    .slice(requirement.values, requirement.values_len)
                    .binary_search_by_key(&number, u32::decode)
                    .is_ok(),
                Value::Text(text) => values.any(|listed| image.string(listed) == text),
            }
        };
        match operator_from_code(requirement.operator) {
            Some(Operator::In) => is_present && is_listed(),
            Some(Operator::NotIn) => !is_present || !is_listed(),
            Some(Operator::Exists) => is_present,
            Some(Operator::DoesNotExist) => !is_present,
            None => false,
        }
    }
}

/// The requirements of a selector of the image.
pub(crate) fn requirements<'i>(
    image: &Image<'i>,
    selector: u32,
) -> impl Iterator<Item = RequirementRecord> + use<'i> {
    let SelectorRecord {
        requirements,
        requirements_len,
    } = image.cold.selectors.get(selector);
    image
        .cold
        .requirements
        .range(requirements, requirements_len)
}

/// Whether a selector of namespaces asks for more than the name.
pub(crate) fn asks_beyond_name(image: &Image<'_>, selector: u32) -> bool {
    selector != NONE
        && requirements(image, selector)
            .any(|requirement| image.string(requirement.key) != NAMESPACE_NAME_LABEL)
}
