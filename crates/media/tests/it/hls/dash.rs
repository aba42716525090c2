//! DASH that ffmpeg makes: complete or refused, with the sums of the whole and the streams of all.

use media::CommitUploadError;
use media::manifest::{ManifestType, files};
use serde_json::{Value, json};

use super::{CODECS, Made, key, put_all};
use crate::world::{APP, World, application};

/// Whether it is what was made: two pictures and a sound of five seconds.
fn assert_is_whole(name: &str, made: &Made, meta: &Value) {
    let size = made.size();
    assert_eq!((&meta["Size"], &meta["Container"]), (&size.into(), &"dash".into()), "{name}");
    for member in ["Duration", "VideoDuration", "AudioDuration"] {
        assert!((meta[member].as_f64().unwrap() - 5.0).abs() < 0.2, "{name}: {meta}");
    }
    assert_eq!((&meta["Width"], &meta["Height"]), (&128.into(), &72.into()), "{name}");
    let video = meta["VideoStreamSet"].as_array().unwrap();
    let widths: Vec<_> = video.iter().map(|stream| stream["Width"].as_i64().unwrap()).collect();
    assert_eq!(widths, [128, 64], "{name}");
    for stream in video {
        assert_eq!((&stream["Codec"], &stream["Fps"]), (&"h264".into(), &25.into()), "{name}");
        assert!(stream["Bitrate"].as_i64().unwrap() > 1_000, "{name}: {meta}");
    }
    let sound = &meta["AudioStreamSet"];
    assert_eq!(sound.as_array().unwrap().len(), 1, "{name}");
    assert_eq!((&sound[0]["Codec"], &sound[0]["SamplingRate"]), (&"aac".into(), &44_100.into()));
    let bits = f64::from(u32::try_from(size).unwrap()) * 8.0;
    let rate = bits / meta["Duration"].as_f64().unwrap();
    assert!((meta["Bitrate"].as_f64().unwrap() - rate).abs() < 1.0, "{name}: {meta}");
}

#[tokio::test]
async fn manifests_of_every_kind() {
    for (name, options) in [
        ("numbers", "-use_template 1 -use_timeline 0"),
        ("a time line", "-use_template 1 -use_timeline 1"),
        ("a list", "-use_template 0 -use_timeline 0"),
        ("single files", "-single_file 1"),
    ] {
        let made = Made::new(&format!(
            "-map 0:v -map 0:v -map 1:a {CODECS} -s:v:1 64x36 -f dash -seg_duration 1 {options} \
             index.mpd"
        ));
        let named = files(ManifestType::Mpd, &made.text("index.mpd")).unwrap();
        for (file, _) in made.files().iter().skip(1) {
            // ffmpeg writes what sound is left into one segment more than it names
            if !named.contains(file) {
                std::fs::remove_file(made.path().join(file)).unwrap();
            }
        }
        assert_is_whole(name, &made, &made.meta_data().await);
    }
}

#[tokio::test]
async fn a_missing_segment_is_named() {
    let made = Made::new(&format!("{CODECS} -f dash -seg_duration 1 index.mpd"));
    let files = made.files();
    let world = World::new().await;
    let (applied, grant) = world.apply("mpd").await;
    let (missing, there) = files.split_last().unwrap();
    put_all(&world, (&applied, &grant), there).await;
    let application = application(APP);
    let error =
        world.library.commit_upload(&application, &applied.vod_session_key).await.unwrap_err();
    let wanted = key(&applied, &missing.0);
    assert!(matches!(&error, CommitUploadError::NotUploaded(key) if *key == wanted), "{error}");
    world.put(&grant, &wanted, &missing.1).await.unwrap();
    world.library.commit_upload(&application, &applied.vod_session_key).await.unwrap();
    // the fragments are read without ffprobe as well
    let meta = world.events().await.remove(0).1["MetaData"].take();
    assert_eq!(meta["VideoStreamSet"][0]["Width"], 128, "{meta}");
}

#[tokio::test]
async fn what_is_no_manifest_has_no_metadata() {
    for text in ["no manifest", "<MPD><Period><BaseURL>file:///etc/</BaseURL></Period></MPD>", ""] {
        let made = Made::empty();
        made.write("index.mpd", text);
        assert_eq!(made.meta_data().await, Value::Null, "{text}");
    }
    let made = Made::empty();
    made.write("index.mpd", "<MPD/>");
    let meta = made.meta_data().await;
    assert_eq!((&meta["Size"], &meta["VideoStreamSet"]), (&6.into(), &json!([])));
}
