//! The command `netpolicy`, as a function that a binary (or a Python wheel) calls.

mod check;
mod compile;
mod endpoint;
mod input;
mod output;
mod progress;
pub mod vectors;
mod verdict;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// What a command came to: the codes that a CI job can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Allowed; nothing wrong; everything passed.
    Good,
    /// Denied; errors found; something failed.
    Bad,
    /// The question could not be answered.
    Unanswered,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Good => 0,
            Outcome::Bad => 1,
            Outcome::Unanswered => 2,
        })
    }
}

/// May this connection pass under these Kubernetes network policies, and why?
///
/// Exit status: 0 allowed (or nothing wrong), 1 denied (or something wrong), 2 the
/// question could not be answered.
#[derive(Parser)]
#[command(name = "netpolicy", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verdict(verdict::Arguments),
    Compile(compile::Arguments),
    Check(check::Arguments),
    Vectors(vectors::Arguments),
}

/// Runs the command with these arguments, the first of which is its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; clap knows which stream is whose.
            let _ = error.print();
            let failed = error.use_stderr();
            return if failed {
                Outcome::Unanswered
            } else {
                Outcome::Good
            }
            .into();
        }
    };
    let result = match arguments.command {
        Command::Verdict(arguments) => verdict::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Vectors(arguments) => vectors::run(&arguments),
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            progress::clear();
            eprintln!("error: {error:#}");
            Outcome::Unanswered.into()
        }
    }
}

/// Reads the arguments. As a kubectl plugin, the command calls itself as it is called.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let mut arguments = arguments.into_iter().peekable();
    let own_name = arguments.peek().map(Path::new).and_then(Path::file_stem);
    let mut command = Arguments::command();
    if own_name.is_some_and(|name| name == "kubectl-netpolicy") {
        command = command.bin_name("kubectl netpolicy");
    }
    Arguments::from_arg_matches(&command.try_get_matches_from(arguments)?)
}
