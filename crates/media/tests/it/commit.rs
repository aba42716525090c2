//! CommitUpload: one media and one event, however often and however concurrently it is called.

use media::{ApplyError, CommitUploadError, ObjectError};
use model::EventKind;

use crate::world::{APP, OTHER, URL, World, application, apply_request, wav};

#[tokio::test]
async fn the_event_tells_what_was_uploaded() {
    let world = World::new().await;
    let mut request = apply_request("wav");
    request.media_name = "silence".to_owned();
    request.source_context = "ctx".to_owned();
    request.cover_type = "png".to_owned();
    let applied = world.library.apply(&application(APP), &request).await.unwrap();
    let grant = world.grant(&applied).await;
    let session = &applied.session;
    world.put(&grant, &session.media_key, &wav(2)).await.unwrap();
    let cover_key = session.cover_key.as_ref().unwrap();
    world.put(&grant, cover_key, b"picture").await.unwrap();
    let uploaded =
        world.library.commit_upload(&application(APP), &applied.vod_session_key).await.unwrap();
    assert_eq!(uploaded.file, session.file);
    assert_eq!(uploaded.media_url, format!("{URL}/media/{}/{}", session.bucket, session.media_key));
    assert_eq!(uploaded.cover_url, format!("{URL}/media/{}/{cover_key}", session.bucket));

    let events = world.events().await;
    assert_eq!(events.len(), 1);
    let (event, payload) = &events[0];
    assert_eq!(event.row.kind, EventKind::NewFileUpload);
    assert_eq!(event.row.files, [uploaded.file]);
    assert_eq!(wire::conformance::check_type("FileUploadTask", payload), Vec::<String>::new());
    assert_eq!(payload["FileId"], uploaded.file.to_string());
    let basic = &payload["MediaBasicInfo"];
    assert_eq!(basic["Name"], "silence");
    assert_eq!(basic["Type"], "wav");
    assert_eq!(basic["Category"], "Audio");
    assert_eq!(basic["MediaUrl"], uploaded.media_url);
    assert_eq!(basic["CoverUrl"], uploaded.cover_url);
    assert_eq!(basic["SourceInfo"]["SourceContext"], "ctx");
    assert_eq!(basic["ExpireTime"], "9999-12-31T23:59:59Z");
    let meta = &payload["MetaData"];
    assert_eq!(meta["Size"], wav(2).len());
    assert_eq!(meta["Duration"], 2.0);
    assert_eq!(meta["AudioStreamSet"][0]["SamplingRate"], 8_000);

    let served = world.library.published(&session.bucket, &session.media_key).await.unwrap();
    assert!(world.read(&served.unwrap().object).await == wav(2));
}

#[tokio::test]
async fn a_file_that_is_no_media_is_committed_all_the_same() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    world.put(&grant, &applied.session.media_key, b"no media").await.unwrap();
    let application = application(APP);
    world.library.commit_upload(&application, &applied.vod_session_key).await.unwrap();
    let (_, payload) = world.events().await.remove(0);
    assert!(payload["MetaData"].is_null());
    assert_eq!(payload["MediaBasicInfo"]["Name"], applied.session.file.to_string());
    assert_eq!(payload["MediaBasicInfo"]["CoverUrl"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_commits_make_one_media_and_one_event() {
    let world = World::new().await;
    let (applied, grant) = world.apply("wav").await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (library, key) = (world.library.clone(), applied.vod_session_key.clone());
        callers.spawn(async move { library.commit_upload(&application(APP), &key).await.unwrap() });
    }
    let answers = callers.join_all().await;
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(world.events().await.len(), 1);
    let world = world.restart().await;
    let again =
        world.library.commit_upload(&application(APP), &applied.vod_session_key).await.unwrap();
    assert_eq!(again, answers[0]);
    assert_eq!(world.events().await.len(), 1);
}

#[tokio::test]
async fn a_commit_ends_the_right_to_write_and_not_to_read() {
    let world = World::new().await;
    let (applied, grant) = world.apply("wav").await;
    let key = &applied.session.media_key;
    world.put(&grant, key, &wav(1)).await.unwrap();
    let upload = world.library.initiate(&grant, key).await.unwrap();
    let etag = world.put_part(&grant, (key, &upload, 1), b"x").await.unwrap();
    let mut late = world.library.put(grant.clone(), key, None).await.unwrap();
    late.write(b"late").await.unwrap();
    world.library.commit_upload(&application(APP), &applied.vod_session_key).await.unwrap();
    // a request that was under way, with the grant as it stood when it came
    assert!(matches!(late.finish(None).await, Err(ObjectError::ReadOnly)));
    let named = vec![(1, etag)];
    let error = world.library.complete(grant, key, &upload, named).await.unwrap_err();
    assert!(matches!(error, ObjectError::ReadOnly));
    let grant = world.grant(&applied).await;
    assert!(matches!(world.put(&grant, key, b"x").await, Err(ObjectError::ReadOnly)));
    assert!(matches!(world.library.initiate(&grant, key).await, Err(ObjectError::ReadOnly)));
    let object = world.library.object(&grant, key).await.unwrap().unwrap().object;
    assert!(world.read(&object).await == wav(1));
    world.library.tick().await.unwrap();
    assert!(world.staged_files().is_empty());
    assert_eq!(world.object_files().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_committed_says_why() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let commit = async |app, key: &str| {
        world.library.commit_upload(&application(app), key).await.unwrap_err()
    };
    let error = commit(APP, &applied.vod_session_key).await;
    assert!(
        matches!(&error, CommitUploadError::NotUploaded(key) if *key == applied.session.media_key)
    );
    world.put(&grant, &applied.session.media_key, b"x").await.unwrap();
    for (app, key) in [(APP, "nonsense"), (APP, ""), (OTHER, applied.vod_session_key.as_str())] {
        assert!(matches!(commit(app, key).await, CommitUploadError::VodSessionKey));
    }
    world.pass(24 * 3_600_000);
    let error = commit(APP, &applied.vod_session_key).await;
    assert!(matches!(error, CommitUploadError::VodSessionKey));
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn a_class_must_exist_and_one_deleted_meanwhile_costs_no_upload() {
    let world = World::new().await;
    let make = async |name| world.library.create_class(APP, -1, name).await.unwrap();
    let (kept, lost) = (make("kept").await, make("lost").await);
    let apply = async |class_id: i64| {
        let mut request = apply_request("wav");
        request.class_id = class_id;
        world.library.apply(&application(APP), &request).await
    };
    for unknown in [lost + 1, -1, i64::MAX] {
        let error = apply(unknown).await.unwrap_err();
        assert!(matches!(error, ApplyError::Value { member: "ClassId", .. }), "{unknown}: {error}");
    }
    let applied = [(apply(kept).await.unwrap(), kept), (apply(lost).await.unwrap(), 0)];
    world.library.delete_class(APP, lost).await.unwrap();
    for (applied, class_id) in applied {
        let grant = world.grant(&applied).await;
        world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
        let key = &applied.vod_session_key;
        world.library.commit_upload(&application(APP), key).await.unwrap();
        let (_, payload) = world.events().await.remove(0);
        assert_eq!(payload["MediaBasicInfo"]["ClassId"], class_id);
    }
}

#[tokio::test]
async fn nothing_is_published_before_the_commit() {
    let world = World::new().await;
    let (applied, grant) = world.apply("wav").await;
    let session = &applied.session;
    world.put(&grant, &session.media_key, &wav(1)).await.unwrap();
    let published =
        async |key: &str| world.library.published(&session.bucket, key).await.unwrap().is_some();
    assert!(!published(&session.media_key).await);
    world.library.commit_upload(&application(APP), &applied.vod_session_key).await.unwrap();
    assert!(published(&session.media_key).await);
    assert!(!published(&format!("{}/x", session.directory)).await);
    let other = "59682f01-1250000000";
    assert!(world.library.published(other, &session.media_key).await.unwrap().is_none());
    let off = model::Application { status: model::ApplicationStatus::Off, ..application(APP) };
    world.put_application(&off).await;
    assert!(!published(&session.media_key).await);
}
