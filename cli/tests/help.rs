//! What the command says of itself, and to who misuses it.

mod common;

use std::process::Command;

use common::{netpolicy, stderr, stdout};

/// The long options under each heading of a help text.
fn headings(help: &str) -> Vec<(&str, Vec<&str>)> {
    let mut headings: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in help.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            headings.push((heading, Vec::new()));
        } else if let (Some((_, options)), Some(at)) = (headings.last_mut(), line.find("--"))
            && line[..at].trim_start().len() <= 4
        {
            let option = line[at..].split([' ', '=']).next().unwrap();
            options.push(option);
        }
    }
    headings
}

#[test]
fn help_has_every_option_under_its_heading() {
    let choices = [
        "--isolation",
        "--own-node-ingress",
        "--own-node-egress",
        "--ip-block-selects-pods",
        "--table-budget",
    ];
    let own: [(&str, &[&str]); 3] = [
        (
            "verdict",
            &[
                "--filename",
                "--domain",
                "--image",
                "--accept-errors",
                "--from",
                "--to",
                "--port",
                "--protocol",
                "--exit-zero",
                "--explain",
                "--output",
                "--help",
            ],
        ),
        (
            "compile",
            &[
                "--filename",
                "--domain",
                "--node",
                "--strip",
                "--out",
                "--accept-errors",
                "--output",
                "--help",
            ],
        ),
        (
            "check",
            &["--filename", "--domain", "--strict", "--output", "--help"],
        ),
    ];
    for (command, options) in own {
        let help = stdout(&netpolicy(&[command, "-h"]));
        assert_eq!(
            headings(&help),
            [
                ("Options", options.to_vec()),
                ("Choices that the APIs leave open", choices.to_vec())
            ],
            "{help}"
        );
    }
}

#[test]
fn a_plugin_calls_itself_as_it_is_called() {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-netpolicy"))
        .args(["check", "-h"])
        .output()
        .unwrap();
    let help = stdout(&output);
    assert!(
        help.contains("\nUsage: kubectl netpolicy check [OPTIONS]\n"),
        "{help}"
    );
    let help = stdout(&netpolicy(&["check", "-h"]));
    assert!(
        help.contains("\nUsage: netpolicy check [OPTIONS]\n"),
        "{help}"
    );
}

#[test]
fn help_and_misuse() {
    for arguments in [&["--help"][..], &["--version"], &["verdict", "--help"]] {
        let output = netpolicy(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!stdout(&output).is_empty());
    }
    for arguments in [&[][..], &["verdict"], &["nonsense"], &["check"]] {
        let output = netpolicy(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!stderr(&output).is_empty());
    }
}
