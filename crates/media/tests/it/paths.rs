//! MediaStoragePath: files lie where their application says, and no two get into each other's way.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use media::{Applied, ApplyError, CommitUploadError, ObjectError};
use model::{AppId, Application, ApplicationStatus, Naming};
use wire::action::ModifyMediaInfo;

use crate::world::{APP, URL, World, application, apply_request, wav};

fn by_path(app: AppId) -> Application {
    Application { naming: Naming::Path, ..application(app) }
}

/// A world whose application names files by path.
async fn world() -> World {
    let world = World::new().await;
    world.put_application(&by_path(APP)).await;
    world
}

impl World {
    /// ApplyUpload with a path, and perhaps a cover.
    async fn apply_at(&self, path: &str, cover_type: &str) -> Result<Applied, ApplyError> {
        let extension = path.rsplit('.').next().unwrap();
        let mut request = apply_request(extension);
        request.media_storage_path = path.to_owned();
        request.cover_type = cover_type.to_owned();
        self.library.apply(&by_path(APP), &request).await
    }

    /// Uploads to a path and commits.
    async fn upload_at(&self, path: &str, bytes: &[u8]) -> Applied {
        let applied = self.apply_at(path, "").await.unwrap();
        let grant = self.grant(&applied).await;
        self.put(&grant, &applied.session.media_key, bytes).await.unwrap();
        self.library.commit_upload(&by_path(APP), &applied.vod_session_key).await.unwrap();
        applied
    }

    async fn served(&self, applied: &Applied, key: &str) -> Option<Vec<u8>> {
        let served = self.library.published(&applied.session.bucket, key).await.unwrap();
        match served {
            Some(served) => Some(self.read(&served.object).await),
            None => None,
        }
    }
}

#[tokio::test]
async fn a_file_lies_at_its_path_and_its_cover_beside_it() {
    let world = world().await;
    let applied = world.apply_at("/电影/a b+c#1%.wav", "png").await.unwrap();
    let session = &applied.session;
    assert_eq!(session.media_key, "电影/a b+c#1%.wav");
    let cover = session.cover_key.as_ref().unwrap();
    assert!(cover.starts_with("电影/") && cover.ends_with("A.png"), "{cover}");
    let grant = world.grant(&applied).await;
    world.put(&grant, &session.media_key, &wav(1)).await.unwrap();
    world.put(&grant, cover, b"cover").await.unwrap();
    let uploaded =
        world.library.commit_upload(&by_path(APP), &applied.vod_session_key).await.unwrap();
    let place = format!("{URL}/media/{}/%E7%94%B5%E5%BD%B1", session.bucket);
    assert_eq!(uploaded.media_url, format!("{place}/a%20b%2Bc%231%25.wav"));
    assert_eq!(uploaded.cover_url, format!("{place}/{}", &cover["电影/".len()..]));
    let (_, payload) = world.events().await.remove(0);
    let basic = &payload["MediaBasicInfo"];
    assert_eq!(basic["StoragePath"], "/电影/a b+c#1%.wav");
    assert_eq!(basic["MediaUrl"], uploaded.media_url);
    assert_eq!(basic["CoverUrl"], uploaded.cover_url);
    assert_eq!(world.served(&applied, &session.media_key).await.unwrap(), wav(1));
    assert_eq!(world.served(&applied, cover).await.unwrap(), b"cover");
}

#[tokio::test]
async fn without_a_path_a_place_is_made_as_ever() {
    let world = world().await;
    let applied = world.library.apply(&by_path(APP), &apply_request("wav")).await.unwrap();
    let session = &applied.session;
    assert!(session.media_key.starts_with(&session.directory));
    assert!(session.directory.ends_with(&session.file.to_string()));
    assert_eq!(session.about.storage_path.as_ref(), Some(&session.media_key));
}

#[tokio::test]
async fn paths_that_are_none_are_refused() {
    let world = world().await;
    let long = format!("/{}.wav", "x".repeat(media::KEY_BYTES_MAX));
    for bad in [
        "a.wav",
        "/",
        "//a.wav",
        "/a//b.wav",
        "/../a.wav",
        "/a/../b.wav",
        "/./a.wav",
        "/a/.wav/",
        "/a\\b.wav",
        "/a\nb.wav",
        "/a.wav/",
        &long,
    ] {
        let mut request = apply_request("wav");
        request.media_storage_path = bad.to_owned();
        let error = world.library.apply(&by_path(APP), &request).await.unwrap_err();
        assert!(matches!(error, ApplyError::MediaStoragePath(_)), "{bad:?}: {error}");
    }
    for (path, media_type) in [("/a.mp4", "wav"), ("/a", "wav"), ("/a.wav.mp4", "wav")] {
        let mut request = apply_request(media_type);
        request.media_storage_path = path.to_owned();
        let error = world.library.apply(&by_path(APP), &request).await.unwrap_err();
        assert!(error.to_string().contains("MediaType"), "{path}: {error}");
    }
    world.apply_at("/a.WAV", "").await.unwrap();
}

#[tokio::test]
async fn a_path_is_taken_from_the_session_to_the_end_of_the_media() {
    let world = world().await;
    let taken = async |path: &str| {
        let error = world.apply_at(path, "").await.unwrap_err();
        matches!(error, ApplyError::PathTaken(_))
    };
    let first = world.upload_at("/a/film.wav", &wav(1)).await;
    assert!(taken("/a/film.wav").await);
    let open = world.apply_at("/a/open.wav", "").await.unwrap();
    assert!(taken("/a/open.wav").await);
    let file = first.session.file.to_string();
    world.library.delete(&by_path(APP), &file, &[]).await.unwrap();
    let second = world.upload_at("/a/film.wav", &wav(2)).await;
    assert_eq!(world.served(&second, "a/film.wav").await.unwrap(), wav(2));
    // the session ends without a commit: after its time and the hour that is given to it
    world.pass(24 * 3_600_000);
    world.library.tick().await.unwrap();
    assert!(taken("/a/open.wav").await);
    world.pass(3_600_000);
    world.library.tick().await.unwrap();
    world.upload_at("/a/open.wav", b"open").await;
    assert_ne!(open.session.file, second.session.file);
    assert!(taken("/a/film.wav").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_a_path_one_has_it() {
    let world = world().await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let library = world.library.clone();
        callers.spawn(async move {
            let mut request = apply_request("wav");
            request.media_storage_path = "/a.wav".to_owned();
            library.apply(&by_path(APP), &request).await.is_ok()
        });
    }
    let outcomes = callers.join_all().await;
    assert_eq!(outcomes.into_iter().filter(|had| *had).count(), 1);
}

#[tokio::test]
async fn a_key_opens_what_was_announced_and_nothing_beside_it() {
    let world = world().await;
    world.upload_at("/a/other.wav", &wav(1)).await;
    let applied = world.apply_at("/a/film.wav", "png").await.unwrap();
    let grant = world.grant(&applied).await;
    for beside in ["a/other.wav", "a/new.wav", "b.wav", "a/film.wav/x"] {
        let error = world.put(&grant, beside, b"x").await.unwrap_err();
        assert!(matches!(error, ObjectError::Outside(_)), "{beside}: {error}");
    }
    let error = world.library.initiate(&grant, "a/other.wav").await.unwrap_err();
    assert!(matches!(error, ObjectError::Outside(_)));
    let error = world.library.object(&grant, "a/other.wav").await.unwrap_err();
    assert!(matches!(error, ObjectError::Outside(_)));
}

#[tokio::test]
async fn playlists_in_one_directory_keep_off_each_others_segments() {
    let world = world().await;
    let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nseg.ts\n#EXT-X-ENDLIST\n";
    let applied = world.apply_at("/live/a.m3u8", "").await.unwrap();
    let a = world.grant(&applied).await;
    let other = world.apply_at("/live/b.m3u8", "").await.unwrap();
    let b = world.grant(&other).await;
    let third = world.apply_at("/live/film.ts", "").await.unwrap();
    world.put(&a, "live/a.m3u8", playlist).await.unwrap();
    world.put(&a, "live/seg.ts", b"of a").await.unwrap();
    world.put(&a, "live/seg.ts", b"of a again").await.unwrap();
    for key in ["live/seg.ts", "live/a.m3u8", "live/film.ts"] {
        let error = world.put(&b, key, b"of b").await.unwrap_err();
        assert!(matches!(error, ObjectError::Taken(_)), "{key}: {error}");
        let error = world.library.initiate(&b, key).await.unwrap_err();
        assert!(matches!(error, ObjectError::Taken(_)), "{key}: {error}");
        assert!(world.library.object(&b, key).await.unwrap().is_none(), "{key} is not shown");
    }
    let error = world.apply_at("/live/seg.ts", "").await.unwrap_err();
    assert!(matches!(error, ApplyError::PathTaken(_)));
    // what was under way when another came first
    let late = world.library.put(b.clone(), "live/late.ts", None).await.unwrap();
    world.put(&a, "live/late.ts", b"of a").await.unwrap();
    assert!(matches!(late.finish(None).await, Err(ObjectError::Taken(_))));

    world.put(&b, "live/b.m3u8", playlist).await.unwrap();
    let error = world.library.commit_upload(&by_path(APP), &other.vod_session_key).await;
    let Err(CommitUploadError::NotUploaded(missing)) = error else { panic!("{error:?}") };
    assert_eq!(missing, "live/seg.ts");
    world.library.commit_upload(&by_path(APP), &applied.vod_session_key).await.unwrap();
    assert_eq!(world.served(&applied, "live/seg.ts").await.unwrap(), b"of a again");
    assert!(world.served(&applied, "live/b.m3u8").await.is_none(), "not committed");
    let file = applied.session.file.to_string();
    world.library.delete(&by_path(APP), &file, &[]).await.unwrap();
    world.put(&b, "live/seg.ts", b"of b").await.unwrap();
    world.library.commit_upload(&by_path(APP), &other.vod_session_key).await.unwrap();
    assert_eq!(world.served(&applied, "live/seg.ts").await.unwrap(), b"of b");
    world.put(&world.grant(&third).await, "live/film.ts", b"film").await.unwrap();
}

#[tokio::test]
async fn a_playlist_may_lie_in_no_directory() {
    let world = world().await;
    let applied = world.apply_at("/index.m3u8", "").await.unwrap();
    let grant = world.grant(&applied).await;
    let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ns/1.ts\n#EXT-X-ENDLIST\n";
    world.put(&grant, "index.m3u8", playlist).await.unwrap();
    world.put(&grant, "s/1.ts", b"segment").await.unwrap();
    world.library.commit_upload(&by_path(APP), &applied.vod_session_key).await.unwrap();
    assert_eq!(world.served(&applied, "s/1.ts").await.unwrap(), b"segment");
    let (_, payload) = world.events().await.remove(0);
    assert_eq!(payload["MetaData"]["Size"], playlist.len() + b"segment".len());
}

#[tokio::test]
async fn a_cover_that_never_came_and_one_that_was_deleted_leave_their_paths() {
    let world = world().await;
    let applied = world.apply_at("/a.wav", "png").await.unwrap();
    let grant = world.grant(&applied).await;
    world.put(&grant, "a.wav", &wav(1)).await.unwrap();
    world.library.commit_upload(&by_path(APP), &applied.vod_session_key).await.unwrap();
    let cover = applied.session.cover_key.as_ref().unwrap();
    world.apply_at(&format!("/{cover}"), "").await.unwrap();

    let applied = world.apply_at("/b.wav", "png").await.unwrap();
    let grant = world.grant(&applied).await;
    let cover = applied.session.cover_key.as_ref().unwrap();
    world.put(&grant, "b.wav", &wav(1)).await.unwrap();
    world.put(&grant, cover, b"cover").await.unwrap();
    world.library.commit_upload(&by_path(APP), &applied.vod_session_key).await.unwrap();
    let error = world.apply_at(&format!("/{cover}"), "").await.unwrap_err();
    assert!(matches!(error, ApplyError::PathTaken(_)));
    let original =
        wire::event::task::MediaDeleteItem { r#type: "OriginalFiles".to_owned(), definition: 0 };
    let file = applied.session.file.to_string();
    world.library.delete(&by_path(APP), &file, &[original]).await.unwrap();
    world.apply_at(&format!("/{cover}"), "").await.unwrap();
    let error = world.apply_at("/b.wav", "").await.unwrap_err();
    assert!(matches!(error, ApplyError::PathTaken(_)), "the media still has its path");
}

#[tokio::test]
async fn a_new_cover_lies_beside_the_file_and_the_old_one_leaves_its_path() {
    let world = world().await;
    let applied = world.apply_at("/a.wav", "png").await.unwrap();
    let grant = world.grant(&applied).await;
    let old = applied.session.cover_key.clone().unwrap();
    world.put(&grant, "a.wav", &wav(1)).await.unwrap();
    world.put(&grant, &old, b"cover").await.unwrap();
    world.library.commit_upload(&by_path(APP), &applied.vod_session_key).await.unwrap();
    let request = ModifyMediaInfo {
        file_id: applied.session.file.to_string(),
        cover_data: STANDARD.encode(b"\x89PNG\r\n\x1a\nrest"),
        ..ModifyMediaInfo::default()
    };
    let url = world.library.modify(&by_path(APP), &request).await.unwrap();
    let new =
        url.cover_url.strip_prefix(&format!("{URL}/media/{}/", applied.session.bucket)).unwrap();
    assert_eq!(world.served(&applied, new).await.unwrap(), b"\x89PNG\r\n\x1a\nrest");
    assert!(!new.contains('/'), "{new}");
    let error = world.apply_at(&format!("/{new}"), "").await.unwrap_err();
    assert!(matches!(error, ApplyError::PathTaken(_)));
    world.apply_at(&format!("/{old}"), "").await.unwrap();
}

#[tokio::test]
async fn a_destroyed_application_leaves_no_paths() {
    let world = world().await;
    world.upload_at("/a.wav", &wav(1)).await;
    world.apply_at("/b.wav", "").await.unwrap();
    let destroyed = Application { status: ApplicationStatus::Destroyed, ..by_path(APP) };
    world.put_application(&destroyed).await;
    world.library.tick().await.unwrap();
    let query = queue::RecordQuery {
        kind: queue::RecordKind::Path,
        app: None,
        term: None,
        after: None,
        limit: 1,
    };
    assert!(world.backend.find(query).await.unwrap().records.is_empty());
}
