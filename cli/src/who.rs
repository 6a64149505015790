//! `netpolicy who`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use netpolicy::explain::{PolicyRef, RuleRef};
use netpolicy::model::Direction;
use netpolicy::{Image, PodRef};
use serde::Serialize;

use crate::Outcome;
use crate::endpoint::nobody;
use crate::input::{Manifests, open_image};
use crate::output::{self, Format};

/// Look up who is meant: the policies that select a pod, the pods that a policy
/// selects, and the peers and ports of each of its rules
///
/// Of a pod on the network of its node, or one that has ended, it says that no policy
/// applies to it. Pods are shown of peers that select them by labels. An ipBlock is shown as it is
/// written: it matches addresses, of pods as well (see --ip-block-selects-pods).
///
/// Exit status: 0 found, 2 there is no such pod or policy.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifests: Manifests,

    /// An image made by `netpolicy compile`, instead of manifests
    #[arg(long, value_name = "FILE", conflicts_with_all = Manifests::ARGUMENTS)]
    image: Option<PathBuf>,

    /// Pods or workloads (namespace/name) whose policies to show; all, if neither pods
    /// nor policies are named
    #[arg(value_name = "POD")]
    pods: Vec<String>,

    /// A policy whose pods and peers to show: namespace/name, or the name of a
    /// cluster-scoped one; may be repeated
    #[arg(long, value_name = "POLICY")]
    policy: Vec<String>,

    /// How to write the answer
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// A pod, and the policies that select it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PodAnswer<'i> {
    pod: String,
    workload: Option<String>,
    /// Why no policy applies to it, where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    beyond_policies: Option<BeyondPolicies>,
    /// Policies whose selectors match its labels, and that do not apply to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_applied: Vec<PolicyRef<'i>>,
    egress: Vec<PolicyRef<'i>>,
    ingress: Vec<PolicyRef<'i>>,
}

/// Why policies do not apply to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum BeyondPolicies {
    HostNetwork,
    Ended,
}

impl BeyondPolicies {
    fn of(pod: &PodRef<'_>) -> Option<BeyondPolicies> {
        match (pod.is_subject(), pod.has_ended()) {
            (true, _) => None,
            (false, true) => Some(BeyondPolicies::Ended),
            (false, false) => Some(BeyondPolicies::HostNetwork),
        }
    }

    fn told(self) -> &'static str {
        match self {
            BeyondPolicies::HostNetwork => {
                "it uses the network of its node, so no policy applies to it"
            }
            BeyondPolicies::Ended => "it has ended, so no policy applies to it",
        }
    }
}

/// A policy, the pods it selects, and its rules.
#[derive(Serialize)]
struct PolicyAnswer<'i> {
    policy: PolicyRef<'i>,
    subject: String,
    pods: Vec<String>,
    egress: Vec<RuleAnswer<'i>>,
    ingress: Vec<RuleAnswer<'i>>,
}

#[derive(Serialize)]
struct RuleAnswer<'i> {
    rule: RuleRef<'i>,
    /// `None`: every peer.
    peers: Option<Vec<PeerAnswer>>,
    /// `None`: every port of every protocol.
    ports: Option<Vec<String>>,
}

#[derive(Serialize)]
struct PeerAnswer {
    peer: String,
    /// `None` for what does not select by labels.
    pods: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Answers<'i> {
    pods: Vec<PodAnswer<'i>>,
    policies: Vec<PolicyAnswer<'i>>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let image = match &arguments.image {
        Some(path) => open_image(path)?,
        None => arguments.manifests.compile()?,
    };
    let image = image.image();
    let is_about_all = arguments.pods.is_empty() && arguments.policy.is_empty();
    let mut answers = Answers {
        pods: Vec::new(),
        policies: Vec::new(),
    };
    for name in &arguments.pods {
        let pods = pods_called(&image, name);
        if pods.is_empty() {
            bail!(nobody_called(&image, name));
        }
        answers
            .pods
            .extend(pods.iter().map(|pod| of_pod(&image, pod)));
    }
    for name in &arguments.policy {
        let before = answers.policies.len();
        let policies = image.policies().filter(|policy| is_called(policy, name));
        answers
            .policies
            .extend(policies.map(|policy| of_policy(&image, policy)));
        if answers.policies.len() == before {
            bail!("no policy {name}{}", similar_policy(&image, name));
        }
    }
    if is_about_all {
        answers.pods = image.pods().map(|pod| of_pod(&image, &pod)).collect();
        let policies = image.policies();
        answers.policies = policies.map(|policy| of_policy(&image, policy)).collect();
    }
    match arguments.output {
        Format::Json => output::json(&answers)?,
        Format::Text => write_text(&answers)?,
    }
    Ok(Outcome::Good)
}

fn pods_called<'i>(image: &'i Image<'i>, name: &str) -> Vec<PodRef<'i>> {
    let named = name.split_once('/');
    named.map_or_else(Vec::new, |(namespace, name)| {
        image.pods_named(namespace, name)
    })
}

/// That there is no pod or workload of a name.
fn nobody_called(image: &Image<'_>, name: &str) -> String {
    if let Some((namespace, name)) = name.split_once('/') {
        return nobody(image, namespace, name);
    }
    let is_it = |pod: &PodRef<'_>| {
        pod.name() == name || pod.workload().is_some_and(|(_, workload)| workload == name)
    };
    let write = match image.pods().find(is_it) {
        Some(pod) => format!("{}/{name}", pod.namespace()),
        None => "namespace/name".to_owned(),
    };
    format!("no pod or workload {name}: write {write}")
}

/// A hint at which policy may have been meant.
fn similar_policy(image: &Image<'_>, asked: &str) -> String {
    let (namespace, name) = match asked.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, asked),
    };
    if let Some(policy) = image.policies().find(|policy| policy.name() == name) {
        let write = match policy.namespace() {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        };
        return format!("; there is {policy}: write {write}");
    }
    let beside = image
        .policies()
        .find(|policy| policy.namespace() == namespace);
    match (namespace, beside) {
        (Some(namespace), Some(policy)) => {
            format!("; namespace {namespace} has {policy}, among others")
        }
        (Some(namespace), None) => format!(": there are no policies in namespace {namespace}"),
        (None, Some(policy)) => format!(
            "; {policy} is cluster-scoped, among others; of a NetworkPolicy write namespace/name"
        ),
        (None, None) => ": no cluster-scoped policies were given; of a NetworkPolicy write \
                         namespace/name"
            .to_owned(),
    }
}

fn is_called(policy: &PolicyRef<'_>, name: &str) -> bool {
    match (policy.namespace(), name.split_once('/')) {
        (Some(namespace), Some((in_namespace, name))) => {
            namespace == in_namespace && policy.name() == name
        }
        (None, None) => policy.name() == name,
        _ => false,
    }
}

fn of_pod<'i>(image: &'i Image<'i>, pod: &PodRef<'i>) -> PodAnswer<'i> {
    let policies = |direction| {
        let policies = image.policies();
        let selecting = policies.filter(|policy| policy.governs(direction) && policy.selects(pod));
        selecting.collect()
    };
    let beyond_policies = BeyondPolicies::of(pod);
    let matching = image.policies().filter(|policy| policy.matches_labels(pod));
    PodAnswer {
        pod: pod.to_string(),
        workload: pod.workload().map(|(kind, name)| format!("{kind} {name}")),
        beyond_policies,
        not_applied: matching.filter(|_| beyond_policies.is_some()).collect(),
        egress: policies(Direction::Egress),
        ingress: policies(Direction::Ingress),
    }
}

fn of_policy<'i>(image: &'i Image<'i>, policy: PolicyRef<'i>) -> PolicyAnswer<'i> {
    let pods = image.pods().filter(|pod| policy.selects(pod));
    let rules = |direction| {
        let rules = policy.rules(direction).map(|rule| RuleAnswer {
            rule,
            peers: rule.peers().map(|peers| {
                peers
                    .map(|peer| PeerAnswer {
                        peer: peer.to_string(),
                        pods: peer.is_pods().then(|| {
                            let pods = image.pods().filter(|pod| peer.selects(pod));
                            pods.map(|pod| pod.to_string()).collect()
                        }),
                    })
                    .collect()
            }),
            ports: rule
                .ports()
                .map(|ports| ports.map(|port| port.to_string()).collect()),
        });
        rules.collect()
    };
    PolicyAnswer {
        policy,
        subject: policy.subject().to_string(),
        pods: pods.map(|pod| pod.to_string()).collect(),
        egress: rules(Direction::Egress),
        ingress: rules(Direction::Ingress),
    }
}

fn write_text(answers: &Answers<'_>) -> Result<()> {
    for pod in &answers.pods {
        let workload = pod.workload.as_ref();
        let workload = workload.map_or(String::new(), |name| format!(" ({name})"));
        output::line(&format!("{}{workload}", pod.pod))?;
        if let Some(beyond) = pod.beyond_policies {
            let selectors = if pod.not_applied.is_empty() {
                String::new()
            } else {
                format!(
                    ", also not where the selector matches its labels: {}",
                    names(&pod.not_applied)
                )
            };
            output::line(&format!("  {}{selectors}", beyond.told()))?;
            continue;
        }
        for (direction, policies) in [("egress", &pod.egress), ("ingress", &pod.ingress)] {
            output::line(&format!("  {direction}: {}", names(policies)))?;
        }
    }
    for policy in &answers.policies {
        let source = policy.policy.source();
        let place = source.map_or(String::new(), |(file, line)| format!(" ({file}:{line})"));
        output::line(&format!("{}{place}", policy.policy))?;
        let listed = listed(&policy.pods);
        output::line(&format!("  selects {}: {listed}", policy.subject))?;
        for rule in policy.egress.iter().chain(&policy.ingress) {
            let RuleAnswer { rule, peers, ports } = rule;
            output::line(&format!(
                "  {}[{}] {} {}",
                rule.direction(),
                rule.index(),
                rule.action(),
                ports
                    .as_ref()
                    .map_or("every port".to_owned(), |ports| ports.join(", "))
            ))?;
            match peers {
                None => output::line("    every peer")?,
                Some(peers) => {
                    for peer in peers {
                        let pods = peer.pods.as_ref();
                        let pods =
                            pods.map_or(String::new(), |pods| format!(": {}", self::listed(pods)));
                        output::line(&format!("    {}{pods}", peer.peer))?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn names(policies: &[PolicyRef<'_>]) -> String {
    if policies.is_empty() {
        return "no policy".to_owned();
    }
    let names: Vec<_> = policies.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn listed(pods: &[String]) -> String {
    if pods.is_empty() {
        "none".to_owned()
    } else {
        pods.join(", ")
    }
}
