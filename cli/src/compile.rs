//! `netpolicy compile`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use netpolicy::CompileReport;
use serde::Serialize;

use crate::Outcome;
use crate::input::{Compiled, Sources};
use crate::output::{self, Format};

/// Compile manifests into an image
///
/// Exit status: 0 done; 1 done, but some objects had errors and were left out
/// (0 with --accept-errors); 2 not done.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Sources,

    /// Judge only the pods of this node, as an enforcer on it needs; may be repeated
    #[arg(long = "node", value_name = "NAME")]
    nodes: Vec<String>,

    /// Where to write the image
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Exit with 0 also where objects had errors and were left out
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
    errors: usize,
    skipped: &'r BTreeMap<String, usize>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let Compiled {
        image,
        report,
        errors,
        skipped,
    } = arguments.manifests.compile_for_nodes(&arguments.nodes)?;
    fs::write(&arguments.out, image.as_bytes())
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    match arguments.output {
        Format::Json => output::json(&Report {
            report: &report,
            errors,
            skipped: &skipped,
        })?,
        Format::Text => {
            output::line(&format!(
                "{}: {} bytes, {} of them for verdicts; {} pods, {} policies, {} namespaces; {} classes, {} rows",
                arguments.out.display(),
                report.image_bytes,
                report.verdict_bytes,
                report.pods,
                report.policies,
                report.namespaces,
                report.classes,
                report.rows,
            ))?;
            if report.interpreted_gates != 0 {
                output::line(&format!(
                    "{} of {} subjects did not fit the table budget, and are interpreted",
                    report.interpreted_gates, report.gates
                ))?;
            }
        }
    }
    Ok(if errors == 0 || arguments.accept_errors {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}
