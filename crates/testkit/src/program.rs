//! A client program that goes through a story while a test watches: it reads its setup as a line of
//! JSON, prints a line of JSON for each step, and reads another line where it has to wait.
//!
//! The other side of this talk is `tests/clients/stage.py`.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::process::Output;
use crate::{Failure, Result};

/// How long one step may take.
const STEP: Duration = Duration::from_mins(2);

/// A running client program. Dropping it kills the process.
#[derive(Debug)]
pub struct Program {
    child: Child,
    input: ChildStdin,
    output: Output,
    deadline: Duration,
}

impl Program {
    /// Starts the command and gives it its setup.
    pub async fn start(mut command: Command, setup: &Value) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Nothing is to appear in the source tree.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command.kill_on_drop(true).spawn()?;
        let output = Output::of(&mut child);
        let input = child.stdin.take().ok_or_else(|| Failure::new("no standard input"))?;
        let mut program = Self { child, input, output, deadline: STEP };
        program.say(setup).await?;
        Ok(program)
    }

    /// Gives each step that long instead of two minutes.
    #[must_use]
    pub const fn patient(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Waits for a step; the facts that came with it.
    pub async fn step(&self, name: &str) -> Result<Value> {
        let find = |line: &str| {
            let value: Value = serde_json::from_str(line).ok()?;
            (value.get("step")?.as_str()? == name).then_some(value)
        };
        self.output.line(self.deadline, find).await.map_err(|error| {
            Failure::new(format!("waiting for step {name:?}: {error}\n{}", self.output.text()))
        })
    }

    /// Answers a step that waits.
    pub async fn say(&mut self, facts: &Value) -> Result<()> {
        self.input.write_all(format!("{facts}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    /// Waits for the last step and the end; fails unless the program ends well.
    pub async fn finish(mut self) -> Result<()> {
        self.step("done").await?;
        let ended = timeout(self.deadline, async {
            self.output.ended().await;
            self.child.wait().await
        });
        let status = ended.await.map_err(|_elapsed| Failure::new("the program does not end"))??;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("the program ended with {status}\n{}", self.output.text())))
    }
}
