//! Strings and lists that are borrowed or, with `alloc`, owned.
//!
//! The facts are written once, over these two types, and serve both the caller
//! that has no heap (`Pod<'a>` over slices) and the one that wants plain owned
//! values (`Pod<'static>` over `String` and `Vec`). `Cow` would do, if it were in
//! `core`.

use core::fmt;
use core::ops::Deref;

#[cfg(feature = "alloc")]
use alloc::{string::String, vec::Vec};

/// A string, borrowed for `'a` or (feature `alloc`) owned.
#[derive(Clone)]
pub struct Text<'a>(TextKind<'a>);

#[derive(Clone)]
enum TextKind<'a> {
    Borrowed(&'a str),
    #[cfg(feature = "alloc")]
    Owned(String),
}

impl<'a> Text<'a> {
    /// The empty string.
    pub const EMPTY: Text<'static> = Text::borrowed("");

    /// A string that somebody else keeps.
    #[must_use]
    pub const fn borrowed(text: &'a str) -> Text<'a> {
        Text(TextKind::Borrowed(text))
    }

    /// The same string, kept by itself.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        match self.0 {
            TextKind::Borrowed(text) => Text(TextKind::Owned(text.into())),
            TextKind::Owned(text) => Text(TextKind::Owned(text)),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            TextKind::Borrowed(text) => text,
            #[cfg(feature = "alloc")]
            TextKind::Owned(text) => text,
        }
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Text::EMPTY
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text::borrowed(text)
    }
}

#[cfg(feature = "alloc")]
impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text(TextKind::Owned(text))
    }
}

/// A list, borrowed for `'a` or (feature `alloc`) owned.
#[derive(Clone)]
pub struct List<'a, T>(ListKind<'a, T>);

#[derive(Clone)]
enum ListKind<'a, T> {
    Borrowed(&'a [T]),
    #[cfg(feature = "alloc")]
    Owned(Vec<T>),
}

impl<'a, T> List<'a, T> {
    /// The empty list.
    pub const EMPTY: List<'a, T> = List::borrowed(&[]);

    /// A list that somebody else keeps.
    #[must_use]
    pub const fn borrowed(items: &'a [T]) -> List<'a, T> {
        List(ListKind::Borrowed(items))
    }
}

impl<T> Deref for List<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            ListKind::Borrowed(items) => items,
            #[cfg(feature = "alloc")]
            ListKind::Owned(items) => items,
        }
    }
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        List::EMPTY
    }
}

impl<T: fmt::Debug> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq> PartialEq for List<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for List<'_, T> {}

impl<'l, T> IntoIterator for &'l List<'_, T> {
    type Item = &'l T;
    type IntoIter = core::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> From<&'a [T]> for List<'a, T> {
    fn from(items: &'a [T]) -> Self {
        List::borrowed(items)
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for List<'a, T> {
    fn from(items: &'a [T; N]) -> Self {
        List::borrowed(items)
    }
}

#[cfg(feature = "alloc")]
impl<T> From<Vec<T>> for List<'_, T> {
    fn from(items: Vec<T>) -> Self {
        List(ListKind::Owned(items))
    }
}

#[cfg(feature = "alloc")]
impl<T> FromIterator<T> for List<'_, T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        List(ListKind::Owned(items.into_iter().collect()))
    }
}
