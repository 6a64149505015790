//! `netpolicy generate`.

mod cidrs;
mod policies;
mod verify;
mod workloads;
mod yaml;

use anyhow::{Result, bail};
use netpolicy::{Cluster, Severity};

use self::policies::Generator;
use self::verify::Verification;
use self::workloads::Workloads;
use crate::flows::{FlowFile, Flows, Seen};
use crate::input::{self, Manifests};
use crate::observed::{Observed, add_policies, without_policies};
use crate::words::counted;
use crate::{Outcome, output, progress};

/// Write least-privilege policies from observed flows
///
/// A NetworkPolicy for each workload, with what its pods were seen to receive and to
/// send, and nothing else; DNS is kept. The policies go to standard output, the account
/// of them to standard error. They are verified: every flow that passed when observed is
/// allowed by them, every pod may ask DNS that might before (but those on the network of
/// their node), and what else is open is told.
///
/// Records of flows that cannot be read are passed over with a warning.
///
/// Exit status: 0 every flow that was read is allowed and DNS kept, 1 not, 2 nothing could
/// be generated.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    flows: FlowFile,

    /// Keep the NetworkPolicies of -f, and add what they do not allow; without it, those
    /// generated stand in their place
    #[arg(long)]
    start_from: bool,

    /// Isolate workloads that are in no flow as well
    #[arg(long)]
    isolate_unseen: bool,

    /// How many blocks the external addresses of a rule are merged into at most, as far
    /// as prefixes and the addresses of pods allow; a block opens all that lies in it
    #[arg(long, value_name = "N", default_value_t = 8)]
    max_blocks: usize,

    /// The shortest prefix that a block of merged IPv4 addresses may have
    #[arg(long, value_name = "BITS", default_value_t = 16)]
    min_prefix_v4: u8,

    /// The same for IPv6
    #[arg(long, value_name = "BITS", default_value_t = 48)]
    min_prefix_v6: u8,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if arguments.min_prefix_v4 > 32 || arguments.min_prefix_v6 > 128 || arguments.max_blocks == 0 {
        bail!(
            "--min-prefix-v4 is at most 32, --min-prefix-v6 at most 128, and --max-blocks at least 1"
        );
    }
    let options = arguments.manifests.options();
    let loaded = arguments.manifests.load()?;
    input::tell(&loaded.diagnostics);
    if loaded.cluster.pods().is_empty() {
        bail!(
            "no pods or workloads were given, so there is nobody to write policies for: give \
             the manifests of the cluster with -f"
        );
    }
    let (present, _) = loaded.cluster.compile(&options)?;
    let flows = arguments.flows.read()?;
    progress::say("generating");
    let present = present.image();
    let observed = Observed::new(&present, &flows);
    let mut workloads = Workloads::new(&loaded.cluster, &present);
    workloads.find_dns(&flows, &observed);
    let generator = Generator {
        cluster: &loaded.cluster,
        image: &present,
        workloads: &workloads,
        bound: cidrs::Bound {
            blocks: arguments.max_blocks,
            min_prefix_v4: arguments.min_prefix_v4,
            min_prefix_v6: arguments.min_prefix_v6,
        },
        keeps_present: arguments.start_from,
        isolates_unseen: arguments.isolate_unseen,
    };
    let generated = generator.generate(&flows, &observed);
    let text = yaml::write(&generated.policies);
    progress::clear();
    output::write(&text)?;
    eprintln!(
        "from {}, {} of them distinct{}",
        counted(flows.count(Seen::Passed), "flow"),
        flows
            .all
            .iter()
            .filter(|flow| flow.seen == Seen::Passed)
            .count(),
        flows
            .left_out()
            .map_or(String::new(), |left_out| format!("; {left_out}"))
    );
    for note in &generated.notes {
        eprintln!("note: {note}");
    }
    progress::say("verifying");
    let next = with_policies(&loaded.cluster, &text, arguments.start_from)?;
    let (next, _) = next.compile(&options)?;
    let verification = Verification {
        workloads: &workloads,
        generated: &generated,
        present: &present,
        next: &next.image(),
        keeps_present: arguments.start_from,
    };
    Ok(tell(&verification, &flows))
}

/// Tells what the policies come to, on standard error.
fn tell(verification: &Verification<'_>, flows: &Flows) -> Outcome {
    let denied = verification.denied_flows(flows);
    let (asking, without_dns) = verification.dns();
    let unobserved = verification.unobserved();
    let account = verification.account();
    progress::clear();
    for line in &denied {
        eprintln!("not allowed: {line}");
    }
    for pod in &without_dns {
        eprintln!("DNS lost: {pod}");
    }
    if without_dns.is_empty() && asking != 0 {
        eprintln!("DNS kept: {} may ask as before", counted(asking, "pod"));
    }
    for line in &unobserved.others {
        eprintln!("open though not observed: {line}");
    }
    eprintln!(
        "open besides what was observed: {} of workloads for DNS, {} by the labels of others, \
         {} otherwise",
        counted(unobserved.dns, "pair"),
        unobserved.by_labels,
        unobserved.others.len()
    );
    eprintln!("{account}");
    if denied.is_empty() && without_dns.is_empty() {
        Outcome::Good
    } else {
        Outcome::Bad
    }
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
