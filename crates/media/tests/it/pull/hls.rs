//! Playlists from real sockets: everything that they name comes along and is named anew.

use std::collections::{BTreeMap, HashMap};

use media::playlist::{self, Playlist, path};
use serde_json::Value;

use super::bed::{Bed, request};
use super::source::{Act, Source, file, promise, redirect, status};
use crate::world::{APP, wav};

/// A source with these files; what is not there is 404. `{}` in a text is its own address.
async fn site(files: &[(&str, &str)]) -> Source {
    let files: HashMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Source::start(move |asked, _| match files.get(&asked.path) {
        Some(text) => {
            let host = asked.header("host").unwrap();
            file(text.replace("{}", &format!("http://{host}")).as_bytes())
        }
        None => status("404 Not Found"),
    })
    .await
}

/// Everything that a file has, by its key in the directory.
async fn stored(bed: &Bed, done: &Value) -> BTreeMap<String, Vec<u8>> {
    let (_, media) = done["FileUrl"].as_str().unwrap().split_once("/media/").unwrap();
    let (bucket, key) = media.split_once('/').unwrap();
    let directory = format!("{}/", path::directory(key));
    let query = queue::RecordQuery {
        kind: queue::RecordKind::Object,
        app: Some(APP),
        term: None,
        after: None,
        limit: 1000,
    };
    let mut all = BTreeMap::new();
    for record in bed.world.backend.find(query).await.unwrap().records {
        if let Some(name) = record.key.id.strip_prefix(&directory) {
            let served = bed.world.library.published(bucket, &record.key.id).await.unwrap();
            all.insert(name.to_owned(), bed.world.read(&served.unwrap().object).await);
        }
    }
    all
}

/// What a stored playlist names, after it was read as players read it.
fn named(all: &BTreeMap<String, Vec<u8>>, name: &str) -> (Playlist, String) {
    let text = String::from_utf8(all[name].clone()).unwrap();
    let read = playlist::parse(&text, |reference| path::inside("", reference)).unwrap();
    (read, text)
}

fn top(done: &Value) -> String {
    done["FileUrl"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_comes_with_everything_that_it_names() {
    let source = site(&[
        (
            "/v/index.m3u8?token=1",
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"../k/key.key\"\n#EXTINF:4,\na.ts?b=c\n\
            #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"{}/licence\",KEYFORMAT=\"com.example\"\n\
            #EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://x\",KEYFORMAT=\"com.apple\"\n\
            #EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:4,\n#EXT-X-BYTERANGE:5@0\n{}/b.m4s\n\
            #EXTINF:4,\n#EXT-X-BYTERANGE:5\n{}/b.m4s\n\
            #EXT-X-GAP\n#EXTINF:4,\nmissing.ts\n#EXTINF:4,\n/c.php\n\
            #EXT-X-PART:DURATION=1,URI=\"part.ts\"\n",
        ),
        ("/k/key.key", "0123456789abcdef"),
        ("/v/a.ts?b=c", "segment a"),
        ("/v/init.mp4", "the map"),
        ("/b.m4s", "twofivebytes"),
        ("/c.php", "segment c"),
    ])
    .await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/v/index.m3u8?token=1"))).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    assert_eq!(done["MediaBasicInfo"]["Type"], "m3u8");
    let all = stored(&bed, &done).await;
    let (read, text) = named(&all, &top(&done));
    let Playlist::Media(media) = &read else { panic!("{text}") };
    assert!(media.ended, "what was pulled grows no more");
    assert_eq!(media.segments.len(), 5);
    let contents: Vec<&str> =
        media.files().iter().map(|name| std::str::from_utf8(&all[*name]).unwrap()).collect();
    let expected = ["0123456789abcdef", "segment a", "the map", "twofivebytes", "segment c"];
    assert_eq!(contents, expected);
    let extensions: Vec<&str> =
        media.files().iter().map(|name| name.rsplit_once('.').unwrap().1).collect();
    assert_eq!(extensions, ["key", "ts", "mp4", "m4s", "bin"]);
    assert!(
        text.contains(&format!("URI=\"{}\",KEYFORMAT=\"com.example\"", source.url("/licence")))
    );
    assert!(text.contains("URI=\"skd://x\"") && !text.contains("part.ts"), "{text}");
    assert_eq!(all.len(), 6);
    assert_eq!(source.asked().len(), 6, "each once: {:?}", source.paths());
    bed.keeps(6).await;
    source.stop().await;
}

/// Parts of segments that are still written may be ranges of the file that the segments are ranges of.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_a_part_too_comes_along() {
    let list = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-PART-INF:PART-TARGET=1\n\
        #EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"3@0\"\n\
        #EXT-X-PART:DURATION=1,URI=\"all.mp4\",BYTERANGE=\"3@3\"\n\
        #EXTINF:4,\n#EXT-X-BYTERANGE:7@3\nall.mp4\n\
        #EXT-X-PART:DURATION=1,URI=\"alone.mp4\"\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"all.mp4\",BYTERANGE-START=10\n";
    let source = site(&[("/i.m3u8", list), ("/all.mp4", "mapsegment")]).await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/i.m3u8"))).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    let all = stored(&bed, &done).await;
    let (read, text) = named(&all, &top(&done));
    let [name] = read.files()[..] else { panic!("{text}") };
    assert_eq!(all[name], b"mapsegment");
    assert!(!text.contains("EXT-X-P"), "{text}");
    assert_eq!(source.paths(), ["/i.m3u8", "/all.mp4"]);
    bed.keeps(2).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_playlist_comes_with_its_variants() {
    let variant = |segment: &str| {
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{segment}\n#EXT-X-ENDLIST\n")
    };
    let (low, high) = (variant("0.wav"), variant("../high/0.wav?x"));
    let sound = String::from_utf8_lossy(&wav(1)).into_owned();
    let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"low/i.m3u8\"\n\
        #EXT-X-SESSION-DATA:DATA-ID=\"x\",URI=\"data.json\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1\nlow/i.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\n{}/real/high/i.m3u8\n";
    let files = [
        ("/real/master.m3u8", master),
        ("/real/low/i.m3u8", low.as_str()),
        ("/real/high/i.m3u8", high.as_str()),
        ("/real/low/0.wav", sound.as_str()),
        ("/real/high/0.wav?x", "another"),
    ];
    let origin = site(&files).await;
    let to = origin.url("/real/master.m3u8");
    let source = Source::start(move |_, _| redirect(&to)).await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/film.m3u8"))).await;
    assert_eq!(done["ErrCode"], 0, "relative to where it was found in the end: {done}");
    let all = stored(&bed, &done).await;
    let (read, text) = named(&all, &top(&done));
    let Playlist::Master(master) = &read else { panic!("{text}") };
    assert!(!text.contains("ENDLIST") && !text.contains("SESSION-DATA"), "{text}");
    let contents: Vec<&[u8]> = master
        .files()
        .iter()
        .flat_map(|name| {
            let (Playlist::Media(media), _) = named(&all, name) else { panic!() };
            let names: Vec<String> = media.files().iter().map(|name| (*name).to_owned()).collect();
            names
        })
        .map(|name| all.get(&name).unwrap().as_slice())
        .collect();
    assert_eq!(contents, [sound.as_bytes(), b"another"]);
    assert_eq!(done["MetaData"]["Container"], "hls");
    let sizes: usize = all.values().map(Vec::len).sum();
    assert_eq!(done["MetaData"]["Size"].as_u64().unwrap(), u64::try_from(sizes).unwrap());
    bed.keeps(5).await;
    source.stop().await;
    origin.stop().await;
}

/// After a restart only what is missing is fetched.
#[tokio::test(flavor = "multi_thread")]
async fn segments_that_are_there_are_not_fetched_again() {
    let list = "#EXTM3U\n#EXTINF:1,\n0.ts\n#EXTINF:1,\n1.ts\n#EXTINF:1,\n2.ts\n#EXT-X-ENDLIST\n";
    let source = Source::start(move |asked, before| match (asked.path.as_str(), before) {
        ("/i.m3u8", _) => file(list.as_bytes()),
        ("/1.ts", 0) => Act::Hold(promise(100, &[], b"the beginning")),
        _ => file(asked.path.as_bytes()),
    })
    .await;
    let bed = Bed::with(|pull| pull.patience.window = std::time::Duration::from_mins(5)).await;
    let task = bed.ask(&request(source.url("/i.m3u8"))).await.unwrap();
    bed.puller.tick().await.unwrap();
    bed.until("it stands still", async |_| source.paths().contains(&"/1.ts".to_owned())).await;
    bed.until("two of three are there", async |bed| {
        bed.detail(&task).await["PullUploadTask"]["Progress"] == 66
    })
    .await;
    let bed = bed.restart().await;
    let done = bed.end(&task).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    let mut paths = source.paths();
    paths[1..4].sort();
    assert_eq!(paths, ["/i.m3u8", "/0.ts", "/1.ts", "/2.ts", "/i.m3u8", "/1.ts"]);
    assert_eq!(bed.told().await.len(), 1);
    bed.keeps(4).await;
    source.stop().await;
}

/// A few files come at once, and all of them count.
#[tokio::test(flavor = "multi_thread")]
async fn a_few_segments_are_fetched_at_once() {
    let list = list_of(10);
    let source = Source::start(move |asked, _| match asked.path.as_str() {
        "/i.m3u8" => file(list.as_bytes()),
        _ => Act::Hold(promise(4, &[], b"abc")),
    })
    .await;
    let bed = Bed::with(|pull| pull.patience.window = std::time::Duration::from_mins(5)).await;
    bed.ask(&request(source.url("/i.m3u8"))).await.unwrap();
    bed.puller.tick().await.unwrap();
    let all = 1 + model::limits::PULL_FILES_MAX;
    bed.until("as many as may are asked for", async |_| source.asked().len() == all).await;
    bed.until("they have come in part", async |bed| {
        bed.world.library.pull_counts().fetched_bytes > 12
    })
    .await;
    assert_eq!(source.asked().len(), all);
    bed.puller.close().await;
    source.stop().await;

    let list = list_of(10);
    // the text of the playlist counts too
    let sum = u64::try_from(list.len()).unwrap() + 40;
    for (max, code) in [(sum - 1, 60_000), (sum, 0)] {
        let list = list.clone();
        let source = Source::start(move |asked, _| match asked.path.as_str() {
            "/i.m3u8" => file(list.as_bytes()),
            _ => file(b"abcd"),
        })
        .await;
        let bed = Bed::with(|pull| pull.bytes_max = max).await;
        let done = bed.pull(&request(source.url("/i.m3u8"))).await;
        assert_eq!(done["ErrCode"], code, "{done}");
        source.stop().await;
    }
}

/// The ErrCode is 60000, the message says why, and nothing is left.
async fn fails(files: &[(&str, &str)], why: &str) {
    let source = site(files).await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/i.m3u8"))).await;
    let message = done["Message"].as_str().unwrap();
    assert_eq!(done["ErrCode"], 60_000, "{done}");
    assert!(message.contains(why), "{message}");
    bed.keeps(0).await;
    source.stop().await;
}

fn list_of(count: usize) -> String {
    let mut text = "#EXTM3U\n".to_owned();
    for index in 0..count {
        text += "#EXTINF:1,\n";
        text += &index.to_string();
        text += ".ts\n";
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_that_nests_itself() {
    let own = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ni.m3u8\n";
    fails(&[("/i.m3u8", own)], "/i.m3u8, which the playlist names: it is a playlist of playlists")
        .await;
    // a playlist that is called a segment is a file like any other
    let source = site(&[("/i.m3u8", "#EXTM3U\n#EXTINF:1,\ni.m3u8\n")]).await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/i.m3u8"))).await;
    assert_eq!(done["ErrCode"], 0, "{done}");
    assert_eq!(source.asked().len(), 2);
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn playlists_that_name_too_much() {
    fails(&[("/i.m3u8", &list_of(100_000))], "MediaUrl: line ").await;
    fails(&[("/i.m3u8", &list_of(10_001))], "it names more than 10000 files").await;
    let many = list_of(65).replace("#EXTINF:1,", "#EXT-X-STREAM-INF:BANDWIDTH=1");
    fails(&[("/i.m3u8", &many)], "it names more than 64 playlists").await;
    let long = format!("#EXTM3U\n{}", "#\n".repeat(3 * 1024 * 1024));
    fails(&[("/i.m3u8", &long)], "it is too large; at most 4194304 bytes may come").await;
}

/// No playlist is read that cannot belong to it.
#[tokio::test(flavor = "multi_thread")]
async fn variants_that_name_too_much_together() {
    let source = Source::start(|asked, _| match asked.path.as_str() {
        "/i.m3u8" => file(list_of(3).replace("INF:1,", "-X-STREAM-INF:BANDWIDTH=1").as_bytes()),
        path => file(list_of(6_000).replace(".ts", &path.replace('/', "-")).as_bytes()),
    })
    .await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/i.m3u8"))).await;
    assert_eq!(done["ErrCode"], 60_000, "{done}");
    assert!(done["Message"].as_str().unwrap().contains("more than 10000 files"), "{done}");
    assert_eq!(source.asked().len(), 3, "{:?}", source.paths());
    bed.keeps(0).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn playlists_with_long_urls() {
    let long = "a".repeat(2_048);
    let segment = format!("#EXTM3U\n#EXTINF:1,\n{long}.ts\n");
    fails(&[("/i.m3u8", &segment)], "a: it is a URL of more than 2048 bytes").await;
    let source = Source::start(move |asked, _| match asked.path.as_str() {
        "/i.m3u8" => redirect(&format!("/{long}/i.m3u8")),
        _ => file(list_of(1).as_bytes()),
    })
    .await;
    let bed = Bed::new().await;
    let done = bed.pull(&request(source.url("/i.m3u8"))).await;
    assert_eq!(done["ErrCode"], 60_000, "{done}");
    let why = "MediaUrl: it was found at a URL of more than 2048 bytes";
    assert!(done["Message"].as_str().unwrap().contains(why), "{done}");
    assert_eq!(source.asked().len(), 2);
    bed.keeps(0).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn playlists_that_lead_elsewhere() {
    let inside = "#EXTM3U\n#EXTINF:1,\nhttp://169.254.169.254/latest/meta-data/\n";
    fails(
        &[("/i.m3u8", inside)],
        "169.254.169.254/latest/meta-data/, which the playlist names: 169.254.169.254 is",
    )
    .await;
    let private =
        "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"http://10.0.0.1/key\"\n#EXTINF:1,\na.ts\n";
    fails(&[("/i.m3u8", private)], "10.0.0.1 is a private address").await;
    let variant = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://[::1]/a.m3u8\n";
    fails(&[("/i.m3u8", variant)], "::1 is a loopback address").await;
    let file = "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n";
    fails(&[("/i.m3u8", file)], "line 3: file:///etc/passwd: it is neither http nor https").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn playlists_that_are_none_or_incomplete() {
    fails(&[("/i.m3u8", "<html>")], "a playlist begins with #EXTM3U").await;
    fails(&[("/i.m3u8", "#EXTM3U\n")], "it names no segment").await;
    let two = "#EXTM3U\n#EXTINF:1,\na.ts\n#EXTINF:1,\nb.ts\n";
    fails(&[("/i.m3u8", two), ("/a.ts", "a")], "/b.ts, which the playlist names: it answered 404")
        .await;
    let variable = "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n#EXTINF:1,\n{$a}.ts\n";
    fails(&[("/i.m3u8", variable)], "variables are not supported").await;
}
