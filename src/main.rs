//! The command line, nothing else.

use std::process::ExitCode;

/// A request makes many small allocations on several threads, which it is quick at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    omi_server::surfaces::cli::main()
}
