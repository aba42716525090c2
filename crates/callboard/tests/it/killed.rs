//! `kill -9` while files are uploaded and deleted: what was answered holds afterwards, what was not can
//! be repeated, and library, objects and events agree.
//!
//! Several clients upload in one piece and in parts, commit and delete. Each round waits until one
//! kind of call has begun, of another kind than the round before, and kills the server within it. The
//! same story goes over the directory and over a bucket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use client::{CallError, Client, CosClient};
use serde_json::{Value, json};
use testkit::bucket::Bucket;
use testkit::process::{SECRET_ID, SECRET_KEY, Server};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bucket::agreement;
use crate::launch;

const DEADLINE: Duration = Duration::from_mins(2);
const CLIENTS: usize = 4;
const MIB: usize = 1024 * 1024;
/// The kinds of calls that a kill is aimed at.
const KINDS: usize = 5;
const CONFIG: &str = r#"
[media]
ffprobe = "off"

[[application]]
id = 1250000000
mode = "PULL"
upload = true
delete = true

"#;

/// What a kill is aimed at.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Put,
    Part,
    Complete,
    Commit,
    Delete,
}

/// The kinds, round by round.
const ROUNDS: [Kind; KINDS] = [Kind::Complete, Kind::Delete, Kind::Put, Kind::Commit, Kind::Part];

impl Kind {
    const fn index(self) -> usize {
        match self {
            Self::Put => 0,
            Self::Part => 1,
            Self::Complete => 2,
            Self::Commit => 3,
            Self::Delete => 4,
        }
    }
}

/// A file on its way, as its client knows it.
#[derive(Clone, Debug)]
struct File {
    seed: u64,
    applied: Value,
    /// The upload in parts and the ETags of the parts that were answered.
    parts: Option<(String, Vec<String>)>,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Applied,
    /// Complete was sent, its answer is not known.
    Completing,
    /// The object was answered.
    Stored,
    /// CommitUpload was sent.
    Committing,
    /// FileId and path.
    Committed(String, String),
    /// DeleteMedia was sent.
    Deleting(String, String),
    Deleted(String, String),
}

#[derive(Clone, Debug, Default)]
struct Shared {
    files: Arc<Mutex<BTreeMap<u64, File>>>,
    /// How many calls of each kind have begun.
    begun: watch::Sender<[u64; KINDS]>,
    dying: watch::Sender<bool>,
}

impl Shared {
    fn files(&self) -> MutexGuard<'_, BTreeMap<u64, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, file: &File) {
        self.files().insert(file.seed, file.clone());
    }

    fn begin(&self, kind: Kind) {
        self.begun.send_modify(|begun| begun[kind.index()] += 1);
    }

    /// The answer; none: the server was killed meanwhile. Any other failure is one of the test.
    fn answer<T>(&self, answer: Result<T, CallError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert!(error.code().is_none() && *self.dying.borrow(), "a call failed: {error}");
                None
            }
        }
    }
}

/// The bytes of a file: mostly small, some with parts as a bucket has them.
fn content(seed: u64) -> (Bytes, Bytes) {
    let large = seed.is_multiple_of(5);
    let (first, second) = if large { (6 * MIB, 5 * MIB + 3) } else { (MIB, 40_000) };
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(first + second + 8);
    while bytes.len() < first + second {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend(state.rotate_left(17).to_le_bytes());
    }
    bytes.truncate(first + second);
    let bytes = Bytes::from(bytes);
    (bytes.slice(..first), bytes.slice(first..))
}

fn whole(seed: u64) -> Bytes {
    let (first, second) = content(seed);
    [first, second].concat().into()
}

/// One client: file after file until the server is gone.
async fn work(shared: Shared, endpoint: String, first: u64) {
    for turn in 0.. {
        let seed = first + turn * u64::try_from(CLIENTS).unwrap();
        if live(&shared, &endpoint, seed).await.is_none() {
            return;
        }
    }
}

/// The life of a file.
async fn live(shared: &Shared, endpoint: &str, seed: u64) -> Option<()> {
    let client = client(endpoint);
    let applied = client.call("ApplyUpload", json!({ "MediaType": "mp4" })).await;
    let applied = shared.answer(applied)?;
    let mut file = File { seed, applied, parts: None, stage: Stage::Applied };
    shared.keep(&file);
    store(shared, endpoint, &mut file).await?;
    if seed.is_multiple_of(7) {
        return Some(()); // never committed
    }
    commit(shared, &client, &mut file).await?;
    if seed.is_multiple_of(3) {
        delete(shared, &client, &mut file).await?;
    }
    Some(())
}

async fn store(shared: &Shared, endpoint: &str, file: &mut File) -> Option<()> {
    let cos = CosClient::for_upload(endpoint, &file.applied).unwrap();
    let place = file.applied["MediaStoragePath"].as_str().unwrap().to_owned();
    if file.seed.is_multiple_of(2) {
        shared.begin(Kind::Put);
        shared.answer(cos.put_object(&place, whole(file.seed)).await)?;
    } else {
        let upload = shared.answer(cos.initiate(&place).await)?;
        file.parts = Some((upload.clone(), Vec::new()));
        let (first, second) = content(file.seed);
        for (number, body) in [(1, first), (2, second)] {
            shared.begin(Kind::Part);
            let etag = shared.answer(cos.put_part(&place, &upload, number, body).await)?;
            file.parts.as_mut().unwrap().1.push(etag);
            shared.keep(file);
        }
        file.stage = Stage::Completing;
        shared.keep(file);
        shared.begin(Kind::Complete);
        let etags = &file.parts.as_ref().unwrap().1;
        shared.answer(cos.complete(&place, &upload, etags).await)?;
    }
    file.stage = Stage::Stored;
    shared.keep(file);
    Some(())
}

async fn commit(shared: &Shared, client: &Client, file: &mut File) -> Option<()> {
    file.stage = Stage::Committing;
    shared.keep(file);
    shared.begin(Kind::Commit);
    let key = json!({ "VodSessionKey": file.applied["VodSessionKey"] });
    let committed = shared.answer(client.call("CommitUpload", key).await)?;
    let url = committed["MediaUrl"].as_str().unwrap();
    let path = url[url.find("/media/").unwrap()..].to_owned();
    file.stage = Stage::Committed(committed["FileId"].as_str().unwrap().to_owned(), path);
    shared.keep(file);
    Some(())
}

async fn delete(shared: &Shared, client: &Client, file: &mut File) -> Option<()> {
    let Stage::Committed(id, path) = file.stage.clone() else { panic!("{:?}", file.stage) };
    file.stage = Stage::Deleting(id.clone(), path.clone());
    shared.keep(file);
    shared.begin(Kind::Delete);
    shared.answer(client.call("DeleteMedia", json!({ "FileId": id })).await)?;
    file.stage = Stage::Deleted(id, path);
    shared.keep(file);
    Some(())
}

fn client(endpoint: &str) -> Client {
    Client::new(endpoint, SECRET_ID, SECRET_KEY).unwrap()
}

/// Loads the server and kills it within a call of the round's kind.
async fn load_and_kill(shared: &Shared, server: &mut Server, round: u64) {
    shared.dying.send_replace(false);
    let before = *shared.begun.borrow();
    let first = round * 1_000;
    let mut tasks = JoinSet::new();
    for number in 0..u64::try_from(CLIENTS).unwrap() {
        tasks.spawn(work(shared.clone(), server.endpoint(), first + number));
    }
    let kind = ROUNDS[usize::try_from(round).unwrap() % KINDS].index();
    let enough = before[kind] + 3 + round % 5;
    let mut begun = shared.begun.subscribe();
    tokio::select! {
        reached = timeout(DEADLINE, begun.wait_for(|begun| begun[kind] >= enough)) => {
            reached.expect("the load goes on").unwrap();
        }
        ended = tasks.join_next() => ended.unwrap().unwrap(),
    }
    // somewhere within the call
    for _ in 0..round * 37 % 101 {
        tokio::task::yield_now().await;
    }
    shared.dying.send_replace(true);
    server.kill9().await.unwrap();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// Repeats what had no answer: it must do what it would have done.
async fn repeat(shared: &Shared, server: &Server) {
    let endpoint = server.endpoint();
    let client = client(&endpoint);
    let open: Vec<File> = shared.files().values().cloned().collect();
    for mut file in open {
        match file.stage.clone() {
            Stage::Completing => {
                let cos = CosClient::for_upload(&endpoint, &file.applied).unwrap();
                let place = file.applied["MediaStoragePath"].as_str().unwrap();
                let (upload, etags) = file.parts.clone().unwrap();
                cos.complete(place, &upload, &etags).await.unwrap();
                file.stage = Stage::Stored;
            }
            Stage::Committing => {
                commit(shared, &client, &mut file).await.unwrap();
            }
            Stage::Deleting(id, path) => {
                let deleted = client.call("DeleteMedia", json!({ "FileId": id })).await;
                let code = deleted.as_ref().err().and_then(|error| error.code());
                assert!(matches!(code, None | Some("ResourceNotFound")), "{deleted:?}");
                file.stage = Stage::Deleted(id, path);
            }
            Stage::Applied | Stage::Stored | Stage::Committed(..) | Stage::Deleted(..) => {}
        }
        shared.keep(&file);
    }
}

/// Everything that was answered since `first` holds.
async fn check_promises(shared: &Shared, server: &Server, first: u64) {
    let endpoint = server.endpoint();
    let client = client(&endpoint);
    let files: Vec<File> = shared.files().range(first..).map(|(_, file)| file.clone()).collect();
    for file in files {
        match &file.stage {
            Stage::Stored => {
                let cos = CosClient::for_upload(&endpoint, &file.applied).unwrap();
                let place = file.applied["MediaStoragePath"].as_str().unwrap();
                assert!(cos.get_object(place).await.unwrap() == whole(file.seed), "{}", file.seed);
            }
            Stage::Committed(id, path) => {
                assert!(client.get(path).await.unwrap() == whole(file.seed), "{id}");
            }
            Stage::Deleted(id, path) => {
                assert!(client.get(path).await.is_err(), "{id} is served");
                let again = client.call("DeleteMedia", json!({ "FileId": id })).await;
                assert_eq!(again.unwrap_err().code(), Some("ResourceNotFound"));
            }
            Stage::Applied => {}
            Stage::Completing | Stage::Committing | Stage::Deleting(..) => {
                panic!("{} has no answer yet", file.seed)
            }
        }
    }
}

/// Whether library, objects and events agree, and nothing is left over.
async fn check_agreement(shared: &Shared, server: &Server, bucket: Option<&Bucket>) {
    let found = agreement(server, bucket).await;
    let stages = shared.files().values().map(|file| file.stage.clone()).collect::<Vec<_>>();
    let count = |is: fn(&Stage) -> bool| stages.iter().filter(|stage| is(stage)).count();
    assert_eq!(found.media, count(|stage| matches!(stage, Stage::Committed(..))));
    assert_eq!(found.deleted, count(|stage| matches!(stage, Stage::Deleted(..))));
    // an object whose PUT had no answer may be there or not
    let sure = found.media + count(|stage| matches!(stage, Stage::Stored));
    let unsure = count(|stage| matches!(stage, Stage::Applied));
    assert!((sure..=sure + unsure).contains(&found.objects), "{found:?} {sure} {unsure}");
    assert!(found.media > 0 && found.deleted > 0, "{found:?}");
}

async fn survive(config: String, bucket: Option<Bucket>) {
    let kills = testkit::soak::count("upload_kills", 2, 50);
    let shared = Shared::default();
    let launch = launch(format!("{CONFIG}{config}"));
    let mut server = launch.start().await.unwrap();
    for round in 0..kills {
        load_and_kill(&shared, &mut server, round).await;
        server.restart().await.unwrap();
        repeat(&shared, &server).await;
        check_promises(&shared, &server, round * 1_000).await;
    }
    assert!(server.stop().await.unwrap().success());
    server.restart().await.unwrap();
    check_promises(&shared, &server, 0).await;
    check_agreement(&shared, &server, bucket.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_and_deletions_in_a_directory_survive_kill_9() {
    survive(String::new(), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_and_deletions_in_a_bucket_survive_kill_9() {
    let bucket = Bucket::start().await.unwrap();
    survive(bucket.config(), Some(bucket)).await;
}
