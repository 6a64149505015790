//! A field of an object: its value, its path, and what can be read from it.
//!
//! Reading never stops at a mistake: it is noted, with the path and the place in
//! the text, and the next field is read. An object with a mistake is refused as a
//! whole when all of it has been read.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt::{self, Display};

use super::map::{Entries, is_merge, is_scalar};
use super::scalar::{Scalar, is_doubtful, resolve};
use super::tape::{Kind, Mark, Node};

/// A mistake in an object.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) mark: Mark,
    pub(super) path: String,
    pub(super) message: String,
    /// Whether the object can count nevertheless.
    pub(super) is_warning: bool,
}

/// The mistakes of an object, in the order of their discovery.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    all: RefCell<Vec<Mistake>>,
}

impl Mistakes {
    pub(super) fn into_vec(self) -> Vec<Mistake> {
        self.all.into_inner()
    }

    pub(super) fn has_errors(&self) -> bool {
        self.all.borrow().iter().any(|mistake| !mistake.is_warning)
    }
}

/// Where a field is: a chain of segments back to the object.
#[derive(Clone, Copy)]
struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    segment: Segment<'p>,
}

#[derive(Clone, Copy)]
enum Segment<'p> {
    Root,
    Field(&'p str),
    Item(usize),
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            Display::fmt(parent, f)?;
        }
        let is_first = self
            .parent
            .is_none_or(|parent| matches!(parent.segment, Segment::Root));
        match self.segment {
            Segment::Root => Ok(()),
            Segment::Item(index) => write!(f, "[{index}]"),
            // Label keys have dots and slashes of their own.
            Segment::Field(name) if name.contains(['.', '/']) => write!(f, "[{name:?}]"),
            Segment::Field(name) if is_first => f.write_str(name),
            Segment::Field(name) => write!(f, ".{name}"),
        }
    }
}

/// A field.
#[derive(Clone, Copy)]
pub(super) struct Field<'t, 'p> {
    node: Node<'t>,
    path: Path<'p>,
    mistakes: &'p Mistakes,
}

impl<'t, 'p> Field<'t, 'p> {
    /// The object itself.
    pub(super) fn root(node: Node<'t>, mistakes: &'p Mistakes) -> Self {
        let path = Path {
            parent: None,
            segment: Segment::Root,
        };
        Field {
            node,
            path,
            mistakes,
        }
    }

    pub(super) fn mark(&self) -> Mark {
        self.node.mark()
    }

    pub(super) fn line(&self) -> u32 {
        self.mark().line
    }

    /// Whether nothing that was read of the object so far is wrong.
    pub(super) fn is_sound(&self) -> bool {
        !self.mistakes.has_errors()
    }

    fn note(&self, mark: Mark, message: String, is_warning: bool) {
        let path = self.path.to_string();
        self.mistakes.all.borrow_mut().push(Mistake {
            mark,
            path,
            message,
            is_warning,
        });
    }

    /// Notes that the field is wrong.
    pub(super) fn refuse(&self, problem: impl Display) {
        self.note(self.mark(), problem.to_string(), false);
    }

    /// Notes that the value, which is quoted, is wrong.
    pub(super) fn refuse_value(&self, problem: impl Display) {
        self.refuse(format_args!("{:?}: {problem}", self.node.text()));
    }

    /// Notes that the field counts, but perhaps not as it was meant.
    pub(super) fn warn(&self, message: impl Display) {
        self.note(self.mark(), message.to_string(), true);
    }

    /// Notes that a field of this map is missing.
    pub(super) fn refuse_missing(&self, name: &str) {
        let path = Path {
            parent: Some(&self.path),
            segment: Segment::Field(name),
        };
        self.mistakes.all.borrow_mut().push(Mistake {
            mark: self.mark(),
            path: path.to_string(),
            message: "is required".to_owned(),
            is_warning: false,
        });
    }

    fn scalar(&self) -> Option<Scalar<'t>> {
        match self.node.kind() {
            Kind::Text => Some(Scalar::Text(self.node.text())),
            Kind::Plain => Some(resolve(self.node.text())),
            Kind::List | Kind::Map => None,
        }
    }

    /// SEMANTICS, "Who an address is": `null` is the same as absent, everywhere.
    pub(super) fn is_null(&self) -> bool {
        self.node.kind() == Kind::Plain && resolve(self.node.text()) == Scalar::Null
    }

    pub(super) fn is_empty_list(&self) -> bool {
        self.node.kind() == Kind::List && self.node.children().next().is_none()
    }

    fn expected(&self, expected: &str) {
        let found = match self.scalar() {
            Some(scalar) => scalar.what(),
            None if self.node.kind() == Kind::List => "a list",
            None => "a map",
        };
        let text = self.node.text();
        let hint = match self.scalar() {
            Some(Scalar::Bool(_) | Scalar::Int(_) | Scalar::OtherNumber)
                if expected == "a string" =>
            {
                format!(": write \"{text}\" to make it a string")
            }
            _ => String::new(),
        };
        let shown = if text.is_empty() {
            String::new()
        } else {
            format!(" ({text})")
        };
        self.refuse(format_args!(
            "expected {expected}, found {found}{shown}{hint}"
        ));
    }

    /// A string; notes a mistake and gives `None` if it is none.
    pub(super) fn text(&self) -> Option<&'t str> {
        match self.scalar() {
            Some(Scalar::Text(text)) => {
                if self.node.kind() == Kind::Plain && is_doubtful(text) {
                    self.warn(format_args!(
                        "the API server takes {text} for a boolean: write \"{text}\" to make it a string"
                    ));
                }
                Some(text)
            }
            _ => {
                self.expected("a string");
                None
            }
        }
    }

    /// A string that `read` can make something of.
    pub(super) fn parse<T, E: Display>(
        &self,
        read: impl FnOnce(&'t str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text()?;
        read(text)
            .map_err(|problem| self.refuse_value(problem))
            .ok()
    }

    /// An integer.
    pub(super) fn int(&self) -> Option<i64> {
        match self.scalar() {
            Some(Scalar::Int(value)) => Some(value),
            _ => {
                self.expected("an integer");
                None
            }
        }
    }

    /// An integer or a string.
    pub(super) fn int_or_text(&self) -> Option<IntOrText<'t>> {
        match self.scalar() {
            Some(Scalar::Int(value)) => Some(IntOrText::Int(value)),
            Some(Scalar::Text(text)) => Some(IntOrText::Text(text)),
            _ => {
                self.expected("an integer or a string");
                None
            }
        }
    }

    /// A boolean.
    pub(super) fn bool(&self) -> Option<bool> {
        match self.scalar() {
            Some(Scalar::Bool(value)) => Some(value),
            _ => {
                self.expected("a boolean");
                None
            }
        }
    }

    /// The items of a list, each read by `read`; those that it cannot read are left
    /// out, with a mistake noted.
    pub(super) fn list<T>(&self, mut read: impl FnMut(Field<'t, '_>) -> Option<T>) -> Vec<T> {
        if self.node.kind() != Kind::List {
            self.expected("a list");
            return Vec::new();
        }
        let items = self.node.children().enumerate().map(|(index, node)| Field {
            node,
            path: Path {
                parent: Some(&self.path),
                segment: Segment::Item(index),
            },
            mistakes: self.mistakes,
        });
        // An item that is absent would be no item, and one that is empty may match
        // everything: which of the two was meant is not guessed.
        let is_there = |item: &Field<'_, '_>| {
            if item.is_null() {
                item.refuse("null in a list: remove it or write {}");
            }
            !item.is_null()
        };
        items.filter(is_there).filter_map(&mut read).collect()
    }

    /// The keys and string values of a map.
    pub(super) fn string_map<T>(&self, mut read: impl FnMut(&'t str, &'t str) -> T) -> Vec<T> {
        let fields = self.fields();
        let pairs = fields.entries.iter().filter_map(|(key, value)| {
            let value = self.child(key, *value);
            if value.is_null() {
                value.warn("null counts as absent");
                return None;
            }
            value.text().map(|text| read(key, text))
        });
        pairs.collect()
    }

    fn child<'c>(&'c self, key: &'c str, node: Node<'t>) -> Field<'t, 'c> {
        Field {
            node,
            path: Path {
                parent: Some(&self.path),
                segment: Segment::Field(key),
            },
            mistakes: self.mistakes,
        }
    }

    /// The fields of a map. `null` and what is no map have none; the latter is a
    /// mistake.
    pub(super) fn fields(&self) -> Fields<'t, '_> {
        let mut entries = Entries::default();
        match self.node.kind() {
            Kind::Map => self.collect(self.node, &mut entries, true),
            _ if self.is_null() => {}
            _ => self.expected("a map"),
        }
        Fields {
            of: self,
            entries: entries.into_vec(),
            known: Vec::new(),
        }
    }

    /// Collects the entries of a map, merge keys (`<<`) resolved: what the map
    /// states itself comes first, and counts.
    fn collect(&self, map: Node<'t>, entries: &mut Entries<'t>, own: bool) {
        let mut merged = Vec::new();
        for (key, value) in map.pairs() {
            if !is_scalar(key) {
                self.note(key.mark(), "a key must be a string".to_owned(), false);
            } else if is_merge(key) {
                merged.push(value);
            } else if entries.insert(key.text(), value) {
                // The first of its name.
            } else if own {
                self.note(
                    key.mark(),
                    format!("the key {:?} stands twice", key.text()),
                    false,
                );
            }
        }
        for source in merged {
            match source.kind() {
                Kind::Map => self.collect(source, entries, false),
                Kind::List => source
                    .children()
                    .for_each(|map| self.collect(map, entries, false)),
                _ => self.note(
                    source.mark(),
                    "<< merges maps, and this is none".to_owned(),
                    false,
                ),
            }
        }
    }
}

/// An integer or a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntOrText<'t> {
    Int(i64),
    Text(&'t str),
}

/// The fields of a map, by name.
pub(super) struct Fields<'t, 'p> {
    of: &'p Field<'t, 'p>,
    entries: Vec<(&'t str, Node<'t>)>,
    /// The names that were asked for.
    known: Vec<&'static str>,
}

impl<'t, 'p> Fields<'t, 'p> {
    /// The field of that name, if it is there and not null.
    pub(super) fn get(&mut self, name: &'static str) -> Option<Field<'t, 'p>> {
        self.known.push(name);
        let (_, node) = self.entries.iter().find(|(key, _)| *key == name)?;
        let field = Field {
            node: *node,
            path: Path {
                parent: Some(&self.of.path),
                segment: Segment::Field(name),
            },
            mistakes: self.of.mistakes,
        };
        (!field.is_null()).then_some(field)
    }

    /// The field of that name; notes a mistake if it is missing or null.
    pub(super) fn require(&mut self, name: &'static str) -> Option<Field<'t, 'p>> {
        let field = self.get(name);
        // What is misspelt is not missing as well.
        let is_misspelt = || self.unknown().any(|key| nearest(key, &[name]).is_some());
        if field.is_none() && !is_misspelt() {
            self.of.refuse_missing(name);
        }
        field
    }

    /// Names of fields that the API has, and that do not matter here.
    pub(super) fn ignore(&mut self, names: &[&'static str]) {
        self.known.extend_from_slice(names);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names of the fields that were not asked for.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &'t str> {
        self.entries
            .iter()
            .map(|(key, _)| *key)
            .filter(|key| !self.known.contains(key))
    }

    /// Notes every field that was not asked for.
    ///
    /// SEMANTICS, "Bad input": an unknown field of a known kind. A typing error is
    /// the commonest cause of a policy that does not do what it says.
    pub(super) fn finish(self) {
        self.report_unknown(false);
    }

    /// Like [`Fields::finish`], for an object that an API server has admitted: it
    /// knows its fields better than we do, so a new one is a warning only.
    pub(super) fn finish_admitted(self, admitted: bool) {
        self.report_unknown(admitted);
    }

    fn report_unknown(&self, is_warning: bool) {
        for (key, node) in &self.entries {
            if self.known.contains(key) {
                continue;
            }
            let field = self.of.child(key, *node);
            let message = match nearest(key, &self.known) {
                Some(name) => format!("unknown field: did you mean {name}?"),
                None => "unknown field".to_owned(),
            };
            field.note(node.mark(), message, is_warning);
        }
    }
}

/// The name that somebody may have meant: one that differs in case only, or in at
/// most two letters.
pub(super) fn nearest<'n>(found: &str, names: &[&'n str]) -> Option<&'n str> {
    let by_distance = names.iter().map(|name| {
        let distance = if found.eq_ignore_ascii_case(name) {
            0
        } else {
            distance(found, name)
        };
        (distance, *name)
    });
    let (distance, name) = by_distance.min_by_key(|(distance, _)| *distance)?;
    let limit = 2.min(name.len() / 2);
    (distance <= limit).then_some(name)
}

/// The number of letters to insert, remove or change to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = alloc::vec![i + 1];
        for (j, (to, pair)) in b.iter().zip(row.windows(2)).enumerate() {
            let [diagonal, above] = [0, 1].map(|k| pair.get(k).copied().unwrap_or(usize::MAX - 1));
            let left = next.get(j).copied().unwrap_or(usize::MAX - 1);
            next.push(
                (diagonal + usize::from(from != *to))
                    .min(left + 1)
                    .min(above + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("ab", "ba"), 2);
    }

    #[test]
    fn what_was_meant() {
        let names = ["podSelector", "ingress", "egress", "policyTypes"];
        assert_eq!(nearest("podselector", &names), Some("podSelector"));
        assert_eq!(nearest("policyType", &names), Some("policyTypes"));
        assert_eq!(nearest("ingres", &names), Some("ingress"));
        assert_eq!(nearest("to", &names), None);
    }
}
