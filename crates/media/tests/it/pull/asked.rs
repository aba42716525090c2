//! What PullUpload refuses at once, and how a file gets its type and name.

use media::{PullUploadError, Settings};
use model::Timestamp;
use wire::action::PullUpload;

use super::bed::{Bed, request};
use super::source::{Source, file};
use crate::world::{APP, World, application};

#[tokio::test]
async fn what_cannot_be_fetched_is_refused() {
    // nothing is allowed here that is not public
    let world =
        World::with(|settings: &mut Settings| settings.pull = media::PullSettings::default());
    let world = world.await;
    let refusal = async |request: PullUpload| {
        let refused = world.library.pull_upload(&application(APP), &request).await;
        refused.unwrap_err()
    };
    let good = || request("https://example.com/a/b.mp4");
    for (url, why) in [
        ("", "it is no URL"),
        ("a.mp4", "it is no URL"),
        ("ftp://example.com/a.mp4", "the scheme must be http or https"),
        ("http://user@example.com/a.mp4", "user information is not allowed"),
        (
            "http://127.0.0.1/a.mp4",
            "127.0.0.1 is a loopback address; `media.pull_allow_targets` can allow it",
        ),
        ("http://localhost/a.mp4", "127.0.0.1 is a loopback address"),
        ("http://0x7f.1/a.mp4", "127.0.0.1 is a loopback address"),
        ("http://[::1]/a.mp4", "::1 is a loopback address"),
        ("http://10.1.2.3/a.mp4", "10.1.2.3 is a private address"),
        ("http://169.254.169.254/a.mp4", "169.254.169.254 is"),
        ("http://0.0.0.0/a.mp4", "0.0.0.0 is"),
    ] {
        let error = refusal(request(url)).await;
        assert!(matches!(error, PullUploadError::MediaUrl(_)), "{url}: {error}");
        assert!(error.to_string().contains(why), "{url}: {error}");
        if url.is_empty() {
            continue;
        }
        let error = refusal(PullUpload { cover_url: url.to_owned(), ..good() }).await;
        assert!(matches!(error, PullUploadError::CoverUrl(_)), "{url}: {error}");
        assert!(error.to_string().contains(why), "{url}: {error}");
    }
    let long = format!("https://example.com/{}.mp4", "a".repeat(2_048));
    assert!(refusal(request(long)).await.to_string().contains("longer than 2048 bytes"));
    let mut off = application(APP);
    off.status = model::ApplicationStatus::Off;
    let refused = world.library.pull_upload(&off, &good()).await.unwrap_err();
    assert!(matches!(refused, PullUploadError::ApplicationOff(APP)));
}

#[tokio::test]
async fn members_are_refused_in_the_words_of_each() {
    let bed = Bed::new().await;
    let good = || request("https://example.com/a.mp4");
    let long = |count| "ä".repeat(count);
    let refused = [
        (PullUpload { media_type: "exe".to_owned(), ..good() }, "`exe` is no accepted MediaType"),
        (PullUpload { media_type: "mpd".to_owned(), ..good() }, "`mpd` is no accepted MediaType"),
        (request("https://example.com/a.mpd"), "`mpd` is no accepted MediaType"),
        (request("https://example.com/a.html"), "`html` is no accepted MediaType"),
        (request("https://example.com/a?b.mp4"), "give MediaType"),
        (
            PullUpload { cover_url: "https://example.com/a.webp".to_owned(), ..good() },
            "CoverUrl must",
        ),
        (PullUpload { expire_time: Some(Timestamp(1)), ..good() }, "ExpireTime lies"),
        (PullUpload { storage_region: "AP".to_owned(), ..good() }, "`AP` is no region"),
        (PullUpload { media_storage_path: "/a/b.mp4".to_owned(), ..good() }, "of mode fileid+path"),
        (PullUpload { session_context: long(1_001), ..good() }, "SessionContext is longer"),
        (PullUpload { session_id: long(51), ..good() }, "SessionId is longer than 50"),
        (PullUpload { source_context: long(251), ..good() }, "SourceContext: it is longer"),
        (PullUpload { media_name: long(256), ..good() }, "MediaName: it is longer"),
        (PullUpload { procedure: "x".to_owned(), ..good() }, "Procedure: processing"),
    ];
    for (request, why) in refused {
        let text = bed.ask(&request).await.unwrap_err().to_string();
        assert!(text.contains(why), "{text}");
    }
    let fits = PullUpload {
        session_context: long(1_000),
        session_id: long(50),
        source_context: long(250),
        media_name: long(255),
        ..good()
    };
    bed.ask(&fits).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn type_and_name_come_from_whatever_tells_them() {
    let source = Source::start(|_, _| file(b"media")).await;
    let bed = Bed::new().await;
    // path, MediaName, MediaType; what they are called
    for (path, name, media_type, shown, extension) in [
        ("/x/%E4%B8%AD%20a.MP4?b=c.ts", "", "", "中 a", "mp4"),
        ("/x/a.mp4", "", "MOV", "a", "mov"),
        ("/download?id=7", "song.mp3", "", "song.mp3", "mp3"),
        ("/a.mp4", "my.home.video", "", "my.home.video", "mp4"),
        ("/download", "", "ts", "download", "ts"),
    ] {
        let request = PullUpload {
            media_name: name.to_owned(),
            media_type: media_type.to_owned(),
            ..request(source.url(path))
        };
        let done = bed.pull(&request).await;
        let basic = &done["MediaBasicInfo"];
        assert_eq!((&basic["Name"], &basic["Type"]), (&shown.into(), &extension.into()), "{path}");
        assert!(done["FileUrl"].as_str().unwrap().ends_with(&format!("A.{extension}")));
    }
    let nameless = PullUpload { media_type: "flac".to_owned(), ..request(source.url("/")) };
    let done = bed.pull(&nameless).await;
    assert_eq!(done["MediaBasicInfo"]["Name"], done["FileId"]);
    source.stop().await;
}
