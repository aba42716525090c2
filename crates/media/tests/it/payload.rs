//! NewFileUpload and FileDeleted with all that an upload can say: every member as the spec has it, every
//! value as it was given, in the shape of the documented samples, and the same as DescribeMediaInfos.

use model::{Application, Naming, Timestamp};
use serde_json::{Value, json};
use wire::conformance::check_type;
use wire::event::task::MediaDeleteItem;

use crate::world::{APP, URL, World, application, apply_request, wav};

/// The documented sample of FileUploadEvent (266/7830), with the values of this upload.
fn sample() -> Value {
    json!({
        "FileId": "", "ProcedureTaskId": "", "ReviewAudioVideoTaskId": "",
        "MediaBasicInfo": {
            "Name": "Animal World", "Description": "", "CreateTime": "", "UpdateTime": "",
            "ExpireTime": "2026-12-01T00:00:00Z", "ClassId": 1, "ClassName": "动物",
            "ClassPath": "动物", "CoverUrl": "", "Type": "wav", "MediaUrl": "", "TagSet": [],
            "StorageRegion": "ap-chongqing",
            "SourceInfo": {"SourceType": "Upload", "SourceContext": "来源"}, "Vid": "",
        },
    })
}

/// Whether a value has every member of a sample, of the same type; what is not empty there is equal.
fn follows(value: &Value, sample: &Value, path: &str) {
    match (value, sample) {
        (Value::Object(value), Value::Object(sample)) => {
            for (name, sample) in sample {
                let member = value.get(name).unwrap_or_else(|| panic!("no {path}/{name}"));
                follows(member, sample, &format!("{path}/{name}"));
            }
        }
        (Value::String(_), Value::String(sample)) if sample.is_empty() => {}
        (value, sample) => assert_eq!(value, sample, "{path}"),
    }
}

fn by_path() -> Application {
    Application { naming: Naming::Path, ..application(APP) }
}

#[tokio::test]
async fn everything_that_an_upload_says_is_in_its_events() {
    let world = World::new().await;
    world.put_application(&by_path()).await;
    let class_id = world.library.create_class(APP, -1, "动物").await.unwrap();
    assert_eq!(class_id, 1);
    let mut request = apply_request("wav");
    request.media_name = "Animal World".to_owned();
    request.cover_type = "JPG".to_owned();
    request.class_id = class_id;
    request.expire_time = Timestamp::parse_iso("2026-12-01T08:00:00+08:00");
    request.storage_region = "ap-chongqing".to_owned();
    request.source_context = "来源".to_owned();
    request.session_context = "会话".to_owned();
    request.media_storage_path = "/动物/animal world.wav".to_owned();
    let applied = world.library.apply(&by_path(), &request).await.unwrap();
    assert_eq!(applied.session.about.session_context, "会话");
    let grant = world.grant(&applied).await;
    let cover = applied.session.cover_key.clone().unwrap();
    world.put(&grant, &applied.session.media_key, &wav(3)).await.unwrap();
    world.put(&grant, &cover, b"cover").await.unwrap();
    world.pass(1_500);
    world.library.commit_upload(&by_path(), &applied.vod_session_key).await.unwrap();

    let (event, upload) = world.events().await.remove(0);
    assert_eq!(check_type("FileUploadTask", &upload), Vec::<String>::new());
    follows(&upload, &sample(), "");
    let file = applied.session.file.to_string();
    let basic = &upload["MediaBasicInfo"];
    assert_eq!((&upload["FileId"], &basic["Vid"]), (&json!(file), &json!(file)));
    for time in ["CreateTime", "UpdateTime"] {
        assert_eq!(basic[time], event.row.created.to_string(), "{time}");
    }
    let place = format!("{URL}/media/{}/%E5%8A%A8%E7%89%A9", applied.session.bucket);
    assert_eq!(basic["MediaUrl"], format!("{place}/animal%20world.wav"));
    assert_eq!(basic["CoverUrl"], format!("{place}/{}", cover.rsplit('/').next().unwrap()));
    assert_eq!(basic["StoragePath"], "/动物/animal world.wav");
    let rest = [("Category", "Audio"), ("Status", "Normal"), ("StorageClass", "STANDARD")];
    assert!(rest.iter().all(|(name, value)| basic[name] == *value), "{basic}");
    assert_eq!(upload["MetaData"]["Size"], wav(3).len());
    assert_eq!(upload["MetaData"]["AudioDuration"], 3.0);
    assert!(!upload.to_string().contains("会话"), "SessionContext is the tasks'");
    let described = world.describe(&file).await;
    assert_eq!((&described["BasicInfo"], &described["MetaData"]), (basic, &upload["MetaData"]));

    let part = MediaDeleteItem { r#type: "OriginalFiles".to_owned(), definition: 0 };
    world.library.delete(&by_path(), &file, &[part]).await.unwrap();
    world.library.delete(&by_path(), &file, &[]).await.unwrap();
    let mut events = world.events().await;
    for parts in [json!([]), json!([{"Type": "OriginalFiles", "Definition": 0}])] {
        let (_, deletion) = events.remove(0);
        assert_eq!(check_type("FileDeleteTask", &deletion), Vec::<String>::new());
        let info = json!([{"FileId": file, "DeleteParts": parts}]);
        assert_eq!(deletion, json!({"FileIdSet": [file], "FileDeleteResultInfo": info}));
    }
}
