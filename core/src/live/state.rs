//! What readers read, twice: while they read one copy, the writer changes the
//! other.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::IpAddr;

use left_right::Absorb;

use crate::image::ImageBuf;
use crate::{Protocol, Verdict};

/// One of the two copies.
#[derive(Clone)]
pub(super) struct State {
    pub(super) epoch: u64,
    pub(super) compiled: Arc<Compiled>,
}

/// What a full compile came to.
pub(super) struct Compiled {
    pub(super) epoch: u64,
    pub(super) image: ImageBuf,
}

/// A change of the state. Both copies absorb the same changes in the same order.
pub(super) enum Change {
    /// All of it, compiled anew.
    Replace(Box<State>),
}

impl Absorb<Change> for State {
    fn absorb_first(&mut self, change: &mut Change, _: &Self) {
        match change {
            Change::Replace(state) => self.clone_from(state),
        }
    }

    fn absorb_second(&mut self, change: Change, _: &Self) {
        match change {
            Change::Replace(state) => *self = *state,
        }
    }

    fn sync_with(&mut self, first: &Self) {
        self.clone_from(first);
    }
}

impl State {
    pub(super) fn verdict(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Verdict {
        let image = self.compiled.image.image();
        image.verdict(source, destination, protocol, port)
    }
}
