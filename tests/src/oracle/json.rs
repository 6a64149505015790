//! Reading raw Kubernetes objects.

use serde_json::Value;

/// The value at `path`. "`null` is the same as absent, everywhere."
pub(crate) fn field<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    let mut at = value;
    for key in path {
        at = at.get(key)?;
        if at.is_null() {
            return None;
        }
    }
    Some(at)
}

/// The list at `path`; a missing one is an empty one.
///
/// # Panics
///
/// If something else than a list stands there.
pub(crate) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    match field(value, path) {
        None => &[],
        Some(Value::Array(items)) => items,
        Some(other) => panic!("{path:?} is no list but {other}"),
    }
}

/// The string at `path`.
///
/// # Panics
///
/// If something else than a string stands there.
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    let found = field(value, path)?;
    Some(
        found
            .as_str()
            .unwrap_or_else(|| panic!("{path:?} is no string but {found}")),
    )
}

/// The string at `path`, which a valid object has.
///
/// # Panics
///
/// If nothing stands there.
pub(crate) fn needed<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    text(value, path).unwrap_or_else(|| panic!("{path:?} is missing in {value}"))
}

/// The port number at `path`.
///
/// # Panics
///
/// If it is no number from 0 to 65535.
pub(crate) fn port(value: &Value, path: &[&str]) -> Option<u16> {
    let found = field(value, path)?;
    let number = found.as_u64().and_then(|number| number.try_into().ok());
    Some(number.unwrap_or_else(|| panic!("{path:?} is no port but {found}")))
}

/// `metadata.name`.
pub(crate) fn name(object: &Value) -> &str {
    needed(object, &["metadata", "name"])
}

/// "An object without `metadata.namespace` is in `default`."
pub(crate) fn namespace(object: &Value) -> &str {
    text(object, &["metadata", "namespace"]).unwrap_or("default")
}

/// `apiVersion` and `kind`, the two together: other groups have kinds of the same names.
pub(crate) fn kind(object: &Value) -> (&str, &str) {
    (
        text(object, &["apiVersion"]).unwrap_or(""),
        text(object, &["kind"]).unwrap_or(""),
    )
}
