//! The way to a server that may go away and come back, perhaps at another address: for commands
//! that go on until they are interrupted.
//!
//! Only calls that may be made twice go through it.

use std::time::Duration;

use client::{CallError, Client};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::find;
use super::printer::Printer;
use crate::args::Server;
use crate::config::Environment;
use crate::failure::Failure;

/// How long to wait before a server that is away is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// A client that waits for its server.
#[derive(Debug)]
pub struct Link<'a> {
    server: &'a Server,
    environment: &'a Environment,
    client: Client,
    printer: Printer,
    stop: CancellationToken,
    came_back: bool,
}

impl<'a> Link<'a> {
    /// Finds the server; does not call it. From `stop` on nothing is waited for.
    pub fn open(
        server: &'a Server,
        environment: &'a Environment,
        printer: Printer,
        stop: CancellationToken,
    ) -> Result<Self, Failure> {
        let client = find::client(server, environment)?;
        Ok(Self { server, environment, client, printer, stop, came_back: false })
    }

    /// The client as it is now, for calls whose failure is to be told at once.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the server has come back since this was asked last.
    pub const fn came_back(&mut self) -> bool {
        std::mem::replace(&mut self.came_back, false)
    }

    /// Calls an action until the server answers, with a note when it is away and when it is back.
    /// Fails with what the server refused, or, after `stop`, because it is away.
    pub async fn call(&mut self, action: &str, params: &Value) -> Result<Value, CallError> {
        let mut away = false;
        loop {
            let answer = self.client.call(action, params.clone()).await;
            let error = match answer {
                Err(error) if passes(&error) => error,
                // a refusal is an answer too
                answered => {
                    if away {
                        self.came_back = true;
                        let endpoint = self.client.endpoint();
                        self.printer.note(format_args!("{endpoint} answers again"));
                    }
                    return answered;
                }
            };
            if self.stop.is_cancelled() {
                return Err(error);
            }
            if !std::mem::replace(&mut away, true) {
                self.printer.note(format_args!("{error}; trying again until it answers"));
            }
            let _stopped = self.stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
            self.find_again();
        }
    }

    /// A server that was started again may have another port, which its data directory tells. While
    /// it is not there the old address is as good as any.
    fn find_again(&mut self) {
        if let Ok(client) = find::client(self.server, self.environment) {
            self.client = client;
        }
    }
}

/// Whether an error may go away by itself.
fn passes(error: &CallError) -> bool {
    match error {
        CallError::Transport { .. } | CallError::Protocol { .. } => true,
        CallError::Endpoint(_) => false,
        CallError::Api { code, .. } => {
            let passing = ["InternalError", "RequestLimitExceeded", "ResourceInsufficient"];
            passing.iter().any(|prefix| code.starts_with(prefix))
        }
    }
}
