//! A second opinion on every verdict: the specification read aloud.
//!
//! Written from `SEMANTICS.md` alone, on raw Kubernetes objects, and sharing no code with the
//! product, so that a misunderstanding in one is not repeated in the other. It is slow on purpose:
//! every question walks over every object again, and each clause of the document is one function
//! that quotes it.
//!
//! | clause | where |
//! | --- | --- |
//! | Who an address is | `address.rs` |
//! | Order of decision | here, with steps 2 and 4 in `cluster_policy.rs`, 3 in `network_policy.rs` |
//! | `NetworkPolicy` | `network_policy.rs`, `cidr.rs` |
//! | named ports | `ports.rs` |
//! | Selectors | `selector.rs` |
//! | CNP, ANP, BANP | `cluster_policy.rs`, `domain.rs` |
//!
//! The objects must be valid; what the document says of peers with no known field, which is the
//! one thing that fails closed, is implemented. On a malformed object it panics.

mod address;
mod cidr;
mod cluster_policy;
mod domain;
mod feature;
pub(crate) mod json;
mod network_policy;
mod ports;
mod selector;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use serde_json::Value;

pub use self::feature::Feature;

use self::address::End;
pub(crate) use self::address::{
    host_addresses, is_host_networked, node_addresses, parse_address, pod_addresses,
    spelled_addresses,
};
use self::cluster_policy::{Action, ClusterPolicy, Decider, Kind};
pub(crate) use self::feature::Trace;
use self::network_policy::NetworkPolicyTier;
pub(crate) use self::selector::NAME_LABEL;

/// The choices that `SEMANTICS.md` marks with (option).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleOptions {
    /// "a pod selected in either direction is final in both"
    pub either_direction_is_final: bool,
    /// "Ingress from an address of the destination pod's own node is always allowed here"
    pub own_node_ingress_always_allowed: bool,
    /// The contrary of "Egress to the own node is evaluated like any other"
    pub own_node_egress_always_allowed: bool,
    /// "`ipBlock` matches by address, pods' addresses too"
    pub ip_block_selects_pods: bool,
}

impl Default for OracleOptions {
    fn default() -> OracleOptions {
        OracleOptions {
            either_direction_is_final: false,
            own_node_ingress_always_allowed: true,
            own_node_egress_always_allowed: false,
            ip_block_selects_pods: true,
        }
    }
}

/// The step of "Order of decision" at which a direction was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The end is no pod, and so never a subject: allow.
    NoSubject,
    /// 1. The same pod: allow.
    Hairpin,
    /// 2. The admin tier.
    Admin,
    /// 3. The `NetworkPolicy` tier.
    NetworkPolicy,
    /// 4. The baseline tier.
    Baseline,
    /// 5. Nothing decided: allow.
    Nothing,
}

/// The verdict of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether this direction allows.
    pub allow: bool,
    /// Where that was decided.
    pub step: Step,
}

/// Egress at the source or ingress at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    /// The key of its rules in a `spec`.
    fn rules(self) -> &'static str {
        match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }

    /// The key of the peers in such a rule.
    fn peers(self) -> &'static str {
        match self {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        }
    }

    /// Its name in `policyTypes`.
    fn policy_type(self) -> &'static str {
        match self {
            Direction::Ingress => "Ingress",
            Direction::Egress => "Egress",
        }
    }
}

/// The first packet of a connection.
#[derive(Clone, Copy, Debug)]
struct Connection<'a> {
    source: End<'a>,
    destination: End<'a>,
    protocol: u8,
    port: u16,
}

impl<'a> Connection<'a> {
    /// The end whose policies a direction is about.
    fn subject(&self, direction: Direction) -> End<'a> {
        match direction {
            Direction::Ingress => self.destination,
            Direction::Egress => self.source,
        }
    }

    /// The end that the rules of a direction are about.
    fn peer(&self, direction: Direction) -> End<'a> {
        match direction {
            Direction::Ingress => self.source,
            Direction::Egress => self.destination,
        }
    }
}

/// A cluster, its policies, and what they mean.
#[derive(Clone, Debug)]
pub struct Oracle {
    namespaces: Vec<Value>,
    nodes: Vec<Value>,
    pods: Vec<Value>,
    network_policies: Vec<Value>,
    cluster_policies: Vec<ClusterPolicy>,
    domains: Vec<(String, Vec<IpAddr>)>,
    options: OracleOptions,
}

impl Oracle {
    /// Takes in a cluster as a list of Kubernetes objects, the addresses that domain names
    /// currently resolve to, and options. "Objects of kinds that do not matter are skipped".
    #[must_use]
    pub fn new(
        manifests: &[Value],
        domains: &[(String, Vec<IpAddr>)],
        options: OracleOptions,
    ) -> Oracle {
        let mut oracle = Oracle {
            namespaces: Vec::new(),
            nodes: Vec::new(),
            pods: Vec::new(),
            network_policies: Vec::new(),
            cluster_policies: Vec::new(),
            domains: domains.to_vec(),
            options,
        };
        for object in manifests.iter().cloned() {
            let kind = match json::kind(&object) {
                ("v1", "Namespace") => {
                    oracle.namespaces.push(object);
                    continue;
                }
                ("v1", "Node") => {
                    oracle.nodes.push(object);
                    continue;
                }
                ("v1", "Pod") => {
                    oracle.pods.push(object);
                    continue;
                }
                ("networking.k8s.io/v1", "NetworkPolicy") => {
                    oracle.network_policies.push(object);
                    continue;
                }
                ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy") => Kind::Cnp,
                ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy") => Kind::Anp,
                ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy") => Kind::Banp,
                _ => continue,
            };
            oracle.cluster_policies.push(ClusterPolicy { kind, object });
        }
        oracle
    }

    /// Whether the first packet of a connection may pass: (egress at the source allows, ingress at
    /// the destination allows). "The answer is `allow` only if egress at the source and ingress at
    /// the destination both allow."
    ///
    /// `protocol` is an IP protocol number; `port` is the destination port, ignored where the
    /// protocol has none (all but TCP, UDP and SCTP).
    #[must_use]
    pub fn verdict(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        port: u16,
    ) -> (bool, bool) {
        let [egress, ingress] = self.decisions(source, destination, protocol, port);
        (egress.allow, ingress.allow)
    }

    /// As [`Oracle::verdict`], and the step that decided: egress, then ingress.
    #[must_use]
    pub fn decisions(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        port: u16,
    ) -> [Decision; 2] {
        self.ask(source, destination, protocol, port, &Trace::default())
    }

    /// What was met on the way to a verdict in either direction, each once.
    #[must_use]
    pub fn trace(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        port: u16,
    ) -> Vec<Feature> {
        let trace = Trace::default();
        self.ask(source, destination, protocol, port, &trace);
        trace.into_features()
    }

    /// The addresses that a "namespace/name" pod stands for: its `status.podIPs` or else its
    /// `status.podIP`, whatever its phase, and whether or not another pod claims them. None for a
    /// pod that was not given.
    #[must_use]
    pub fn addresses_of(&self, pod: &str) -> Vec<IpAddr> {
        self.pods
            .iter()
            .filter(|object| format!("{}/{}", json::namespace(object), json::name(object)) == pod)
            .flat_map(pod_addresses)
            .collect()
    }

    fn ask(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        port: u16,
        trace: &Trace,
    ) -> [Decision; 2] {
        let connection = Connection {
            source: self.end(source, trace),
            destination: self.end(destination, trace),
            protocol,
            port,
        };
        trace_ends(&connection, trace);
        [Direction::Egress, Direction::Ingress].map(|direction| {
            // A trace of its own, so that clauses can ask what this direction met.
            let own = Trace::default();
            let decision = self.decide(direction, &connection, &own);
            for feature in own.into_features() {
                trace.met(feature);
            }
            decision
        })
    }

    /// "Order of decision, per direction".
    fn decide(&self, direction: Direction, connection: &Connection<'_>, trace: &Trace) -> Decision {
        // "Only pods (1) are ever the subject of a policy".
        let Some(subject) = connection.subject(direction).pod else {
            trace.met(Feature::SubjectIsNoPod);
            return Decision {
                allow: true,
                step: Step::NoSubject,
            };
        };
        // 1. "Source and destination are the same pod (hairpin): allow, whatever the policies."
        if is_hairpin(connection) {
            self.trace_hairpin(direction, subject, connection, trace);
            return Decision {
                allow: true,
                step: Step::Hairpin,
            };
        }
        self.decide_by_policy(direction, subject, connection, trace)
    }

    /// Steps 2 to 5.
    fn decide_by_policy(
        &self,
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) -> Decision {
        // 2. "Admin tier: […] Allow/Accept and Deny are final, Pass goes on at 3."
        let admin = self.admin_tier(direction, subject, connection, trace);
        trace_decider(admin, trace);
        match admin.map(|decider| decider.action) {
            Some(Action::Allow) => {
                return Decision {
                    allow: true,
                    step: Step::Admin,
                };
            }
            Some(Action::Deny) => {
                return Decision {
                    allow: false,
                    step: Step::Admin,
                };
            }
            Some(Action::Pass) | None => {}
        }
        let passed = admin.is_some();

        // 3. "NetworkPolicy tier: […] the tier is final".
        let tier = self.network_policy_tier(direction, subject, connection, trace);
        if let NetworkPolicyTier::Final(allow) = tier {
            trace.met_if(passed, Feature::PassLeadsToNetworkPolicy);
            return Decision {
                allow,
                step: Step::NetworkPolicy,
            };
        }

        // 4. "Baseline tier: […] The first match decides; Pass ends as allow."
        let baseline = self.baseline_tier(direction, subject, connection, trace);
        trace_decider(baseline, trace);
        if let Some(decider) = baseline {
            trace.met_if(passed, Feature::PassLeadsToBaseline);
            let allow = decider.action != Action::Deny;
            return Decision {
                allow,
                step: Step::Baseline,
            };
        }

        // 5. "Nothing decided: allow."
        trace.met_if(passed, Feature::PassLeadsToNothing);
        trace.met(Feature::NothingDecides);
        Decision {
            allow: true,
            step: Step::Nothing,
        }
    }

    /// Whether hairpin was needed for the verdict.
    fn trace_hairpin(
        &self,
        direction: Direction,
        subject: &Value,
        connection: &Connection<'_>,
        trace: &Trace,
    ) {
        trace.met(Feature::Hairpin);
        trace.met_if(
            connection.source.address != connection.destination.address,
            Feature::HairpinByOtherAddress,
        );
        let scratch = Trace::default();
        let without = self.decide_by_policy(direction, subject, connection, &scratch);
        trace.met_if(!without.allow, Feature::HairpinOverrulesDeny);
    }
}

/// Whether both ends are one pod, by whichever of its addresses.
fn is_hairpin(connection: &Connection<'_>) -> bool {
    let identity = |pod: &Value| (json::namespace(pod).to_owned(), json::name(pod).to_owned());
    match (connection.source.pod, connection.destination.pod) {
        (Some(source), Some(destination)) => identity(source) == identity(destination),
        _ => false,
    }
}

fn trace_ends(connection: &Connection<'_>, trace: &Trace) {
    use self::address::Who;
    trace.met(match connection.source.who {
        Who::Pod => Feature::SourceIsPod,
        Who::Node => Feature::SourceIsNode,
        Who::External => Feature::SourceIsExternal,
    });
    trace.met(match connection.destination.who {
        Who::Pod => Feature::DestinationIsPod,
        Who::Node => Feature::DestinationIsNode,
        Who::External => Feature::DestinationIsExternal,
    });
    trace.met_if(
        connection.source.address.is_ipv4() != connection.destination.address.is_ipv4(),
        Feature::FamiliesMixed,
    );
}

fn trace_decider(decider: Option<Decider<'_>>, trace: &Trace) {
    let Some(Decider { policy, action }) = decider else {
        return;
    };
    trace.met(match (policy.is_baseline(), action) {
        (false, Action::Allow) => Feature::AdminAllows,
        (false, Action::Deny) => Feature::AdminDenies,
        (false, Action::Pass) => Feature::AdminPasses,
        (true, Action::Allow) => Feature::BaselineAllows,
        (true, Action::Deny) => Feature::BaselineDenies,
        (true, Action::Pass) => Feature::BaselinePasses,
    });
    trace.met(match (policy.kind, policy.is_baseline()) {
        (Kind::Anp, _) => Feature::AnpDecides,
        (Kind::Banp, _) => Feature::BanpDecides,
        (Kind::Cnp, false) => Feature::CnpAdminDecides,
        (Kind::Cnp, true) => Feature::CnpBaselineDecides,
    });
}
