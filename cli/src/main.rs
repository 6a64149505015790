//! The command `netpolicy`.

fn main() -> std::process::ExitCode {
    netpolicy_cli::run(std::env::args_os()).into()
}
