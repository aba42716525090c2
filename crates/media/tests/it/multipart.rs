//! Multipart uploads, and what is left of them by a crash at any point.

use media::{ObjectError, UploadRow};

use crate::world::{MIB, World, noise};

#[tokio::test]
async fn parts_make_an_object_in_their_order() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let id = world.library.initiate(&grant, key).await.unwrap();
    let bytes = noise(2 * MIB + 5, 3);
    let (one, rest) = bytes.split_at(MIB);
    let (two, three) = rest.split_at(MIB);
    // out of order, and the second one twice
    let third = world.put_part(&grant, (key, &id, 30), three).await.unwrap();
    let first = world.put_part(&grant, (key, &id, 1), one).await.unwrap();
    let stale = world.put_part(&grant, (key, &id, 2), one).await.unwrap();
    let second = world.put_part(&grant, (key, &id, 2), two).await.unwrap();
    let parts = world.library.parts(&grant, key, &id).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 30]);
    assert_eq!(world.staged_files().len(), 4, "three parts and the head");

    let complete = async |named: &[(u32, &String)]| {
        let named = named.iter().map(|(n, etag)| (*n, (*etag).clone())).collect();
        world.library.complete(grant.clone(), key, &id, named).await
    };
    for order in [vec![], vec![(2, &second), (1, &first)], vec![(1, &first), (1, &first)]] {
        assert!(matches!(complete(&order).await, Err(ObjectError::PartOrder)));
    }
    let error = complete(&[(1, &first), (2, &stale)]).await.unwrap_err();
    assert!(matches!(error, ObjectError::InvalidPart(2)));
    let error = complete(&[(1, &first), (3, &third)]).await.unwrap_err();
    assert!(matches!(error, ObjectError::InvalidPart(3)));
    let named = [(1, &first), (2, &second), (30, &third)];
    let object = complete(&named).await.unwrap();
    assert!(object.etag.ends_with("-3"));
    assert!(world.read(&object).await == bytes);
    assert!(world.staged_files().is_empty());
    // the answer was lost: the same again
    assert_eq!(complete(&named).await.unwrap(), object);
    assert!(world.library.uploads(&grant).await.unwrap().is_empty());
    let error = world.put_part(&grant, (key, &id, 1), one).await.unwrap_err();
    assert!(matches!(error, ObjectError::NoSuchUpload));
}

#[tokio::test]
async fn only_the_last_part_may_be_small() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let id = world.library.initiate(&grant, key).await.unwrap();
    let one = world.put_part(&grant, (key, &id, 1), &noise(MIB - 1, 1)).await.unwrap();
    let two = world.put_part(&grant, (key, &id, 2), b"x").await.unwrap();
    let named = vec![(1, one), (2, two.clone())];
    let error = world.library.complete(grant.clone(), key, &id, named).await.unwrap_err();
    assert!(matches!(error, ObjectError::PartTooSmall { number: 1, .. }), "{error}");
    let object = world.library.complete(grant, key, &id, vec![(2, two)]).await.unwrap();
    assert_eq!(object.size, 1);
    for number in [0, 10_001] {
        let (applied, grant) = world.apply("mp4").await;
        let key = &applied.session.media_key;
        let id = world.library.initiate(&grant, key).await.unwrap();
        let error = world.put_part(&grant, (key, &id, number), b"x").await.unwrap_err();
        assert!(matches!(error, ObjectError::PartNumber(10_000)));
    }
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = applied.session.media_key.clone();
    let id = world.library.initiate(&grant, &key).await.unwrap();
    let (one, two) = (noise(MIB, 1), noise(MIB, 2));
    let first = world.put_part(&grant, (&key, &id, 1), &one).await.unwrap();
    let before = world.library.parts(&grant, &key, &id).await.unwrap();
    let world = world.restart().await;
    let grant = world.grant(&applied).await;
    let uploads = world.library.uploads(&grant).await.unwrap();
    let expected = UploadRow { key: key.clone(), id: id.clone(), at: world.library.now() };
    assert_eq!(uploads, [expected]);
    let after = world.library.parts(&grant, &key, &id).await.unwrap();
    assert_eq!(after.len(), 1);
    assert_eq!((&after[0].etag, after[0].size), (&before[0].etag, before[0].size));
    let second = world.put_part(&grant, (&key, &id, 2), &two).await.unwrap();
    let named = vec![(1, first), (2, second)];
    let object = world.library.complete(grant, &key, &id, named).await.unwrap();
    assert!(world.read(&object).await == [one, two].concat());
}

#[tokio::test]
async fn what_a_crash_tore_off_is_removed_at_the_next_start() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = applied.session.media_key.clone();
    let id = world.library.initiate(&grant, &key).await.unwrap();
    let etag = world.put_part(&grant, (&key, &id, 1), b"part").await.unwrap();
    let staging = world.dir.path().join("staging");
    // a part on its way; an upload without a head; a stray file; an older part of the same number
    std::fs::write(staging.join(&id).join("abc.tmp"), b"half").unwrap();
    std::fs::create_dir(staging.join("headless")).unwrap();
    std::fs::write(staging.join("headless/1.00.00"), b"x").unwrap();
    std::fs::write(staging.join("stray"), b"x").unwrap();
    let older = staging.join(&id).join(format!("1.{}.{:016x}", "00".repeat(16), 7));
    std::fs::write(&older, b"older").unwrap();
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    std::fs::File::open(&older).unwrap().set_modified(long_ago).unwrap();
    let world = world.restart().await;
    assert_eq!(world.staged_files().len(), 2, "{:?}", world.staged_files());
    assert!(!staging.join("headless").exists());
    let grant = world.grant(&applied).await;
    let object = world.library.complete(grant, &key, &id, vec![(1, etag)]).await.unwrap();
    assert_eq!(world.read(&object).await, b"part");
}

#[tokio::test]
async fn parts_that_a_crash_left_after_complete_are_removed() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = applied.session.media_key.clone();
    let id = world.library.initiate(&grant, &key).await.unwrap();
    let etag = world.put_part(&grant, (&key, &id, 1), b"part").await.unwrap();
    let staged: Vec<_> =
        world.staged_files().into_iter().map(|p| (std::fs::read(&p).unwrap(), p)).collect();
    let named = vec![(1, etag)];
    let object = world.library.complete(grant, &key, &id, named.clone()).await.unwrap();
    std::fs::create_dir_all(staged[0].1.parent().unwrap()).unwrap();
    for (bytes, path) in staged {
        std::fs::write(path, bytes).unwrap();
    }
    let world = world.restart().await;
    assert!(world.staged_files().is_empty());
    let grant = world.grant(&applied).await;
    assert_eq!(world.library.complete(grant, &key, &id, named).await.unwrap(), object);
    assert_eq!(world.object_files().len(), 1);
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let (other, stranger) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let id = world.library.initiate(&grant, key).await.unwrap();
    let etag = world.put_part(&grant, (key, &id, 1), b"x").await.unwrap();
    for (grant, key) in [(&stranger, key), (&stranger, &other.session.media_key)] {
        let error = world.library.abort(grant, key, &id).await.unwrap_err();
        assert!(matches!(error, ObjectError::NoSuchUpload));
        let error = world.library.parts(grant, key, &id).await.unwrap_err();
        assert!(matches!(error, ObjectError::NoSuchUpload));
    }
    world.library.abort(&grant, key, &id).await.unwrap();
    assert!(world.staged_files().is_empty());
    let error = world.library.abort(&grant, key, &id).await.unwrap_err();
    assert!(matches!(error, ObjectError::NoSuchUpload));
    let error = world.library.complete(grant, key, &id, vec![(1, etag)]).await.unwrap_err();
    assert!(matches!(error, ObjectError::NoSuchUpload));
}

#[tokio::test]
async fn a_damaged_part_never_becomes_an_object() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let id = world.library.initiate(&grant, key).await.unwrap();
    let etag = world.put_part(&grant, (key, &id, 1), b"part").await.unwrap();
    let part = world.staged_files().into_iter().find(|p| !p.ends_with("upload.json")).unwrap();
    std::fs::write(part, b"trap").unwrap();
    let error = world.library.complete(grant.clone(), key, &id, vec![(1, etag)]).await.unwrap_err();
    assert!(matches!(error, ObjectError::Fault(_)), "{error}");
    world.library.tick().await.unwrap();
    assert!(world.library.object(&grant, key).await.unwrap().is_none());
    assert!(world.object_files().is_empty());
}

#[tokio::test]
async fn a_part_that_finds_its_upload_just_removed_is_told_so() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let id = world.library.initiate(&grant, key).await.unwrap();
    // an abort on another connection has removed the files between look-up and first byte
    std::fs::remove_dir_all(world.dir.path().join("staging").join(&id)).unwrap();
    let error = world.put_part(&grant, (key, &id, 1), b"x").await.unwrap_err();
    assert!(matches!(error, ObjectError::NoSuchUpload), "{error}");
}

#[tokio::test]
async fn parts_that_cannot_be_read_now_are_not_removed() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let id = world.library.initiate(&grant, key).await.unwrap();
    world.put_part(&grant, (key, &id, 1), b"x").await.unwrap();
    // stands for a disk that fails or descriptors that have run out: there, but not readable
    let head = world.dir.path().join("staging").join(&id).join("upload.json");
    let saved = std::fs::read(&head).unwrap();
    std::fs::remove_file(&head).unwrap();
    std::fs::create_dir(&head).unwrap();
    let meanwhile = world.open_again().unwrap();
    assert!(meanwhile.uploads(&grant).await.unwrap().is_empty(), "the rest works");
    std::fs::remove_dir(&head).unwrap();
    std::fs::write(&head, saved).unwrap();
    let again = world.open_again().unwrap();
    assert_eq!(again.parts(&grant, key, &id).await.unwrap().len(), 1);
}
