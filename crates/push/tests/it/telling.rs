//! What the log says of a circuit: each turn once, with the application and the receiver's address,
//! and nothing that anybody sent or signed with.

use std::io;
use std::sync::{Arc, Mutex};

use testkit::receiver::{Reaction, Receiver};
use tracing_subscriber::fmt::MakeWriter;

use crate::bed::{APP, Bed, SIGN_KEY, master, sealed};

/// Where a test's log goes.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines that say so of that address.
    fn lines(&self, words: &str, address: &str) -> Vec<String> {
        let text = self.text();
        let said = text.lines().filter(|line| line.contains(words) && line.contains(address));
        said.map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn each_turn_of_a_circuit_is_told_once_and_nothing_secret_with_it() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(log.clone())
        .finish();
    // not for this thread alone: whether a line is wanted is decided once, by whoever comes by first
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/hook/p4th?token=t0ken")).await;
    bed.configure(APP, |config| config.sign_key = Some(sealed(APP, &master()))).await;
    receiver.script(|_| Reaction::Answer(503, vec![], "4nswer".into()));
    bed.publish(APP, 40).await;
    for wait_ms in [0, 1_000, 2_000, 4_000] {
        bed.pass(wait_ms).await;
        bed.drive().await;
        bed.drive().await;
    }
    receiver.script(|_| Reaction::status(200));
    bed.pass(8_000).await;
    for _ in 0..6 {
        bed.drive().await;
    }
    assert_eq!(bed.worker.open_circuits(), 0);

    let address = format!("http://{}", receiver.address());
    for (words, level, times) in [
        ("the receiver is down", "WARN", 1),
        ("a probe goes out", "DEBUG", 4),
        ("the receiver is back", "INFO", 1),
    ] {
        let lines = log.lines(words, &address);
        assert_eq!(lines.len(), times, "{words}: {}", log.text());
        for line in lines {
            assert!(line.contains(level), "{line}");
            assert!(line.contains(&format!("app={APP}")), "{line}");
        }
    }
    for secret in ["p4th", "t0ken", "4nswer", "TaskId", SIGN_KEY] {
        assert!(!log.text().contains(secret), "{secret}: {}", log.text());
    }
}
