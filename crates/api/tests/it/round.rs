//! The whole round of one file: applied for, uploaded, committed, described, played, deleted; and
//! the two events it raises, pulled and confirmed. Every answer is held against the spec.

use bytes::Bytes;
use client::CosClient;
use serde_json::json;

use crate::message::{Message, code, message};
use crate::server::Server;

const CLIP: &[u8] = include_bytes!("../../../../tests/clients/clip.mp4");

/// The COS client signs with the machine's own time.
#[expect(clippy::disallowed_methods, reason = "the clock of the client under test")]
pub(crate) fn real_now_s() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_uploaded_played_and_deleted_and_its_events_are_pulled() {
    let server = Server::start().await;
    server.set_time(real_now_s());
    let wanted = json!({
        "Mode": "PULL", "UploadMediaCompleteEventSwitch": "ON",
        "DeleteMediaCompleteEventSwitch": "ON",
    });
    assert_eq!(code(&server.call("ModifyEventConfig", wanted).await), "OK");
    let params = json!({"MediaType": "mp4", "MediaName": "clip", "SourceContext": "ctx"});
    let applied = server.call("ApplyUpload", params).await;
    let cos = CosClient::for_upload(&format!("http://{}", server.addr), &applied).unwrap();
    let path = applied["MediaStoragePath"].as_str().unwrap();
    cos.put_object(path, Bytes::from_static(CLIP)).await.unwrap();
    let commit = json!({"VodSessionKey": applied["VodSessionKey"]});
    let committed = server.call("CommitUpload", commit.clone()).await;
    let again = server.call("CommitUpload", commit).await;
    assert_eq!(committed["FileId"], again["FileId"], "a repeat is the same file");
    let file = committed["FileId"].clone();

    let described = server.call("DescribeMediaInfos", json!({"FileIds": [file, "1"]})).await;
    let info = &described["MediaInfoSet"][0];
    assert_eq!(info["BasicInfo"]["Name"], "clip");
    assert_eq!(info["MetaData"]["Size"], json!(CLIP.len()));
    assert_eq!(described["NotExistFileIdSet"], json!(["1"]));

    let url = committed["MediaUrl"].as_str().unwrap();
    let target = url.strip_prefix("http://127.0.0.1:8800").unwrap();
    let played = server.send(&Message::new("GET", target).with("Range", "bytes=0-99")).await;
    assert_eq!((played.status, played.header("content-type")), (206, Some("video/mp4")));
    assert_eq!(played.body, &CLIP[..100]);

    let state = server.call("DescribeEventsState", json!({})).await;
    assert_eq!(state["CountOfEventsToPull"], 1, "a repeated commit raises no second event");
    assert_eq!(code(&server.call("DeleteMedia", json!({"FileId": file})).await), "OK");
    assert_eq!(server.send(&Message::new("GET", target)).await.status, 404);
    let pulled = server.call("PullEvents", json!({})).await;
    let events = pulled["EventSet"].as_array().unwrap();
    assert_eq!(events[0]["FileUploadEvent"]["FileId"], file);
    let source = &events[0]["FileUploadEvent"]["MediaBasicInfo"]["SourceInfo"];
    assert_eq!(source["SourceContext"], "ctx");
    assert_eq!(events[1]["FileDeleteEvent"]["FileIdSet"], json!([file]));
    let handles: Vec<_> = events.iter().map(|event| &event["EventHandle"]).collect();
    let confirmed = server.call("ConfirmEvents", json!({"EventHandles": handles})).await;
    assert_eq!(code(&confirmed), "OK");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_off_takes_no_uploads_and_goes_on_with_events() {
    let server = Server::start().await;
    let app = server.call("CreateSubAppId", json!({"Name": "a"})).await["SubAppId"].clone();
    server.call("ModifySubAppIdStatus", json!({"SubAppId": app, "Status": "Off"})).await;
    let refused = server.call("ApplyUpload", json!({"SubAppId": app, "MediaType": "mp4"})).await;
    assert_eq!(code(&refused), "FailedOperation");
    assert!(message(&refused).contains("Off"), "{refused}");
    let missing = server.call("ApplyUpload", json!({})).await;
    let text = "The request is missing a required parameter `MediaType`.";
    assert_eq!((&*code(&missing), &*message(&missing)), ("MissingParameter", text));
    server.stop().await;
}
