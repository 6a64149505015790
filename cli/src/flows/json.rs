//! Flows as JSON, an object on each line: our own names, and Hubble's.

use netpolicy::{Protocol, canonical};
use serde_json::Value;

use super::table::{COUNT, DESTINATION, PORT, PROTOCOL, SOURCE, parse};
use super::{FlowEnd, Record};

fn object(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

/// An object with source, destination, protocol, port and perhaps count.
pub(super) fn plain(text: &str) -> Result<Record, String> {
    let object = object(text)?;
    let field = |names: &[&str]| {
        let value = names.iter().find_map(|name| object.get(name))?;
        Some(match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    let fields = [SOURCE, DESTINATION, PROTOCOL, PORT, COUNT].map(field);
    let [source, destination, protocol, port, count] = fields.each_ref().map(Option::as_deref);
    parse(source, destination, protocol, port, count)
}

/// A flow of `hubble observe -o json`. What was forwarded and is no reply opened a
/// connection.
pub(super) fn hubble(text: &str) -> Result<Record, String> {
    let object = object(text)?;
    let flow = object.get("flow").unwrap_or(&object);
    let text_of = |value: &Value, key: &str| {
        let text = value.get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (Some(ip), Some(l4)) = (flow.get("IP"), flow.get("l4")) else {
        // A lost event, a node's status, a request of layer 7.
        return Ok(Record::Other);
    };
    let is_reply = flow
        .get("is_reply")
        .or_else(|| flow.get("reply"))
        .and_then(Value::as_bool);
    let verdict = text_of(flow, "verdict");
    let is_l7 = flow.get("l7").is_some_and(|l7| !l7.is_null());
    if is_reply == Some(true) || is_l7 || verdict.is_some_and(|verdict| verdict != "FORWARDED") {
        return Ok(Record::Other);
    }
    let end = |side: &str| -> Result<FlowEnd, String> {
        let address = text_of(ip, side).ok_or(format!("no IP.{side}"))?;
        let address = address
            .parse()
            .map(canonical)
            .map_err(|_| format!("IP.{side}: {address:?} is no address"))?;
        let endpoint = flow.get(side).unwrap_or(&Value::Null);
        Ok(
            match (
                text_of(endpoint, "namespace"),
                text_of(endpoint, "pod_name"),
            ) {
                (Some(namespace), Some(name)) => FlowEnd::Named {
                    namespace,
                    name,
                    address: Some(address),
                },
                _ => FlowEnd::Address(address),
            },
        )
    };
    let (protocol, port) = layer_4(l4)?;
    Ok(Record::Flow {
        source: end("source")?,
        destination: end("destination")?,
        protocol,
        port,
        count: 1,
    })
}

fn layer_4(l4: &Value) -> Result<(Protocol, u16), String> {
    for (name, protocol) in [
        ("TCP", Protocol::TCP),
        ("UDP", Protocol::UDP),
        ("SCTP", Protocol::SCTP),
    ] {
        if let Some(header) = l4.get(name) {
            let port = header.get("destination_port").and_then(Value::as_u64);
            let port = port.and_then(|port| u16::try_from(port).ok());
            return Ok((
                protocol,
                port.ok_or(format!("no l4.{name}.destination_port"))?,
            ));
        }
    }
    match (l4.get("ICMPv4"), l4.get("ICMPv6")) {
        (Some(_), _) => Ok((Protocol::ICMP, 0)),
        (None, Some(_)) => Ok((Protocol::ICMPV6, 0)),
        (None, None) => Err("l4 has no protocol that is known here".to_owned()),
    }
}
