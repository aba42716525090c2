//! Pulls by the real binary: killed in the middle, into a directory and into a bucket, and asked for by
//! the official Python SDK.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::bucket::Bucket;
use testkit::process::Server;
use testkit::program::Program;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::{python, root, setup};
use crate::launch;

const DEADLINE: Duration = Duration::from_mins(1);
/// Pulls that nothing holds up.
const SMALL: usize = 6;
const MIB: usize = 1024 * 1024;
/// Bytes of the film: after every 16 MiB it is made sure that no kill costs them.
const FILM: usize = 48 * MIB;
const STEP: usize = 16 * MIB;
const ETAG: &str = "\"one\"";
const CONFIG: &str = r#"
[pull]
wait = "1s"

[media]
pull_allow_targets = ["127.0.0.1"]

[[application]]
id = 1250000000
mode = "PULL"
"#;

/// Paths of files, and how often.
type Held = (&'static [&'static str], usize);

/// Where a request begins to read, and what its If-Range says.
type Asked = (Option<usize>, Option<String>);

/// What is known of the requests of each path.
type Requests = BTreeMap<String, Vec<Asked>>;

/// A server with files, which stops in the middle of some of them for the first few times. It serves
/// ranges to whoever knows its ETag.
struct Source {
    addr: SocketAddr,
    /// What was asked for.
    asked: watch::Receiver<Requests>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Source {
    /// `held`: files that it stops in the middle of, so many times.
    async fn start(files: BTreeMap<String, Vec<u8>>, held: Held) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (count, asked) = watch::channel(Requests::new());
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let (until, tasks) = (stop.clone(), tracker.clone());
        let shared = Arc::new((files, Mutex::new(count)));
        tracker.spawn(async move {
            loop {
                let (stream, _) = tokio::select! {
                    () = until.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap(),
                };
                let (shared, until) = (Arc::clone(&shared), until.clone());
                tasks.spawn(async move {
                    tokio::select! {
                        () = until.cancelled() => {}
                        // whoever was killed hung up
                        _gone = serve(stream, &shared.0, &shared.1, held) => {}
                    }
                });
            }
        });
        Self { addr, asked, stop, tracker }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Waits until each of these was asked for that often.
    async fn asked(&mut self, paths: &[&str], times: usize) {
        let often = |asked: &Requests| {
            paths.iter().all(|path| asked.get(*path).is_some_and(|all| all.len() >= times))
        };
        let waited = timeout(DEADLINE, self.asked.wait_for(often)).await;
        drop(
            waited
                .unwrap_or_else(|_| panic!("{paths:?} were not asked for {times} times"))
                .unwrap(),
        );
    }

    async fn end(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

type Counts = Mutex<watch::Sender<Requests>>;

async fn serve(
    mut stream: TcpStream,
    files: &BTreeMap<String, Vec<u8>>,
    counts: &Counts,
    (slow, often): Held,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let Some(bytes) = files.get(&path) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    };
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.split_once(": ")?.1.to_owned())
    };
    let from = header("range: bytes=")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let knows = header("if-range: ");
    let (start, length) = (from.filter(|_| knows.as_deref() == Some(ETAG)), bytes.len());
    let status = start.map_or("200 OK".to_owned(), |start| {
        format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{length}", length - 1)
    });
    let rest = &bytes[start.unwrap_or(0)..];
    let answer = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nETag: {ETAG}\r\nContent-Length: {}\r\n\r\n",
        rest.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    let times = counts.lock().unwrap().borrow().get(&path).map_or(0, Vec::len);
    let stops = slow.contains(&path.as_str()) && times < often;
    let part = if stops { rest.len() / 2 } else { rest.len() };
    stream.write_all(&rest[..part]).await?;
    counts.lock().unwrap().send_modify(|asked| asked.entry(path).or_default().push((from, knows)));
    if stops {
        std::future::pending::<()>().await;
    }
    stream.shutdown().await
}

/// Every PullComplete that comes, confirmed.
async fn completed(server: &Server, count: usize) -> Vec<Value> {
    let client = server.client().unwrap();
    let all = async {
        let mut told = Vec::new();
        while told.len() < count {
            let Ok(answer) = client.call("PullEvents", json!({})).await else { continue };
            let events = answer["EventSet"].as_array().unwrap().clone();
            let handles: Vec<&Value> = events.iter().map(|event| &event["EventHandle"]).collect();
            client.call("ConfirmEvents", json!({ "EventHandles": handles })).await.unwrap();
            told.extend(events.iter().map(|event| event["PullCompleteEvent"].clone()));
        }
        told
    };
    timeout(DEADLINE, all).await.expect("every pull is told of in time")
}

/// A film of which no two steps are alike.
fn film() -> Vec<u8> {
    let words = u32::try_from(FILM / 4).unwrap();
    (0..words).flat_map(|word| word.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
}

/// Waits until so much of the film will outlast a kill.
async fn marked(server: &Server, bytes: usize) {
    let pulls = server.data().join("pulls");
    let is_marked = async || {
        let files = std::fs::read_dir(&pulls).ok()?;
        let marks = files.filter_map(|file| Some(file.ok()?.path()));
        let mut marks = marks.filter(|path| path.extension().is_some_and(|of| of == "json"));
        marks.find_map(|path| {
            let mark: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
            (mark["size"].as_u64()? >= u64::try_from(bytes).ok()?).then_some(())
        })
    };
    testkit::until::until_some("the film is marked", is_marked).await;
}

/// That the film was asked for from its beginning once, and from then on for what was missing.
fn check_film(source: &Source) {
    let asked = source.asked.borrow()["/film.mp4"].clone();
    assert_eq!(asked[0], (None, None));
    for (start, knows) in &asked[1..] {
        let start = start.expect("the rest is asked for");
        assert!(start >= STEP && start.is_multiple_of(STEP), "{asked:?}");
        assert_eq!(knows.as_deref(), Some(ETAG));
    }
    assert!(asked.len() > 1, "{asked:?}");
}

async fn survive(config: String, bucket: Option<Bucket>) {
    let kills = usize::try_from(testkit::soak::count("pull_kills", 2, 50)).unwrap();
    let list = "#EXTM3U\n#EXTINF:1,\n0.ts\n#EXTINF:1,\n1.ts\n#EXTINF:1,\n2.ts\n";
    let mut files: BTreeMap<String, Vec<u8>> =
        (0..SMALL).map(|n| (format!("/{n}.mp4"), format!("film {n}").into_bytes())).collect();
    files.insert("/film.mp4".to_owned(), film());
    files.insert("/list.m3u8".to_owned(), list.as_bytes().to_vec());
    for n in 0..3 {
        files.insert(format!("/{n}.ts"), vec![b's'; 1000 + n]);
    }
    let mut source = Source::start(files, (&["/film.mp4", "/1.ts"], kills)).await;
    let mut server = launch(format!("{CONFIG}{config}")).start().await.unwrap();
    let mut paths: Vec<String> = vec!["/film.mp4".to_owned(), "/list.m3u8".to_owned()];
    paths.extend((0..SMALL).map(|n| format!("/{n}.mp4")));
    let mut tasks = Vec::new();
    for path in &paths {
        let ask = json!({ "MediaUrl": source.url(path), "SessionId": path });
        let asked = server.client().unwrap().call("PullUpload", ask).await.unwrap();
        tasks.push(asked["TaskId"].as_str().unwrap().to_owned());
    }
    for kill in 1..=kills {
        source.asked(&["/film.mp4", "/1.ts"], kill).await;
        marked(&server, STEP).await;
        server.kill9().await.unwrap();
        server.restart().await.unwrap();
    }
    let mut told = completed(&server, paths.len()).await;
    for event in &told {
        assert_eq!(event["ErrCode"], 0, "{event}");
    }
    check_film(&source);
    let names = |event: &&Value| event["MediaBasicInfo"]["Name"] == "film";
    let url = told.iter().find(names).unwrap()["FileUrl"].as_str().unwrap();
    let path = &url[url.find("/media/").unwrap()..];
    assert!(server.client().unwrap().get(path).await.unwrap() == film(), "the film is whole");
    told.sort_by_key(|event| event["TaskId"].as_str().unwrap().to_owned());
    tasks.sort();
    let of: Vec<&str> = told.iter().map(|event| event["TaskId"].as_str().unwrap()).collect();
    assert_eq!(of, tasks, "each once");
    let metrics = server.metrics().await.unwrap();
    for line in [r#"callboard_pulls{state="running"} 0"#, r#"callboard_pulls{state="waiting"} 0"#] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(metrics.contains(r#"callboard_pulls_ended_total{result="success"}"#), "{metrics}");
    assert!(metrics.contains("callboard_pulled_bytes_total"), "{metrics}");
    let events =
        server.client().unwrap().call("DescribeEvents", json!({ "Limit": 100 })).await.unwrap();
    assert_eq!(events["EventSet"].as_array().unwrap().len(), paths.len(), "{events}");
    let listed =
        server.client().unwrap().call("DescribeTasks", json!({ "Limit": 100 })).await.unwrap();
    for row in listed["TaskSet"].as_array().unwrap() {
        assert_eq!(row["Status"], "FINISH");
    }
    let again = json!({ "MediaUrl": source.url("/0.mp4"), "SessionId": "/0.mp4" });
    let refused = server.client().unwrap().call("PullUpload", again).await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterValue.SessionId"));
    assert!(server.stop().await.unwrap().success());
    let agreed = crate::bucket::agreement(&server, bucket.as_ref()).await;
    assert_eq!((agreed.media, agreed.objects), (paths.len(), paths.len() + 3));
    source.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_into_a_directory_survive_kill_9_and_are_told_of_once() {
    survive(String::new(), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_into_a_bucket_survive_kill_9_and_are_told_of_once() {
    let bucket = Bucket::start().await.unwrap();
    survive(bucket.config(), Some(bucket)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_pulls() {
    let clip = std::fs::read(root().join("tests/clients/clip.mp4")).unwrap();
    let files = BTreeMap::from([
        ("/film.mp4".to_owned(), clip),
        ("/cover.png".to_owned(), b"a cover".to_vec()),
    ]);
    let source = Source::start(files, (&[], 0)).await;
    let mut server = launch(CONFIG).start().await.unwrap();
    let facts = json!({
        "film": source.url("/film.mp4"),
        "cover": source.url("/cover.png"),
        "nothing": source.url("/nothing.mp4"),
    });
    let program = Program::start(python("pull_upload.py"), &setup(&server, facts)).await.unwrap();
    program.finish().await.unwrap();
    assert!(server.stop().await.unwrap().success());
    source.end().await;
}
