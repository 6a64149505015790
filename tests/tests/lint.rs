//! What lint calls removable is removed, and no connection differs; what it says
//! nothing of is looked at as well. And each kind of finding, once with and once
//! without what it is about.

use std::cell::Cell;

use netpolicy::lint::{Code, Finding, lint, lint_within};
use netpolicy::manifest::Loader;
use netpolicy::model::{DomainName, Options};
use netpolicy::reach::Difference;
use netpolicy::{Cluster, ImageBuf};
use netpolicy_tests::findings::{PODS, found, found_in};
use netpolicy_tests::worlds::{World, world};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::Value;

fn load(manifests: &[Value], world: &World) -> (Cluster, ImageBuf) {
    let mut loader = Loader::default();
    loader.read_text("world.json", &serde_json::to_string(manifests).unwrap());
    for (name, addresses) in &world.domains {
        loader.domain_name(DomainName {
            name: name.clone().into(),
            addresses: addresses.clone().into(),
        });
    }
    let cluster = loader.finish().cluster;
    let (image, _) = cluster.compile(&Options::default()).unwrap();
    (cluster, image)
}

/// Whether an object is the one that a finding names.
fn is_named(object: &Value, finding: &Finding) -> bool {
    let kind = object["kind"].as_str().unwrap_or("");
    let name = object["metadata"]["name"].as_str().unwrap_or("");
    let namespace = object["metadata"]["namespace"].as_str();
    let is_namespaced = kind == "NetworkPolicy";
    finding.diagnostic.object
        == if is_namespaced {
            format!("{kind} {}/{name}", namespace.unwrap_or("default"))
        } else {
            format!("{kind} {name}")
        }
}

/// The manifests without all that findings call removable. Rules go from the last on, so
/// that the places of those before stay what they are.
fn without_all(manifests: &[Value], removable: &[&Finding]) -> Vec<Value> {
    let place = |finding: &Finding| {
        let path = &finding.diagnostic.path;
        let index = path.split(['[', ']']).nth(1);
        index.and_then(|index| index.parse::<usize>().ok())
    };
    let mut removable = removable.to_vec();
    removable.sort_by_key(|finding| std::cmp::Reverse(place(finding)));
    removable
        .iter()
        .fold(manifests.to_vec(), |left, finding| without(&left, finding))
}

/// The manifests without what a finding calls removable.
fn without(manifests: &[Value], finding: &Finding) -> Vec<Value> {
    if finding.code == Code::RemovablePolicy {
        let kept = manifests.iter().filter(|object| !is_named(object, finding));
        return kept.cloned().collect();
    }
    // spec.ingress[2], or spec.ingress for all rules of a direction.
    let path = finding.diagnostic.path.strip_prefix("spec.").unwrap();
    let (direction, index) = match path.split_once('[') {
        Some((direction, index)) => {
            let index: usize = index.strip_suffix(']').unwrap().parse().unwrap();
            (direction, Some(index))
        }
        None => (path, None),
    };
    let mut manifests = manifests.to_vec();
    for object in manifests
        .iter_mut()
        .filter(|object| is_named(object, finding))
    {
        let spec = &mut object["spec"];
        let types_are_stated = spec["policyTypes"]
            .as_array()
            .is_some_and(|types| !types.is_empty());
        // A policy that isolates for egress because it has rules must go on to do so.
        if !types_are_stated && object["kind"] == "NetworkPolicy" {
            let has_egress = object["spec"]["egress"]
                .as_array()
                .is_some_and(|rules| !rules.is_empty());
            object["spec"]["policyTypes"] = if has_egress {
                serde_json::json!(["Ingress", "Egress"])
            } else {
                serde_json::json!(["Ingress"])
            };
        }
        let rules = object["spec"][direction].as_array_mut().unwrap();
        match index {
            Some(index) => {
                rules.remove(index);
            }
            None => rules.clear(),
        }
    }
    manifests
}

#[test]
fn what_is_removable_is_removed() {
    let (removed, kept) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config {
        cases: 60,
        rng_seed: RngSeed::Fixed(20_261_125),
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&world(), |world| {
            let (cluster, image) = load(&world.manifests, &world);
            let image = image.image();
            let findings = lint(&cluster, &image);
            for finding in findings.iter().filter(is_removable) {
                let (_, fewer) = load(&without(&world.manifests, finding), &world);
                let difference = Difference::between(&image, &fewer.image());
                removed.set(removed.get() + 1);
                if !difference.is_empty() {
                    return Err(TestCaseError::fail(format!(
                        "{finding:?}: {:#?}",
                        difference.changes
                    )));
                }
            }
            let all: Vec<&Finding> = findings.iter().filter(is_removable).collect();
            let (_, fewest) = load(&without_all(&world.manifests, &all), &world);
            let difference = Difference::between(&image, &fewest.image());
            if !difference.is_empty() {
                return Err(TestCaseError::fail(format!(
                    "{all:#?} together: {:#?}",
                    difference.changes
                )));
            }
            // And the other way round: policies that could go are found, unless they
            // protect what is still to come.
            for policy in image
                .policies()
                .filter(|policy| policy.selected_pods() != 0)
            {
                let name = policy.to_string();
                let name = name.split(" (priority").next().unwrap();
                let is_found = findings.iter().any(|finding| {
                    finding.code == Code::RemovablePolicy && finding.diagnostic.object == name
                });
                kept.set(kept.get() + usize::from(!is_found));
            }
            Ok(())
        })
        .unwrap();
    assert!(removed.get() > 100, "{} were removed", removed.get());
    assert!(kept.get() > 50, "{} policies were kept", kept.get());
}

fn is_removable(finding: &&Finding) -> bool {
    matches!(
        finding.code,
        Code::RemovablePolicy | Code::RemovableRule | Code::RulesWithoutType | Code::ShadowedRule
    )
}

/// Codes and paths of the findings about policies and their rules.
fn effects(policies: &str) -> Vec<(&'static str, String, String)> {
    effects_in(&format!("{PODS}{policies}"))
}

fn effects_in(manifests: &str) -> Vec<(&'static str, String, String)> {
    let found = found_in(manifests).into_iter();
    let found = found.filter(|finding| finding.code.code().starts_with("NP1"));
    found
        .map(|Finding { code, diagnostic }| (code.code(), diagnostic.object, diagnostic.path))
        .collect()
}

fn admin(name: &str, rules: &str) -> String {
    format!(
        "
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {{name: {name}}}
spec: {{priority: 5, subject: {{namespaces: {{}}}}, ingress: [{rules}]}}
---
"
    )
}

#[test]
fn who_is_still_to_come_counts() {
    let none: [(&str, String, String); 0] = [];
    let of = |namespaces: &str| format!("from: [{{namespaces: {{{namespaces}}}}}]");
    let web = of("matchExpressions: [{key: team, operator: In, values: [web, data]}]");
    let all = of("");
    // Every pod that was given is in one of those namespaces; others may come.
    let pass_then_deny = format!("{{action: Pass, {web}}}, {{action: Deny, {all}}}");
    assert_eq!(effects(&admin("a", &pass_then_deny)), none);
    let deny_all_first = format!("{{action: Deny, {all}}}, {{action: Allow, {web}}}");
    assert_eq!(
        effects(&admin("a", &deny_all_first)),
        [(
            "NP103",
            "AdminNetworkPolicy a".to_owned(),
            "spec.ingress[1]".to_owned()
        )]
    );
    // A baseline for all, and a NetworkPolicy for the one namespace with policies.
    let baseline = "
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec: {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dd, namespace: data}
spec: {podSelector: {}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dd, namespace: web}
spec: {podSelector: {}}
";

    assert_eq!(effects(baseline), none);
}

#[test]
fn what_waits_for_nodes_or_domain_names_is_not_removable() {
    let none: [(&str, String, String); 0] = [];
    // No node is given: this decides once there is one.
    let nodes = "
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: a}
spec:
  priority: 5
  subject: {namespaces: {}}
  egress:
  - {action: Allow, to: [{nodes: {matchLabels: {role: cp}}}, {networks: [10.0.0.0/8]}]}
  - {action: Deny, to: [{nodes: {}}]}
";

    assert_eq!(effects(nodes), none);
    // Nor where the domain is: it might be in the network that is denied.
    let names = "
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: names}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  egress:
  - {action: Accept, to: [{networks: [10.0.0.0/8]}]}
  - {action: Accept, to: [{domainNames: ['*.example.com']}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: denial}
spec:
  tier: Admin
  priority: 2
  subject: {namespaces: {}}
  egress:
  - {action: Deny, to: [{networks: [203.0.113.0/24]}]}
";

    // What is accepted at first is so without the rule as well.
    assert_eq!(
        effects(names),
        [(
            "NP102",
            "ClusterNetworkPolicy names".to_owned(),
            "spec.egress[0]".to_owned()
        )]
    );
}

/// A NetworkPolicy of namespace `data` with these rules for ingress.
fn ingress(name: &str, subject: &str, rules: &str) -> String {
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: data}}
spec: {{podSelector: {{{subject}}}, ingress: [{rules}]}}
---
"
    )
}

#[test]
fn where_no_pods_are_given_those_to_come_count() {
    let none: [(&str, String, String); 0] = [];
    let found = |code: &'static str, path: &str| {
        [(code, "NetworkPolicy data/p".to_owned(), path.to_owned())]
    };
    let any = "{from: [{namespaceSelector: {}}]}";
    let port = "{from: [{namespaceSelector: {}}], ports: [{port: 80}]}";
    assert_eq!(effects_in(&ingress("p", "", any)), none);
    assert_eq!(
        effects_in(&ingress("p", "", &format!("{any}, {port}"))),
        found("NP102", "spec.ingress[1]")
    );
    let of_web = "matchLabels: {app: web}";
    let two = ingress("p", of_web, port) + &ingress("q", "", any);
    assert_eq!(effects_in(&two), found("NP101", ""));
    // Pods that only the one selects may come.
    let not_bad = "matchExpressions: [{key: role, operator: NotIn, values: [bad]}]";
    let two = ingress("p", of_web, port) + &ingress("q", not_bad, any);
    assert_eq!(effects_in(&two), none);
    // And peers that only the first rule matches.
    let from = |values: &str| {
        format!(
            "{{from: [{{podSelector: {{matchExpressions: [{{key: role, operator: NotIn, values: [{values}]}}]}}}}]}}"
        )
    };
    let wider_first = format!("{}, {}", from("bad"), from("bad, worse"));
    assert_eq!(
        effects_in(&ingress("p", "", &wider_first)),
        found("NP102", "spec.ingress[1]")
    );
    // What is said to select nothing is not said to do nothing as well.
    let of_nobody = ingress("p", "matchLabels: {app: nobody}", port) + &ingress("q", "", any);
    assert_eq!(effects(&of_nobody), none);
}

#[test]
fn pods_to_come_may_be_selected_twice() {
    let from = |action: &str, label: &str| {
        format!(
            "{{action: {action}, from: [{{pods: {{namespaceSelector: {{}}, podSelector: {{matchLabels: {{{label}}}}}}}}}]}}"
        )
    };
    // Passing matters to a peer that has both labels.
    let rules = [from("Pass", "app: a"), from("Deny", "tier: b")].join(", ");
    assert_eq!(effects(&admin("a", &rules)), []);
}

#[test]
fn rules_of_a_policy_that_comes_too_late_never_decide() {
    let policy = |name: &str, priority: u32, action: &str| {
        format!(
            "
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {{name: {name}}}
spec: {{priority: {priority}, subject: {{namespaces: {{}}}}, ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]}}
---
"
        )
    };
    let late = |path: &str| ("AdminNetworkPolicy late".to_owned(), path.to_owned());
    for action in ["Deny", "Allow"] {
        let policies = policy("early", 1, "Allow") + &policy("late", 2, action);
        let mut found = effects(&policies);
        found.sort();
        let found: Vec<_> = found
            .into_iter()
            .map(|(code, name, path)| (code, (name, path)))
            .collect();
        let expected = [("NP101", late("")), ("NP103", late("spec.ingress[0]"))];
        // To allow what no policy denies is no effect either.
        let found = found
            .into_iter()
            .filter(|(_, (name, _))| name.ends_with("late"));
        assert_eq!(found.collect::<Vec<_>>(), expected, "{action}");
    }
}

#[test]
fn what_opens_all_it_isolates_is_said_to_protect_nobody() {
    let all = ingress("p", "", "{ports: []}");
    let found = found(&all);
    let of_policy = |finding: &&Finding| finding.code == Code::RemovablePolicy;
    let message = &found.iter().find(of_policy).unwrap().diagnostic.message;
    assert!(
        message.ends_with(
            "; ingress[0] allows everything with everybody, so the pods are as open with the \
             policy as without one: if it is to protect them, narrow that rule instead"
        ),
        "{message}"
    );
}

#[test]
fn which_of_two_comes_first_is_open() {
    let rule = |action: &str| format!("{{action: {action}, from: [{{namespaces: {{}}}}]}}");
    let policies = admin("a", &rule("Deny")) + &admin("b", &rule("Allow"));
    let codes: Vec<_> = effects(&policies).into_iter().map(|it| it.0).collect();
    assert_eq!(codes, ["NP104"]);
    let findings = found(&policies);
    let conflict = findings.iter().find(|it| it.code == Code::PriorityConflict);
    let message = &conflict.unwrap().diagnostic.message;
    let witness = "such as TCP 1 from a pod without labels in a namespace with \
                   kubernetes.io/metadata.name;";
    assert!(message.contains(witness), "{message}");
}

#[test]
fn what_nothing_asks_for_is_removable() {
    let policy = |types: &str| {
        format!(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: data}}
spec: {{podSelector: {{}}, {types}ingress: [{{ports: [{{port: 5432}}]}}], egress: [{{}}, {{ports: [{{port: 53}}]}}]}}
---
"
        )
    };
    let egress = (
        "NP106",
        "NetworkPolicy data/p".to_owned(),
        "spec.egress".to_owned(),
    );
    assert_eq!(effects(&policy("policyTypes: [Ingress], ")), [egress]);
    let both = effects(&policy(""));
    assert!(both.iter().all(|(code, ..)| *code != "NP106"), "{both:?}");
    let without_rules = admin("a", "");
    assert_eq!(
        effects(&without_rules),
        [("NP101", "AdminNetworkPolicy a".to_owned(), String::new())]
    );
}

#[test]
fn of_equal_policies_one_stays() {
    let policy = |name: &str| {
        format!(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: data}}
spec: {{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {{}}}}]}}]}}
---
"
        )
    };
    assert_eq!(
        effects(&(policy("p") + &policy("q"))),
        [("NP101", "NetworkPolicy data/p".to_owned(), String::new())]
    );
}

/// Findings about effects, where so many steps may be taken.
fn effects_within(text: &str, steps: u64) -> Vec<Finding> {
    let mut loader = Loader::default();
    loader.read_text("test.yaml", text);
    let cluster = loader.finish().cluster;
    let (image, _) = cluster.compile(&Options::default()).unwrap();
    let mut findings = lint_within(&cluster, &image.image(), steps);
    findings.retain(|finding| finding.code.code().starts_with("NP1"));
    findings
}

#[test]
fn what_was_not_compared_is_said() {
    let denial = admin("a", "{action: Deny, from: [{namespaces: {}}]}");
    let text = format!("{PODS}{denial}");
    let not_compared = effects_within(&text, 0);
    assert_eq!(not_compared.len(), 1);
    assert_eq!(not_compared[0].code, Code::TooMuchToCompare);
    let message = &not_compared[0].diagnostic.message;
    assert!(
        message.contains("AdminNetworkPolicy a"),
        "which is said: {message}"
    );
    assert_eq!(effects_within(&text, 100_000), []);
}

/// A policy that opens port 1 of the pods with `app: {app}` twice.
fn twice(app: &str) -> String {
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {app}, namespace: web}}
spec:
  podSelector: {{matchLabels: {{app: {app}}}}}
  ingress: [{{ports: [{{port: 1}}]}}, {{ports: [{{port: 1}}]}}]
---
"
    )
}

#[test]
fn what_takes_too_long_is_not_at_the_expense_of_the_rest() {
    let pod = |app: &str| {
        format!(
            "
apiVersion: v1
kind: Pod
metadata: {{name: {app}, namespace: web, labels: {{app: {app}}}}}
spec: {{}}
---
"
        )
    };
    let rules: String = (1..400)
        .map(|port| {
            format!(
                "{{from: [{{ipBlock: {{cidr: 10.0.{}.0/24}}}}], ports: [{{port: {port}}}, {{port: {port}}}]}}, ",
                port % 250
            )
        })
        .collect();
    let large = format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: large, namespace: web}}
spec: {{podSelector: {{matchLabels: {{app: b}}}}, ingress: [{rules}]}}
---
"
    );
    let text = [pod("a"), pod("b"), large, twice("a")].concat();
    let found = effects_within(&text, 200_000);
    let of = |code: Code| {
        let mut found = found.iter().filter(move |finding| finding.code == code);
        (found.next().unwrap(), found.count())
    };
    let (removable, others) = of(Code::RemovableRule);
    assert_eq!(removable.diagnostic.object, "NetworkPolicy web/a");
    assert_eq!(others, 0);
    let (rest, _) = of(Code::TooMuchToCompare);
    let message = &rest.diagnostic.message;
    assert!(
        message.ends_with("NetworkPolicy web/large"),
        "only that: {message}"
    );
}

#[test]
fn many_workloads_are_compared() {
    let mut text = String::from("apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n---\n");
    for number in 0..300 {
        let app = format!("w{number}");
        text += &format!(
            "
apiVersion: v1
kind: Pod
metadata: {{name: {app}, namespace: web, labels: {{app: {app}}}}}
spec: {{}}
status: {{podIP: 10.0.{}.{}}}
---
",
            number / 250,
            number % 250
        );
        text += &twice(&app);
    }
    // Each with each at two ports would be hundreds of thousands of questions.
    let found = effects_within(&text, 100_000);
    assert!(
        found
            .iter()
            .all(|finding| finding.code == Code::RemovableRule)
    );
    assert_eq!(found.len(), 300);
}
