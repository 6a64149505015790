//! The keys of a map: merge keys (`<<`), and no key twice.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::tape::{Kind, Node};

/// The value of a key of a map, merge keys (`<<`) resolved.
pub(super) fn find<'t>(map: Node<'t>, name: &str) -> Option<Node<'t>> {
    let own = map
        .pairs()
        .find(|(key, _)| !is_merge(*key) && is_scalar(*key) && key.text() == name);
    let merged = || {
        let sources = map.pairs().filter(|(key, _)| is_merge(*key));
        let mut maps = sources.flat_map(|(_, source)| match source.kind() {
            Kind::List => source.children().collect(),
            _ => alloc::vec![source],
        });
        maps.find_map(|source| find(source, name))
    };
    own.map(|(_, value)| value).or_else(merged)
}

pub(super) fn is_scalar(key: Node<'_>) -> bool {
    matches!(key.kind(), Kind::Text | Kind::Plain)
}

pub(super) fn is_merge(key: Node<'_>) -> bool {
    key.kind() == Kind::Plain && key.text() == "<<"
}

/// The entries of a map, each key once.
#[derive(Default)]
pub(super) struct Entries<'t> {
    all: Vec<(&'t str, Node<'t>)>,
    /// The keys, once there are too many to look through.
    keys: BTreeSet<&'t str>,
}

impl<'t> Entries<'t> {
    /// How many keys are looked through one by one.
    const FEW: usize = 16;

    /// Adds an entry, unless there is one of that key.
    pub(super) fn insert(&mut self, key: &'t str, value: Node<'t>) -> bool {
        let is_new = if self.all.len() < Self::FEW {
            self.all.iter().all(|(other, _)| *other != key)
        } else {
            if self.keys.is_empty() {
                self.keys.extend(self.all.iter().map(|(key, _)| *key));
            }
            self.keys.insert(key)
        };
        if is_new {
            self.all.push((key, value));
        }
        is_new
    }

    pub(super) fn into_vec(self) -> Vec<(&'t str, Node<'t>)> {
        self.all
    }
}
