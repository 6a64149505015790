//! Connections that no policy can tell apart.

use super::Connection;
use crate::address::canonical;
use crate::image::Image;
use crate::protocol::PortKey;

/// What a verdict and its reason depend on. Connections of one kind get one verdict,
/// and are decided by one rule, or by none for one reason.
///
/// There are few kinds and many connections: whoever explains a great many keeps one
/// answer a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionKind {
    /// The class that the source is to the destination.
    source: u32,
    /// The class that the destination is to the source.
    destination: u32,
    interval: u32,
}

impl Image<'_> {
    /// The kind of a connection; `None` where it has to be judged by itself: within
    /// one pod, across families, and where the tables do not know who an end is.
    #[must_use]
    pub fn kind(&self, connection: &Connection) -> Option<ConnectionKind> {
        let source = canonical(connection.source);
        let destination = canonical(connection.destination);
        if source == destination || source.is_ipv4() != destination.is_ipv4() {
            return None;
        }
        let decision = &self.decision;
        let (from, to) = (decision.place(source), decision.place(destination));
        if from.is_special() || to.is_special() {
            return None;
        }
        let key = PortKey::new(connection.protocol, connection.port);
        let [source, destination] = decision.as_peers(from, to);
        Some(ConnectionKind {
            source,
            destination,
            interval: decision.interval(key.0)?,
        })
    }
}
