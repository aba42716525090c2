//! ApplyUpload: what it hands out, and what it refuses.

use media::ApplyError;
use model::{Application, ApplicationStatus, Timestamp, limits};

use crate::world::{APP, OTHER, World, application, apply_request};

#[tokio::test]
async fn a_session_has_the_shapes_that_the_sdks_insist_on() {
    let world = World::new().await;
    let mut request = apply_request("MP4");
    request.cover_type = "png".to_owned();
    request.storage_region = "ap-chongqing".to_owned();
    let applied = world.library.apply(&application(OTHER), &request).await.unwrap();
    let session = &applied.session;
    assert_eq!(session.bucket, "59682f01-1250000000");
    assert_eq!(session.region, "ap-chongqing");
    assert!(session.directory.contains("vodcq1500000001/"), "{}", session.directory);
    assert!(session.directory.ends_with(&session.file.to_string()));
    assert!(session.media_key.starts_with(&format!("{}/", session.directory)));
    assert!(session.media_key.ends_with("A.mp4"));
    assert!(session.cover_key.as_ref().unwrap().ends_with("A.png"));
    assert_eq!(applied.expires_s(), 1_795_487_629 + 24 * 3600);
    assert!(session.secret_id.starts_with("AKID"));
    // the record holds no secret in the open
    let record = format!("{session:?}");
    assert!(!record.contains(&applied.secret_key) && !record.contains(&applied.token));
    let grant = world.grant(&applied).await;
    assert_eq!(grant.app, OTHER);
    assert_eq!(grant.secret_key(), applied.secret_key);
    assert!(grant.has_token(applied.token.as_bytes()));
    assert!(!grant.has_token(b"") && !grant.has_token(&applied.token.as_bytes()[1..]));
}

#[tokio::test]
async fn a_session_outlives_a_restart() {
    let world = World::new().await;
    let (applied, _) = world.apply("mp4").await;
    let world = world.restart().await;
    assert_eq!(world.grant(&applied).await.secret_key(), applied.secret_key);
    assert!(world.library.grant("AKIDnobody").await.unwrap().is_none());
}

#[tokio::test]
async fn every_bad_member_is_named() {
    let world = World::new().await;
    let refused = async |change: fn(&mut wire::action::ApplyUpload)| {
        let mut request = apply_request("mp4");
        change(&mut request);
        world.library.apply(&application(APP), &request).await.unwrap_err()
    };
    let member = |error: ApplyError| {
        let ApplyError::Value { member, .. } = error else { panic!("{error}") };
        member
    };
    for bad in ["", "exe", ".mp4", "mp4/", "html"] {
        let error = world.library.apply(&application(APP), &apply_request(bad)).await.unwrap_err();
        assert!(matches!(error, ApplyError::MediaType(value) if value == bad));
    }
    let error = refused(|request| request.cover_type = "mp4".to_owned()).await;
    assert!(matches!(error, ApplyError::CoverType(_)));
    let error = refused(|request| request.expire_time = Some(Timestamp(1))).await;
    assert!(matches!(error, ApplyError::ExpireTime));
    let error = refused(|request| request.media_storage_path = "/a.mp4".to_owned()).await;
    assert!(
        matches!(error, ApplyError::MediaStoragePath(reason) if reason.contains("fileid+path"))
    );
    let error = refused(|request| request.session_context = "中".repeat(1_001)).await;
    assert!(matches!(error, ApplyError::SessionContextTooLong(1_000)));
    assert_eq!(member(refused(|r| r.procedure = "LongVideo".to_owned()).await), "Procedure");
    assert_eq!(member(refused(|r| r.class_id = 7).await), "ClassId");
    assert_eq!(member(refused(|r| r.source_context = "x".repeat(251)).await), "SourceContext");
    assert_eq!(member(refused(|r| r.media_name = "x".repeat(256)).await), "MediaName");
    assert_eq!(member(refused(|r| r.storage_region = "../x".to_owned()).await), "StorageRegion");
}

#[tokio::test]
async fn an_application_knows_the_regions_of_its_uploads() {
    let world = World::new().await;
    let regions = async || {
        let found = world.backend.application(APP).await.unwrap().unwrap();
        found.application.regions.clone()
    };
    let apply = async |region: &str| {
        let found = world.backend.application(APP).await.unwrap().unwrap();
        let mut request = apply_request("mp4");
        request.storage_region = region.to_owned();
        world.library.apply(&found.application, &request).await
    };
    assert_eq!(apply("").await.unwrap().session.region, "ap-guangzhou");
    assert!(regions().await.is_empty(), "the server's own region is everybody's");
    for region in ["ap-chongqing", "ap-chongqing", "ap-guangzhou", "ap-beijing"] {
        assert_eq!(apply(region).await.unwrap().session.region, region);
    }
    assert_eq!(regions().await, ["ap-guangzhou", "ap-chongqing", "ap-beijing"]);
    let own = Application { regions: vec!["ap-tokyo".to_owned()], ..application(APP) };
    world.put_application(&own).await;
    assert_eq!(apply("").await.unwrap().session.region, "ap-tokyo");
    for n in 1..limits::REGIONS_MAX {
        apply(&format!("r-{n}")).await.unwrap();
    }
    let error = apply("one-more").await.unwrap_err();
    assert!(matches!(error, ApplyError::Value { member: "StorageRegion", .. }));
    apply("r-1").await.unwrap();
}

#[tokio::test]
async fn the_longest_texts_are_taken() {
    let world = World::new().await;
    let mut request = apply_request("mp4");
    request.session_context = "中".repeat(1_000);
    request.source_context = "中".repeat(250);
    request.media_name = "中".repeat(255);
    let applied = world.library.apply(&application(APP), &request).await.unwrap();
    assert_eq!(applied.session.about.name, request.media_name);
}

#[tokio::test]
async fn an_application_that_is_off_takes_no_uploads() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let off = Application { status: ApplicationStatus::Off, ..application(APP) };
    world.put_application(&off).await;
    let error = world.library.apply(&off, &apply_request("mp4")).await.unwrap_err();
    assert!(matches!(error, ApplyError::ApplicationOff(APP)));
    let error = world.put(&grant, &applied.session.media_key, b"x").await.unwrap_err();
    assert!(matches!(error, media::ObjectError::ApplicationOff(APP)));
    let error = world.library.commit_upload(&off, &applied.vod_session_key).await.unwrap_err();
    assert!(matches!(error, media::CommitUploadError::ApplicationOff(APP)));
}

#[tokio::test]
async fn a_full_disk_stops_uploads_only() {
    let world = World::with(|settings| settings.free_bytes_min = u64::MAX).await;
    let error = world.library.apply(&application(APP), &apply_request("mp4")).await.unwrap_err();
    assert!(matches!(error, ApplyError::NoSpace));
    world.library.tick().await.unwrap();
}
