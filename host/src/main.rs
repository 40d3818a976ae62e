//! The program: hands its arguments to the command line.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    sambung::cli::main()
}
