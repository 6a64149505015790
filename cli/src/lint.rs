//! `netpolicy lint`.

mod sarif;

use anyhow::Result;
use clap::ValueEnum;
use netpolicy::lint::{Code, Finding, lint, with_places};
use netpolicy::{Diagnostic, Severity};
use serde::Serialize;

use crate::input::{Sources, tell};
use crate::words::counted;
use crate::{Outcome, output, progress};

/// Find what is valid, and yet probably not meant
///
/// Each finding has a stable code, the object and field, file and line, why it matters
/// and how to mend it. A finding is a fact about what was given; --explain-codes lists
/// the kinds.
///
/// Exit status: 0 no errors and no warnings among the findings (notes may be), 1 some, 2
/// something could not be read, so that there may be more. What reading the manifests
/// warns of is on standard error, and does not count.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Sources,

    /// Leave out findings of this kind, by code or name; may be repeated
    #[arg(long, value_name = "CODE")]
    ignore: Vec<String>,

    /// Count notes as warnings
    #[arg(long)]
    strict: bool,

    /// List the kinds of finding, and end
    #[arg(long)]
    explain_codes: bool,

    /// How to write the findings
    #[arg(short, long, value_enum, default_value_t)]
    output: LintFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum LintFormat {
    /// A few lines for each finding
    #[default]
    Text,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code review
    Sarif,
}

/// What was found, errors of the manifests included.
#[derive(Serialize)]
struct Found<'f> {
    errors: Vec<&'f Diagnostic>,
    findings: Vec<&'f Finding>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if arguments.explain_codes {
        for code in Code::ALL {
            output::line(&format!(
                "{} {}\n  {}\n  {}",
                code.code(),
                code.name(),
                code.why(),
                code.mend()
            ))?;
        }
        return Ok(Outcome::Good);
    }
    for ignored in &arguments.ignore {
        if !Code::ALL.iter().any(|code| is_called(*code, ignored)) {
            anyhow::bail!("no code {ignored}: --explain-codes lists them");
        }
    }
    let loaded = arguments.manifests.load()?;
    let of_reading = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Warning;
    tell(loaded.diagnostics.iter().filter(of_reading));
    progress::say("checking");
    let (image, _) = loaded.cluster.compile(&arguments.manifests.options())?;
    let findings = lint(&loaded.cluster, &image.image());
    let findings = with_places(findings, |diagnostic| loaded.locate(diagnostic));
    progress::clear();
    let is_asked = |finding: &&Finding| {
        let mut ignored = arguments.ignore.iter();
        !ignored.any(|ignored| is_called(finding.code, ignored))
    };
    let found = Found {
        errors: loaded
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .collect(),
        findings: findings.iter().filter(is_asked).collect(),
    };
    match arguments.output {
        LintFormat::Text => write_text(&found)?,
        LintFormat::Json => output::json(&found)?,
        LintFormat::Sarif => output::json(&sarif::log(&found))?,
    }
    let matters = |finding: &&Finding| arguments.strict || !finding.code.is_note();
    let is_good = found.errors.is_empty() && !found.findings.iter().any(matters);
    Ok(Outcome::of_check(&loaded, is_good))
}

fn is_called(code: Code, text: &str) -> bool {
    code.code().eq_ignore_ascii_case(text) || code.name() == text
}

fn write_text(found: &Found<'_>) -> Result<()> {
    for error in &found.errors {
        output::line(&error.to_string())?;
    }
    for finding in &found.findings {
        let Finding { code, diagnostic } = finding;
        let text = diagnostic.to_string();
        // The severity of a finding is its code's.
        let level = if code.is_note() { "note" } else { "warning" };
        let text = text.replacen("warning: ", &format!("{level} {}: ", code.code()), 1);
        output::line(&text)?;
        output::line(&format!("    why: {}", code.why()))?;
        output::line(&format!("    mend: {}", code.mend()))?;
    }
    let notes = found.findings.iter().filter(|found| found.code.is_note());
    let notes = notes.count();
    output::line(&format!(
        "{}, {}, {}",
        counted(found.errors.len(), "error"),
        counted(found.findings.len() - notes, "warning"),
        counted(notes, "note"),
    ))
}
