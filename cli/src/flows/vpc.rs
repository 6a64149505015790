//! VPC flow log records: columns parted by spaces, in the default order or as a header
//! says.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use anyhow::Result;
use netpolicy::{Protocol, canonical};

use super::{Counter, Flow, FlowEnd, Lines, Record, Seen, port, protocol};

/// From here on systems choose the ports of clients.
const FIRST_EPHEMERAL: u16 = 32768;

/// The columns of version 2.
const DEFAULT: [&str; 14] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
];

/// Reads records. Each is one direction of a connection for some time; which of the two
/// directions opened it is told at the end, when both have been seen.
pub(super) fn read(lines: &mut Lines<'_>, counter: &mut Counter) -> Result<()> {
    let mut columns = DEFAULT.map(str::to_owned).to_vec();
    let mut directions: BTreeMap<Direction, Heard> = BTreeMap::new();
    while let Some((number, line)) = lines.next()? {
        let record = line.and_then(|line| record(&mut columns, line));
        match record {
            Ok(Some((direction, heard))) => directions.entry(direction).or_default().add(heard),
            Ok(None) => counter.rest.skip(1),
            Err(problem) => counter.rest.refuse(number, || problem),
        }
    }
    let clients = clients(&directions);
    for (direction, heard) in &directions {
        let opens = opens(direction, heard, &directions, &clients);
        for (seen, count) in [(Seen::Passed, heard.passed), (Seen::Denied, heard.denied)] {
            if count != 0 && opens {
                counter.add(0, Ok(direction.record(seen, count)));
            } else {
                counter.rest.skip(count);
            }
        }
    }
    Ok(())
}

/// What goes from one end of a connection to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Direction {
    protocol: Protocol,
    /// Addresses and ports; 0 where the protocol has none.
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
}

impl Direction {
    fn reverse(&self) -> Direction {
        Direction {
            protocol: self.protocol,
            source: self.destination,
            destination: self.source,
        }
    }

    fn record(&self, seen: Seen, count: u64) -> Record {
        Record::Flow(Flow {
            source: FlowEnd::Address(self.source.0),
            destination: FlowEnd::Address(self.destination.0),
            protocol: self.protocol,
            port: self.destination.1,
            seen,
            count,
        })
    }
}

/// What records tell of a direction.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    /// How many were accepted, and how many rejected.
    passed: u64,
    denied: u64,
    /// When the first began, in seconds since the epoch.
    start: Option<u64>,
    /// Whether flags of TCP told that it opens a connection (SYN), or replies (SYN and
    /// ACK). Those of a record are put together from all its packets; ACK is among them
    /// only with the SYN of a reply.
    opens: bool,
    replies: bool,
}

impl Heard {
    fn add(&mut self, other: Heard) {
        self.passed += other.passed;
        self.denied += other.denied;
        self.start = match (self.start, other.start) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.opens |= other.opens;
        self.replies |= other.replies;
    }
}

/// A record, or a header, which says what the columns are. NODATA and SKIPDATA have no
/// addresses, and are none either.
fn record(columns: &mut Vec<String>, text: &str) -> Result<Option<(Direction, Heard)>, String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if words.contains(&"srcaddr") {
        *columns = words
            .iter()
            .map(|word| word.trim_matches(['$', '{', '}']).to_owned())
            .collect();
        return Ok(None);
    }
    let field = |name: &str| {
        let at = columns.iter().position(|known| known == name)?;
        words.get(at).copied().filter(|word| *word != "-")
    };
    // Where an interface has several addresses, the packet's own are those of pods.
    let source = field("pkt-srcaddr").or(field("srcaddr"));
    let destination = field("pkt-dstaddr").or(field("dstaddr"));
    let (Some(source), Some(destination)) = (source, destination) else {
        return Ok(None);
    };
    let address = |text: &str| {
        let address = text.parse::<IpAddr>().map(canonical);
        address.map_err(|_| format!("{text:?} is no address"))
    };
    let protocol = protocol(field("protocol").ok_or("no protocol")?)?;
    let source_port = match field("srcport") {
        Some(text) if protocol.has_ports() => {
            text.parse().map_err(|_| format!("{text:?} is no port"))?
        }
        _ => 0,
    };
    let direction = Direction {
        protocol,
        source: (address(source)?, source_port),
        destination: (address(destination)?, port(protocol, field("dstport"))?),
    };
    let is_accepted = field("action").is_none_or(|action| action == "ACCEPT");
    let flags = field("tcp-flags").filter(|_| protocol == Protocol::TCP);
    let flags: u16 = flags.and_then(|flags| flags.parse().ok()).unwrap_or(0);
    const SYN: u16 = 2;
    const ACK: u16 = 16;
    let heard = Heard {
        passed: u64::from(is_accepted),
        denied: u64::from(!is_accepted),
        start: field("start").and_then(|start| start.parse().ok()),
        opens: flags & (SYN | ACK) == SYN,
        replies: flags & (SYN | ACK) == SYN | ACK,
    };
    Ok(Some((direction, heard)))
}

/// How many sent to each port of each address.
type Clients = HashMap<(Protocol, IpAddr, u16), u64, ahash::RandomState>;

fn clients(directions: &BTreeMap<Direction, Heard>) -> Clients {
    let mut clients = Clients::default();
    for direction in directions.keys() {
        let (address, port) = direction.destination;
        *clients
            .entry((direction.protocol, address, port))
            .or_default() += 1;
    }
    clients
}

/// Whether a direction is that in which its connection was opened.
fn opens(
    direction: &Direction,
    heard: &Heard,
    directions: &BTreeMap<Direction, Heard>,
    clients: &Clients,
) -> bool {
    if heard.opens || heard.replies {
        return heard.opens;
    }
    let reverse = direction.reverse();
    let is_client = |port: u16| port >= FIRST_EPHEMERAL;
    let ports = (direction.source.1, direction.destination.1);
    let looks_like_reply = !is_client(ports.0) && is_client(ports.1);
    let Some(other) = directions.get(&reverse).filter(|_| reverse != *direction) else {
        return ports.0 == 0 || !looks_like_reply;
    };
    if other.opens || other.replies {
        return other.replies;
    }
    let clients_of = |(address, port): (IpAddr, u16)| {
        let count = clients.get(&(direction.protocol, address, port));
        count.copied().unwrap_or(0)
    };
    // Many come to a server's port. Where that tells nothing: servers' ports are low,
    // and what opens a connection comes first. One of the two has to be it.
    let standing = |end: (IpAddr, u16)| (clients_of(end), !is_client(end.1));
    standing(direction.destination)
        .cmp(&standing(direction.source))
        .then(other.start.cmp(&heard.start))
        .then(ports.0.cmp(&ports.1))
        .then(reverse.cmp(direction))
        .is_gt()
}
