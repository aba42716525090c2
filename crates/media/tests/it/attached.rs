//! Marks on the timeline and subtitles of ModifyMediaInfo.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use media::{KeyFrameError, ModifyError, SubtitleError};
use model::{Application, FileId, Naming};
use serde_json::{Value, json};
use wire::action::{ListFiles, MediaSubtitleInput, ModifyMediaInfo};
use wire::event::task::MediaDeleteItem;
use wire::reply::{MediaKeyFrameDescItem, MediaSubtitleItem};

use crate::world::{APP, URL, World, application, apply_request, wav};

const BUCKET: &str = "4a817c80-1250000000";
const VTT: &str = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n";

fn of(file: FileId) -> ModifyMediaInfo {
    ModifyMediaInfo { file_id: file.to_string(), ..ModifyMediaInfo::default() }
}

async fn uploaded(world: &World) -> FileId {
    let (applied, grant) = world.apply("wav").await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    let key = &applied.vod_session_key;
    world.library.commit_upload(&application(APP), key).await.unwrap().file
}

async fn modify(
    world: &World,
    request: &ModifyMediaInfo,
) -> Result<Vec<MediaSubtitleItem>, ModifyError> {
    Ok(world.library.modify(&application(APP), request).await?.added_subtitle_set)
}

async fn block(world: &World, file: FileId, name: &str) -> Value {
    let reply = world.library.describe(APP, &[file.to_string()], &[]).await.unwrap();
    serde_json::to_value(reply).unwrap()["MediaInfoSet"][0][name].take()
}

fn marks(marks: &[(f64, &str)]) -> Vec<MediaKeyFrameDescItem> {
    let mark = |&(time_offset, content): &(f64, &str)| MediaKeyFrameDescItem {
        time_offset,
        content: content.to_owned(),
    };
    marks.iter().map(mark).collect()
}

fn subtitle(id: &str, text: &str) -> MediaSubtitleInput {
    MediaSubtitleInput {
        name: format!("name of {id}"),
        language: "zh-Hans".to_owned(),
        format: "vtt".to_owned(),
        content: STANDARD.encode(text),
        id: id.to_owned(),
    }
}

/// What is served at an address.
async fn served(world: &World, url: &str) -> Option<Vec<u8>> {
    let key = url.strip_prefix(&format!("{URL}/media/{BUCKET}/")).unwrap();
    let served = world.library.published(BUCKET, key).await.unwrap()?;
    Some(world.read(&served.object).await)
}

#[tokio::test]
async fn marks_are_told_by_their_time() {
    let world = World::new().await;
    let file = uploaded(&world).await;
    assert!(block(&world, file, "KeyFrameDescInfo").await.is_null());
    let add =
        |frames: &[(f64, &str)]| ModifyMediaInfo { add_key_frames: marks(frames), ..of(file) };
    modify(&world, &add(&[(7.25, "goal"), (0.0, "影"), (7.25, "end"), (600.0, "late")]))
        .await
        .unwrap();
    let change = ModifyMediaInfo { delete_key_frames: vec![600.0, 5.0], ..add(&[(0.0, "start")]) };
    modify(&world, &change).await.unwrap();
    let world = world.restart().await;
    let told = json!({"KeyFrameDescSet": [{"TimeOffset": 0.0, "Content": "start"},
        {"TimeOffset": 7.25, "Content": "end"}]});
    assert_eq!(block(&world, file, "KeyFrameDescInfo").await, told);

    let refused = async |request: ModifyMediaInfo| match modify(&world, &request).await {
        Err(ModifyError::KeyFrame(error)) => error,
        other => panic!("{other:?}"),
    };
    let long = "c".repeat(129);
    assert_eq!(refused(add(&[(1.0, &long)])).await, KeyFrameError::TooLong(128));
    assert_eq!(refused(add(&[(1.0, "")])).await, KeyFrameError::Empty);
    for offset in [-0.5, f64::INFINITY] {
        assert_eq!(refused(add(&[(offset, "x")])).await, KeyFrameError::Offset(offset));
    }
    assert!(matches!(refused(add(&[(f64::NAN, "x")])).await, KeyFrameError::Offset(_)));
    let both = ModifyMediaInfo { delete_key_frames: vec![1.0], ..add(&[(1.0, "x")]) };
    assert_eq!(refused(both).await, KeyFrameError::AddAndDelete(1.0));
    let both = ModifyMediaInfo { clear_key_frames: true, ..add(&[(1.0, "x")]) };
    assert_eq!(refused(both).await, KeyFrameError::AddAndClear);
    let many: Vec<(f64, &str)> = (0..99).map(|n| (f64::from(n) + 10.0, "x")).collect();
    assert_eq!(refused(add(&many)).await, KeyFrameError::TooMany(100));
    assert_eq!(block(&world, file, "KeyFrameDescInfo").await, told);
    modify(&world, &add(&many[1..])).await.unwrap();
    assert_eq!(refused(add(&[(1.0, "x")])).await, KeyFrameError::TooMany(100));
    modify(&world, &add(&[(7.25, "again")])).await.unwrap();

    modify(&world, &ModifyMediaInfo { clear_key_frames: true, ..of(file) }).await.unwrap();
    assert!(block(&world, file, "KeyFrameDescInfo").await.is_null());
    world.agreement().await;
}

#[tokio::test]
async fn subtitles_come_and_go_with_their_bytes() {
    let world = World::new().await;
    let file = uploaded(&world).await;
    assert!(block(&world, file, "SubtitleInfo").await.is_null());
    let inputs = vec![subtitle("a_1-", VTT), subtitle("", "\u{feff}WEBVTT")];
    let add = ModifyMediaInfo { add_subtitles: inputs, ..of(file) };
    let added = modify(&world, &add).await.unwrap();
    let [first, second] = added.as_slice() else { panic!("{added:?}") };
    assert_eq!((first.id.as_str(), first.name.as_str()), ("a_1-", "name of a_1-"));
    assert_eq!(
        (first.language.as_str(), first.format, first.source),
        ("zh-Hans", "vtt", "UserUploaded")
    );
    assert_eq!(second.id.len(), 16);
    assert!(first.url.ends_with("A.vtt"), "{}", first.url);
    let world = world.restart().await;
    let told = block(&world, file, "SubtitleInfo").await;
    assert_eq!(told, json!({ "SubtitleSet": serde_json::to_value(&added).unwrap() }));
    assert_eq!(served(&world, &first.url).await.unwrap(), VTT.as_bytes());
    assert_eq!(world.object_files().len(), 3);
    let stored = world.library.storage_data(APP).await.unwrap();
    let stored = serde_json::to_value(stored).unwrap();
    assert_eq!(stored["TotalStorage"], json!(wav(1).len() + VTT.len() + 9));
    world.agreement().await;

    let delete = |ids: &[&str]| ModifyMediaInfo {
        delete_subtitles: ids.iter().map(|&id| id.to_owned()).collect(),
        ..of(file)
    };
    let again =
        ModifyMediaInfo { add_subtitles: vec![subtitle("new", VTT)], ..delete(&["a_1-", "x"]) };
    let added = modify(&world, &again).await.unwrap();
    assert!(served(&world, &first.url).await.is_none());
    let world = world.restart().await;
    assert_eq!(world.object_files().len(), 3);
    // what parts take away leaves the subtitles
    let original = MediaDeleteItem { r#type: "OriginalFiles".to_owned(), definition: 0 };
    let id = file.to_string();
    world.library.delete(&application(APP), &id, &[original]).await.unwrap();
    let world = world.restart().await;
    assert_eq!(served(&world, &added[0].url).await.unwrap(), VTT.as_bytes());
    assert_eq!(world.object_files().len(), 2);
    let stored = serde_json::to_value(world.library.storage_data(APP).await.unwrap()).unwrap();
    assert_eq!(stored["TotalStorage"], json!(VTT.len() + 9));
    modify(&world, &delete(&[&second.id])).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.object_files().len(), 1);
    world.library.delete(&application(APP), &id, &[]).await.unwrap();
    let world = world.restart().await;
    assert!(world.object_files().is_empty() && world.garbage().await.is_empty());
    world.agreement().await;
}

#[tokio::test]
async fn subtitles_that_are_refused_leave_nothing() {
    let world = World::new().await;
    let file = uploaded(&world).await;
    let add =
        |inputs: Vec<MediaSubtitleInput>| ModifyMediaInfo { add_subtitles: inputs, ..of(file) };
    modify(&world, &add(vec![subtitle("a", VTT)])).await.unwrap();
    let refused = async |request: ModifyMediaInfo| match modify(&world, &request).await {
        Err(ModifyError::Subtitle(error)) => error,
        other => panic!("{other:?}"),
    };
    let one = |change: &dyn Fn(&mut MediaSubtitleInput)| {
        let mut input = subtitle("b", VTT);
        change(&mut input);
        add(vec![input])
    };
    assert_eq!(refused(one(&|s| s.name = "n".repeat(65))).await, SubtitleError::Name(64));
    for language in ["", "en_US", &"x".repeat(36)] {
        let error = refused(one(&|s| s.language = language.to_owned())).await;
        assert_eq!(error, SubtitleError::Language(language.to_owned()));
    }
    let error = refused(one(&|s| s.format = "srt".to_owned())).await;
    assert_eq!(error, SubtitleError::Format("srt".to_owned()));
    assert_eq!(
        refused(one(&|s| s.content = "no base64!".to_owned())).await,
        SubtitleError::Encoding
    );
    for text in ["", "1\n00:00", "WEBVTTX", "<html>"] {
        let error = refused(one(&|s| s.content = STANDARD.encode(text))).await;
        assert_eq!(error, SubtitleError::Content, "{text}");
    }
    for id in ["a.b", "17-characters-long", "影"] {
        let error = refused(one(&|s| s.id = id.to_owned())).await;
        assert_eq!(error, SubtitleError::Id { id: id.to_owned(), max: 16 });
    }
    let taken = SubtitleError::Taken("a".to_owned());
    assert_eq!(refused(add(vec![subtitle("a", VTT)])).await, taken);
    let twice = add(vec![subtitle("b", VTT), subtitle("b", VTT)]);
    assert_eq!(refused(twice).await, SubtitleError::Taken("b".to_owned()));
    let both = ModifyMediaInfo { clear_subtitles: true, ..add(vec![subtitle("b", VTT)]) };
    assert_eq!(refused(both).await, SubtitleError::AddAndClear);
    let both =
        ModifyMediaInfo { delete_subtitles: vec!["b".to_owned()], ..add(vec![subtitle("b", VTT)]) };
    assert_eq!(refused(both).await, SubtitleError::AddAndDelete("b".to_owned()));
    let many = |n: usize| add((0..n).map(|n| subtitle(&format!("n{n}"), VTT)).collect());
    assert_eq!(refused(many(17)).await, SubtitleError::TooMany(16));
    assert_eq!(refused(many(16)).await, SubtitleError::TooMany(16));
    let world = world.restart().await;
    assert_eq!(world.object_files().len(), 2, "what was written before the refusal is gone");
    assert_eq!(modify(&world, &many(15)).await.unwrap().len(), 15);
    modify(&world, &ModifyMediaInfo { clear_subtitles: true, ..of(file) }).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.object_files().len(), 1);
    assert!(block(&world, file, "SubtitleInfo").await.is_null());
}

#[tokio::test]
async fn subtitles_are_listed_beside_their_file() {
    let by_path = Application { naming: Naming::Path, ..application(APP) };
    let world = World::new().await;
    world.put_application(&by_path).await;
    let mut request = apply_request("wav");
    request.media_storage_path = "/films/a.wav".to_owned();
    let applied = world.library.apply(&by_path, &request).await.unwrap();
    let grant = world.grant(&applied).await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    let key = &applied.vod_session_key;
    let file = world.library.commit_upload(&by_path, key).await.unwrap().file;
    let add = ModifyMediaInfo { add_subtitles: vec![subtitle("a", VTT)], ..of(file) };
    modify(&world, &add).await.unwrap();
    let list = ListFiles { prefix: "films/".to_owned(), ..ListFiles::default() };
    let listed = world.library.list_files(&by_path, &list).await.unwrap();
    let mut told: Vec<_> = listed
        .contents
        .iter()
        .map(|file| (file.file_type, file.subtitle_id.as_str(), file.category))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("OriginalFiles", "", "Audio"), ("SubtitleFiles", "a", "Other")]);
    world.agreement().await;
    world.library.delete(&by_path, &file.to_string(), &[]).await.unwrap();
    let world = world.restart().await;
    assert!(world.object_files().is_empty());
    // the path is free again
    world.library.apply(&by_path, &request).await.unwrap();
}
