//! `netpolicy check`.

use anyhow::Result;
use netpolicy::Diagnostic;
use serde::Serialize;

use crate::input::{Sources, count};
use crate::output::{self, Format};
use crate::words::counted;
use crate::{Outcome, progress};

/// Load everything, and print every error and warning
///
/// Exit status: 0 no errors, 1 errors (or warnings, with --strict), 2 something could not
/// be read, so that there may be more.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Sources,

    /// Count warnings as errors
    #[arg(long)]
    strict: bool,

    /// How to write the findings
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct Findings<'f> {
    diagnostics: &'f [Diagnostic],
    objects: usize,
    skipped: &'f std::collections::BTreeMap<String, usize>,
    errors: usize,
    warnings: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let loaded = arguments.manifests.load()?;
    progress::say("checking");
    let (image, _) = loaded.cluster.compile(&arguments.manifests.options())?;
    let mut diagnostics = loaded.diagnostics.clone();
    let mut found = netpolicy::check::check(&image.image());
    for diagnostic in &mut found {
        loaded.locate(diagnostic);
    }
    diagnostics.extend(found);
    progress::clear();
    let (errors, warnings) = count(&diagnostics);
    match arguments.output {
        Format::Json => output::json(&Findings {
            diagnostics: &diagnostics,
            objects: loaded.objects,
            skipped: &loaded.skipped,
            errors,
            warnings,
        })?,
        Format::Text => {
            for diagnostic in &diagnostics {
                output::line(&diagnostic.to_string())?;
            }
            output::line(&format!(
                "{}, {}, {}",
                counted(loaded.objects, "object"),
                counted(errors, "error"),
                counted(warnings, "warning"),
            ))?;
            if !loaded.skipped.is_empty() {
                let kinds = loaded.skipped.iter();
                let kinds: Vec<_> = kinds
                    .map(|(kind, count)| format!("{count} {kind}"))
                    .collect();
                output::line(&format!("skipped, of other kinds: {}", kinds.join(", ")))?;
            }
            if loaded.cluster.pods().is_empty() {
                output::line(
                    "no pods or workloads were given, so what selectors select was not checked",
                )?;
            }
        }
    }
    let is_good = errors == 0 && !(arguments.strict && warnings != 0);
    Ok(Outcome::of_check(&loaded, is_good))
}
