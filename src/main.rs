//! The command line, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    omi_server::surfaces::cli::main()
}
