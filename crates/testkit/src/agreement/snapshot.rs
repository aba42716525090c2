//! What the store knows of the library, as of one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use model::{AppId, ApplicationStatus, Clock, EventKind, FileId, Mono, Now, Timestamp};
use queue::{Backend, EventQuery, EventRow, Record, RecordKind, RecordQuery, Silent};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{Options, Store};
use tempfile::TempDir;

use crate::{Failure, Result};

/// Rows on a page.
const PAGE: usize = 1_000;

#[derive(Debug, Deserialize)]
pub(super) struct Media {
    pub original: Option<String>,
    pub cover: Option<String>,
    #[serde(default)]
    pub subtitles: Vec<Subtitle>,
    pub source: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subtitle {
    pub key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Object {
    pub file: FileId,
    pub stored: String,
    pub size: u64,
    pub crc64: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Session {
    file: FileId,
    pub committed: bool,
}

#[derive(Debug, Deserialize)]
struct Task {
    status: String,
}

/// A live recording.
#[derive(Debug, Deserialize)]
pub(super) struct Recording {
    file: FileId,
    directory: String,
    /// The keys of the objects that its footage needs, and how many segments need each.
    #[serde(skip)]
    pub needs: BTreeMap<String, usize>,
    /// How many segments it has.
    #[serde(skip)]
    pub segments: usize,
}

/// A recorded segment.
#[derive(Debug, Deserialize)]
struct Footage {
    file: FileId,
    path: String,
    map: Option<Map>,
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Map {
    path: String,
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    /// `{"Inside": {"path": …}}` or `{"Elsewhere": …}`.
    place: Value,
}

impl Footage {
    /// The paths of what it needs.
    fn paths(&self) -> impl Iterator<Item = &str> {
        let keys = self.map.iter().flat_map(|map| &map.keys).chain(&self.keys);
        let keys = keys.filter_map(|key| key.place.pointer("/Inside/path")?.as_str());
        keys.chain(self.map.iter().map(|map| map.path.as_str())).chain([self.path.as_str()])
    }
}

/// Events that speak of one file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub uploads: usize,
    pub pulls: usize,
    pub persisted: usize,
    /// FileDeleted of the whole file, not of parts.
    pub deletions: usize,
}

/// All that the store knows.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub media: BTreeMap<AppId, BTreeMap<FileId, Media>>,
    /// By application and key.
    pub objects: BTreeMap<(AppId, String), Object>,
    /// By application and VodSessionKey.
    pub sessions: BTreeMap<(AppId, String), Session>,
    /// Files that are being uploaded.
    coming: BTreeSet<(AppId, FileId)>,
    /// Live recordings.
    pub recordings: BTreeMap<(AppId, FileId), Recording>,
    /// Files that clips are copied from, which keep their objects until that is done, and recordings.
    held: BTreeSet<(AppId, FileId)>,
    /// The TaskIds of tasks that have not ended.
    pub open_tasks: BTreeSet<String>,
    /// The bodies of tasks.
    tasks: Vec<(AppId, String)>,
    pub garbage: BTreeSet<String>,
    pub events: BTreeMap<(AppId, FileId), Seen>,
}

/// The copy needs no time: nothing in it is made to tick.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Now {
        Now { wall: Timestamp(0), mono: Mono(0) }
    }
}

fn failure(error: impl std::error::Error) -> Failure {
    Failure::new(format!("the store cannot be looked at: {error}: {:?}", error.source()))
}

impl Snapshot {
    /// Copies the store in that directory and reads the copy.
    pub(super) async fn take(dir: &Path) -> Result<Self> {
        let home = TempDir::new()?;
        store::backup(dir, &home.path().join("callboard.db")).map_err(failure)?;
        let options =
            Options { durable: false, reserve_bytes: 0, ..Options::new(home.path().to_owned()) };
        let store = Store::open(&options, Arc::new(Stopped), Arc::new(Silent)).map_err(failure)?;
        let backend: Arc<dyn Backend> = store;
        let read = Self::read(backend.as_ref()).await;
        backend.close().await.map_err(failure)?;
        read
    }

    async fn read(backend: &dyn Backend) -> Result<Self> {
        let mut snapshot = Self::default();
        for configured in backend.applications().await.map_err(failure)? {
            let app = configured.application.id;
            if configured.application.status == ApplicationStatus::Destroyed {
                continue;
            }
            snapshot.records(backend, app).await?;
            snapshot.events(backend, app).await?;
        }
        loop {
            let after = snapshot.garbage.last().cloned();
            let page = backend.garbage(after, PAGE).await.map_err(failure)?;
            let is_last = page.len() < PAGE;
            snapshot.garbage.extend(page);
            if is_last {
                return Ok(snapshot);
            }
        }
    }

    async fn records(&mut self, backend: &dyn Backend, app: AppId) -> Result<()> {
        for record in all(backend, app, RecordKind::Media).await? {
            let file: FileId = record.key.id.parse().map_err(failure)?;
            let media = body(&record)?;
            self.media.entry(app).or_default().insert(file, media);
        }
        for record in all(backend, app, RecordKind::Object).await? {
            let object = body(&record)?;
            self.objects.insert((app, record.key.id), object);
        }
        for record in all(backend, app, RecordKind::Session).await? {
            let session: Session = body(&record)?;
            if !session.committed {
                self.coming.insert((app, session.file));
            }
            self.sessions.insert((app, record.key.id), session);
        }
        for record in all(backend, app, RecordKind::Hold).await? {
            self.held.insert((app, record.key.id.parse().map_err(failure)?));
        }
        for record in all(backend, app, RecordKind::Stream).await? {
            let stream: Recording = body(&record)?;
            self.held.insert((app, stream.file));
            self.recordings.insert((app, stream.file), stream);
        }
        for record in all(backend, app, RecordKind::Footage).await? {
            let footage: Footage = body(&record)?;
            // without its stream it waits for a clip that still copies from it
            let Some(recording) = self.recordings.get_mut(&(app, footage.file)) else { continue };
            recording.segments += 1;
            for path in footage.paths() {
                let key = format!("{}/{path}", recording.directory);
                *recording.needs.entry(key).or_default() += 1;
            }
        }
        for record in all(backend, app, RecordKind::Task).await? {
            let task: Task = body(&record)?;
            if task.status != "FINISH" {
                self.open_tasks.insert(record.key.id.clone());
            }
            self.tasks.push((app, String::from_utf8_lossy(&record.body).into_owned()));
        }
        Ok(())
    }

    async fn events(&mut self, backend: &dyn Backend, app: AppId) -> Result<()> {
        let mut query = EventQuery {
            app,
            states: Vec::new(),
            kinds: vec![
                EventKind::NewFileUpload,
                EventKind::PullComplete,
                EventKind::PersistenceComplete,
                EventKind::FileDeleted,
            ],
            file: None,
            since: None,
            until: None,
            limit: PAGE,
            cursor: None,
        };
        loop {
            let page = backend.history(query.clone()).await.map_err(failure)?;
            for row in page.events {
                let whole =
                    row.kind == EventKind::FileDeleted && is_whole(backend, app, &row).await?;
                for file in &row.files {
                    let seen = self.events.entry((app, *file)).or_default();
                    seen.uploads += usize::from(row.kind == EventKind::NewFileUpload);
                    seen.pulls += usize::from(row.kind == EventKind::PullComplete);
                    seen.persisted += usize::from(row.kind == EventKind::PersistenceComplete);
                    seen.deletions += usize::from(whole);
                }
            }
            query.cursor = page.cursor;
            if query.cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether something needs the objects of a file.
    pub(super) fn is_owned(&self, app: AppId, file: FileId) -> bool {
        let lives = self.media.get(&app).is_some_and(|media| media.contains_key(&file));
        let text = file.to_string();
        lives
            || self.coming.contains(&(app, file))
            || self.held.contains(&(app, file))
            || self.tasks.iter().any(|(of, task)| *of == app && task.contains(&text))
    }
}

/// Whether a FileDeleted tells of the whole file and not of parts of it.
async fn is_whole(backend: &dyn Backend, app: AppId, row: &EventRow) -> Result<bool> {
    let detail = backend.event(app, row.id).await.map_err(failure)?;
    let detail = detail.ok_or_else(|| Failure::new(format!("event {} is gone", row.id)))?;
    let payload: Value = serde_json::from_slice(&detail.payload).map_err(failure)?;
    let parts = payload.pointer("/FileDeleteResultInfo/0/DeleteParts");
    Ok(parts.and_then(Value::as_array).is_none_or(Vec::is_empty))
}

async fn all(backend: &dyn Backend, app: AppId, kind: RecordKind) -> Result<Vec<Record>> {
    let mut query = RecordQuery { kind, app: Some(app), term: None, after: None, limit: PAGE };
    let mut records = Vec::new();
    loop {
        let page = backend.find(query.clone()).await.map_err(failure)?;
        records.extend(page.records);
        if !page.more {
            return Ok(records);
        }
        query.after = records.last().map(|record| record.key.clone());
    }
}

fn body<T: DeserializeOwned>(record: &Record) -> Result<T> {
    serde_json::from_slice(&record.body)
        .map_err(|error| Failure::new(format!("record {:?}: {error}", record.key)))
}
