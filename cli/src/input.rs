//! What is asked about: manifests (`-f`) or an image, and the options.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use netpolicy::manifest::{Loaded, Loader, Owners};
use netpolicy::model::{DomainName, IsolationScope, Options, OwnNode};
use netpolicy::{CompileReport, Diagnostic, Image, ImageBuf, Severity};

use crate::progress;
use crate::words::counted;

/// Manifests that must be whole for an answer, as one that leaves out what could not be
/// read may be another.
#[derive(Args)]
pub(crate) struct Manifests {
    #[command(flatten)]
    pub(crate) sources: Sources,

    /// Answer as if what could not be read had not been given: without this, there is
    /// no answer where manifests had errors
    #[arg(long)]
    accept_errors: bool,
}

impl Manifests {
    /// The names of the arguments, which an image that is given excludes.
    pub(crate) const ARGUMENTS: [&str; 8] = {
        let [a, b, c, d, e, f, g] = Sources::ARGUMENTS;
        [a, b, c, d, e, f, g, "accept_errors"]
    };

    /// The options of an image.
    pub(crate) fn options(&self) -> Options {
        self.sources.options()
    }

    /// Reads all manifests.
    ///
    /// # Errors
    /// If they had errors, which are told on standard error, unless these are accepted.
    pub(crate) fn load(&self) -> Result<Loaded> {
        self.load_paths(&self.sources.paths, Owners::Root)
    }

    /// Reads other manifests in the same way, and names workloads as is asked.
    pub(crate) fn load_paths(&self, paths: &[PathBuf], owners: Owners) -> Result<Loaded> {
        let loaded = self.sources.load_paths(paths, owners)?;
        let errors = loaded.errors().count();
        if errors != 0 && !self.accept_errors {
            tell(&loaded.diagnostics);
            bail!(
                "the manifests have {}: what they were to say would not be in the answer; mend \
                 them, or answer without it by --accept-errors",
                counted(errors, "error")
            );
        }
        Ok(loaded)
    }

    /// Reads all manifests, tells what is wrong with them on standard error, and
    /// compiles them.
    ///
    /// # Errors
    /// As [`Manifests::load`], or if they cannot be compiled.
    pub(crate) fn compile(&self) -> Result<ImageBuf> {
        let loaded = self.load()?;
        tell(&loaded.diagnostics);
        progress::say(&format!("compiling {}", counted(loaded.objects, "object")));
        let (image, _) = loaded.cluster.compile(&self.options())?;
        progress::clear();
        Ok(image)
    }
}

/// Manifests, whole or not, and what else there is to know.
#[derive(Args)]
pub(crate) struct Sources {
    /// A manifest, a folder of manifests, or - for standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// What a domain name resolves to; may be repeated, and all addresses of a name
    /// count
    #[arg(long = "domain", value_name = "NAME=ADDRESS[,ADDRESS…]", value_parser = domain)]
    domains: Vec<DomainName<'static>>,

    #[command(flatten)]
    choices: Choices,
}

/// The largest table budget in MiB: that of the largest image.
const MAX_TABLE_BUDGET: u64 = 4096;

/// The heading of [`Choices`] in the help. Each option names it by itself: a heading for
/// all that follow would be that of the command's own options as well.
const CHOICES: &str = "Choices that the APIs leave open";

/// The choices that the APIs leave open, and what they may cost.
#[derive(Args)]
struct Choices {
    /// What selection by a NetworkPolicy makes final
    #[arg(long, value_enum, help_heading = CHOICES, default_value_t = Isolation::PerDirection)]
    isolation: Isolation,

    /// Traffic to a pod from its own node, in the NetworkPolicy tier
    #[arg(long, value_enum, help_heading = CHOICES, default_value_t = OwnNodeChoice::Allow)]
    own_node_ingress: OwnNodeChoice,

    /// Traffic of a pod to its own node, in the NetworkPolicy tier
    #[arg(long, value_enum, help_heading = CHOICES, default_value_t = OwnNodeChoice::Evaluate)]
    own_node_egress: OwnNodeChoice,

    /// Whether an ipBlock matches the addresses of pods
    #[arg(long, value_enum, help_heading = CHOICES, default_value_t = Switch::Yes)]
    ip_block_selects_pods: Switch,

    /// How many MiB the decision tables may take; what does not fit is interpreted
    #[arg(
        long,
        value_name = "MIB",
        help_heading = CHOICES,
        default_value_t = (Options::DEFAULT_TABLE_BUDGET >> 20) as u64,
        value_parser = clap::value_parser!(u64).range(..=MAX_TABLE_BUDGET),
    )]
    table_budget: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Isolation {
    /// The directions in which some policy isolates the pod
    PerDirection,
    /// Both directions of a pod that is selected in either
    EitherDirection,
}

#[derive(Clone, Copy, ValueEnum)]
enum OwnNodeChoice {
    /// Always allowed
    Allow,
    /// Evaluated like any other
    Evaluate,
}

#[derive(Clone, Copy, ValueEnum)]
enum Switch {
    Yes,
    No,
}

fn domain(text: &str) -> Result<DomainName<'static>, String> {
    let (name, addresses) = text.split_once('=').ok_or("write NAME=ADDRESS")?;
    let address = |text: &str| {
        text.parse::<IpAddr>()
            .map_err(|_| format!("{text:?} is not an IP address"))
    };
    let addresses = addresses
        .split(',')
        .map(address)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(DomainName {
        name: name.to_owned().into(),
        addresses: addresses.into(),
    })
}

/// Each name once, with all its addresses.
fn united(domains: &[DomainName<'static>]) -> Vec<DomainName<'static>> {
    let mut addresses: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for domain in domains {
        let known = addresses.entry(domain.normal_name()).or_default();
        known.extend(domain.addresses.iter());
    }
    let domain = |(name, addresses): (String, Vec<IpAddr>)| DomainName {
        name: name.into(),
        addresses: addresses.into(),
    };
    addresses.into_iter().map(domain).collect()
}

impl Sources {
    /// The names of the arguments, which an image that is given excludes.
    pub(crate) const ARGUMENTS: [&str; 7] = [
        "paths",
        "domains",
        "isolation",
        "own_node_ingress",
        "own_node_egress",
        "ip_block_selects_pods",
        "table_budget",
    ];

    /// The options of an image.
    pub(crate) fn options(&self) -> Options {
        let own_node = |choice| match choice {
            OwnNodeChoice::Allow => OwnNode::Allowed,
            OwnNodeChoice::Evaluate => OwnNode::Evaluated,
        };
        let Choices {
            isolation,
            own_node_ingress,
            own_node_egress,
            ip_block_selects_pods,
            table_budget,
        } = self.choices;
        Options {
            isolation: match isolation {
                Isolation::PerDirection => IsolationScope::PerDirection,
                Isolation::EitherDirection => IsolationScope::EitherDirection,
            },
            own_node_ingress: own_node(own_node_ingress),
            own_node_egress: own_node(own_node_egress),
            ip_block_selects_pods: matches!(ip_block_selects_pods, Switch::Yes),
            table_budget: usize::try_from(table_budget << 20).unwrap_or(usize::MAX),
        }
    }

    /// Reads all manifests.
    pub(crate) fn load(&self) -> Result<Loaded> {
        self.load_paths(&self.paths, Owners::Root)
    }

    fn load_paths(&self, paths: &[PathBuf], owners: Owners) -> Result<Loaded> {
        if paths.is_empty() {
            bail!("no manifests: name some with -f PATH, or give them on standard input with -f -");
        }
        let mut loader = Loader::default();
        loader.owners(owners);
        for path in paths {
            progress::say(&format!("reading {}", path.display()));
            loader.read_path(path);
        }
        for domain in united(&self.domains) {
            loader.domain_name(domain);
        }
        progress::clear();
        Ok(loader.finish())
    }

    /// Reads all manifests, tells what is wrong with them on standard error, and
    /// compiles them.
    pub(crate) fn compile(&self) -> Result<Compiled> {
        self.compile_for_nodes(&[])
    }

    /// The same for the pods of some nodes, or without names for all.
    pub(crate) fn compile_for_nodes(&self, nodes: &[String]) -> Result<Compiled> {
        let loaded = self.load()?;
        tell(&loaded.diagnostics);
        let errors = loaded.errors().count();
        progress::say(&format!("compiling {}", counted(loaded.objects, "object")));
        let nodes: Vec<_> = nodes.iter().map(String::as_str).collect();
        let compiled = loaded.cluster.compile_for_nodes(&self.options(), &nodes);
        let (image, report) = compiled?;
        progress::clear();
        Ok(Compiled {
            image,
            report,
            errors,
            unread: loaded.unread,
            skipped: loaded.skipped,
        })
    }
}

/// Whether a file is an image, by its first bytes.
pub(crate) fn is_image(path: &Path) -> bool {
    let mut start = [0; Image::LABEL.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == Image::LABEL
}

/// An image, and what compiling it came to.
pub(crate) struct Compiled {
    pub(crate) image: ImageBuf,
    pub(crate) report: CompileReport,
    /// How many errors the manifests had.
    pub(crate) errors: usize,
    /// How many files could not be read, which are among the errors.
    pub(crate) unread: usize,
    pub(crate) skipped: BTreeMap<String, usize>,
}

/// Writes diagnostics to standard error, a line each.
pub(crate) fn tell<'d>(diagnostics: impl IntoIterator<Item = &'d Diagnostic>) {
    let mut stderr = std::io::stderr().lock();
    for diagnostic in diagnostics {
        let _ = writeln!(stderr, "{diagnostic}");
    }
}

/// How many of the diagnostics are errors, and how many are warnings.
pub(crate) fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    (errors, diagnostics.len() - errors)
}

/// The bytes of an image.
pub(crate) fn read_image(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Opens an image of a whole cluster, as [`open_image`] does.
pub(crate) fn open_whole_image(path: &Path) -> Result<ImageBuf> {
    let image = open_image(path)?;
    if image.image().is_scoped() {
        bail!(
            "{}: the image judges the pods of some nodes only, and what other pods may do is not \
             in it: compile without --node",
            path.display()
        );
    }
    Ok(image)
}

/// Opens an image from a file, and makes sure that it is what was compiled.
pub(crate) fn open_image(path: &Path) -> Result<ImageBuf> {
    let bytes = read_image(path)?;
    let image = ImageBuf::open(bytes).with_context(|| path.display().to_string())?;
    image
        .image()
        .verify_checksum()
        .with_context(|| path.display().to_string())?;
    Ok(image)
}
