//! A command that goes on until it is interrupted, while a test watches what it prints.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::process::Output;
use crate::{Failure, Result};

/// How long a line may take to come, and the process to end.
const DEADLINE: Duration = Duration::from_mins(1);

/// A running command. Dropping it kills the process.
#[derive(Debug)]
pub struct Background {
    child: Child,
    output: Output,
}

impl Background {
    /// Starts the command; nothing can be said to it.
    pub fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let output = Output::of(&mut child);
        Ok(Self { child, output })
    }

    /// All that it has printed, on both streams.
    pub fn text(&self) -> String {
        self.output.text()
    }

    /// What `find` makes of the first line it likes, present or to come.
    pub async fn line<T>(&self, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let found = self.output.line(DEADLINE, find).await;
        found.map_err(|error| Failure::new(format!("{error}\n{}", self.text())))
    }

    /// Waits for a line that holds all of these words.
    pub async fn says(&self, words: &[&str]) -> Result<String> {
        let find =
            |line: &str| words.iter().all(|word| line.contains(word)).then(|| line.to_owned());
        self.line(find)
            .await
            .map_err(|error| Failure::new(format!("no line with {words:?}: {error}")))
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let id = id.ok_or_else(|| Failure::new(format!("it has ended\n{}", self.text())))?;
        Ok(kill_process(id, Signal::INT)?)
    }

    /// Ends the process at once, as `kill -9` does; all that it has printed.
    pub async fn kill(mut self) -> Result<String> {
        self.child.kill().await?;
        self.output.ended().await;
        Ok(self.text())
    }

    /// Waits for its end; the exit code and all that it printed.
    pub async fn end(mut self) -> Result<(i32, String)> {
        let ended = timeout(DEADLINE, async {
            self.output.ended().await;
            self.child.wait().await
        });
        let Ok(status) = ended.await else {
            return Err(Failure::new(format!("it does not end\n{}", self.text())));
        };
        Ok((status?.code().unwrap_or(-1), self.text()))
    }
}
