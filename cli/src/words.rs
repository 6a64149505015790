//! Words: for what is counted, and for verdicts.

use std::fmt::Display;

/// A number and the word for what is counted: `1 policy`, `2 policies`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, word: &str) -> String {
    if is_one(count) {
        return format!("{count} {word}");
    }
    match word.strip_suffix('y') {
        Some(stem) => format!("{count} {stem}ies"),
        None if word.ends_with('s') => format!("{count} {word}es"),
        None => format!("{count} {word}s"),
    }
}

/// What was done to so many: `was` to one, `were` to others.
pub(crate) fn was<N: Copy + PartialEq + From<u8>>(count: N) -> &'static str {
    if is_one(count) { "was" } else { "were" }
}

/// The word for a verdict.
pub(crate) const fn verdict(is_allowed: bool) -> &'static str {
    if is_allowed { "allow" } else { "deny" }
}

fn is_one<N: Copy + PartialEq + From<u8>>(count: N) -> bool {
    count == N::from(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1_usize, "pod"), "1 pod");
        assert_eq!(counted(0_usize, "pod"), "0 pods");
        assert_eq!(counted(2_u64, "policy"), "2 policies");
        assert_eq!(counted(1_u64, "class"), "1 class");
        assert_eq!(counted(2_u64, "class"), "2 classes");
        assert_eq!([was(1_u64), was(2_u64)], ["was", "were"]);
    }
}
