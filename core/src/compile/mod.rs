//! The compiler: facts in, image out, in memory that the caller lends.
//!
//! ```text
//! facts ─► order ─► claims ─► nodes            who is there, and where
//!            │
//!            ├─► projection ─► atoms ─► matching   who answers which question
//!            ├─► regions                           where the rules cut the addresses
//!            ▼
//!          classes ─► intervals ─► gates       what is decided
//!            │
//!            └─► address_map ─► emit ─► image
//! ```
//!
//! Gates are made by `tiers`, which plays the rules by `members` (who a peer is) and
//! `port_cover` (who is allowed on a port). Each step is a file, reads what stands
//! before it, and keeps its results in the [`arena`].

mod address_map;
mod arena;
mod atoms;
mod claims;
mod classes;
mod emit;
mod facts;
mod gates;
mod groups;
mod growing;
mod hosts_v6;
mod intervals;
mod matching;
mod members;
mod nodes;
mod numbering;
mod order;
#[cfg(feature = "std")]
mod policy_patch;
mod pool;
mod port_cover;
mod projection;
mod regions;
#[cfg(feature = "std")]
mod remembered;
#[cfg(feature = "std")]
mod retained;
mod tiers;
mod tries;

#[cfg(feature = "std")]
pub(crate) use policy_patch::{AnyPolicy, PolicyName, PolicyPatch};
#[cfg(feature = "std")]
pub(crate) use retained::{PodTraits, Retained};

use core::fmt;

use address_map::{AddressMap, class_bits};
use arena::{Arena, OutOfMemory};
use atoms::Atoms;
use claims::Claims;
use classes::{Classes, Known};
use emit::{Parts, Plan};
use facts::Facts;
use gates::Gates;
use intervals::Intervals;
use matching::Matching;
use nodes::Nodes;
use order::Order;
use projection::Projection;
use regions::Regions;

use crate::model::{
    ClusterPolicy, DomainName, InvalidEntry, Namespace, NetworkPolicy, Node, Options, Pod,
};

/// Why a cluster could not be compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompileError {
    /// The working memory does not suffice. Everything that was taken in is lost
    /// with the compiler; begin again with more.
    OutOfMemory {
        /// The bytes to begin again with: what the step at hand needs, and at least half
        /// as much again as was lent. What later steps need is not known before.
        needed: usize,
    },
    /// The memory for the image does not suffice.
    OutputTooSmall {
        /// The length of the image.
        needed: usize,
        /// The length that was given.
        available: usize,
    },
    /// A policy or pod that its API would refuse. It was not taken in; the compiler
    /// can go on.
    Invalid(InvalidEntry),
    /// The input is beyond what the format can hold.
    TooLarge {
        /// What is.
        what: &'static str,
    },
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::OutOfMemory { needed } => {
                write!(f, "out of working memory: give at least {needed} bytes")
            }
            CompileError::OutputTooSmall { needed, available } => {
                write!(
                    f,
                    "the image has {needed} bytes, and there is room for {available}"
                )
            }
            CompileError::Invalid(entry) => entry.fmt(f),
            CompileError::TooLarge { what } => write!(f, "too large: {what}"),
        }
    }
}

impl core::error::Error for CompileError {}

impl From<InvalidEntry> for CompileError {
    fn from(entry: InvalidEntry) -> CompileError {
        CompileError::Invalid(entry)
    }
}

impl From<OutOfMemory> for CompileError {
    fn from(error: OutOfMemory) -> CompileError {
        CompileError::OutOfMemory {
            needed: error.needed,
        }
    }
}

/// What compiling came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "camelCase")
)]
#[non_exhaustive]
pub struct CompileReport {
    /// The length of the image in bytes.
    pub image_bytes: usize,
    /// The bytes of it that verdicts by addresses read; the rest is names and
    /// rules, for questions by name and explanations.
    pub verdict_bytes: usize,
    /// The most working memory in use at once, in bytes.
    pub working_bytes: usize,
    /// Pods, those that stand in for a workload's among them.
    pub pods: u32,
    /// Policies of all kinds.
    pub policies: u32,
    /// Namespaces, those that are only named among them.
    pub namespaces: u32,
    /// Classes of addresses that the policies can tell apart.
    pub classes: u32,
    /// Intervals of ports.
    pub intervals: u32,
    /// Ways in which a direction of some pods is decided.
    pub gates: u32,
    /// Those of them that did not fit the budget, or would take too many steps to
    /// compile, and are interpreted from their rules at each verdict. `Image::interpreted` tells of which pods they are, and
    /// what they cost.
    pub interpreted_gates: u32,
    /// Distinct rows of bits, a bit for each class.
    pub rows: u32,
    /// Distinct chunks of 64 bytes, which the rows share.
    pub chunks: u32,
}

/// Takes in facts and compiles them into an image, in memory that the caller lends.
///
/// ```
/// use netpolicy::{Compiler, Image, Protocol};
/// use netpolicy::model::{List, NetworkPolicy, Options, Pod};
///
/// let mut memory = vec![0; 1 << 20];
/// let mut compiler = Compiler::new(&mut memory, Options::default())?;
/// let address = ["10.0.0.1".parse().unwrap()];
/// compiler.pod(&Pod {
///     namespace: "web".into(),
///     name: "frontend".into(),
///     addresses: List::borrowed(&address),
///     ..Pod::default()
/// })?;
/// compiler.network_policy(&NetworkPolicy {
///     namespace: "web".into(),
///     name: "deny-all".into(),
///     ..NetworkPolicy::default()
/// })?;
/// let compiled = compiler.compile()?;
/// let mut out = vec![0; compiled.report().image_bytes];
/// let image = Image::open(compiled.write(&mut out)?).unwrap();
/// let outside = "192.0.2.1".parse().unwrap();
/// assert!(!image.verdict(outside, address[0], Protocol::TCP, 80).is_allowed());
/// # Ok::<(), netpolicy::CompileError>(())
/// ```
pub struct Compiler<'m> {
    arena: Arena<'m>,
    facts: Facts,
    options: Options,
}

impl<'m> Compiler<'m> {
    /// A compiler that knows nothing yet. `memory` may hold anything.
    ///
    /// # Errors
    /// [`CompileError::OutOfMemory`].
    pub fn new(memory: &'m mut [u8], options: Options) -> Result<Compiler<'m>, CompileError> {
        let mut arena = Arena::new(memory);
        let facts = Facts::new(&mut arena)?;
        Ok(Compiler {
            arena,
            facts,
            options,
        })
    }

    /// Takes in a namespace.
    ///
    /// # Errors
    /// [`CompileError::OutOfMemory`].
    pub fn namespace(&mut self, namespace: &Namespace<'_>) -> Result<(), CompileError> {
        Ok(self.facts.take_namespace(&mut self.arena, namespace)?)
    }

    /// Takes in a node.
    ///
    /// # Errors
    /// [`CompileError::OutOfMemory`].
    pub fn node(&mut self, node: &Node<'_>) -> Result<(), CompileError> {
        Ok(self.facts.take_node(&mut self.arena, node)?)
    }

    /// Takes in a pod.
    ///
    /// # Errors
    /// [`CompileError::Invalid`], and the pod is left out;
    /// [`CompileError::OutOfMemory`].
    pub fn pod(&mut self, pod: &Pod<'_>) -> Result<(), CompileError> {
        pod.check()?;
        Ok(self.facts.take_pod(&mut self.arena, pod)?)
    }

    /// Limits the image to what an enforcer on a node needs: from now on only pods
    /// of nodes that were named here are subjects of policies, all others are peers.
    /// May be called for several nodes, before or behind their pods.
    ///
    /// Verdicts on traffic of these pods are the same, in the directions that are
    /// theirs; the other pods' own directions are allowed, for their nodes to judge.
    ///
    /// # Errors
    /// [`CompileError::OutOfMemory`].
    pub fn scope_to_node(&mut self, name: &str) -> Result<(), CompileError> {
        Ok(self.facts.scope_to_node(&mut self.arena, name)?)
    }

    /// Makes room for patches: costs some classes, where they are cheap.
    #[cfg(feature = "std")]
    pub(crate) fn prepare_for_patches(&mut self) {
        self.facts.is_to_be_patched = true;
    }

    /// Takes in a NetworkPolicy.
    ///
    /// # Errors
    /// [`CompileError::Invalid`], and the policy is left out;
    /// [`CompileError::OutOfMemory`].
    pub fn network_policy(&mut self, policy: &NetworkPolicy<'_>) -> Result<(), CompileError> {
        policy.check()?;
        Ok(self.facts.take_network_policy(&mut self.arena, policy)?)
    }

    /// Takes in a ClusterNetworkPolicy, AdminNetworkPolicy or
    /// BaselineAdminNetworkPolicy.
    ///
    /// # Errors
    /// [`CompileError::Invalid`], and the policy is left out;
    /// [`CompileError::OutOfMemory`].
    pub fn cluster_policy(&mut self, policy: &ClusterPolicy<'_>) -> Result<(), CompileError> {
        self.facts.take_cluster_policy(&mut self.arena, policy)
    }

    /// Takes in what a domain name resolves to. Of a name that is given twice, in
    /// whatever spelling, all addresses count.
    ///
    /// # Errors
    /// [`CompileError::OutOfMemory`].
    pub fn domain_name(&mut self, domain: &DomainName<'_>) -> Result<(), CompileError> {
        Ok(self.facts.take_domain(&mut self.arena, domain)?)
    }

    /// Compiles everything that was taken in. Of an object that was given twice
    /// (same kind, namespace and name) the last one counts.
    ///
    /// # Errors
    /// [`CompileError::OutOfMemory`], [`CompileError::TooLarge`].
    pub fn compile(self) -> Result<Compiled<'m>, CompileError> {
        let Compiler {
            mut arena,
            facts,
            options,
        } = self;
        let arena_mut = &mut arena;
        facts.apply_scope(arena_mut);
        let order = Order::new(arena_mut, &facts)?;
        let claims = Claims::new(arena_mut, &facts, &order)?;
        let nodes = Nodes::new(arena_mut, &facts, &order, &claims)?;
        let projection = Projection::new(arena_mut, &facts)?;
        let atoms = Atoms::new(arena_mut, &facts, &order, &projection)?;
        let matching = Matching::new(arena_mut, &facts, &order, &projection, &atoms)?;
        let regions = Regions::new(arena_mut, &facts, &atoms)?;
        let known = Known {
            options: &options,
            facts: &facts,
            order: &order,
            claims: &claims,
            projection: &projection,
            nodes: &nodes,
            atoms: &atoms,
            matching: &matching,
            regions: &regions,
        };
        let classes = Classes::new(arena_mut, known)?;
        let bits = class_bits(classes.all.len);
        if bits > 30 {
            return Err(CompileError::TooLarge {
                what: "more than 2^30 classes of addresses",
            });
        }
        let intervals = Intervals::new(arena_mut, &facts, &order, &atoms)?;
        let gates = Gates::new(arena_mut, known, &classes, &intervals)?;
        let addresses =
            AddressMap::new(arena_mut, known, &classes, bits)?.ok_or(CompileError::TooLarge {
                what: "the address tries, beyond 1 GiB",
            })?;
        let parts = Parts {
            known,
            classes: &classes,
            intervals: &intervals,
            gates: &gates,
            addresses: &addresses,
        };
        let plan = Plan::new(arena_mut, parts)?;
        let report = CompileReport {
            image_bytes: plan.len(),
            verdict_bytes: plan.decision_len(),
            working_bytes: arena.peak(),
            pods: order.pods.len,
            policies: order.policies.len,
            namespaces: order.namespaces.len,
            classes: classes.all.len,
            intervals: intervals.count,
            gates: gates.all.len(),
            interpreted_gates: gates.interpreted,
            rows: gates.rows.len(),
            chunks: gates.chunks.len(),
        };
        let parts = OwnedParts {
            options,
            facts,
            order,
            claims,
            nodes,
            projection,
            atoms,
            matching,
            regions,
            classes,
            intervals,
            gates,
            addresses,
        };
        Ok(Compiled {
            arena,
            parts,
            plan,
            report,
        })
    }
}

/// A compiled cluster, ready to be written as an image.
pub struct Compiled<'m> {
    arena: Arena<'m>,
    parts: OwnedParts,
    plan: Plan,
    report: CompileReport,
}

/// What the steps of compiling found.
pub(crate) struct OwnedParts {
    options: Options,
    facts: Facts,
    order: Order,
    claims: Claims,
    nodes: Nodes,
    projection: Projection,
    atoms: Atoms,
    matching: Matching,
    regions: Regions,
    classes: Classes,
    intervals: Intervals,
    gates: Gates,
    addresses: AddressMap,
}

/// What the steps in front of the classes found.
fn known(parts: &OwnedParts) -> Known<'_> {
    Known {
        options: &parts.options,
        facts: &parts.facts,
        order: &parts.order,
        claims: &parts.claims,
        projection: &parts.projection,
        nodes: &parts.nodes,
        atoms: &parts.atoms,
        matching: &parts.matching,
        regions: &parts.regions,
    }
}

/// What the steps found. It stays in the memory that was lent, of which the first so
/// many bytes are needed.
#[cfg(feature = "std")]
pub(crate) fn into_parts(compiled: Compiled<'_>) -> (OwnedParts, u32) {
    (compiled.parts, compiled.arena.front())
}

impl Compiled<'_> {
    /// What compiling came to; [`CompileReport::image_bytes`] is what
    /// [`Compiled::write`] needs.
    #[must_use]
    pub fn report(&self) -> &CompileReport {
        &self.report
    }

    /// Writes the image to the beginning of `out`, and returns the bytes of it.
    ///
    /// # Errors
    /// [`CompileError::OutputTooSmall`].
    pub fn write<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], CompileError> {
        let known = known(&self.parts);
        let OwnedParts {
            classes,
            intervals,
            gates,
            addresses,
            ..
        } = &self.parts;
        let parts = Parts {
            known,
            classes,
            intervals,
            gates,
            addresses,
        };
        let (needed, available) = (self.plan.len(), out.len());
        let image = out
            .get_mut(..needed)
            .ok_or(CompileError::OutputTooSmall { needed, available })?;
        self.plan.write(self.arena.view(), parts, image);
        Ok(image)
    }
}
