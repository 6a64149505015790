//! Pods, and the pod templates of workloads.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::Field;
use super::meta::Meta;
use crate::Protocol;
use crate::model::{NamedPort, Phase, Pod, PortRange, Problem};

/// What `spec` says of a pod, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct PodSpec {
    node_name: String,
    host_network: bool,
    ports: Vec<NamedPort<'static>>,
    declared_ports: Vec<(Protocol, u16)>,
}

/// Reads a Pod. SEMANTICS, "Who an address is".
pub(super) fn pod(object: &Field<'_, '_>) -> (Meta, Pod<'static>) {
    let mut fields = object.fields();
    let meta = Meta::read(&mut fields);
    let spec = fields
        .require("spec")
        .map(|field| spec(&field, meta.admitted))
        .unwrap_or_default();
    let status = fields
        .get("status")
        .map(|field| status(&field, meta.admitted))
        .unwrap_or_default();
    fields.finish_admitted(meta.admitted);
    let pod = Pod {
        addresses: status.addresses.into(),
        host_addresses: status.host_addresses.into(),
        phase: status.phase,
        deleting: meta.deleting,
        created: meta.created,
        ..unscheduled(&meta, spec)
    };
    (meta, pod)
}

/// A pod of which nothing but metadata and spec is known.
pub(super) fn unscheduled(meta: &Meta, spec: PodSpec) -> Pod<'static> {
    Pod {
        namespace: meta.namespace.clone().into(),
        name: meta.name.clone().into(),
        labels: meta.labels.clone().into(),
        node_name: spec.node_name.into(),
        host_network: spec.host_network,
        ports: spec.ports.into(),
        declared_ports: spec.declared_ports.into(),
        ..Pod::default()
    }
}

/// Reads `template` of a workload.
pub(super) fn template(field: &Field<'_, '_>, admitted: bool) -> (Meta, PodSpec) {
    let mut fields = field.fields();
    let meta = Meta::read_template(&mut fields);
    let spec = fields
        .require("spec")
        .map(|field| spec(&field, admitted))
        .unwrap_or_default();
    fields.finish_admitted(admitted);
    (meta, spec)
}

fn spec(field: &Field<'_, '_>, admitted: bool) -> PodSpec {
    let mut fields = field.fields();
    let mut ports = Vec::new();
    // What listens before the others start listens all the same.
    let mut until_started: Vec<NamedPort<'_>> = Vec::new();
    if let Some(containers) = fields.get("containers") {
        containers.list(|container| {
            ports.extend(container_ports(&container, admitted).ports);
            Some(())
        });
    }
    if let Some(containers) = fields.get("initContainers") {
        containers.list(|container| {
            // SEMANTICS: named ports are looked up in init containers that keep
            // running beside the others, too.
            let container = container_ports(&container, admitted);
            if container.restarts_always {
                ports.extend(container.ports);
            } else {
                until_started.extend(container.ports);
            }
            Some(())
        });
    }
    let node_name = fields
        .get("nodeName")
        .and_then(|field| field.text())
        .unwrap_or_default()
        .to_string();
    let host_network = fields
        .get("hostNetwork")
        .and_then(|field| field.bool())
        .unwrap_or(false);
    // The fields of PodSpec in Kubernetes 1.37.
    fields.ignore(&[
        "activeDeadlineSeconds",
        "affinity",
        "automountServiceAccountToken",
        "dnsConfig",
        "dnsPolicy",
        "enableServiceLinks",
        "ephemeralContainers",
        "evictionResponders",
        "hostAliases",
        "hostIPC",
        "hostPID",
        "hostUsers",
        "hostname",
        "hostnameOverride",
        "imagePullSecrets",
        "nodeSelector",
        "os",
        "overhead",
        "preemptionPolicy",
        "priority",
        "priorityClassName",
        "readinessGates",
        "resourceClaims",
        "resources",
        "restartPolicy",
        "runtimeClassName",
        "schedulerName",
        "schedulingGates",
        "schedulingGroup",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "subdomain",
        "terminationGracePeriodSeconds",
        "tolerations",
        "topologySpreadConstraints",
        "volumes",
        "workloadRef",
    ]);
    fields.finish_admitted(admitted);
    let declared_ports = ports
        .iter()
        .chain(&until_started)
        .map(|port: &NamedPort<'_>| (port.protocol, port.number))
        .collect();
    ports.retain(|port| !port.name.is_empty());
    PodSpec {
        node_name,
        host_network,
        ports,
        declared_ports,
    }
}

struct Container {
    restarts_always: bool,
    /// Those without a name have an empty one.
    ports: Vec<NamedPort<'static>>,
}

fn container_ports(field: &Field<'_, '_>, admitted: bool) -> Container {
    let mut fields = field.fields();
    let restart_policy = fields.get("restartPolicy").and_then(|field| field.text());
    let ports = fields
        .get("ports")
        .map(|field| field.list(|port| Some(container_port(&port, admitted))));
    // The fields of Container in Kubernetes 1.37.
    fields.ignore(&[
        "args",
        "command",
        "env",
        "envFrom",
        "image",
        "imagePullPolicy",
        "lifecycle",
        "livenessProbe",
        "name",
        "readinessProbe",
        "resizePolicy",
        "resources",
        "restartPolicyRules",
        "securityContext",
        "startupProbe",
        "stdin",
        "stdinOnce",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "tty",
        "volumeDevices",
        "volumeMounts",
        "workingDir",
    ]);
    fields.finish_admitted(admitted);
    Container {
        restarts_always: restart_policy == Some("Always"),
        ports: ports.unwrap_or_default().into_iter().flatten().collect(),
    }
}

/// A container port.
fn container_port(field: &Field<'_, '_>, admitted: bool) -> Option<NamedPort<'static>> {
    let mut fields = field.fields();
    let name = fields.get("name").and_then(|field| field.text());
    let protocol = match fields.get("protocol") {
        Some(field) => field.parse(Protocol::from_policy),
        None => Some(Protocol::TCP),
    };
    let number = fields.require("containerPort").and_then(|field| {
        let range = PortRange::single(field.int()?);
        range.map_err(|problem| field.refuse(problem)).ok()
    });
    fields.ignore(&["hostIP", "hostPort"]);
    fields.finish_admitted(admitted);
    Some(NamedPort {
        name: name.unwrap_or_default().to_string().into(),
        protocol: protocol?,
        number: number?.first(),
    })
}

#[derive(Default)]
struct PodStatus {
    addresses: Vec<IpAddr>,
    host_addresses: Vec<IpAddr>,
    phase: Phase,
}

fn status(field: &Field<'_, '_>, admitted: bool) -> PodStatus {
    let mut fields = field.fields();
    let phase = fields
        .get("phase")
        .and_then(|field| field.parse(Phase::from_api));
    let mut addresses = |one: &'static str, many: &'static str| {
        let first = fields.get(one).and_then(|field| address(&field));
        let list = fields
            .get(many)
            .map(|field| field.list(|item| ip(&item, admitted)));
        (first, list.unwrap_or_default())
    };
    // SEMANTICS: `status.podIPs`, else `status.podIP`.
    let (pod_ip, mut pod_ips) = addresses("podIP", "podIPs");
    if pod_ips.is_empty() {
        pod_ips.extend(pod_ip);
    }
    let (host_ip, mut host_ips) = addresses("hostIP", "hostIPs");
    if let Some(host_ip) = host_ip
        && !host_ips.contains(&host_ip)
    {
        host_ips.push(host_ip);
    }
    // The fields of PodStatus in Kubernetes 1.37.
    fields.ignore(&[
        "allocatedResources",
        "conditions",
        "containerStatuses",
        "ephemeralContainerStatuses",
        "extendedResourceClaimStatus",
        "initContainerStatuses",
        "message",
        "nodeAllocatableResourceClaimStatuses",
        "nominatedNodeName",
        "observedGeneration",
        "qosClass",
        "reason",
        "resize",
        "resourceClaimStatuses",
        "resources",
        "startTime",
        "volumeHealth",
    ]);
    fields.finish_admitted(admitted);
    PodStatus {
        addresses: pod_ips,
        host_addresses: host_ips,
        phase: phase.unwrap_or_default(),
    }
}

/// Reads an entry of `podIPs` or `hostIPs`.
fn ip(field: &Field<'_, '_>, admitted: bool) -> Option<IpAddr> {
    let mut fields = field.fields();
    let address = fields.require("ip").and_then(|field| address(&field));
    fields.finish_admitted(admitted);
    address
}

/// Reads an IP address; the empty string is none.
pub(super) fn address(field: &Field<'_, '_>) -> Option<IpAddr> {
    let text = field.text()?;
    if text.is_empty() {
        return None;
    }
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            field.refuse_value(Problem::NotAnAddress);
            None
        }
    }
}
