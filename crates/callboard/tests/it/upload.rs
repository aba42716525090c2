//! Large uploads stream: the server's memory stays where it was, whatever the file's size.

use std::time::Duration;

use serde_json::json;
use testkit::process::{Launch, Server};
use testkit::program::Program;
use tokio::time::{MissedTickBehavior, interval};

use crate::clients::{python, setup};
use crate::launch;

/// What the whole server may hold while files go up and down.
const RESIDENT_MAX: u64 = 150 * 1024 * 1024;
const SAMPLE: Duration = Duration::from_millis(20);
/// A step of the soak moves 5 GB through a debug client on a busy machine.
const STEP: Duration = Duration::from_mins(30);

#[tokio::test]
async fn large_uploads_do_not_grow_memory() {
    let mib = testkit::soak::count("upload_mib", 512, 5_120);
    up_and_down(launch(""), mib).await;
}

/// Files of that size, in parts and in one piece, on a server whose memory is watched.
pub(crate) async fn up_and_down(launch: Launch, mib: u64) {
    let server = launch.start().await.unwrap();
    let facts = setup(&server, json!({ "mib": mib }));
    let program = Program::start(python("large_upload.py"), &facts).await.unwrap();
    tokio::select! {
        () = watch_memory(&server) => {}
        finished = program.patient(STEP).finish() => finished.unwrap(),
    }
}

/// Never returns while all is well.
async fn watch_memory(server: &Server) {
    let mut samples = interval(SAMPLE);
    samples.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        samples.tick().await;
        let bytes = server.resident_bytes().unwrap();
        let mib = bytes / 1024 / 1024;
        assert!(bytes <= RESIDENT_MAX, "the server holds {mib} MiB of memory");
    }
}
