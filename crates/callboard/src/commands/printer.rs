//! Printing for commands that go on: whoever prints is never held up by whoever reads.
//!
//! A pipe that nobody empties or a terminal that stands still would otherwise hold the whole command
//! in the middle of a write, deaf to Ctrl-C, and `listen` with accepted events that it does not
//! confirm. So threads of their own write, one for each stream; the command hears when standard
//! output has no reader any more, and leaves a write that does not end behind when it ends itself.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::failure::Failure;
use crate::out;

/// Lines that wait for a slow reader; beyond that the command waits, too.
const WAITING_MAX: usize = 1_024;
/// How long the end of a command waits for lines to be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a thread is given.
#[derive(Debug)]
enum Job {
    /// A line to write.
    Line(String),
    /// Answers once everything before it has been written.
    Flush(oneshot::Sender<()>),
}

/// The way to standard output and standard error. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Printer {
    lines: mpsc::Sender<Job>,
    notes: mpsc::Sender<Job>,
    error: watch::Receiver<Option<Arc<io::Error>>>,
}

impl Printer {
    /// Starts the threads, which end with the process or after the last clone.
    pub fn start() -> Result<Self, Failure> {
        let (failed, error) = watch::channel(None);
        let lines = writer("lines", move |text| {
            if failed.borrow().is_none()
                && let Err(error) = out::line(text)
            {
                failed.send_replace(Some(Arc::new(error)));
            }
        })?;
        let notes = writer("notes", out::note)?;
        Ok(Self { lines, notes, error })
    }

    /// Prints a line to standard output; waits while too many wait. What nobody can read is dropped.
    pub async fn line(&self, text: impl Display) {
        // a thread ends before the last sender only by a panic, which has been told
        let _unread = self.lines.send(Job::Line(text.to_string())).await;
    }

    /// Prints a line to standard error, unless nobody has read for long.
    pub fn note(&self, text: impl Display) {
        let _unread = self.notes.try_send(Job::Line(text.to_string()));
    }

    /// Returns when standard output cannot be written any more.
    pub async fn failed(&self) {
        let mut error = self.error.clone();
        if error.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits a moment for what is left to be written; fails if standard output could not be.
    pub async fn finish(&self) -> Result<(), Failure> {
        let both = async { tokio::join!(flush(&self.lines), flush(&self.notes)) };
        let _in_vain = timeout(PATIENCE, both).await;
        match self.error.borrow().as_deref() {
            Some(error) => Err(Failure::stdout(error)),
            None => Ok(()),
        }
    }
}

async fn flush(jobs: &mpsc::Sender<Job>) {
    let (sender, written) = oneshot::channel();
    if jobs.send(Job::Flush(sender)).await.is_ok() {
        let _gone = written.await;
    }
}

/// A thread that writes lines one after the other.
fn writer(
    name: &str,
    mut write: impl FnMut(String) + Send + 'static,
) -> Result<mpsc::Sender<Job>, Failure> {
    let (sender, mut jobs) = mpsc::channel(WAITING_MAX);
    let work = move || {
        while let Some(job) = jobs.blocking_recv() {
            match job {
                Job::Line(text) => write(text),
                Job::Flush(written) => drop(written.send(())),
            }
        }
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| Failure::io("a thread cannot be started", &error))?;
    Ok(sender)
}
