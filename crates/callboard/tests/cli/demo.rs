//! `callboard demo`: the whole story, in one terminal, in a few seconds.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Ended, program};

/// The story, in order.
const STEPS: [&str; 14] = [
    "1. ",
    "ModifyEventConfig",
    "2. ",
    "ApplyUpload",
    "CommitUpload",
    "NewFileUpload, Sign ",
    "320 x 180, 3.0 s",
    "the same that were uploaded",
    "FileDeleted, Sign ",
    "READY, EventId ",
    "PullEvents",
    "ConfirmEvents",
    "ResourceNotFound: no event",
    "What to do next",
];

#[track_caller]
fn follows(text: &str) {
    let mut rest = text;
    for step in STEPS {
        let found = rest.split_once(step);
        assert!(found.is_some(), "{step} is missing in\n{text}");
        rest = found.unwrap().1;
    }
}

#[test]
fn tells_the_whole_story() {
    let ended = Ended::of(program(["demo"]).output().unwrap());
    assert_eq!(ended.err, "", "nothing went wrong on the way");
    follows(&ended.good());
}

#[test]
fn stays_when_asked_to() {
    let mut child = program(["demo", "--keep"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    while !text.contains("Ctrl-C ends both") {
        assert_ne!(reader.read_line(&mut text).unwrap(), 0, "it ended:\n{text}");
    }
    follows(&text);
    assert!(text.contains("callboard ready on http://127.0.0.1:"));
    let (_, rest) = text.split_once("The receiver is still there: http://").unwrap();
    let mut half = TcpStream::connect(rest.split_once('/').unwrap().0).unwrap();
    half.write_all(b"POST /vod-events HTTP/1.1\r\nContent-Le").unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
}
