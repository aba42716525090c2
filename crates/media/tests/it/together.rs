//! Everything at once: clients that upload, complete, abort, commit and delete at the same time, and
//! a sweeper that runs among them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use media::{CommitUploadError, DeleteError, Grant, Library, ObjectError};
use model::EventKind;
use queue::{RecordKind, RecordQuery};
use tokio::task::JoinSet;

use crate::world::{APP, MIB, World, application, apply_request, noise};

/// One client's life with one file; what it is refused does not matter.
async fn client(library: Arc<Library>, seed: u8) {
    let applied = library.apply(&application(APP), &apply_request("mp4")).await.unwrap();
    let session = &applied.session;
    let grant = library.grant(&session.secret_id).await.unwrap().unwrap();
    let mut work = JoinSet::new();
    for turn in 0..3 {
        let (l, g, key) = (library.clone(), grant.clone(), session.media_key.clone());
        work.spawn(async move { harmless(put(&l, g, &key, seed ^ turn).await) });
        let (l, g) = (library.clone(), grant.clone());
        let key = format!("{}/{turn}.ts", session.directory);
        work.spawn(async move { harmless(put(&l, g, &key, turn).await) });
        let (l, g, key) = (library.clone(), grant.clone(), session.media_key.clone());
        let part_seed = seed.wrapping_add(turn);
        work.spawn(async move { harmless(parts(&l, g, &key, part_seed).await) });
        let (l, key) = (library.clone(), applied.vod_session_key.clone());
        work.spawn(async move {
            for _ in 0..turn * seed % 32 {
                tokio::task::yield_now().await;
            }
            let media = match l.commit_upload(&application(APP), &key).await {
                Ok(media) => media,
                Err(CommitUploadError::Fault(fault)) => panic!("{fault:?}"),
                Err(_nothing_there_yet) => return,
            };
            if seed.is_multiple_of(3) {
                match l.delete(&application(APP), &media.file.to_string(), &[]).await {
                    Ok(()) | Err(DeleteError::NotFound(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
        let l = library.clone();
        work.spawn(async move { l.tick().await.unwrap() });
    }
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
}

/// Whoever is too late is refused; the machine never fails.
fn harmless(outcome: Result<(), ObjectError>) {
    if let Err(ObjectError::Fault(fault)) = outcome {
        panic!("{fault:?}");
    }
}

async fn put(library: &Arc<Library>, grant: Grant, key: &str, seed: u8) -> Result<(), ObjectError> {
    let mut incoming = library.put(grant, key, None).await?;
    for piece in noise(3_000, seed).chunks(1_000) {
        incoming.write(piece).await?;
        tokio::task::yield_now().await;
    }
    if seed.is_multiple_of(7) {
        return Ok(()); // hangs up
    }
    incoming.finish(None).await.map(drop)
}

async fn parts(
    library: &Arc<Library>,
    grant: Grant,
    key: &str,
    seed: u8,
) -> Result<(), ObjectError> {
    let id = library.initiate(&grant, key).await?;
    let mut named = Vec::new();
    for number in 1..=2 {
        let mut incoming = library.put_part(grant.clone(), (key, &id, number), None).await?;
        incoming.write(&noise(if number == 1 { MIB } else { 10 }, seed)).await?;
        named.push((number, incoming.finish(None).await?.etag));
    }
    let late = library.put_part(grant.clone(), (key, &id, 2), None).await?;
    let complete = library.complete(grant.clone(), key, &id, named.clone());
    let again = library.complete(grant.clone(), key, &id, named);
    let abort = async {
        if seed.is_multiple_of(2) { library.abort(&grant, key, &id).await } else { Ok(()) }
    };
    let (late, complete, again, abort) = tokio::join!(late.finish(None), complete, again, abort);
    for outcome in [late.map(drop), complete.map(drop), again.map(drop), abort] {
        harmless(outcome);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_and_records_stay_in_step() {
    let world = World::new().await;
    let mut clients = JoinSet::new();
    for seed in 0..24 {
        clients.spawn(client(world.library.clone(), seed));
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    let world = world.restart().await;
    let events = world.events().await.into_iter();
    let stated = events.filter(|(event, _)| event.row.kind == EventKind::NewFileUpload);
    let files: Vec<_> = stated.flat_map(|(event, _)| event.row.files).collect();
    assert_eq!(files.iter().collect::<HashSet<_>>().len(), files.len(), "one event a file");
    let query = RecordQuery {
        kind: RecordKind::Object,
        app: Some(APP),
        term: None,
        after: None,
        limit: 10_000,
    };
    let mut recorded = BTreeSet::new();
    for record in world.backend.find(query).await.unwrap().records {
        let object: media::Object = serde_json::from_slice(&record.body).unwrap();
        assert_eq!(world.read(&object).await.len(), usize::try_from(object.size).unwrap());
        recorded.insert(world.dir.path().join("objects").join(&object.stored));
    }
    let on_disk: BTreeSet<_> = world.object_files().into_iter().collect();
    assert_eq!(recorded, on_disk);
    assert!(world.garbage().await.is_empty());
}
