//! Clips whose files are still those of their sources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::action::{MediaSubtitleInput, ModifyMediaInfo};
use wire::event::task::MediaDeleteItem;

use super::*;

const VTT: &str = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n";

async fn stored_bytes(world: &World) -> u64 {
    let stored = world.library.storage_data(APP).await.unwrap();
    serde_json::to_value(stored).unwrap()["TotalStorage"].as_u64().unwrap()
}

#[tokio::test]
async fn without_its_original_a_clip_counts_what_it_kept() {
    let world = World::new().await;
    let source = upload(&world, &make("index.m3u8")).await;
    let before = stored_bytes(&world).await;
    let hidden = Hidden::of(&world, source.file);
    let made = clip(&world, &kept(&source.url, 1.0, 3.0)).await.unwrap();
    world.library.tick_clips().await.unwrap_err();
    let file_id = made.file.unwrap().to_string();
    let subtitle = MediaSubtitleInput {
        id: String::new(),
        name: "English".to_owned(),
        language: "en".to_owned(),
        format: "vtt".to_owned(),
        content: STANDARD.encode(VTT),
    };
    let add = ModifyMediaInfo {
        file_id: file_id.clone(),
        add_subtitles: vec![subtitle],
        ..ModifyMediaInfo::default()
    };
    world.library.modify(&application(APP), &add).await.unwrap();
    let original = MediaDeleteItem { r#type: "OriginalFiles".to_owned(), definition: 0 };
    world.library.delete(&application(APP), &file_id, &[original]).await.unwrap();
    assert_eq!(stored_bytes(&world).await, before + u64::try_from(VTT.len()).unwrap());
    hidden.show();
    world.agreement().await;
}

#[tokio::test]
async fn of_its_sources_a_clip_has_only_what_it_names() {
    let world = World::new().await;
    let source = upload(&world, &make("index.m3u8")).await;
    let hidden = Hidden::of(&world, source.file);
    let made = clip(&world, &kept(&source.url, 1.0, 3.0)).await.unwrap();
    world.library.tick_clips().await.unwrap_err();
    let beside = made.url.rsplit_once('/').unwrap().0;
    let names = async |url: &str| -> Vec<String> {
        let list = Playlist::Media(list(&world, url).await);
        list.files().into_iter().map(str::to_owned).collect()
    };
    let own = names(&made.url).await;
    assert_eq!(own.len(), 2);
    let others = names(&source.url).await.into_iter().map(|path| format!("0/{path}"));
    let mut others: Vec<String> = others.filter(|path| !own.contains(path)).collect();
    assert_eq!(others.len(), 3);
    others.push(format!("0/{}", source.url.rsplit_once('/').unwrap().1));
    others.push(format!("0{}", own[0]));
    for path in &own {
        assert!(served(&world, &format!("{beside}/{path}")).await.is_some(), "{path}");
    }
    for path in &others {
        assert!(served(&world, &format!("{beside}/{path}")).await.is_none(), "{path}");
    }
    hidden.show();
}
