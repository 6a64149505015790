//! Lists and differences against np-guard's netpol-analyzer, on all of its folders
//! that are given, compared as sets of connections.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a folder is read otherwise than there.
#[derive(Clone, Copy, PartialEq)]
enum Departure {
    /// That tool takes host-networked pods for pods. They share their node's addresses,
    /// so by the API no policy selects them, and no pod selector matches them. Lines
    /// with one of them are left out on both sides.
    HostNetwork,
    /// That tool lists pods that have ended. Their addresses are no longer theirs.
    Ended,
}

use Departure::{Ended, HostNetwork};

/// Every folder in which connections differ, and why.
const DEPARTURES: &[(&str, &[Departure])] = &[
    ("ipblockstest", &[HostNetwork]),
    ("ipblockstest_2", &[HostNetwork]),
    ("minikube_resources", &[HostNetwork, Ended]),
    ("multiple_topology_resources_1", &[HostNetwork]),
    ("multiple_topology_resources_2", &[HostNetwork]),
    ("semanticDiff-same-topologies-new1", &[HostNetwork]),
    ("semanticDiff-same-topologies-old1", &[HostNetwork]),
];

fn corpora() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    assert!(
        path.is_dir(),
        "{}: the corpora are needed beside the repository",
        path.display()
    );
    path
}

fn netpolicy(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_netpolicy"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn departures(folder: &str) -> &'static [Departure] {
    let known = DEPARTURES.iter().find(|(name, _)| *name == folder);
    known.map_or(&[], |(_, departures)| departures)
}

/// A connection, atomic enough to compare: a source, a destination, and a range of
/// ports of a protocol. External ranges are numbers.
type Connection = (End, End, String);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Named(String),
    External(u32, u32),
}

fn end(text: &str) -> End {
    match text.strip_suffix("[External]") {
        Some(range) => {
            let (first, last) = range.split_once('-').unwrap();
            let number = |text: &str| text.parse::<std::net::Ipv4Addr>().unwrap().into();
            End::External(number(first), number(last))
        }
        None => End::Named(text.to_owned()),
    }
}

/// `SCTP 9003,TCP 8080,9090` as one range each.
fn ports(text: &str) -> Vec<String> {
    if text == "All Connections" {
        return ["TCP", "UDP", "SCTP"]
            .map(|protocol| format!("{protocol} 1-65535"))
            .to_vec();
    }
    let mut protocol = "";
    text.split(',')
        .map(|part| {
            let range = match part.split_once(' ') {
                Some((name, range)) => {
                    protocol = name;
                    range
                }
                None => part,
            };
            format!("{protocol} {range}")
        })
        .collect()
}

/// Neighbouring external ranges of otherwise equal connections, joined.
fn joined(connections: BTreeSet<Connection>) -> BTreeSet<Connection> {
    let mut joined: Vec<Connection> = connections.into_iter().collect();
    for side in 0..2 {
        let range = |connection: &Connection| match [&connection.0, &connection.1][side] {
            End::External(first, last) => Some((*first, *last)),
            End::Named(_) => None,
        };
        let rest = |connection: &Connection| {
            let other = [&connection.1, &connection.0][side].clone();
            (other, connection.2.clone())
        };
        joined.sort_by_key(|connection| (rest(connection), range(connection)));
        let mut next: Vec<Connection> = Vec::new();
        for connection in joined {
            if let Some(last) = next.last_mut()
                && rest(last) == rest(&connection)
                && let (Some((first, end)), Some((begin, new_end))) =
                    (range(last), range(&connection))
                && begin == end.wrapping_add(1)
            {
                let whole = End::External(first, new_end);
                *if side == 0 { &mut last.0 } else { &mut last.1 } = whole;
            } else {
                next.push(connection);
            }
        }
        joined = next;
    }
    joined.into_iter().collect()
}

fn list(text: &str, rules: &Rules) -> BTreeSet<Connection> {
    let mut connections = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (source, rest) = line.split_once(" => ").unwrap();
        let (destination, of) = rest.split_once(" : ").unwrap();
        let (Some(source), Some(destination)) = (rules.name(source), rules.name(destination))
        else {
            continue;
        };
        connections.extend(
            ports(of)
                .into_iter()
                .map(|ports| (end(&source), end(&destination), ports)),
        );
    }
    joined(connections)
}

/// What is done about departures, learned from the objects of the folder.
#[derive(Default)]
struct Rules {
    /// Workloads to leave out.
    left_out: BTreeSet<String>,
}

impl Rules {
    fn new(folders: &[&Path]) -> Rules {
        let mut rules = Rules::default();
        for folder in folders {
            let name = folder.file_name().unwrap().to_str().unwrap();
            let departures = departures(name);
            let mut loader = netpolicy::manifest::Loader::default();
            loader.owners(netpolicy::manifest::Owners::Stated);
            loader.read_path(folder);
            for pod in loader.finish().cluster.pods() {
                let is_left_out = pod.host_network && departures.contains(&HostNetwork)
                    || pod.phase.has_ended() && departures.contains(&Ended);
                if is_left_out {
                    let (kind, name) = match &pod.workload {
                        Some(workload) if &*workload.kind != "Node" => {
                            (&*workload.kind, &*workload.name)
                        }
                        _ => ("Pod", &*pod.name),
                    };
                    rules
                        .left_out
                        .insert(format!("{}/{name}[{kind}]", &*pod.namespace));
                }
            }
        }
        rules
    }

    /// The name to compare under, if the end is compared.
    fn name(&self, name: &str) -> Option<String> {
        (!self.left_out.contains(name)).then(|| name.to_owned())
    }
}

#[test]
fn lists_are_np_guards() {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(corpora().join("np-guard"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 46, "{} folders", folders.len());
    let (mut compared, mut lines) = (0, 0);
    for folder in &folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let expected = std::fs::read_to_string(folder.join("expected_connlist.txt")).unwrap();
        // One of them has a misspelt field, which np-guard does not look at.
        let path = folder.to_str().unwrap();
        let found = netpolicy(&["list", "-f", path, "--accept-errors", "-o", "np-guard"]);
        let rules = Rules::new(&[folder]);
        let (expected_set, found_set) = (list(&expected, &rules), list(&found, &rules));
        let missing: Vec<_> = expected_set.difference(&found_set).collect();
        let extra: Vec<_> = found_set.difference(&expected_set).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{name}: missing {missing:#?}, extra {extra:#?}"
        );
        // A departure that makes no difference is none.
        let strict = Rules::default();
        let is_equal = list(&expected, &strict) == list(&found, &strict);
        assert_eq!(
            is_equal,
            departures(name).is_empty(),
            "{name}: the table of departures is wrong"
        );
        compared += expected_set.len();
        lines += expected.lines().count();
    }
    assert!(compared > 2_000 && lines > 3_000, "{compared}, {lines}");
}

#[test]
fn differences_are_np_guards() {
    let base = corpora();
    let mut compared = 0;
    for entry in std::fs::read_dir(base.join("np-guard-diff")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let names = name.strip_prefix("diff_between_").unwrap();
        let (after, before) = names.split_once("_and_").unwrap();
        let [before, after] = [before, after].map(|name| base.join("np-guard").join(name));
        let found = netpolicy(&[
            "diff",
            before.to_str().unwrap(),
            after.to_str().unwrap(),
            "-o",
            "np-guard",
        ]);
        let rules = Rules::new(&[&before, &after]);
        let lines = |text: &str| -> BTreeSet<String> {
            let lines = text.lines().filter(|line| line.starts_with("diff-type: "));
            let is_compared = |line: &&str| {
                let end = |field: &str| {
                    let (_, rest) = line.split_once(field).unwrap();
                    rest.split_once(", ").unwrap().0
                };
                rules.name(end("source: ")).is_some() && rules.name(end("destination: ")).is_some()
            };
            lines.filter(is_compared).map(str::to_owned).collect()
        };
        let expected = std::fs::read_to_string(&file).unwrap();
        assert_eq!(lines(&found), lines(&expected), "{name}");
        compared += lines(&expected).len();
    }
    assert!(compared > 100, "{compared}");
}
