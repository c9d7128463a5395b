//! The program `opabinia`. Everything is in the library of the same name, where tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    opabinia::cli::main()
}
