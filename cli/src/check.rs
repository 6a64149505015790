//! `netpolicy check`.

use anyhow::Result;
use netpolicy::Diagnostic;
use serde::Serialize;

use crate::input::{Manifests, count};
use crate::output::{self, Format};
use crate::{Outcome, progress};

/// Load everything, and print every error and warning
///
/// Exit status: 0 no errors, 1 errors (or warnings, with --strict), 2 nothing could
/// be checked.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

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
    let mut diagnostics = loaded.diagnostics;
    diagnostics.extend(netpolicy::check::check(&image.image()));
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
            let skipped: usize = loaded.skipped.values().sum();
            output::line(&format!(
                "{} objects, {errors} errors, {warnings} warnings; {skipped} objects of other kinds skipped",
                loaded.objects
            ))?;
            if loaded.cluster.pods().is_empty() {
                output::line(
                    "no pods or workloads were given, so what selectors select was not checked",
                )?;
            }
        }
    }
    let is_good = errors == 0 && !(arguments.strict && warnings != 0);
    Ok(if is_good { Outcome::Good } else { Outcome::Bad })
}
