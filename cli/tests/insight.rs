//! The commands that tell what is open, what would change and what is wrong, as a user
//! meets them.

mod common;

use serde_json::Value;

use common::{TempFolder, WORDPRESS, answer, netpolicy, pod, refusal, root, stderr, stdout};

#[test]
fn list_in_every_format() {
    let text = answer(&["list", "-f", WORDPRESS], 0);
    let mysql: Vec<_> = text
        .lines()
        .filter(|line| line.contains("-> default/mysql[Pod]"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        mysql,
        [
            "default/wordpress[Pod] -> default/mysql[Pod] TCP 3306",
            "own node -> default/mysql[Pod] everything",
        ]
    );
    assert!(text.contains("TCP 80,443 (http=80, https=443)"), "{text}");
    let explained = answer(&["list", "-f", WORDPRESS, "-w", "mysql", "--explain"], 0);
    assert!(
        explained.contains("ingress allowed by NetworkPolicy default/database ingress[0]"),
        "{explained}"
    );
    let json: Value =
        serde_json::from_str(&answer(&["list", "-f", WORDPRESS, "-o", "json"], 0)).unwrap();
    assert_eq!(json.as_array().unwrap().len(), text.lines().count());
    assert!(json[0]["ports"][0]["protocol"].is_string(), "{json}");
    let csv = answer(
        &[
            "list",
            "-f",
            WORDPRESS,
            "-w",
            "default/mysql",
            "-d",
            "ingress",
            "-p",
            "3000-4000",
            "-o",
            "csv",
        ],
        0,
    );
    assert_eq!(
        csv,
        "source,destination,protocol,first_port,last_port\n\
         default/wordpress[Pod],default/mysql[Pod],TCP,3306,3306\n\
         own node,default/mysql[Pod],TCP,3000,4000\n"
    );
    let markdown = answer(&["list", "-f", WORDPRESS, "-o", "markdown"], 0);
    assert!(
        markdown.starts_with("| source | destination | ports |\n| --- |"),
        "{markdown}"
    );
    let dot = answer(&["list", "-f", WORDPRESS, "-o", "dot"], 0);
    assert!(
        dot.starts_with("digraph") && dot.contains("[label=\"TCP 3306\"]"),
        "{dot}"
    );
    let svg = answer(&["list", "-f", WORDPRESS, "-o", "svg"], 0);
    assert!(
        svg.starts_with("<svg") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
}

#[test]
fn diff_of_folders_images_and_files() {
    let folder = TempFolder::new("diff");
    let policies = "examples/wordpress/policies.yaml";
    assert_eq!(
        answer(&["diff", WORDPRESS, WORDPRESS], 0),
        "no connection differs\n"
    );
    let text = answer(&["diff", "-f", WORDPRESS, "--without", policies], 1);
    assert!(
        text.contains("+ default/batch[Pod] -> default/mysql[Pod]: everything"),
        "{text}"
    );
    assert!(text.contains("    before: deny default/batch"), "{text}");
    assert!(text.contains("    after: allow default/batch"), "{text}");
    let image = folder.file("a.npi", "");
    answer(&["compile", "-f", WORDPRESS, "--out", &image], 0);
    let json = answer(
        &[
            "diff",
            &image,
            "examples/wordpress/cluster.yaml",
            "-o",
            "json",
        ],
        1,
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["equal"], false);
    for change in json["changes"].as_array().unwrap() {
        assert_eq!(change["removed"].as_array().unwrap().len(), 0, "{change}");
        assert_eq!(change["witness"]["before"]["verdict"], "deny", "{change}");
        assert_eq!(change["witness"]["after"]["verdict"], "allow", "{change}");
    }
    let broken = folder.file("broken.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelektor: {}}\n");
    // What was left out may differ, so nothing is proved.
    answer(&["diff", "-f", WORDPRESS, "--with", &broken], 2);
    answer(&["diff", "-f", WORDPRESS], 2);
    answer(&["diff", WORDPRESS, "nowhere"], 2);
}

#[test]
fn a_workload_of_one_pod_reaches_another_of_its_pods() {
    let folder = TempFolder::new("another");
    let pods = folder.file(
        "pods.yaml",
        "apiVersion: v1\nkind: Pod\n\
         metadata: {name: b-0, namespace: x, labels: {app: b}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: b, uid: u, controller: true}]}\n\
         spec: {containers: [{name: c}]}\nstatus: {phase: Running, podIP: 10.1.0.2}\n",
    );
    let second = folder.file(
        "second.yaml",
        "apiVersion: v1\nkind: Pod\n\
         metadata: {name: b-1, namespace: x, labels: {app: b}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: b, uid: u, controller: true}]}\n\
         spec: {containers: [{name: c}]}\nstatus: {phase: Running, podIP: 10.1.0.3}\n",
    );
    let deny = folder.file(
        "deny.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: d, namespace: x}\n\
         spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {a: b}}}]}]}\n",
    );
    let diff = |more: &[&str]| answer(&[&["diff", "-f", &pods, "--with", &deny], more].concat(), 1);
    // The pod itself is always reached.
    let text = diff(&[]);
    assert!(
        text.contains("after: deny x/b-0 (10.1.0.2) -> another pod of x/b TCP 443: ingress denied: another pod of x/b is isolated"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&diff(&["-o", "json"])).unwrap();
    let changes = json["changes"].as_array().unwrap();
    let to_itself = changes
        .iter()
        .find(|change| change["source"] == change["destination"])
        .unwrap();
    for when in ["before", "after"] {
        let witness = &to_itself["witness"][when];
        assert_eq!(witness["destination"], "another pod of x/b");
        assert_eq!(witness["ends"][0]["address"], "10.1.0.2");
        let another = &witness["ends"][1];
        assert_eq!(another["kind"], "pod");
        assert_eq!(another["namespace"], "x");
        assert_eq!(another["name"], Value::Null);
        assert_eq!(another["address"], Value::Null);
    }
    let text = diff(&["-f", &second]);
    assert!(
        text.contains("after: deny x/b-0 (10.1.0.2) -> x/b-1 (10.1.0.3) TCP 443"),
        "{text}"
    );
}

#[test]
fn manifests_with_errors_are_answered_only_if_that_is_accepted() {
    let folder = TempFolder::new("errors");
    let broken = folder.file("broken.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelektor: {}}\n");
    let tests = folder.file(
        "tests.yaml",
        "[{from: default/batch, to: default/wordpress, port: 80, expect: deny}]",
    );
    let flows = folder.file("flows.csv", "source,destination,port\n");
    for command in [
        &["list"][..],
        &["list", "--exposure"],
        &["who"],
        &["test", &tests],
        &["diff", "--without", "examples/wordpress/policies.yaml"],
        &["simulate", "--flows", &flows],
        &["generate", "--flows", &flows],
    ] {
        let with_errors = [command, &["-f", WORDPRESS, "-f", &broken]].concat();
        let complaint = refusal(&with_errors);
        assert!(
            complaint.contains("did you mean podSelector?"),
            "{complaint}"
        );
        assert!(complaint.contains("--accept-errors"), "{complaint}");
        let accepted = netpolicy(&[&with_errors[..], &["--accept-errors"]].concat());
        let without_errors = netpolicy(&[command, &["-f", WORDPRESS]].concat());
        assert_eq!(stdout(&accepted), stdout(&without_errors), "{command:?}");
        assert_eq!(accepted.status, without_errors.status, "{command:?}");
    }
}

#[test]
fn diff_proves_nothing_of_what_was_not_compared() {
    let folder = TempFolder::new("unproved");
    let policy = folder.file("p.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n");
    let other = folder.file("q.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, ingress: [{}]}\n");
    let typo = refusal(&[
        "diff",
        "-f",
        WORDPRESS,
        "--without",
        "examples/wordpress/polices.yaml",
    ]);
    assert!(typo.contains("polices.yaml: no such file"), "{typo}");
    let elsewhere = refusal(&["diff", "-f", WORDPRESS, "--without", &policy]);
    assert!(elsewhere.contains("no such file among"), "{elsewhere}");
    let nobody = refusal(&["diff", &policy, &other]);
    assert!(nobody.contains("no pods or workloads"), "{nobody}");
    let path = |name: &str| {
        let path = folder.0.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let nothing = refusal(&["diff", &path("empty"), &path("other")]);
    assert!(nothing.contains("no pods or workloads"), "{nothing}");
    let twice = refusal(&["diff", "-", "-"]);
    assert!(twice.contains("read but once"), "{twice}");
}

#[test]
fn assertions() {
    let folder = TempFolder::new("test");
    let good = folder.file(
        "good.yaml",
        "- {from: default/wordpress, to: default/mysql, port: 3306, expect: allow}\n\
         - {from: default/batch, to: default/mysql, port: [3306, 1-100], expect: deny}\n\
         - {from: 203.0.113.7, to: default/mysql, protocol: ICMP, expect: deny}\n\
         - {from: \"default:app=wordpress,tier=x\", to: default/mysql, port: 22, expect: deny}\n",
    );
    assert_eq!(
        answer(&["test", "-f", WORDPRESS, &good], 0),
        "4 assertions, 4 passed, 0 failed\n"
    );
    let bad = folder.file(
        "bad.yaml",
        "tests:\n- {name: a & b, from: default/batch, to: default/mysql, port: 3306, expect: allow}\n\
         - {from: default/nobody, to: default/mysql, port: 3306, expect: allow}\n",
    );
    let text = answer(&["test", "-f", WORDPRESS, &bad], 1);
    assert!(
        text.contains("FAILED a & b: expected allow\n  deny default/batch"),
        "{text}"
    );
    let junit = answer(&["test", "-f", WORDPRESS, &bad, "-o", "junit"], 1);
    assert!(
        junit.contains("tests=\"2\" failures=\"1\" errors=\"1\""),
        "{junit}"
    );
    assert!(junit.contains("name=\"a &amp; b\""), "{junit}");
    let tap = answer(&["test", "-f", WORDPRESS, &good, &bad, "-o", "tap"], 1);
    assert!(
        tap.starts_with("TAP version 14\n1..6\nok 1 - default/wordpress reaches"),
        "{tap}"
    );
    assert!(
        tap.contains("\nnot ok 5 - a & b\n  ---\n  message: |\n    expected allow"),
        "{tap}"
    );
    let wrong = folder.file(
        "wrong.yaml",
        "- {from: default/batch, to: default/mysql, expect: maybe}\n",
    );
    answer(&["test", "-f", WORDPRESS, &wrong], 2);
}

#[test]
fn who() {
    let text = answer(&["who", "-f", WORDPRESS, "default/mysql"], 0);
    assert!(
        text.contains(
            "ingress: NetworkPolicy default/database, NetworkPolicy default/default-deny"
        ),
        "{text}"
    );
    let text = answer(&["who", "-f", WORDPRESS, "--policy", "default/frontend"], 0);
    assert!(
        text.contains(
            "pods with app=wordpress in namespace default: default/mysql, default/wordpress"
        ),
        "{text}"
    );
    let complaint = |more: &[&str]| refusal(&[&["who", "-f", WORDPRESS], more].concat());
    for (asked, told) in [
        (
            "default/nobody",
            "default/nobody; namespace default has default/batch, among others",
        ),
        ("web/mysql", "web/mysql; there is one in namespace default"),
        ("mysql", "mysql: write default/mysql"),
        ("nobody", "nobody: write namespace/name"),
    ] {
        let told = format!("error: no pod or workload {told}\n");
        assert_eq!(complaint(&[asked]), told);
    }
    let cluster_scoped = "no cluster-scoped policies were given; of a NetworkPolicy write \
                          namespace/name";
    for (asked, told) in [
        (
            "database",
            "database; there is NetworkPolicy default/database: write default/database",
        ),
        ("web/x", "web/x: there are no policies in namespace web"),
        ("x", &*format!("x: {cluster_scoped}")),
    ] {
        let told = format!("error: no policy {told}\n");
        assert_eq!(complaint(&["--policy", asked]), told);
    }
}

#[test]
fn list_says_how_ports_and_workloads_are_written() {
    let complaint = |more: &[&str]| {
        let text = refusal(&[&["list", "-f", WORDPRESS], more].concat());
        text.lines().next().unwrap().to_owned()
    };
    for port in ["http", "80/TCP", "TCP/http"] {
        let text = complaint(&["-p", port]);
        let end = format!(
            "{port:?}: write the number of a port (443) or a range (8000-8999), perhaps with the \
             protocol in front (UDP/53), or a protocol alone (ICMP)"
        );
        assert!(text.ends_with(&end), "{text}");
    }
    for port in ["0", "UDP/65536", "0-80"] {
        let text = complaint(&["-p", port]);
        assert!(text.ends_with(": ports are from 1 to 65535"), "{text}");
    }
    let text = complaint(&["-p", "90-80"]);
    assert!(text.ends_with("the range ends before it begins"), "{text}");
    assert_eq!(
        complaint(&["-w", "web/mysql"]),
        "error: no pod or workload web/mysql; there is one in namespace default"
    );
    assert_eq!(
        complaint(&["-w", "nobody"]),
        "error: no pod or workload of any namespace is called nobody"
    );
}

const DEPLOYMENTS: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: a}
spec: {selector: {matchLabels: {app: f}}, template: {metadata: {labels: {app: f}}, spec: {}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: back, namespace: a}
spec: {selector: {matchLabels: {app: b}}, template: {metadata: {labels: {app: b}}, spec: {}}}
---
";

#[test]
fn list_says_which_pods_it_leaves_out() {
    let folder = TempFolder::new("contested");
    let note = |pods: &[String]| {
        let file = folder.file("pods.yaml", &pods.concat());
        stderr(&netpolicy(&["list", "-f", &file]))
    };
    let at = |name: &str, address: &str| pod(name, address, "namespace: a", "");
    assert_eq!(note(&[at("p", "10.0.0.1"), at("q", "10.0.0.2")]), "");
    let told = "note: a/q is not listed at 10.0.0.1: a/p states that address as well, and is \
                taken to hold it.";
    let mend = "Remove the pod that is gone, or correct its address";
    let two = [at("p", "10.0.0.1"), at("q", "10.0.0.1")];
    assert_eq!(note(&two), format!("{told} {mend}\n"));
    let three = [two.as_slice(), &[at("r", "10.0.0.1")]].concat();
    assert_eq!(
        note(&three),
        format!("{told} So it is with 1 other pod. {mend}\n")
    );
    let ended = at("q", "10.0.0.1").replace("phase: Running", "phase: Succeeded");
    let gone = [at("p", "10.0.0.1"), ended];
    assert_eq!(note(&gone), "");
}

#[test]
fn list_says_what_it_could_not_know() {
    let folder = TempFolder::new("unknown");
    let note = |manifests: &[&str], more: &[&str]| {
        let text = manifests.concat();
        let file = folder.file("web.yaml", &text);
        let output = netpolicy(&[&["list", "-f", &file], more].concat());
        assert_eq!(output.status.code(), Some(0));
        stderr(&output)
    };
    let policy = |peer: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
             metadata: {{name: f, namespace: a}}\n\
             spec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{peer}]}}]}}\n---\n"
        )
    };
    let blocks = policy("{ipBlock: {cidr: 0.0.0.0/0}}");
    assert_eq!(
        note(&[DEPLOYMENTS, &blocks], &[]),
        "note: no address is known of a/back[Deployment] and 1 other: blocks of addresses in \
         rules are taken not to match there, so what only such a rule allows is not listed, and \
         what only such a rule denies is listed\n"
    );
    let no_pods = ["--ip-block-selects-pods", "no"];
    assert_eq!(note(&[DEPLOYMENTS, &blocks], &no_pods), "");
    let labels = policy("{podSelector: {}}");
    assert_eq!(note(&[DEPLOYMENTS, &labels], &[]), "");
    let with_address = pod("p", "10.0.0.1", "namespace: a", "");
    assert_eq!(note(&[&with_address, &blocks], &[]), "");
    let still_to_come = note(&[&with_address, &blocks], &["--exposure"]);
    assert!(
        still_to_come.starts_with("note: no address is known of pods still to come:"),
        "{still_to_come}"
    );
    for more in [&[][..], &["--exposure"]] {
        let nobody = note(&[&blocks], more);
        assert!(
            nobody.contains("no pods or workloads were given")
                && nobody.ends_with("give those of the cluster with -f\n"),
            "{nobody}"
        );
    }
}

#[test]
fn one_family_of_external_addresses_is_called_so() {
    let folder = TempFolder::new("families");
    let manifests = pod("p", "10.0.0.1", "namespace: a", "")
        + "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
           metadata: {name: f, namespace: a}\n\
           spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}\n";
    let file = folder.file("web.yaml", &manifests);
    let text = answer(&["list", "-f", &file], 0);
    assert!(
        text.contains("external IPv4  -> a/p[Pod]       everything\n"),
        "{text}"
    );
}

#[test]
fn who_says_to_which_pods_no_policy_applies() {
    let folder = TempFolder::new("beyond");
    let manifests = "apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: a, labels: {app: agent}}
spec: {hostNetwork: true, containers: []}
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: a, labels: {app: job}}
spec: {containers: []}
status: {phase: Succeeded}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: agents, namespace: a}
spec: {podSelector: {matchLabels: {app: agent}}}
";

    let file = folder.file("web.yaml", manifests);
    assert_eq!(
        answer(&["who", "-f", &file, "a/agent", "a/job"], 0),
        "a/agent\n  it uses the network of its node, so no policy applies to it, also not where \
         the selector matches its labels: NetworkPolicy a/agents\n\
         a/job\n  it has ended, so no policy applies to it\n"
    );
    let json = answer(&["who", "-f", &file, "a/agent", "-o", "json"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["pods"][0]["beyondPolicies"], "hostNetwork");
    assert_eq!(json["pods"][0]["notApplied"][0]["name"], "agents");
}

#[test]
fn what_could_not_be_read_is_no_answer() {
    let folder = TempFolder::new("unread");
    let flows = folder.file("flows.csv", "source,destination,port\n");
    let tests = folder.file(
        "tests.yaml",
        "[{from: 10.0.0.1, to: 10.0.0.2, port: 1, expect: allow}]",
    );
    let image = folder.file("kept.npi", "an image");
    for command in [
        &[
            "verdict", "--from", "10.0.0.1", "--to", "10.0.0.2", "--port", "1",
        ][..],
        &["compile", "--out", &image],
        &["check"],
        &["list"],
        &["diff", "--without", "examples/wordpress/policies.yaml"],
        &["lint"],
        &["simulate", "--flows", &flows],
        &["generate", "--flows", &flows],
        &["test", &tests],
        &["who"],
    ] {
        let question = [command, &["-f", WORDPRESS, "-f", "nowhere.yaml"]].concat();
        let output = netpolicy(&question);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        let told = stdout(&output) + &stderr(&output);
        assert!(
            told.contains("nowhere.yaml: error: cannot be read"),
            "{told}"
        );
    }
    // Nothing is written over what was compiled before.
    assert_eq!(std::fs::read_to_string(&image).unwrap(), "an image");
}

#[test]
fn lint_says_what_held_nothing_to_look_at() {
    let folder = TempFolder::new("nothing");
    let output = netpolicy(&["lint", "-f", folder.0.to_str().unwrap()]);
    assert!(stderr(&output).ends_with(": warning: holds no manifest\n"));
    assert_eq!(stdout(&output), "0 errors, 0 warnings, 0 notes\n");
}

#[test]
fn one_is_counted_in_the_singular() {
    let folder = TempFolder::new("singular");
    let file = folder.file("pod.yaml", &pod("p", "10.0.0.1", "namespace: a", ""));
    let policy = folder.file(
        "policy.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {name: f, namespace: a}\nspec: {podSelector: {}, policyTypes: [Egress]}\n",
    );
    let found = answer(&["lint", "-f", &file, "-f", &policy], 0);
    assert!(found.ends_with("0 errors, 0 warnings, 1 note\n"), "{found}");
    let flows = folder.file("flows.csv", "source,destination,port\na/p,8.8.8.8,443\n");
    let simulated = answer(&["simulate", "-f", &file, "--flows", &flows], 0);
    assert!(
        simulated.starts_with("1 flow, 1 of them distinct\n"),
        "{simulated}"
    );
    let tests = folder.file(
        "t.yaml",
        "- {from: a/p, to: 8.8.8.8, port: 1, expect: allow}",
    );
    assert_eq!(
        answer(&["test", "-f", &file, &tests], 0),
        "1 assertion, 1 passed, 0 failed\n"
    );
}

#[test]
fn who_names_ports() {
    let folder = TempFolder::new("ports");
    let policy = folder.file(
        "p.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n\
         spec: {podSelector: {}, ingress: [{ports: [{port: 80}, {port: 90, endPort: 99, protocol: UDP}, {port: http}, {protocol: SCTP}]}, {}]}\n",
    );
    let text = answer(&["who", "-f", &policy, "--policy", "default/p"], 0);
    for rule in [
        "ingress[0] allows TCP 80, UDP 90-99, TCP http, SCTP\n",
        "ingress[1] allows every port\n",
    ] {
        assert!(text.contains(rule), "{text}");
    }
}

#[test]
fn lint_says_where_workloads_are() {
    let folder = TempFolder::new("places");
    let template = "template: {metadata: {labels: {app: a}}, spec: {containers: []}}";
    let pod = |name: &str, owner: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: web, labels: {{app: a}}, ownerReferences: [{owner}]}}\nspec: {{}}\n---\n"
        )
    };
    let owner = |kind: &str, name: &str| {
        format!("{{apiVersion: apps/v1, kind: {kind}, name: {name}, controller: true}}")
    };
    folder.file(
        "pods.yaml",
        &[
            pod("alone", ""),
            pod("db-0", &owner("StatefulSet", "db")),
            pod("db-1", &owner("StatefulSet", "db")),
            pod("front-1a2b-x", &owner("ReplicaSet", "front-1a2b")),
            // What is not given stands where the first of its pods does.
            pod("agent-x", &owner("DaemonSet", "agent")),
        ]
        .concat(),
    );
    folder.file(
        "workloads.yaml",
        &format!(
            "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: front-1a2b, namespace: web, ownerReferences: [{}]}}\nspec: {{{template}}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: front, namespace: web}}\nspec: {{{template}}}\n---\n\
             apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: db, namespace: web}}\nspec: {{{template}}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: without-pods, namespace: web}}\nspec: {{{template}}}\n",
            owner("Deployment", "front"),
        ),
    );
    folder.file(
        "policy.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: web}\nspec: {podSelector: {}, policyTypes: [Egress]}\n",
    );
    let path = folder.0.to_str().unwrap();
    let json = answer(&["lint", "-f", path, "-o", "json"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let places: Vec<String> = findings
        .iter()
        .filter(|finding| finding["code"] == "NP302")
        .map(|finding| {
            let file = finding["file"].as_str().unwrap();
            let file = file.rsplit('/').next().unwrap();
            format!("{file}:{} {}", finding["line"], finding["object"])
        })
        .collect();
    assert_eq!(
        places,
        [
            "pods.yaml:1 \"Pod web/alone\"",
            "pods.yaml:21 \"DaemonSet web/agent\"",
            "workloads.yaml:6 \"Deployment web/front\"",
            "workloads.yaml:11 \"StatefulSet web/db\"",
            "workloads.yaml:16 \"Deployment web/without-pods\"",
        ]
    );
}

#[test]
fn lint_as_text_and_sarif() {
    let folder = TempFolder::new("lint");
    let policy = folder.file(
        "p.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: nobody, namespace: default}\n\
         spec: {podSelector: {matchLabels: {app: nobody}}}\n",
    );
    let text = answer(&["lint", "-f", WORDPRESS, "-f", &policy], 1);
    assert!(
        text.contains("p.yaml:1: warning NP201: NetworkPolicy default/nobody: spec.podSelector: "),
        "{text}"
    );
    let sarif = answer(&["lint", "-f", WORDPRESS, "-f", &policy, "-o", "sarif"], 1);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap();
    assert!(
        results
            .iter()
            .all(|result| { rules.iter().any(|rule| rule["id"] == result["ruleId"]) })
    );
    answer(
        &["lint", "-f", WORDPRESS, "-f", &policy, "--ignore", "NP201"],
        0,
    );
    answer(&["lint", "-f", WORDPRESS, "--ignore", "NP999"], 2);
}

const HOST_NETWORKED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: exporter-x, namespace: mon, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: exporter, uid: x, controller: true}]}
spec: {hostNetwork: true, nodeName: n1, containers: [{name: c}]}
status: {podIP: 192.168.0.1, hostIP: 192.168.0.1, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: a, labels: {app: db}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {podIP: 10.0.0.1, hostIP: 192.168.0.1, phase: Running}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: d, namespace: a}
spec: {podSelector: {}}
";

#[test]
fn pods_on_the_network_of_their_node_are_listed_as_it() {
    let folder = TempFolder::new("host-network");
    let path = folder.file("a.yaml", HOST_NETWORKED);
    let text = answer(&["list", "-f", &path, "-w", "exporter-x"], 0);
    let is_row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.join(" ") == "mon/exporter[DaemonSet] -> a/db[Pod] everything"
    };
    assert!(text.lines().any(is_row), "{text}");
    for [option, name] in [["-n", "nowhere"], ["-w", "nobody"], ["-w", "mon/db"]] {
        let complaint = refusal(&["list", "-f", &path, option, name]);
        assert!(complaint.contains(name), "{complaint}");
    }
}

#[test]
fn pods_that_keep_their_names_may_get_other_addresses() {
    let folder = TempFolder::new("renumbered");
    let set = |addresses: [&str; 2]| {
        let pod = |(index, address): (usize, &str)| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: db-{index}, namespace: a, labels: {{n: '{index}'}}, ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: x, controller: true}}]}}\nspec: {{containers: [{{name: c}}]}}\nstatus: {{podIP: {address}, phase: Running}}\n---\n"
            )
        };
        let pods: String = addresses.into_iter().enumerate().map(pod).collect();
        pods + "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: first, namespace: a}\nspec: {podSelector: {matchLabels: {n: '0'}}}\n"
    };
    let before = folder.file("before.yaml", &set(["10.0.0.1", "10.0.0.2"]));
    let after = folder.file("after.yaml", &set(["10.0.0.2", "10.0.0.9"]));
    assert_eq!(
        answer(&["diff", &before, &after], 0),
        "no connection differs\n"
    );
}

#[test]
fn a_witness_is_one_connection_that_people_can_read() {
    let text = answer(
        &[
            "diff",
            "-f",
            WORDPRESS,
            "--without",
            "examples/wordpress/policies.yaml",
        ],
        1,
    );
    let witnesses: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(when, _)| ["before", "after"].contains(when))
        .map(|(_, verdict)| verdict.split(": ").next().unwrap().split_once(' ').unwrap())
        .collect();
    assert!(witnesses.len() > 4, "{text}");
    for pair in witnesses.chunks(2) {
        assert_eq!(pair[0].1, pair[1].1, "{text}");
        assert_ne!(pair[0].0, pair[1].0, "{text}");
    }
    assert!(
        witnesses
            .iter()
            .all(|(_, ends)| !ends.contains(" 0.0.0.0 ") && !ends.starts_with("0.0.0.0 ")),
        "{witnesses:?}"
    );
}

#[test]
fn what_is_wrong_with_assertions_is_told_with_its_place() {
    let folder = TempFolder::new("bad-assertions");
    let complaint = |text: &str| {
        let file = folder.file("tests.yaml", text);
        refusal(&["test", "-f", WORDPRESS, &file])
    };
    // What stands between the name of the file and the count of errors.
    let complaints = |text: &str| -> Vec<String> {
        let complaint = complaint(text);
        let lines = complaint
            .lines()
            .filter(|line| !line.starts_with("error: "));
        let lines = lines.map(|line| line.split_once("tests.yaml:").unwrap().1.to_owned());
        lines.collect()
    };
    let one = "- {from: default/batch, to: default/wordpress, port: 80, expect: deny}\n";
    assert!(complaint("[]").contains("1:1: error: no assertions"));
    for (port, wrong) in [
        ("0", "1:54: error: [0].port: 0"),
        ("'0'", "1:54: error: [0].port: 0"),
        ("0-80", "1:54: error: [0].port: 0-80"),
        ("70000", "1:54: error: [0].port: 70000"),
        ("[80, 0]", "1:59: error: [0].port[1]: 0"),
    ] {
        let text = one.replace("port: 80", &format!("port: {port}"));
        assert_eq!(
            complaints(&text),
            [format!("{wrong}: ports are from 1 to 65535")]
        );
    }
    let tests = |tests: &[&str]| format!("tests:\n{}", tests.concat());
    let wrong = [
        &*one.replace("expect: deny", ""),
        one,
        &one.replace("deny", "denied"),
        &one.replace("expect", "expects"),
        &one.replace("port: 80", "port: http"),
        &one.replace("port: 80", "protocol: ICMP, port: 80"),
        &one.replace("default/batch", "[default/batch]"),
        "- default/batch\n",
    ];
    assert_eq!(
        complaints(&tests(&wrong)),
        [
            "2:3: error: tests[0].expect: is missing: write expect: allow, or expect: deny",
            "4:66: error: tests[2].expect: \"denied\": write allow or deny",
            "5:58: error: tests[3].expects: unknown field: an assertion has from, to, expect, port, \
             protocol, name",
            "6:54: error: tests[4].port: \"http\": write a number, or a range such as 8000-8999",
            "7:70: error: tests[5].port: ICMP has no ports: leave it out",
            "8:10: error: tests[6].from: must be a single text: write one assertion for each",
            "9:3: error: tests[7]: an assertion is a map: write from, to and expect, each on a line",
        ]
    );
    assert!(complaint(&tests(&wrong)).ends_with("has 7 errors, so nothing was tested\n"));
    assert_eq!(
        complaints("tests: []\ntest: []\n"),
        ["2:1: error: test: unknown field: a file is a list of assertions, or has it in tests"]
    );
    assert_eq!(
        complaints(one.strip_prefix("- ").unwrap()),
        [
            "1:2: error: from: an assertion is an item of a list: write a dash in front of its first \
          line, and indent the others"
        ]
    );
    assert_eq!(
        complaints("- from: a/b\n  from: a/c\n"),
        ["2:3: error: from is there twice: remove one of the two"]
    );
    assert_eq!(
        complaints(&[one, "---\n", one].concat()),
        ["3:1: error: a second document begins here: remove the line of ---, or make two files"]
    );
    let typing = complaints("- from: [a\n  to: b\n");
    assert!(
        typing[0].starts_with("2:5: error: not YAML: "),
        "{typing:?}"
    );
}

#[test]
fn assertions_may_share_fields_and_be_called_by_numbers() {
    let folder = TempFolder::new("shared-fields");
    let file = folder.file(
        "tests.yaml",
        "- &base {from: default/batch, to: default/mysql, port: 3306, expect: deny, name: 1.10}\n\
         - {<<: *base, port: 80, name: yes}\n\
         - *base\n",
    );
    assert_eq!(
        answer(&["test", "-f", WORDPRESS, &file, "-o", "tap"], 0),
        "TAP version 14\n1..3\nok 1 - 1.10\nok 2 - yes\nok 3 - 1.10\n"
    );
}

#[test]
fn sarif_names_files_by_uris() {
    let folder = TempFolder::new("sarif");
    std::fs::create_dir_all(folder.0.join("a b")).unwrap();
    let text = HOST_NETWORKED.replace(
        "podSelector: {}",
        "podSelector: {matchLabels: {app: nobody}}",
    );
    let path = folder.file("a b/p#1.yaml", &text);
    let log = answer(&["lint", "-f", &path, "-o", "sarif"], 1);
    let log: Value = serde_json::from_str(&log).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let uris: Vec<_> = results
        .iter()
        .filter_map(|of| of["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str())
        .collect();
    assert!(!uris.is_empty(), "{log}");
    assert!(
        uris.iter()
            .all(|uri| uri.starts_with("file:///") && uri.ends_with("/a%20b/p%231.yaml")),
        "{uris:?}"
    );
    // What is in the working directory is relative to it, however it was written.
    let base = "%SRCROOT%";
    for path in [
        "tests/golden",
        "./tests/../tests/golden",
        root().join("tests/golden").to_str().unwrap(),
    ] {
        let output = netpolicy(&["lint", "-f", path, "-o", "sarif"]);
        let log: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let run = &log["runs"][0];
        assert!(run["originalUriBaseIds"][base].is_object());
        let results = run["results"].as_array().unwrap();
        let places = results
            .iter()
            .map(|of| &of["locations"][0]["physicalLocation"]["artifactLocation"])
            .filter(|place| !place.is_null());
        let places: Vec<_> = places.collect();
        assert!(!places.is_empty(), "{path}: {log}");
        for place in places {
            assert_eq!(place["uri"], "tests/golden/cluster.yaml", "{path}");
            assert_eq!(place["uriBaseId"], base);
        }
    }
}

#[test]
fn what_cannot_be_printed_is_left_out_of_reports() {
    let folder = TempFolder::new("controls");
    let tests = folder.file(
        "tests.yaml",
        "- {from: default/batch, to: default/mysql, port: 3306, expect: allow, name: \"a\\u001b[31m\\rb\\n# c\\u0085d\"}\n",
    );
    let report = |format: &str| answer(&["test", "-f", WORDPRESS, &tests, "-o", format], 1);
    let tap = report("tap");
    assert!(tap.contains("not ok 1 - a [31m b \\# c d\n"), "{tap:?}");
    let junit = report("junit");
    assert!(junit.contains("name=\"a [31m b\n# c d\""), "{junit:?}");
    let text = report("text");
    assert!(
        text.contains("FAILED a [31m b # c d: expected allow"),
        "{text:?}"
    );
    for report in [tap, junit, text] {
        assert!(
            report.chars().all(|c| c == '\n' || !c.is_control()),
            "{report:?}"
        );
    }
}

#[test]
fn a_namespace_and_a_workload_may_be_at_different_ends() {
    let folder = TempFolder::new("filters");
    let front = pod("front", "10.0.0.1", "namespace: web", "name: c");
    let front = front.replace("name: c, name: c", "name: c");
    let db = front
        .replace("front", "db")
        .replace("web", "data")
        .replace("10.0.0.1", "10.0.0.2");
    let cluster = folder.file("cluster.yaml", &format!("{front}{db}"));
    let listed = |more: &[&str]| {
        let text = answer(&[&["list", "-f", &cluster][..], more].concat(), 0);
        let mut rows: Vec<String> = text
            .lines()
            .filter(|line| line.matches("[Pod]").count() == 2)
            .map(|line| {
                line.split_whitespace()
                    .take(3)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        rows.sort();
        rows
    };
    let both = [
        "data/db[Pod] -> web/front[Pod]",
        "web/front[Pod] -> data/db[Pod]",
    ];
    assert_eq!(listed(&["-n", "web", "-w", "data/db"]), both);
    assert_eq!(listed(&["-n", "web"]), both);
    assert_eq!(listed(&["-n", "web", "-d", "egress"]), both[1..]);
    assert!(listed(&["-n", "web", "-w", "data/db", "-d", "egress"]).is_empty());
}

#[test]
fn an_image_for_a_node_is_not_the_cluster() {
    let folder = TempFolder::new("node-image");
    let here = pod("here", "10.0.0.1", "namespace: web", "ports: []")
        .replace("spec: {", "spec: {nodeName: n1, ");
    let cluster = folder.file("cluster.yaml", &here);
    let image = folder.0.join("n1.npi").display().to_string();
    answer(
        &["compile", "-f", &cluster, "--node", "n1", "--out", &image],
        0,
    );
    let tests = folder.file(
        "tests.yaml",
        "- {name: a, from: 192.0.2.1, to: web/here, port: 80, expect: allow}\n",
    );
    for arguments in [
        &["list", "--image", &image][..],
        &["test", "--image", &image, &tests],
        &["diff", &image, &cluster],
    ] {
        let told = refusal(arguments);
        assert!(
            told.contains("judges the pods of some nodes only"),
            "{told}"
        );
        assert!(told.contains("compile without --node"), "{told}");
    }
}

#[test]
fn yaml_that_cannot_be_read_is_told_with_what_to_do() {
    let folder = TempFolder::new("bad-yaml");
    let cluster = folder.file(
        "cluster.yaml",
        &pod("a", "10.0.0.1", "namespace: web", "ports: []"),
    );
    let complaint = |text: &str| {
        let file = folder.file("tests.yaml", text);
        refusal(&["test", "-f", &cluster, &file])
    };
    let told = complaint("- name: a\n\tfrom: web/a\n");
    assert!(
        told.contains("line 2 is indented with a tab: use spaces"),
        "{told}"
    );
    let told = complaint(&format!("{}{}", "[".repeat(100), "]".repeat(100)));
    assert!(told.contains("nested too deep"), "{told}");
    let told = complaint("- {? {a: b} : c}\n");
    assert!(told.contains("the name of a field is text"), "{told}");
    let about_port = |port: &str| {
        let port = format!("from: 10.0.0.1, to: web/a, expect: allow, port: {port}");
        complaint(&format!("- {{name: a, {port}}}\n"))
    };
    let told = about_port("[1, [2]]");
    assert!(told.contains("[0].port[1]: write a port"), "{told}");
    let told = about_port("080");
    assert!(told.contains("write it without the leading zero"), "{told}");
    let told = complaint("- {name: a, from: 10.0.0.0/24, to: web/a, port: 80, expect: deny}\n");
    assert!(told.contains("[0].from: 10.0.0.0/24 is a block"), "{told}");
}
