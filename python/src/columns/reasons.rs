//! Reasons as columns of few words.
//!
//! An explanation costs far more than a verdict. But connections of one kind are
//! decided alike ([`Image::kind`]), and there are few kinds: each thread explains each
//! once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::AHashMap;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_schema::ArrowError;
use netpolicy::explain::{DirectionExplanation, Explanation, PolicyRef, Reason};
use netpolicy::model::Tier;
use netpolicy::{Connection, ConnectionKind, Image, Verdict};

/// The names of the columns.
pub(super) const COLUMNS: [&str; 5] = ["direction", "tier", "reason", "policy", "rule"];

/// The reason of a row: for each column, a key in its dictionary, or [`NOTHING`].
#[derive(Debug, Clone, Copy)]
pub(super) struct ReasonKeys([i32; COLUMNS.len()]);

const NOTHING: i32 = -1;

impl ReasonKeys {
    pub(super) const NONE: ReasonKeys = ReasonKeys([NOTHING; COLUMNS.len()]);
}

/// What one thread knows already, from one morsel to the next.
#[derive(Default)]
pub(super) struct Memory(AHashMap<ConnectionKind, ReasonKeys>);

/// So many kinds are kept: about 50 MB.
const MOST_KINDS: usize = 1 << 20;

/// The reasons that have been met.
pub(super) struct Reasons {
    denied_only: bool,
    names: Mutex<[Names; COLUMNS.len()]>,
    /// Those that no thread uses.
    memories: Mutex<Vec<Memory>>,
}

/// The values of a dictionary.
#[derive(Default)]
struct Names {
    all: Vec<String>,
    keys: AHashMap<String, i32>,
}

impl Names {
    fn key(&mut self, name: String) -> i32 {
        if let Some(key) = self.keys.get(&name) {
            return *key;
        }
        let key = self.all.len() as i32;
        self.all.push(name.clone());
        self.keys.insert(name, key);
        key
    }
}

/// Locks. A thread that panicked while it held the lock has left whole entries behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reasons {
    pub(super) fn new(denied_only: bool) -> Reasons {
        Reasons {
            denied_only,
            names: Mutex::default(),
            memories: Mutex::default(),
        }
    }

    /// A memory for a thread, to be given back.
    pub(super) fn memory(&self) -> Memory {
        lock(&self.memories).pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, memory: Memory) {
        lock(&self.memories).push(memory);
    }

    /// The reason of a connection.
    pub(super) fn keys(
        &self,
        image: &Image<'_>,
        connection: &Connection,
        verdict: Verdict,
        memory: &mut Memory,
    ) -> ReasonKeys {
        if self.denied_only && verdict.is_allowed() {
            return ReasonKeys::NONE;
        }
        let Some(kind) = image.kind(connection) else {
            return self.explain(image, connection);
        };
        if let Some(keys) = memory.0.get(&kind) {
            return *keys;
        }
        if memory.0.len() == MOST_KINDS {
            memory.0.clear();
        }
        let keys = self.explain(image, connection);
        memory.0.insert(kind, keys);
        keys
    }

    fn explain(&self, image: &Image<'_>, connection: &Connection) -> ReasonKeys {
        let explanation = image.explain(connection);
        let direction = deciding(&explanation);
        let words = [
            Some(direction.direction().to_string()),
            direction.tier().map(|tier| tier.to_string()),
            Some(direction.reason().name().to_owned()),
            policies(direction),
            rule(direction),
        ];
        let mut keys = ReasonKeys::NONE;
        let mut names = lock(&self.names);
        for ((key, names), word) in keys.0.iter_mut().zip(names.iter_mut()).zip(words) {
            *key = word.map_or(NOTHING, |word| names.key(word));
        }
        keys
    }

    /// The columns of some rows.
    pub(super) fn columns(&self, rows: &[ReasonKeys]) -> Result<Vec<ArrayRef>, ArrowError> {
        let names = lock(&self.names);
        let columns = names.iter().enumerate().map(|(column, names)| {
            let keys = rows.iter().map(|ReasonKeys(keys)| {
                let key = keys[column];
                (key != NOTHING).then_some(key)
            });
            let names = StringArray::from_iter_values(&names.all);
            let keys = keys.collect::<Int32Array>();
            let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(names))?;
            Ok(Arc::new(array) as ArrayRef)
        });
        columns.collect()
    }
}

/// The direction that decides: of a denial the one that denies, egress first, as the
/// packet goes; of what may pass one in which a policy had a say, ingress first.
fn deciding<'e, 'i>(explanation: &'e Explanation<'i>) -> &'e DirectionExplanation<'i> {
    let [egress, ingress] = explanation.directions();
    let first_is_egress = if explanation.verdict().is_allowed() {
        ingress.tier().is_none() && egress.tier().is_some()
    } else {
        !egress.is_allowed()
    };
    if first_is_egress { egress } else { ingress }
}

/// The policy whose rule decides, or the policies that isolate the pod.
fn policies(direction: &DirectionExplanation<'_>) -> Option<String> {
    match direction.reason() {
        Reason::Rule(rule) => Some(policy(&rule.policy())),
        Reason::Isolated => {
            let isolating = direction
                .policies()
                .map(|consulted| consulted.policy)
                .filter(|policy| policy.tier() == Tier::NetworkPolicy);
            Some(
                isolating
                    .map(|it| policy(&it))
                    .collect::<Vec<_>>()
                    .join(", "),
            )
        }
        _ => None,
    }
}

fn policy(policy: &PolicyRef<'_>) -> String {
    match policy.namespace() {
        Some(namespace) => format!("{} {namespace}/{}", policy.kind(), policy.name()),
        None => format!("{} {}", policy.kind(), policy.name()),
    }
}

/// `ingress[0]`.
fn rule(direction: &DirectionExplanation<'_>) -> Option<String> {
    match direction.reason() {
        Reason::Rule(rule) => Some(format!("{}[{}]", rule.direction(), rule.index())),
        _ => None,
    }
}
