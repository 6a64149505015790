//! What readers read, twice: while they read one copy, the writer changes the
//! other.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use left_right::Absorb;

use super::tables::Tables;
use crate::address::from_bits;
use crate::compile::PolicyPatch;
use crate::image::{Decision, Image, ImageBuf};
use crate::protocol::PortKey;
use crate::verdict::{Identity, Pair, Party, PodParty, holder, node_at};
use crate::{Connection, Verdict};

/// One of the two copies.
#[derive(Clone)]
pub(super) struct State {
    pub(super) epoch: u64,
    pub(super) tables: Tables,
    pub(super) compiled: Arc<Compiled>,
    /// Who holds the addresses that have changed hands since the last full compile.
    pub(super) newcomers: Newcomers,
    /// How large the tables may become before everything is compiled anew.
    most_bytes: usize,
    /// How many newcomers there may be.
    most_newcomers: usize,
}

/// How many bytes and addresses patches may add in any case.
const SPARE_BYTES: usize = 8 << 20;
const SPARE_NEWCOMERS: usize = 1 << 16;

/// Holders by address, which is canonical.
pub(super) type Newcomers = HashMap<IpAddr, Option<Newcomer>, FixedState>;

/// What a full compile came to.
pub(super) struct Compiled {
    pub(super) epoch: u64,
    pub(super) image: ImageBuf,
}

/// A pod that came, or changed, since the last full compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newcomer {
    /// A number of its own, from 1.
    pub(super) number: u64,
    /// A pod of the image of the same traits, if there is one.
    pub(super) like: Option<u32>,
}

/// A change of the state. Both copies absorb the same changes in the same order.
pub(super) enum Change {
    /// All of it, compiled anew.
    Replace(Box<State>),
    /// An address has another place, or another holder.
    Holder {
        address: IpAddr,
        place: u32,
        holder: Option<Newcomer>,
    },
    /// Some classes are decided otherwise.
    Gates(Box<PolicyPatch>),
    /// All changes in front of this one make the state of an epoch.
    Epoch(u64),
}

impl Change {
    fn apply(&self, state: &mut State) {
        match self {
            Change::Replace(new) => state.clone_from(new),
            Change::Holder {
                address,
                place,
                holder,
            } => {
                state.tables.set_place(*address, *place);
                state.newcomers.insert(*address, *holder);
            }
            Change::Gates(patch) => state.tables.set_gates(patch),
            Change::Epoch(epoch) => state.epoch = *epoch,
        }
    }
}

impl Absorb<Change> for State {
    fn absorb_first(&mut self, change: &mut Change, _: &Self) {
        change.apply(self);
    }

    fn absorb_second(&mut self, change: Change, _: &Self) {
        match change {
            Change::Replace(state) => *self = *state,
            change => change.apply(self),
        }
    }

    fn sync_with(&mut self, first: &Self) {
        self.clone_from(first);
    }
}

impl State {
    /// The state that a full compile makes.
    pub(super) fn new(epoch: u64, image: ImageBuf) -> State {
        let tables = Tables::copy(&image.image().decision);
        State {
            epoch,
            most_bytes: 2 * tables.bytes() + SPARE_BYTES,
            most_newcomers: image.image().pod_count() + SPARE_NEWCOMERS,
            tables,
            compiled: Arc::new(Compiled { epoch, image }),
            newcomers: Newcomers::default(),
        }
    }

    /// Whether patches have left so much behind that everything should be compiled
    /// anew.
    pub(super) fn is_worn(&self) -> bool {
        self.tables.bytes() > self.most_bytes || self.newcomers.len() > self.most_newcomers
    }

    /// A verdict; `decision` is that of these tables.
    #[inline]
    pub(super) fn verdict(&self, decision: &Decision<'_>, connection: Connection) -> Verdict {
        let Connection {
            source,
            destination,
            protocol,
            port,
        } = connection;
        let key = PortKey::new(protocol, port);
        decision.verdict(source, destination, key, |source, destination, key| {
            self.verdict_of_parties(source, destination, key)
        })
    }

    /// Verdicts, as [`State::verdict`] gives them one by one.
    pub(super) fn verdicts(
        &self,
        decision: &Decision<'_>,
        connections: &[Connection],
        verdicts: &mut [Verdict],
    ) {
        decision.verdicts(connections, verdicts, &|source, destination, key| {
            self.verdict_of_parties(source, destination, key)
        });
    }

    /// The verdict where it matters which pods the addresses are, stored as they are:
    /// whether they are one, and, if the tables do not tell, what the rules say.
    #[cold]
    #[inline(never)]
    fn verdict_of_parties(&self, source: u128, destination: u128, key: PortKey) -> Verdict {
        let (source, destination) = (from_bits(source), from_bits(destination));
        let image = self.compiled.image.image();
        let pair = Pair {
            image: &image,
            source: self.party(&image, source),
            destination: self.party(&image, destination),
        };
        let decision = self.tables.decision();
        let (from, to) = (decision.place(source), decision.place(destination));
        match decision.look_up(from, to, key) {
            Some(_) if pair.is_same_pod() => Verdict::new(true, true),
            Some(verdict) => verdict,
            None => pair.interpret(key),
        }
    }

    /// Who an address is now.
    fn party<'i>(&self, image: &Image<'i>, address: IpAddr) -> Party<'i> {
        let pod = match self.newcomers.get(&address) {
            None => holder(image, address).map(|pod| (pod, 0)),
            // Without one that is like it there are no rules to ask, only whether both are
            // one: any number will do.
            Some(newcomer) => {
                newcomer.map(|newcomer| (newcomer.like.unwrap_or(0), newcomer.number))
            }
        };
        Party {
            address: Some(address),
            identity: match pod {
                Some((pod, _)) => Identity::Pod(PodParty::Known(pod)),
                None => node_at(image, address),
            },
            asked: None,
            stands_in_for: pod.map_or(0, |(_, number)| number),
        }
    }
}
