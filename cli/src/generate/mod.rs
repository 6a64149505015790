//! `netpolicy generate`.

mod cidrs;
mod policies;
mod yaml;

use anyhow::{Result, bail};
use netpolicy::reach::{Difference, PortSet, Reachability};
use netpolicy::{Cluster, Image, Severity};

use self::policies::Generator;
use crate::flows::{FlowFile, Flows, Seen};
use crate::input::{Manifests, tell};
use crate::observed::{Fate, Observed, add_policies, without_policies};
use crate::{Outcome, output, progress};

/// Write least-privilege policies from observed flows
///
/// A NetworkPolicy for each workload, with what its pods were seen to receive and to
/// send, and nothing else; DNS is kept. The policies go to standard output, the account
/// of them to standard error. They are verified: every flow that was observed is
/// allowed by them.
///
/// Exit status: 0 every flow is allowed, 1 some are not, 2 nothing could be generated.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    flows: FlowFile,

    /// Keep the NetworkPolicies of -f, and add to them; without it, those generated
    /// stand in their place
    #[arg(long)]
    start_from: bool,

    /// How many blocks the external peers of a rule may be
    #[arg(long, value_name = "N", default_value_t = 8)]
    max_blocks: usize,

    /// The shortest prefix to which external IPv4 addresses are merged
    #[arg(long, value_name = "BITS", default_value_t = 16)]
    min_prefix_v4: u8,

    /// The same for IPv6
    #[arg(long, value_name = "BITS", default_value_t = 48)]
    min_prefix_v6: u8,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if arguments.min_prefix_v4 > 32 || arguments.min_prefix_v6 > 128 || arguments.max_blocks == 0 {
        bail!("prefixes have at most 32 and 128 bits, and rules at least one block");
    }
    let options = arguments.manifests.options();
    let loaded = arguments.manifests.load()?;
    tell(&loaded.diagnostics);
    let (present, _) = loaded.cluster.compile(&options)?;
    let flows = arguments.flows.read()?;
    progress::say("generating");
    let present = present.image();
    let generator = Generator {
        cluster: &loaded.cluster,
        image: &present,
        bound: cidrs::Bound {
            blocks: arguments.max_blocks,
            min_prefix_v4: arguments.min_prefix_v4,
            min_prefix_v6: arguments.min_prefix_v6,
        },
        keeps_present: arguments.start_from,
    };
    let (policies, notes) = generator.generate(&flows);
    let text = yaml::write(&policies);
    progress::clear();
    output::write(&text)?;
    for note in notes {
        eprintln!("note: {note}");
    }
    let next = with_policies(&loaded.cluster, &text, arguments.start_from)?;
    let (next, _) = next.compile(&options)?;
    let next = next.image();
    let denied = denied_flows(&flows, &next);
    for line in &denied {
        eprintln!("not allowed: {line}");
    }
    account(&present, &next, policies.len());
    Ok(if denied.is_empty() {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

/// The cluster with the policies that were written, read back from their text.
fn with_policies(cluster: &Cluster, text: &str, keeps_present: bool) -> Result<Cluster> {
    let mut loader = netpolicy::manifest::Loader::default();
    loader.read_text("<generated>", text);
    let written = loader.finish();
    let mut errors = written
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error);
    if let Some(error) = errors.next() {
        bail!("what was generated is not valid, which is a defect of this program: {error}");
    }
    let mut next = without_policies(cluster);
    if keeps_present {
        add_policies(&mut next, cluster)?;
    } else {
        for policy in cluster.cluster_policies() {
            next.insert_cluster_policy(policy.clone())?;
        }
    }
    add_policies(&mut next, &written.cluster)?;
    Ok(next)
}

/// The flows that an image denies, each with the reason.
fn denied_flows(flows: &Flows, image: &Image<'_>) -> Vec<String> {
    let observed = Observed::new(image, flows);
    let denied = flows
        .all
        .iter()
        .filter(|flow| flow.seen == Seen::Passed)
        .filter(|flow| {
            observed
                .fate(flow)
                .is_some_and(|fate| fate != Fate::Allowed)
        });
    denied
        .filter_map(|flow| observed.explain(flow))
        .map(|explanation| explanation.to_string())
        .collect()
}

/// Says how much of what is open would be closed.
fn account(present: &Image<'_>, next: &Image<'_>, policies: usize) {
    let open = Reachability::new(present).len();
    let difference = Difference::between(present, next);
    let count = |of: &dyn Fn(&netpolicy::reach::Change) -> bool| {
        difference
            .changes
            .iter()
            .filter(|change| of(change))
            .count()
    };
    let closed = count(&|change| change.after == PortSet::EMPTY);
    let narrowed = count(&|change| change.after != PortSet::EMPTY && !change.removed.is_empty());
    let opened = count(&|change| !change.added.is_empty());
    eprintln!(
        "{policies} policies; of {open} pairs of ends that can connect today, {closed} would be \
         closed and {narrowed} narrowed; {opened} would be opened"
    );
}
