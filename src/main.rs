//! Arguments in, an exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    porchlight::cli::main()
}
