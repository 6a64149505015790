//! Records of runs, by machine and date: `record/MACHINE/DATE.jsonl`. The first line
//! says where, when and of what; each further line is a figure.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::figure::Figure;

/// Where and when a run was, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The processor's name and the number of cores.
    pub machine: String,
    /// When it began.
    pub date: Timestamp,
    /// The commit, with `+` if files were changed since.
    pub commit: String,
    /// The compiler.
    pub rustc: String,
    /// The command that repeats it.
    pub command: String,
    /// How many processes wanted to run when it began. Beside more than one, figures
    /// are not to be trusted.
    pub load: Option<f64>,
    /// What else to know, such as what was left out and why.
    pub notes: Vec<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where and when.
    pub header: Header,
    /// What was measured.
    pub figures: Vec<Figure>,
}

impl Header {
    /// Describes this machine and moment.
    #[must_use]
    pub fn now(command: String) -> Header {
        Header {
            machine: machine(),
            date: Timestamp::now(),
            commit: commit(),
            rustc: said(Command::new("rustc").arg("--version")).unwrap_or_default(),
            command,
            load: load(),
            notes: Vec::new(),
        }
    }
}

impl Record {
    /// Writes the record below `folder`, and tells where.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<PathBuf> {
        let date = self.header.date.strftime("%Y-%m-%dT%H%MZ");
        let folder = folder.join(slug(&self.header.machine));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(format!("{date}.jsonl"));
        let mut file =
            fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(file, "{}", serde_json::to_string(&self.header)?)?;
        for figure in &self.figures {
            writeln!(file, "{}", serde_json::to_string(figure)?)?;
        }
        Ok(path)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn load(path: &Path) -> Result<Record> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines = text.lines();
        let wrong = || format!("{} is no record", path.display());
        let header = serde_json::from_str(lines.next().unwrap_or("")).with_context(wrong)?;
        let figures = lines.map(serde_json::from_str).collect::<Result<_, _>>();
        Ok(Record {
            header,
            figures: figures.with_context(wrong)?,
        })
    }

    /// All records below `folder`, the latest last.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn load_all(folder: &Path) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for machine in fs::read_dir(folder).into_iter().flatten() {
            for file in fs::read_dir(machine?.path())? {
                records.push(Record::load(&file?.path())?);
            }
        }
        records.sort_by_key(|record| record.header.date);
        Ok(records)
    }

    /// The figure of that name.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

fn machine() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = information
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or(std::env::consts::ARCH, |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {cores} cores")
}

fn commit() -> String {
    let git = |arguments: &[&str]| said(Command::new("git").args(arguments));
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    match changed {
        Some(changed) if !changed.is_empty() => commit + "+",
        _ => commit,
    }
}

fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// What a program says, if it can be run.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A name for a folder: letters, digits and single hyphens.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders() {
        assert_eq!(
            slug("Intel(R) Xeon(R) Processor, 2 cores"),
            "intel-r-xeon-r-processor-2-cores"
        );
    }
}
