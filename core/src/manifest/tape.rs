//! A parsed document as one flat list of nodes, each with its place in the text.
//!
//! A map is a node followed by keys and values in turn, a list a node followed by
//! its items; `end` leads behind all of it. One tape serves one document after
//! another, so reading thousands of them allocates next to nothing.

use alloc::string::String;
use alloc::vec::Vec;

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string that can be nothing else: quoted, or a block.
    Text,
    /// A YAML scalar without quotes, or a JSON number, boolean or null: what it
    /// is depends on what it looks like.
    Plain,
    List,
    Map,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: Kind,
    /// A range in `text`, for scalars.
    start: u32,
    len: u32,
    /// The index behind the node and all that is in it.
    end: u32,
    mark: Mark,
}

/// The nodes of a document, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Tape {
    entries: Vec<Entry>,
    text: String,
}

impl Tape {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.text.clear();
    }

    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Appends a scalar.
    pub(super) fn scalar(&mut self, kind: Kind, text: &str, mark: Mark) {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        let end = self.len() + 1;
        self.entries.push(Entry {
            kind,
            start,
            len: text.len() as u32,
            end,
            mark,
        });
    }

    /// Opens a list or a map; returns its index for [`Tape::close`].
    pub(super) fn open(&mut self, kind: Kind, mark: Mark) -> u32 {
        let index = self.len();
        self.entries.push(Entry {
            kind,
            start: 0,
            len: 0,
            end: 0,
            mark,
        });
        index
    }

    /// Closes what was opened last.
    pub(super) fn close(&mut self, index: u32) {
        let end = self.len();
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.end = end;
        }
    }

    /// Appends a copy of a node that is closed.
    pub(super) fn repeat(&mut self, node: u32) {
        let Some(end) = self.entries.get(node as usize).map(|entry| entry.end) else {
            return;
        };
        let shift = self.len() - node;
        for index in node..end {
            if let Some(entry) = self.entries.get(index as usize).copied() {
                self.entries.push(Entry {
                    end: entry.end + shift,
                    ..entry
                });
            }
        }
    }

    /// The number of nodes in a node, itself among them.
    pub(super) fn size(&self, node: u32) -> u32 {
        self.entries
            .get(node as usize)
            .map_or(0, |entry| entry.end - node)
    }

    /// The first node, which holds all others; `None` for an empty document.
    pub(super) fn root(&self) -> Option<Node<'_>> {
        (!self.entries.is_empty()).then_some(Node {
            tape: self,
            index: 0,
        })
    }
}

/// A node of a tape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'t> {
    tape: &'t Tape,
    index: u32,
}

impl<'t> Node<'t> {
    fn entry(self) -> Option<&'t Entry> {
        self.tape.entries.get(self.index as usize)
    }

    pub(super) fn kind(self) -> Kind {
        self.entry().map_or(Kind::Plain, |entry| entry.kind)
    }

    pub(super) fn mark(self) -> Mark {
        self.entry().map_or(Mark::default(), |entry| entry.mark)
    }

    /// The text of a scalar.
    pub(super) fn text(self) -> &'t str {
        self.entry()
            .and_then(|entry| {
                let start = entry.start as usize;
                self.tape.text.get(start..start + entry.len as usize)
            })
            .unwrap_or("")
    }

    /// The nodes directly inside: the items of a list, or the keys and values of a
    /// map in turn.
    pub(super) fn children(self) -> Children<'t> {
        let end = match self.kind() {
            Kind::List | Kind::Map => self.entry().map_or(0, |entry| entry.end),
            Kind::Text | Kind::Plain => 0,
        };
        Children {
            tape: self.tape,
            next: self.index + 1,
            end,
        }
    }

    /// The keys and values of a map.
    pub(super) fn pairs(self) -> impl Iterator<Item = (Node<'t>, Node<'t>)> {
        let mut children = if self.kind() == Kind::Map {
            self.children()
        } else {
            Children {
                tape: self.tape,
                next: 0,
                end: 0,
            }
        };
        core::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }
}

/// See [`Node::children`].
#[derive(Clone)]
pub(super) struct Children<'t> {
    tape: &'t Tape,
    next: u32,
    end: u32,
}

impl<'t> Iterator for Children<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        if self.next >= self.end {
            return None;
        }
        let node = Node {
            tape: self.tape,
            index: self.next,
        };
        self.next = node.entry()?.end;
        Some(node)
    }
}
