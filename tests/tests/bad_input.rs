//! SEMANTICS, "Bad input": an invalid object is refused whole, with an error that
//! names it, the field and what to do; nothing else is lost. One test each,
//! comparing the whole message.

use netpolicy::manifest::{Loaded, Loader};

fn load(text: &str) -> Loaded {
    let mut loader = Loader::default();
    loader.read_text("bad.yaml", text);
    loader.finish()
}

/// Loads a manifest beside a good one; the good one must count, the other must not,
/// and these must be the messages.
#[track_caller]
fn refused(manifest: &str, messages: &[&str]) {
    let good =
        "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: good}\n";
    let loaded = load(&format!("{manifest}{good}"));
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(found, messages);
    assert_eq!(
        loaded.cluster.network_policies().len(),
        1,
        "only the good one counts"
    );
    assert_eq!(loaded.cluster.cluster_policies().len(), 0);
    assert_eq!(loaded.cluster.pods().len(), 0);
    assert_eq!(loaded.objects, 1);
}

/// A NetworkPolicy `web/p` whose spec begins on line 5.
fn network_policy(spec: &str) -> String {
    let spec = spec.replace('\n', "\n  ");
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {{name: p, namespace: web}}\nspec:\n  {spec}"
    )
}

/// A ClusterNetworkPolicy `p` whose spec goes on on line 8.
fn cluster_policy(spec: &str) -> String {
    let spec = spec.replace('\n', "\n  ");
    format!(
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n\
         metadata: {{name: p}}\nspec:\n  tier: Admin\n  priority: 1\n  subject: {{namespaces: {{}}}}\n  {spec}"
    )
}

/// An AdminNetworkPolicy `p` whose spec goes on on line 7.
fn admin_policy(spec: &str) -> String {
    let spec = spec.replace('\n', "\n  ");
    format!(
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\n\
         metadata: {{name: p}}\nspec:\n  priority: 1\n  subject: {{namespaces: {{}}}}\n  {spec}"
    )
}

macro_rules! refused {
    ($($name:ident: $manifest:expr => [$($message:expr),+ $(,)?];)+) => {
        $(#[test]
        fn $name() {
            refused(&$manifest, &[$($message),+]);
        })+
    };
}

refused! {
    a_cidr_that_is_none: network_policy("ingress: [{from: [{ipBlock: {cidr: 10.0.0/8}}]}]") => [
        "bad.yaml:5:38: error: NetworkPolicy web/p: spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0/8\": \
         not a CIDR: write an address and a prefix length, such as 10.0.0.0/8 or fd00::/8",
    ];
    a_cidr_without_prefix: network_policy("ingress: [{from: [{ipBlock: {cidr: 10.0.0.1}}]}]") => [
        "bad.yaml:5:38: error: NetworkPolicy web/p: spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.1\": \
         an address, not a CIDR: append /32 to mean just this address",
    ];
    a_prefix_that_is_too_long: network_policy("ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]") => [
        "bad.yaml:5:38: error: NetworkPolicy web/p: spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.0/33\": \
         the prefix is longer than the address: 32 bits at most",
    ];
    a_cidr_that_is_missing: network_policy("ingress: [{from: [{ipBlock: {except: []}}]}]") => [
        "bad.yaml:5:31: error: NetworkPolicy web/p: spec.ingress[0].from[0].ipBlock.cidr: is required",
    ];
    a_bad_network: cluster_policy("egress:\n- {action: Deny, to: [{networks: [10.0.0.0/8, everywhere]}]}") => [
        "bad.yaml:9:49: error: ClusterNetworkPolicy p: spec.egress[0].to[0].networks[1]: \"everywhere\": \
         not a CIDR: write an address and a prefix length, such as 10.0.0.0/8 or fd00::/8",
    ];
    an_exception_outside: network_policy(
        "ingress:\n- from:\n  - podSelector: {}\n  - ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16, 10.1.0.0/16]}"
    ) => [
        "bad.yaml:8:44: error: NetworkPolicy web/p: spec.ingress[0].from[1].ipBlock.except[0]: \"11.0.0.0/16\": \
         does not lie strictly inside 10.0.0.0/8: every exception must be a smaller block within cidr",
    ];
    an_exception_that_is_the_block: network_policy(
        "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]"
    ) => [
        "bad.yaml:5:56: error: NetworkPolicy web/p: spec.egress[0].to[0].ipBlock.except[0]: \"10.0.0.0/8\": \
         does not lie strictly inside 10.0.0.0/8: every exception must be a smaller block within cidr",
    ];
    an_exception_of_the_other_family: network_policy(
        "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: ['fd00::/8']}}]}]"
    ) => [
        "bad.yaml:5:55: error: NetworkPolicy web/p: spec.egress[0].to[0].ipBlock.except[0]: \"fd00::/8\": \
         does not lie strictly inside 0.0.0.0/0: every exception must be a smaller block within cidr",
    ];
    a_port_beyond: network_policy("ingress: [{ports: [{port: 65536}]}]") => [
        "bad.yaml:5:29: error: NetworkPolicy web/p: spec.ingress[0].ports[0].port: \
         port 65536 is out of range: ports are 1 to 65535",
    ];
    port_zero: network_policy("ingress: [{ports: [{port: 0}]}]") => [
        "bad.yaml:5:29: error: NetworkPolicy web/p: spec.ingress[0].ports[0].port: \
         port 0 is out of range: ports are 1 to 65535",
    ];
    a_port_in_quotes: network_policy("ingress: [{ports: [{port: '80'}]}]") => [
        "bad.yaml:5:29: error: NetworkPolicy web/p: spec.ingress[0].ports[0].port: \"80\": \
         not a port name: a name has at least one letter; write a number without quotes",
    ];
    an_end_port_without_port: network_policy("ingress: [{ports: [{endPort: 90}]}]") => [
        "bad.yaml:5:32: error: NetworkPolicy web/p: spec.ingress[0].ports[0].endPort: \
         endPort without port: add port, the first of the range",
    ];
    an_end_port_behind_a_name: network_policy("ingress: [{ports: [{port: http, endPort: 90}]}]") => [
        "bad.yaml:5:44: error: NetworkPolicy web/p: spec.ingress[0].ports[0].endPort: \
         endPort beside a named port: a range needs a numeric port",
    ];
    an_end_port_before_the_port: network_policy("ingress: [{ports: [{port: 90, endPort: 80}]}]") => [
        "bad.yaml:5:42: error: NetworkPolicy web/p: spec.ingress[0].ports[0].endPort: \
         the range ends before it begins: 80 is smaller than 90",
    ];
    an_end_port_beyond: network_policy("ingress: [{ports: [{port: 90, endPort: 70000}]}]") => [
        "bad.yaml:5:42: error: NetworkPolicy web/p: spec.ingress[0].ports[0].endPort: \
         port 70000 is out of range: ports are 1 to 65535",
    ];
    a_container_port_beyond: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n\
        spec: {containers: [{name: c, ports: [{containerPort: 70000, name: http}]}]}" => [
        "bad.yaml:4:55: error: Pod default/p: spec.containers[0].ports[0].containerPort: \
         port 70000 is out of range: ports are 1 to 65535",
    ];
    an_unknown_protocol: network_policy("ingress: [{ports: [{protocol: tcp, port: 80}]}]") => [
        "bad.yaml:5:33: error: NetworkPolicy web/p: spec.ingress[0].ports[0].protocol: \"tcp\": \
         unknown protocol: use TCP, UDP or SCTP",
    ];
    an_unknown_protocol_of_a_pod: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n\
        spec: {containers: [{name: c, ports: [{containerPort: 80, protocol: QUIC}]}]}" => [
        "bad.yaml:4:69: error: Pod default/p: spec.containers[0].ports[0].protocol: \"QUIC\": \
         unknown protocol: use TCP, UDP or SCTP",
    ];
    an_unknown_operator: network_policy("podSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}") => [
        "bad.yaml:5:55: error: NetworkPolicy web/p: spec.podSelector.matchExpressions[0].operator: \"Is\": \
         unknown operator: use In, NotIn, Exists or DoesNotExist",
    ];
    in_without_values: network_policy("podSelector: {matchExpressions: [{key: a, operator: In, values: []}]}") => [
        "bad.yaml:5:67: error: NetworkPolicy web/p: spec.podSelector.matchExpressions[0].values: \
         In and NotIn need at least one value",
    ];
    not_in_without_values: network_policy("podSelector: {matchExpressions: [{key: a, operator: NotIn}]}") => [
        "bad.yaml:5:36: error: NetworkPolicy web/p: spec.podSelector.matchExpressions[0]: \
         In and NotIn need at least one value",
    ];
    exists_with_values: network_policy("podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}") => [
        "bad.yaml:5:71: error: NetworkPolicy web/p: spec.podSelector.matchExpressions[0].values: \
         Exists and DoesNotExist take no values: remove them",
    ];
    does_not_exist_with_values: network_policy(
        "podSelector: {matchExpressions: [{key: a, operator: DoesNotExist, values: [b]}]}"
    ) => [
        "bad.yaml:5:77: error: NetworkPolicy web/p: spec.podSelector.matchExpressions[0].values: \
         Exists and DoesNotExist take no values: remove them",
    ];
    an_unknown_policy_type: network_policy("policyTypes: [Ingress, egress]") => [
        "bad.yaml:5:26: error: NetworkPolicy web/p: spec.policyTypes[1]: \"egress\": \
         unknown policy type: use Ingress or Egress",
    ];
    an_unknown_tier: cluster_policy("ingress: []").replace("tier: Admin", "tier: admin") => [
        "bad.yaml:5:9: error: ClusterNetworkPolicy p: spec.tier: \"admin\": \
         unknown tier: use Admin or Baseline",
    ];
    an_unknown_action: cluster_policy("ingress: [{action: Allow, from: [{namespaces: {}}]}]") => [
        "bad.yaml:8:22: error: ClusterNetworkPolicy p: spec.ingress[0].action: \"Allow\": \
         unknown action: use Accept, Deny or Pass",
    ];
    an_unknown_action_of_an_admin_policy: admin_policy("ingress: [{action: Accept, from: [{namespaces: {}}]}]") => [
        "bad.yaml:7:22: error: AdminNetworkPolicy p: spec.ingress[0].action: \"Accept\": \
         unknown action: use Allow, Deny or Pass",
    ];
    an_unknown_action_of_a_baseline_policy: admin_policy("ingress: [{action: Log, from: [{namespaces: {}}]}]")
        .replace("kind: Admin", "kind: BaselineAdmin").replace("  priority: 1\n", "") => [
        "bad.yaml:6:22: error: BaselineAdminNetworkPolicy p: spec.ingress[0].action: \"Log\": \
         unknown action: use Allow or Deny",
    ];
    a_pass_in_a_baseline_policy: admin_policy("ingress: [{action: Pass, from: [{namespaces: {}}]}]")
        .replace("kind: Admin", "kind: BaselineAdmin").replace("  priority: 1\n", "") => [
        "bad.yaml:6:22: error: BaselineAdminNetworkPolicy p: spec.ingress[0].action: \"Pass\": \
         a BaselineAdminNetworkPolicy cannot Pass: use Allow or Deny",
    ];
    a_peer_without_field: network_policy("ingress: [{from: [{}]}]") => [
        "bad.yaml:5:21: error: NetworkPolicy web/p: spec.ingress[0].from[0]: \
         a peer needs podSelector, namespaceSelector or ipBlock; to match every peer, remove the list",
    ];
    a_rule_that_is_null: network_policy("ingress: [null]") => [
        "bad.yaml:5:13: error: NetworkPolicy web/p: spec.ingress[0]: null in a list: remove it or write {}",
    ];
    a_port_that_is_null: network_policy("ingress: [{ports: [~]}]") => [
        "bad.yaml:5:22: error: NetworkPolicy web/p: spec.ingress[0].ports[0]: null in a list: remove it or write {}",
    ];
    a_peer_that_is_null: cluster_policy("ingress: [{action: Deny, from: [null]}]") => [
        "bad.yaml:8:35: error: ClusterNetworkPolicy p: spec.ingress[0].from[0]: null in a list: remove it or write {}",
    ];
    a_peer_of_nulls: network_policy("ingress: [{from: [{podSelector: null, namespaceSelector: ~}]}]") => [
        "bad.yaml:5:21: error: NetworkPolicy web/p: spec.ingress[0].from[0]: \
         a peer needs podSelector, namespaceSelector or ipBlock; to match every peer, remove the list",
    ];
    a_block_beside_a_selector: network_policy("egress: [{to: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]") => [
        "bad.yaml:5:18: error: NetworkPolicy web/p: spec.egress[0].to[0]: \
         ipBlock excludes podSelector and namespaceSelector: make two peers of it",
    ];
    a_priority_beyond: cluster_policy("ingress: []").replace("priority: 1", "priority: 1001") => [
        "bad.yaml:6:13: error: ClusterNetworkPolicy p: spec.priority: \
         priority 1001 is out of range: priorities are 0 to 1000",
    ];
    a_priority_below: admin_policy("ingress: []").replace("priority: 1", "priority: -1") => [
        "bad.yaml:5:13: error: AdminNetworkPolicy p: spec.priority: \
         priority -1 is out of range: priorities are 0 to 1000",
    ];
    a_priority_that_is_missing: admin_policy("ingress: []").replace("  priority: 1\n", "") => [
        "bad.yaml:5:3: error: AdminNetworkPolicy p: spec.priority: is required",
    ];
    a_misspelt_field: network_policy("podSelektor: {}\ningres: []") => [
        "bad.yaml:5:16: error: NetworkPolicy web/p: spec.podSelektor: unknown field: did you mean podSelector?",
        "bad.yaml:6:11: error: NetworkPolicy web/p: spec.ingres: unknown field: did you mean ingress?",
    ];
    a_misspelt_field_of_a_peer: network_policy("ingress: [{from: [{podselector: {}}]}]") => [
        "bad.yaml:5:35: error: NetworkPolicy web/p: spec.ingress[0].from[0].podselector: \
         unknown field: did you mean podSelector?",
    ];
    an_unknown_field: network_policy("description: mine") => [
        "bad.yaml:5:16: error: NetworkPolicy web/p: spec.description: unknown field",
    ];
    an_unknown_field_of_metadata: "apiVersion: v1\nkind: Pod\nmetadata: {name: p, lables: {app: web}}\nspec: {}" => [
        "bad.yaml:3:29: error: Pod default/p: metadata.lables: unknown field: did you mean labels?",
    ];
    an_unknown_field_beside_a_known_peer: cluster_policy(
        "ingress: [{action: Deny, from: [{namespaces: {}, namespace: {}}]}]"
    ) => [
        "bad.yaml:8:63: error: ClusterNetworkPolicy p: spec.ingress[0].from[0].namespace: \
         unknown field: did you mean namespaces?",
    ];
    a_label_that_is_no_string: network_policy("podSelector: {matchLabels: {version: 1.0}}") => [
        "bad.yaml:5:40: error: NetworkPolicy web/p: spec.podSelector.matchLabels.version: \
         expected a string, found a number (1.0): write \"1.0\" to make it a string",
    ];
    a_boolean_of_yaml_1_1: "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app.io/debug: on}}\nspec: {}" => [
        "bad.yaml:3:44: error: Pod default/p: metadata.labels[\"app.io/debug\"]: \
         expected a string, found a boolean (on): write \"on\" to make it a string",
    ];
    a_list_where_a_map_belongs: network_policy("podSelector: []") => [
        "bad.yaml:5:16: error: NetworkPolicy web/p: spec.podSelector: expected a map, found a list",
    ];
    a_map_where_a_list_belongs: network_policy("ingress: {from: []}") => [
        "bad.yaml:5:12: error: NetworkPolicy web/p: spec.ingress: expected a list, found a map",
    ];
    a_key_that_stands_twice: network_policy("podSelector: {}\npodSelector: {matchLabels: {a: b}}") => [
        "bad.yaml:6:3: error: NetworkPolicy web/p: spec: the key \"podSelector\" stands twice",
    ];
    an_object_without_name: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: web}" => [
        "bad.yaml:3:11: error: NetworkPolicy web/(no name): metadata.name: is required",
    ];
    an_address_that_is_none: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {}\nstatus: {podIP: 10.0.0.256}" => [
        "bad.yaml:5:17: error: Pod default/p: status.podIP: \"10.0.0.256\": not an IP address",
    ];
    an_unknown_phase: "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {}\nstatus: {phase: Runing}" => [
        "bad.yaml:5:17: error: Pod default/p: status.phase: \"Runing\": \
         unknown phase: use Pending, Running, Succeeded, Failed or Unknown",
    ];
    a_rule_without_peers: cluster_policy("ingress: [{action: Deny}, {action: Deny, from: []}]") => [
        "bad.yaml:8:13: error: ClusterNetworkPolicy p: spec.ingress[0].from: is required",
        "bad.yaml:8:50: error: ClusterNetworkPolicy p: spec.ingress[1].from: the rule needs at least one peer",
    ];
    a_subject_of_two: cluster_policy("egress: []").replace("{namespaces: {}}", "{namespaces: {}, pods: {}}") => [
        "bad.yaml:7:12: error: ClusterNetworkPolicy p: spec.subject: \
         a subject has exactly one of namespaces and pods",
    ];
    a_peer_of_two: cluster_policy("egress: [{action: Deny, to: [{namespaces: {}, networks: [10.0.0.0/8]}]}]") => [
        "bad.yaml:8:32: error: ClusterNetworkPolicy p: spec.egress[0].to[0]: \
         a peer has exactly one field: make one peer of each",
    ];
    a_protocol_of_two: cluster_policy(
        "egress: [{action: Deny, to: [{namespaces: {}}], protocols: [{tcp: {}, udp: {}}]}]"
    ) => [
        "bad.yaml:8:63: error: ClusterNetworkPolicy p: spec.egress[0].protocols[0]: \
         a protocol has exactly one of tcp, udp, sctp and destinationNamedPort",
    ];
    an_admin_port_of_none: admin_policy("egress: [{action: Deny, to: [{namespaces: {}}], ports: [{}]}]") => [
        "bad.yaml:7:59: error: AdminNetworkPolicy p: spec.egress[0].ports[0]: \
         a port has exactly one of portNumber, portRange and namedPort",
    ];
    a_range_that_is_reversed: cluster_policy(
        "egress: [{action: Deny, to: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 9, end: 8}}}}]}]"
    ) => [
        "bad.yaml:8:111: error: ClusterNetworkPolicy p: \
         spec.egress[0].protocols[0].tcp.destinationPort.range.end: \
         the range ends before it begins: 8 is smaller than 9",
    ];
    domain_names_that_do_not_allow: cluster_policy("egress: [{action: Deny, to: [{domainNames: [example.com]}]}]") => [
        "bad.yaml:8:46: error: ClusterNetworkPolicy p: spec.egress[0].to[0].domainNames: \
         domainNames are for rules that allow: use Accept (or Allow), or another peer",
    ];
    a_domain_name_that_is_none: cluster_policy("egress: [{action: Accept, to: [{domainNames: ['a.*.com']}]}]") => [
        "bad.yaml:8:49: error: ClusterNetworkPolicy p: spec.egress[0].to[0].domainNames[0]: \"a.*.com\": \
         not a domain name: write labels and dots, with *. in front for every name below",
    ];
    another_version: "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: p}" => [
        "bad.yaml:1:1: error: NetworkPolicy: apiVersion: \"extensions/v1beta1\": \
         not a version that is known here: use networking.k8s.io/v1",
    ];
    an_object_without_kind: "apiVersion: networking.k8s.io/v1\nmetadata: {name: p}" => [
        "bad.yaml:1:1: error: kind: is required",
    ];
    a_document_that_is_no_object: "just text" => [
        "bad.yaml:1:1: error: expected an object, found a string or number",
    ];
}

#[test]
fn every_mistake_of_an_object_is_told() {
    let manifest = network_policy(
        "policyTypes: [Ingress, Both]\ningress:\n- {from: [{ipBlock: {cidr: x}}], ports: [{port: 0}]}\n- {form: []}",
    );
    refused(
        &manifest,
        &[
            "bad.yaml:5:26: error: NetworkPolicy web/p: spec.policyTypes[1]: \"Both\": \
             unknown policy type: use Ingress or Egress",
            "bad.yaml:7:30: error: NetworkPolicy web/p: spec.ingress[0].from[0].ipBlock.cidr: \"x\": \
             not a CIDR: write an address and a prefix length, such as 10.0.0.0/8 or fd00::/8",
            "bad.yaml:7:51: error: NetworkPolicy web/p: spec.ingress[0].ports[0].port: \
             port 0 is out of range: ports are 1 to 65535",
            "bad.yaml:8:12: error: NetworkPolicy web/p: spec.ingress[1].form: unknown field: did you mean from?",
        ],
    );
}

#[test]
fn a_document_that_cannot_be_read_costs_only_itself() {
    let loaded = load(
        "a: [1\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: good}\n---\n{{ if x }}\na: b\n---\n{}",
    );
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(loaded.cluster.namespaces().len(), 1, "{found:?}");
    let expected = [
        "bad.yaml:1:4: error: unclosed bracket '['",
        "bad.yaml:8:1: error: did not find expected <document start>",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_json_value_that_cannot_be_read_is_told_with_its_place() {
    let mut loader = Loader::default();
    loader.read_text("bad.json", "{\"apiVersion\": \"v1\",\n \"kind\": }");
    let found: Vec<_> = loader
        .finish()
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, ["bad.json:2:10: error: expected value"]);
}

#[test]
fn a_policy_of_another_project_is_told() {
    let loaded =
        load("apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nmetadata: {name: p}");
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    let expected = "bad.yaml:1:1: warning: NetworkPolicy: apiVersion: \"crd.projectcalico.org/v1\": \
                    a policy of another API, which does not count here";
    assert_eq!(found, [expected]);
    assert_eq!(
        loaded.skipped.get("crd.projectcalico.org/v1 NetworkPolicy"),
        Some(&1)
    );
}

#[test]
fn a_peer_that_is_not_known_is_no_error() {
    let manifest = cluster_policy(
        "ingress:\n- {action: Accept, from: [{}]}\n- {action: Deny, from: [{hosts: {}}]}\n\
         - {action: Pass, from: [{networks: [10.0.0.0/8]}]}",
    );
    let loaded = load(&manifest);
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    let expected = [
        "bad.yaml:9:29: warning: ClusterNetworkPolicy p: spec.ingress[0].from[0]: \
         the peer has no field, so its rule fails closed: it matches nothing",
        "bad.yaml:10:27: warning: ClusterNetworkPolicy p: spec.ingress[1].from[0]: \
         the peer has no field that is known here, so its rule fails closed: it denies everything",
        "bad.yaml:11:27: warning: ClusterNetworkPolicy p: spec.ingress[2].from[0]: \
         the peer has no field that is known here, so its rule fails closed: it denies everything",
    ];
    assert_eq!(found, expected);
    assert_eq!(loaded.cluster.cluster_policies().len(), 1);
}

#[test]
fn what_an_api_server_has_admitted_may_have_new_fields() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, uid: 1234-abcd}\n\
                spec: {containers: [], newInVersion2: {}}";
    let loaded = load(text);
    let found: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        ["bad.yaml:4:39: warning: Pod default/p: spec.newInVersion2: unknown field"]
    );
    assert_eq!(loaded.cluster.pods().len(), 1);
}
