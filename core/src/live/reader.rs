//! Asking while things change.

use core::net::IpAddr;

use left_right::{ReadGuard, ReadHandle, ReadHandleFactory};

use super::state::State;
use crate::image::Image;
use crate::{Connection, Protocol, Verdict};

/// Asks for verdicts, on a thread of its own: a reader can be sent to another
/// thread and cloned for a third, but two threads cannot share one.
///
/// Asking never waits and never allocates, whatever the writer does meanwhile.
/// Only making a reader (and cloning one) takes a lock and memory.
pub struct Reader {
    handle: ReadHandle<State>,
}

impl Clone for Reader {
    fn clone(&self) -> Reader {
        Reader {
            handle: self.handle.clone(),
        }
    }
}

impl Reader {
    pub(super) fn new(factory: &ReadHandleFactory<State>) -> Reader {
        Reader {
            handle: factory.handle(),
        }
    }

    /// Holds on to the state of this moment, for as many verdicts as are to be of
    /// one state.
    ///
    /// Nothing waits for the reader but the writer: it publishes one more update
    /// while a state is held, and waits for the reader to let go before the next.
    /// So hold a state for a batch, not for a lifetime.
    ///
    /// `None` once the [`Live`](super::Live) is dropped.
    #[inline]
    #[must_use]
    pub fn enter(&self) -> Option<Reading<'_>> {
        Some(Reading {
            state: self.handle.enter()?,
        })
    }

    /// One verdict, of the state of this moment; [`Verdict::DENY`] once the
    /// [`Live`](super::Live) is dropped.
    #[inline]
    #[must_use]
    pub fn verdict(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Verdict {
        self.enter().map_or(Verdict::DENY, |reading| {
            reading.verdict(source, destination, protocol, port)
        })
    }
}

/// One state, held by a reader.
pub struct Reading<'r> {
    state: ReadGuard<'r, State>,
}

impl Reading<'_> {
    /// Which state this is: the [`Update::epoch`](super::Update::epoch) of the
    /// update that made it.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// May a connection between these addresses pass? As
    /// [`Image::verdict`](crate::Image::verdict).
    #[inline]
    #[must_use]
    pub fn verdict(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Verdict {
        let connection = Connection {
            source,
            destination,
            protocol,
            port,
        };
        let decision = self.state.tables.decision();
        self.state.verdict(&decision, connection)
    }

    /// Answers `connections` in order into `verdicts`, all of one state. The
    /// shorter of the two slices says how many.
    pub fn verdicts(&self, connections: &[Connection], verdicts: &mut [Verdict]) {
        let decision = self.state.tables.decision();
        self.state.verdicts(&decision, connections, verdicts);
    }

    /// The last full compile, for names and explanations, and its epoch: that of
    /// this state, or an earlier one if patches came since.
    #[must_use]
    pub fn compiled(&self) -> (u64, Image<'_>) {
        let compiled = &self.state.compiled;
        (compiled.epoch, compiled.image.image())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use crate::live::{Event, Live, UpdateKind};
    use crate::model::{NetworkPolicy, Options, Pod};
    use crate::{Cluster, Protocol};

    fn pod(name: &'static str, address: &str) -> Pod<'static> {
        Pod {
            namespace: "a".into(),
            name: name.into(),
            addresses: [address.parse().unwrap()].into_iter().collect(),
            ..Pod::default()
        }
    }

    #[test]
    fn readers_return_to_the_copy_that_they_know() {
        let mut cluster = Cluster::default();
        cluster.insert_pod(pod("first", "10.0.0.1"));
        let mut live = Live::new(cluster, Options::default()).unwrap();
        let reader = live.reader();
        let copy = || &raw const *reader.enter().unwrap().state;
        let home = copy();
        for host in 2..20 {
            let address = format!("10.0.0.{host}");
            let update = live.apply(Event::Added(pod("other", &address).into()));
            assert_eq!(update.unwrap().kind, UpdateKind::Patched);
            assert_eq!(copy(), home, "after {address}");
            let address = address.parse().unwrap();
            let verdict = reader.verdict(address, address, Protocol::TCP, 80);
            assert!(verdict.is_allowed());
        }
    }

    /// Where the addresses of both families end alike, an image that is not to be patched
    /// stores one node for both.
    #[test]
    fn an_address_that_goes_takes_none_of_the_other_family_along() {
        let both = |name, host: u8| Pod {
            addresses: [
                [10, 0, 0, host].into(),
                [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(host)].into(),
            ]
            .into_iter()
            .collect(),
            ..pod(name, "::")
        };
        let mut cluster = Cluster::default();
        cluster.insert_pod(both("first", 1));
        cluster.insert_pod(both("second", 2));
        cluster.insert_network_policy(NetworkPolicy {
            namespace: "a".into(),
            name: "isolates".into(),
            ..NetworkPolicy::default()
        });
        let mut live = Live::new(cluster, Options::default()).unwrap();
        let v6_only = Pod {
            addresses: both("first", 1).addresses.iter().skip(1).copied().collect(),
            ..both("first", 1)
        };
        let update = live.apply(Event::Modified(v6_only.into())).unwrap();
        assert_eq!(update.kind, UpdateKind::Patched);
        let allows = |to: &str, from: &str| {
            let [to, from] = [to, from].map(|text| text.parse().unwrap());
            live.reader()
                .verdict(from, to, Protocol::TCP, 80)
                .is_allowed()
        };
        assert!(allows("10.0.0.1", "192.0.2.1"), "it is nobody's now");
        assert!(!allows("fd00::1", "2001:db8::1"));
        assert!(!allows("10.0.0.2", "192.0.2.1") && !allows("fd00::2", "2001:db8::1"));
    }

    #[test]
    fn a_state_that_is_held_stays_as_it_is() {
        let mut live = Live::new(Cluster::default(), Options::default()).unwrap();
        let reader = live.reader();
        let held = reader.enter().unwrap();
        let update = live
            .apply(Event::Added(pod("first", "10.0.0.1").into()))
            .unwrap();
        assert_eq!(held.epoch(), 0);
        let other = live.reader();
        assert_eq!(other.enter().unwrap().epoch(), update.epoch);
        drop(held);
        let update = live
            .apply(Event::Added(pod("second", "10.0.0.2").into()))
            .unwrap();
        assert_eq!(reader.enter().unwrap().epoch(), update.epoch);
    }
}
