//! The binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    plantpipe::main(plantpipe::registry::REGISTRY)
}
