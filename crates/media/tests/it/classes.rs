//! CreateClass, ModifyClass, DeleteClass, DescribeAllClass, and media in classes.

use media::ClassError;
use queue::{Commit, RecordKey, RecordKind, RecordPut};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{APP, OTHER, World, application, wav};

async fn tree(world: &World) -> Value {
    let classes = world.library.classes(APP).await.unwrap();
    let row = |class: wire::reply::ClassInfo| {
        assert_eq!(class.name, class.class_name);
        json!([class.class_id, class.parent_id, class.level, class.name, class.sub_class_id_set])
    };
    classes.into_iter().map(row).collect()
}

/// Uploads a file that ApplyUpload was told to file there; its FileId.
async fn file_under(world: &World, class: i64) -> String {
    let (applied, grant) = world.apply("wav").await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    let key = &applied.vod_session_key;
    // by the session's record, because what is tested here is the commit
    let kind = RecordKind::Session;
    let record = RecordKey { kind, app: APP, id: key.clone() };
    let found = world.backend.get(vec![record.clone()]).await.unwrap().remove(0).unwrap();
    let mut session: Value = serde_json::from_slice(&found.body).unwrap();
    session["about"]["class_id"] = json!(class);
    let put = vec![RecordPut {
        key: record,
        body: session.to_string().into(),
        terms: vec![],
        listing: None,
    }];
    world.backend.commit(Commit { put, ..Commit::default() }).await.unwrap();
    world.library.commit_upload(&application(APP), key).await.unwrap().file.to_string()
}

async fn class_of(world: &World, file: &str) -> Value {
    let reply = world.library.describe(APP, &[file.to_owned()], &[]).await.unwrap();
    let basic = serde_json::to_value(reply).unwrap()["MediaInfoSet"][0]["BasicInfo"].take();
    json!([basic["ClassId"], basic["ClassName"], basic["ClassPath"]])
}

#[tokio::test]
async fn classes_make_a_tree() {
    let world = World::new().await;
    assert_eq!(tree(&world).await, json!([[0, -1, 0, "其他", []]]));
    let make = async |parent, name: &str| world.library.create_class(APP, parent, name).await;
    let films = make(-1, "films").await.unwrap();
    let history = make(films, "history").await.unwrap();
    let rome = make(history, "rome").await.unwrap();
    let late = make(rome, "late").await.unwrap();
    assert!(matches!(make(late, "x").await, Err(ClassError::TooDeep(4))));
    let series = make(-1, "series").await.unwrap();
    assert_eq!([films, history, rome, late, series], [1, 2, 3, 4, 5]);
    assert!(make(series, "history").await.is_ok(), "another place, so no duplicate");
    for (parent, name) in [(-1, "films"), (-1, "其他"), (films, "history")] {
        assert!(matches!(make(parent, name).await, Err(ClassError::Duplicate(_))), "{name}");
    }
    for parent in [0, -2, 99] {
        assert!(matches!(make(parent, "x").await, Err(ClassError::NoParent(_))), "{parent}");
    }
    for name in [String::new(), "影".repeat(65)] {
        assert!(matches!(make(-1, &name).await, Err(ClassError::Name(64))));
    }
    assert!(make(-1, &"影".repeat(64)).await.is_ok());
    let rename = async |id, name: &str| world.library.rename_class(APP, id, name).await;
    rename(films, "movies").await.unwrap();
    rename(films, "movies").await.unwrap();
    assert!(matches!(rename(series, "movies").await, Err(ClassError::Duplicate(_))));
    assert!(matches!(rename(0, "x").await, Err(ClassError::NotFound(0))));
    assert!(matches!(rename(99, "x").await, Err(ClassError::NotFound(99))));
    let world = world.restart().await;
    let expected = json!([
        [0, -1, 0, "其他", []],
        [1, -1, 0, "movies", [2]],
        [2, 1, 1, "history", [3]],
        [3, 2, 2, "rome", [4]],
        [4, 3, 3, "late", []],
        [5, -1, 0, "series", [6]],
        [6, 5, 1, "history", []],
        [7, -1, 0, "影".repeat(64), []],
    ]);
    assert_eq!(tree(&world).await, expected);
    assert_eq!(world.library.classes(OTHER).await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_an_empty_class_goes() {
    let world = World::new().await;
    let films = world.library.create_class(APP, -1, "films").await.unwrap();
    let old = world.library.create_class(APP, films, "old").await.unwrap();
    let file = file_under(&world, old).await;
    assert_eq!(class_of(&world, &file).await, json!([old, "old", "films-old"]));
    let (event, payload) = world.events().await.remove(0);
    assert_eq!(payload["MediaBasicInfo"]["ClassPath"], "films-old", "{event:?}");
    let delete = async |id| world.library.delete_class(APP, id).await;
    assert!(matches!(delete(films).await, Err(ClassError::NotEmpty(_))));
    assert!(matches!(delete(old).await, Err(ClassError::NotEmpty(_))));
    world.library.rename_class(APP, films, "movies").await.unwrap();
    assert_eq!(class_of(&world, &file).await, json!([old, "old", "movies-old"]));
    world.library.delete(&application(APP), &file, &[]).await.unwrap();
    delete(old).await.unwrap();
    assert!(matches!(delete(old).await, Err(ClassError::NotFound(_))));
    assert!(matches!(delete(0).await, Err(ClassError::NotFound(0))));
    delete(films).await.unwrap();
    assert_eq!(tree(&world).await, json!([[0, -1, 0, "其他", []]]));
    let new = world.library.create_class(APP, -1, "films").await.unwrap();
    assert_eq!(new, 3, "an id is never used again");
}

#[tokio::test]
async fn a_class_that_went_meanwhile_files_nothing() {
    let world = World::new().await;
    let class = world.library.create_class(APP, -1, "films").await.unwrap();
    world.library.delete_class(APP, class).await.unwrap();
    let file = file_under(&world, class).await;
    assert_eq!(class_of(&world, &file).await, json!([0, "其他", "其他"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_once_do_not_overlook_each_other() {
    let world = World::new().await;
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let library = world.library.clone();
        callers.spawn(async move {
            let name = format!("class {}", caller % 4);
            library.create_class(APP, -1, &name).await
        });
    }
    let made: Vec<_> = callers.join_all().await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(made.len(), 4, "{made:?}");
    assert_eq!(tree(&world).await.as_array().unwrap().len(), 5);
    for id in made {
        let (filing, deleting) =
            tokio::join!(file_under(&world, id), world.library.delete_class(APP, id));
        let shown = class_of(&world, &filing).await;
        match deleting {
            Ok(()) => assert_eq!(shown[0], 0),
            Err(ClassError::NotEmpty(_)) => assert_eq!(shown[0], id),
            Err(error) => panic!("{error}"),
        }
    }
}
