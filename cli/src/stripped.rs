//! `netpolicy verdict` of a stripped image: verdicts by addresses, without reasons.

use std::net::IpAddr;

use anyhow::{Result, bail};
use netpolicy::{Protocol, StrippedImage};
use serde::Serialize;

use crate::endpoint::EndpointArgument;
use crate::{output, words};

/// The answer to one question.
#[derive(Serialize)]
pub(crate) struct Answer {
    verdict: &'static str,
    source: IpAddr,
    destination: IpAddr,
    protocol: String,
    port: u16,
    egress: &'static str,
    ingress: &'static str,
}

impl Answer {
    pub(crate) fn new(
        image: &StrippedImage<'_>,
        from: &EndpointArgument,
        to: &EndpointArgument,
        protocol: Protocol,
        port: u16,
    ) -> Result<Answer> {
        let (source, destination) = (address(from)?, address(to)?);
        let verdict = image.verdict(source, destination, protocol, port);
        Ok(Answer {
            verdict: words::verdict(verdict.is_allowed()),
            source,
            destination,
            protocol: protocol.to_string(),
            port,
            egress: words::verdict(verdict.egress()),
            ingress: words::verdict(verdict.ingress()),
        })
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.verdict == words::verdict(true)
    }

    pub(crate) fn write(&self) -> Result<()> {
        let Answer {
            verdict,
            source,
            destination,
            protocol,
            port,
            egress,
            ingress,
        } = self;
        output::line(&format!(
            "{verdict} {source} -> {destination} {protocol} {port}: egress {egress}, ingress {ingress} (a stripped image gives no reasons)"
        ))
    }
}

fn address(end: &EndpointArgument) -> Result<IpAddr> {
    match end {
        EndpointArgument::Address(address) => Ok(*address),
        EndpointArgument::Name { .. } | EndpointArgument::Described(_) => bail!(
            "the image is stripped of names and labels: ask it about addresses, or compile without --strip"
        ),
    }
}
