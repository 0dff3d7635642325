//! `kubectl videofactory`.

use std::process::ExitCode;

fn main() -> ExitCode {
    videofactory_cli::main()
}
