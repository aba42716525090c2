//! The library with an official client against the real binary.

use serde_json::json;
use testkit::program::Program;

use crate::clients::{python, setup};
use crate::launch;

const APP: u64 = 1_500_000_001;

#[tokio::test]
async fn python_files_changes_searches_and_deletes() {
    let config = format!("[[application]]\nid = {APP}\nname = \"library\"\n");
    let mut server = launch(config).start().await.unwrap();
    let client = client::Client::new(
        &server.endpoint(),
        testkit::process::SECRET_ID,
        testkit::process::SECRET_KEY,
    );
    let by_path =
        json!({"Name": "by path", "Mode": "fileid+path", "StorageRegion": "ap-guangzhou"});
    let path_app = client.unwrap().call("CreateSubAppId", by_path).await.unwrap();
    let facts = json!({"app": APP, "path_app": path_app["SubAppId"]});
    let program = Program::start(python("library_round.py"), &setup(&server, facts)).await.unwrap();
    program.finish().await.unwrap();
    assert!(server.stop().await.unwrap().success());
}
