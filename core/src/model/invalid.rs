//! Entries of lists that an API would refuse.

use core::fmt;

use super::Problem;

/// The first entry of a list that its API would refuse, and why. `{}` writes
/// `list[index]: problem`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvalidEntry {
    /// The field with the list: `spec.egress`, `spec.ingress`, `except`, `ports`.
    pub list: &'static str,
    /// The index of the entry.
    pub index: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

impl InvalidEntry {
    /// Checks the entries of a list, and finds the first with a problem.
    pub(super) fn first_of<T>(
        list: &'static str,
        entries: &[T],
        check: impl Fn(&T) -> Result<(), Problem>,
    ) -> Result<(), InvalidEntry> {
        let mut entries = entries.iter().enumerate();
        entries.try_for_each(|(index, entry)| {
            check(entry).map_err(|problem| InvalidEntry {
                list,
                index,
                problem,
            })
        })
    }
}

impl fmt::Display for InvalidEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidEntry {
            list,
            index,
            problem,
        } = self;
        write!(f, "{list}[{index}]: {problem}")
    }
}

impl core::error::Error for InvalidEntry {}
