//! VPC flow log records: columns parted by spaces, in the default order or as a header
//! says.

use netpolicy::Protocol;

use super::{FlowEnd, Record, port, protocol};

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

/// Where the columns are.
pub(super) struct Columns {
    names: Vec<String>,
}

impl Default for Columns {
    fn default() -> Columns {
        Columns {
            names: DEFAULT.map(str::to_owned).to_vec(),
        }
    }
}

impl Columns {
    /// A record is one direction of a connection: that which looks like a reply, from
    /// a server's port to a client's, opens none. Nor does what was rejected.
    pub(super) fn record(&mut self, text: &str) -> Result<Record, String> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        if words.contains(&"srcaddr") {
            self.names = words
                .iter()
                .map(|word| word.trim_matches(['$', '{', '}']).to_owned())
                .collect();
            return Ok(Record::Other);
        }
        let field = |name: &str| {
            let at = self.names.iter().position(|known| known == name)?;
            words.get(at).copied().filter(|word| *word != "-")
        };
        // NODATA and SKIPDATA have no addresses.
        let (Some(source), Some(destination)) = (field("srcaddr"), field("dstaddr")) else {
            return Ok(Record::Other);
        };
        if field("action").is_some_and(|action| action != "ACCEPT") {
            return Ok(Record::Other);
        }
        let protocol: Protocol = protocol(field("protocol").ok_or("no protocol")?)?;
        let source_port = port(protocol, field("srcport").or(Some("0")))?;
        let destination_port = port(protocol, field("dstport"))?;
        if source_port != 0 && source_port < FIRST_EPHEMERAL && destination_port >= FIRST_EPHEMERAL
        {
            return Ok(Record::Other);
        }
        Ok(Record::Flow {
            source: FlowEnd::parse(source)?,
            destination: FlowEnd::parse(destination)?,
            protocol,
            port: destination_port,
            count: 1,
        })
    }
}
