//! The ends of flows, each once.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use netpolicy::canonical;

use super::Flow;

/// The number of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EndId(pub(crate) u32);

/// An end as a record tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FlowEnd {
    Address(IpAddr),
    /// A pod, or a workload: namespace and name.
    Named {
        namespace: String,
        name: String,
        /// The address it had.
        address: Option<IpAddr>,
        /// Kind and name of what runs it, if the record tells.
        workload: Option<Box<(String, String)>>,
    },
}

impl FlowEnd {
    /// `10.0.3.7` or `namespace/name`.
    pub(super) fn parse(text: &str) -> Result<FlowEnd, String> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(FlowEnd::Address(canonical(address)));
        }
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                Ok(FlowEnd::Named {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    address: None,
                    workload: None,
                })
            }
            _ => Err(format!("{text:?} is neither an address nor namespace/name")),
        }
    }
}

impl fmt::Display for FlowEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlowEnd::Address(address) => address.fmt(f),
            FlowEnd::Named {
                namespace, name, ..
            } => write!(f, "{namespace}/{name}"),
        }
    }
}

/// Ends by number.
#[derive(Default)]
pub(super) struct Ends {
    all: Vec<FlowEnd>,
    ids: HashMap<FlowEnd, EndId, ahash::RandomState>,
}

impl Ends {
    pub(super) fn id(&mut self, end: FlowEnd) -> EndId {
        if let Some(id) = self.ids.get(&end) {
            return *id;
        }
        let id = EndId(self.all.len() as u32);
        self.all.push(end.clone());
        self.ids.insert(end, id);
        id
    }

    /// A flow whose ends have their numbers.
    pub(super) fn numbered(&mut self, flow: Flow<FlowEnd>) -> Flow {
        Flow {
            source: self.id(flow.source),
            destination: self.id(flow.destination),
            protocol: flow.protocol,
            port: flow.port,
            seen: flow.seen,
            count: flow.count,
        }
    }

    /// The ends in their own order, and the new number of each.
    pub(super) fn sorted(self) -> (Vec<FlowEnd>, Vec<EndId>) {
        let mut numbered: Vec<(FlowEnd, usize)> = self.all.into_iter().zip(0..).collect();
        numbered.sort_unstable();
        let mut numbers = vec![EndId(0); numbered.len()];
        for (new, (_, old)) in numbered.iter().enumerate() {
            numbers[*old] = EndId(new as u32);
        }
        (numbered.into_iter().map(|(end, _)| end).collect(), numbers)
    }
}
