//! Files of assertions.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use netpolicy::Protocol;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::endpoint::EndpointArgument;

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

/// A list, or a map with `tests:`.
struct File(Vec<Written>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tests {
    tests: Vec<Written>,
}

// By hand, as an untagged enum forgets which field is wrong, and where.
impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<File, D::Error> {
        struct FileVisitor;
        impl<'de> Visitor<'de> for FileVisitor {
            type Value = File;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of assertions, or a map with tests")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<File, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(File)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<File, A::Error> {
                let Tests { tests } = Tests::deserialize(MapAccessDeserializer::new(map))?;
                Ok(File(tests))
            }
        }
        deserializer.deserialize_any(FileVisitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    from: String,
    to: String,
    protocol: Option<String>,
    port: Option<Ports>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Allow,
    Deny,
}

enum Ports {
    Number(u64),
    Text(String),
    List(Vec<Ports>),
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ports, D::Error> {
        struct PortsVisitor;
        impl<'de> Visitor<'de> for PortsVisitor {
            type Value = Ports;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port, a range such as 8000-8999, or a list of them")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Ports, E> {
                Ok(Ports::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ports, E> {
                Ok(Ports::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Ports, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(Ports::List)
            }
        }
        deserializer.deserialize_any(PortsVisitor)
    }
}

/// Reads a file of assertions.
pub(super) fn read(path: &Path) -> Result<Vec<Assertion>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let file: File = serde_saphyr::from_str(&text).map_err(|error| {
        anyhow!(
            "{name}: {error}: write a list of assertions, each with from, to and expect (allow \
             or deny), and, where they matter, port, protocol and name"
        )
    })?;
    let File(tests) = file;
    if tests.is_empty() {
        bail!("{name}: no assertions, so nothing would be tested");
    }
    tests
        .into_iter()
        .enumerate()
        .map(|(index, written)| {
            let place = || format!("{name}: assertion {}", index + 1);
            assertion(written).map_err(|problem| anyhow!("{}: {problem}", place()))
        })
        .collect()
}

fn assertion(written: Written) -> Result<Assertion, String> {
    let Written {
        name,
        from,
        to,
        protocol,
        port,
        expect,
    } = written;
    let protocol_text = protocol.unwrap_or("TCP".to_owned());
    let protocol: Protocol = protocol_text
        .parse()
        .map_err(|problem| format!("protocol {protocol_text:?}: {problem}"))?;
    let mut ports = Vec::new();
    if let Some(port) = &port {
        collect_ports(port, &mut ports)?;
    }
    match (ports.is_empty(), protocol.has_ports()) {
        (true, true) => return Err(format!("{protocol} needs a port")),
        (false, false) => return Err(format!("{protocol} has no ports: leave out port")),
        _ => {}
    }
    let expects_allow = matches!(expect, Expect::Allow);
    let what = if expects_allow {
        "reaches"
    } else {
        "does not reach"
    };
    let described: Vec<_> = ports.iter().map(range_text).collect();
    Ok(Assertion {
        name: name.unwrap_or_else(|| {
            format!("{from} {what} {to} {protocol} {}", described.join(","))
                .trim_end()
                .to_owned()
        }),
        from: from.parse()?,
        to: to.parse()?,
        protocol,
        ports,
        expects_allow,
    })
}

fn range_text((first, last): &(u16, u16)) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

fn collect_ports(ports: &Ports, into: &mut Vec<(u16, u16)>) -> Result<(), String> {
    let port = |number: u64, written: &str| match u16::try_from(number) {
        Ok(number) if number != 0 => Ok(number),
        _ => Err(format!("port {written}: ports are from 1 to 65535")),
    };
    match ports {
        Ports::Number(number) => {
            let number = port(*number, &number.to_string())?;
            into.push((number, number));
        }
        Ports::List(list) => {
            for ports in list {
                collect_ports(ports, into)?;
            }
        }
        Ports::Text(text) => {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let number = |part: &str| {
                let number: u64 = part.trim().parse().map_err(|_| {
                    format!("port {text:?}: write a number, or a range such as 8000-8999")
                })?;
                port(number, &format!("{text:?}"))
            };
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("port {text:?}: the range ends before it begins"));
            }
            into.push((first, last));
        }
    }
    Ok(())
}
