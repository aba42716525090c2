//! A library over the real store in a directory of its own, with a clock that the test moves, and a
//! restart that finds only what is on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use media::probe::{Probe, ProbeLimits, ProbeTools};
use media::{
    Applied, Grant, Library, LibraryParts, Object, ObjectError, Objects, S3, Settings, Stored,
};
use model::{AppId, Application, Clock, EventConfig, Mode, Mono, Now, Timestamp};
use queue::{Backend, Commit, EventDetail, EventQuery, RecordKey, RecordPut, Silent};
use serde_json::Value;
use sign::seal::MasterKey;
use store::{Options, Store};
use tempfile::TempDir;
use testkit::agreement::{Agreement, check_apart};
use testkit::bucket::Bucket;
use tokio::io::AsyncReadExt;
use wire::action::ApplyUpload;

pub(crate) const APP: AppId = AppId(1_250_000_000);
pub(crate) const OTHER: AppId = AppId(1_500_000_001);
pub(crate) const URL: &str = "http://127.0.0.1:8800";
const NOW_MS: i64 = 1_795_487_629_000;
pub(crate) const MIB: usize = 1024 * 1024;

#[derive(Debug)]
struct TestClock {
    wall_ms: AtomicI64,
    mono_ms: AtomicU64,
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        Now {
            wall: Timestamp(self.wall_ms.load(Ordering::SeqCst)),
            mono: Mono(self.mono_ms.load(Ordering::SeqCst)),
        }
    }
}

pub(crate) struct World {
    pub(crate) dir: TempDir,
    clock: Arc<TestClock>,
    settings: Settings,
    tools: ProbeTools,
    bucket: Option<Box<S3>>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) library: Arc<Library>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with_tools(change, ProbeTools::none()).await
    }

    /// One that keeps its objects in a bucket, and has found it.
    pub(crate) async fn in_bucket(bucket: &Bucket) -> Self {
        let world = Self::around(bucket).await;
        world.library.tick().await.unwrap();
        world
    }

    /// The same before it has.
    pub(crate) async fn around(bucket: &Bucket) -> Self {
        let s3 = S3 {
            endpoint: bucket.endpoint().parse().unwrap(),
            bucket: testkit::bucket::NAME.to_owned(),
            region: "us-east-1".to_owned(),
            prefix: "some/where".to_owned(),
            access_key_id: "testing".to_owned(),
            secret_access_key: "testing".to_owned().into(),
            path_style: true,
            authorities: Vec::new(),
        };
        Self::made(|_| (), ProbeTools::none(), Some(Box::new(s3))).await
    }

    /// One whose probe uses the programs of this machine.
    pub(crate) async fn probing() -> Self {
        Self::with_tools(|_| (), crate::probe::tools()).await
    }

    async fn with_tools(change: impl FnOnce(&mut Settings), tools: ProbeTools) -> Self {
        Self::made(change, tools, None).await
    }

    async fn made(
        change: impl FnOnce(&mut Settings),
        tools: ProbeTools,
        bucket: Option<Box<S3>>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock =
            Arc::new(TestClock { wall_ms: AtomicI64::new(NOW_MS), mono_ms: AtomicU64::new(0) });
        let mut settings = Settings::new(URL, APP);
        settings.free_bytes_min = 0;
        settings.free_percent_min = 0;
        change(&mut settings);
        let backend = open_store(dir.path(), &clock);
        let objects = open_objects(dir.path(), bucket.as_deref());
        let library = open_library(objects, &clock, &settings, &tools, &backend).unwrap();
        let library = Arc::new(library);
        let world = Self { dir, clock, settings, tools, bucket, backend, library };
        for app in [APP, OTHER] {
            world.put_application(&application(app)).await;
        }
        world
    }

    /// Stops and starts again over what is on disk.
    pub(crate) async fn restart(self) -> Self {
        let Self { dir, clock, settings, tools, bucket, backend, library } = self;
        library.close().await;
        backend.close().await.unwrap();
        drop((library, backend));
        let backend = open_store(dir.path(), &clock);
        let objects = open_objects(dir.path(), bucket.as_deref());
        let library = open_library(objects, &clock, &settings, &tools, &backend).unwrap();
        let library = Arc::new(library);
        library.tick().await.unwrap();
        Self { dir, clock, settings, tools, bucket, backend, library }
    }

    /// Another library over the same directory, as a start would open it.
    pub(crate) fn open_again(&self) -> std::io::Result<Library> {
        let objects = open_objects(self.dir.path(), self.bucket.as_deref());
        open_library(objects, &self.clock, &self.settings, &self.tools, &self.backend)
    }

    pub(crate) fn pass(&self, ms: u32) {
        self.clock.wall_ms.fetch_add(ms.into(), Ordering::SeqCst);
        self.clock.mono_ms.fetch_add(ms.into(), Ordering::SeqCst);
    }

    /// Moves the wall clock alone.
    pub(crate) fn step(&self, ms: i64) {
        self.clock.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) async fn put_application(&self, application: &Application) {
        let key = RecordKey::application(application.id);
        let body = serde_json::to_vec(application).unwrap().into();
        let put = vec![RecordPut { key, body, terms: Vec::new(), listing: None }];
        self.backend.commit(Commit { put, ..Commit::default() }).await.unwrap();
    }

    pub(crate) async fn apply(&self, media_type: &str) -> (Applied, Grant) {
        let request = apply_request(media_type);
        let applied = self.library.apply(&application(APP), &request).await.unwrap();
        let grant = self.grant(&applied).await;
        (applied, grant)
    }

    pub(crate) async fn grant(&self, applied: &Applied) -> Grant {
        self.library.grant(&applied.session.secret_id).await.unwrap().unwrap()
    }

    /// PUT Object.
    pub(crate) async fn put(
        &self,
        grant: &Grant,
        key: &str,
        bytes: &[u8],
    ) -> Result<Stored, ObjectError> {
        let length = Some(u64::try_from(bytes.len()).unwrap());
        let mut incoming = self.library.put(grant.clone(), key, length).await?;
        for piece in bytes.chunks(100_000) {
            incoming.write(piece).await?;
        }
        incoming.finish(None).await
    }

    /// Upload Part; the ETag.
    pub(crate) async fn put_part(
        &self,
        grant: &Grant,
        place: (&str, &str, u32),
        bytes: &[u8],
    ) -> Result<String, ObjectError> {
        let mut incoming = self.library.put_part(grant.clone(), place, None).await?;
        incoming.write(bytes).await?;
        Ok(incoming.finish(None).await?.etag)
    }

    pub(crate) async fn read(&self, object: &Object) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut reader = self.library.open(object, 0, object.size).await.unwrap();
        reader.read_to_end(&mut bytes).await.unwrap();
        bytes
    }

    /// Every event of the application, newest first, with its payload.
    pub(crate) async fn events(&self) -> Vec<(EventDetail, Value)> {
        let query = EventQuery {
            app: APP,
            states: Vec::new(),
            kinds: Vec::new(),
            file: None,
            since: None,
            until: None,
            limit: 100,
            cursor: None,
        };
        let mut events = Vec::new();
        for row in self.backend.history(query).await.unwrap().events {
            let detail = self.backend.event(APP, row.id).await.unwrap().unwrap();
            let payload = serde_json::from_slice(&detail.payload).unwrap();
            events.push((detail, payload));
        }
        events
    }

    /// What DescribeMediaInfos answers about a file; null: it does not exist.
    pub(crate) async fn describe(&self, file: &str) -> Value {
        let infos = self.library.describe(APP, &[file.to_owned()], &[]).await.unwrap();
        serde_json::to_value(infos).unwrap()["MediaInfoSet"].get(0).cloned().unwrap_or_default()
    }

    /// Whether library, objects and events agree.
    pub(crate) async fn agreement(&self) -> Agreement {
        self.library.close().await;
        check_apart(&self.dir.path().join("store"), self.dir.path()).await.unwrap()
    }

    /// Every file of finished objects, whole or not.
    pub(crate) fn object_files(&self) -> Vec<PathBuf> {
        files_under(&self.dir.path().join("objects"))
    }

    /// Every file of staged parts.
    pub(crate) fn staged_files(&self) -> Vec<PathBuf> {
        files_under(&self.dir.path().join("staging"))
    }

    pub(crate) async fn garbage(&self) -> Vec<String> {
        self.backend.garbage(None, 1_000).await.unwrap()
    }
}

/// An application that wants every event, by PULL.
pub(crate) fn application(id: AppId) -> Application {
    let config = EventConfig {
        mode: Mode::Pull,
        upload: true,
        delete: true,
        persistence: true,
        ..EventConfig::default()
    };
    Application { config, ..Application::new(id, "test", Timestamp(NOW_MS)) }
}

pub(crate) fn apply_request(media_type: &str) -> ApplyUpload {
    ApplyUpload {
        sub_app_id: None,
        media_type: media_type.to_owned(),
        media_name: String::new(),
        cover_type: String::new(),
        procedure: String::new(),
        expire_time: None,
        storage_region: String::new(),
        class_id: 0,
        source_context: String::new(),
        session_context: String::new(),
        media_storage_path: String::new(),
    }
}

/// A WAV of silence: 8,000 samples a second, 8 bits, one channel.
pub(crate) fn wav(seconds: u32) -> Vec<u8> {
    let data = 8_000 * seconds;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(8_000_u32.to_le_bytes());
    bytes.extend(8_000_u32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(8_u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    bytes.resize(bytes.len() + usize::try_from(data).unwrap(), 0x80);
    bytes
}

/// Bytes that are no media and differ from place to place.
pub(crate) fn noise(len: usize, seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_le_bytes()[6]
    };
    (0..len).map(|_| next()).collect()
}

fn open_store(dir: &Path, clock: &Arc<TestClock>) -> Arc<dyn Backend> {
    let options = Options { durable: false, reserve_bytes: 0, ..Options::new(dir.join("store")) };
    let store: Arc<dyn Backend> = Store::open(&options, clock.clone(), Arc::new(Silent)).unwrap();
    store
}

fn open_objects(dir: &Path, bucket: Option<&S3>) -> Objects {
    match bucket {
        Some(s3) => Objects::in_bucket(dir, s3).unwrap(),
        None => Objects::open(dir).unwrap(),
    }
}

fn open_library(
    objects: Objects,
    clock: &Arc<TestClock>,
    settings: &Settings,
    tools: &ProbeTools,
    backend: &Arc<dyn Backend>,
) -> std::io::Result<Library> {
    let parts = LibraryParts {
        backend: Arc::clone(backend),
        clock: clock.clone(),
        master: Arc::new(MasterKey::from_bytes([7; 32])),
        objects,
        probe: Probe::new(tools.clone(), ProbeLimits::default()),
        settings: settings.clone(),
    };
    Library::new(parts)
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_under(&path)) } else { files.push(path) }
    }
    files
}
