//! Warnings: each with what makes it go away, since a false alarm is a defect.

use netpolicy::check::check;
use netpolicy::manifest::Loader;
use netpolicy::model::Options;

fn warnings(manifests: &str) -> Vec<String> {
    let mut loader = Loader::default();
    loader.read_text("test.yaml", manifests);
    let loaded = loader.finish();
    let errors: Vec<_> = loaded.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let (image, _) = loaded.cluster.compile(&Options::default()).unwrap();
    check(&image.image())
        .iter()
        .map(ToString::to_string)
        .collect()
}

const WEB: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}
---
";

fn policy(spec: &str) -> String {
    format!(
        "{WEB}apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\nspec:\n  {spec}\n"
    )
}

#[test]
fn nothing_to_say() {
    assert!(warnings(&policy("podSelector: {matchLabels: {app: web}}\n  ingress: [{from: [{podSelector: {}}], ports: [{port: http}]}]")).is_empty());
}

#[test]
fn a_namespace_that_is_not_there() {
    let manifests = policy("podSelector: {}")
        .replace("namespace: shop}\nspec:\n", "namespace: shopp}\nspec:\n");
    assert_eq!(
        warnings(&manifests),
        [
            "test.yaml:7: warning: NetworkPolicy shopp/p: metadata.namespace: there is no such namespace, nor a pod in it"
        ]
    );
    let with_namespace =
        format!("{manifests}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shopp}}\n");
    // A default for all pods of a namespace, in which there are none yet.
    assert!(warnings(&with_namespace).is_empty());
    let with_labels =
        with_namespace.replace("podSelector: {}", "podSelector: {matchLabels: {a: b}}");
    assert_eq!(
        warnings(&with_labels),
        [
            "test.yaml:7: warning: NetworkPolicy shopp/p: spec.podSelector: selects none of the pods that were given"
        ]
    );
}

#[test]
fn selectors_that_select_nothing() {
    let manifests = policy(
        "podSelector: {matchLabels: {app: wep}}\n  ingress:\n  - from: [{podSelector: {}}]\n  - from: [{podSelector: {}}, {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}]",
    );
    assert_eq!(
        warnings(&manifests),
        [
            "test.yaml:7: warning: NetworkPolicy shop/p: spec.podSelector: selects none of the pods that were given",
            "test.yaml:14: warning: NetworkPolicy shop/p: spec.ingress[1].from[1]: selects none of the pods that were given",
        ]
    );
    // Without any pods nobody can tell.
    let without_pods = manifests.replace(WEB, "\n");
    assert!(
        warnings(&format!(
            "{without_pods}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n"
        ))
        .is_empty()
    );
}

#[test]
fn selectors_that_select_only_what_policies_do_not_see() {
    let text = |pod: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: job, namespace: shop, labels: {{app: job}}}}\n{pod}\n---\n{}",
            policy(
                "podSelector: {matchLabels: {app: job}}\n  ingress:\n  - from: [{podSelector: {matchLabels: {app: job}}}]"
            )
        )
    };
    let ended = warnings(&text("spec: {}\nstatus: {phase: Succeeded}"));
    assert_eq!(ended.len(), 2, "{ended:?}");
    for warning in ended {
        let end = "selects only pods that have ended (1)";
        assert!(warning.ends_with(end), "{warning}");
    }
    let on_node = warnings(&text("spec: {hostNetwork: true}"));
    assert_eq!(on_node.len(), 2, "{on_node:?}");
    for warning in on_node {
        let end = "selects only pods on the network of their node (1), which are nodes to policies";
        assert!(warning.ends_with(end), "{warning}");
    }
    assert!(warnings(&text("spec: {}")).is_empty());
}

#[test]
fn dns_servers_need_not_be_given() {
    let egress = |pods: &str| {
        policy(&format!(
            "podSelector: {{}}\n  egress:\n  - to: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{{pods}}}}}}}]"
        ))
    };
    let dns = egress("k8s-app: kube-dns");
    assert!(warnings(&dns).is_empty(), "kube-system may have them");
    let other =
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: kube-system}\nspec: {}\n";
    assert_eq!(warnings(&format!("{dns}{other}")).len(), 1);
    assert_eq!(warnings(&egress("k8s-app: kube-dnss")).len(), 1);
}

#[test]
fn namespaces_that_were_not_given() {
    let by_name = policy(
        "podSelector: {}\n  ingress:\n  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: dns}}}]",
    );
    assert!(warnings(&by_name).is_empty(), "it may have pods");
    let by_label = by_name.replace("kubernetes.io/metadata.name: dns", "tier: dns");
    assert!(warnings(&by_label).is_empty(), "no labels are known");
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    assert!(warnings(&format!("{by_name}{namespace}")).is_empty());
    assert_eq!(
        warnings(&format!("{by_label}{namespace}")),
        [
            "test.yaml:13: warning: NetworkPolicy shop/p: spec.ingress[0].from[0]: selects none of the pods that were given"
        ]
    );
}

#[test]
fn named_ports_that_no_destination_has() {
    let ingress = policy(
        "podSelector: {}\n  ingress: [{ports: [{port: http}, {port: https}, {port: http, protocol: UDP}]}]",
    );
    assert_eq!(
        warnings(&ingress),
        [
            "test.yaml:12: warning: NetworkPolicy shop/p: spec.ingress[0].ports[1]: no pod that the policy selects has a port named \"https\"",
            "test.yaml:12: warning: NetworkPolicy shop/p: spec.ingress[0].ports[2]: no pod that the policy selects has a port named \"http\" for UDP, only for another protocol",
        ]
    );
    let egress = policy(
        "podSelector: {}\n  policyTypes: [Egress]\n  egress: [{to: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: pg}, {port: http}]}]",
    );
    assert_eq!(
        warnings(&egress),
        [
            "test.yaml:13: warning: NetworkPolicy shop/p: spec.egress[0].ports[0]: no pod that the rule's peers select has a port named \"pg\""
        ]
    );
}

/// Two policies with these rules.
fn pair(subject_a: &str, rules_a: &str, subject_b: &str, rules_b: &str) -> String {
    let policy = |name, subject, rules| {
        format!(
            "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: {name}}}\n\
             spec: {{tier: Admin, priority: 7, subject: {subject}, egress: {rules}}}\n---\n"
        )
    };
    format!(
        "{}{}",
        policy("a", subject_a, rules_a),
        policy("b", subject_b, rules_b)
    )
}

#[test]
fn policies_of_one_priority_that_differ() {
    let all = "{namespaces: {}}";
    let rules = |action: &str, peer: &str, protocols: &str| {
        let protocols = if protocols.is_empty() {
            String::new()
        } else {
            format!(", protocols: [{protocols}]")
        };
        format!("[{{action: {action}, to: [{peer}]{protocols}}}]")
    };
    let found = warnings(&pair(
        all,
        &rules("Accept", "{namespaces: {}}", ""),
        all,
        &rules("Deny", "{networks: [10.0.0.0/8]}", ""),
    ));
    assert_eq!(
        found,
        [
            "test.yaml:4: warning: ClusterNetworkPolicy a: spec.egress[0]: ClusterNetworkPolicy b (test.yaml:6) has the same \
             tier and priority, and decides some connections otherwise: egress[0] here allows, egress[0] there denies, \
             such as TCP 1 to a pod without labels in a namespace with kubernetes.io/metadata.name at 10.0.0.0; this one comes first"
        ]
    );
    let in_env = |env: &str| format!("{{namespaces: {{matchLabels: {{env: {env}}}}}}}");
    let port = |number: u16| format!("{{tcp: {{destinationPort: {{number: {number}}}}}}}");
    let cases: [(&str, bool, String); 12] = [
        (
            "the same action",
            false,
            pair(all, &rules("Deny", all, ""), all, &rules("Deny", all, "")),
        ),
        (
            "apart by subject",
            false,
            pair(
                &in_env("a"),
                &rules("Deny", all, ""),
                &in_env("b"),
                &rules("Accept", all, ""),
            ),
        ),
        (
            "apart by peer",
            false,
            pair(
                all,
                &rules("Deny", &in_env("a"), ""),
                all,
                &rules("Accept", &in_env("b"), ""),
            ),
        ),
        (
            "apart by port",
            false,
            pair(
                all,
                &rules("Deny", all, &port(1)),
                all,
                &rules("Accept", all, &port(2)),
            ),
        ),
        (
            "apart by protocol",
            false,
            pair(
                all,
                &rules("Deny", all, "{udp: {}}"),
                all,
                &rules("Accept", all, "{tcp: {}}"),
            ),
        ),
        (
            "apart by network",
            false,
            pair(
                all,
                &rules("Deny", "{networks: [10.0.0.0/8]}", ""),
                all,
                &rules("Accept", "{networks: [11.0.0.0/8]}", ""),
            ),
        ),
        (
            "by port",
            true,
            pair(
                all,
                &rules("Deny", all, &port(2)),
                all,
                &rules("Pass", all, &port(2)),
            ),
        ),
        (
            "by a name",
            true,
            pair(
                all,
                &rules("Deny", all, "{destinationNamedPort: http}"),
                all,
                &rules("Accept", all, &port(2)),
            ),
        ),
        (
            "a name that nodes have not",
            false,
            pair(
                all,
                &rules("Deny", "{nodes: {}}", "{destinationNamedPort: http}"),
                all,
                &rules("Accept", all, ""),
            ),
        ),
        (
            "decided alike by the rule in front",
            false,
            pair(
                all,
                "[{action: Accept, to: [{namespaces: {matchLabels: {env: a}}}]}, {action: Deny, to: [{namespaces: {}}]}]",
                all,
                "[{action: Accept, to: [{namespaces: {matchLabels: {env: a}}}]}, {action: Deny, to: [{namespaces: {}}]}]",
            ),
        ),
        (
            "nested networks",
            true,
            pair(
                all,
                &rules("Deny", "{networks: [10.0.0.0/8]}", ""),
                all,
                &rules("Accept", "{networks: [10.1.0.0/16]}", ""),
            ),
        ),
        (
            "an unknown peer",
            true,
            pair(
                all,
                &rules("Deny", "{}", ""),
                all,
                &rules("Accept", all, ""),
            ),
        ),
    ];
    for (what, differ, manifests) in cases {
        let found = warnings(&manifests);
        assert_eq!(found.len(), usize::from(differ), "{what}: {found:#?}");
    }
    let other_priority = pair(all, &rules("Accept", all, ""), all, &rules("Deny", all, ""))
        .replacen("priority: 7", "priority: 8", 1);
    assert!(warnings(&other_priority).is_empty());
}

#[test]
fn a_baseline_admin_policy_comes_before_any_priority() {
    let manifests = "
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec: {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: a}
spec: {tier: Baseline, priority: 0, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}
";
    assert!(warnings(manifests).is_empty());
}

#[test]
fn of_too_many_policies_not_all_are_compared() {
    // A thousand rules that all deny, twice: every pair is looked at, and none differs.
    let rules = vec!["{action: Deny, to: [{namespaces: {}}]}"; 1_100].join(", ");
    let policy = |name: &str| {
        format!(
            "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: {name}}}\n\
             spec: {{tier: Admin, priority: 7, subject: {{namespaces: {{}}}}, egress: [{rules}]}}\n---\n"
        )
    };
    // Three policies are three pairs of 1,210,000 pairs of rules; four are six.
    let three = ["a", "b", "c"].map(policy).concat();
    assert!(warnings(&three).is_empty());
    let found = warnings(&format!("{three}{}", policy("d")));
    assert_eq!(
        found,
        [
            "test.yaml:6: warning: ClusterNetworkPolicy b: spec.priority: \
             too many policies of one tier and priority to compare them all"
        ]
    );
}

#[test]
fn namespaces_are_missed_only_where_some_were_given() {
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {}\n---\n";
    assert!(warnings(policy).is_empty());
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n";
    assert_eq!(
        warnings(&format!("{policy}{namespace}")),
        [
            "test.yaml:1: warning: NetworkPolicy shop/p: metadata.namespace: there is no such namespace, nor a pod in it"
        ]
    );
}
