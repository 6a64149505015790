//! Reasons as columns of few words.
//!
//! An explanation costs far more than a verdict. But connections of one kind are
//! decided alike ([`Image::kind`]), and there are few kinds: each is explained once.

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

/// The reason of a row: for each column, a key in its dictionary, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReasonKeys([Option<i32>; COLUMNS.len()]);

impl ReasonKeys {
    pub(super) const NONE: ReasonKeys = ReasonKeys([None; COLUMNS.len()]);
}

/// What one thread knows already.
pub(super) type Memory = AHashMap<ConnectionKind, ReasonKeys>;

/// All reasons that have been met.
pub(super) struct Reasons {
    denied_only: bool,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    kinds: AHashMap<ConnectionKind, ReasonKeys>,
    names: [Names; COLUMNS.len()],
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

impl Reasons {
    pub(super) fn new(denied_only: bool) -> Reasons {
        Reasons {
            denied_only,
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A thread that panicked while it held the lock has left whole entries behind.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
            return self.known().explain(image, connection);
        };
        *memory.entry(kind).or_insert_with(|| {
            let mut known = self.known();
            if let Some(keys) = known.kinds.get(&kind) {
                return *keys;
            }
            let keys = known.explain(image, connection);
            known.kinds.insert(kind, keys);
            keys
        })
    }

    /// The columns of some rows.
    pub(super) fn columns(&self, rows: &[ReasonKeys]) -> Result<Vec<ArrayRef>, ArrowError> {
        let known = self.known();
        let columns = known.names.iter().enumerate().map(|(column, names)| {
            let keys = rows.iter().map(|ReasonKeys(keys)| keys[column]);
            let names = StringArray::from_iter_values(&names.all);
            let array = DictionaryArray::<Int32Type>::try_new(keys.collect::<Int32Array>(), Arc::new(names))?;
            Ok(Arc::new(array) as ArrayRef)
        });
        columns.collect()
    }
}

impl Known {
    fn explain(&mut self, image: &Image<'_>, connection: &Connection) -> ReasonKeys {
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
        for ((key, names), word) in keys.0.iter_mut().zip(&mut self.names).zip(words) {
            *key = word.map(|word| names.key(word));
        }
        keys
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
            Some(isolating.map(|it| policy(&it)).collect::<Vec<_>>().join(", "))
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
