//! Covers: shown where they are, nowhere where they are not, and gone with the original.

use wire::event::task::MediaDeleteItem;

use crate::world::{APP, URL, World, application, apply_request, wav};

/// CoverUrl in the answer of CommitUpload, in NewFileUpload and in DescribeMediaInfos.
async fn cover_urls(world: &World, cover: Option<&[u8]>) -> ([String; 3], String) {
    let mut request = apply_request("wav");
    request.cover_type = "png".to_owned();
    let applied = world.library.apply(&application(APP), &request).await.unwrap();
    let grant = world.grant(&applied).await;
    world.put(&grant, &applied.session.media_key, &wav(1)).await.unwrap();
    let key = applied.session.cover_key.clone().unwrap();
    if let Some(bytes) = cover {
        world.put(&grant, &key, bytes).await.unwrap();
    }
    let session = &applied.vod_session_key;
    let uploaded = world.library.commit_upload(&application(APP), session).await.unwrap();
    let again = world.library.commit_upload(&application(APP), session).await.unwrap();
    assert_eq!(again, uploaded);
    let (_, event) = world.events().await.remove(0);
    let described = world.describe(&applied.session.file.to_string()).await;
    let shown = [
        uploaded.cover_url,
        event["MediaBasicInfo"]["CoverUrl"].as_str().unwrap().to_owned(),
        described["BasicInfo"]["CoverUrl"].as_str().unwrap().to_owned(),
    ];
    (shown, format!("{}/{key}", applied.session.bucket))
}

#[tokio::test]
async fn a_cover_is_shown_everywhere_or_nowhere() {
    let world = World::new().await;
    let (shown, place) = cover_urls(&world, Some(b"picture")).await;
    let url = format!("{URL}/media/{place}");
    assert_eq!(shown, [url.clone(), url.clone(), url]);
    let (shown, place) = cover_urls(&world, None).await;
    assert_eq!(shown, [""; 3].map(str::to_owned));
    let (bucket, key) = place.split_once('/').unwrap();
    assert!(world.library.published(bucket, key).await.unwrap().is_none());
}

#[tokio::test]
async fn a_cover_that_is_no_image_is_served_as_announced_and_goes_with_the_original() {
    let world = World::new().await;
    let (shown, place) = cover_urls(&world, Some(b"<html>no picture</html>")).await;
    let (bucket, key) = place.split_once('/').unwrap();
    assert!(shown[0].ends_with("A.png"));
    let served = world.library.published(bucket, key).await.unwrap().unwrap();
    assert_eq!(world.read(&served.object).await, b"<html>no picture</html>");
    assert_eq!(media::catalogue::content_type(&served.key), "image/png");
    let (event, payload) = world.events().await.remove(0);
    assert_eq!(payload["MetaData"]["Size"], wav(1).len(), "of the media alone");
    let file = event.row.files[0].to_string();
    let original = MediaDeleteItem { r#type: "OriginalFiles".to_owned(), definition: 0 };
    world.library.delete(&application(APP), &file, &[original]).await.unwrap();
    assert!(world.library.published(bucket, key).await.unwrap().is_none());
    let described = world.describe(&file).await;
    assert_eq!(described["BasicInfo"]["CoverUrl"], "");
    assert_eq!(described["BasicInfo"]["MediaUrl"], "");
    world.library.close().await;
    assert!(world.object_files().is_empty());
}
