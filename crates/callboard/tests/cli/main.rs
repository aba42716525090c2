//! The command line as people and scripts meet it: the real binary, its words and exit codes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail anywhere")]

mod commands;
mod configuration;
mod demo;
mod drilling;
mod exit_codes;
mod following;
mod history;
mod listening;
mod reading;
mod running;
mod samples;
mod serving;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_callboard");

/// What one run of the program came to.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output of a run that must have succeeded.
    #[track_caller]
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The one JSON object on standard output.
    #[track_caller]
    fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.good()).unwrap()
    }
}

/// The program with an environment of its own, so that a developer's shell cannot change a test.
fn program<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    Ended::of(program(arguments).output().unwrap())
}

/// Runs it with that text on standard input.
fn feed<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, input: &str) -> Ended {
    let mut command = program(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // a program that refuses its arguments reads nothing and closes the pipe
    let _refused_early = child.stdin.take().unwrap().write_all(input.as_bytes());
    Ended::of(child.wait_with_output().unwrap())
}

/// Arguments with `--data DIR` at their end.
fn with_data<'a>(arguments: &[&'a str], data: &'a Path) -> Vec<&'a OsStr> {
    let mut all: Vec<&OsStr> = arguments.iter().copied().map(OsStr::new).collect();
    all.extend([OsStr::new("--data"), data.as_os_str()]);
    all
}
