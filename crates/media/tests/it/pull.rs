//! PullUpload against sources on real sockets.

mod asked;
pub(crate) mod bed;
mod hls;
mod hostile;
mod resume;
pub(crate) mod source;
mod tasks;

use serde_json::{Value, json};
use wire::action::PullUpload;

use self::bed::{Bed, request};
use self::source::{Act, Source, answer, file, promise, redirect, status};
use crate::world::{APP, MIB, noise, wav};

/// A file and its event come together, and the event is what the task tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_pulled_into_the_library() {
    let bytes = wav(2);
    let body = bytes.clone();
    let source = Source::start(move |asked, _| match asked.path.as_str() {
        "/a%20film.wav?sign=1" => file(&body),
        "/cover.png" => file(b"a cover"),
        _ => status("404 Not Found"),
    })
    .await;
    let bed = Bed::new().await;
    let asked = PullUpload {
        cover_url: source.url("/cover.png"),
        session_context: "context".to_owned(),
        session_id: "once".to_owned(),
        source_context: "source".to_owned(),
        ..request(source.url("/a%20film.wav?sign=1"))
    };
    let task = bed.ask(&asked).await.unwrap();
    let waiting = bed.detail(&task).await;
    assert_eq!((&waiting["Status"], &waiting["BeginProcessTime"]), (&json!("WAITING"), &json!("")));
    assert_eq!(waiting["PullUploadTask"]["Status"], "PROCESSING");
    assert_eq!(waiting["ProcedureTask"], Value::Null);
    let done = bed.end(&task).await;
    assert_eq!((&done["ErrCode"], &done["Message"]), (&json!(0), &json!("SUCCESS")), "{done}");
    assert_eq!((&done["Status"], &done["Progress"]), (&json!("FINISH"), &json!(100)));
    assert_eq!((&done["SessionContext"], &done["SessionId"]), (&json!("context"), &json!("once")));
    let basic = &done["MediaBasicInfo"];
    assert_eq!((&basic["Name"], &basic["Type"]), (&json!("a film"), &json!("wav")));
    assert_eq!(basic["SourceInfo"]["SourceContext"], "source");
    assert_eq!(basic["SourceInfo"]["SourceType"], "Upload");
    assert_eq!(basic["Vid"], done["FileId"]);
    assert_eq!(done["MetaData"]["Duration"], 2.0);
    assert_eq!(bed.told().await, [("PullComplete".to_owned(), done.clone())]);

    let served = |url: &str| {
        let path = url.split_once("/media/").unwrap().1.to_owned();
        let (bucket, key) = path.split_once('/').unwrap();
        (bucket.to_owned(), key.to_owned())
    };
    for (url, body) in [(&done["FileUrl"], bytes), (&basic["CoverUrl"], b"a cover".to_vec())] {
        let (bucket, key) = served(url.as_str().unwrap());
        let object = bed.world.library.published(&bucket, &key).await.unwrap().unwrap().object;
        assert!(bed.world.read(&object).await == body, "{url}");
    }
    assert_eq!(source.paths(), ["/cover.png", "/a%20film.wav?sign=1"]);
    bed.keeps(2).await;
    let bed = bed.restart().await;
    assert_eq!(bed.detail(&task).await["PullUploadTask"], done, "as it was told");
    assert_eq!(bed.puller.tick().await.unwrap(), 0, "it is not begun again");
    bed.keeps(2).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_transfer_goes_on_where_it_broke() {
    let bytes = noise(3 * MIB + 17, 1);
    let body = bytes.clone();
    let source = Source::start(move |asked, before| {
        let start = asked.from().unwrap_or(0);
        let etag = "ETag: \"one\"";
        let end = body.len().min(start + MIB);
        if before == 0 {
            return Act::Raw(promise(body.len(), &[etag], &body[..end]));
        }
        let range = format!("Content-Range: bytes {start}-{}/{}", body.len() - 1, body.len());
        let length = format!("Content-Length: {}", body.len() - start);
        let lines = [etag, range.as_str(), length.as_str()];
        Act::Raw(answer("206 Partial Content", &lines, &body[start..end]))
    })
    .await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/a.mp4"))).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    let starts: Vec<_> = source.asked().iter().map(source::Asked::from).collect();
    assert_eq!(starts, [None, Some(MIB), Some(2 * MIB), Some(3 * MIB)]);
    assert!(source.asked()[1..].iter().all(|asked| asked.header("if-range") == Some("\"one\"")));
    assert!(source.asked()[0].header("accept-encoding") == Some("identity"));
    bed.keeps(1).await;
    let file = bed.world.object_files().remove(0);
    assert!(std::fs::read(file).unwrap() == bytes);
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_resume_is_asked_for_all_of_it() {
    let bytes = noise(MIB, 2);
    let body = bytes.clone();
    let source = Source::start(move |_, before| match before {
        0 => Act::Raw(promise(body.len(), &[], &body[..1000])),
        // a weak ETag promises no equal bytes
        1 => Act::Raw(promise(body.len(), &["ETag: W/\"weak\""], &body[..2000])),
        2 => Act::Raw(promise(body.len(), &["ETag: \"strong\""], &body[..3000])),
        _ => file(&body),
    })
    .await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/a.mp4"))).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    let starts: Vec<_> = source.asked().iter().map(source::Asked::from).collect();
    assert_eq!(starts, [None, None, None, Some(3000)]);
    bed.keeps(1).await;
    assert!(std::fs::read(bed.world.object_files().remove(0)).unwrap() == bytes);
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_and_each_is_checked() {
    let source = Source::start(|asked, _| match asked.path.as_str() {
        "/a.mp4" => redirect("/b"),
        "/b" => redirect("c?d"),
        "/c?d" => file(b"here"),
        "/loop.mp4" => redirect("/loop.mp4"),
        "/inside.mp4" => redirect("http://10.0.0.1/secret.mp4"),
        "/named.mp4" => redirect("http://localhost/secret.mp4"),
        "/meta.mp4" => redirect("http://169.254.169.254/latest/meta-data/"),
        "/file.mp4" => redirect("file:///etc/passwd"),
        "/user.mp4" => redirect("http://a:b@127.0.0.1/"),
        "/nowhere.mp4" => Act::Raw(answer("302 Found", &["Content-Length: 0"], b"")),
        _ => status("404 Not Found"),
    })
    .await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/a.mp4"))).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    for (path, why) in [
        ("/loop.mp4", "it redirects more than 5 times"),
        ("/inside.mp4", "10.0.0.1 is a private address; `media.pull_allow_targets` can allow it"),
        ("/named.mp4", ""),
        ("/meta.mp4", "169.254.169.254"),
        ("/file.mp4", "the scheme must be http or https"),
        ("/user.mp4", "user information is not allowed"),
        ("/nowhere.mp4", "it answered 302"),
    ] {
        let done = bed.pull(&request(source.url(path))).await;
        let message = done["Message"].as_str().unwrap();
        if path == "/named.mp4" {
            // this machine is allowed, but nothing listens there
            assert_eq!(done["ErrCode"], 60_000, "{done}");
            continue;
        }
        let code = if path == "/nowhere.mp4" { 60_000 } else { 40_000 };
        assert_eq!(done["ErrCode"], code, "{path}: {done}");
        assert!(message.starts_with("MediaUrl: ") && message.contains(why), "{path}: {message}");
    }
    let asked = source.paths().iter().filter(|path| *path == "/loop.mp4").count();
    assert_eq!(asked, 6);
    bed.keeps(1).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_file_upload_comes_first_if_it_is_wanted() {
    let source = Source::start(|_, _| file(b"media")).await;
    let bed = Bed::with(|pull| pull.also_new_file_upload = true).await;
    let done = bed.pull(&request(source.url("/a.mp4"))).await;
    let told = bed.told().await;
    let kinds: Vec<_> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["NewFileUpload", "PullComplete"]);
    assert_eq!(told[0].1["FileId"], done["FileId"]);
    assert_eq!(told[0].1["MediaBasicInfo"], done["MediaBasicInfo"]);
    assert_eq!(done.get("MetaData"), None, "nothing was found in it");
    source.stop().await;
}

/// What was begun before a stop is begun anew, and told once.
#[tokio::test(flavor = "multi_thread")]
async fn a_pull_survives_restarts() {
    let source = Source::start(|_, before| match before {
        0 | 1 => Act::Hold(promise(100, &[], b"the beginning")),
        _ => file(b"all of it"),
    })
    .await;
    let mut bed = Bed::with(|pull| pull.patience.window = std::time::Duration::from_mins(5)).await;
    let task = bed.ask(&request(source.url("/a.mp4"))).await.unwrap();
    for start in 1..=2 {
        assert_eq!(bed.puller.tick().await.unwrap(), 1);
        bed.until("it is asked", async |_| source.asked().len() == start).await;
        assert_eq!(bed.detail(&task).await["Status"], "PROCESSING");
        bed = bed.restart().await;
        bed.keeps(0).await;
    }
    let done = bed.end(&task).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    assert_eq!(bed.told().await.len(), 1);
    bed.keeps(1).await;
    source.stop().await;
}

/// Destroying the application ends its pulls without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_application_pulls_nothing() {
    let source = Source::start(|_, _| Act::Hold(promise(100, &[], b"the beginning"))).await;
    let bed = Bed::with(|pull| pull.patience.window = std::time::Duration::from_mins(5)).await;
    let task = bed.ask(&request(source.url("/a.mp4"))).await.unwrap();
    bed.puller.tick().await.unwrap();
    bed.until("it is under way", async |bed| bed.world.object_files().len() == 1).await;
    let mut gone = crate::world::application(APP);
    gone.status = model::ApplicationStatus::Destroyed;
    bed.world.put_application(&gone).await;
    bed.world.library.tick().await.unwrap();
    assert!(bed.world.library.describe_task(APP, &task).await.is_err());
    source.stop().await;
    // the connection ends now, and with it the pull
    bed.until("nothing is under way", async |bed| bed.world.object_files().is_empty()).await;
    bed.keeps(0).await;
    assert_eq!(bed.world.events().await.len(), 0);
}

/// An application that names its files by path: the path is taken from the call on, and free again
/// after a failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_pulled_to_its_path() {
    let list = "#EXTM3U\n#EXTINF:1,\n0.ts\n";
    let source = Source::start(move |asked, before| match (asked.path.as_str(), before) {
        ("/a.mp4", 0) => status("404 Not Found"),
        ("/i.m3u8", _) => file(list.as_bytes()),
        _ => file(b"media"),
    })
    .await;
    let bed = Bed::new().await;
    let mut by_path = crate::world::application(APP);
    by_path.naming = model::Naming::Path;
    bed.world.put_application(&by_path).await;
    let to = |path: &str, url: &str| PullUpload {
        media_storage_path: path.to_owned(),
        ..request(source.url(url))
    };
    let ask = async |request: &PullUpload| bed.world.library.pull_upload(&by_path, request).await;
    let refused = async |request: &PullUpload| ask(request).await.unwrap_err().to_string();
    assert!(refused(&to("films/a.mp4", "/a.mp4")).await.contains("begin with a slash"));
    assert!(
        refused(&to("/films/a.mov", "/a.mp4")).await.contains("end in a dot and the MediaType")
    );

    let task = ask(&to("/films/a.mp4", "/a.mp4")).await.unwrap();
    assert!(refused(&to("/films/a.mp4", "/a.mp4")).await.contains("/films/a.mp4 is taken"));
    assert_eq!(bed.end(&task).await["ErrCode"], 40_000);
    let task = ask(&to("/films/a.mp4", "/a.mp4")).await.expect("the path is free again");
    let done = bed.end(&task).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    assert!(done["FileUrl"].as_str().unwrap().ends_with("/films/a.mp4"), "{done}");
    assert_eq!(
        done["MediaBasicInfo"]["StoragePath"].as_str().unwrap().trim_start_matches('/'),
        "films/a.mp4"
    );
    assert!(refused(&to("/films/a.mp4", "/a.mp4")).await.contains("is taken"));

    let task = ask(&to("/top.m3u8", "/i.m3u8")).await.unwrap();
    let done = bed.end(&task).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    assert_eq!(done["MetaData"]["Container"], "hls");
    let task = ask(&request(source.url("/unnamed.mp4"))).await.unwrap();
    let done = bed.end(&task).await;
    assert_ne!(done["MediaBasicInfo"]["StoragePath"], "", "{done}");
    bed.keeps(4).await;
    source.stop().await;
}

/// Two pulls of one address into one directory have nothing in common: what the one loses, the other
/// keeps.
#[tokio::test(flavor = "multi_thread")]
async fn pulls_into_one_directory_do_not_share_files() {
    let source = Source::start(move |asked, _| match asked.path.as_str() {
        "/top.m3u8" => file(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n"),
        "/low.m3u8" => file(b"#EXTM3U\n#EXTINF:1,\n0.ts\n"),
        _ => file(b"segment"),
    })
    .await;
    let bed = Bed::new().await;
    let mut by_path = crate::world::application(APP);
    by_path.naming = model::Naming::Path;
    bed.world.put_application(&by_path).await;
    let mut files = Vec::new();
    for path in ["/films/one.m3u8", "/films/two.m3u8"] {
        let request =
            PullUpload { media_storage_path: path.to_owned(), ..request(source.url("/top.m3u8")) };
        let task = bed.world.library.pull_upload(&by_path, &request).await.unwrap();
        let done = bed.end(&task).await;
        assert_eq!(done["ErrCode"], 0, "{done}");
        files.push(done["FileId"].as_str().unwrap().to_owned());
    }
    bed.keeps(6).await;
    bed.world.library.delete(&by_path, &files[0], &[]).await.unwrap();
    bed.keeps(3).await;
    source.stop().await;
}
