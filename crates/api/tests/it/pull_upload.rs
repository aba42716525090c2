//! PullUpload and the tasks it makes, as callers see them.

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use testkit::until::until_some;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::message::{code, message};
use crate::server::Server;

/// A server that has one file.
async fn source(stop: CancellationToken, tracker: &TaskTracker) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = Router::new().route("/film.mp4", get(async || "not much of a film"));
    tracker.spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await.unwrap();
    });
    format!("http://{addr}")
}

/// The task once it has ended.
async fn ended(server: &Server, task: &Value) -> Value {
    until_some("the end of the task", async || {
        server.puller.tick().await.unwrap();
        let detail = server.call("DescribeTaskDetail", json!({ "TaskId": task })).await;
        (detail["Status"] == "FINISH").then_some(detail)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_from_the_call_to_its_event() {
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let origin = source(stop.clone(), &tracker).await;
    let server = Server::start().await;
    server.call("ModifyEventConfig", json!({ "Mode": "PULL" })).await;
    let ask = json!({
        "MediaUrl": format!("{origin}/film.mp4"), "SessionId": "once", "SessionContext": "context",
        "SourceContext": "source", "TasksPriority": 10, "StorageRegion": "ap-chongqing",
    });
    let asked = server.call("PullUpload", ask.clone()).await;
    let task = &asked["TaskId"];
    let repeated = server.call("PullUpload", ask).await;
    assert_eq!(code(&repeated), "InvalidParameterValue.SessionId");

    let detail = server.call("DescribeTaskDetail", json!({ "TaskId": task })).await;
    assert_eq!((&detail["TaskType"], &detail["Status"]), (&json!("PullUpload"), &json!("WAITING")));
    let detail = ended(&server, task).await;
    assert_eq!(detail["PullUploadTask"]["ErrCode"], 0, "{detail}");

    let pulled = server.call("PullEvents", json!({})).await;
    let event = &pulled["EventSet"][0];
    assert_eq!(event["EventType"], "PullComplete");
    assert_eq!(event["PullCompleteEvent"], detail["PullUploadTask"]);
    assert_eq!(pulled["EventSet"].as_array().unwrap().len(), 1);

    let file = &detail["PullUploadTask"]["FileId"];
    let infos = server.call("DescribeMediaInfos", json!({ "FileIds": [file] })).await;
    let basic = &infos["MediaInfoSet"][0]["BasicInfo"];
    assert_eq!(*basic, detail["PullUploadTask"]["MediaBasicInfo"]);
    assert_eq!((&basic["Name"], &basic["StorageRegion"]), (&json!("film"), &json!("ap-chongqing")));

    let listed = server.call("DescribeTasks", json!({ "FileId": file, "Status": "FINISH" })).await;
    let row = &listed["TaskSet"][0];
    assert_eq!((&row["TaskId"], &row["FinishTime"]), (task, &detail["FinishTime"]));
    assert_eq!((&row["SessionId"], &row["SessionContext"]), (&json!("once"), &json!("context")));
    server.stop().await;
    stop.cancel();
    tracker.close();
    tracker.wait().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_documented_codes() {
    let server = Server::start().await;
    let url = "https://example.com/a.mp4";
    for (params, expected) in [
        (json!({}), "MissingParameter"),
        (json!({ "MediaUrl": "a.mp4" }), "InvalidParameterValue.MediaUrl"),
        (json!({ "MediaUrl": "http://10.0.0.1/a.mp4" }), "InvalidParameterValue.MediaUrl"),
        (json!({ "MediaUrl": "https://example.com/a.mpd" }), "FailedOperation.MediaType"),
        (json!({ "MediaUrl": "https://example.com/a" }), "FailedOperation.MediaType"),
        (json!({ "MediaUrl": url, "MediaType": "exe" }), "FailedOperation.MediaType"),
        (json!({ "MediaUrl": url, "CoverUrl": "x" }), "InvalidParameterValue.CoverUrl"),
        (json!({ "MediaUrl": url, "CoverUrl": url }), "FailedOperation.CoverType"),
        (json!({ "MediaUrl": url, "ExpireTime": "soon" }), "InvalidParameterValue.ExpireTime"),
        (
            json!({ "MediaUrl": url, "ExpireTime": "2001-01-01T00:00:00Z" }),
            "InvalidParameterValue.ExpireTime",
        ),
        (
            json!({ "MediaUrl": url, "StorageRegion": "Mars" }),
            "InvalidParameterValue.StorageRegion",
        ),
        (
            json!({ "MediaUrl": url, "MediaStoragePath": "/a" }),
            "InvalidParameterValue.MediaStoragePath",
        ),
        (
            json!({ "MediaUrl": url, "SessionContext": "x".repeat(1001) }),
            "InvalidParameterValue.SessionContextTooLong",
        ),
        (
            json!({ "MediaUrl": url, "SessionId": "x".repeat(51) }),
            "InvalidParameterValue.SessionIdTooLong",
        ),
        (json!({ "MediaUrl": url, "Procedure": "x" }), "InvalidParameterValue"),
        (json!({ "MediaUrl": url, "ClassId": 77 }), "InvalidParameterValue.ClassId"),
        (json!({ "MediaUrl": url, "TasksPriority": 11 }), "InvalidParameterValue"),
    ] {
        let refused = server.call("PullUpload", params.clone()).await;
        assert_eq!(code(&refused), expected, "{params}");
    }
    let tasks = server.call("DescribeTasks", json!({})).await;
    assert_eq!((&tasks["TaskSet"], &tasks["ScrollToken"]), (&json!([]), &json!("")));
    for (params, expected) in [
        (json!({ "Status": "ABORTED" }), "`Status`"),
        (json!({ "Limit": 101 }), "`Limit`"),
        (json!({ "ScrollToken": "x" }), "`ScrollToken`"),
        (json!({ "Sort": { "Field": "Name", "Order": "Asc" } }), "`Sort.Field`"),
        (json!({ "Sort": { "Field": "CreateTime", "Order": "asc" } }), "`Sort.Order`"),
        (json!({ "CreateTime": { "After": "soon" } }), "`CreateTime.After`"),
    ] {
        let refused = server.call("DescribeTasks", params).await;
        assert_eq!(code(&refused), "InvalidParameterValue");
        assert!(message(&refused).contains(expected), "{refused}");
    }
    let detail = async |task: &str| {
        code(&server.call("DescribeTaskDetail", json!({ "TaskId": task })).await)
    };
    assert_eq!(detail("nonsense").await, "InvalidParameterValue.TaskId");
    assert_eq!(
        detail("1400000001-Pull-0123456789abcdef0123456789abcdeftt0").await,
        "ResourceNotFound"
    );
    server.stop().await;
}
