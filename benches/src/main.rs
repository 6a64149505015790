//! Measures, prints what was measured, and keeps it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use netpolicy_benches::builds::{self, Build};
use netpolicy_benches::criterion;
use netpolicy_benches::figure::{Figures, Format};
use netpolicy_benches::kube::Kube;
use netpolicy_benches::page;
use netpolicy_benches::record::{Header, Record};
use netpolicy_benches::suite::{self, Suite};
use netpolicy_benches::world::{Adversary, Spec, World, manifests};

/// How fast netpolicy is, beside its rivals and beside the floor
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure everything, and keep a record
    Run(Run),
    /// Measure one world
    World(OneWorld),
    /// Measure little, to compare builds for different processors
    Build(Output),
    /// Measure one of the clusters that are hard to compile
    Adversary(OneAdversary),
    /// Write RESULTS.md and its charts from the latest record
    Page {
        /// The folder of this package
        folder: PathBuf,
    },
    /// Write a world's manifests, as one List in JSON
    Manifests {
        /// headline, crowded/POLICIES or PODS/POLICIES/ADDRESSES/FAMILIES, such as
        /// 100k/10k/dense/both
        world: Spec,
        /// Where to
        out: PathBuf,
    },
}

#[derive(clap::Args)]
struct Output {
    /// text, or json: one object a line
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(clap::Args)]
struct Run {
    #[command(flatten)]
    output: Output,
    /// Less of everything: under five minutes on two cores that do nothing else
    #[arg(long)]
    quick: bool,
    /// Next to nothing, to see that all works
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// The program of rivals/, built
    #[arg(long)]
    kube_network_policies: Option<PathBuf>,
    /// This program, built for a processor: PROCESSOR=PROGRAM
    #[arg(long = "build")]
    builds: Vec<Build>,
    /// The folder where criterion keeps its estimates
    #[arg(long)]
    criterion: Option<PathBuf>,
    /// What whoever reads the record should know, such as what is left out and why
    #[arg(long = "note")]
    notes: Vec<String>,
    /// The folder of records; without it, none is kept
    #[arg(long)]
    record: Option<PathBuf>,
}

#[derive(clap::Args)]
struct OneWorld {
    #[command(flatten)]
    output: Output,
    /// headline, crowded/POLICIES or PODS/POLICIES/ADDRESSES/FAMILIES, such as
    /// 100k/10k/dense/both
    world: Spec,
    /// Less time for each figure
    #[arg(long)]
    quick: bool,
}

#[derive(clap::Args)]
struct OneAdversary {
    #[command(flatten)]
    output: Output,
    /// Which
    adversary: Adversary,
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Run(arguments) => run(&arguments),
        Task::World(arguments) => {
            let suite = if arguments.quick {
                Suite::QUICK
            } else {
                Suite::ALL
            };
            suite.world(arguments.world, &mut Figures::new(arguments.output.output))
        }
        Task::Adversary(arguments) => Suite::ALL.adversary(
            arguments.adversary,
            &mut Figures::new(arguments.output.output),
        ),
        Task::Page { folder } => page::write(&folder),
        Task::Build(output) => suite::build(&mut Figures::new(output.output)),
        Task::Manifests { world, out } => {
            let file =
                File::create(&out).with_context(|| format!("cannot write {}", out.display()))?;
            let mut file = BufWriter::new(file);
            manifests::write(&World::new(world).cluster, &mut file)?;
            file.flush().context("cannot write the manifests")
        }
    }
}

fn run(arguments: &Run) -> Result<()> {
    let (suite, headline, option) = match arguments {
        Run { smoke: true, .. } => (Suite::SMOKE, "1k/100/dense/both".parse()?, " --smoke"),
        Run { quick: true, .. } => (Suite::QUICK, Spec::HEADLINE, " --quick"),
        _ => (Suite::ALL, Spec::HEADLINE, ""),
    };
    let header = Header {
        notes: arguments.notes.clone(),
        ..Header::now(format!("cargo xtask bench{option}"))
    };
    let mut figures = Figures::new(arguments.output.output);
    suite.world(headline, &mut figures)?;
    if !arguments.smoke {
        suite.scaling(&mut figures)?;
    }
    if let Some(program) = &arguments.kube_network_policies {
        suite.kube(&Kube::new(program.clone()), &mut figures)?;
    }
    suite.adversaries(&mut figures)?;
    builds::measure(&arguments.builds, &mut figures)?;
    if let Some(folder) = &arguments.criterion {
        criterion::estimates(folder, &mut figures)?;
    }
    if let Some(folder) = &arguments.record {
        let record = Record {
            header,
            figures: figures.all().to_vec(),
        };
        eprintln!("kept as {}", record.save(folder)?.display());
    }
    Ok(())
}
