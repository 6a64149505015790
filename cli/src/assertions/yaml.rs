//! YAML as it was written, every value with its place.

use std::fmt;

use netpolicy::{Diagnostic, Severity};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, MessageFormatter, Spanned, UserMessageFormatter};

/// A value and its place.
pub(super) type Node = Spanned<Value>;

/// A key of a map and its value.
pub(super) type Entry = (Spanned<String>, Node);

pub(super) enum Value {
    Null,
    Scalar(String),
    /// A number or a boolean, until [`read`] puts in how it was written: a name such as
    /// 1.10 is one.
    Typed,
    List(Vec<Node>),
    Map(Vec<Entry>),
}

// By hand, as an untagged enum forgets the places.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("YAML")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Typed)
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value, E> {
                Ok(Value::Typed)
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Value, E> {
                Ok(Value::Typed)
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Typed)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Scalar(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Value::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Value::Map(entries))
            }
        }
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// Reads the one document of a text.
pub(super) fn read(text: &str) -> Result<Node, Complaint> {
    let mut document = serde_saphyr::from_str(text).map_err(|error| {
        let error = error.without_snippet();
        let message = match error {
            serde_saphyr::Error::MultipleDocuments { .. } => {
                "a second document begins here: remove the line of ---, or make two files".into()
            }
            serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
                format!("{key} is there twice: remove one of the two")
            }
            other => explain(&UserMessageFormatter.format_message(other), text),
        };
        Complaint::new(&error.location().unwrap_or(Location::UNKNOWN), "", message)
    })?;
    restore(&mut document, text);
    Ok(document)
}

/// What the reader of YAML tells of a text, with how to mend it where that is known.
fn explain(told: &str, text: &str) -> String {
    if told.contains("limits breached") || told.contains("budget") {
        return "nested too deep, or too large by its aliases: write what they stand for".into();
    }
    if told.contains("expected string scalar") {
        return "the name of a field is text, not a list or a map".into();
    }
    let mut lines = (1..).zip(text.lines());
    let indented = |line: &str| line.len() - line.trim_start().len();
    let tab = lines.find(|(_, line)| line[..indented(line)].contains('\t'));
    match tab {
        Some((line, _)) if told.contains("tab") => {
            format!("not YAML: line {line} is indented with a tab: use spaces")
        }
        _ => format!("not YAML: {told}"),
    }
}

/// Puts in how numbers and booleans were written.
fn restore(node: &mut Node, text: &str) {
    match &mut node.value {
        Value::Typed => {
            let span = node.defined.span();
            let offset = |number: Option<u64>| usize::try_from(number?).ok();
            let written = offset(span.byte_offset()).zip(offset(span.byte_len()));
            let written = written.and_then(|(first, len)| text.get(first..)?.get(..len));
            node.value = Value::Scalar(written.unwrap_or_default().to_owned());
        }
        Value::List(list) => list.iter_mut().for_each(|node| restore(node, text)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| restore(node, text)),
        Value::Scalar(_) | Value::Null => {}
    }
}

/// What is wrong with a value, and how to mend it.
pub(super) struct Complaint {
    place: Location,
    /// `tests[1].port[0]`; empty for the whole.
    path: String,
    message: String,
}

impl Complaint {
    pub(super) fn new(place: &Location, path: &str, message: impl Into<String>) -> Complaint {
        Complaint {
            place: *place,
            path: path.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn in_file(self, file: &str) -> Diagnostic {
        // What was written may have any characters.
        let plain = |text: String| {
            let chars = text.chars();
            chars
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect()
        };
        let number = |number: u64| u32::try_from(number).unwrap_or(0);
        Diagnostic {
            severity: Severity::Error,
            file: file.to_owned(),
            line: number(self.place.line()),
            column: number(self.place.column()),
            object: String::new(),
            path: plain(self.path),
            message: plain(self.message),
        }
    }
}
