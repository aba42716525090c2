//! What may not be seen.

use serde_json::json;

use super::{Media, ask};
use crate::message::code;
use crate::server::{APP, Server};

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_seen_is_refused() {
    let server = Server::start().await;
    let media = Media::clip(&server).await;
    let forbid = |operation: &str| json!({ "FileIds": [media.file], "Operation": operation });
    let answer = server.call("ForbidMediaDistribution", forbid("forbid")).await;
    assert_eq!(code(&answer), "OK", "{answer}");
    assert_eq!(ask(&server, &media.path, &[]).await.status, 403);
    assert_eq!(ask(&server, &media.cover, &[]).await.status, 403);
    server.call("ForbidMediaDistribution", forbid("recover")).await;
    assert_eq!(ask(&server, &media.path, &[]).await.status, 200);
    let switch = |status: &str| json!({ "SubAppId": APP, "Status": status });
    server.call("ModifySubAppIdStatus", switch("Off")).await;
    assert_eq!(ask(&server, &media.path, &[]).await.status, 404);
    server.call("ModifySubAppIdStatus", switch("On")).await;
    assert_eq!(ask(&server, &media.path, &[]).await.status, 200);
    server.stop().await;
}
