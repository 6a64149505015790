//! Flows as JSON, an object on each line or in one array: our own names, and Hubble's.

use std::io::BufRead;

use anyhow::Result;
use netpolicy::{Protocol, canonical};
use serde_json::Value;

use super::table::{COUNT, DESTINATION, PORT, PROTOCOL, SOURCE, parse};
use super::{BOM, Counter, Flow, FlowEnd, FlowFormat, Record, Seen};

/// A line.
pub(super) fn value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

/// Records that are the items of one array.
pub(super) fn read_array(
    text: &mut dyn BufRead,
    format: FlowFormat,
    counter: &mut Counter,
) -> Result<()> {
    let mut bytes = Vec::new();
    text.read_to_end(&mut bytes)?;
    let bytes = bytes.strip_prefix(BOM.as_bytes()).unwrap_or(&bytes);
    let records: Vec<Value> = serde_json::from_slice(bytes)?;
    for (record, number) in records.iter().zip(1..) {
        let record = match format {
            FlowFormat::Hubble => hubble(record),
            _ => plain(record),
        };
        counter.add(number, record);
    }
    Ok(())
}

/// An object with source, destination, protocol, port and perhaps count.
pub(super) fn plain(object: &Value) -> Result<Record, String> {
    let field = |names: &[&str]| {
        let value = names.iter().find_map(|name| object.get(name))?;
        match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            // Many writers know no numbers but floating ones.
            Value::Number(number) => Some(match number.as_f64() {
                Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}"),
                _ => number.to_string(),
            }),
            other => Some(other.to_string()),
        }
    };
    let fields = [SOURCE, DESTINATION, PROTOCOL, PORT, COUNT].map(field);
    let [source, destination, protocol, port, count] = fields.each_ref().map(Option::as_deref);
    parse(source, destination, protocol, port, count)
}

/// A flow of `hubble observe -o json`. What is no reply and was forwarded (or redirected
/// to a proxy, or would have been denied but for the audit mode) opened a connection;
/// what was dropped would have.
pub(super) fn hubble(object: &Value) -> Result<Record, String> {
    let flow = object.get("flow").unwrap_or(object);
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
    let is_l7 = flow.get("l7").is_some_and(|l7| !l7.is_null());
    let seen = match text_of(flow, "verdict").as_deref() {
        None | Some("FORWARDED" | "REDIRECTED" | "AUDIT") => Some(Seen::Passed),
        Some("DROPPED") => Some(Seen::Denied),
        // What is traced or translated is told of again.
        Some(_) => None,
    };
    let Some(seen) = seen.filter(|_| is_reply != Some(true) && !is_l7) else {
        return Ok(Record::Other);
    };
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
                    workload: workload(endpoint),
                },
                _ => FlowEnd::Address(address),
            },
        )
    };
    let (protocol, port) = layer_4(l4)?;
    Ok(Record::Flow(Flow {
        source: end("source")?,
        destination: end("destination")?,
        protocol,
        port,
        seen,
        count: 1,
    }))
}

/// Kind and name of what runs an endpoint, where Hubble knows.
fn workload(endpoint: &Value) -> Option<Box<(String, String)>> {
    let first = endpoint.get("workloads")?.get(0)?;
    let text = |key: &str| Some(first.get(key)?.as_str()?.to_owned());
    Some(Box::new((text("kind")?, text("name")?)))
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
            let port = port.filter(|port| *port != 0);
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
