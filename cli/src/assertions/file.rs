//! Files of assertions.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use netpolicy::Protocol;
use serde_saphyr::Location;

use super::yaml::{self, Complaint, Entry, Node, Value};
use crate::endpoint::EndpointArgument;
use crate::input::tell;
use crate::words::counted;

/// What is claimed of some connections.
pub(super) struct Assertion {
    pub(super) name: String,
    pub(super) from: EndpointArgument,
    pub(super) to: EndpointArgument,
    protocol: Protocol,
    /// Ranges, both ends included; empty for protocols without ports.
    ports: Vec<(u16, u16)>,
    pub(super) expects_allow: bool,
}

impl Assertion {
    /// Every protocol and port that is asked about.
    pub(super) fn questions(&self) -> Vec<(Protocol, u16)> {
        if self.ports.is_empty() {
            return vec![(self.protocol, 0)];
        }
        let ports = self.ports.iter().flat_map(|(first, last)| *first..=*last);
        ports.map(|port| (self.protocol, port)).collect()
    }
}

/// What a file is to have.
const LIST: &str = "write a list of assertions, each with from, to and expect (allow or deny), \
                    and, where they matter, port, protocol and name";

/// The fields of an assertion.
const FIELDS: [&str; 6] = ["from", "to", "expect", "port", "protocol", "name"];

/// Reads a file of assertions.
///
/// # Errors
/// If something is wrong with it, which is told on standard error.
pub(super) fn read(path: &Path) -> Result<Vec<Assertion>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    assertions(&text).map_err(|complaints| {
        let count = counted(complaints.len(), "error");
        let complaints = complaints.into_iter();
        let told: Vec<_> = complaints.map(|it| it.in_file(&name)).collect();
        tell(&told);
        anyhow!("{name} has {count}, so nothing was tested")
    })
}

fn assertions(text: &str) -> Result<Vec<Assertion>, Vec<Complaint>> {
    let document = yaml::read(text).map_err(|complaint| vec![complaint])?;
    let (list, items) = items(&document).map_err(|complaint| vec![complaint])?;
    let mut assertions = Vec::new();
    let mut complaints = Vec::new();
    for (index, node) in items.iter().enumerate() {
        let item = Item::new(node, format!("{list}[{index}]"));
        match item.and_then(|item| item.assertion()) {
            Ok(assertion) => assertions.push(assertion),
            Err(complaint) => complaints.push(complaint),
        }
    }
    if complaints.is_empty() {
        Ok(assertions)
    } else {
        Err(complaints)
    }
}

/// The assertions of a document, and the path of their list.
fn items(document: &Node) -> Result<(&'static str, &[Node]), Complaint> {
    let (path, list) = match &document.value {
        Value::Map(entries) => ("tests", tests(document, entries)?),
        _ => ("", document),
    };
    match &list.value {
        Value::List(items) if !items.is_empty() => Ok((path, items)),
        _ => {
            let message = format!("no assertions, so nothing would be tested: {LIST}");
            Err(Complaint::new(&list.referenced, path, message))
        }
    }
}

/// The list in a map of the document.
fn tests<'n>(document: &Node, entries: &'n [Entry]) -> Result<&'n Node, Complaint> {
    let mut tests = None;
    for (key, value) in entries {
        let complain = |message: String| Complaint::new(&key.referenced, &key.value, message);
        match key.value.as_str() {
            "tests" => tests = Some(value),
            name if FIELDS.contains(&name) => {
                return Err(complain(
                    "an assertion is an item of a list: write a dash in front of its first line, \
                     and indent the others"
                        .into(),
                ));
            }
            _ => {
                return Err(complain(
                    "unknown field: a file is a list of assertions, or has it in tests".into(),
                ));
            }
        }
    }
    let missing = || Complaint::new(&document.referenced, "tests", format!("is missing: {LIST}"));
    tests.ok_or_else(missing)
}

/// An assertion as it was written.
struct Item<'n> {
    place: &'n Location,
    path: String,
    entries: &'n [Entry],
}

impl<'n> Item<'n> {
    fn new(node: &'n Node, path: String) -> Result<Item<'n>, Complaint> {
        let Value::Map(entries) = &node.value else {
            let message = "an assertion is a map: write from, to and expect, each on a line";
            return Err(Complaint::new(&node.referenced, &path, message));
        };
        for (key, _) in entries {
            if !FIELDS.contains(&key.value.as_str()) {
                let path = format!("{path}.{}", key.value);
                let message = format!("unknown field: an assertion has {}", FIELDS.join(", "));
                return Err(Complaint::new(&key.referenced, &path, message));
            }
        }
        Ok(Item {
            place: &node.referenced,
            path,
            entries,
        })
    }

    /// A field that is there and not null.
    fn field(&self, name: &'static str) -> Option<Field<'n>> {
        let mut entries = self.entries.iter();
        let (_, node) = entries.find(|(key, _)| key.value == name)?;
        (!matches!(node.value, Value::Null)).then(|| Field {
            node,
            path: format!("{}.{name}", self.path),
        })
    }

    /// A field that must be there; `write` tells what to write.
    fn needed(&self, name: &'static str, write: &str) -> Result<Field<'n>, Complaint> {
        let missing = || self.complain(name, format!("is missing: {write}"));
        self.field(name).ok_or_else(missing)
    }

    /// A complaint about a field, at its place if it is there.
    fn complain(&self, name: &'static str, message: String) -> Complaint {
        let field = self.field(name);
        let place = field.map_or(self.place, |field| &field.node.referenced);
        Complaint::new(place, &format!("{}.{name}", self.path), message)
    }

    fn end(&self, name: &'static str) -> Result<(&'n str, EndpointArgument), Complaint> {
        const WRITE: &str = "write an address, namespace/name of a pod or workload, or \
                             namespace:key=value,… for a pod that need not exist";
        let field = self.needed(name, WRITE)?;
        let text = field.text()?;
        let end = text.parse();
        Ok((
            text,
            end.map_err(|problem: String| field.complain(problem))?,
        ))
    }

    fn assertion(&self) -> Result<Assertion, Complaint> {
        let (from_text, from) = self.end("from")?;
        let (to_text, to) = self.end("to")?;
        let protocol = self.field("protocol").map_or(Ok(Protocol::TCP), |field| {
            let text = field.text()?;
            let parsed = text.parse();
            parsed.map_err(|problem| field.complain(format!("{text:?}: {problem}")))
        })?;
        let mut ports = Vec::new();
        if let Some(port) = self.field("port") {
            collect_ports(&port, &mut ports)?;
        }
        match (ports.is_empty(), protocol.has_ports()) {
            (true, true) => {
                let message = format!("is missing: {protocol} needs a port, such as port: 443");
                return Err(self.complain("port", message));
            }
            (false, false) => {
                return Err(self.complain("port", format!("{protocol} has no ports: leave it out")));
            }
            _ => {}
        }
        let expect = self.needed("expect", "write expect: allow, or expect: deny")?;
        let expects_allow = match expect.text()? {
            "allow" => true,
            "deny" => false,
            other => return Err(expect.complain(format!("{other:?}: write allow or deny"))),
        };
        let what = if expects_allow {
            "reaches"
        } else {
            "does not reach"
        };
        let described: Vec<_> = ports.iter().map(range_text).collect();
        let name = match self.field("name") {
            Some(name) => name.text()?.to_owned(),
            None => format!(
                "{from_text} {what} {to_text} {protocol} {}",
                described.join(",")
            )
            .trim_end()
            .to_owned(),
        };
        Ok(Assertion {
            name,
            from,
            to,
            protocol,
            ports,
            expects_allow,
        })
    }
}

/// A field of an assertion, or an item of one.
struct Field<'n> {
    node: &'n Node,
    path: String,
}

impl<'n> Field<'n> {
    fn complain(&self, message: impl Into<String>) -> Complaint {
        Complaint::new(&self.node.referenced, &self.path, message)
    }

    fn text(&self) -> Result<&'n str, Complaint> {
        match &self.node.value {
            Value::Scalar(text) => Ok(text),
            _ => Err(self.complain("must be a single text: write one assertion for each")),
        }
    }
}

fn range_text((first, last): &(u16, u16)) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

fn collect_ports(field: &Field<'_>, into: &mut Vec<(u16, u16)>) -> Result<(), Complaint> {
    let text = match &field.node.value {
        Value::Scalar(text) => text,
        Value::List(list) if !field.path.ends_with(']') => {
            for (index, node) in list.iter().enumerate() {
                let path = format!("{}[{index}]", field.path);
                collect_ports(&Field { node, path }, into)?;
            }
            return Ok(());
        }
        _ => {
            return Err(
                field.complain("write a port, a range such as 8000-8999, or a list of them")
            );
        }
    };
    let number = |part: &str| {
        let part = part.trim();
        // YAML 1.1 reads it as octal, YAML 1.2 does not.
        if part.len() > 1 && part.starts_with('0') {
            return Err(field.complain(format!("{text:?}: write it without the leading zero")));
        }
        let number: Result<u64, _> = part.parse();
        let number = number.map_err(|_| {
            field.complain(format!(
                "{text:?}: write a number, or a range such as 8000-8999"
            ))
        })?;
        match u16::try_from(number) {
            Ok(number) if number != 0 => Ok(number),
            _ => Err(field.complain(format!("{text}: ports are from 1 to 65535"))),
        }
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(field.complain(format!("{text}: the range ends before it begins")));
    }
    into.push((first, last));
    Ok(())
}
