//! `netpolicy compile`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use netpolicy::{CompileReport, ImageBuf};
use serde::Serialize;

use crate::Outcome;
use crate::input::{Compiled, Sources};
use crate::output::{self, Format};
use crate::words::counted;

/// Compile manifests into an image
///
/// Exit status: 0 done; 1 done, but some objects had errors and were left out
/// (0 with --accept-errors); 2 not done, which includes files that could not be read
/// (without --accept-errors).
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Sources,

    /// Judge only the pods of this node, as an enforcer on it needs; may be repeated
    #[arg(long = "node", value_name = "NAME")]
    nodes: Vec<String>,

    /// Write no names and no rules: what is left gives verdicts by addresses, without
    /// reasons, and is a fraction of the size
    #[arg(long)]
    strip: bool,

    /// Where to write the image
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Compile what there is, and exit with 0, also where objects had errors or files could
    /// not be read
    #[arg(long)]
    accept_errors: bool,

    /// How to write the report
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'r> {
    #[serde(flatten)]
    report: &'r CompileReport,
    /// How much was written: less than `imageBytes` where the image was stripped.
    written_bytes: usize,
    /// Which subjects those are that are interpreted.
    interpreted: Vec<Interpreted>,
    errors: usize,
    skipped: &'r BTreeMap<String, usize>,
}

/// Pods whose verdicts in a direction are worked out from the rules.
#[derive(Serialize)]
struct Interpreted {
    direction: String,
    pods: usize,
    /// The first of them.
    first: String,
    policies: usize,
    rules: usize,
}

impl Interpreted {
    fn of(interpreted: &netpolicy::Interpreted<'_>) -> Interpreted {
        Interpreted {
            direction: interpreted.direction.to_string(),
            pods: interpreted.pods,
            first: interpreted.first.to_string(),
            policies: interpreted.policies,
            rules: interpreted.rules,
        }
    }
}

impl fmt::Display for Interpreted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interpreted {
            direction,
            pods,
            first,
            policies,
            rules,
        } = self;
        write!(f, "{direction} of {first}")?;
        if let more @ 1.. = pods - 1 {
            write!(f, " and {}", counted(more, "more pod"))?;
        }
        let rules = counted(*rules, "rule");
        let policies = counted(*policies, "policy");
        write!(f, ": up to {rules} of {policies} a verdict")
    }
}

/// How many of them text tells of.
const TOLD_INTERPRETED: usize = 10;

fn interpreted(image: &ImageBuf) -> Vec<Interpreted> {
    let image = image.image();
    image.interpreted().iter().map(Interpreted::of).collect()
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let Compiled {
        image,
        report,
        errors,
        unread,
        skipped,
    } = arguments.manifests.compile_for_nodes(&arguments.nodes)?;
    if unread != 0 && !arguments.accept_errors {
        bail!(
            "{} could not be read, so nothing was written to {}: correct the paths, or compile \
             the rest by --accept-errors",
            counted(unread, "file"),
            arguments.out.display()
        );
    }
    let stripped = if arguments.strip {
        Some(image.image().strip()?)
    } else {
        None
    };
    let written = stripped.as_deref().unwrap_or(image.as_bytes());
    fs::write(&arguments.out, written)
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    match arguments.output {
        Format::Json => output::json(&Report {
            report: &report,
            written_bytes: written.len(),
            interpreted: interpreted(&image),
            errors,
            skipped: &skipped,
        })?,
        Format::Text => {
            output::line(&format!(
                "{}: {} bytes, {} of them for verdicts; {}, {}, {}; {}, {}",
                arguments.out.display(),
                written.len(),
                report.verdict_bytes,
                counted(report.pods, "pod"),
                counted(report.policies, "policy"),
                counted(report.namespaces, "namespace"),
                counted(report.classes, "class"),
                counted(report.rows, "row"),
            ))?;
            if report.interpreted_gates != 0 {
                output::line(&format!(
                    "{} of {} interpreted: over the table budget or the limit of steps",
                    report.interpreted_gates,
                    counted(report.gates, "gate"),
                ))?;
                let interpreted = interpreted(&image);
                for subject in interpreted.iter().take(TOLD_INTERPRETED) {
                    output::line(&format!("  {subject}"))?;
                }
                if let more @ 1.. = interpreted.len().saturating_sub(TOLD_INTERPRETED) {
                    output::line(&format!("  and {more} more; --output json tells all"))?;
                }
            }
        }
    }
    Ok(if errors == 0 || arguments.accept_errors {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}
