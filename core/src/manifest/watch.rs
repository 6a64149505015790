//! What a watch of the API server delivers, as text.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::json;
use super::tape::{Kind, Mark, Node, Tape};
use super::{Loader, Origin};
use crate::live::{Event, Invalid, Object, ObjectKey, ObjectKind};
use crate::{Cluster, Diagnostic, Severity};

/// Reads one event of a watch, as the API server sends them and
/// `kubectl get --watch --output-watch-events -o json` prints them.
///
/// `None` for what does not matter: bookmarks, and objects of other kinds.
///
/// ```
/// use netpolicy::live::Event;
/// use netpolicy::manifest::watch_event;
///
/// let event = watch_event(r#"{"type": "DELETED", "object": {
///     "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "web", "name": "frontend"}
/// }}"#)?;
/// assert!(matches!(event, Some(Event::Deleted(key)) if key.to_string() == "Pod web/frontend"));
/// # Ok::<(), netpolicy::Diagnostic>(())
/// ```
///
/// # Errors
/// Text that is no event, an object without a name, and the event `ERROR`, after which a
/// watch must be begun anew. An object that is not valid is no error but [`Event::Invalid`].
pub fn watch_event(text: &str) -> Result<Option<Event>, Diagnostic> {
    let mut tape = Tape::default();
    let mut values = json::Values::new(text);
    if values.rest().is_empty() {
        return Err(refuse(Mark::default(), "no event".to_owned()));
    }
    values
        .next(&mut tape)
        .map_err(|error| refuse(error.mark, error.message))?;
    let fields = tape.root().filter(|root| matches!(root.kind(), Kind::Map));
    let (Some(kind), Some(object)) = (
        fields.and_then(|root| text_of(root, "type")),
        fields.and_then(|root| field(root, "object")),
    ) else {
        let message = "not an event: it needs type and object".to_owned();
        return Err(refuse(Mark::default(), message));
    };
    match kind {
        "ADDED" => read(object, Event::Added),
        "MODIFIED" => read(object, Event::Modified),
        "DELETED" => Ok(key(object)?.map(Event::Deleted)),
        "BOOKMARK" => Ok(None),
        "ERROR" => {
            let message = text_of(object, "message").unwrap_or("no message");
            let message = format!("the watch has ended, begin it anew: {message}");
            Err(refuse(object.mark(), message))
        }
        other => {
            let message =
                format!("{other:?}: unknown type: use ADDED, MODIFIED, DELETED, BOOKMARK or ERROR");
            Err(refuse(object.mark(), message))
        }
    }
}

fn refuse(mark: Mark, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        line: mark.line,
        column: mark.column,
        message,
        ..Diagnostic::warning()
    }
}

fn field<'t>(node: Node<'t>, name: &str) -> Option<Node<'t>> {
    let mut pairs = matches!(node.kind(), Kind::Map).then(|| node.pairs())?;
    pairs
        .find(|(key, _)| key.text() == name)
        .map(|(_, value)| value)
}

fn text_of<'t>(node: Node<'t>, name: &str) -> Option<&'t str> {
    field(node, name)
        .filter(|value| matches!(value.kind(), Kind::Text))
        .map(Node::text)
}

/// What an object is known by, if its kind matters.
fn key(object: Node<'_>) -> Result<Option<ObjectKey>, Diagnostic> {
    let api = text_of(object, "apiVersion").zip(text_of(object, "kind"));
    let Some(kind) = api.and_then(|(version, kind)| ObjectKind::from_api(version, kind)) else {
        return Ok(None);
    };
    let metadata = field(object, "metadata");
    let text = |name| {
        let text = metadata.and_then(|metadata| text_of(metadata, name));
        text.filter(|text| !text.is_empty())
    };
    let namespace = if kind.is_namespaced() {
        text("namespace").unwrap_or("default")
    } else {
        ""
    };
    match text("name") {
        Some(name) => Ok(Some(ObjectKey::namespaced(kind, namespace, name))),
        None => Err(Diagnostic {
            object: kind.as_str().to_owned(),
            path: "metadata.name".to_owned(),
            ..refuse(
                object.mark(),
                "is required, and a text: which object this is about cannot be told".to_owned(),
            )
        }),
    }
}

/// The event of an object that is there.
fn read(node: Node<'_>, event: impl FnOnce(Object) -> Event) -> Result<Option<Event>, Diagnostic> {
    let Some(object) = key(node)? else {
        return Ok(None);
    };
    let mut loader = Loader::default();
    loader.take_object(Origin { file: "" }, node, None);
    let loaded = loader.finish();
    let errors: Vec<Diagnostic> = loaded.errors().cloned().collect();
    Ok(if errors.is_empty() {
        only_object(&loaded.cluster).map(event)
    } else {
        Some(Event::Invalid(Invalid {
            object,
            diagnostics: errors,
        }))
    })
}

/// The object of a cluster of one.
fn only_object(cluster: &Cluster) -> Option<Object> {
    None.or(cluster.pods().first().cloned().map(Object::from))
        .or(cluster.namespaces().first().cloned().map(Object::from))
        .or(cluster.nodes().first().cloned().map(Object::from))
        .or(cluster
            .network_policies()
            .first()
            .cloned()
            .map(Object::from))
        .or(cluster
            .cluster_policies()
            .first()
            .cloned()
            .map(Object::from))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn policy(field: &str) -> String {
        format!(
            r#"{{"type": "MODIFIED", "object": {{"apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy", "metadata": {{"name": "deny-all"}},
                "spec": {{"{field}": {{}}}}}}}}"#
        )
    }

    #[test]
    fn objects_and_what_is_wrong_with_them() {
        let event = watch_event(&policy("podSelector")).unwrap();
        assert!(
            matches!(&event, Some(Event::Modified(object)) if object.key().to_string() == "NetworkPolicy default/deny-all"),
            "{event:?}"
        );
        let event = watch_event(&policy("podSelektor")).unwrap();
        let Some(Event::Invalid(invalid)) = event else {
            panic!("{event:?}")
        };
        assert_eq!(invalid.object.to_string(), "NetworkPolicy default/deny-all");
        assert!(invalid.diagnostics[0].to_string().contains("podSelektor"));
    }

    #[test]
    fn an_object_is_known_by_the_same_name_whatever_happens_to_it() {
        for namespace in [r#""namespace": "","#, "", r#""namespace": "default","#] {
            let event = |kind: &str| {
                let text = format!(
                    r#"{{"type": "{kind}", "object": {{"apiVersion": "networking.k8s.io/v1",
                        "kind": "NetworkPolicy", "metadata": {{{namespace} "name": "deny-all"}},
                        "spec": {{"podSelector": {{}}}}}}}}"#
                );
                watch_event(&text).unwrap().unwrap()
            };
            let (Event::Added(object), Event::Deleted(key)) = (event("ADDED"), event("DELETED"))
            else {
                panic!("{namespace}")
            };
            assert_eq!(object.key(), key, "{namespace}");
        }
    }

    #[test]
    fn an_object_without_a_name_is_an_error() {
        for metadata in ["{}", r#"{"name": ""}"#, r#"{"name": 5}"#, "[]"] {
            for kind in ["ADDED", "MODIFIED", "DELETED"] {
                let text = format!(
                    r#"{{"type": "{kind}", "object": {{"apiVersion": "networking.k8s.io/v1",
                        "kind": "NetworkPolicy", "metadata": {metadata}}}}}"#
                );
                let error = watch_event(&text).unwrap_err();
                assert_eq!(error.path, "metadata.name", "{kind} {metadata}: {error}");
            }
        }
    }

    #[test]
    fn what_does_not_matter_and_what_is_no_event() {
        let bookmark = r#"{"type": "BOOKMARK", "object": {"kind": "Pod"}}"#;
        assert_eq!(watch_event(bookmark), Ok(None));
        let other = r#"{"type": "ADDED", "object": {"apiVersion": "v1", "kind": "Secret"}}"#;
        assert_eq!(watch_event(other), Ok(None));
        let gone = r#"{"type": "ERROR", "object": {"kind": "Status", "message": "too old"}}"#;
        let error = watch_event(gone).unwrap_err();
        assert!(error.message.ends_with("begin it anew: too old"), "{error}");
        for bad in [
            "",
            "[]",
            "{}",
            "{",
            r#"{"type": "NEW", "object": {}}"#,
            "null",
        ] {
            assert!(watch_event(bad).is_err(), "{bad}");
        }
    }
}
