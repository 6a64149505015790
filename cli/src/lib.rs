//! The command `netpolicy`, as a function that a binary (or a Python wheel) calls.

mod assertions;
mod check;
mod compile;
mod diff;
pub mod endpoint;
mod flows;
mod generate;
mod input;
mod lint;
mod list;
mod observed;
mod output;
mod progress;
mod simulate;
mod stripped;
pub mod vectors;
mod verdict;
mod who;
mod words;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use netpolicy::manifest::Loaded;

/// What a command came to: the codes that a CI job can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed; nothing wrong; everything passed.
    Good,
    /// Denied; errors found; something failed.
    Bad,
    /// The question could not be answered.
    Unanswered,
}

impl Outcome {
    /// The exit status.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Outcome::Good => 0,
            Outcome::Bad => 1,
            Outcome::Unanswered => 2,
        }
    }

    /// What a check of manifests came to: of what could not be read nothing is known.
    const fn of_check(loaded: &Loaded, is_good: bool) -> Outcome {
        match (loaded.unread, is_good) {
            (1.., _) => Outcome::Unanswered,
            (0, true) => Outcome::Good,
            (0, false) => Outcome::Bad,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(outcome.code())
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
    List(list::Arguments),
    Diff(diff::Arguments),
    Lint(lint::Arguments),
    Simulate(simulate::Arguments),
    Generate(generate::Arguments),
    Test(assertions::Arguments),
    Who(who::Arguments),
    Vectors(vectors::Arguments),
}

/// Runs the command with these arguments, the first of which is its own name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Outcome {
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
            };
        }
    };
    let result = match arguments.command {
        Command::Verdict(arguments) => verdict::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Lint(arguments) => lint::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Test(arguments) => assertions::run(&arguments),
        Command::Who(arguments) => who::run(&arguments),
        Command::Vectors(arguments) => vectors::run(&arguments),
    };
    match result {
        Ok(outcome) => outcome,
        Err(error) => {
            progress::clear();
            eprintln!("error: {error:#}");
            Outcome::Unanswered
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
