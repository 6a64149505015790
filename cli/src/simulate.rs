//! `netpolicy simulate`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use netpolicy::explain::{Explanation, Reason, RuleRef};
use netpolicy::model::Direction;
use netpolicy::{ConnectionKind, Image, Protocol};
use serde::Serialize;

use crate::flows::{EndId, Flow, FlowFile, Flows, Seen};
use crate::input::{Manifests, tell};
use crate::list::table;
use crate::observed::{Fate, Observed, add_policies, without_policies};
use crate::output::{self, Format};
use crate::{Outcome, progress};

/// See what becomes of observed flows under the present policies, and under others
///
/// With --candidate, its policies stand in for those of -f; with --with, they are added
/// to them. Flows are CSV, JSON lines or Parquet with source, destination, protocol,
/// port (and count), `hubble observe -o json`, `conntrack -L`, or VPC flow log records.
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
    let (present, _) = loaded.cluster.compile(&options)?;
    let others = [arguments.candidate.as_slice(), arguments.with.as_slice()].concat();
    let candidate = if others.is_empty() {
        None
    } else {
        let policies = manifests.load_paths(&others)?;
        tell(&policies.diagnostics);
        let errors = policies.errors().count();
        if errors != 0 {
            bail!("{errors} errors in the candidate: mend them first");
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
    let mut totals = Totals::default();
    let mut candidate_totals = Totals::default();
    let mut unknown = 0;
    let mut pairs: HashMap<(u32, u32), [Totals; 2], ahash::RandomState> = HashMap::default();
    let labels = Labels::new(flows, &before);
    type ChangedKey = (bool, u32, u32, Protocol, u16);
    let mut changed: BTreeMap<ChangedKey, (u64, Flow)> = BTreeMap::new();
    // Rules count in the image that is to come.
    let judged = after.as_ref().unwrap_or(&before);
    let mut rules = Rules::new(candidate.unwrap_or(present));
    for flow in &flows.all {
        let Some(was) = before.fate(flow) else {
            add(&mut unknown, flow.count);
            continue;
        };
        let pair = (labels.id(flow.source), labels.id(flow.destination));
        let counts = pairs.entry(pair).or_default();
        totals.add(was, flow.count);
        counts[0].add(was, flow.count);
        let after = after.as_ref();
        if let Some((after, is)) = after.and_then(|after| Some((after, after.fate(flow)?))) {
            candidate_totals.add(is, flow.count);
            counts[1].add(is, flow.count);
            for is_allowed in newly(was, is, || {
                [before.one_by_one(flow), after.one_by_one(flow)]
            }) {
                let key = (is_allowed, pair.0, pair.1, flow.protocol, flow.port);
                let (count, _) = changed.entry(key).or_insert((0, *flow));
                add(count, flow.count);
            }
        }
        rules.count(judged, flow);
    }
    let explained = |(key, (count, flow)): (&ChangedKey, &(u64, Flow))| Changed {
        source: labels.name(key.1),
        destination: labels.name(key.2),
        protocol: key.3.to_string(),
        port: key.3.has_ports().then_some(key.4),
        flows: *count,
        explanation: judged.explain(flow),
    };
    let of = |allowed: bool| changed.iter().filter(move |(key, _)| key.0 == allowed);
    let (used, unused) = rules.finish();
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_unstable_by_key(|(pair, _)| *pair);
    Simulation {
        flows: flows
            .all
            .iter()
            .fold(0, |sum, flow| sum.saturating_add(flow.count)),
        distinct: flows.all.len(),
        observed_denied: flows.count(Seen::Denied),
        unknown,
        skipped_records: flows.skipped,
        unreadable_records: flows.unreadable,
        present: totals,
        candidate: after.as_ref().map(|_| candidate_totals),
        newly_denied: of(false).map(explained).collect(),
        newly_allowed: of(true).map(explained).collect(),
        pairs: pairs
            .iter()
            .map(|((source, destination), [present, candidate])| Pair {
                source: labels.name(*source),
                destination: labels.name(*destination),
                present: *present,
                candidate: after.as_ref().map(|_| *candidate),
            })
            .collect(),
        rules: used,
        unused_rules: unused,
    }
}

impl Totals {
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

/// How many flows each rule decides.
struct Rules<'i> {
    all: Vec<(RuleRef<'i>, u64)>,
    index: HashMap<String, usize, ahash::RandomState>,
    /// The rules of flows of one kind: egress and ingress.
    kinds: HashMap<ConnectionKind, [Option<usize>; 2], ahash::RandomState>,
}

impl<'i> Rules<'i> {
    fn new(image: &'i Image<'i>) -> Rules<'i> {
        let policies = image.policies();
        let rules = policies.flat_map(|policy| {
            let governed = Direction::BOTH.into_iter();
            let governed = governed.filter(move |direction| policy.governs(*direction));
            governed.flat_map(move |direction| policy.rules(direction))
        });
        let all: Vec<_> = rules.map(|rule| (rule, 0)).collect();
        let index = all
            .iter()
            .enumerate()
            .map(|(at, (rule, _))| (rule.to_string(), at))
            .collect();
        Rules {
            all,
            index,
            kinds: HashMap::default(),
        }
    }

    fn count(&mut self, observed: &Observed<'i>, flow: &Flow) {
        let kind = observed.kind(flow);
        let known = kind.and_then(|kind| self.kinds.get(&kind)).copied();
        let rules = known.unwrap_or_else(|| {
            let rules = observed.explain(flow).map_or([None; 2], |explanation| {
                explanation
                    .directions()
                    .map(|direction| match direction.reason() {
                        Reason::Rule(rule) => self.index.get(&rule.to_string()).copied(),
                        _ => None,
                    })
            });
            if let Some(kind) = kind {
                self.kinds.insert(kind, rules);
            }
            rules
        });
        for at in rules.into_iter().flatten() {
            if let Some((_, count)) = self.all.get_mut(at) {
                add(count, flow.count);
            }
        }
    }

    /// The rules that decided flows, and those that did not.
    fn finish(self) -> (Vec<Used>, Vec<String>) {
        let (used, unused): (Vec<_>, Vec<_>) =
            self.all.into_iter().partition(|(_, count)| *count != 0);
        let used = used.into_iter().map(|(rule, flows)| Used {
            rule: rule.to_string(),
            flows,
        });
        let unused = unused.into_iter().map(|(rule, _)| rule.to_string());
        (used.collect(), unused.collect())
    }
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
        present,
        candidate,
        ..
    } = simulation;
    line(&format!("{flows} flows, {distinct} of them distinct"));
    if *unknown != 0 {
        line(&format!(
            "{unknown} flows of pods that are not known were left out"
        ));
    }
    if *observed_denied != 0 {
        line(&format!(
            "{observed_denied} flows were denied when observed"
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
        line(&format!("\n{what}: {count} flows"));
        for change in changes {
            let port = change.port.map_or(String::new(), |port| format!(" {port}"));
            line(&format!(
                "  {} -> {} {}{port}: {} flows",
                change.source, change.destination, change.protocol, change.flows
            ));
            if let Some(explanation) = &change.explanation {
                line(&format!("    {explanation}"));
            }
        }
    }
    line("\npairs of workloads");
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
    table(&lines).iter().for_each(|row| line(row));
    line("\nrules");
    for used in &simulation.rules {
        line(&format!("  {}: {} flows", used.rule, used.flows));
    }
    line("\nrules that no flow used");
    for rule in &simulation.unused_rules {
        line(&format!("  {rule}"));
    }
    text
}
