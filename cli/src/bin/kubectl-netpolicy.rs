//! The same command as a kubectl plugin: `kubectl netpolicy`.

fn main() -> std::process::ExitCode {
    netpolicy_cli::run(std::env::args_os()).into()
}
