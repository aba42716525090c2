//! The Mode of the application: PULL while `listen` runs, and afterwards what it was.

use std::time::Duration;

use client::{CallError, Client};
use serde_json::{Value, json};

use super::super::printer::Printer;
use super::super::with_app;
use crate::failure::{Exit, Failure};

const PULL: &str = "PULL";
/// How long setting the Mode back may hold up the end.
const RESTORE_TIMEOUT: Duration = Duration::from_secs(5);

/// What was done about the Mode.
#[derive(Debug)]
pub(super) struct Mode {
    app: Option<u64>,
    may_set: bool,
    printer: Printer,
    /// What to set at the end; none: nothing was changed.
    before: Option<String>,
}

impl Mode {
    /// Sees that the Mode is PULL; sets it if that is allowed.
    pub(super) async fn take(
        client: &Client,
        app: Option<u64>,
        may_set: bool,
        printer: Printer,
    ) -> Result<Self, Failure> {
        let mut mode = Self { app, may_set, printer, before: None };
        mode.take_again(client).await?;
        Ok(mode)
    }

    /// The same once more, for a server that came back.
    pub(super) async fn take_again(&mut self, client: &Client) -> Result<(), Failure> {
        let now = self.read(client).await?;
        if now == PULL {
            return Ok(());
        }
        if !self.may_set {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "events are not to be pulled: the application's Mode is {now}. With --pull it is \
                 set to PULL while listening; `callboard apps configure --mode PULL` sets it for \
                 good"
                ),
            ));
        }
        self.write(client, PULL).await?;
        self.printer.note(format_args!("Mode is PULL for the time being; it was {now}."));
        self.before.get_or_insert(now);
        Ok(())
    }

    /// Sets what was before, unless somebody has changed the Mode meanwhile. What cannot be done
    /// soon is told, with the command that does it.
    pub(super) async fn restore(&self, client: &Client) {
        let Some(before) = &self.before else { return };
        let set_back = tokio::time::timeout(RESTORE_TIMEOUT, self.set_back(client, before));
        let reason = match set_back.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "the server does not answer".to_owned(),
        };
        let app = self.app.map(|app| format!(" {app}")).unwrap_or_default();
        self.printer.note(format_args!(
            "Mode is still PULL: {reason}. `callboard apps configure{app} --mode {before}` sets it \
             back"
        ));
    }

    async fn set_back(&self, client: &Client, before: &str) -> Result<(), CallError> {
        if self.read(client).await? == PULL {
            self.write(client, before).await?;
            self.printer.note(format_args!("Mode is {before} again."));
        }
        Ok(())
    }

    async fn read(&self, client: &Client) -> Result<String, CallError> {
        let answer = client.call("DescribeEventConfig", with_app(json!({}), self.app)).await?;
        let mode = answer.get("Mode").and_then(Value::as_str);
        Ok(mode.unwrap_or_default().to_owned())
    }

    async fn write(&self, client: &Client, mode: &str) -> Result<(), CallError> {
        let params = with_app(json!({ "Mode": mode }), self.app);
        client.call("ModifyEventConfig", params).await.map(|_answer| ())
    }
}
