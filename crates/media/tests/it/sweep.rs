//! What time and crashes leave behind, and that nothing else is ever removed.

use std::sync::Arc;

use media::Fault;
use queue::{Backend, Commit, RecordKey, RecordKind, RecordPut};

use crate::world::{APP, MIB, World, application, noise, wav};

const DAY_MS: u32 = 24 * 3_600_000;
const HOUR_MS: u32 = 3_600_000;

#[tokio::test]
async fn objects_without_a_record_go_at_the_next_start() {
    let world = World::new().await;
    let (applied, grant) = world.apply("wav").await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    // as if the process had died: while writing, before the commit, and after it but before unlinking
    let objects = world.dir.path().join("objects");
    std::fs::create_dir_all(objects.join("zz")).unwrap();
    std::fs::write(objects.join("zz/writing#1"), b"half").unwrap();
    std::fs::write(objects.join("zz/written"), b"whole").unwrap();
    let names = ["zz/writing", "zz/written", "zz/gone"].map(str::to_owned);
    let commit = Commit { garbage: names.to_vec(), ..Commit::default() };
    world.backend.commit(commit).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.object_files().len(), 1);
    assert!(world.garbage().await.is_empty());
    let grant = world.grant(&applied).await;
    let object = world.library.object(&grant, &applied.session.media_key).await.unwrap();
    assert!(world.read(&object.unwrap().object).await == wav(1));
}

#[tokio::test]
async fn parts_without_a_session_go() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let id = world.library.initiate(&grant, key).await.unwrap();
    world.put_part(&grant, (key, &id, 1), &noise(MIB, 1)).await.unwrap();
    world.library.tick().await.unwrap();
    assert_eq!(world.staged_files().len(), 2);
    let delete = vec![RecordKey {
        kind: RecordKind::Session,
        app: APP,
        id: applied.vod_session_key.clone(),
    }];
    world.backend.commit(Commit { delete, ..Commit::default() }).await.unwrap();
    let world = world.restart().await;
    assert!(world.staged_files().is_empty());
}

#[tokio::test]
async fn a_session_that_was_never_committed_goes_with_what_was_uploaded() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let (committed, other) = world.apply("wav").await;
    world.put(&grant, &applied.session.media_key, b"never").await.unwrap();
    let id = world.library.initiate(&grant, &applied.session.media_key).await.unwrap();
    world.put_part(&grant, (&applied.session.media_key, &id, 1), b"x").await.unwrap();
    world.put(&other, &committed.session.media_key, &wav(1)).await.unwrap();
    let key = &committed.vod_session_key;
    world.library.commit_upload(&application(APP), key).await.unwrap();
    world.pass(DAY_MS);
    world.library.tick().await.unwrap();
    assert!(world.library.grant(&applied.session.secret_id).await.unwrap().is_some());
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    assert!(world.library.grant(&applied.session.secret_id).await.unwrap().is_none());
    assert!(world.library.grant(&committed.session.secret_id).await.unwrap().is_none());
    assert!(world.staged_files().is_empty());
    assert_eq!(world.object_files().len(), 1, "the media stays");
    let (bucket, key) = (&committed.session.bucket, &committed.session.media_key);
    assert!(world.library.published(bucket, key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_step_of_the_wall_clock_costs_nobody_an_upload() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    world.put(&grant, &applied.session.media_key, b"bytes").await.unwrap();
    world.step(i64::from(DAY_MS) * 400);
    world.library.tick().await.unwrap();
    world.step(-i64::from(DAY_MS) * 400);
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap();
    world.step(i64::from(DAY_MS) * 400);
    world.pass(HOUR_MS / 2);
    world.library.tick().await.unwrap();
    assert!(world.library.grant(&applied.session.secret_id).await.unwrap().is_some());
    assert_eq!(world.object_files().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeping_never_touches_what_is_being_written() {
    let world = World::new().await;
    let (applied, grant) = world.apply("m3u8").await;
    let mut tasks = tokio::task::JoinSet::new();
    let writing = Arc::new(std::sync::atomic::AtomicBool::new(true));
    for _ in 0..2 {
        let (library, writing) = (world.library.clone(), writing.clone());
        tasks.spawn(async move {
            while writing.load(std::sync::atomic::Ordering::SeqCst) {
                library.tick().await.unwrap();
            }
        });
    }
    for n in 0..60_u8 {
        let key = format!("{}/{n}.ts", applied.session.directory);
        // each key twice, so that there is garbage all the time
        for _ in 0..2 {
            world.put(&grant, &key, &noise(10_000, n)).await.unwrap();
        }
    }
    writing.store(false, std::sync::atomic::Ordering::SeqCst);
    tasks.join_all().await;
    world.library.tick().await.unwrap();
    for n in 0..60_u8 {
        let key = format!("{}/{n}.ts", applied.session.directory);
        let object = world.library.object(&grant, &key).await.unwrap().unwrap().object;
        assert!(world.read(&object).await == noise(10_000, n), "{key}");
    }
    assert_eq!(world.object_files().len(), 60);
    let backend: &dyn Backend = &*world.backend;
    assert!(backend.garbage(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_uploads_under_way_do_not_keep_garbage_on_the_disk() {
    let world = World::new().await;
    let mut sessions = Vec::new();
    for _ in 0..40 {
        sessions.push(world.apply("mp4").await);
    }
    // garbage is read in the order of names, which begin with this
    sessions.sort_by_key(|(applied, _)| format!("{:02x}", applied.session.file.0 % 256));
    let (busy, replaced) = (&sessions[0], &sessions[39]);
    let mut under_way = Vec::new();
    for n in 0..300 {
        let key = format!("{}/{n}.ts", busy.0.session.directory);
        under_way.push(world.library.put(busy.1.clone(), &key, None).await.unwrap());
    }
    let key = &replaced.0.session.media_key;
    let first = world.put(&replaced.1, key, b"first").await.unwrap();
    world.put(&replaced.1, key, b"second").await.unwrap();
    assert_eq!(world.garbage().await.len(), 301);
    world.library.tick().await.unwrap();
    assert_eq!(world.garbage().await.len(), 300, "{} is gone", first.etag);
    drop(under_way);
    let world = world.restart().await;
    assert!(world.garbage().await.is_empty());
    assert_eq!(world.object_files().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_swept_keeps_nothing_else_from_it() {
    let world = World::new().await;
    world.library.tick().await.unwrap();
    let (applied, grant) = world.apply("mp4").await;
    world.put(&grant, &applied.session.media_key, b"never").await.unwrap();
    let (ended, other) = world.apply("mp4").await;
    let mut uploads = Vec::new();
    for _ in 0..2 {
        uploads.push(world.library.initiate(&other, &ended.session.media_key).await.unwrap());
    }
    uploads.sort();
    // no directory any more: neither can it be removed as one
    let broken = world.dir.path().join("staging").join(&uploads[0]);
    std::fs::remove_dir_all(&broken).unwrap();
    std::fs::write(&broken, b"").unwrap();
    let session = |id: &str| RecordKey { kind: RecordKind::Session, app: APP, id: id.to_owned() };
    let body = b"no session".as_slice().into();
    let unreadable =
        RecordPut { key: session("!unreadable"), body, terms: Vec::new(), listing: None };
    let commit = Commit {
        delete: vec![session(&ended.vod_session_key)],
        put: vec![unreadable],
        garbage: vec!["zz/gone".to_owned()],
        ..Commit::default()
    };
    world.backend.commit(commit).await.unwrap();
    world.pass(DAY_MS);
    let error = world.library.tick().await.unwrap_err();
    assert!(matches!(error, Fault::Record(_)), "the first error: {error:?}");
    assert!(world.garbage().await.is_empty());
    assert_eq!(world.staged_files(), [broken]);
    world.pass(HOUR_MS);
    world.library.tick().await.unwrap_err();
    assert!(world.library.grant(&applied.session.secret_id).await.unwrap().is_none());
    assert!(world.object_files().is_empty());
    world.library.tick().await.unwrap();
}

#[tokio::test]
async fn parts_that_cannot_be_read_or_removed_keep_no_library_from_opening() {
    let world = World::new().await;
    let (applied, grant) = world.apply("mp4").await;
    let key = &applied.session.media_key;
    let mut uploads = Vec::new();
    for _ in 0..2 {
        uploads.push(world.library.initiate(&grant, key).await.unwrap());
    }
    // a name that is no part's is removed, but this is no file
    let broken = world.dir.path().join("staging").join(&uploads[0]);
    std::fs::create_dir(broken.join("no part")).unwrap();
    let library = world.open_again().unwrap();
    let listed = library.uploads(&grant).await.unwrap();
    assert_eq!(listed.iter().map(|row| &row.id).collect::<Vec<_>>(), [&uploads[1]]);
    assert!(broken.exists());
}

#[tokio::test]
async fn objects_that_cannot_be_removed_keep_no_others_on_the_disk() {
    let world = World::new().await;
    let objects = world.dir.path().join("objects");
    let stuck = |n: usize| format!("00/{n:04}");
    for n in 0..300 {
        std::fs::create_dir_all(objects.join(stuck(n)).join("in the way")).unwrap();
    }
    std::fs::create_dir(objects.join("zz")).unwrap();
    let mut garbage: Vec<String> = (0..300).map(stuck).collect();
    for n in 0..600 {
        let name = format!("zz/{n}");
        std::fs::write(objects.join(&name), b"deleted").unwrap();
        garbage.push(name);
    }
    world.backend.commit(Commit { garbage, ..Commit::default() }).await.unwrap();
    let error = world.library.tick().await.unwrap_err();
    assert!(error.to_string().contains("00/0000"), "{error}");
    assert!(world.object_files().is_empty());
    assert_eq!(world.garbage().await, (0..300).map(stuck).collect::<Vec<_>>());
}
