//! The program: everything is in the library, so that tests can run servers of their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    callboard::run(std::env::args_os())
}
