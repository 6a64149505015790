//! `netpolicy verdict`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use netpolicy::explain::Explanation;
use netpolicy::{Image, Protocol};
use serde::Serialize;

use crate::Outcome;
use crate::endpoint::EndpointArgument;
use crate::input::{Manifests, open_image};
use crate::output::{self, Format};

/// Ask whether a connection may pass, and why
///
/// Exit status: 0 allowed, 1 denied, 2 the question could not be answered.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

    /// An image made by `netpolicy compile`, instead of manifests
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    image: Option<PathBuf>,

    /// Where the connection comes from: an address, namespace/name of a pod or
    /// workload, or namespace:key=value,… for a pod that need not exist
    #[arg(long, value_name = "ENDPOINT")]
    from: EndpointArgument,

    /// Where it goes. A described pod may have named ports: @name=8080/TCP
    #[arg(long, value_name = "ENDPOINT")]
    to: EndpointArgument,

    /// The destination port; not for protocols without ports
    #[arg(long)]
    port: Option<u16>,

    /// TCP, UDP, SCTP, ICMP, ICMPv6, or the number of an IP protocol
    #[arg(long, default_value = "TCP")]
    protocol: Protocol,

    /// Show every policy that was consulted, tier by tier, with file and line
    #[arg(long)]
    explain: bool,

    /// How to write the answer
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let image = match &arguments.image {
        Some(path) => open_image(path)?,
        None => arguments.manifests.compile()?.image,
    };
    let image = image.image();
    let port = match (arguments.port, arguments.protocol.has_ports()) {
        (Some(port), true) => port,
        (None, true) => bail!("{} needs a port: say which with --port", arguments.protocol),
        (Some(_), false) => bail!("{} has no ports: leave out --port", arguments.protocol),
        (None, false) => 0,
    };
    let explanations = explain(&image, arguments, port)?;
    let is_allowed = explanations.iter().all(|explanation| explanation.verdict().is_allowed());
    match arguments.output {
        Format::Json => write_json(&explanations, is_allowed)?,
        Format::Text => write_text(&explanations, is_allowed, arguments.explain)?,
    }
    Ok(if is_allowed { Outcome::Good } else { Outcome::Bad })
}

/// Explains every pair of addresses that the ends stand for. Of those that come to
/// the same verdict in both directions, the first speaks for all.
fn explain<'i>(image: &'i Image<'i>, arguments: &'i Arguments, port: u16) -> Result<Vec<Explanation<'i>>> {
    let sources = arguments.from.resolve(image)?;
    let destinations = arguments.to.resolve(image)?;
    let mut explanations: Vec<Explanation<'_>> = Vec::new();
    for source in &sources {
        for destination in &destinations {
            for pair in image.pairs(*source, *destination) {
                let explanation = pair.explain(arguments.protocol, port);
                let is_new = explanations.iter().all(|other| other.verdict() != explanation.verdict());
                if is_new {
                    explanations.push(explanation);
                }
            }
        }
    }
    if explanations.is_empty() {
        bail!("{} and {} have no addresses of one family", arguments.from, arguments.to);
    }
    // What is denied matters most.
    explanations.sort_by_key(|explanation| explanation.verdict().is_allowed());
    Ok(explanations)
}

fn write_text(explanations: &[Explanation<'_>], is_allowed: bool, in_full: bool) -> Result<()> {
    for (index, explanation) in explanations.iter().enumerate() {
        let prefix = match index {
            0 => "",
            // Pods of one workload, or addresses of one pod, may differ.
            _ if is_allowed => "also ",
            _ => "but for others ",
        };
        let text = if in_full { format!("{prefix}{explanation:#}") } else { format!("{prefix}{explanation}") };
        output::line(&text)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Answer<'e, 'i> {
    verdict: &'static str,
    explanations: &'e [Explanation<'i>],
}

fn write_json(explanations: &[Explanation<'_>], is_allowed: bool) -> Result<()> {
    let verdict = if is_allowed { "allow" } else { "deny" };
    output::json(&Answer { verdict, explanations })
}
