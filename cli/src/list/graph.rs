//! Lists as pictures: a graph for Graphviz, and a matrix as SVG.

use std::collections::BTreeMap;
use std::fmt::Write;

use netpolicy::reach::Peer;

use super::Listed;

/// A directed graph, with a cluster for each namespace.
pub(super) fn dot(rows: &[Listed<'_>]) -> String {
    let mut nodes: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
    for peer in rows.iter().flat_map(|row| [row.source, row.destination]) {
        let namespace = peer.workload().map(|workload| workload.namespace.as_str());
        let names = nodes.entry(namespace).or_default();
        let name = peer.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut text = String::from("digraph netpolicy {\n  rankdir=LR;\n  node [shape=box];\n");
    for (index, (namespace, names)) in nodes.iter().enumerate() {
        let indent = match namespace {
            Some(namespace) => {
                let _ = writeln!(
                    text,
                    "  subgraph cluster_{index} {{\n    label={};",
                    quoted(namespace)
                );
                "    "
            }
            None => "  ",
        };
        for name in names {
            let _ = writeln!(text, "{indent}{};", quoted(name));
        }
        if namespace.is_some() {
            text.push_str("  }\n");
        }
    }
    for row in rows {
        let _ = writeln!(
            text,
            "  {} -> {} [label={}];",
            quoted(&row.source.to_string()),
            quoted(&row.destination.to_string()),
            quoted(&row.ports()),
        );
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A matrix: sources down, destinations across, a cell for what passes; its title
/// tells the ports.
pub(super) fn svg(rows: &[Listed<'_>]) -> String {
    const CELL: usize = 22;
    const LETTER: usize = 7;
    let mut names: Vec<String> = Vec::new();
    let mut index = |peer: &Peer| {
        let name = peer.to_string();
        names
            .iter()
            .position(|known| *known == name)
            .unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            })
    };
    let cells: Vec<(usize, usize, &Listed<'_>)> = rows
        .iter()
        .map(|row| (index(row.source), index(row.destination), row))
        .collect();
    let longest = names.iter().map(|name| name.chars().count()).max();
    let margin = longest.unwrap_or(0).min(60) * LETTER + 12;
    let side = margin + names.len() * CELL + 12;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{side}\" height=\"{side}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (at, name) in names.iter().enumerate() {
        let middle = margin + at * CELL + CELL / 2;
        let short = shortened(name);
        let name = escaped(name);
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{short}<title>{name}</title></text>",
            margin - 6,
            middle + 4,
        );
        let _ = writeln!(
            text,
            "<text transform=\"translate({} {}) rotate(-90)\">{short}<title>{name}</title></text>",
            middle + 4,
            margin - 6,
        );
    }
    for (from, to, row) in cells {
        let colour = if row.ports.is_all() {
            "#d95f02"
        } else {
            "#1b7837"
        };
        let title = format!("{} -> {}: {}", row.source, row.destination, row.ports());
        let _ = writeln!(
            text,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{colour}\"><title>{}</title></rect>",
            margin + to * CELL + 1,
            margin + from * CELL + 1,
            CELL - 2,
            CELL - 2,
            escaped(&title),
        );
    }
    text.push_str("</svg>\n");
    text
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    escaped(&short)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
