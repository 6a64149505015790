//! `netpolicy test`.

mod file;
mod report;
mod yaml;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use netpolicy::Image;
use netpolicy::explain::Explanation;
use serde::Serialize;

use self::file::Assertion;
use crate::input::{Manifests, open_whole_image};
use crate::verdict::Answer;
use crate::{Outcome, words};

/// Check assertions about connections, as a test of policies
///
/// The file is YAML: a list of assertions, or a map with `tests:`. Each has `from` and
/// `to` (an address, namespace/name of a pod or workload, or namespace:key=value,… for
/// a pod that need not exist), `expect: allow` or `expect: deny`, and may have `port`
/// (a number, a range such as 8000-8999, or a list of them), `protocol` (TCP if none is
/// given) and `name`. Every pod of a workload and every port must be as expected.
///
/// Exit status: 0 all as expected, 1 some not, 2 the file could not be read.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

    /// An image made by `netpolicy compile`, instead of manifests
    #[arg(long, value_name = "FILE", conflicts_with_all = Manifests::ARGUMENTS)]
    image: Option<PathBuf>,

    /// The assertions
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// How to write the results
    #[arg(short, long, value_enum, default_value_t)]
    output: TestFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    /// Failures with their explanations, and a count
    #[default]
    Text,
    /// For programs
    Json,
    /// `JUnit`'s XML
    Junit,
    /// The Test Anything Protocol, version 14
    Tap,
}

/// An assertion, and what came of it.
#[derive(Serialize)]
struct Outcomes<'a> {
    name: String,
    file: &'a str,
    passed: bool,
    expect: &'static str,
    /// Why not; empty if it passed.
    failures: Vec<Failure<'a>>,
    /// An end that there is none of, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A connection that is not as expected.
#[derive(Serialize)]
struct Failure<'a> {
    explanation: Explanation<'a>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut suites = Vec::new();
    for file in &arguments.files {
        suites.push((file.display().to_string(), file::read(file)?));
    }
    let image = match &arguments.image {
        Some(path) => open_whole_image(path)?,
        None => arguments.manifests.compile()?,
    };
    let image = image.image();
    let mut results = Vec::new();
    for (file, assertions) in &suites {
        for assertion in assertions {
            results.push(check(&image, file, assertion));
        }
    }
    match arguments.output {
        TestFormat::Text => report::text(&results)?,
        TestFormat::Json => crate::output::json(&results)?,
        TestFormat::Junit => report::junit(&results)?,
        TestFormat::Tap => report::tap(&results)?,
    }
    Ok(if results.iter().all(|result| result.passed) {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

fn check<'a>(image: &'a Image<'a>, file: &'a str, assertion: &'a Assertion) -> Outcomes<'a> {
    let mut failures: Vec<Failure<'a>> = Vec::new();
    let mut error = None;
    for (protocol, port) in assertion.questions() {
        match Answer::new(image, &assertion.from, &assertion.to, protocol, port) {
            Ok(answer) => {
                let wrong = answer.explanations.into_iter().filter(|explanation| {
                    explanation.verdict().is_allowed() != assertion.expects_allow
                });
                // Of a range of ports that fail alike, the first tells enough.
                for explanation in wrong {
                    let is_new = failures
                        .iter()
                        .all(|known| reasons(&known.explanation) != reasons(&explanation));
                    if is_new {
                        failures.push(Failure { explanation });
                    }
                }
            }
            Err(problem) => {
                error = Some(format!("{problem:#}"));
                break;
            }
        }
    }
    Outcomes {
        name: assertion.name.clone(),
        file,
        passed: failures.is_empty() && error.is_none(),
        expect: words::verdict(assertion.expects_allow),
        failures,
        error,
    }
}

fn reasons<'a>(explanation: &Explanation<'a>) -> [netpolicy::explain::Reason<'a>; 2] {
    explanation
        .directions()
        .map(netpolicy::explain::DirectionExplanation::reason)
}
