//! SEMANTICS "Who an address is".

use std::cmp::Reverse;
use std::net::IpAddr;

use serde_json::Value;

use super::json::{field, list, name, namespace, text};
use super::{Feature, Oracle, Trace};

/// "An IPv4-mapped IPv6 address is the IPv4 address, in what is asked and in what is given."
pub(super) fn same_spelling(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The address that a manifest spells, or `None` for what is no IP address (a host name).
pub(crate) fn parse_address(spelled: &str) -> Option<IpAddr> {
    spelled.parse().ok().map(same_spelling)
}

/// The address that a pod's status spells.
fn status_address(spelled: &str) -> IpAddr {
    parse_address(spelled).unwrap_or_else(|| panic!("{spelled:?} in a status is no IP address"))
}

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Pod,
    Node,
    External,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    pub(super) address: IpAddr,
    /// The pod that has the address; only it can be a subject or match a selector of pods.
    pub(super) pod: Option<&'a Value>,
    pub(super) who: Who,
}

/// The addresses in a pod's status as they are spelled: "`status.podIPs` (else `status.podIP`)".
pub(crate) fn spelled_addresses(pod: &Value) -> Vec<&str> {
    let all: Vec<&str> = list(pod, &["status", "podIPs"])
        .iter()
        .filter_map(|entry| text(entry, &["ip"]))
        .collect();
    if all.is_empty() {
        text(pod, &["status", "podIP"]).into_iter().collect()
    } else {
        all
    }
}

/// The addresses in a pod's status.
pub(crate) fn pod_addresses(pod: &Value) -> Vec<IpAddr> {
    spelled_addresses(pod)
        .into_iter()
        .map(status_address)
        .collect()
}

/// Whether the pod shares the network of its node.
pub(crate) fn is_host_networked(pod: &Value) -> bool {
    field(pod, &["spec", "hostNetwork"]).and_then(Value::as_bool) == Some(true)
}

/// "whose phase is not `Succeeded` or `Failed`"
fn has_ended(pod: &Value) -> bool {
    matches!(
        text(pod, &["status", "phase"]),
        Some("Succeeded" | "Failed")
    )
}

/// "A pod with a deletion timestamp still counts."
fn is_deleting(pod: &Value) -> bool {
    field(pod, &["metadata", "deletionTimestamp"]).is_some()
}

/// `status.hostIP` and `status.hostIPs`, both.
pub(crate) fn host_addresses(pod: &Value) -> Vec<IpAddr> {
    let several = list(pod, &["status", "hostIPs"])
        .iter()
        .filter_map(|entry| text(entry, &["ip"]));
    text(pod, &["status", "hostIP"])
        .into_iter()
        .chain(several)
        .map(status_address)
        .collect()
}

/// "an IP address in `Node.status.addresses` (of whatever type)"; host names are none.
pub(crate) fn node_addresses(node: &Value) -> Vec<IpAddr> {
    list(node, &["status", "addresses"])
        .iter()
        .filter_map(|entry| text(entry, &["address"]))
        .filter_map(parse_address)
        .collect()
}

/// Which of two pods has an address that both claim: the smaller one.
///
/// "Running before Pending, not-deleting before deleting, then the newest creation timestamp, then
/// name." A pod without a phase is Pending, as the API server would have it; Unknown comes last; no
/// timestamp is the oldest; of equal names in two namespaces the first namespace.
type Claim<'a> = (u8, bool, Reverse<Option<i64>>, &'a str, &'a str);

fn claim(pod: &Value) -> Claim<'_> {
    let phase = match text(pod, &["status", "phase"]) {
        Some("Running") => 0,
        Some("Pending") | None => 1,
        Some(_) => 2,
    };
    let creation = text(pod, &["metadata", "creationTimestamp"]).map(seconds);
    (
        phase,
        is_deleting(pod),
        Reverse(creation),
        name(pod),
        namespace(pod),
    )
}

/// The feature that stands for what decided between two claims.
fn contest(winner: Claim<'_>, loser: Claim<'_>) -> Feature {
    if winner.0 != loser.0 {
        Feature::ContestedByPhase
    } else if winner.1 != loser.1 {
        Feature::ContestedByDeletion
    } else if winner.2 != loser.2 {
        Feature::ContestedByCreation
    } else if winner.3 != loser.3 {
        Feature::ContestedByName
    } else {
        Feature::ContestedByNamespace
    }
}

/// Seconds since 1970 of an RFC 3339 time, which is as fine as Kubernetes writes them.
fn seconds(time: &str) -> i64 {
    let parsed = (|| {
        let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let zone = time
            .get(19..)?
            .trim_start_matches(['.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        let offset = match zone.get(..1)? {
            "Z" | "z" => 0,
            sign => {
                let hours = zone.get(1..3)?.parse::<i64>().ok()?;
                let minutes = zone.get(4..6)?.parse::<i64>().ok()?;
                let ahead = hours * 3600 + minutes * 60;
                if sign == "-" { -ahead } else { ahead }
            }
        };
        // Years begin in March here, so that the leap day is their last.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (153 * month + 2) / 5
            + day
            - 719_469;
        Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
    })();
    parsed.unwrap_or_else(|| panic!("{time:?} is no RFC 3339 time"))
}

impl Oracle {
    /// One end of a connection, found by its address.
    pub(super) fn end(&self, asked: IpAddr, trace: &Trace) -> End<'_> {
        let address = same_spelling(asked);
        trace.met_if(address != asked, Feature::AskedInMappedSpelling);
        let pod = self.pod_at(address, trace);
        let who = if pod.is_some() {
            trace.met_if(self.is_in_node_status(address), Feature::NodeAddressIsAPods);
            Who::Pod
        } else if self.is_node(address, trace) {
            Who::Node
        } else {
            Who::External
        };
        End { address, pod, who }
    }

    /// 1. "A pod: an address in `status.podIPs` (else `status.podIP`) of a pod that is not
    ///    host-networked and whose phase is not `Succeeded` or `Failed`."
    fn pod_at(&self, address: IpAddr, trace: &Trace) -> Option<&Value> {
        let claimants: Vec<&Value> = self
            .pods
            .iter()
            .filter(|pod| pod_addresses(pod).contains(&address))
            .filter(|pod| !is_host_networked(pod) && !has_ended(pod))
            .collect();
        let winner = claimants.iter().copied().min_by_key(|pod| claim(pod));
        self.trace_pod(address, &claimants, winner, trace);
        winner
    }

    fn trace_pod(
        &self,
        address: IpAddr,
        claimants: &[&Value],
        winner: Option<&Value>,
        trace: &Trace,
    ) {
        for pod in &self.pods {
            let only_in_pod_ip = text(pod, &["status", "podIP"]).and_then(parse_address)
                == Some(address)
                && !pod_addresses(pod).contains(&address);
            trace.met_if(only_in_pod_ip, Feature::PodIpsOverrulePodIp);
            if pod_addresses(pod).contains(&address) {
                trace.met_if(has_ended(pod), Feature::EndedPodLetsGo);
                trace.met_if(is_host_networked(pod), Feature::HostNetworkedPodIsNoPod);
            }
        }
        let Some(winner) = winner else { return };
        trace.met_if(is_deleting(winner), Feature::DeletingPodCounts);
        trace.met_if(
            list(winner, &["status", "podIPs"]).is_empty(),
            Feature::PodByPodIpAlone,
        );
        let spelled = |spelled: &&str| spelled.parse().ok() == Some(address);
        trace.met_if(
            !spelled_addresses(winner).iter().any(spelled),
            Feature::PodByMappedSpelling,
        );
        for loser in claimants {
            if claim(loser) != claim(winner) {
                trace.met(contest(claim(winner), claim(loser)));
            }
        }
    }

    /// 2. "A node: an IP address in `Node.status.addresses` (of whatever type), a pod's
    ///    `status.hostIP`/`hostIPs`, or an address of a host-networked pod."
    ///
    /// Nothing hangs on whether an address is a node or external, but coverage does.
    fn is_node(&self, address: IpAddr, trace: &Trace) -> bool {
        let by_status = self.is_in_node_status(address);
        let by_host_ip = self
            .pods
            .iter()
            .any(|pod| host_addresses(pod).contains(&address));
        let by_pod = self
            .pods
            .iter()
            .any(|pod| is_host_networked(pod) && pod_addresses(pod).contains(&address));
        trace.met_if(by_status, Feature::NodeByStatus);
        trace.met_if(by_host_ip && !by_status, Feature::NodeByHostIp);
        trace.met_if(
            by_pod && !by_status && !by_host_ip,
            Feature::NodeByHostNetworkedPod,
        );
        by_status || by_host_ip || by_pod
    }

    fn is_in_node_status(&self, address: IpAddr) -> bool {
        self.nodes
            .iter()
            .any(|node| node_addresses(node).contains(&address))
    }

    /// "A pod's *own node* is its `hostIP`/`hostIPs` and the addresses of the Node that its
    /// `spec.nodeName` names."
    pub(super) fn own_node_has(&self, pod: &Value, address: IpAddr) -> bool {
        host_addresses(pod).contains(&address) || self.named_node_has(pod, address)
    }

    /// The second half of the own node.
    pub(super) fn named_node_has(&self, pod: &Value, address: IpAddr) -> bool {
        text(pod, &["spec", "nodeName"]).is_some_and(|node_name| {
            self.nodes
                .iter()
                .filter(|node| name(node) == node_name)
                .any(|node| node_addresses(node).contains(&address))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(seconds("2000-02-29T12:00:00Z"), 951_825_600);
        assert_eq!(
            seconds("2024-05-01T02:00:00+02:00"),
            seconds("2024-05-01T00:00:00Z")
        );
        assert_eq!(
            seconds("2024-04-30T19:30:00.25-04:30"),
            seconds("2024-05-01T00:00:00Z")
        );
        assert!(seconds("2023-12-31T23:59:59Z") < seconds("2024-01-01T00:00:00Z"));
    }
}
