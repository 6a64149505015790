//! Findings as SARIF 2.1.0.

use std::path::{Component, Path, PathBuf};

use netpolicy::Diagnostic;
use netpolicy::lint::{Code, Finding};
use serde_json::{Value, json};

use super::Found;

/// The rule that stands for errors of the manifests.
const ERROR: &str = "NP001";

/// What relative URIs begin at: by this name code review takes the root of the sources.
const WORKING_DIRECTORY: &str = "%SRCROOT%";

/// A log of one run.
pub(super) fn log(found: &Found<'_>) -> Value {
    let errors = found
        .errors
        .iter()
        .map(|error| result(ERROR, "error", error));
    let findings = found.findings.iter().map(|Finding { code, diagnostic }| {
        let level = if code.is_note() { "note" } else { "warning" };
        result(code.code(), level, diagnostic)
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "netpolicy",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules(),
            }},
            // Where that is, whoever opens the log knows.
            "originalUriBaseIds": {WORKING_DIRECTORY: {
                "description": {"text": "The directory in which netpolicy ran."},
            }},
            "results": errors.chain(findings).collect::<Vec<_>>(),
        }],
    })
}

fn rules() -> Vec<Value> {
    let error = json!({
        "id": ERROR,
        "name": "invalid-object",
        "shortDescription": {"text": "An object that the API server would refuse."},
        "help": {"text": "Mend the field that the message names."},
        "defaultConfiguration": {"level": "error"},
    });
    let rule = |code: Code| {
        json!({
            "id": code.code(),
            "name": code.name(),
            "shortDescription": {"text": code.why()},
            "help": {"text": code.mend()},
            "defaultConfiguration": {"level": if code.is_note() { "note" } else { "warning" }},
        })
    };
    [error].into_iter().chain(Code::ALL.map(rule)).collect()
}

fn result(rule: &str, level: &str, diagnostic: &Diagnostic) -> Value {
    let Diagnostic {
        file,
        line,
        column,
        object,
        path,
        message,
        ..
    } = diagnostic;
    let parts = [object, path, message];
    let parts: Vec<&str> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| part.as_str())
        .collect();
    let mut location = json!({});
    // Not everything is about one object.
    if !object.is_empty() {
        location["logicalLocations"] = json!([{"fullyQualifiedName": object, "kind": "object"}]);
    }
    // Standard input has no place that a reviewer could open.
    if !file.is_empty() && file != "<stdin>" {
        // A region needs a line, and lines begin at 1.
        let mut region = json!({"startLine": (*line).max(1)});
        if *column != 0 {
            region["startColumn"] = json!(column);
        }
        location["physicalLocation"] = json!({
            "artifactLocation": artifact(file),
            "region": region,
        });
    }
    json!({
        "ruleId": rule,
        "level": level,
        "message": {"text": parts.join(": ")},
        "locations": [location],
    })
}

/// A file: relative to the working directory if it is in it, else with its whole path.
fn artifact(file: &str) -> Value {
    let Ok(directory) = std::env::current_dir() else {
        return json!({"uri": uri(file)});
    };
    let path = without_dots(&directory.join(file));
    match path.strip_prefix(&directory) {
        Ok(inside) => json!({
            "uri": uri(&slashes(inside)),
            "uriBaseId": WORKING_DIRECTORY,
        }),
        Err(_) => {
            let path = slashes(&path);
            let slash = if path.starts_with('/') { "" } else { "/" };
            json!({"uri": format!("file://{slash}{}", uri(&path))})
        }
    }
}

/// A path without `.` and `..`, as a URI with a base must be.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// A path with the separators of URIs.
fn slashes(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) {
        text.replace('\\', "/")
    } else {
        text.into_owned()
    }
}

/// A path as a URI reference: what has a meaning in URIs is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
