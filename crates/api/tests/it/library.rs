//! Classes, changes, searches and lists over the gateway: every answer is held against the spec.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use client::CosClient;
use serde_json::{Value, json};

use crate::message::{Message, code};
use crate::round::real_now_s;
use crate::server::Server;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

async fn uploaded(server: &Server, members: Value) -> (Value, String) {
    let applied = server.call("ApplyUpload", members).await;
    assert_eq!(code(&applied), "OK", "{applied}");
    let cos = CosClient::for_upload(&format!("http://{}", server.addr), &applied).unwrap();
    let path = applied["MediaStoragePath"].as_str().unwrap();
    cos.put_object(path, Bytes::from_static(b"no media")).await.unwrap();
    let commit = json!({"VodSessionKey": applied["VodSessionKey"]});
    let committed = server.call("CommitUpload", commit).await;
    let url = committed["MediaUrl"].as_str().unwrap();
    (committed["FileId"].clone(), url.strip_prefix("http://127.0.0.1:8800").unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_is_filed_changed_searched_and_forbidden() {
    let server = Server::start().await;
    server.set_time(real_now_s());
    let class = json!({"ParentId": -1, "ClassName": "films"});
    let class = server.call("CreateClass", class).await["ClassId"].clone();
    let renamed = json!({"ClassId": class, "ClassName": "movies"});
    assert_eq!(code(&server.call("ModifyClass", renamed).await), "OK");
    let members = json!({"MediaType": "mp4", "MediaName": "a", "ClassId": class});
    let (file, target) = uploaded(&server, members).await;
    let classes = server.call("DescribeAllClass", json!({})).await;
    assert_eq!(classes["ClassInfoSet"][1]["Name"], "movies");
    let refused = server.call("DeleteClass", json!({"ClassId": class})).await;
    assert_eq!(code(&refused), "UnsupportedOperation.ClassNotEmpty");

    let cover = STANDARD.encode(PNG);
    let change = json!({"FileId": file, "AddTags": ["x"], "CoverData": cover, "ClassId": 0});
    let changed = server.call("ModifyMediaInfo", change).await;
    assert!(changed["CoverUrl"].as_str().unwrap().ends_with("A.png"), "{changed}");
    let long = json!([{"TimeOffset": 1.0, "Content": "c".repeat(129)}]);
    let refused =
        server.call("ModifyMediaInfo", json!({"FileId": file, "AddKeyFrameDescs": long})).await;
    assert_eq!(code(&refused), "InvalidParameterValue.KeyFrameDescContentTooLong");
    let srt = json!([{"Name": "", "Language": "en", "Format": "srt", "Content": "eA=="}]);
    let refused =
        server.call("ModifyMediaInfo", json!({"FileId": file, "AddSubtitles": srt})).await;
    assert_eq!(code(&refused), "InvalidParameterValue.SubtitleFormat");
    assert_eq!(code(&server.call("DeleteClass", json!({"ClassId": class})).await), "OK");

    let found = server.call("SearchMedia", json!({"Tags": ["x"], "Names": ["A"]})).await;
    assert_eq!((&found["TotalCount"], &found["MediaInfoSet"][0]["FileId"]), (&json!(1), &file));
    let data = server.call("DescribeStorageData", json!({})).await;
    assert_eq!((&data["MediaCount"], &data["TotalStorage"]), (&json!(1), &json!(8 + PNG.len())));

    let forbid = |operation| json!({"FileIds": [file, "1"], "Operation": operation});
    let forbidden = server.call("ForbidMediaDistribution", forbid("forbid")).await;
    assert_eq!(forbidden["NotExistFileIdSet"], json!(["1"]));
    let get = Message::new("GET", &target);
    assert_eq!(server.send(&get).await.status, 403);
    server.call("ForbidMediaDistribution", forbid("recover")).await;
    assert_eq!(server.send(&get).await.status, 200);
    server.call("DeleteMedia", json!({"FileId": file})).await;
    assert_eq!(server.call("SearchMedia", json!({})).await["TotalCount"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_where_they_have_paths() {
    let server = Server::start().await;
    server.set_time(real_now_s());
    let app = json!({"Name": "a", "Mode": "fileid+path", "StorageRegion": "ap-guangzhou"});
    let app = server.call("CreateSubAppId", app).await["SubAppId"].clone();
    let mut applied = server
        .call(
            "ApplyUpload",
            json!({"SubAppId": app, "MediaType": "mp4", "MediaStoragePath": "/d/a.mp4"}),
        )
        .await;
    assert_eq!(code(&applied), "OK", "{applied}");
    let cos = CosClient::for_upload(&format!("http://{}", server.addr), &applied).unwrap();
    cos.put_object("/d/a.mp4", Bytes::from_static(b"no media")).await.unwrap();
    let list = json!({"SubAppId": app});
    assert_eq!(server.call("ListFiles", list.clone()).await["Contents"], json!([]));
    let commit = json!({"SubAppId": app, "VodSessionKey": applied["VodSessionKey"].take()});
    server.call("CommitUpload", commit).await;
    let listed = server.call("ListFiles", list).await;
    assert_eq!(listed["Contents"][0]["Key"], "d/a.mp4");
    let grouped = server.call("ListFiles", json!({"SubAppId": app, "Delimiter": "/"})).await;
    assert_eq!(grouped["CommonPrefixes"], json!(["d/"]));
    let refused = server.call("ListFiles", json!({"SubAppId": crate::server::APP})).await;
    assert_eq!(code(&refused), "FailedOperation");
    server.stop().await;
}
