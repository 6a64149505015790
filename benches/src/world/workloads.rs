//! Namespaces, nodes, and pods in the sets of replicas that run them.

use netpolicy::model::{NamedPort, Namespace, Node, Phase, Pod, Workload};
use netpolicy::{Cluster, Protocol};
use rand::RngExt;

use super::addresses::AddressPlan;
use super::spec::Spec;
use super::{Rng, label, rng};

/// An application that many namespaces run.
pub(crate) struct App {
    pub(crate) name: &'static str,
    pub(crate) tier: &'static str,
    /// Its named ports.
    pub(crate) ports: &'static [(&'static str, u16)],
}

const fn app(name: &'static str, tier: &'static str, ports: &'static [(&'static str, u16)]) -> App {
    App { name, tier, ports }
}

/// What runs in the namespaces of teams.
pub(crate) const APPS: [App; 16] = [
    app("web", "frontend", &[("http", 8080), ("metrics", 9090)]),
    app("gateway", "frontend", &[("http", 8080), ("https", 8443)]),
    app("api", "backend", &[("http", 8080), ("metrics", 9090)]),
    app("auth", "backend", &[("http", 8081), ("metrics", 9090)]),
    app("orders", "backend", &[("grpc", 50051), ("metrics", 9090)]),
    app("billing", "backend", &[("grpc", 50051), ("metrics", 9091)]),
    app("search", "backend", &[("http", 9200), ("metrics", 9090)]),
    app("mailer", "worker", &[("metrics", 9090)]),
    app("worker", "worker", &[("metrics", 9090)]),
    app("cron", "worker", &[]),
    app("postgres", "data", &[("postgres", 5432), ("metrics", 9187)]),
    app("mysql", "data", &[("mysql", 3306), ("metrics", 9104)]),
    app("redis", "data", &[("redis", 6379), ("metrics", 9121)]),
    app("kafka", "data", &[("kafka", 9092), ("metrics", 9308)]),
    app("minio", "data", &[("http", 9000), ("console", 9001)]),
    app("etl", "worker", &[("metrics", 9090)]),
];

/// The namespaces that every cluster has, and what runs in each.
pub(crate) const SYSTEM: [(&str, App); 4] = [
    (
        "kube-system",
        app("coredns", "system", &[("metrics", 9153)]),
    ),
    ("monitoring", app("prometheus", "system", &[("web", 9090)])),
    (
        "ingress-nginx",
        app("ingress-nginx", "system", &[("http", 80), ("https", 443)]),
    ),
    ("logging", app("fluentd", "system", &[("forward", 24224)])),
];

/// The label by which policies tell applications apart.
pub(crate) const APP: &str = "app.kubernetes.io/name";
/// How many teams there are.
pub(crate) const TEAMS: usize = 200;
/// The environments of namespaces.
pub(crate) const ENVIRONMENTS: [&str; 3] = ["prod", "staging", "dev"];

/// What was put where.
pub(crate) struct Places {
    /// For each namespace, its name and the applications it runs.
    pub(crate) namespaces: Vec<(String, Vec<&'static App>)>,
    /// For each pod, its node.
    pub(crate) pod_nodes: Vec<u32>,
}

pub(crate) fn fill(spec: &Spec, plan: &mut AddressPlan, cluster: &mut Cluster) -> Places {
    let mut rng = rng(2);
    for node in 0..spec.nodes {
        cluster.insert_node(Node {
            name: node_name(node as u32).into(),
            labels: vec![
                label("kubernetes.io/hostname", node_name(node as u32)),
                label("topology.kubernetes.io/zone", format!("zone-{}", node % 3)),
                label("pool", format!("pool-{}", node % 5)),
            ]
            .into(),
            addresses: plan.of_node(node).into(),
        });
    }
    let mut namespaces: Vec<(String, Vec<&App>)> = (0..spec.namespaces)
        .map(|index| insert_namespace(spec, index, cluster))
        .collect();
    let mut pod_nodes = Vec::with_capacity(spec.pods);
    // Namespace after namespace gets a set of replicas, until there are pods enough.
    for round in 0.. {
        for index in 0..spec.namespaces {
            let missing = spec.pods - pod_nodes.len();
            if missing == 0 {
                return Places {
                    namespaces,
                    pod_nodes,
                };
            }
            let (namespace, apps) = &mut namespaces[index];
            let app = match SYSTEM.get(index) {
                Some((_, app)) if !spec.is_crowded() => app,
                _ => &APPS[(index * 7 + round * 3) % APPS.len()],
            };
            if apps.iter().all(|known| known.name != app.name) {
                apps.push(app);
            }
            let replicas = rng.random_range(1..=7).min(missing);
            let hash = format!("{:08x}{:02x}", rng.random::<u32>(), round & 0xff);
            for _ in 0..replicas {
                let (node, addresses) = plan.place_pod();
                let pod = Pod {
                    addresses: addresses.into(),
                    host_addresses: plan.of_node(node as usize).into(),
                    ..pod(&mut rng, namespace, app, &hash, node)
                };
                pod_nodes.push(node);
                cluster.insert_pod(pod);
            }
        }
    }
    unreachable!("the rounds end only where there are pods enough")
}

fn insert_namespace(
    spec: &Spec,
    index: usize,
    cluster: &mut Cluster,
) -> (String, Vec<&'static App>) {
    let (name, labels) = match SYSTEM.get(index) {
        Some((name, _)) if !spec.is_crowded() => {
            let labels = vec![label("team", "platform"), label("env", "system")];
            ((*name).to_owned(), labels)
        }
        _ => {
            let labels = vec![
                label("team", format!("team-{}", index % TEAMS)),
                label("env", ENVIRONMENTS[index % ENVIRONMENTS.len()]),
                label("cost-center", format!("cc-{}", index % 37)),
            ];
            (format!("ns-{index:04}"), labels)
        }
    };
    cluster.insert_namespace(Namespace {
        name: name.clone().into(),
        labels: labels.into(),
    });
    (name, Vec::new())
}

fn pod(rng: &mut Rng, namespace: &str, app: &App, hash: &str, node: u32) -> Pod<'static> {
    Pod {
        namespace: namespace.to_owned().into(),
        name: format!("{}-{hash}-{:08x}", app.name, rng.random::<u32>()).into(),
        labels: vec![
            label(APP, app.name),
            label("tier", app.tier),
            label(
                "version",
                format!("v{}", u8::from_str_radix(&hash[..1], 16).unwrap_or(0) % 3),
            ),
            label("pod-template-hash", hash),
        ]
        .into(),
        node_name: node_name(node).into(),
        phase: Phase::Running,
        ports: app
            .ports
            .iter()
            .map(|(name, number)| NamedPort {
                name: (*name).into(),
                protocol: Protocol::TCP,
                number: *number,
            })
            .collect(),
        workload: Some(Workload {
            kind: "ReplicaSet".into(),
            name: format!("{}-{hash}", app.name).into(),
        }),
        ..Pod::default()
    }
}

fn node_name(node: u32) -> String {
    format!("node-{node}")
}
