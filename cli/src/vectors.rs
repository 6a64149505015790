//! `netpolicy vectors`: conformance vectors, as other implementations run them.
//!
//! A vector states manifests and probes, `[source, destination, protocol, port,
//! expect]`. A pod stands for each of its addresses, and the expectation holds for
//! every pair of addresses of one family.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use netpolicy::manifest::Loader;
use netpolicy::model::Options;
use netpolicy::{Diagnostic, Endpoint, Image, Protocol};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::output::{self, Format};
use crate::words::{counted, was};
use crate::{Outcome, progress};

/// Run conformance vectors
///
/// A probe between two pods that share no family of addresses is no verdict: it is
/// counted apart.
///
/// Exit status: 0 all passed; 1 some failed; 2 a vector could not be read or run, or
/// one of its manifests had errors, or there was no vector.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Vector files, or folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,

    /// How to write the results
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// A vector.
#[derive(Deserialize)]
pub struct Vector {
    /// One line, unique in its folder.
    pub name: String,
    /// The objects.
    pub manifests: Vec<Value>,
    /// The questions, with the verdicts that must come out.
    pub probes: Vec<Probe>,
}

/// A question: source, destination, protocol, port, and the expected verdict.
#[derive(Debug, Clone, Deserialize)]
pub struct Probe(
    pub String,
    pub String,
    pub ProtocolName,
    pub Option<u16>,
    pub Expected,
);

/// A protocol by name or number.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ProtocolName {
    /// An IANA number.
    Number(u8),
    /// A name.
    Name(String),
}

/// The verdict of both ends together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// The connection may pass.
    Allow,
    /// It may not.
    Deny,
}

/// A verdict that came out otherwise, or not at all.
#[derive(Debug, Serialize)]
pub struct Mismatch {
    /// The file of the vector.
    pub file: String,
    /// Its name.
    pub vector: String,
    /// The probe.
    pub probe: String,
    /// What came out, and why.
    pub found: String,
}

/// What running some vectors came to. Every probe is one verdict.
#[derive(Debug, Default, Serialize)]
pub struct Results {
    /// The probes with the expected verdict.
    pub passed: usize,
    /// The probes with another, or none.
    pub failed: usize,
    /// The probes whose ends share no family of addresses, so that there is no
    /// connection to expect anything of.
    pub without_pair: usize,
    /// The vectors that could not be read or run.
    pub unreadable: usize,
    /// The failed ones.
    pub mismatches: Vec<Mismatch>,
}

/// Reads a vector, JSON or YAML.
///
/// # Errors
/// If the file cannot be read, or is no vector.
pub fn read(path: &Path) -> Result<Vector> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_json = text.trim_start().starts_with('{');
    let vector = if is_json {
        serde_json::from_str(&text).map_err(anyhow::Error::from)
    } else {
        // Elsewhere than in YAML 1.1, `y` and `no` are text.
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options(&text, options).map_err(|error| anyhow!("{error}"))
    };
    vector.with_context(|| format!("{} is no vector", path.display()))
}

/// The vector files of a path: itself, or what is in the folder and its folders.
///
/// # Errors
/// If a folder cannot be read.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.with_context(|| format!("cannot read {}", path.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if matches!(extension, Some("json" | "yaml" | "yml")) {
            found.push(path);
        }
    }
    Ok(found)
}

impl Vector {
    /// Runs every probe; `file` names the vector in mismatches. Returns what was
    /// wrong with the manifests, too.
    ///
    /// # Errors
    /// If the manifests cannot be compiled.
    pub fn run(&self, file: &str, results: &mut Results) -> Result<Vec<Diagnostic>> {
        let mut loader = Loader::default();
        for (index, manifest) in self.manifests.iter().enumerate() {
            loader.read_text(&format!("{file}#manifests[{index}]"), &manifest.to_string());
        }
        let loaded = loader.finish();
        let (image, _) = loaded.cluster.compile(&Options::default())?;
        let image = image.image();
        for probe in &self.probes {
            match probe.check(&image) {
                Ok(true) => results.passed += 1,
                Ok(false) => results.without_pair += 1,
                Err(found) => {
                    results.failed += 1;
                    results.mismatches.push(Mismatch {
                        file: file.to_owned(),
                        vector: self.name.clone(),
                        probe: probe.to_string(),
                        found,
                    });
                }
            }
        }
        Ok(loaded.diagnostics)
    }
}

impl Results {
    /// Tells why a vector cannot be read or run, and counts it.
    fn refuse(&mut self, error: &anyhow::Error) {
        eprintln!("error: {error:#}");
        self.unreadable += 1;
    }

    fn write(&self) -> Result<()> {
        if self.without_pair != 0 {
            output::line(&format!(
                "{} between pods without addresses of one family {} not counted",
                counted(self.without_pair, "probe"),
                was(self.without_pair),
            ))?;
        }
        if self.unreadable != 0 {
            output::line(&format!(
                "{} could not be read or run",
                counted(self.unreadable, "file")
            ))?;
        }
        output::line(&format!("{} passed, {} failed", self.passed, self.failed))
    }
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Probe(source, destination, protocol, port, expected) = self;
        let protocol = match protocol {
            ProtocolName::Number(number) => number.to_string(),
            ProtocolName::Name(name) => name.clone(),
        };
        write!(f, "{source} -> {destination} {protocol}")?;
        if let Some(port) = port {
            write!(f, " {port}")?;
        }
        write!(f, ", expected {expected:?}")
    }
}

impl Probe {
    /// Whether there was a verdict, and it was the expected one; what was found if
    /// it was not.
    fn check(&self, image: &Image<'_>) -> Result<bool, String> {
        let Probe(source, destination, protocol, port, expected) = self;
        let protocol = match protocol {
            ProtocolName::Number(number) => Protocol(*number),
            ProtocolName::Name(name) => name
                .parse()
                .map_err(|_| format!("unknown protocol {name:?}"))?,
        };
        if protocol.has_ports() && port.is_none() {
            return Err(format!("{protocol} needs a port"));
        }
        let source = endpoint(image, source)?;
        let destination = endpoint(image, destination)?;
        let mut has_pair = false;
        for pair in image.pairs(source, destination) {
            has_pair = true;
            let port = port.unwrap_or(0);
            let verdict = pair.verdict(protocol, port);
            if verdict.is_allowed() != (*expected == Expected::Allow) {
                return Err(format!("{:#}", pair.explain(protocol, port)));
            }
        }
        Ok(has_pair)
    }
}

fn endpoint<'i>(image: &'i Image<'i>, text: &str) -> Result<Endpoint<'i>, String> {
    if let Ok(address) = text.parse() {
        return Ok(Endpoint::Address(address));
    }
    let pod = text
        .split_once('/')
        .and_then(|(namespace, name)| image.pod(namespace, name));
    pod.map(Endpoint::Pod)
        .ok_or_else(|| format!("no pod {text:?}"))
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut files = Vec::new();
    let mut refused = 0;
    let mut results = Results::default();
    for path in &arguments.paths {
        match self::files(path) {
            Ok(found) => files.extend(found),
            Err(error) => results.refuse(&error),
        }
    }
    if files.is_empty() && results.unreadable == 0 {
        bail!("no vectors: a folder has none that end in .json, .yaml or .yml");
    }
    for (index, path) in files.iter().enumerate() {
        progress::say(&format!("vector {} of {}", index + 1, files.len()));
        let file = path.display().to_string();
        let before = results.mismatches.len();
        let diagnostics = read(path).and_then(|vector| {
            let run = vector.run(&file, &mut results);
            run.with_context(|| format!("{file} cannot be run"))
        });
        progress::clear();
        match diagnostics {
            Ok(diagnostics) => {
                crate::input::tell(&diagnostics);
                refused += crate::input::count(&diagnostics).0;
            }
            Err(error) => results.refuse(&error),
        }
        if arguments.output == Format::Text {
            for mismatch in results.mismatches.iter().skip(before) {
                let Mismatch {
                    file,
                    vector,
                    probe,
                    found,
                } = mismatch;
                output::line(&format!(
                    "{file}: {vector}: {probe}\n  {}",
                    found.replace('\n', "\n  ")
                ))?;
            }
        }
    }
    progress::clear();
    match arguments.output {
        Format::Json => output::json(&results)?,
        Format::Text => results.write()?,
    }
    Ok(match (results.failed, results.unreadable + refused) {
        (0, 0) => Outcome::Good,
        (_, 0) => Outcome::Bad,
        _ => Outcome::Unanswered,
    })
}
