//! `netpolicy simulate`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use anyhow::{Result, bail};
use netpolicy::explain::{Explanation, Reason, RuleRef};
use netpolicy::manifest::Owners;
use netpolicy::model::Direction;
use netpolicy::{ConnectionKind, Image, Protocol};
use serde::Serialize;

use crate::flows::{EndId, Flow, FlowFile, Flows, Seen};
use crate::input::{Manifests, tell};
use crate::list::table;
use crate::observed::{Fate, Observed, add_policies, without_policies};
use crate::output::{self, Format};
use crate::words::{counted, was};
use crate::{Outcome, progress};

/// See what becomes of observed flows under the present policies, and under others
///
/// With --candidate, its policies stand in for those of -f; with --with, they are added
/// to them. Flows are CSV, JSON lines or Parquet with source, destination, protocol,
/// port (and count), `hubble observe -o json`, `conntrack -L`, or VPC flow log records.
///
/// Records that cannot be read are passed over with a warning.
///
/// Exit status: 0 nothing is newly denied (or, without a candidate, nothing is denied),
/// 1 something is, 2 it could not be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    flows: FlowFile,

    /// Policies in place of those of -f; may be repeated
    #[arg(long, value_name = "PATH")]
    candidate: Vec<PathBuf>,

    /// Policies besides those of -f; may be repeated
    #[arg(long, value_name = "PATH", conflicts_with = "candidate")]
    with: Vec<PathBuf>,

    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What becomes of the flows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Simulation<'i> {
    flows: u64,
    distinct: usize,
    /// Flows that did not pass where they were recorded.
    observed_denied: u64,
    /// Flows with an end that is neither an address nor a pod that is known.
    unknown: u64,
    /// What those ends are called.
    unknown_ends: Vec<String>,
    /// Flows whose ends have no addresses of one family: there is no such connection.
    without_addresses: u64,
    /// Records that open no connection.
    skipped_records: u64,
    unreadable_records: u64,
    present: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<Totals>,
    newly_denied: Vec<Changed<'i>>,
    newly_allowed: Vec<Changed<'i>>,
    pairs: Vec<Pair>,
    rules: Vec<Used>,
    unused_rules: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Totals {
    allowed: u64,
    denied: u64,
    /// Flows of workloads some of whose pods may connect, and others not.
    differs: u64,
}

/// Flows between two workloads that become another verdict.
#[derive(Serialize)]
struct Changed<'i> {
    source: String,
    destination: String,
    protocol: String,
    port: Option<u16>,
    flows: u64,
    /// Of one of them, under the candidate.
    explanation: Option<Explanation<'i>>,
}

/// Flows between two workloads.
#[derive(Serialize)]
struct Pair {
    source: String,
    destination: String,
    present: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<Totals>,
}

/// A rule that decides flows.
#[derive(Serialize)]
struct Used {
    rule: String,
    flows: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let manifests = &arguments.manifests;
    let options = manifests.options();
    let loaded = manifests.load()?;
    tell(&loaded.diagnostics);
    if loaded.cluster.pods().is_empty() {
        eprintln!(
            "note: no pods or workloads were given, so no end of a flow is one, and policies \
             allow everything: give the manifests of the cluster with -f"
        );
    }
    let (present, _) = loaded.cluster.compile(&options)?;
    let others = [arguments.candidate.as_slice(), arguments.with.as_slice()].concat();
    let candidate = if others.is_empty() {
        None
    } else {
        let policies = manifests.load_paths(&others, Owners::Root)?;
        tell(&policies.diagnostics);
        let errors = policies.errors().count();
        if errors != 0 {
            bail!(
                "{} in the candidate: mend them first",
                counted(errors, "error")
            );
        }
        let mut cluster = without_policies(&loaded.cluster);
        if arguments.candidate.is_empty() {
            add_policies(&mut cluster, &loaded.cluster)?;
        }
        add_policies(&mut cluster, &policies.cluster)?;
        Some(cluster.compile(&options)?.0)
    };
    let flows = arguments.flows.read()?;
    progress::say("simulating");
    let present = present.image();
    let candidate = candidate.as_ref().map(|candidate| candidate.image());
    let simulation = simulate(&flows, &present, candidate.as_ref());
    progress::clear();
    match arguments.output {
        Format::Json => output::json(&simulation)?,
        Format::Text => {
            output::write(&text(&simulation))?;
            if let Some(left_out) = flows.left_out() {
                output::line(&format!("\n{left_out}"))?;
            }
        }
    }
    let Totals {
        allowed,
        denied,
        differs,
    } = simulation.present;
    if allowed == 0 && denied == 0 && differs == 0 {
        return Ok(Outcome::Unanswered);
    }
    let is_bad = match simulation.candidate {
        Some(_) => !simulation.newly_denied.is_empty(),
        None => simulation.present.denied != 0 || simulation.present.differs != 0,
    };
    Ok(if is_bad { Outcome::Bad } else { Outcome::Good })
}

fn simulate<'i>(
    flows: &Flows,
    present: &'i Image<'i>,
    candidate: Option<&'i Image<'i>>,
) -> Simulation<'i> {
    let before = Observed::new(present, flows);
    let after = candidate.map(|image| Observed::new(image, flows));
    let labels = Labels::new(flows, &before);
    // Rules count in the image that is to come.
    let rules = Rules::new(candidate.unwrap_or(present));
    let judged = Judged {
        before: &before,
        after: after.as_ref(),
        labels: &labels,
        rules: &rules,
    };
    let tally = judged.tally_of(&flows.all);
    let explained = |(key, (count, flow)): (&ChangedKey, &(u64, Flow))| Changed {
        source: labels.name(key.1),
        destination: labels.name(key.2),
        protocol: key.3.to_string(),
        port: key.3.has_ports().then_some(key.4),
        flows: *count,
        explanation: judged.last().explain(flow),
    };
    let of = |allowed: bool| {
        let changed = tally.changed.iter();
        changed.filter(move |(key, _)| key.0 == allowed)
    };
    let (used, unused) = rules.told(&tally.rules);
    let ends = (0..).map(EndId).zip(&flows.ends);
    let unknown_ends = ends.filter(|(id, _)| before.end(*id).is_none());
    let mut unknown_ends: Vec<String> = unknown_ends.map(|(_, end)| end.to_string()).collect();
    unknown_ends.sort_unstable();
    let mut pairs: Vec<_> = tally.pairs.iter().collect();
    pairs.sort_unstable_by_key(|(pair, _)| **pair);
    Simulation {
        flows: flows
            .all
            .iter()
            .fold(0, |sum, flow| sum.saturating_add(flow.count)),
        distinct: flows.all.len(),
        observed_denied: flows.count(Seen::Denied),
        unknown: tally.unknown,
        unknown_ends,
        without_addresses: tally.without_addresses,
        skipped_records: flows.skipped,
        unreadable_records: flows.unreadable,
        present: tally.totals[0],
        candidate: candidate.map(|_| tally.totals[1]),
        newly_denied: of(false).map(explained).collect(),
        newly_allowed: of(true).map(explained).collect(),
        pairs: pairs
            .iter()
            .map(|((source, destination), [present, of_candidate])| Pair {
                source: labels.name(*source),
                destination: labels.name(*destination),
                present: *present,
                candidate: candidate.map(|_| *of_candidate),
            })
            .collect(),
        rules: used,
        unused_rules: unused,
    }
}

/// Whether flows become allowed, the labels of their ends, protocol and port.
type ChangedKey = (bool, u32, u32, Protocol, u16);

/// What flows are judged by.
struct Judged<'a, 'i> {
    before: &'a Observed<'i>,
    after: Option<&'a Observed<'i>>,
    labels: &'a Labels<'a>,
    rules: &'a Rules<'i>,
}

/// What becomes of some flows.
#[derive(Default)]
struct Tally {
    /// Under the present policies, and under the candidate.
    totals: [Totals; 2],
    unknown: u64,
    without_addresses: u64,
    pairs: HashMap<(u32, u32), [Totals; 2], ahash::RandomState>,
    /// How many change, and one of them.
    changed: BTreeMap<ChangedKey, (u64, Flow)>,
    /// How many each rule decides.
    rules: HashMap<usize, u64, ahash::RandomState>,
}

impl Tally {
    fn take_in(&mut self, other: Tally) {
        let add_both = |own: &mut [Totals; 2], other: [Totals; 2]| {
            own.iter_mut()
                .zip(other)
                .for_each(|(own, other)| own.take_in(other));
        };
        add_both(&mut self.totals, other.totals);
        add(&mut self.unknown, other.unknown);
        add(&mut self.without_addresses, other.without_addresses);
        for (pair, totals) in other.pairs {
            add_both(self.pairs.entry(pair).or_default(), totals);
        }
        for (key, (count, flow)) in other.changed {
            add(&mut self.changed.entry(key).or_insert((0, flow)).0, count);
        }
        for (rule, count) in other.rules {
            add(self.rules.entry(rule).or_default(), count);
        }
    }
}

impl<'i> Judged<'_, 'i> {
    /// The image that is to come.
    fn last(&self) -> &Observed<'i> {
        self.after.unwrap_or(self.before)
    }

    /// What becomes of flows, worked out by all processors.
    fn tally_of(&self, flows: &[Flow]) -> Tally {
        // Fewer are not worth a thread.
        const AT_LEAST: usize = 1 << 14;
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let shares = flows.chunks(flows.len().div_ceil(workers).max(AT_LEAST));
        let mut tallies = thread::scope(|scope| {
            let threads: Vec<_> = shares
                .map(|share| scope.spawn(|| self.tally_of_share(share)))
                .collect();
            let tallies = threads.into_iter();
            tallies
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect::<Vec<_>>()
        })
        .into_iter();
        let mut all = tallies.next().unwrap_or_default();
        tallies.for_each(|tally| all.take_in(tally));
        all
    }

    fn tally_of_share(&self, flows: &[Flow]) -> Tally {
        let mut tally = Tally::default();
        let mut kinds = Kinds::default();
        for flow in flows {
            let Some(was) = self.before.fate(flow) else {
                let left_out = match self.before.ends(flow) {
                    None => &mut tally.unknown,
                    Some(_) => &mut tally.without_addresses,
                };
                add(left_out, flow.count);
                continue;
            };
            let pair = (
                self.labels.id(flow.source),
                self.labels.id(flow.destination),
            );
            let counts = tally.pairs.entry(pair).or_default();
            tally.totals[0].add(was, flow.count);
            counts[0].add(was, flow.count);
            let after = self.after;
            if let Some((after, is)) = after.and_then(|after| Some((after, after.fate(flow)?))) {
                tally.totals[1].add(is, flow.count);
                counts[1].add(is, flow.count);
                let one_by_one = || [self.before.one_by_one(flow), after.one_by_one(flow)];
                for is_allowed in newly(was, is, one_by_one) {
                    let key = (is_allowed, pair.0, pair.1, flow.protocol, flow.port);
                    let (count, _) = tally.changed.entry(key).or_insert((0, *flow));
                    add(count, flow.count);
                }
            }
            let rules = self.rules.of(self.last(), flow, &mut kinds);
            for rule in rules.into_iter().flatten() {
                add(tally.rules.entry(rule).or_default(), flow.count);
            }
        }
        tally
    }
}

impl Totals {
    fn take_in(&mut self, other: Totals) {
        add(&mut self.allowed, other.allowed);
        add(&mut self.denied, other.denied);
        add(&mut self.differs, other.differs);
    }

    fn add(&mut self, fate: Fate, count: u64) {
        add(
            match fate {
                Fate::Allowed => &mut self.allowed,
                Fate::Denied => &mut self.denied,
                Fate::Differs => &mut self.differs,
            },
            count,
        );
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} allowed, {} denied", self.allowed, self.denied)?;
        if self.differs != 0 {
            write!(f, ", {} different from pod to pod", self.differs)?;
        }
        Ok(())
    }
}

/// Counts come from files, and may be anything.
fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

/// In which ways a flow becomes another: newly denied (`false`), newly allowed (`true`).
/// What differs from pod to pod may be both; `one_by_one` tells, before and after.
fn newly(was: Fate, is: Fate, one_by_one: impl Fn() -> [Vec<bool>; 2]) -> Vec<bool> {
    match (was, is) {
        (Fate::Allowed, Fate::Allowed) | (Fate::Denied, Fate::Denied) => Vec::new(),
        (Fate::Allowed, _) | (Fate::Differs, Fate::Denied) => vec![false],
        (Fate::Denied, _) | (Fate::Differs, Fate::Allowed) => vec![true],
        (Fate::Differs, Fate::Differs) => {
            let [before, after] = one_by_one();
            let has = |change| before.iter().zip(&after).any(|pair| pair == change);
            let ways = [(false, (&true, &false)), (true, (&false, &true))];
            let ways = ways.into_iter().filter(|(_, change)| has(*change));
            ways.map(|(is_allowed, _)| is_allowed).collect()
        }
    }
}

/// The labels of ends by number, so that counting neither copies nor compares them.
/// Their order is that of the labels.
struct Labels<'a> {
    of_ends: Vec<u32>,
    all: Vec<&'a str>,
}

impl<'a> Labels<'a> {
    fn new(flows: &Flows, observed: &'a Observed<'_>) -> Labels<'a> {
        let ends = (0..flows.ends.len()).map(|id| observed.end(EndId(id as u32)));
        let of_ends: Vec<&str> = ends.map(|end| end.map_or("", |end| &end.label)).collect();
        let mut all = of_ends.clone();
        all.sort_unstable();
        all.dedup();
        let numbers: HashMap<&str, u32, ahash::RandomState> =
            all.iter().copied().zip(0..).collect();
        Labels {
            of_ends: of_ends.iter().map(|label| numbers[label]).collect(),
            all,
        }
    }

    fn id(&self, end: EndId) -> u32 {
        self.of_ends[end.0 as usize]
    }

    fn name(&self, id: u32) -> String {
        self.all[id as usize].to_owned()
    }
}

/// The rules that decide flows: egress and ingress.
type Deciding = [Option<usize>; 2];

/// Those of flows of one kind, worked out once.
type Kinds = HashMap<ConnectionKind, Deciding, ahash::RandomState>;

/// The rules of an image, numbered.
struct Rules<'i> {
    all: Vec<RuleRef<'i>>,
    index: HashMap<String, usize, ahash::RandomState>,
}

impl<'i> Rules<'i> {
    fn new(image: &'i Image<'i>) -> Rules<'i> {
        let policies = image.policies();
        let rules = policies.flat_map(|policy| {
            let governed = Direction::BOTH.into_iter();
            let governed = governed.filter(move |direction| policy.governs(*direction));
            governed.flat_map(move |direction| policy.rules(direction))
        });
        let all: Vec<_> = rules.collect();
        let index = all.iter().zip(0..).map(|(rule, at)| (rule.to_string(), at));
        let index = index.collect();
        Rules { all, index }
    }

    /// The rules that decide a flow.
    fn of(&self, observed: &Observed<'i>, flow: &Flow, kinds: &mut Kinds) -> Deciding {
        let kind = observed.kind(flow);
        if let Some(known) = kind.and_then(|kind| kinds.get(&kind)) {
            return *known;
        }
        let rules = observed.explain(flow).map_or([None; 2], |explanation| {
            explanation
                .directions()
                .map(|direction| match direction.reason() {
                    Reason::Rule(rule) => self.index.get(&rule.to_string()).copied(),
                    _ => None,
                })
        });
        if let Some(kind) = kind {
            kinds.insert(kind, rules);
        }
        rules
    }

    /// The rules that decided flows, and those that did not.
    fn told(&self, counts: &HashMap<usize, u64, ahash::RandomState>) -> (Vec<Used>, Vec<String>) {
        let (mut used, mut unused) = (Vec::new(), Vec::new());
        for (rule, at) in self.all.iter().zip(0..) {
            match counts.get(&at) {
                Some(flows) if *flows != 0 => used.push(Used {
                    rule: rule.to_string(),
                    flows: *flows,
                }),
                _ => unused.push(rule.to_string()),
            }
        }
        (used, unused)
    }
}

/// A few of the ends that are not known.
fn unknown_ends(ends: &[String]) -> String {
    const FEW: usize = 3;
    let more = match ends.len().saturating_sub(FEW) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let few: Vec<&str> = ends.iter().take(FEW).map(String::as_str).collect();
    format!("{}{more}", few.join(", "))
}

fn text(simulation: &Simulation<'_>) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let Simulation {
        flows,
        distinct,
        observed_denied,
        unknown,
        without_addresses,
        present,
        candidate,
        ..
    } = simulation;
    line(&format!(
        "{}, {distinct} of them distinct",
        counted(*flows, "flow")
    ));
    if *unknown != 0 {
        line(&format!(
            "{} {} left out: no pods or workloads of these names were given: {}",
            counted(*unknown, "flow"),
            was(*unknown),
            unknown_ends(&simulation.unknown_ends)
        ));
    }
    if *without_addresses != 0 {
        line(&format!(
            "{} {} left out: their ends have no addresses of one family",
            counted(*without_addresses, "flow"),
            was(*without_addresses)
        ));
    }
    if *observed_denied != 0 {
        line(&format!(
            "{} {} denied when observed",
            counted(*observed_denied, "flow"),
            was(*observed_denied)
        ));
    }
    line(&format!("present policies: {present}"));
    if let Some(totals) = candidate {
        line(&format!("candidate: {totals}"));
    }
    for (what, changes) in [
        ("newly denied", &simulation.newly_denied),
        ("newly allowed", &simulation.newly_allowed),
    ] {
        if candidate.is_none() {
            continue;
        }
        let count = changes
            .iter()
            .fold(0u64, |sum, change| sum.saturating_add(change.flows));
        line(&format!("\n{what}: {}", counted(count, "flow")));
        for change in changes {
            let port = change.port.map_or(String::new(), |port| format!(" {port}"));
            line(&format!(
                "  {} -> {} {}{port}: {}",
                change.source,
                change.destination,
                change.protocol,
                counted(change.flows, "flow")
            ));
            if let Some(explanation) = &change.explanation {
                line(&format!("    {explanation}"));
            }
        }
    }
    let lines: Vec<[String; 3]> = simulation
        .pairs
        .iter()
        .map(|pair| {
            let candidate = pair.candidate.as_ref();
            let candidate =
                candidate.map_or(String::new(), |totals| format!("; candidate {totals}"));
            [
                format!("  {}", pair.source),
                format!("-> {}", pair.destination),
                format!("{}{candidate}", pair.present),
            ]
        })
        .collect();
    let used = simulation.rules.iter();
    let used = used.map(|used| format!("  {}: {}", used.rule, counted(used.flows, "flow")));
    let unused = simulation.unused_rules.iter();
    let unused = unused.map(|rule| format!("  {rule}"));
    let sections = [
        ("pairs of workloads", table(&lines)),
        ("rules", used.collect()),
        ("rules that no flow used", unused.collect()),
    ];
    // A heading over nothing says nothing.
    for (heading, lines) in sections.iter().filter(|(_, lines)| !lines.is_empty()) {
        line(&format!("\n{heading}"));
        lines.iter().for_each(|text| line(text));
    }
    text
}
