//! `netpolicy verdict`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use netpolicy::explain::Explanation;
use netpolicy::{Image, OpenError, Protocol, StrippedImage};
use serde::Serialize;

use crate::Outcome;
use crate::endpoint::{EndpointArgument, explanations, outcomes};
use crate::input::{Sources, open_image, read_image};
use crate::output::{self, Format};
use crate::stripped;
use crate::words::{self, counted};

/// Ask whether a connection may pass, and why
///
/// The options --from, --to, --port and --protocol may be repeated: every combination
/// is asked, and answered on a line that begins with allow or deny.
///
/// Exit status: 0 all allowed, 1 something denied, 2 a question could not be answered,
/// or manifests had errors, so that the answer may be another.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Sources,

    /// An image made by `netpolicy compile`, instead of manifests. Domain names and
    /// choices are those it was compiled with
    #[arg(long, value_name = "FILE", conflicts_with_all = Sources::ARGUMENTS)]
    image: Option<PathBuf>,

    /// Answer as if what could not be read had not been given: without this, the
    /// exit status is 2 where manifests had errors
    #[arg(long, conflicts_with = "image")]
    accept_errors: bool,

    /// Where the connection comes from: an address, namespace/name of a pod or
    /// workload, or namespace:key=value,… for a pod that need not exist
    #[arg(long, value_name = "ENDPOINT", required = true)]
    from: Vec<EndpointArgument>,

    /// Where it goes. A described pod may have named ports: @name=8080/TCP
    #[arg(long, value_name = "ENDPOINT", required = true)]
    to: Vec<EndpointArgument>,

    /// The destination port; not for protocols without ports
    #[arg(long)]
    port: Vec<u16>,

    /// TCP, UDP, SCTP, ICMP, ICMPv6, or the number of an IP protocol
    #[arg(long, default_value = "TCP")]
    protocol: Vec<Protocol>,

    /// Exit with 0 also where something is denied
    #[arg(long)]
    exit_zero: bool,

    /// Show every policy that was consulted, tier by tier, with file and line
    #[arg(long)]
    explain: bool,

    /// How to write the answer
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if let Some(path) = &arguments.image {
        let bytes = read_image(path)?;
        match StrippedImage::open(&bytes) {
            Err(OpenError::NotStripped) => {}
            stripped => {
                let stripped = stripped.with_context(|| path.display().to_string())?;
                return run_stripped(arguments, &stripped);
            }
        }
    }
    let (image, errors) = match &arguments.image {
        Some(path) => (open_image(path)?, 0),
        None => {
            let compiled = arguments.manifests.compile()?;
            (compiled.image, compiled.errors)
        }
    };
    let image = image.image();
    warn_of_namespaces(&image, arguments);
    let answers = answers(arguments, |from, to, protocol, port| {
        Answer::new(&image, from, to, protocol, port)
    })?;
    match arguments.output {
        Format::Text => answers
            .iter()
            .try_for_each(|answer| answer.write(arguments.explain))?,
        Format::Json => output::json(&answers)?,
    }
    if errors != 0 && !arguments.accept_errors {
        eprintln!(
            "error: the manifests have {}: what they were to say is not in the answer; mend \
             them, or answer without it by --accept-errors",
            counted(errors, "error")
        );
        return Ok(Outcome::Unanswered);
    }
    Ok(outcome(arguments, answers.iter().all(Answer::is_allowed)))
}

/// Answers from an image that has no names and no rules.
fn run_stripped(arguments: &Arguments, image: &StrippedImage<'_>) -> Result<Outcome> {
    if arguments.explain {
        bail!("a stripped image gives no reasons: leave out --explain, or compile without --strip");
    }
    image.verify_checksum()?;
    let answers = answers(arguments, |from, to, protocol, port| {
        stripped::Answer::new(image, from, to, protocol, port)
    })?;
    match arguments.output {
        Format::Text => answers.iter().try_for_each(stripped::Answer::write)?,
        Format::Json => output::json(&answers)?,
    }
    let all_allowed = answers.iter().all(stripped::Answer::is_allowed);
    Ok(outcome(arguments, all_allowed))
}

/// The answer to every question that is asked.
fn answers<'a, A>(
    arguments: &'a Arguments,
    answer: impl Fn(&'a EndpointArgument, &'a EndpointArgument, Protocol, u16) -> Result<A>,
) -> Result<Vec<A>> {
    let mut answers = Vec::new();
    for (protocol, port) in ports(arguments)? {
        for from in &arguments.from {
            for to in &arguments.to {
                answers.push(answer(from, to, protocol, port)?);
            }
        }
    }
    Ok(answers)
}

fn outcome(arguments: &Arguments, all_allowed: bool) -> Outcome {
    if all_allowed || arguments.exit_zero {
        Outcome::Good
    } else {
        Outcome::Bad
    }
}

/// Warns of pods that are described in a namespace of which nothing was given: most
/// likely its name is misspelt.
fn warn_of_namespaces(image: &Image<'_>, arguments: &Arguments) {
    for end in arguments.from.iter().chain(&arguments.to) {
        if let EndpointArgument::Described(pod) = end
            && !image.has_namespace(&pod.namespace)
        {
            eprintln!(
                "warning: nothing that was given is in namespace {}",
                pod.namespace
            );
        }
    }
}

/// The protocols and ports that are asked about.
fn ports(arguments: &Arguments) -> Result<Vec<(Protocol, u16)>> {
    let mut ports = Vec::new();
    for protocol in &arguments.protocol {
        match (arguments.port.as_slice(), protocol.has_ports()) {
            ([], true) => bail!("{protocol} needs a port: say which with --port"),
            ([], false) => ports.push((*protocol, 0)),
            (_, false) if arguments.protocol.len() == 1 => {
                bail!("{protocol} has no ports: leave out --port");
            }
            (_, false) => ports.push((*protocol, 0)),
            (given, true) => ports.extend(given.iter().map(|port| (*protocol, *port))),
        }
    }
    Ok(ports)
}

/// The answer to one question.
#[derive(Serialize)]
pub(crate) struct Answer<'i> {
    verdict: &'static str,
    /// Of the pairs of addresses that the ends stand for, one for each verdict in
    /// the two directions; what is denied comes first.
    pub(crate) explanations: Vec<Explanation<'i>>,
}

impl<'i> Answer<'i> {
    pub(crate) fn new(
        image: &'i Image<'i>,
        from: &'i EndpointArgument,
        to: &'i EndpointArgument,
        protocol: Protocol,
        port: u16,
    ) -> Result<Answer<'i>> {
        let outcomes = outcomes(image, from, to, protocol, port)?;
        let explanations = explanations(&outcomes, protocol, port);
        let is_allowed = explanations
            .iter()
            .all(|explanation| explanation.verdict().is_allowed());
        Ok(Answer {
            verdict: words::verdict(is_allowed),
            explanations,
        })
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.verdict == words::verdict(true)
    }

    fn write(&self, in_full: bool) -> Result<()> {
        for (index, explanation) in self.explanations.iter().enumerate() {
            // Pods of one workload, and addresses of one pod, may differ.
            let prefix = if index == 0 {
                ""
            } else {
                "  other pairs of addresses: "
            };
            output::line(&if in_full {
                format!("{prefix}{explanation:#}")
            } else {
                format!("{prefix}{explanation}")
            })?;
        }
        Ok(())
    }
}
