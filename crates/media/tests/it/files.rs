//! ListFiles: the keys of an application as a bucket lists them.

use media::ListError;
use model::{Application, Naming};
use wire::action::ListFiles;
use wire::reply::ListFilesReply;

use crate::world::{APP, World, application, apply_request, wav};

const PATHS: [&str; 9] = [
    "a.wav",
    "dir/a.wav",
    "dir/b.png",
    "dir/sub/c.wav",
    "dir/sub/d.txt.mp4",
    "dir2/e.wav",
    "dir3.wav",
    "电影/f.wav",
    "z.png",
];

fn by_path() -> Application {
    Application { naming: Naming::Path, ..application(APP) }
}

async fn filled() -> World {
    let world = World::new().await;
    world.put_application(&by_path()).await;
    for (index, path) in PATHS.iter().enumerate() {
        let mut request = apply_request(path.rsplit('.').next().unwrap());
        request.media_storage_path = format!("/{path}");
        let applied = world.library.apply(&by_path(), &request).await.unwrap();
        let grant = world.grant(&applied).await;
        world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
        // one is uploaded and never committed
        if index != 5 {
            let key = &applied.vod_session_key;
            world.library.commit_upload(&by_path(), key).await.unwrap();
        }
    }
    world
}

fn request(prefix: &str, delimiter: &str, max_keys: Option<i64>) -> ListFiles {
    ListFiles {
        sub_app_id: APP.0,
        prefix: prefix.to_owned(),
        delimiter: delimiter.to_owned(),
        max_keys,
        ..ListFiles::default()
    }
}

async fn list(world: &World, request: &ListFiles) -> ListFilesReply {
    world.library.list_files(&by_path(), request).await.unwrap()
}

/// Directories and keys of every page, in order of both.
async fn all(world: &World, request: &ListFiles) -> Vec<String> {
    let (mut request, mut names) = (request.clone(), Vec::new());
    loop {
        let page = list(world, &request).await;
        let count = page.contents.len() + page.common_prefixes.len();
        assert!(request.max_keys.is_none_or(|max| count <= usize::try_from(max).unwrap()));
        names.extend(page.contents.into_iter().map(|file| file.key));
        names.extend(page.common_prefixes);
        assert_eq!(page.is_truncated, !page.next_marker.is_empty());
        if !page.is_truncated {
            names.sort();
            return names;
        }
        assert!(page.next_marker > request.marker, "{}", page.next_marker);
        request.marker = page.next_marker;
    }
}

#[tokio::test]
async fn keys_are_listed_and_grouped_whatever_the_page() {
    let world = filled().await;
    let committed: Vec<&str> = PATHS.into_iter().filter(|path| *path != "dir2/e.wav").collect();
    let mut sorted = committed.clone();
    sorted.sort_unstable();
    for max in [None, Some(1), Some(2), Some(3), Some(100)] {
        assert_eq!(all(&world, &request("", "", max)).await, sorted);
        let top = all(&world, &request("", "/", max)).await;
        assert_eq!(top, ["a.wav", "dir/", "dir3.wav", "z.png", "电影/"]);
        let inside = all(&world, &request("dir/", "/", max)).await;
        assert_eq!(inside, ["dir/a.wav", "dir/b.png", "dir/sub/"]);
        assert_eq!(all(&world, &request("dir", "", max)).await.len(), 5);
        assert_eq!(all(&world, &request("dir3.wav", "", max)).await, ["dir3.wav"]);
        assert_eq!(all(&world, &request("dir/s", "/", max)).await, ["dir/sub/"]);
        assert_eq!(all(&world, &request("nothing", "/", max)).await, [""; 0]);
        let images = ListFiles { categories: vec!["Image".to_owned()], ..request("", "", max) };
        assert_eq!(all(&world, &images).await, ["dir/b.png", "z.png"]);
    }
    let behind = ListFiles { marker: "dir3.wav".to_owned(), ..request("", "/", None) };
    assert_eq!(all(&world, &behind).await, ["z.png", "电影/"]);
    let (page, full) = (list(&world, &request("", "", Some(8))).await, request("", "", Some(9)));
    assert!(!page.is_truncated && !list(&world, &full).await.is_truncated, "nothing is behind it");
}

#[tokio::test]
async fn a_file_is_told_as_documented() {
    let world = filled().await;
    let file = list(&world, &request("a.wav", "", None)).await.contents.remove(0);
    assert_eq!((file.size, file.category), (u64::try_from(wav(1).len()).unwrap(), "Audio"));
    assert!(file.etag.starts_with('"') && file.etag.len() == 34, "{}", file.etag);
    let described = world.describe(&file.file_id.to_string()).await;
    assert!(described.to_string().contains("/a.wav"), "{described}");
    for bad in [
        request("", "//", None),
        request("", "", Some(0)),
        request("", "", Some(101)),
        request("", "", Some(-1)),
        ListFiles { categories: vec!["Other".to_owned()], ..request("", "", None) },
    ] {
        let error = world.library.list_files(&by_path(), &bad).await.unwrap_err();
        assert!(matches!(error, ListError::Value { .. }), "{bad:?}");
    }
    let by_id = world.library.list_files(&application(APP), &request("", "", None)).await;
    assert!(matches!(by_id, Err(ListError::NamedByFileId(APP))));
}
