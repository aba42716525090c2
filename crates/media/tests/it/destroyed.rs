//! What a destroyed application leaves behind is removed, in steps, and nobody else's with it.

use media::Grant;
use model::ApplicationStatus;
use queue::{Commit, RecordKey, RecordKind, RecordPut, RecordQuery};

use crate::world::{APP, OTHER, World, application, apply_request, wav};

const KINDS: [RecordKind; 4] =
    [RecordKind::Session, RecordKind::Media, RecordKind::Object, RecordKind::Class];

async fn destroy(world: &World) {
    let mut destroyed = application(APP);
    destroyed.status = ApplicationStatus::Destroyed;
    world.put_application(&destroyed).await;
}

async fn records(world: &World, app: model::AppId) -> usize {
    let mut found = 0;
    for kind in KINDS {
        let query = RecordQuery { kind, app: Some(app), term: None, after: None, limit: 10_000 };
        found += world.backend.find(query).await.unwrap().records.len();
    }
    found
}

/// A committed media of the other application.
async fn of_other(world: &World) -> (String, Grant) {
    let request = apply_request("wav");
    let applied = world.library.apply(&application(OTHER), &request).await.unwrap();
    let grant = world.grant(&applied).await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    let key = &applied.vod_session_key;
    world.library.commit_upload(&application(OTHER), key).await.unwrap();
    (applied.session.media_key, grant)
}

#[tokio::test]
async fn everything_of_a_destroyed_application_goes_and_nothing_else() {
    let world = World::new().await;
    let (media, grant) = world.apply("wav").await;
    world.put(&grant, &media.session.media_key, &wav(1)).await.unwrap();
    world.library.commit_upload(&application(APP), &media.vod_session_key).await.unwrap();
    let (upload, grant) = world.apply("mp4").await;
    let key = &upload.session.media_key;
    world.put(&grant, key, b"never committed").await.unwrap();
    let id = world.library.initiate(&grant, key).await.unwrap();
    world.put_part(&grant, (key, &id, 1), b"part").await.unwrap();
    world.library.create_class(APP, -1, "films").await.unwrap();
    let (kept, of_kept) = of_other(&world).await;
    let events = world.events().await.len();
    world.library.tick().await.unwrap();
    assert_eq!((records(&world, APP).await, world.object_files().len()), (7, 3));

    destroy(&world).await;
    world.library.tick().await.unwrap();
    assert_eq!(records(&world, APP).await, 0);
    assert!(world.staged_files().is_empty() && world.garbage().await.is_empty());
    assert_eq!(world.events().await.len(), events, "nobody is told: the application is gone");
    assert_eq!((records(&world, OTHER).await, world.object_files().len()), (3, 1));
    let object = world.library.object(&of_kept, &kept).await.unwrap().unwrap().object;
    assert!(world.read(&object).await == wav(1));
}

#[tokio::test]
async fn many_objects_go_in_steps_and_unreadable_ones_are_told() {
    let world = World::new().await;
    let (media, grant) = world.apply("wav").await;
    world.put(&grant, &media.session.media_key, &wav(1)).await.unwrap();
    let object = |id: String| RecordKey { kind: RecordKind::Object, app: APP, id };
    let key = object(media.session.media_key.clone());
    let one = world.backend.get(vec![key]).await.unwrap().remove(0).unwrap();
    let like = |n: usize| RecordPut {
        key: object(format!("more/{n}")),
        body: one.body.clone(),
        terms: Vec::new(),
        listing: None,
    };
    let mut put: Vec<_> = (0..5_000).map(like).collect();
    let body = b"no object".as_slice().into();
    put.push(RecordPut {
        key: object("!unreadable".to_owned()),
        body,
        terms: Vec::new(),
        listing: None,
    });
    world.backend.commit(Commit { put, ..Commit::default() }).await.unwrap();
    destroy(&world).await;
    let error = world.library.tick().await.unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert!(source.is_some_and(|text| text.contains("!unreadable")), "{error:?}");
    let left = records(&world, APP).await;
    assert!((1..5_000).contains(&left), "{left} are left after one step");
    world.library.tick().await.unwrap_err();
    // what its object is called is not known, so its record stays to tell of it
    assert_eq!(records(&world, APP).await, 1);
    assert!(world.object_files().is_empty());
    world.library.tick().await.unwrap();
}
