//! Policies as YAML that people read.

use std::fmt::Write;

use super::policies::{Labels, NAMESPACE_LABEL, Peer, Policy, Port, Rule};

/// All policies as a stream of documents.
pub(super) fn write(policies: &[Policy]) -> String {
    let documents: Vec<String> = policies.iter().map(document).collect();
    documents.join("---\n")
}

fn document(policy: &Policy) -> String {
    let mut text = String::from("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n");
    let _ = writeln!(
        text,
        "metadata:\n  name: {}\n  namespace: {}",
        scalar(&policy.name),
        scalar(&policy.namespace)
    );
    text.push_str("spec:\n");
    selector(&mut text, "  podSelector", "    ", &policy.selector);
    let directions = [
        ("Ingress", "ingress", "from", &policy.ingress),
        ("Egress", "egress", "to", &policy.egress),
    ];
    let types: Vec<&str> = directions
        .iter()
        .filter(|(.., list)| list.is_some())
        .map(|(name, ..)| *name)
        .collect();
    let _ = writeln!(text, "  policyTypes: [{}]", types.join(", "));
    for (_, field, list, of_direction) in directions {
        if let Some(of_direction) = of_direction {
            rules(&mut text, field, list, of_direction);
        }
    }
    text
}

fn selector(text: &mut String, field: &str, indent: &str, labels: &Labels) {
    if labels.is_empty() {
        // Nothing under matchLabels would be null, which reads as if it were forgotten.
        let _ = writeln!(text, "{field}: {{}}");
        return;
    }
    let _ = writeln!(text, "{field}:\n{indent}matchLabels:");
    for (key, value) in labels {
        let _ = writeln!(text, "{indent}  {}: {}", scalar(key), scalar(value));
    }
}

fn rules(text: &mut String, field: &str, list: &str, rules: &[Rule]) {
    if rules.is_empty() {
        let _ = writeln!(text, "  {field}: []");
        return;
    }
    let _ = writeln!(text, "  {field}:");
    for rule in rules {
        let _ = writeln!(text, "  - {list}:");
        for peer in &rule.peers {
            match peer {
                Peer::Block(block) => {
                    let _ = writeln!(text, "    - ipBlock:\n        cidr: {}", scalar(block));
                }
                Peer::Pods {
                    namespace: None,
                    labels,
                } => selector(text, "    - podSelector", "        ", labels),
                Peer::AllPods => text.push_str("    - namespaceSelector: {}\n"),
                Peer::Pods {
                    namespace: Some(namespace),
                    labels,
                } => {
                    let name = (NAMESPACE_LABEL.to_owned(), namespace.clone());
                    let name = Labels::from([name]);
                    selector(text, "    - namespaceSelector", "        ", &name);
                    selector(text, "      podSelector", "        ", labels);
                }
            }
        }
        if !rule.ports.is_empty() {
            text.push_str("    ports:\n");
        }
        for port in &rule.ports {
            let (protocol, port) = match port {
                Port::Number(protocol, number) => (protocol, number.to_string()),
                Port::Named(protocol, name) => (protocol, scalar(name)),
            };
            let _ = writeln!(text, "    - protocol: {protocol}\n      port: {port}");
        }
    }
}

/// Text as it is where nobody could take it for something else, or else in quotes,
/// as JSON, which YAML reads alike.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word));
    if is_plain {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_without_labels() {
        let mut text = String::new();
        selector(&mut text, "podSelector", "  ", &Labels::new());
        assert_eq!(text, "podSelector: {}\n");
    }

    #[test]
    fn scalars_are_quoted_where_they_must_be() {
        assert_eq!(scalar("web-1.a/b"), "web-1.a/b");
        for text in ["true", "No", "1.20", "", "a: b", "a#b", "é", "10.0.0.0/8"] {
            assert_eq!(scalar(text), format!("\"{text}\""));
        }
    }
}
