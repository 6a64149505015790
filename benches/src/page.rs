//! `RESULTS.md`: goals, charts and all figures of a record.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::charts;
use crate::figure::digits;
use crate::goals::GOALS;
use crate::record::Record;

/// Writes the page and its charts into `folder`, from the latest whole record below
/// `folder/record`, or the latest at all.
///
/// # Errors
/// Where there is no record, or something cannot be written.
pub fn write(folder: &Path) -> Result<()> {
    let records = Record::load_all(&folder.join("record"))?;
    let is_whole = |record: &&Record| !record.header.command.contains("--");
    let latest = records.iter().rev().find(is_whole).or(records.last());
    let record = latest.context("there is no record yet: run `cargo xtask bench`")?;
    let mut page = head(record);
    page += &goals(record);
    page += "## Charts\n\n";
    for chart in charts::draw(record, &folder.join("charts"))? {
        let _ = writeln!(page, "![{}](charts/{})\n", chart.title, chart.file);
    }
    page += &tables(record);
    let path = folder.join("RESULTS.md");
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn head(record: &Record) -> String {
    let header = &record.header;
    let load = header.load.map_or("unknown".to_owned(), digits);
    let mut text = format!(
        "# Results\n\n\
         Written by `cargo xtask bench` from the record of {}; what each figure means is in \
         [README.md](README.md).\n\n\
         | | |\n| --- | --- |\n\
         | machine | {} |\n| commit | {} |\n| compiler | {} |\n| command | `{}` |\n\
         | processes that wanted to run | {load} |\n\n",
        header.date.strftime("%Y-%m-%d %H:%M UTC"),
        header.machine,
        header.commit,
        header.rustc,
        header.command,
    );
    for note in &header.notes {
        let _ = writeln!(text, "Note: {note}\n");
    }
    text
}

fn goals(record: &Record) -> String {
    let mut text =
        "## Goals\n\n| what | goal | measured | |\n| --- | --- | --- | --- |\n".to_owned();
    for goal in &GOALS {
        let outcome = goal.judge(record);
        let mark = match outcome.is_reached {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {mark} |",
            goal.what, outcome.bound, outcome.measured
        );
    }
    text + "\n"
}

/// All figures, a table for each command that repeats them.
fn tables(record: &Record) -> String {
    let mut text = "## All figures\n\n".to_owned();
    let mut last = String::new();
    for figure in &record.figures {
        let command = command(&figure.name, &record.header.command);
        if command != last {
            let _ = write!(
                text,
                "\n`{command}`\n\n| figure | value | rival | rival's value | ratio |\n\
                 | --- | ---: | --- | ---: | ---: |\n"
            );
            last = command;
        }
        let rival_value = figure.rival_value.map_or(String::new(), digits);
        let ratio = figure.ratio.map_or(String::new(), digits);
        let _ = writeln!(
            text,
            "| {} | {} {} | {} | {rival_value} | {ratio} |",
            figure.name,
            digits(figure.value),
            figure.unit,
            figure.rival.as_deref().unwrap_or(""),
        );
    }
    text
}

/// The command that measures a figure again.
fn command(name: &str, whole: &str) -> String {
    const RUN: &str = "cargo run --release -p netpolicy-benches --";
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        ["adversarial", adversary, ..] => format!("{RUN} adversary {adversary}"),
        ["headline", ..] => format!("{RUN} world headline"),
        [pods, policies, addresses, families, ..]
            if pods.starts_with(|digit: char| digit.is_ascii_digit()) =>
        {
            format!("{RUN} world {pods}/{policies}/{addresses}/{families}")
        }
        _ => whole.to_owned(),
    }
}
