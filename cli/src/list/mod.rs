//! `netpolicy list`.

mod filter;
mod graph;
pub(crate) mod np_guard;
mod table;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use netpolicy::model::Direction;
use netpolicy::reach::{
    Decision, POTENTIAL, Peer, PortName, PortSet, PotentialPorts, Reachability, Row,
    with_potential_pods,
};
use netpolicy::{Image, PodRef};
use serde::Serialize;

use self::filter::Filter;
use crate::Outcome;
use crate::input::{Manifests, open_whole_image, tell};
use crate::words::counted;
use crate::{output, progress};

pub(crate) use self::table::{ports_of, table};

/// List every allowed connection: source, destination, protocols and ports
///
/// The list is exact: what it does not name is denied. Ends are workloads, nodes and
/// ranges of external addresses. A pod with itself, which is always allowed, and what
/// no policy can govern are left out. Where rules ask for addresses that workloads do not
/// have, as their pods were not given, a note on standard error says so, and so it does
/// where pods are left out as other pods hold their addresses.
///
/// Exit status: 0 listed, 2 not.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

    /// An image made by `netpolicy compile`, instead of manifests
    #[arg(long, value_name = "FILE", conflicts_with_all = Manifests::ARGUMENTS)]
    image: Option<PathBuf>,

    #[command(flatten)]
    filter: Filter,

    /// Show what stays open to pods and namespaces that do not exist yet: for each
    /// peer that rules select by labels, and for pods without labels ("any other pod")
    ///
    /// Ports that rules call by name are shown by name, as such a pod may give it any
    /// number: `TCP grpc` is open by its name alone, `not TCP grpc` is closed where
    /// other numbers are open. In CSV the name stands for both ports, with `!` in front
    /// where it is closed; in JSON it is in `names`. --port leaves names out.
    #[arg(long, conflicts_with = "image")]
    exposure: bool,

    /// Show the rules that let each connection through
    #[arg(long)]
    explain: bool,

    /// How to write the list
    #[arg(short, long, value_enum, default_value_t)]
    output: ListFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// A table for people
    #[default]
    Text,
    /// For programs
    Json,
    /// A line for each range of ports
    Csv,
    /// A table for a document
    Markdown,
    /// A graph for Graphviz
    Dot,
    /// A picture: a matrix of who reaches whom
    Svg,
    /// The lines of np-guard's netpol-analyzer: IPv4, without nodes, with ipBlocks that
    /// do not select pods, and pods by the owner that they state (the ReplicaSet), which
    /// an image no longer knows
    NpGuard,
}

/// A row, as far as it was asked for.
struct Listed<'r> {
    source: &'r Peer,
    destination: &'r Peer,
    ports: PortSet,
    /// Ports of pods that do not exist yet, by name.
    names: Vec<PortName>,
    /// What they are called, where pods were made up.
    potential: Option<&'r PotentialPorts>,
    row: Row<'r>,
}

impl Listed<'_> {
    /// Ports and names, for people.
    fn ports(&self) -> String {
        let numbers = ports_of(self.destination, &self.ports);
        with_names(&numbers, &self.ports, &self.names)
    }
}

/// Ports by number, as told, and what stands out by its name.
fn with_names(numbers: &str, ports: &PortSet, names: &[PortName]) -> String {
    let numbers = (!ports.is_empty()).then(|| numbers.to_owned());
    let names = names.iter().map(ToString::to_string);
    let parts: Vec<String> = numbers.into_iter().chain(names).collect();
    parts.join("; ")
}

/// The ports of a row by number, and those that go by name.
fn ports_of_row(
    destination: &Peer,
    ports: &PortSet,
    potential: Option<&PotentialPorts>,
) -> (PortSet, Vec<PortName>) {
    match potential {
        Some(potential) if is_potential(destination) => potential.told_apart(ports),
        _ => (ports.clone(), Vec::new()),
    }
}

fn is_potential(peer: &Peer) -> bool {
    peer.workload()
        .is_some_and(|workload| workload.kind == POTENTIAL)
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut potential = None;
    let image = match &arguments.image {
        Some(path) => open_whole_image(path)?,
        None => {
            let mut options = arguments.manifests.options();
            options.ip_block_selects_pods &= arguments.output != ListFormat::NpGuard;
            let owners = np_guard::owners(arguments.output == ListFormat::NpGuard);
            let paths = &arguments.manifests.sources.paths;
            let mut loaded = arguments.manifests.load_paths(paths, owners)?;
            tell(&loaded.diagnostics);
            progress::say(&format!("compiling {}", counted(loaded.objects, "object")));
            if arguments.exposure {
                potential = Some(PotentialPorts::new(&loaded.cluster));
                loaded.cluster = with_potential_pods(&loaded.cluster);
            }
            loaded.cluster.compile(&options)?.0
        }
    };
    let image = image.image();
    note_what_is_missing(&image);
    note_lost_addresses(&image);
    let mut filter = arguments.filter.clone();
    filter.resolve(&image)?;
    progress::say("listing connections");
    let reach = Reachability::new(&image);
    progress::clear();
    let rows: Vec<Listed<'_>> = reach
        .rows()
        .filter_map(|row| filter.apply(row, potential.as_ref()))
        .filter(|row| !arguments.exposure || is_exposure(row))
        .collect();
    match arguments.output {
        ListFormat::Text => write_text(&image, &rows, arguments.explain)?,
        ListFormat::Json => write_json(&image, &rows, arguments.explain)?,
        ListFormat::Csv => table::write_csv(&image, &rows, arguments.explain)?,
        ListFormat::Markdown => table::write_markdown(&image, &rows, arguments.explain)?,
        ListFormat::Dot => output::write(&graph::dot(&rows))?,
        ListFormat::Svg => output::write(&graph::svg(&rows))?,
        ListFormat::NpGuard => output::write(&np_guard::lines(&image, &rows))?,
    }
    Ok(Outcome::Good)
}

/// Tells on standard error what makes a list empty, or less certain than it looks.
fn note_what_is_missing(image: &Image<'_>) {
    let is_there = |pod: &PodRef<'_>| pod.workload().is_none_or(|(kind, _)| kind != POTENTIAL);
    if !image.pods().any(|pod| is_there(&pod)) {
        eprintln!(
            "note: no pods or workloads were given, so there is nobody of whom connections \
             could be listed: give those of the cluster with -f"
        );
        return;
    }
    let is_without = |pod: &PodRef<'_>| pod.is_subject() && pod.addresses().next().is_none();
    let without = image.pods().filter(is_without).map(workload_of);
    let without: BTreeSet<String> = without.collect();
    let Some(first) = without.first().filter(|_| rules_ask_for_addresses(image)) else {
        return;
    };
    let others = match without.len() - 1 {
        0 => String::new(),
        more => format!(" and {}", counted(more, "other")),
    };
    eprintln!(
        "note: no address is known of {first}{others}: blocks of addresses in rules are taken \
         not to match there, so what only such a rule allows is not listed, and what only such \
         a rule denies is listed"
    );
}

/// Tells on standard error of pods that are left out where another pod holds the address.
fn note_lost_addresses(image: &Image<'_>) {
    let mut losers = image.pods().filter_map(|pod| {
        let (address, holder) = pod.lost_addresses().next()?;
        Some((pod, address, holder))
    });
    let Some((pod, address, holder)) = losers.next() else {
        return;
    };
    let others = match losers.count() {
        0 => String::new(),
        more => format!(" So it is with {}.", counted(more, "other pod")),
    };
    eprintln!(
        "note: {pod} is not listed at {address}: {holder} states that address as well, and is \
         taken to hold it.{others} Remove the pod that is gone, or correct its address"
    );
}

/// What a pod is listed as.
fn workload_of(pod: PodRef<'_>) -> String {
    let (namespace, kind) = (pod.namespace(), pod.workload());
    match kind {
        Some((POTENTIAL, _)) => "pods still to come".to_owned(),
        Some((kind, name)) if !kind.is_empty() => format!("{namespace}/{name}[{kind}]"),
        _ => format!("{pod}[Pod]"),
    }
}

/// Whether a policy that selects pods has a rule that matches the addresses of others.
fn rules_ask_for_addresses(image: &Image<'_>) -> bool {
    let mut selecting = image
        .policies()
        .filter(|policy| policy.selected_pods() != 0);
    selecting.any(|policy| {
        let mut rules = Direction::BOTH
            .into_iter()
            .flat_map(|direction| policy.rules(direction));
        rules.any(|rule| {
            rule.peers()
                .is_some_and(|mut peers| peers.any(|peer| peer.is_addresses()))
        })
    })
}

/// Whether one end of a row exists, and the other is still to come.
fn is_exposure(row: &Listed<'_>) -> bool {
    let workload = |peer: &Peer| peer.workload().map(|workload| workload.kind == POTENTIAL);
    let ends = (workload(row.source), workload(row.destination));
    matches!(ends, (Some(true), Some(false)) | (Some(false), Some(true)))
}

/// An end, as people call it.
fn name(peer: &Peer) -> String {
    match peer.workload() {
        Some(workload) if workload.kind == POTENTIAL => {
            format!("{} in {}", workload.name, workload.namespace)
        }
        _ => peer.to_string(),
    }
}

/// Why some ports of a row are open.
#[derive(Serialize)]
struct Why<'i> {
    #[serde(flatten)]
    decision: Decision<'i>,
    /// Of pods that do not exist yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<PortName>,
}

/// The distinct reasons of a row, a line each.
fn reasons(image: &Image<'_>, listed: &Listed<'_>) -> Vec<String> {
    let reasons = decisions(image, listed).into_iter().map(|why| {
        let Why { decision, names } = &why;
        let numbers = decision.ports.to_string();
        let all = with_names(&numbers, &decision.ports, names);
        // The text begins with the numbers.
        decision.to_string().replacen(&numbers, &all, 1)
    });
    reasons.collect()
}

fn decisions<'i>(image: &'i Image<'i>, listed: &Listed<'_>) -> Vec<Why<'i>> {
    let decisions = listed.row.decisions(image).into_iter();
    let decisions = decisions.map(|decision| {
        let (ports, names) = ports_of_row(listed.destination, &decision.ports, listed.potential);
        let names = names.into_iter();
        Why {
            names: names.filter(|_| !listed.names.is_empty()).collect(),
            decision: Decision {
                ports: ports.intersection(&listed.ports),
                ..decision
            },
        }
    });
    let is_something = |why: &Why<'_>| !why.decision.ports.is_empty() || !why.names.is_empty();
    decisions.filter(is_something).collect()
}

fn write_text(image: &Image<'_>, rows: &[Listed<'_>], explain: bool) -> Result<()> {
    let lines: Vec<[String; 3]> = rows
        .iter()
        .map(|row| {
            [
                name(row.source),
                format!("-> {}", name(row.destination)),
                row.ports(),
            ]
        })
        .collect();
    for (line, row) in table(&lines).iter().zip(rows) {
        output::line(line)?;
        if explain {
            for reason in reasons(image, row) {
                output::line(&format!("    {reason}"))?;
            }
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct JsonRow<'r> {
    source: &'r Peer,
    destination: &'r Peer,
    ports: &'r PortSet,
    /// Ports of pods that do not exist yet, by name.
    #[serde(skip_serializing_if = "<[PortName]>::is_empty")]
    names: &'r [PortName],
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<Vec<Why<'r>>>,
}

fn write_json(image: &Image<'_>, rows: &[Listed<'_>], explain: bool) -> Result<()> {
    let rows: Vec<JsonRow<'_>> = rows
        .iter()
        .map(|row| JsonRow {
            source: row.source,
            destination: row.destination,
            ports: &row.ports,
            names: &row.names,
            decisions: explain.then(|| decisions(image, row)),
        })
        .collect();
    output::json(&rows)
}
