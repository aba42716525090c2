//! The story itself: each step calls the API as an application would, and says what came of it.

use std::time::Duration;

use axum::body::Bytes;
use client::{CallError, Client, CosClient};
use serde_json::{Value, json};

use super::receiver::{Callback, Receiver};
use crate::commands::pull;
use crate::failure::{Exit, Failure};
use crate::out;

/// A video of three seconds, 320 by 180, H.264 and AAC, made for this.
const VIDEO: &[u8] = include_bytes!("../../assets/demo.mp4");
/// How long a callback may take; it takes milliseconds.
const CALLBACK_DEADLINE: Duration = Duration::from_secs(5);

/// Tells the story to standard output.
#[derive(Debug)]
pub(super) struct Story<'a> {
    /// Calls the server.
    pub(super) client: &'a Client,
    /// Where callbacks come.
    pub(super) receiver: &'a mut Receiver,
    /// The key of `Sign`.
    pub(super) sign_key: &'a str,
    step: u32,
}

impl<'a> Story<'a> {
    /// A story that begins.
    pub(super) const fn new(
        client: &'a Client,
        receiver: &'a mut Receiver,
        sign_key: &'a str,
    ) -> Self {
        Self { client, receiver, sign_key, step: 0 }
    }

    /// From the first step to the last.
    pub(super) async fn tell(mut self) -> Result<(), Failure> {
        self.configure_push().await?;
        let (file, url) = self.upload().await?;
        self.uploaded(&file).await?;
        self.play(&url).await?;
        self.delete(&file).await?;
        self.switch_to_pull().await?;
        self.pull_and_confirm().await?;
        self.nothing_left().await
    }

    fn step(&mut self, words: &str) -> Result<(), Failure> {
        self.step += 1;
        say(&format!("\n{}. {words}", self.step))
    }

    async fn call(&self, action: &str, params: Value) -> Result<Value, Failure> {
        say(&format!("   → {action} {}", short(&params)))?;
        Ok(self.client.call(action, params).await?)
    }

    async fn configure_push(&mut self) -> Result<(), Failure> {
        self.step("The application asks for callbacks, signed with a key of its own.")?;
        let params = json!({
            "Mode": "PUSH",
            "NotificationUrl": self.receiver.url,
            "UploadMediaCompleteEventSwitch": "ON",
            "DeleteMediaCompleteEventSwitch": "ON",
            "SignKey": self.sign_key,
        });
        self.call("ModifyEventConfig", params).await.map(drop)
    }

    /// The official upload flow; the FileId and the MediaUrl.
    async fn upload(&mut self) -> Result<(String, String), Failure> {
        self.step("It uploads a video: ask for a place, PUT the bytes, commit.")?;
        let params = json!({"MediaType": "mp4", "MediaName": "demo"});
        let applied = self.call("ApplyUpload", params).await?;
        let path = text(&applied, "/MediaStoragePath")?;
        let cos = CosClient::for_upload(&self.client.endpoint().to_string(), &applied)
            .map_err(CallError::from)?;
        say(&format!("   → PUT {path} ({} bytes, with the temporary key)", VIDEO.len()))?;
        let etag = cos.put_object(&path, Bytes::from_static(VIDEO)).await?;
        say(&format!("   ← ETag {etag}"))?;
        let session = text(&applied, "/VodSessionKey")?;
        say("   → CommitUpload")?;
        let committed =
            self.client.call("CommitUpload", json!({ "VodSessionKey": session })).await?;
        let (file, url) = (text(&committed, "/FileId")?, text(&committed, "/MediaUrl")?);
        say(&format!("   ← FileId {file}"))?;
        Ok((file, url))
    }

    async fn uploaded(&mut self, file: &str) -> Result<(), Failure> {
        self.step("The callback arrives at the application's receiver.")?;
        let callback = self.callback("NewFileUpload").await?;
        let event = "/FileUploadEvent";
        let id = text(&callback.event, &format!("{event}/FileId"))?;
        expect(id == file, "the callback speaks of another file")?;
        let number = |name: &str| {
            let found = callback.event.pointer(&format!("{event}/MetaData/{name}"));
            found.and_then(Value::as_f64).unwrap_or_default()
        };
        say(&format!(
            "     the file: {} bytes, {} x {}, {:.1} s",
            number("Size"),
            number("Width"),
            number("Height"),
            number("Duration")
        ))
    }

    async fn play(&mut self, url: &str) -> Result<(), Failure> {
        self.step("The file can be played where MediaUrl says.")?;
        let path = url.split_once("://").and_then(|(_, rest)| rest.get(rest.find('/')?..));
        let path = path.unwrap_or("/");
        say(&format!("   → GET {url}"))?;
        let bytes = self.client.get(path).await?;
        expect(&bytes[..] == VIDEO, "the file is not what was uploaded")?;
        say(&format!("   ← {} bytes, the same that were uploaded", bytes.len()))
    }

    async fn delete(&mut self, file: &str) -> Result<(), Failure> {
        self.step("It deletes the video, and hears of that too.")?;
        self.call("DeleteMedia", json!({ "FileId": file })).await?;
        let callback = self.callback("FileDeleted").await?;
        let id = text(&callback.event, "/FileDeleteEvent/FileIdSet/0")?;
        expect(id == file, "the callback speaks of another file")
    }

    async fn switch_to_pull(&mut self) -> Result<(), Failure> {
        self.step("From now on it fetches its events itself, and states one of its own.")?;
        self.call("ModifyEventConfig", json!({ "Mode": "PULL" })).await?;
        let event = json!({
            "EventType": "ProcedureStateChanged",
            "EventKey": "demo-1",
            "ProcedureStateChangeEvent": {"TaskId": "demo-1", "Status": "FINISH"},
        });
        let answer = self.call("PublishEvents", json!({ "Events": [event] })).await?;
        let state = text(&answer, "/EventSet/0/State")?;
        say(&format!("   ← {state}, EventId {}", text(&answer, "/EventSet/0/EventId")?))
    }

    async fn pull_and_confirm(&mut self) -> Result<(), Failure> {
        self.step("It pulls and confirms. What is not confirmed comes again after 30 s.")?;
        say("   → PullEvents")?;
        let events = pull::pull(self.client, None).await?;
        for event in &events {
            say(&format!("   ← {}", short(&pull::brief(event))))?;
        }
        expect(events.len() == 1, "one event was to come")?;
        say("   → ConfirmEvents")?;
        Ok(pull::confirm(self.client, None, &events).await?)
    }

    async fn nothing_left(&mut self) -> Result<(), Failure> {
        self.step("Nothing is left.")?;
        say("   → PullEvents")?;
        match self.client.call("PullEvents", json!({})).await {
            Err(CallError::Api { code, message, .. }) => say(&format!("   ← {code}: {message}")),
            Err(error) => Err(error.into()),
            Ok(answer) => Err(failed(&format!("an event was left: {answer}"))),
        }
    }

    /// The next callback, which must be of that type.
    async fn callback(&mut self, kind: &str) -> Result<Callback, Failure> {
        let next = tokio::time::timeout(CALLBACK_DEADLINE, self.receiver.callbacks.recv()).await;
        let Ok(Some(callback)) = next else {
            return Err(failed(&format!("the callback {kind} did not come within 5 s")));
        };
        expect(text(&callback.event, "/EventType")? == kind, "the callback is of another type")?;
        say(&format!("   ← {kind}, Sign {} verified", callback.sign))?;
        Ok(callback)
    }
}

fn say(line: &str) -> Result<(), Failure> {
    out::line(line).map_err(|error| Failure::stdout(&error))
}

fn expect(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(failed(otherwise)) }
}

fn failed(what: &str) -> Failure {
    Failure::new(Exit::Refused, format!("the demo did not go as it should: {what}"))
}

fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| failed(&format!("there is no {pointer} in {value}")))
}

/// JSON on one line that fits a terminal.
fn short(value: &Value) -> String {
    const LINE: usize = 160;
    let text = value.to_string();
    match text.char_indices().nth(LINE) {
        Some((at, _)) => text.get(..at).unwrap_or_default().to_owned() + "…",
        None => text,
    }
}
