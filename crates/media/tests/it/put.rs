//! PUT Object: what is stored, and what a temporary key may not do.

use media::ObjectError;

use crate::world::{MIB, World, application, apply_request, noise};

#[tokio::test]
async fn an_object_is_what_was_put_and_a_second_one_replaces_it() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let first = noise(3 * MIB + 17, 1);
    let stored = world.put(&grant, key, &first).await.unwrap();
    let object = world.library.object(&grant, key).await.unwrap().unwrap().object;
    assert_eq!((&object.etag, object.crc64), (&stored.etag, stored.crc64));
    assert!(world.read(&object).await == first);
    let second = noise(100, 2);
    world.put(&grant, key, &second).await.unwrap();
    world.library.tick().await.unwrap();
    let object = world.library.object(&grant, key).await.unwrap().unwrap().object;
    assert!(world.read(&object).await == second);
    assert_eq!(world.object_files().len(), 1);
    assert!(world.garbage().await.is_empty());
    let session = world.grant(&applied).await.session;
    assert_eq!((session.objects, session.bytes), (1, 100));
}

#[tokio::test]
async fn the_empty_object_is_an_object() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let stored = world.put(&grant, &applied.session.media_key, b"").await.unwrap();
    assert_eq!(stored.etag, "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(stored.crc64, 0);
}

#[tokio::test]
async fn a_key_opens_its_directory_only() {
    let world = World::new().await;
    let (applied, grant) = world.apply("m3u8").await;
    let (other, _) = world.apply("mp4").await;
    let directory = &applied.session.directory;
    world.put(&grant, &format!("{directory}/seg/0.ts"), b"segment").await.unwrap();
    for key in [
        other.session.media_key.clone(),
        "x.mp4".to_owned(),
        format!("{directory}/../x.ts"),
        format!("{directory}x/0.ts"),
        directory.clone(),
    ] {
        let error = world.put(&grant, &key, b"x").await.unwrap_err();
        assert!(matches!(error, ObjectError::Outside(_)), "{key}: {error}");
        let error = world.library.initiate(&grant, &key).await.unwrap_err();
        assert!(matches!(error, ObjectError::Outside(_)), "{key}: {error}");
        let error = world.library.object(&grant, &key).await.unwrap_err();
        assert!(matches!(error, ObjectError::Outside(_)), "{key}: {error}");
    }
}

#[tokio::test]
async fn a_wrong_digest_and_a_broken_body_leave_nothing() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let mut incoming = world.library.put(grant.clone(), key, None).await.unwrap();
    incoming.write(b"hello").await.unwrap();
    let error = incoming.finish(Some([0; 16])).await.unwrap_err();
    assert!(matches!(error, ObjectError::BadDigest));
    let mut broken = world.library.put(grant.clone(), key, None).await.unwrap();
    broken.write(&noise(3 * MIB, 1)).await.unwrap();
    assert_eq!(world.garbage().await.len(), 2);
    world.library.tick().await.unwrap();
    assert_eq!(world.garbage().await.len(), 1, "what is being written is spared");
    drop(broken);
    world.library.tick().await.unwrap();
    assert!(world.garbage().await.is_empty());
    assert!(world.library.object(&grant, key).await.unwrap().is_none());
    assert_eq!(world.object_files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn sessions_have_limits_and_say_so() {
    let world = World::with(|settings| {
        settings.session_objects_max = 2;
        settings.session_bytes_max = 1_000;
    })
    .await;
    let (applied, grant) = world.apply("mp4").await;
    let key = |n: u32| format!("{}/{n}.ts", applied.session.directory);
    world.put(&grant, &key(1), &[1; 600]).await.unwrap();
    let grant = world.grant(&applied).await;
    let error = world.put(&grant, &key(2), &[1; 600]).await.unwrap_err();
    assert!(matches!(error, ObjectError::TooLarge(400)), "{error}");
    let mut undeclared = world.library.put(grant.clone(), &key(2), None).await.unwrap();
    let error = undeclared.write(&[1; 401]).await.unwrap_err();
    assert!(matches!(error, ObjectError::TooLarge(400)), "{error}");
    drop(undeclared);
    world.put(&grant, &key(2), &[1; 300]).await.unwrap();
    let grant = world.grant(&applied).await;
    let error = world.put(&grant, &key(3), b"x").await.unwrap_err();
    assert!(matches!(error, ObjectError::TooMany(2)), "{error}");
    let error = world.library.initiate(&grant, &key(3)).await.unwrap_err();
    assert!(matches!(error, ObjectError::TooMany(2)), "{error}");
}

#[tokio::test]
async fn a_limit_holds_for_writers_that_began_together() {
    let world = World::with(|settings| settings.session_bytes_max = 1_000).await;
    let (applied, grant) = world.apply("mp4").await;
    let key = |n: u32| format!("{}/{n}.ts", applied.session.directory);
    let mut one = world.library.put(grant.clone(), &key(1), None).await.unwrap();
    let mut two = world.library.put(grant.clone(), &key(2), None).await.unwrap();
    one.write(&[1; 600]).await.unwrap();
    two.write(&[2; 600]).await.unwrap();
    one.finish(None).await.unwrap();
    let error = two.finish(None).await.unwrap_err();
    assert!(matches!(error, ObjectError::TooLarge(1_000)), "{error}");
    assert_eq!(world.grant(&applied).await.session.bytes, 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_of_one_session_all_succeed() {
    let world = World::new().await;
    let (applied, grant) = world.apply("m3u8").await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..40_u8 {
        let (library, grant) = (world.library.clone(), grant.clone());
        let key = format!("{}/{n}.ts", applied.session.directory);
        writers.spawn(async move {
            let mut incoming = library.put(grant, &key, None).await.unwrap();
            incoming.write(&[n; 1_000]).await.unwrap();
            incoming.finish(None).await.unwrap();
        });
    }
    while let Some(outcome) = writers.join_next().await {
        outcome.unwrap();
    }
    let session = world.grant(&applied).await.session;
    assert_eq!((session.objects, session.bytes), (40, 40_000));
    assert!(world.garbage().await.is_empty());
}

#[tokio::test]
async fn keys_of_an_ended_session_open_nothing() {
    let world = World::new().await;
    let request = apply_request("mp4");
    let applied = world.library.apply(&application(crate::world::APP), &request).await.unwrap();
    world.pass(24 * 3_600_000);
    let grant = world.grant(&applied).await;
    let key = &applied.session.media_key;
    assert!(matches!(world.put(&grant, key, b"x").await, Err(ObjectError::Expired)));
    assert!(matches!(world.library.object(&grant, key).await, Err(ObjectError::Expired)));
    assert!(matches!(world.library.uploads(&grant).await, Err(ObjectError::Expired)));
}
