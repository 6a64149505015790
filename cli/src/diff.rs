//! `netpolicy diff`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;
use netpolicy::explain::Explanation;
use netpolicy::model::{Direction, Options};
use netpolicy::reach::{AddressRange, Change, Difference, PortSet};
use netpolicy::{Image, ImageBuf, Protocol};
use serde::Serialize;

use crate::input::{Manifests, is_image, open_whole_image, tell};
use crate::list::{np_guard, ports_of};
use crate::words::counted;
use crate::{Outcome, output, progress};

/// Compare two sets of policies: exactly which connections are added and removed
///
/// A side is a folder or file of manifests, or an image. With -f, what stands there
/// counts on both sides, as the pods and namespaces of a cluster may. With --with or
/// --without, -f alone is one side, and -f with those files, or without, the other.
/// Each change comes with a connection that differs, and why on both sides. What
/// differs is told between pods that are given: there must be some.
///
/// Exit status: 0 no connection differs, which is then proved; 1 some do; 2 it could
/// not be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

    /// The first side: a folder, a file or an image
    #[arg(value_name = "BEFORE", requires = "after")]
    before: Option<PathBuf>,

    /// The second side
    #[arg(value_name = "AFTER")]
    after: Option<PathBuf>,

    /// Compare -f with -f and this; may be repeated
    #[arg(long, value_name = "PATH", conflicts_with = "before")]
    with: Vec<PathBuf>,

    /// Compare -f with -f without this, which is among it; may be repeated
    #[arg(long, value_name = "PATH", conflicts_with = "before")]
    without: Vec<PathBuf>,

    /// How to write the difference
    #[arg(short, long, value_enum, default_value_t)]
    output: DiffFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// For people, with witnesses
    #[default]
    Text,
    /// For programs
    Json,
    /// A line for each range of ports
    Csv,
    /// A table for a document
    Markdown,
    /// The lines of np-guard's netpol-analyzer: IPv4, without nodes, with ipBlocks that
    /// do not select pods, and pods by the owner that they state (the ReplicaSet); an
    /// image on a side has them by what runs that (the Deployment), so give manifests on
    /// both
    NpGuard,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut options = arguments.manifests.options();
    options.ip_block_selects_pods &= arguments.output != DiffFormat::NpGuard;
    let [before, after] = sides(arguments, &options)?;
    let (before, after) = (before.image(), after.image());
    if before.pods().len() == 0 && after.pods().len() == 0 {
        bail!(
            "no pods or workloads were given on either side, so nothing can be told of what \
             differs between them: give those of the cluster with -f"
        );
    }
    progress::say("comparing");
    let difference = Difference::between(&before, &after);
    progress::clear();
    match arguments.output {
        DiffFormat::Text => write_text(&difference, &before, &after)?,
        DiffFormat::Json => write_json(&difference, &before, &after)?,
        DiffFormat::Csv => write_csv(&difference)?,
        DiffFormat::Markdown => write_markdown(&difference)?,
        DiffFormat::NpGuard => write_np_guard(&difference, &before, &after)?,
    }
    Ok(if difference.is_empty() {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

fn sides(arguments: &Arguments, options: &Options) -> Result<[ImageBuf; 2]> {
    let Arguments {
        manifests,
        before,
        after,
        with,
        without,
        ..
    } = arguments;
    let given = &manifests.sources.paths;
    let compiled = |paths: &[PathBuf]| -> Result<ImageBuf> {
        let owners = np_guard::owners(arguments.output == DiffFormat::NpGuard);
        let loaded = manifests.load_paths(paths, owners)?;
        tell(&loaded.diagnostics);
        progress::say(&format!("compiling {}", counted(loaded.objects, "object")));
        let (image, _) = loaded.cluster.compile(options)?;
        progress::clear();
        Ok(image)
    };
    if let (Some(before), Some(after)) = (before, after) {
        let on_stdin = |path: &&PathBuf| path.as_path() == Path::new("-");
        if [before, after]
            .into_iter()
            .chain(given)
            .filter(on_stdin)
            .count()
            > 1
        {
            bail!("- is standard input, which can be read but once: name a file");
        }
        let side = |path: &Path| -> Result<ImageBuf> {
            if is_image(path) {
                return open_whole_image(path);
            }
            if !path.exists() && path != Path::new("-") {
                bail!("{}: no such file or folder", path.display());
            }
            let mut paths = given.clone();
            paths.push(path.to_path_buf());
            compiled(&paths)
        };
        return Ok([side(before)?, side(after)?]);
    }
    if with.is_empty() && without.is_empty() {
        bail!("nothing to compare with: name two sides, or -f PATH and --with or --without");
    }
    if given.iter().any(|path| path == Path::new("-")) {
        bail!("-f - would have to be read for each side: write it to a file");
    }
    let mut left = LeftOut {
        without,
        was_there: vec![false; without.len()],
        paths: Vec::new(),
    };
    for path in given {
        left.add(path)?;
    }
    let is_missing = |(path, was_there): (&PathBuf, bool)| (!was_there).then(|| path.clone());
    let mut missing = without.iter().zip(left.was_there).filter_map(is_missing);
    if let Some(path) = missing.next() {
        bail!(
            "--without {}: no such file among what -f gives",
            path.display()
        );
    }
    let mut paths = left.paths;
    paths.extend(with.iter().cloned());
    Ok([compiled(given)?, compiled(&paths)?])
}

/// The files of some paths, without some of them.
struct LeftOut<'w> {
    without: &'w [PathBuf],
    /// Which of them were come across.
    was_there: Vec<bool>,
    paths: Vec<PathBuf>,
}

impl LeftOut<'_> {
    fn add(&mut self, path: &Path) -> Result<()> {
        let found = path.canonicalize();
        let mut is_left_out = false;
        let mut is_above = false;
        for (other, was_there) in self.without.iter().zip(&mut self.was_there) {
            let (Ok(path), Ok(other)) = (&found, other.canonicalize()) else {
                continue;
            };
            if *path == other {
                is_left_out = true;
                *was_there = true;
            } else if other.starts_with(path) {
                is_above = true;
            }
        }
        if is_left_out {
            return Ok(());
        }
        if !is_above || !path.is_dir() {
            self.paths.push(path.to_path_buf());
            return Ok(());
        }
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        entries.sort();
        for entry in entries {
            // As in a folder that is read whole.
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            let extension = entry.extension().unwrap_or_default().to_ascii_lowercase();
            let is_manifest = ["yaml", "yml", "json"]
                .iter()
                .any(|known| extension == *known);
            let is_folder = entry.is_dir() && !entry.is_symlink();
            if !name.starts_with('.') && (is_folder || is_manifest && entry.is_file()) {
                self.add(&entry)?;
            }
        }
        Ok(())
    }
}

fn write_text(difference: &Difference, before: &Image<'_>, after: &Image<'_>) -> Result<()> {
    for (what, workloads) in [
        ("added", &difference.added_workloads),
        ("removed", &difference.removed_workloads),
    ] {
        for workload in workloads {
            output::line(&format!("{what} workload {workload}"))?;
        }
    }
    for change in &difference.changes {
        for (sign, ports) in [("+", &change.added), ("-", &change.removed)] {
            if !ports.is_empty() {
                let ports = ports_of(&change.destination, ports);
                output::line(&format!(
                    "{sign} {} -> {}: {ports}",
                    change.source, change.destination
                ))?;
            }
        }
        for (when, explanation) in ["before", "after"]
            .iter()
            .zip(change.explain(before, after))
        {
            output::line(&match explanation {
                Some(explanation) => format!("    {when}: {explanation}"),
                None => format!("    {when}: one of them is not there"),
            })?;
        }
    }
    output::line(&summary(difference))
}

fn summary(difference: &Difference) -> String {
    if difference.is_empty() {
        return "no connection differs".to_owned();
    }
    let count = |of: fn(&Change) -> &PortSet| {
        let changes = difference.changes.iter();
        changes.filter(|change| !of(change).is_empty()).count()
    };
    format!(
        "connections added between {} of ends, removed between {}",
        counted(count(|change| &change.added), "pair"),
        count(|change| &change.removed)
    )
}

#[derive(Serialize)]
struct JsonChange<'i> {
    #[serde(flatten)]
    change: &'i Change,
    witness: Witness<'i>,
}

#[derive(Serialize)]
struct Witness<'i> {
    protocol: String,
    port: Option<u16>,
    before: Option<Explanation<'i>>,
    after: Option<Explanation<'i>>,
}

fn write_json(difference: &Difference, before: &Image<'_>, after: &Image<'_>) -> Result<()> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Json<'i> {
        equal: bool,
        changes: Vec<JsonChange<'i>>,
        added_workloads: Vec<String>,
        removed_workloads: Vec<String>,
    }
    let changes = difference.changes.iter().map(|change| {
        let [in_before, in_after] = change.explain(before, after);
        let (protocol, port) = change.witness_port();
        JsonChange {
            change,
            witness: Witness {
                protocol: protocol.to_string(),
                port: protocol.has_ports().then_some(port),
                before: in_before,
                after: in_after,
            },
        }
    });
    let names = |workloads: &[netpolicy::reach::WorkloadName]| {
        workloads.iter().map(ToString::to_string).collect()
    };
    output::json(&Json {
        equal: difference.is_empty(),
        changes: changes.collect(),
        added_workloads: names(&difference.added_workloads),
        removed_workloads: names(&difference.removed_workloads),
    })
}

fn write_csv(difference: &Difference) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "change",
        "source",
        "destination",
        "protocol",
        "first_port",
        "last_port",
    ])?;
    for change in &difference.changes {
        for (what, ports) in [("added", &change.added), ("removed", &change.removed)] {
            for range in ports.ranges() {
                let protocol = range.protocol.as_ref().map(Protocol::to_string);
                let number = |port: u16| match range.protocol {
                    Some(_) => port.to_string(),
                    None => String::new(),
                };
                writer.write_record([
                    what.to_owned(),
                    change.source.to_string(),
                    change.destination.to_string(),
                    protocol.unwrap_or("other".to_owned()),
                    number(range.first),
                    number(range.last),
                ])?;
            }
        }
    }
    output::write(&String::from_utf8(writer.into_inner()?)?)
}

fn write_markdown(difference: &Difference) -> Result<()> {
    output::line("| source | destination | added | removed |")?;
    output::line("| --- | --- | --- | --- |")?;
    for change in &difference.changes {
        let ports = |ports: &PortSet| {
            if ports.is_empty() {
                String::new()
            } else {
                ports_of(&change.destination, ports)
            }
        };
        output::line(&format!(
            "| {} | {} | {} | {} |",
            change.source,
            change.destination,
            ports(&change.added),
            ports(&change.removed)
        ))?;
    }
    output::line(&format!("\n{}", summary(difference)))
}

/// The edges of both sides cut the ranges of each.
fn write_np_guard(difference: &Difference, before: &Image<'_>, after: &Image<'_>) -> Result<()> {
    let joint = |direction| -> Vec<AddressRange> {
        let (of_before, of_after) = (
            np_guard::ranges(before, direction),
            np_guard::ranges(after, direction),
        );
        let pieces = of_before.iter();
        pieces
            .flat_map(|a| of_after.iter().filter_map(|b| a.intersection(b)))
            .collect()
    };
    let (sources, destinations) = (joint(Direction::Ingress), joint(Direction::Egress));
    let mut lines = Vec::new();
    for change in &difference.changes {
        let Change {
            source,
            destination,
            ..
        } = change;
        if np_guard::is_within_one_workload(source, destination) {
            continue;
        }
        let ports = [&change.before, &change.after].map(np_guard::connections);
        let kind = match &ports {
            [before, after] if before == after => continue,
            [None, _] => "added",
            [_, None] => "removed",
            _ => "changed",
        };
        let ports = ports.map(|ports| ports.unwrap_or("No Connections".to_owned()));
        for source_name in np_guard::names(source, &sources) {
            for name in np_guard::names(destination, &destinations) {
                let info = workloads_info(change, &source_name, &name, kind);
                lines.push(format!(
                    "diff-type: {kind}, source: {source_name}, destination: {name}, \
                     ref1: {}, ref2: {}{info}\n",
                    ports[0], ports[1]
                ));
            }
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    lines.sort();
    output::write(&format!("Connectivity diff:\n{}", lines.concat()))
}

/// Which of the ends one side does not have at all.
fn workloads_info(change: &Change, source: &str, destination: &str, kind: &str) -> String {
    let is_missing = |has: [bool; 2]| has != [true, true];
    let names: Vec<String> = [
        (change.has_source, source),
        (change.has_destination, destination),
    ]
    .iter()
    .filter(|(has, _)| is_missing(*has))
    .map(|(_, name)| (*name).to_owned())
    .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        ", workloads-diff-info: workload {} {kind}",
        names.join(" and ")
    )
}
