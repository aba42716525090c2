//! Uploads stop before the disk is full, and the queue never does.
//!
//! The disk is a small one of the test's own, on which a whole server lives. With a bucket only what
//! is on its way there takes room.

use std::path::Path;

use bytes::Bytes;
use client::{CallError, CosClient};
use serde_json::{Value, json};
use testkit::bucket::Bucket;
use testkit::disk::small_disk;
use testkit::process::Server;
use testkit::until::until;

use crate::launch;

const MIB: u64 = 1024 * 1024;
/// What uploads leave free, what the queue holds back for itself, and room for a few files.
const DISK: u64 = (1024 + 64 + 150) * MIB;
const FILE: usize = 24 * 1024 * 1024;

async fn apply(server: &Server) -> Result<(Value, CosClient), CallError> {
    let applied =
        server.client().unwrap().call("ApplyUpload", json!({ "MediaType": "mp4" })).await?;
    let cos = CosClient::for_upload(&server.endpoint(), &applied).unwrap();
    Ok((applied, cos))
}

fn place(applied: &Value) -> &str {
    applied["MediaStoragePath"].as_str().unwrap()
}

/// Uploads and commits a file; its FileId.
async fn upload(server: &Server) -> Result<String, CallError> {
    let (applied, cos) = apply(server).await?;
    cos.put_object(place(&applied), Bytes::from(vec![7; FILE])).await?;
    let key = json!({ "VodSessionKey": applied["VodSessionKey"] });
    let committed = server.client().unwrap().call("CommitUpload", key).await?;
    Ok(committed["FileId"].as_str().unwrap().to_owned())
}

/// Whether an upload was refused for want of room, by the API or by the object storage surface.
fn is_for_room(error: &CallError) -> bool {
    matches!(error.code(), Some("InsufficientStorage" | "ResourceInsufficient"))
}

async fn the_queue_goes_on(server: &Server) {
    let client = server.client().unwrap();
    let events = vec![json!({ "EventType": "PullComplete" }); 16];
    client.call("PublishEvents", json!({ "Events": events })).await.unwrap();
    let pulled = client.call("PullEvents", json!({})).await.unwrap();
    let pulled = pulled["EventSet"].as_array().unwrap();
    let handles: Vec<&Value> = pulled.iter().map(|event| &event["EventHandle"]).collect();
    client.call("ConfirmEvents", json!({ "EventHandles": handles })).await.unwrap();
}

/// Waits until an upload is taken again.
async fn until_there_is_room(server: &Server) {
    let is_taken = async || {
        let uploaded = upload(server).await;
        uploaded.map_err(|error| assert!(is_for_room(&error), "{error}")).is_ok()
    };
    until("room", is_taken).await;
}

async fn start(disk: &Path, config: &str) -> Server {
    assert!(std::env::temp_dir().starts_with(disk), "the server is to live on the small disk");
    let config = format!("{config}[[application]]\nid = 1250000000\nmode = \"PULL\"\n");
    launch(config).start().await.unwrap()
}

#[tokio::test]
async fn uploads_stop_before_the_disk_is_full() {
    let test = "room::uploads_stop_before_the_disk_is_full";
    let Some(disk) = small_disk(test, DISK).unwrap() else { return };
    let server = start(&disk, "").await;
    let mut files = Vec::new();
    let refused = loop {
        match upload(&server).await {
            Ok(file) => files.push(file),
            Err(error) => break error,
        }
        assert!(files.len() < 10, "the disk does not become full");
    };
    assert!(is_for_room(&refused), "{refused}");
    assert!(files.len() >= 3, "{files:?}");
    the_queue_goes_on(&server).await;
    for file in &files {
        server.client().unwrap().call("DeleteMedia", json!({ "FileId": file })).await.unwrap();
    }
    until_there_is_room(&server).await;
}

#[tokio::test]
async fn with_a_bucket_only_what_is_on_its_way_takes_room() {
    let test = "room::with_a_bucket_only_what_is_on_its_way_takes_room";
    let Some(disk) = small_disk(test, DISK).unwrap() else { return };
    let bucket = Bucket::start().await.unwrap();
    let server = start(&disk, &bucket.config()).await;
    for _ in 0..8 {
        upload(&server).await.unwrap();
    }
    // parts that nobody completes
    let (applied, cos) = apply(&server).await.unwrap();
    let id = cos.initiate(place(&applied)).await.unwrap();
    let part = Bytes::from(vec![7; FILE]);
    let mut parts = 0;
    let refused = loop {
        match cos.put_part(place(&applied), &id, parts + 1, part.clone()).await {
            Ok(_) => parts += 1,
            Err(error) => break error,
        }
        assert!(parts < 10, "the disk does not become full");
    };
    assert!(is_for_room(&refused), "{refused}");
    assert!(parts >= 3, "{parts}");
    let refused = upload(&server).await.unwrap_err();
    assert!(is_for_room(&refused), "{refused}");
    the_queue_goes_on(&server).await;
    cos.abort(place(&applied), &id).await.unwrap();
    until_there_is_room(&server).await;
    assert_eq!(bucket.keys().await.unwrap().len(), 9);
}
