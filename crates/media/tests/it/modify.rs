//! ModifyMediaInfo and ForbidMediaDistribution.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use media::{ForbidError, ModifyError};
use model::{FileId, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use wire::action::ModifyMediaInfo;

use crate::world::{APP, OTHER, URL, World, application, wav};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0rest";
const BUCKET: &str = "4a817c80-1250000000";

async fn uploaded(world: &World) -> (FileId, String) {
    let (applied, grant) = world.apply("wav").await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    let key = &applied.vod_session_key;
    let media = world.library.commit_upload(&application(APP), key).await.unwrap();
    (media.file, applied.session.media_key)
}

fn of(file: FileId) -> ModifyMediaInfo {
    ModifyMediaInfo { file_id: file.to_string(), ..ModifyMediaInfo::default() }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

async fn modify(world: &World, request: &ModifyMediaInfo) -> Result<String, ModifyError> {
    Ok(world.library.modify(&application(APP), request).await?.cover_url)
}

async fn basic(world: &World, file: FileId) -> Value {
    let reply = world.library.describe(APP, &[file.to_string()], &[]).await.unwrap();
    serde_json::to_value(reply).unwrap()["MediaInfoSet"][0]["BasicInfo"].take()
}

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    let world = World::new().await;
    let (file, _) = uploaded(&world).await;
    let class = world.library.create_class(APP, -1, "films").await.unwrap();
    world.pass(5_000);
    let end = Timestamp::parse_iso("2030-01-01T00:00:00Z").unwrap();
    let request = ModifyMediaInfo {
        name: Some("影".repeat(64)),
        description: Some("d".repeat(128)),
        class_id: Some(class),
        expire_time: Some(end),
        add_tags: texts(&["b", "a", "b"]),
        ..of(file)
    };
    assert_eq!(modify(&world, &request).await.unwrap(), "");
    let changed = basic(&world, file).await;
    assert_eq!(changed["Name"], "影".repeat(64));
    assert_eq!(changed["Description"], "d".repeat(128));
    assert_eq!(changed["ClassPath"], "films");
    assert_eq!(changed["ExpireTime"], "2030-01-01T00:00:00Z");
    assert_eq!(changed["TagSet"], json!(["b", "a"]));
    assert_ne!(changed["UpdateTime"], changed["CreateTime"]);
    let request = ModifyMediaInfo {
        description: Some(String::new()),
        class_id: Some(0),
        delete_tags: texts(&["b", "never there"]),
        add_tags: texts(&["c", "a"]),
        ..of(file)
    };
    modify(&world, &request).await.unwrap();
    world.library.delete_class(APP, class).await.unwrap();
    let again = basic(&world, file).await;
    assert_eq!((&again["Name"], &again["ExpireTime"]), (&changed["Name"], &changed["ExpireTime"]));
    assert_eq!((&again["Description"], &again["ClassId"]), (&json!(""), &json!(0)));
    assert_eq!(again["TagSet"], json!(["a", "c"]));
    modify(&world, &ModifyMediaInfo { clear_tags: true, ..of(file) }).await.unwrap();
    let world = world.restart().await;
    assert_eq!(basic(&world, file).await["TagSet"], json!([]));
    assert_eq!(world.events().await.len(), 1, "no event tells of a change");
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let world = World::new().await;
    let (file, _) = uploaded(&world).await;
    let many: Vec<String> = (0..16).map(|n| n.to_string()).collect();
    modify(&world, &ModifyMediaInfo { add_tags: many, ..of(file) }).await.unwrap();
    let before = basic(&world, file).await;
    let refused = async |request: ModifyMediaInfo| {
        let request = ModifyMediaInfo { name: request.name.or(Some("new".to_owned())), ..request };
        modify(&world, &request).await.unwrap_err().to_string()
    };
    let some = |text: String| Some(text);
    assert!(
        refused(ModifyMediaInfo { name: some("n".repeat(65)), ..of(file) }).await.contains("Name")
    );
    assert!(
        refused(ModifyMediaInfo { name: some(String::new()), ..of(file) }).await.contains("Name")
    );
    let long = ModifyMediaInfo { description: some("d".repeat(129)), ..of(file) };
    assert!(refused(long).await.contains("Description"));
    for class in [7, -1] {
        let request = ModifyMediaInfo { class_id: Some(class), ..of(file) };
        assert_eq!(refused(request).await, format!("there is no class {class}"));
    }
    let past = ModifyMediaInfo { expire_time: Some(Timestamp(0)), ..of(file) };
    assert!(refused(past).await.contains("ExpireTime"));
    let tags = |tags: &[&str]| ModifyMediaInfo { add_tags: texts(tags), ..of(file) };
    assert!(refused(tags(&["seventeenth"])).await.contains("16 tags"));
    assert!(refused(tags(&[&"t".repeat(33)])).await.contains("longer than 32"));
    assert!(refused(tags(&[""])).await.contains("empty"));
    let both = ModifyMediaInfo { clear_tags: true, ..tags(&["a"]) };
    assert!(refused(both).await.contains("exclude"));
    let both = ModifyMediaInfo { delete_tags: texts(&["a"]), ..tags(&["a"]) };
    assert!(refused(both).await.contains("`a`"));
    let cover = |data: &str| ModifyMediaInfo { cover_data: data.to_owned(), ..of(file) };
    assert!(refused(cover("no base64!")).await.contains("Base64"));
    assert!(refused(cover(&STANDARD.encode(b"<svg/>"))).await.contains("JPEG"));
    assert_eq!(basic(&world, file).await, before);
    for id in ["nonsense", "12"] {
        let request = ModifyMediaInfo { file_id: id.to_owned(), ..of(file) };
        assert!(matches!(modify(&world, &request).await, Err(ModifyError::NotFound(_))), "{id}");
    }
    let other = world.library.modify(&application(OTHER), &of(file)).await;
    assert!(matches!(other, Err(ModifyError::NotFound(_))));
    assert_eq!(world.object_files().len(), 1, "a refused cover leaves nothing");
}

#[tokio::test]
async fn a_cover_is_replaced_with_its_bytes() {
    let world = World::new().await;
    let (file, _) = uploaded(&world).await;
    let cover = |bytes: &[u8]| {
        let mut data = STANDARD.encode(bytes);
        data.insert(4, '\n');
        ModifyMediaInfo { cover_data: data.trim_end_matches('=').to_owned(), ..of(file) }
    };
    let served = async |url: &str| {
        let key = url.strip_prefix(&format!("{URL}/media/{BUCKET}/")).unwrap();
        world.library.published(BUCKET, key).await.unwrap()
    };
    let first = modify(&world, &cover(PNG)).await.unwrap();
    assert!(first.ends_with("A.png"), "{first}");
    assert_eq!(world.read(&served(&first).await.unwrap().object).await, PNG);
    assert_eq!(basic(&world, file).await["CoverUrl"], json!(first));
    let second = modify(&world, &cover(JPEG)).await.unwrap();
    assert!(second.ends_with("A.jpg"), "{second}");
    assert_eq!(world.read(&served(&second).await.unwrap().object).await, JPEG);
    assert!(served(&first).await.is_none());
    let name = ModifyMediaInfo { name: Some("n".to_owned()), ..of(file) };
    assert_eq!(modify(&world, &name).await.unwrap(), second);
    let world = world.restart().await;
    assert_eq!(world.object_files().len(), 2, "the first cover is gone");
    assert!(world.garbage().await.is_empty());
    world.library.delete(&application(APP), &file.to_string(), &[]).await.unwrap();
    let world = world.restart().await;
    assert!(world.object_files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_once_lose_nothing() {
    let world = World::new().await;
    let (file, _) = uploaded(&world).await;
    let mut callers = JoinSet::new();
    for caller in 0..12_u8 {
        let library = world.library.clone();
        callers.spawn(async move {
            let data = STANDARD.encode([PNG, &[caller]].concat());
            let cover_data = if caller % 3 == 0 { data } else { String::new() };
            let request =
                ModifyMediaInfo { add_tags: vec![caller.to_string()], cover_data, ..of(file) };
            library.modify(&application(APP), &request).await.unwrap();
        });
    }
    callers.join_all().await;
    let mut tags: Vec<u8> =
        serde_json::from_value::<Vec<String>>(basic(&world, file).await["TagSet"].take())
            .unwrap()
            .iter()
            .map(|tag| tag.parse().unwrap())
            .collect();
    tags.sort_unstable();
    assert_eq!(tags, (0..12).collect::<Vec<u8>>());
    let world = world.restart().await;
    assert_eq!(world.object_files().len(), 2, "of the covers one is left");
}

#[tokio::test]
async fn a_forbidden_file_is_there_and_not_served() {
    let world = World::new().await;
    let (file, key) = uploaded(&world).await;
    let (id, unknown) = (file.to_string(), "12".to_owned());
    let forbid = async |ids: &[String], forbid| world.library.forbid(APP, ids, forbid).await;
    let ids = [id.clone(), unknown.clone(), "nonsense".to_owned(), unknown.clone(), id.clone()];
    assert_eq!(forbid(&ids, true).await.unwrap(), ["12", "nonsense"]);
    assert!(world.library.published(BUCKET, &key).await.unwrap().unwrap().forbidden);
    let told = basic(&world, file).await;
    assert_eq!(told["Status"], "Forbidden");
    assert_eq!(forbid(std::slice::from_ref(&id), true).await.unwrap(), [""; 0]);
    assert_eq!(basic(&world, file).await, told);
    assert!(forbid(std::slice::from_ref(&id), false).await.unwrap().is_empty());
    assert_eq!(basic(&world, file).await["Status"], "Normal");
    assert!(!world.library.published(BUCKET, &key).await.unwrap().unwrap().forbidden);
    assert!(matches!(forbid(&[], true).await, Err(ForbidError::Empty)));
    assert!(matches!(forbid(&vec![id; 21], true).await, Err(ForbidError::TooMany(20))));
    let other = world.library.forbid(OTHER, &[file.to_string()], true).await.unwrap();
    assert_eq!(other, [file.to_string()]);
}
