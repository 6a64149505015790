//! Who answers: netpolicy, and its rivals.

use netpolicy::{Connection, Image};

/// Whoever answers connections one by one.
pub trait Contestant {
    /// Whether a connection may pass.
    fn allows(&self, connection: &Connection) -> bool;
}

impl Contestant for Image<'_> {
    #[inline]
    fn allows(&self, connection: &Connection) -> bool {
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = *connection;
        self.verdict(source, destination, protocol, port)
            .is_allowed()
    }
}
