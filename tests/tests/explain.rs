//! Explanations: every reason, every nearest miss, every assumption, and the three
//! ways to ask.

use netpolicy::explain::{Assumption, NearestMiss, Reason};
use netpolicy::model::{IsolationScope, Label, NamedPort, Options, OwnNode, Pod, Tier};
use netpolicy::{Endpoint, ImageBuf, Protocol};
use netpolicy_tests::samples::compiled;

fn compile(manifests: &str) -> ImageBuf {
    compiled(manifests, &Options::default())
}

const PODS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: prod}}
---
apiVersion: v1
kind: Node
metadata: {name: worker, labels: {pool: a}}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}, {type: Hostname, address: worker}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: worker, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: worker, containers: [{name: c, ports: [{name: pg, containerPort: 5432}]}]}
status: {phase: Running, podIP: 10.0.0.2}
---
apiVersion: v1
kind: Pod
metadata: {name: stray, namespace: unlabelled}
spec: {containers: [{name: c}]}
status: {phase: Running, podIP: 10.0.0.3}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: later, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}}
---
";

const DATABASE: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {env: prod}}, podSelector: {matchLabels: {app: web}}}]
    ports: [{port: pg}]
  - from: [{ipBlock: {cidr: 172.16.0.0/16}}]
    ports: [{port: 5432}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}}
---
";

fn endpoint<'i>(image: &'i netpolicy::Image<'i>, text: &str) -> Endpoint<'i> {
    match text.split_once('/') {
        Some((namespace, name)) => Endpoint::Pod(image.pod(namespace, name).unwrap()),
        None => Endpoint::Address(text.parse().unwrap()),
    }
}

/// The explanation of the first pair.
macro_rules! explain {
    ($explanation:ident = $image:expr, $from:expr => $to:expr, $protocol:ident $port:expr) => {
        let image = $image.image();
        let pair = image
            .pairs(endpoint(&image, $from), endpoint(&image, $to))
            .next()
            .unwrap();
        let $explanation = pair.explain(Protocol::$protocol, $port);
        assert_eq!(
            pair.verdict(Protocol::$protocol, $port),
            $explanation.verdict()
        );
    };
}

#[test]
fn nobody_governs() {
    let image = compile(PODS);
    explain!(why = image, "203.0.113.7" => "shop/web", TCP 80);
    assert_eq!(why.egress().reason(), Reason::NotAPod);
    assert_eq!(why.ingress().reason(), Reason::NoPolicySelects);
    assert_eq!(why.ingress().tier(), None);
    assert_eq!(
        why.to_string(),
        "allow 203.0.113.7 (external) -> shop/web (10.0.0.1) TCP 80: \
         egress allowed: 203.0.113.7 (external) is no pod, so no policy governs it; \
         ingress allowed: no policy selects shop/web (10.0.0.1) for ingress"
    );
}

#[test]
fn the_same_pod() {
    let image = compile(&format!("{PODS}{DATABASE}"));
    explain!(why = image, "10.0.0.2" => "10.0.0.2", TCP 1);
    assert_eq!(
        (why.egress().reason(), why.ingress().reason()),
        (Reason::SamePod, Reason::SamePod)
    );
    assert!(why.verdict().is_allowed());
    // By its other family, too.
    let image = image.image();
    assert!(
        image
            .verdict(
                "10.0.0.1".parse().unwrap(),
                "fd00::1".parse().unwrap(),
                Protocol::TCP,
                1
            )
            .is_allowed()
    );
}

#[test]
fn a_rule_allows() {
    let image = compile(&format!("{PODS}{DATABASE}"));
    explain!(why = image, "shop/web" => "shop/db", TCP 5432);
    let Reason::Rule(rule) = why.ingress().reason() else {
        panic!("{why:#}")
    };
    assert_eq!(
        (
            rule.policy().kind(),
            rule.policy().namespace(),
            rule.policy().name()
        ),
        ("NetworkPolicy", Some("shop"), "db")
    );
    assert_eq!(
        (rule.index(), rule.name(), rule.allows(), rule.line()),
        (0, None, true, 41)
    );
    assert_eq!(rule.policy().source(), Some(("policies.yaml", 35)));
    assert_eq!(why.ingress().tier(), Some(Tier::NetworkPolicy));
    assert_eq!(
        why.ingress().policies().count(),
        2,
        "the policy that isolates and does not allow is named, too"
    );
    assert_eq!(why.ingress().assumptions().count(), 0);
}

#[test]
fn a_default_deny_names_every_policy_and_how_near_it_came() {
    let image = compile(&format!("{PODS}{DATABASE}"));
    let cases = [
        ("shop/web", 80, ["db: port 0", "deny: no rules"]),
        ("172.16.0.9", 80, ["db: port 1", "deny: no rules"]),
        ("unlabelled/stray", 5432, ["db: peer 0", "deny: no rules"]),
        ("203.0.113.7", 80, ["db: neither", "deny: no rules"]),
    ];
    for (from, port, expected) in cases {
        explain!(why = image, from => "shop/db", TCP port);
        assert_eq!(why.ingress().reason(), Reason::Isolated, "{why:#}");
        let found: Vec<_> = why
            .ingress()
            .policies()
            .map(|consulted| {
                let name = consulted.policy.name();
                match consulted.outcome {
                    Err(NearestMiss::Port(rule)) => format!("{name}: port {}", rule.index()),
                    Err(NearestMiss::Peer(rule)) => format!("{name}: peer {}", rule.index()),
                    Err(NearestMiss::Neither) => format!("{name}: neither"),
                    Err(NearestMiss::NoRules) => format!("{name}: no rules"),
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        assert_eq!(found, expected, "{from}");
    }
    explain!(why = image, "shop/web" => "shop/db", TCP 80);
    assert_eq!(
        why.to_string(),
        "deny shop/web (10.0.0.1) -> shop/db (10.0.0.2) TCP 80: ingress denied: shop/db (10.0.0.2) is isolated by \
         NetworkPolicy shop/db (ingress[0] matches the peer but not the port), \
         NetworkPolicy shop/deny (it has no rules)"
    );
}

#[test]
fn the_own_node_and_another() {
    let image = compile(&format!("{PODS}{DATABASE}"));
    explain!(why = image, "192.168.0.1" => "shop/db", TCP 1);
    assert_eq!(why.ingress().reason(), Reason::OwnNode);
    assert_eq!(
        why.ingress().to_string(),
        "allowed: 192.168.0.1 (node worker) is the own node of shop/db (10.0.0.2)"
    );
    let evaluated = Options {
        own_node_ingress: OwnNode::Evaluated,
        ..Options::default()
    };
    let image = compiled(&format!("{PODS}{DATABASE}"), &evaluated);
    explain!(why = image, "192.168.0.1" => "shop/db", TCP 1);
    assert_eq!(why.ingress().reason(), Reason::Isolated);
}

const ADMIN: &str = "
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: edge}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - {name: from-db, action: Deny, from: [{pods: {podSelector: {matchLabels: {app: db}}}}]}
  egress:
  - {action: Accept, to: [{domainNames: ['*.com']}]}
  - {name: leave-to-others, action: Pass, to: [{networks: [10.0.0.0/8]}]}
  - {name: unknown-peer, action: Accept, to: [{}]}
  - {action: Deny, to: [{nodes: {matchLabels: {pool: a}}}]}
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {matchLabels: {env: prod}}}
  egress:
  - {name: no-db, action: Deny, to: [{pods: {podSelector: {matchLabels: {app: db}}}}], ports: [{namedPort: pg}]}
---
";

#[test]
fn tiers() {
    let image = compile(&format!("{PODS}{ADMIN}"));
    explain!(why = image, "shop/db" => "shop/web", TCP 80);
    let Reason::Rule(rule) = why.ingress().reason() else {
        panic!("{why:#}")
    };
    assert_eq!(
        (rule.name(), rule.policy().priority(), rule.allows()),
        (Some("from-db"), Some(5), false)
    );
    assert_eq!(
        why.to_string(),
        "deny shop/db (10.0.0.2) -> shop/web (10.0.0.1) TCP 80: \
         ingress denied by ClusterNetworkPolicy edge (priority 5) ingress[0] \"from-db\""
    );

    explain!(why = image, "shop/web" => "shop/db", TCP 5432);
    assert_eq!(why.egress().tier(), Some(Tier::Baseline));
    assert_eq!(
        format!("{why:#}")
            .lines()
            .skip(1)
            .take(7)
            .collect::<Vec<_>>(),
        [
            "  egress of shop/web (10.0.0.1)",
            "    Admin tier",
            "      ClusterNetworkPolicy edge (priority 5) (policies.yaml:35): egress[1] \"leave-to-others\" passes (line 46)",
            "    Baseline tier",
            "      BaselineAdminNetworkPolicy default (policies.yaml:50): egress[0] \"no-db\" denies (line 56)",
            "    denied by BaselineAdminNetworkPolicy default egress[0] \"no-db\"",
            "  ingress of shop/db (10.0.0.2)",
        ]
    );

    explain!(why = image, "shop/web" => "192.168.0.1", TCP 1);
    assert!(
        matches!(why.egress().reason(), Reason::Rule(rule) if rule.index() == 3 && !rule.allows())
    );

    explain!(why = image, "shop/web" => "198.51.100.9", TCP 1);
    assert!(
        matches!(why.egress().reason(), Reason::Rule(rule) if rule.index() == 0 && rule.allows())
    );

    // An Accept with an unknown peer allows nothing, and is the nearest miss.
    explain!(why = image, "shop/web" => "203.0.113.7", TCP 1);
    assert_eq!(why.egress().reason(), Reason::NoRuleMatches);
    let consulted = why.egress().policies().next().unwrap();
    assert!(
        matches!(consulted.outcome, Err(NearestMiss::FailsClosed(rule)) if rule.index() == 2),
        "{why:#}"
    );
}

#[test]
fn a_rule_with_an_unknown_peer_denies_everything() {
    let image = compile(&format!(
        "{PODS}{}",
        ADMIN
            .replace("action: Pass", "action: Deny")
            .replace("networks: [10.0.0.0/8]", "hosts: {}")
    ));
    explain!(why = image, "shop/web" => "203.0.113.7", ICMP 0);
    let Reason::Rule(rule) = why.egress().reason() else {
        panic!("{why:#}")
    };
    assert!(rule.fails_closed() && !rule.allows());
    assert_eq!(
        why.egress().to_string(),
        "denied by ClusterNetworkPolicy edge (priority 5) egress[1] \"leave-to-others\": \
         it has a peer that is not known here, and fails closed"
    );
}

#[test]
fn final_in_both_directions_by_option() {
    let either = Options {
        isolation: IsolationScope::EitherDirection,
        ..Options::default()
    };
    let manifests = format!(
        "{PODS}{DATABASE}{}",
        ADMIN.replace("app: db}}}}], ports", "app: web}}}}], ports")
    );
    let image = compiled(&manifests, &either);
    explain!(why = image, "shop/db" => "shop/web", TCP 1);
    assert_eq!(why.egress().reason(), Reason::IsolatedElsewhere, "{why:#}");
    assert_eq!(why.egress().tier(), Some(Tier::NetworkPolicy));
}

#[test]
fn what_had_to_be_assumed() {
    let image = compile(&format!("{PODS}{DATABASE}"));
    explain!(why = image, "unlabelled/stray" => "shop/db", TCP 5432);
    let assumptions: Vec<_> = why.ingress().assumptions().collect();
    assert_eq!(
        assumptions,
        [Assumption::NamespaceWithoutLabels("unlabelled")]
    );
    assert_eq!(
        assumptions[0].to_string(),
        "namespace unlabelled has no labels but its name, as no Namespace object was given"
    );
    // A workload has no address yet.
    explain!(why = image, "shop/later" => "shop/db", TCP 80);
    assert_eq!(
        why.ingress().assumptions().collect::<Vec<_>>(),
        [Assumption::NoAddress]
    );
    // What decides without asking assumes nothing.
    explain!(why = image, "shop/later" => "shop/db", TCP 5432);
    assert!(why.verdict().is_allowed());
    assert_eq!(why.ingress().assumptions().count(), 0);
    // A node address, and a pod of which no node is known.
    let manifests = format!("{PODS}{DATABASE}").replace(
        "{nodeName: worker, containers: [{name: c, ports: [{name: pg",
        "{containers: [{name: c, ports: [{name: pg",
    );
    let image = compile(&manifests);
    explain!(why = image, "192.168.0.1" => "shop/db", TCP 1);
    assert_eq!(
        why.ingress().assumptions().collect::<Vec<_>>(),
        [Assumption::OwnNodeUnknown]
    );
    assert!(!why.verdict().is_allowed());
}

#[test]
fn what_if_a_pod_were_started() {
    let image = compile(&format!("{PODS}{DATABASE}"));
    let image = image.image();
    let described = |namespace: &'static str, app: &'static str| Pod {
        namespace: namespace.into(),
        labels: vec![Label::new("app", app)].into(),
        ports: vec![NamedPort {
            name: "pg".into(),
            protocol: Protocol::TCP,
            number: 6000,
        }]
        .into(),
        ..Pod::default()
    };
    let database = Endpoint::Pod(image.pod("shop", "db").unwrap());
    let verdict = |from: &Pod<'_>, to: &Pod<'_>, port: u16| {
        let forth = image.verdict_between(Endpoint::Described(from), database, Protocol::TCP, port);
        let back = image.verdict_between(
            Endpoint::Described(from),
            Endpoint::Described(to),
            Protocol::TCP,
            port,
        );
        (forth.unwrap().is_allowed(), back.unwrap().is_allowed())
    };
    let (web, elsewhere, other_database) = (
        described("shop", "web"),
        described("elsewhere", "web"),
        described("shop", "db"),
    );
    // The policy selects the described database as well, and its port is called pg there.
    assert_eq!(verdict(&web, &other_database, 5432), (true, false));
    assert_eq!(verdict(&web, &other_database, 6000), (false, true));
    assert_eq!(verdict(&elsewhere, &other_database, 5432), (false, false));
    // To itself it may always talk.
    assert_eq!(verdict(&other_database, &other_database, 1), (false, true));
    // With an address it is in blocks as well, and pairs with addresses of its family only.
    let mut placed = described("elsewhere", "x");
    placed.addresses = vec!["172.16.0.5".parse().unwrap(), "fd00::5".parse().unwrap()].into();
    assert_eq!(
        image.pairs(Endpoint::Described(&placed), database).count(),
        1
    );
    assert!(verdict(&placed, &other_database, 5432).0);
}

#[test]
fn endpoints_pair_by_family() {
    let image = compile(PODS);
    let image = image.image();
    let count = |from: &str, to: &str| {
        image
            .pairs(endpoint(&image, from), endpoint(&image, to))
            .count()
    };
    assert_eq!(count("shop/web", "shop/web"), 2);
    assert_eq!(count("shop/web", "shop/db"), 1);
    assert_eq!(count("shop/web", "shop/later"), 2);
    assert_eq!(count("fd00::9", "shop/db"), 0);
    assert!(
        image
            .verdict_between(
                endpoint(&image, "fd00::9"),
                endpoint(&image, "shop/db"),
                Protocol::TCP,
                1
            )
            .is_none()
    );
}

#[test]
fn a_pass_behind_which_nothing_decides() {
    let image = compile(&format!("{PODS}{ADMIN}"));
    explain!(why = image, "shop/web" => "10.9.9.9", TCP 80);
    let Reason::Passed(rule) = why.egress().reason() else {
        panic!("{why:#}")
    };
    assert_eq!(rule.name(), Some("leave-to-others"));
    assert_eq!(why.egress().tier(), None);
    assert_eq!(
        why.egress().to_string(),
        "allowed: ClusterNetworkPolicy edge (priority 5) egress[1] \"leave-to-others\" passes, \
         and nothing behind it decides"
    );
    let json = serde_json::to_value(why).unwrap();
    assert_eq!(json["egress"]["reason"], "passed");
    assert_eq!(json["egress"]["rule"]["name"], "leave-to-others");
}

#[test]
fn what_was_assumed_is_in_the_sentence() {
    let policy = DATABASE.replace("env: prod", "env: prod, x: y");
    let image = compile(&format!("{PODS}{policy}"));
    explain!(why = image, "unlabelled/stray" => "shop/db", TCP 5432);
    assert!(
        why.to_string().ends_with(
            " (assuming namespace unlabelled has no labels but its name, as no Namespace object was given)"
        ),
        "{why}"
    );
    explain!(why = image, "shop/web" => "shop/db", TCP 5432);
    assert!(!why.to_string().contains("assuming"), "{why}");
}

#[test]
fn an_address_that_another_pod_holds() {
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{}}\n\
             status: {{phase: Running, podIP: 10.0.0.9}}\n---\n"
        )
    };
    let image = compile(&format!("{}{}{PODS}", pod("p"), pod("q")));
    explain!(why = image, "shop/q" => "shop/p", TCP 80);
    let expected = Assumption::HeldByAnother {
        address: "10.0.0.9".parse().unwrap(),
        asked: ("shop", "q"),
        holder: ("shop", "p"),
    };
    for direction in why.directions() {
        assert_eq!(direction.assumptions().collect::<Vec<_>>(), [expected]);
    }
    assert!(
        why.to_string()
            .ends_with(" (assuming 10.0.0.9 of shop/q is held by shop/p)"),
        "{why}"
    );
    explain!(why = image, "10.0.0.9" => "shop/p", TCP 80);
    assert_eq!(why.egress().assumptions().count(), 0);
}

#[test]
fn a_host_networked_stand_in_keeps_its_name() {
    let image = compile(&format!(
        "{PODS}apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: agent, namespace: shop}}\n\
         spec: {{template: {{spec: {{hostNetwork: true, containers: []}}}}}}\n"
    ));
    explain!(why = image, "shop/agent" => "shop/db", TCP 80);
    assert!(
        why.to_string()
            .starts_with("allow shop/agent (on the host network) -> shop/db (10.0.0.2) TCP 80: "),
        "{why}"
    );
}
