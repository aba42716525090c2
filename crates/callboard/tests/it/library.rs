//! The library over `kill -9`: uploads, deletions and files that end, after which library, objects and
//! events agree; and files named by path, with the official clients.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use callboard::clock::wall;
use client::{CallError, Client, CosClient};
use serde_json::{Value, json};
use testkit::agreement::{self, Agreement};
use testkit::program::Program;
use testkit::until::until;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clients::{python, setup};
use crate::launch;

const DEADLINE: Duration = Duration::from_mins(2);
/// Uploads that are acknowledged between two kills, at least.
const UPLOADS_MIN: usize = 24;
/// Callers at once.
const CALLERS: usize = 4;
/// Files that end.
const FILES: usize = 40;

/// ApplyUpload with these members, PUT, CommitUpload; the FileId.
async fn upload(client: &Client, params: Value, body: Bytes) -> Result<String, CallError> {
    let applied = client.call("ApplyUpload", params).await?;
    let cos = CosClient::for_upload(&client.endpoint().to_string(), &applied)?;
    let path = applied["MediaStoragePath"].as_str().unwrap();
    cos.put_object(path, body.clone()).await?;
    if let Some(cover) = applied["CoverStoragePath"].as_str().filter(|path| !path.is_empty()) {
        cos.put_object(cover, body).await?;
    }
    let session = json!({ "VodSessionKey": applied["VodSessionKey"] });
    let committed = client.call("CommitUpload", session).await?;
    Ok(committed["FileId"].as_str().unwrap().to_owned())
}

/// What was acknowledged; and whether a kill is on its way, after which calls may fail.
#[derive(Clone, Debug, Default)]
struct Promises {
    kept: Arc<Mutex<HashSet<String>>>,
    deleted: Arc<Mutex<HashSet<String>>>,
    uploads: watch::Sender<usize>,
    dying: watch::Sender<bool>,
}

impl Promises {
    /// Uploads and deletes until the server is gone.
    async fn make(self, client: Client, caller: usize) {
        for turn in caller.. {
            let size = [1, 700, 300_000, 2_500_000][turn % 4];
            let body = Bytes::from(vec![u8::try_from(turn % 251).unwrap(); size]);
            let params = json!({ "MediaType": "mp4", "CoverType": "png" });
            match upload(&client, params, body).await {
                Ok(file) => {
                    lock(&self.kept).insert(file.clone());
                    self.uploads.send_modify(|count| *count += 1);
                    if turn % 3 == 0 && !self.delete(&client, &file).await {
                        return;
                    }
                }
                Err(error) => return self.cut_off(&error),
            }
        }
    }

    /// Deletes a file; whether that was answered.
    async fn delete(&self, client: &Client, file: &str) -> bool {
        lock(&self.kept).remove(file);
        match client.call("DeleteMedia", json!({ "FileId": file })).await {
            Ok(_) => {
                lock(&self.deleted).insert(file.to_owned());
                true
            }
            Err(error) => {
                self.cut_off(&error);
                false
            }
        }
    }

    fn cut_off(&self, error: &CallError) {
        assert!(error.code().is_none() && *self.dying.borrow(), "a call failed: {error}");
    }

    /// What was acknowledged is so.
    async fn check(&self, client: &Client) {
        let (kept, deleted) = (lock(&self.kept).clone(), lock(&self.deleted).clone());
        assert_eq!(existing(client, &kept).await, kept, "acknowledged and lost");
        assert_eq!(existing(client, &deleted).await, HashSet::new(), "deleted and back");
    }
}

fn lock(files: &Mutex<HashSet<String>>) -> std::sync::MutexGuard<'_, HashSet<String>> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those of the files that exist.
async fn existing(client: &Client, files: &HashSet<String>) -> HashSet<String> {
    let files: Vec<&String> = files.iter().collect();
    let mut found = HashSet::new();
    for some in files.chunks(20) {
        let params = json!({ "FileIds": some, "Filters": ["basicInfo"] });
        let answer = client.call("DescribeMediaInfos", params).await.unwrap();
        let infos = answer["MediaInfoSet"].as_array().unwrap().iter();
        found.extend(infos.map(|info| info["FileId"].as_str().unwrap().to_owned()));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_and_deletions_survive_kill_9() {
    let kills = testkit::soak::count("library_kills", 2, 50);
    let mut server = launch("").start().await.unwrap();
    let promises = Promises::default();
    for kill in 0..kills {
        promises.dying.send_replace(false);
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            callers.spawn(promises.clone().make(server.client().unwrap(), caller));
        }
        let enough = *promises.uploads.borrow() + UPLOADS_MIN + usize::try_from(kill % 5).unwrap();
        let mut uploads = promises.uploads.subscribe();
        tokio::select! {
            reached = timeout(DEADLINE, uploads.wait_for(|count| *count >= enough)) => {
                reached.expect("uploads go on").unwrap();
            }
            ended = callers.join_next() => ended.unwrap().unwrap(),
        }
        promises.dying.send_replace(true);
        server.kill9().await.unwrap();
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
        server.restart().await.unwrap();
        let agreed = agreement::check(&server.data()).await.unwrap();
        assert!(agreed.media >= lock(&promises.kept).len(), "{agreed:?}");
        assert!(agreed.deleted >= lock(&promises.deleted).len(), "{agreed:?}");
        promises.check(&server.client().unwrap()).await;
    }
    assert!(server.stop().await.unwrap().success());
}

/// How many FileDeleted there are.
async fn deletions(client: &Client) -> usize {
    let mut params = json!({ "EventTypes": ["FileDeleted"], "Limit": 100 });
    let mut count = 0;
    loop {
        let page = client.call("DescribeEvents", params.clone()).await.unwrap();
        count += page["EventSet"].as_array().unwrap().len();
        match page.get("ScrollToken") {
            Some(token) => params["ScrollToken"] = token.clone(),
            None => return count,
        }
    }
}

async fn wait_for_deletions(client: &Client, least: usize) {
    until("files that end", async || deletions(client).await >= least).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_end_once_over_kill_9() {
    let kills = usize::try_from(testkit::soak::count("expiry_kills", 2, 50)).unwrap();
    let files = FILES + 10 * kills;
    let launch = launch("[media]\nexpiry_grace = \"1s\"\n");
    let mut server = launch.start().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..files {
        let params = json!({ "MediaType": "wav", "ExpireTime": "2999-01-01T00:00:00Z" });
        ids.push(
            upload(&server.client().unwrap(), params, Bytes::from_static(b"brief")).await.unwrap(),
        );
    }
    for kill in 1..=kills {
        let some = ids.split_off(ids.len() - files / (kills + 1));
        for (number, file) in (0..).zip(&some) {
            // spread over some seconds, so that the kill comes in between
            let end = wall().plus_ms(3_000 + number * 100).to_string();
            let params = json!({ "FileId": file, "ExpireTime": end });
            server.client().unwrap().call("ModifyMediaInfo", params).await.unwrap();
        }
        wait_for_deletions(&server.client().unwrap(), (kill - 1) * some.len() + 1).await;
        server.kill9().await.unwrap();
        server.restart().await.unwrap();
        wait_for_deletions(&server.client().unwrap(), kill * some.len()).await;
        assert_eq!(
            existing(&server.client().unwrap(), &some.into_iter().collect()).await,
            HashSet::new()
        );
    }
    let agreed = agreement::check(&server.data()).await.unwrap();
    let deleted = files - ids.len();
    let expected =
        Agreement { media: ids.len(), objects: ids.len(), deleted, ..Agreement::default() };
    assert_eq!(agreed, expected);
    assert_eq!(deletions(&server.client().unwrap()).await, deleted);
    assert!(server.stop().await.unwrap().success());
}

#[tokio::test]
async fn files_lie_at_their_paths() {
    let mut server = launch("").start().await.unwrap();
    let program = Program::start(python("paths.py"), &setup(&server, json!({}))).await.unwrap();
    program.finish().await.unwrap();
    agreement::check(&server.data()).await.unwrap();
    assert!(server.stop().await.unwrap().success());
}
