//! How the subjects of an image decide, read from its tables, or from its rules
//! where the tables leave that open. What this module knows of the tables' layout
//! stands in `Tables`, and nowhere else.

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::port_set::{Combine, PortSet, PortSets};
use crate::image::Image;
use crate::image::tables::{ClassRecord, NONE, NamedPortRecord, RuleRecord};
use crate::model::Direction;
use crate::protocol::PortKey;
use crate::verdict::{Assumed, Case, Party, rule_ports};

/// The decision tables of an image.
#[derive(Clone, Copy)]
struct Tables<'i> {
    image: &'i Image<'i>,
}

impl<'i> Tables<'i> {
    /// The first port key of each interval.
    fn interval_starts(self) -> Vec<u32> {
        let mut starts = Vec::new();
        let pages = self.image.decision.port_pages.iter();
        for (page, first) in pages.zip((0_u32..).step_by(64)) {
            let bits = (0..64).filter(|bit| page.bits() >> bit & 1 != 0);
            starts.extend(bits.map(|bit| first + bit));
        }
        starts.retain(|key| *key < PortKey::END);
        starts
    }

    /// The rows of a class in a direction, each with the first port key for which
    /// it counts; `None` where the rules are to be interpreted.
    fn rows(self, class: u32, direction: Direction, starts: &[u32]) -> Option<Vec<(u32, u32)>> {
        let record: ClassRecord = self.image.decision.classes.get(class);
        let (map, rows) = match direction {
            Direction::Egress => (record.egress_map, record.egress_rows),
            Direction::Ingress => (record.ingress_map, record.ingress_rows),
        };
        if map == NONE {
            return None;
        }
        let mut found = Vec::new();
        for (interval, key) in starts.iter().enumerate() {
            let interval = interval as u32;
            let word = self.image.decision.port_maps.get(map + (interval >> 6));
            if word.bits() >> (interval & 63) & 1 != 0 {
                let row = self.image.decision.rows.get(rows + found.len() as u32);
                found.push((*key, row));
            }
        }
        Some(found)
    }

    /// The bit of a peer class in a row.
    fn bit(self, row: u32, peer: u32) -> bool {
        self.image.decision.has(row, peer).unwrap_or(false)
    }
}

/// The other end of what is decided.
#[derive(Clone, Copy)]
pub(super) struct PeerAt<'i> {
    /// Its class, a twin where it is the subject's own node; `None` where only the
    /// rules can tell.
    pub(super) class: Option<u32>,
    pub(super) party: Party<'i>,
}

/// How some subjects decide in one direction: the port space is cut into segments,
/// on each of which the answer depends on the peer alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Decider {
    direction: Direction,
    /// The first port key of each segment.
    starts: Vec<u32>,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    /// The row of each segment.
    Rows(Vec<u32>),
    /// The rules, applied to this subject, for all subjects of the class.
    Rules { class: u32 },
}

/// What deciders ask of peers on a segment.
pub(super) struct Question {
    pub(super) direction: Direction,
    /// The segment of the first of the askers.
    pub(super) segment: u32,
    /// Who ask the same, on whichever segments.
    pub(super) askers: Vec<u32>,
}

/// All deciders of an image, and what they let through.
pub(super) struct Deciders<'i> {
    tables: Tables<'i>,
    interval_starts: Vec<u32>,
    all: Vec<Decider>,
    ids: HashMap<Decider, u32, ahash::RandomState>,
    /// A subject of each decider.
    subjects: Vec<Party<'i>>,
    of_class: HashMap<(u32, Direction), u32, ahash::RandomState>,
    /// The ports of up to 64 segments, of which the bits say which: decider, first
    /// segment / 64, bits.
    masks: HashMap<(u32, u32, u64), u32, ahash::RandomState>,
}

impl<'i> Deciders<'i> {
    pub(super) fn new(image: &'i Image<'i>) -> Deciders<'i> {
        let tables = Tables { image };
        Deciders {
            tables,
            interval_starts: tables.interval_starts(),
            all: Vec::new(),
            ids: HashMap::with_hasher(super::hasher()),
            subjects: Vec::new(),
            of_class: HashMap::with_hasher(super::hasher()),
            masks: HashMap::with_hasher(super::hasher()),
        }
    }

    /// The decider of a class of subjects, one of which is given.
    pub(super) fn of(&mut self, class: u32, direction: Direction, subject: Party<'i>) -> u32 {
        if let Some(decider) = self.of_class.get(&(class, direction)) {
            return *decider;
        }
        let rows = self.tables.rows(class, direction, &self.interval_starts);
        let (starts, source) = match rows {
            Some(rows) => {
                let (starts, rows) = rows.into_iter().unzip();
                (starts, Source::Rows(rows))
            }
            None => {
                let starts = rule_starts(self.tables.image, direction, subject);
                (starts, Source::Rules { class })
            }
        };
        let decider = Decider {
            direction,
            starts,
            source,
        };
        let next = self.all.len() as u32;
        let id = *self.ids.entry(decider.clone()).or_insert(next);
        if id == next {
            self.all.push(decider);
            self.subjects.push(subject);
        }
        self.of_class.insert((class, direction), id);
        id
    }

    /// The direction of each decider.
    pub(super) fn directions(&self) -> impl Iterator<Item = Direction> {
        self.all.iter().map(|decider| decider.direction)
    }

    /// The distinct questions that deciders put to peers, until now.
    pub(super) fn questions(&self) -> Vec<Question> {
        let mut rows: HashMap<(u32, Direction), usize, _> = HashMap::with_hasher(super::hasher());
        let mut questions: Vec<Question> = Vec::new();
        for (id, decider) in (0..).zip(&self.all) {
            let direction = decider.direction;
            for segment in 0..decider.starts.len() {
                let next = questions.len();
                let at = match &decider.source {
                    Source::Rows(of_segment) => match of_segment.get(segment) {
                        Some(row) => *rows.entry((*row, direction)).or_insert(next),
                        None => continue,
                    },
                    Source::Rules { .. } => next,
                };
                if at == next {
                    questions.push(Question {
                        direction,
                        segment: segment as u32,
                        askers: Vec::new(),
                    });
                }
                if let Some(question) = questions.get_mut(at)
                    && question.askers.last() != Some(&id)
                {
                    question.askers.push(id);
                }
            }
        }
        questions
    }

    /// Whether a decider lets a peer through on a segment.
    pub(super) fn allows(&self, decider: u32, segment: u32, peer: &PeerAt<'i>) -> bool {
        let Some(Decider { source, .. }) = self.all.get(decider as usize) else {
            return false;
        };
        if let (Source::Rows(rows), Some(class)) = (source, peer.class) {
            let row = rows.get(segment as usize);
            return row.is_some_and(|row| self.tables.bit(*row, class));
        }
        let subject = self.subjects.get(decider as usize);
        subject.is_some_and(|subject| self.interpret(decider, segment, *subject, peer))
    }

    fn interpret(&self, decider: u32, segment: u32, subject: Party<'i>, peer: &PeerAt<'i>) -> bool {
        self.all.get(decider as usize).is_some_and(|decider| {
            let key = decider.starts.get(segment as usize).copied().unwrap_or(0);
            self.judge(decider.direction, subject, peer, key)
        })
    }

    /// The verdict of the rules.
    fn judge(&self, direction: Direction, subject: Party<'i>, peer: &PeerAt<'i>, key: u32) -> bool {
        // One pod speaks for all of its place, and may so stand on both sides.
        let case = Case {
            peer: peer.party,
            key: PortKey(key),
            ..Case::of_subject(self.tables.image, direction, subject)
        };
        case.decide(&mut Assumed::default()).is_allowed()
    }

    /// On which ports the rules let a peer through to a subject that is more than its
    /// class, so that the segments of its decider need not be its own.
    pub(super) fn ports_by_rules(
        &self,
        sets: &mut PortSets,
        direction: Direction,
        subject: Party<'i>,
        peer: &PeerAt<'i>,
    ) -> u32 {
        let starts = rule_starts(self.tables.image, direction, subject);
        let ends = starts.iter().skip(1).copied().chain([PortKey::END]);
        let segments = starts.iter().copied().zip(ends);
        let kept = segments.filter(|(first, _)| self.judge(direction, subject, peer, *first));
        sets.intern(PortSet::from_keys(
            kept.map(|(first, end)| (first, end - 1)),
        ))
    }

    /// On which ports a decider lets a peer through.
    pub(super) fn ports(&mut self, sets: &mut PortSets, decider: u32, peer: &PeerAt<'i>) -> u32 {
        let segments = self
            .all
            .get(decider as usize)
            .map_or(0, |decider| decider.starts.len() as u32);
        let mut ports = PortSets::EMPTY;
        for block in 0..segments.div_ceil(64) {
            let first = block * 64;
            let mut mask = 0_u64;
            for segment in first..segments.min(first + 64) {
                mask |= u64::from(self.allows(decider, segment, peer)) << (segment - first);
            }
            let of_block = match self.masks.get(&(decider, block, mask)) {
                Some(id) => *id,
                None => {
                    let id = sets.intern(self.ports_of_mask(decider, first, mask));
                    self.masks.insert((decider, block, mask), id);
                    id
                }
            };
            ports = sets.combine(Combine::Union, ports, of_block);
        }
        ports
    }

    fn ports_of_mask(&self, decider: u32, first: u32, mask: u64) -> PortSet {
        let starts = self
            .all
            .get(decider as usize)
            .map_or(&[][..], |decider| decider.starts.as_slice());
        let ends = starts.iter().skip(1).copied().chain([PortKey::END]);
        let segments = starts.iter().copied().zip(ends).skip(first as usize);
        let kept = segments.zip(0..64).filter(|(_, bit)| mask >> bit & 1 != 0);
        PortSet::from_keys(kept.map(|((first, end), _)| (first, end - 1)))
    }

    /// The class that is a node class's twin.
    pub(super) fn twin(&self, class: u32) -> u32 {
        let shape = &self.tables.image.decision.shape;
        if class.wrapping_sub(shape.node_first) < shape.node_count {
            class + shape.node_count
        } else {
            class
        }
    }
}

/// The port keys at which some rule for a subject begins or ends to match.
pub(crate) fn rule_starts<'i>(
    image: &'i Image<'i>,
    direction: Direction,
    subject: Party<'i>,
) -> Vec<u32> {
    let case = Case::of_subject(image, direction, subject);
    let mut starts = Vec::from([0]);
    for policy in subject.pod().into_iter().flat_map(|pod| case.policies(pod)) {
        let (first, len) = case.record(policy).rules(direction);
        for rule in image.cold.rules.range(first, len) {
            // Whatever any pod calls by a name.
            add_starts(image, &rule, || image.cold.named_ports.iter(), &mut starts);
        }
    }
    sorted_starts(starts)
}

/// Adds the port keys at which a rule begins or ends to match, where ports are called
/// as `named` says.
pub(crate) fn add_starts<N: Iterator<Item = NamedPortRecord>>(
    image: &Image<'_>,
    rule: &RuleRecord,
    named: impl Fn() -> N,
    starts: &mut Vec<u32>,
) {
    for port in rule_ports(image, rule) {
        if port.name == NONE {
            starts.extend([port.first, port.last + 1]);
            continue;
        }
        let named = named().filter(|named| named.name == port.name);
        starts.extend(named.flat_map(|named| {
            let key = key_of(named.protocol_port);
            [key, key + 1]
        }));
    }
}

/// Port keys, each once and in order.
pub(crate) fn sorted_starts(mut starts: Vec<u32>) -> Vec<u32> {
    starts.retain(|key| *key < PortKey::END);
    starts.sort_unstable();
    starts.dedup();
    starts
}

fn key_of(protocol_port: u32) -> u32 {
    let protocol = crate::Protocol((protocol_port >> 16) as u8);
    PortKey::new(protocol, protocol_port as u16).0
}
