//! DeleteMedia and DescribeMediaInfos.

use media::{DeleteError, DescribeError, Uploaded};
use model::EventKind;
use queue::Commit;
use serde_json::{Value, json};
use wire::event::task::MediaDeleteItem;

use crate::world::{APP, OTHER, World, application, wav};

async fn uploaded(world: &World) -> (Uploaded, String) {
    let (applied, grant) = world.apply("wav").await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    let segment = format!("{}/extra.ts", applied.session.directory);
    world.put(&grant, &segment, b"segment").await.unwrap();
    let key = &applied.vod_session_key;
    let uploaded = world.library.commit_upload(&application(APP), key).await.unwrap();
    (uploaded, applied.session.media_key)
}

fn part(of: &str) -> MediaDeleteItem {
    MediaDeleteItem { r#type: of.to_owned(), definition: 0 }
}

async fn describe(world: &World, ids: &[&str], filters: &[&str]) -> Value {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let reply = world.library.describe(APP, &owned(ids), &owned(filters)).await.unwrap();
    serde_json::to_value(reply).unwrap()
}

#[tokio::test]
async fn a_deleted_media_is_gone_with_all_its_objects() {
    let world = World::new().await;
    let (media, key) = uploaded(&world).await;
    let id = media.file.to_string();
    assert_eq!(world.object_files().len(), 2);
    let error = world.library.delete(&application(OTHER), &id, &[]).await.unwrap_err();
    assert!(matches!(error, DeleteError::NotFound(_)));
    world.library.delete(&application(APP), &id, &[]).await.unwrap();
    let (event, payload) = world.events().await.remove(0);
    assert_eq!(event.row.kind, EventKind::FileDeleted);
    assert_eq!(event.row.files, [media.file]);
    let expected = json!({
        "FileIdSet": [id],
        "FileDeleteResultInfo": [{"FileId": id, "DeleteParts": []}],
    });
    assert_eq!(payload, expected);
    assert!(world.library.published("4a817c80-1250000000", &key).await.unwrap().is_none());
    let error = world.library.delete(&application(APP), &id, &[]).await.unwrap_err();
    assert!(matches!(error, DeleteError::NotFound(_)));
    let world = world.restart().await;
    assert!(world.object_files().is_empty());
    assert!(world.garbage().await.is_empty());
    assert_eq!(world.events().await.len(), 2);
    assert_eq!(describe(&world, &[&id], &[]).await["NotExistFileIdSet"], json!([id]));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_deletions_state_one_event() {
    let world = World::new().await;
    let (media, _) = uploaded(&world).await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (library, id) = (world.library.clone(), media.file.to_string());
        callers.spawn(async move { library.delete(&application(APP), &id, &[]).await.is_ok() });
    }
    let deleted = callers.join_all().await;
    assert_eq!(deleted.iter().filter(|&&done| done).count(), 1);
    assert_eq!(world.events().await.len(), 2);
}

#[tokio::test]
async fn the_original_alone_leaves_the_record() {
    let world = World::new().await;
    let (media, key) = uploaded(&world).await;
    let id = media.file.to_string();
    let delete =
        async |parts: &[MediaDeleteItem]| world.library.delete(&application(APP), &id, parts).await;
    let error = delete(&[part("Everything")]).await.unwrap_err();
    assert!(matches!(error, DeleteError::UnknownPart(name) if name == "Everything"));
    assert_eq!(world.events().await.len(), 1, "a refused call changes nothing");
    world.pass(5_000);
    delete(&[part("OriginalFiles")]).await.unwrap();
    let (_, payload) = world.events().await.remove(0);
    let parts = &payload["FileDeleteResultInfo"][0]["DeleteParts"];
    assert_eq!(*parts, json!([{"Type": "OriginalFiles", "Definition": 0}]));
    assert!(world.library.published("4a817c80-1250000000", &key).await.unwrap().is_none());
    let described = describe(&world, &[&id], &[]).await;
    let basic = &described["MediaInfoSet"][0]["BasicInfo"];
    assert_eq!(basic["MediaUrl"], "");
    assert_ne!(basic["UpdateTime"], basic["CreateTime"]);
    delete(&[part("OriginalFiles")]).await.unwrap();
    delete(&[]).await.unwrap();
    assert_eq!(world.events().await.len(), 4);
}

/// Programs tidy up files whether or not they were ever transcoded.
#[tokio::test]
async fn parts_that_a_file_does_not_have_are_gone_already() {
    let world = World::new().await;
    let (media, key) = uploaded(&world).await;
    let id = media.file.to_string();
    let before = describe(&world, &[&id], &[]).await;
    let named = |definition| MediaDeleteItem { definition, ..part("TranscodeFiles") };
    let parts = [named(230), part("WechatPublishFiles"), named(10_000), named(230)];
    world.library.delete(&application(APP), &id, &parts).await.unwrap();
    let (_, payload) = world.events().await.remove(0);
    let told = &payload["FileDeleteResultInfo"][0]["DeleteParts"];
    let expected = json!([
        {"Type": "TranscodeFiles", "Definition": 230},
        {"Type": "WechatPublishFiles", "Definition": 0},
        {"Type": "TranscodeFiles", "Definition": 10_000},
    ]);
    assert_eq!(*told, expected);
    assert_eq!(describe(&world, &[&id], &[]).await, before);
    assert!(world.library.published("4a817c80-1250000000", &key).await.unwrap().is_some());
    let error = world.library.delete(&application(APP), "12", &parts).await.unwrap_err();
    assert!(matches!(error, DeleteError::NotFound(_)));
    let many: Vec<_> = (0..101).map(named).collect();
    let error = world.library.delete(&application(APP), &id, &many).await.unwrap_err();
    assert!(matches!(error, DeleteError::TooManyParts(100)));
    assert_eq!(world.events().await.len(), 2);
}

/// The record goes first, then the bytes, then the note that they are to go. Whatever a crash in
/// between leaves is put right by the next start, and nothing is told twice.
#[tokio::test]
async fn a_crash_between_record_and_bytes_heals_at_start() {
    let world = World::new().await;
    let (media, _) = uploaded(&world).await;
    let (id, files) = (media.file.to_string(), world.object_files());
    let bytes: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    let root = world.dir.path().join("objects");
    let garbage: Vec<String> = files
        .iter()
        .map(|file| file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
        .collect();
    world.library.delete(&application(APP), &id, &[]).await.unwrap();
    let mut world = world.restart().await;
    for there in [files.len(), 1, 0] {
        // as a crash left it: some of the bytes are there, all of the notes
        for (file, bytes) in files.iter().zip(&bytes).take(there) {
            std::fs::write(file, bytes).unwrap();
        }
        let noted = Commit { garbage: garbage.clone(), ..Commit::default() };
        world.backend.commit(noted).await.unwrap();
        world = world.restart().await;
        assert!(world.object_files().is_empty(), "{there} of the files were there");
        assert!(world.garbage().await.is_empty());
    }
    assert_eq!(world.events().await.len(), 2);
    assert_eq!(describe(&world, &[&id], &[]).await["NotExistFileIdSet"], json!([id]));
}

#[tokio::test]
async fn blocks_are_there_when_they_are_wanted() {
    let world = World::new().await;
    let (media, _) = uploaded(&world).await;
    let id = media.file.to_string();
    let all = describe(&world, &["nonsense", &id, "12", &id], &[]).await;
    assert_eq!(all["MediaInfoSet"].as_array().unwrap().len(), 1);
    assert_eq!(all["NotExistFileIdSet"], json!(["nonsense", "12"]));
    let info = &all["MediaInfoSet"][0];
    assert_eq!(info["BasicInfo"]["MediaUrl"], media.media_url);
    assert_eq!(info["MetaData"]["AudioDuration"], 1.0);
    let original = &info["TranscodeInfo"]["TranscodeSet"][0];
    assert_eq!((&original["Definition"], &original["Url"]), (&json!(0), &json!(media.media_url)));
    for member in ["Size", "Duration", "Bitrate", "Container", "Md5", "AudioStreamSet"] {
        assert_eq!(original[member], info["MetaData"][member], "{member}");
    }
    let basic = describe(&world, &[&id], &["basicInfo"]).await;
    assert!(basic["MediaInfoSet"][0]["MetaData"].is_null());
    assert!(basic["MediaInfoSet"][0]["BasicInfo"].is_object());
    assert!(basic["MediaInfoSet"][0]["TranscodeInfo"].is_null());
    let meta = describe(&world, &[&id], &["metaData", "transcodeInfo"]).await;
    assert!(meta["MediaInfoSet"][0]["TranscodeInfo"].is_object());
    assert!(meta["MediaInfoSet"][0]["BasicInfo"].is_null());
    assert!(meta["MediaInfoSet"][0]["MetaData"].is_object());
    let other = world.library.describe(OTHER, std::slice::from_ref(&id), &[]).await.unwrap();
    assert_eq!(other.not_exist_file_id_set, [id]);
}

#[tokio::test]
async fn lists_have_bounds() {
    let world = World::new().await;
    let ids = |n: usize| vec!["1".to_owned(); n];
    let describe = async |ids: Vec<String>, filter: &str| {
        let filters: Vec<String> =
            Some(filter.to_owned()).filter(|f| !f.is_empty()).into_iter().collect();
        world.library.describe(APP, &ids, &filters).await
    };
    assert!(describe(ids(20), "").await.is_ok());
    assert!(matches!(describe(ids(0), "").await, Err(DescribeError::Empty)));
    assert!(matches!(describe(ids(21), "").await, Err(DescribeError::TooMany(20))));
    let error = describe(ids(1), "BasicInfo").await.unwrap_err();
    assert!(matches!(error, DescribeError::UnknownFilter(name) if name == "BasicInfo"));
}

#[tokio::test]
async fn a_part_that_is_named_often_counts_once() {
    let world = World::new().await;
    let (media, _) = uploaded(&world).await;
    let parts = vec![part("OriginalFiles"); 20_000];
    world.library.delete(&application(APP), &media.file.to_string(), &parts).await.unwrap();
    let (event, payload) = world.events().await.remove(0);
    assert!(event.payload.len() < 1_000, "{} bytes", event.payload.len());
    let told = &payload["FileDeleteResultInfo"][0]["DeleteParts"];
    assert_eq!(*told, json!([{"Type": "OriginalFiles", "Definition": 0}]));
}
