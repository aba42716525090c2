//! CreateSubAppId, DescribeSubAppIds, ModifySubAppIdInfo and ModifySubAppIdStatus.

use serde_json::{Value, json};

use crate::message::{code, message};
use crate::server::{APP, Server};

async fn create(server: &Server, name: &str) -> Value {
    let params = json!({"Name": name, "Tags": [{"TagKey": "team", "TagValue": name}]});
    server.call("CreateSubAppId", params).await["SubAppId"].clone()
}

fn ids(listed: &Value) -> Vec<u64> {
    let set = listed["SubAppIdInfoSet"].as_array().unwrap();
    set.iter().map(|one| one["SubAppId"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_are_created_listed_and_changed() {
    let server = Server::start().await;
    let (a, b) = tokio::join!(create(&server, "a"), create(&server, "b"));
    assert_ne!(a, b);
    let all = server.call("DescribeSubAppIds", json!({})).await;
    assert_eq!((all["TotalCount"].as_u64(), ids(&all)[0]), (Some(3), APP));
    let one = server.call("DescribeSubAppIds", json!({"Offset": 1, "Limit": 1})).await;
    assert_eq!((one["TotalCount"].as_u64(), ids(&one).len()), (Some(3), 1));
    let named = server.call("DescribeSubAppIds", json!({"Name": "b"})).await;
    assert_eq!(ids(&named), [b.as_u64().unwrap()]);
    let tag = json!({"Tags": [{"TagKey": "team", "TagValue": "a"}]});
    let tagged = server.call("DescribeSubAppIds", tag).await;
    assert_eq!(ids(&tagged), [a.as_u64().unwrap()]);
    let change = json!({"SubAppId": a, "Name": "new", "Description": "d"});
    assert_eq!(code(&server.call("ModifySubAppIdInfo", change).await), "OK");
    let named = server.call("DescribeSubAppIds", json!({"Name": "new"})).await;
    assert_eq!(named["SubAppIdInfoSet"][0]["Description"], "d");
    assert_eq!(named["SubAppIdInfoSet"][0]["Status"], "On");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_values_are_refused() {
    let server = Server::start().await;
    let (long, long_tag) = ("n".repeat(41), "t".repeat(128));
    for (action, params) in [
        ("CreateSubAppId", json!({"Name": ""})),
        ("CreateSubAppId", json!({"Name": long})),
        ("CreateSubAppId", json!({"Name": "a", "Description": "d".repeat(301)})),
        ("CreateSubAppId", json!({"Name": "a", "Mode": "fileid+path"})),
        ("CreateSubAppId", json!({"Name": "a", "Mode": "path", "StorageRegion": "ap-beijing"})),
        ("CreateSubAppId", json!({"Name": "a", "StorageRegion": "../x"})),
        ("CreateSubAppId", json!({"Name": "a", "Type": "Nonsense"})),
        ("CreateSubAppId", json!({"Name": "a", "Tags": [{"TagKey": long_tag, "TagValue": ""}]})),
        ("DescribeSubAppIds", json!({"Tags": vec![json!({"TagKey": "k", "TagValue": "v"}); 51]})),
        ("ModifySubAppIdInfo", json!({"SubAppId": APP, "Name": ""})),
        ("ModifySubAppIdStatus", json!({"SubAppId": APP, "Status": "off"})),
        ("DescribeSubAppIds", json!({"Limit": 201})),
        ("DescribeSubAppIds", json!({"Limit": 0})),
    ] {
        let refused = server.call(action, params.clone()).await;
        assert_eq!(code(&refused), "InvalidParameterValue", "{action} {params}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_named_as_their_application_says() {
    let server = Server::start().await;
    let params = json!({"Name": "p", "Mode": "fileid+path", "StorageRegion": "ap-beijing"});
    let app = server.call("CreateSubAppId", params).await["SubAppId"].clone();
    let apply = async |app: &Value, more: Value| {
        let mut params = json!({"SubAppId": app, "MediaType": "mp4"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.call("ApplyUpload", params).await
    };
    let path = json!({"MediaStoragePath": "/films/a b.mp4", "CoverType": "png"});
    let applied = apply(&app, path.clone()).await;
    assert_eq!(applied["MediaStoragePath"], "/films/a b.mp4");
    assert_eq!(applied["StorageRegion"], "ap-beijing");
    assert!(applied["CoverStoragePath"].as_str().unwrap().starts_with("/films/"));
    let refused = "InvalidParameterValue.MediaStoragePath";
    assert_eq!(code(&apply(&app, path.clone()).await), refused, "it is taken");
    assert_eq!(code(&apply(&app, json!({"MediaStoragePath": "/../a.mp4"})).await), refused);
    assert_eq!(code(&apply(&json!(APP), path).await), refused, "files have no paths there");
    let unfiled = apply(&app, json!({"ClassId": 7})).await;
    assert_eq!(code(&unfiled), "InvalidParameterValue");
    assert!(message(&unfiled).contains("`ClassId`"), "{unfiled}");
    apply(&json!(APP), json!({"StorageRegion": "ap-tokyo"})).await;

    let listed = server.call("DescribeSubAppIds", json!({})).await;
    let shown = |n: usize| {
        let one = &listed["SubAppIdInfoSet"][n];
        (one["Mode"].clone(), one["StorageRegions"].clone())
    };
    assert_eq!(shown(0), (json!("fileid"), json!(["ap-guangzhou", "ap-tokyo"])));
    assert_eq!(shown(1), (json!("fileid+path"), json!(["ap-beijing"])));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn destroying_takes_two_steps_and_ends_everything() {
    let server = Server::start().await;
    let app = create(&server, "a").await;
    let status = |status: &str| {
        server.call("ModifySubAppIdStatus", json!({"SubAppId": app, "Status": status}))
    };
    let pull = json!({"SubAppId": app, "Mode": "PULL"});
    server.call("ModifyEventConfig", pull).await;
    let publish = json!({"SubAppId": app, "Events": [{"EventType": "PullComplete"}]});
    assert_eq!(code(&status("Destroyed").await), "FailedOperation");
    assert_eq!(code(&status("Off").await), "OK");
    assert_eq!(code(&server.call("PublishEvents", publish.clone()).await), "OK", "events go on");
    assert_eq!(code(&status("On").await), "OK");
    assert_eq!(code(&status("Off").await), "OK");
    assert_eq!(code(&status("Destroyed").await), "OK");
    for (action, params) in [
        ("ModifySubAppIdStatus", json!({"SubAppId": app, "Status": "On"})),
        ("PullEvents", json!({"SubAppId": app})),
        ("PublishEvents", publish),
    ] {
        let refused = server.call(action, params).await;
        assert_eq!(
            (&*code(&refused), &*message(&refused)),
            ("FailedOperation", "invalid vod user")
        );
    }
    let next = create(&server, "b").await;
    assert_eq!(next.as_u64().unwrap(), app.as_u64().unwrap() + 1, "ids are not reused");
    let own = json!({"SubAppId": APP, "Status": "Off"});
    assert_eq!(code(&server.call("ModifySubAppIdStatus", own).await), "OK");
    let own = json!({"SubAppId": APP, "Status": "Destroyed"});
    let refused = server.call("ModifySubAppIdStatus", own).await;
    assert_eq!(code(&refused), "FailedOperation");
    assert!(message(&refused).contains("default application"), "{refused}");
    server.stop().await;
}
