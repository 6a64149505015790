//! What explanations say: every sentence, and when an assumption is told.

use netpolicy::explain::Assumption;
use netpolicy::model::{IsolationScope, Label, Options, Pod, Tier};
use netpolicy::{Connection, Endpoint, Image, ImageBuf, Pair, Protocol};
use netpolicy_tests::samples::compiled;

const PODS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: prod}}
---
apiVersion: v1
kind: Node
metadata: {name: worker}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: worker, containers: []}
status: {phase: Running, podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: worker, containers: []}
status: {phase: Running, podIP: 10.0.0.2}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: unlabelled}
spec: {containers: []}
status: {phase: Running, podIP: 10.0.0.3}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: unlabelled}
spec: {containers: []}
status: {phase: Running, podIP: 10.0.0.4}
---
";

const DATABASE: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
---
";

fn image(policies: &str) -> ImageBuf {
    compiled(&format!("{PODS}{policies}"), &Options::default())
}

/// The connection between two addresses, as a pair.
fn pair<'i>(image: &'i Image<'i>, from: &str, to: &str) -> Pair<'i> {
    let [from, to] = [from, to].map(|text| Endpoint::Address(text.parse().unwrap()));
    image.pairs(from, to).next().unwrap()
}

/// A policy of a tier over all pods, with one egress rule.
fn cluster_policy(tier: &str, name: &str, rule: &str) -> String {
    format!(
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: {name}}}\n\
         spec: {{tier: {tier}, priority: 3, subject: {{namespaces: {{}}}}, egress: [{rule}]}}\n---\n"
    )
}

#[test]
fn the_same_pod() {
    let image = image(DATABASE);
    let image = image.image();
    let why = pair(&image, "10.0.0.2", "10.0.0.2").explain(Protocol::TCP, 1);
    assert_eq!(
        why.ingress().to_string(),
        "allowed: source and destination are the same pod"
    );
}

#[test]
fn a_pass_in_the_baseline_tier() {
    let image = image(&cluster_policy(
        "Baseline",
        "late",
        "{action: Pass, to: [{namespaces: {}}]}",
    ));
    let image = image.image();
    let why = pair(&image, "10.0.0.1", "10.0.0.2").explain(Protocol::TCP, 1);
    assert_eq!(
        why.egress().to_string(),
        "allowed: ClusterNetworkPolicy late (priority 3) egress[0] passes, and behind the Baseline tier nothing denies"
    );
}

#[test]
fn isolated_in_the_other_direction_only() {
    let options = Options {
        isolation: IsolationScope::EitherDirection,
        ..Options::default()
    };
    let image = compiled(&format!("{PODS}{DATABASE}"), &options);
    let image = image.image();
    let why = pair(&image, "10.0.0.2", "10.0.0.1").explain(Protocol::TCP, 1);
    assert_eq!(
        why.egress().to_string(),
        "allowed: shop/db (10.0.0.2) is isolated in the other direction only, which is final by option"
    );
}

#[test]
fn no_rule_matches() {
    let image = image(&cluster_policy(
        "Admin",
        "edge",
        "{action: Deny, to: [{networks: [10.9.0.0/16]}]}",
    ));
    let image = image.image();
    let why = pair(&image, "10.0.0.1", "10.0.0.2").explain(Protocol::TCP, 1);
    assert_eq!(
        why.egress().to_string(),
        "allowed: no rule of the policies that select shop/web (10.0.0.1) matches"
    );
}

#[test]
fn nearest_misses() {
    let image = image(&format!(
        "{DATABASE}{}",
        cluster_policy("Admin", "edge", "{name: later, action: Accept, to: [{}]}")
    ));
    let image = image.image();
    let why = pair(&image, "203.0.113.7", "10.0.0.2").explain(Protocol::TCP, 80);
    assert_eq!(
        why.ingress().to_string(),
        "denied: shop/db (10.0.0.2) is isolated by NetworkPolicy shop/db (no rule matches the peer or the port)"
    );
    let why = pair(&image, "10.0.0.1", "203.0.113.7").explain(Protocol::TCP, 80);
    let chain = format!("{why:#}");
    assert!(
        chain.contains(
            "\n      ClusterNetworkPolicy edge (priority 3) (policies.yaml:43): no match; \
             egress[0] \"later\" has a peer that is not known here, and allows nothing\n"
        ),
        "{chain}"
    );
}

#[test]
fn the_baseline_tier_is_silent_behind_isolation() {
    let rules = "ingress: [{action: Deny, from: [{namespaces: {}}]}]";
    let baseline = cluster_policy("Baseline", "late", "").replace("egress: []", rules);
    let image = image(&format!("{DATABASE}{baseline}"));
    let image = image.image();
    let tiers = |to: &str| -> Vec<Tier> {
        let why = pair(&image, "10.0.0.3", to).explain(Protocol::TCP, 80);
        why.ingress()
            .policies()
            .map(|consulted| consulted.policy.tier())
            .collect()
    };
    assert_eq!(tiers("10.0.0.2"), [Tier::NetworkPolicy]);
    assert_eq!(tiers("10.0.0.1"), [Tier::Baseline]);
}

/// Selects pods by a label of their namespaces, as subjects and as peers.
const BY_NAMESPACE: &str = "
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: prod}
spec:
  {tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {env: prod}}},
   egress: [{action: Deny, to: [{networks: [10.9.0.0/16]}]}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: everybody}
spec:
  {tier: Admin, priority: 2, subject: {namespaces: {}},
   egress: [{action: Deny, to: [{namespaces: {matchLabels: {env: prod}}}]}]}
---
";

#[test]
fn an_assumption_is_told_once_and_where_it_bears() {
    let image = image(BY_NAMESPACE);
    let image = image.image();
    let assumed = |from: &str, to: &str| {
        let why = pair(&image, from, to).explain(Protocol::TCP, 80);
        why.egress().assumptions().collect::<Vec<_>>()
    };
    // Subject and peer are in one namespace of which nothing is known.
    assert_eq!(
        assumed("10.0.0.3", "10.0.0.4"),
        [Assumption::NamespaceWithoutLabels("unlabelled")]
    );
    assert_eq!(
        assumed("10.0.0.1", "10.0.0.3"),
        [Assumption::NamespaceWithoutLabels("unlabelled")]
    );
    // To itself a pod may talk whatever its namespace.
    assert_eq!(assumed("10.0.0.3", "10.0.0.3"), []);
    // Ingress has no policy that asks.
    let why = pair(&image, "10.0.0.3", "10.0.0.4").explain(Protocol::TCP, 80);
    assert_eq!(why.ingress().assumptions().count(), 0);
}

#[test]
fn two_assumptions_stand_on_two_lines() {
    let image = image(BY_NAMESPACE);
    let image = image.image();
    let described = Pod {
        namespace: "nowhere".into(),
        ..Pod::default()
    };
    let peer = Pod {
        namespace: "elsewhere".into(),
        ..Pod::default()
    };
    let mut pairs = image.pairs(Endpoint::Described(&described), Endpoint::Described(&peer));
    let chain = format!("{:#}", pairs.next().unwrap().explain(Protocol::TCP, 80));
    let assumed: Vec<_> = chain
        .lines()
        .filter(|line| line.starts_with("    assumed: "))
        .collect();
    assert_eq!(
        assumed,
        [
            "    assumed: namespace nowhere has no labels but its name, as no Namespace object was given",
            "    assumed: namespace elsewhere has no labels but its name, as no Namespace object was given",
        ]
    );
}

#[test]
fn of_a_key_that_a_described_pod_has_twice_the_last_value_counts() {
    let image = image(DATABASE);
    let image = image.image();
    let described = |labels: [&'static str; 2]| Pod {
        namespace: "shop".into(),
        labels: labels.map(|value| Label::new("app", value)).to_vec().into(),
        ..Pod::default()
    };
    let database = Endpoint::Pod(image.pod("shop", "db").unwrap());
    let ask = |pod: &Pod<'_>| {
        let verdict =
            image.verdict_between(Endpoint::Described(pod), database, Protocol::TCP, 5432);
        verdict.unwrap().is_allowed()
    };
    assert!(ask(&described(["other", "web"])));
    assert!(!ask(&described(["web", "other"])));
}

#[test]
fn the_own_node_of_a_described_pod() {
    let image = image(DATABASE);
    let image = image.image();
    let described = |change: &dyn Fn(&mut Pod<'static>)| {
        let mut pod = Pod {
            namespace: "shop".into(),
            labels: vec![Label::new("app", "db")].into(),
            ..Pod::default()
        };
        change(&mut pod);
        pod
    };
    // Whether the node's ingress is allowed, and whether its owner had to be assumed.
    let ask = |pod: &Pod<'_>| {
        let node = Endpoint::Address("192.168.0.1".parse().unwrap());
        let mut pairs = image.pairs(node, Endpoint::Described(pod));
        let why = pairs.next().unwrap().explain(Protocol::TCP, 1);
        let ingress = why.ingress();
        let mut assumptions = ingress.assumptions();
        let is_assumed = assumptions.any(|it| it == Assumption::OwnNodeUnknown);
        (ingress.is_allowed(), is_assumed)
    };
    let worker = "192.168.0.1".parse().unwrap();
    let other = "192.168.0.2".parse().unwrap();
    assert_eq!(ask(&described(&|_| {})), (false, true));
    assert_eq!(
        ask(&described(&|pod| pod.node_name = "worker".into())),
        (true, false)
    );
    assert_eq!(
        ask(&described(&|pod| pod.node_name = "unheard-of".into())),
        (false, true)
    );
    assert_eq!(
        ask(&described(&|pod| pod.host_addresses = vec![worker].into())),
        (true, false)
    );
    assert_eq!(
        ask(&described(&|pod| pod.host_addresses = vec![other].into())),
        (false, false)
    );
}

#[test]
fn explaining_by_addresses_and_by_pair_is_one() {
    let image = image(DATABASE);
    let image = image.image();
    let pair = pair(&image, "10.0.0.1", "10.0.0.2");
    let connection = Connection {
        source: pair.source().unwrap(),
        destination: pair.destination().unwrap(),
        protocol: Protocol::TCP,
        port: 80,
    };
    assert_eq!(
        image.explain(&connection).to_string(),
        pair.explain(Protocol::TCP, 80).to_string()
    );
}
