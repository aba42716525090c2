//! The look at what a server left: it passes what agrees and names whatever does not.

use std::fs;
use std::sync::Arc;

use model::{AppId, Application, Clock, EventKind, FileId, Mono, NewEvent, Now, Timestamp};
use queue::{Backend, Commit, RecordKey, RecordKind, RecordPut, Silent};
use serde_json::{Value, json};
use store::{Options, Store};
use tempfile::TempDir;
use testkit::agreement::{Agreement, check};

const APP: AppId = AppId(1_250_000_000);
const FILE: FileId = FileId(5_285_890_012_345_678_901);
const GONE: FileId = FileId(5_285_890_012_345_678_902);
const KEY: &str = "a/b/film.mp4";
const STORED: &str = "53/film";

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Now {
        Now { wall: Timestamp(1_795_487_629_000), mono: Mono(0) }
    }
}

struct Library {
    dir: TempDir,
    backend: Arc<dyn Backend>,
}

fn put(kind: RecordKind, id: impl Into<String>, body: &Value) -> RecordPut {
    let key = RecordKey { kind, app: APP, id: id.into() };
    RecordPut { key, body: body.to_string().into(), terms: Vec::new(), listing: None }
}

fn event(kind: EventKind, file: FileId, payload: &Value) -> NewEvent {
    let payload = payload.to_string().into();
    NewEvent { app: APP, kind, key: None, files: vec![file], payload }
}

fn deletion(parts: &Value) -> Value {
    json!({ "FileDeleteResultInfo": [{ "DeleteParts": parts }] })
}

fn object(file: FileId, stored: &str) -> Value {
    // the check value of CRC-64/XZ
    json!({ "file": file, "stored": stored, "size": 9, "crc64": 0x995d_c9bb_df19_39fa_u64 })
}

impl Library {
    /// One media with its object, and a file that was deleted but for its bytes.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for directory in ["objects/53", "staging", "pulls"] {
            fs::create_dir_all(dir.path().join(directory)).unwrap();
        }
        let options = Options { durable: false, reserve_bytes: 0, ..Options::new(dir.path()) };
        let backend = Store::open(&options, Arc::new(Stopped), Arc::new(Silent)).unwrap();
        let library = Self { dir, backend };
        let application = Application::new(APP, "", Timestamp(0));
        let body = serde_json::to_vec(&application).unwrap().into();
        let key = RecordKey::application(APP);
        let media = json!({ "original": KEY, "cover": null, "source": "Upload" });
        let commit = Commit {
            put: vec![
                RecordPut { key, body, terms: Vec::new(), listing: None },
                put(RecordKind::Media, FILE.to_string(), &media),
                put(RecordKind::Object, KEY, &object(FILE, STORED)),
            ],
            events: vec![
                event(EventKind::NewFileUpload, FILE, &json!({})),
                event(EventKind::FileDeleted, FILE, &deletion(&json!([{ "Type": "x" }]))),
                event(EventKind::NewFileUpload, GONE, &json!({})),
                event(EventKind::FileDeleted, GONE, &deletion(&json!([]))),
            ],
            garbage: vec!["53/gone".to_owned(), "53/half".to_owned()],
            ..Commit::default()
        };
        library.commit(commit).await;
        for (name, bytes) in [(STORED, "123456789"), ("53/gone", "x"), ("53/half#1", "x")] {
            library.write(name, bytes);
        }
        library
    }

    async fn commit(&self, commit: Commit) {
        self.backend.commit(commit).await.unwrap();
    }

    fn write(&self, name: &str, bytes: &str) {
        fs::write(self.dir.path().join("objects").join(name), bytes).unwrap();
    }

    /// What the check says of it.
    async fn words(&self) -> String {
        format!("{:?}", check(self.dir.path()).await.unwrap_err())
    }
}

#[tokio::test]
async fn what_agrees_passes_while_the_store_is_open_and_after_it() {
    let library = Library::new().await;
    let agreed = Agreement { media: 1, objects: 1, footage: 0, deleted: 1 };
    assert_eq!(check(library.dir.path()).await.unwrap(), agreed);
    library.backend.close().await.unwrap();
    assert_eq!(check(library.dir.path()).await.unwrap(), agreed);
}

#[tokio::test]
async fn files_that_disagree_are_named() {
    let library = Library::new().await;
    library.write(STORED, "123456780");
    assert!(library.words().await.contains("other bytes on disk"));
    library.write(STORED, "1234567890");
    assert!(library.words().await.contains("10 bytes on disk, 9 in the record"));
    fs::remove_file(library.dir.path().join("objects").join(STORED)).unwrap();
    library.write("53/orphan", "x");
    let words = library.words().await;
    assert!(words.contains("no file 53/film"), "{words}");
    assert!(words.contains("53/orphan: neither an object's nor garbage"), "{words}");
    let staged = library.dir.path().join("staging/u");
    fs::create_dir(&staged).unwrap();
    assert!(library.words().await.contains("staged upload u"));
    let head = json!({ "app": APP, "session": "s", "key": KEY, "at": 0 });
    fs::write(staged.join("upload.json"), head.to_string()).unwrap();
    assert!(library.words().await.contains("its session is gone"));
    fs::remove_dir_all(staged).unwrap();
    fs::remove_file(library.dir.path().join("objects/53/orphan")).unwrap();
    library.write(STORED, "123456789");
    let fetched = library.dir.path().join("pulls/1250000000-Pull-1tt0.a.bytes");
    fs::write(fetched, "x").unwrap();
    let task =
        |status: &str| put(RecordKind::Task, "1250000000-Pull-1tt0", &json!({ "status": status }));
    library.commit(Commit { put: vec![task("FINISH")], ..Commit::default() }).await;
    assert!(library.words().await.contains("task 1250000000-Pull-1tt0: it does not go on"));
    library.commit(Commit { put: vec![task("PROCESSING")], ..Commit::default() }).await;
    assert_eq!(check(library.dir.path()).await.unwrap().media, 1);
}

#[tokio::test]
async fn records_that_disagree_are_named() {
    let library = Library::new().await;
    library.commit(Commit { garbage: vec![STORED.to_owned()], ..Commit::default() }).await;
    assert!(library.words().await.contains("its file is garbage"));
    let twice = put(RecordKind::Object, "a/b/twin.mp4", &object(GONE, STORED));
    let media = json!({ "original": KEY, "cover": "a/b/c.png", "source": "Upload" });
    let media = put(RecordKind::Media, FILE.to_string(), &media);
    library.commit(Commit { put: vec![twice, media], ..Commit::default() }).await;
    let words = library.words().await;
    for expected in ["two objects have it", "speaks of file 5285890012345678902", "c.png (cover)"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let session = json!({ "file": GONE, "committed": false });
    let put = vec![put(RecordKind::Session, "s", &session)];
    library.commit(Commit { put, ..Commit::default() }).await;
    assert!(!library.words().await.contains("speaks of file"));
}

#[tokio::test]
async fn recordings_that_disagree_are_named() {
    let library = Library::new().await;
    let live = FileId(9);
    let footage = json!({
        "file": live,
        "path": "1.ts",
        "map": { "path": "1-0.mp4", "keys": [{ "place": { "Elsewhere": "skd://a" } }] },
        "keys": [{ "place": { "Inside": { "uri": "1-1.key", "path": "1-1.key" } } }],
    });
    let mut all = vec![
        put(RecordKind::Stream, "camera", &json!({ "file": live, "directory": "live" })),
        put(RecordKind::Footage, "9/1/1", &footage),
    ];
    for name in ["1.ts", "1-0.mp4", "1-1.key"] {
        let stored = format!("53/{name}");
        library.write(&stored, "123456789");
        all.push(put(RecordKind::Object, format!("live/{name}"), &object(live, &stored)));
    }
    library.commit(Commit { put: all, ..Commit::default() }).await;
    let agreed = Agreement { media: 1, objects: 4, footage: 1, deleted: 1 };
    assert_eq!(check(library.dir.path()).await.unwrap(), agreed);
    library.write("53/2.ts", "123456789");
    let orphan = put(RecordKind::Object, "live/2.ts", &object(live, "53/2.ts"));
    let key = RecordKey { kind: RecordKind::Object, app: APP, id: "live/1-1.key".to_owned() };
    let commit = Commit { put: vec![orphan], delete: vec![key], ..Commit::default() };
    library.commit(commit).await;
    let words = library.words().await;
    for expected in ["no object live/1-1.key, which 1 need", "no segment needs live/2.ts"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
}

#[tokio::test]
async fn events_that_disagree_are_named() {
    for (kind, file, expected) in [
        (EventKind::NewFileUpload, FILE, "2 NewFileUpload, not 0 to 1"),
        (EventKind::FileDeleted, FILE, "1 FileDeleted of the whole, not 0 to 0"),
        (EventKind::FileDeleted, GONE, "2 FileDeleted of the whole, not 1 to 1"),
        (EventKind::NewFileUpload, FileId(7), "0 FileDeleted of the whole, not 1 to 1"),
    ] {
        let library = Library::new().await;
        let events = vec![event(kind, file, &deletion(&json!([])))];
        library.commit(Commit { events, ..Commit::default() }).await;
        let words = library.words().await;
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let library = Library::new().await;
    let media = json!({ "original": null, "cover": null, "source": "Upload" });
    let silent = put(RecordKind::Media, "7", &media);
    library.commit(Commit { put: vec![silent], ..Commit::default() }).await;
    assert!(library.words().await.contains("0 NewFileUpload and PullComplete, not 1 to 2"));
}
