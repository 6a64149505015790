//! Results of assertions: text, `JUnit`, TAP.

use std::fmt::Write;

use anyhow::Result;

use super::Outcomes;
use crate::output;
use crate::words::counted;

pub(super) fn text(results: &[Outcomes<'_>]) -> Result<()> {
    for result in results.iter().filter(|result| !result.passed) {
        output::line(&format!(
            "FAILED {}: expected {}",
            on_one_line(&result.name),
            result.expect
        ))?;
        for line in details(result).lines() {
            output::line(&format!("  {line}"))?;
        }
    }
    let failed = results.iter().filter(|result| !result.passed).count();
    output::line(&format!(
        "{}, {} passed, {failed} failed",
        counted(results.len(), "assertion"),
        results.len() - failed
    ))
}

/// What went wrong, with the whole chain of tiers.
fn details(result: &Outcomes<'_>) -> String {
    let mut text = String::new();
    for failure in &result.failures {
        let _ = writeln!(text, "{:#}", failure.explanation);
    }
    if let Some(error) = &result.error {
        let _ = writeln!(text, "{error}");
    }
    text
}

/// The first line of what went wrong.
fn message(result: &Outcomes<'_>) -> String {
    match (result.failures.first(), &result.error) {
        (Some(failure), _) => {
            format!("expected {}: {}", result.expect, failure.explanation)
        }
        (None, Some(error)) => error.clone(),
        (None, None) => String::new(),
    }
}

pub(super) fn junit(results: &[Outcomes<'_>]) -> Result<()> {
    let failed = |error: bool| {
        let failed = results.iter().filter(|result| !result.passed);
        failed
            .filter(|result| result.error.is_some() == error)
            .count()
    };
    output::line("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    output::line(&format!(
        "<testsuite name=\"netpolicy\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        results.len(),
        failed(false),
        failed(true),
    ))?;
    for result in results {
        let (name, file) = (escaped(&result.name), escaped(result.file));
        let case = format!("  <testcase classname=\"{file}\" name=\"{name}\"");
        if result.passed {
            output::line(&format!("{case}/>"))?;
            continue;
        }
        let element = if result.error.is_some() {
            "error"
        } else {
            "failure"
        };
        output::line(&format!("{case}>"))?;
        output::line(&format!(
            "    <{element} message=\"{}\">{}</{element}>",
            escaped(&message(result)),
            escaped(&details(result)),
        ))?;
        output::line("  </testcase>")?;
    }
    output::line("</testsuite>")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(printable(c)),
        }
    }
    escaped
}

/// The character, or a space for what XML and YAML have no way to write as it is, and
/// what a terminal would obey.
fn printable(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\u{fffe}' | '\u{ffff}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    }
}

/// A text on one line.
fn on_one_line(text: &str) -> String {
    let is_break = |c| matches!(c, '\n' | '\u{2028}' | '\u{2029}');
    text.chars()
        .map(|c| if is_break(c) { ' ' } else { printable(c) })
        .collect()
}

pub(super) fn tap(results: &[Outcomes<'_>]) -> Result<()> {
    output::line("TAP version 14")?;
    output::line(&format!("1..{}", results.len()))?;
    for (number, result) in (1..).zip(results) {
        // A number sign would begin a directive.
        let name = on_one_line(&result.name);
        let name = name.replace('\\', "\\\\").replace('#', "\\#");
        if result.passed {
            output::line(&format!("ok {number} - {name}"))?;
            continue;
        }
        output::line(&format!("not ok {number} - {name}"))?;
        output::line("  ---")?;
        output::line("  message: |")?;
        output::line(&format!("    {}", on_one_line(&message(result))))?;
        output::line("  details: |")?;
        for line in details(result).lines() {
            output::line(&format!("    {}", on_one_line(line)))?;
        }
        output::line("  ...")?;
    }
    Ok(())
}
