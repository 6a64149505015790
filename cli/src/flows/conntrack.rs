//! Lines of `conntrack -L` and of `/proc/net/nf_conntrack`.

use super::{Flow, FlowEnd, Record, Seen, port, protocol};

/// How the line begins in which conntrack tells its version.
pub(super) const BANNER: &str = "conntrack v";

/// A line has the connection as it was opened, and then as replies come. Where a
/// Service's address was translated, replies come from the pod that it led to, and it
/// is that pod that policies are asked about.
pub(super) fn record(text: &str) -> Result<Record, String> {
    if text.starts_with(BANNER) {
        return Ok(Record::Other);
    }
    let mut words = text.split_ascii_whitespace();
    let mut name = words.next().unwrap_or("");
    // nf_conntrack begins with the family and its number.
    if matches!(name, "ipv4" | "ipv6") {
        name = words.nth(1).unwrap_or("");
    }
    let number = words.next().unwrap_or("");
    // conntrack calls what it knows no name for "unknown", and gives its number.
    let protocol = protocol(name).or_else(|_| protocol(number))?;
    let field = |key: &str, nth: usize| {
        let values = text.split_ascii_whitespace().filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            (name == key).then_some(value)
        });
        values.into_iter().nth(nth)
    };
    let source = FlowEnd::parse(field("src", 0).ok_or("no src=")?)?;
    let replies_from = field("src", 1).or(field("dst", 0));
    let destination = FlowEnd::parse(replies_from.ok_or("no dst=")?)?;
    let destination_port = field("sport", 1).or(field("dport", 0));
    Ok(Record::Flow(Flow {
        source,
        destination,
        protocol,
        port: port(protocol, destination_port)?,
        seen: Seen::Passed,
        count: 1,
    }))
}
