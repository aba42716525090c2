//! The library itself: what it is made of, and the little that every operation needs.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use model::{AppId, ApplicationStatus, Clock, FileId, Mono, Timestamp};
use queue::{Backend, Commit, RecordKey, RecordKind, RecordQuery};
use serde::de::DeserializeOwned;
use sign::seal::MasterKey;
use tokio_util::task::TaskTracker;

use crate::clip::lists::Lists;
use crate::error::{Fault, ObjectError, Refusal};
use crate::expiry::Expiry;
use crate::hindsight::Hindsight;
use crate::objects::{ObjectReader, Objects};
use crate::partial::Partials;
use crate::place;
use crate::probe::Probe;
use crate::pull::Pulling;
use crate::record::{self, Media, Object};
use crate::settings::Settings;
use crate::spent;
use crate::staging::Staging;
use crate::sweep::Sessions;
use crate::writing::Writing;

/// How often a change is decided anew because its records have changed meanwhile. Each round some
/// other caller has succeeded, so this bounds how many may be in each other's way.
pub(crate) const ROUNDS: usize = 100;
/// Records on a page.
const PAGE: usize = 500;

/// What a library is made of.
#[derive(Debug)]
pub struct LibraryParts {
    /// Where records and events are kept.
    pub backend: Arc<dyn Backend>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Seals the temporary keys of upload sessions.
    pub master: Arc<MasterKey>,
    /// Where bytes are kept.
    pub objects: Objects,
    /// Looks into files.
    pub probe: Probe,
    /// How it behaves.
    pub settings: Settings,
}

/// Media, their objects and the uploads that they come from, for every application.
#[derive(Debug)]
pub struct Library {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) master: Arc<MasterKey>,
    pub(crate) objects: Objects,
    pub(crate) probe: Probe,
    pub(crate) settings: Settings,
    pub(crate) staging: Staging,
    pub(crate) partials: Partials,
    pub(crate) writing: Writing,
    /// Work that must not end when the client hangs up.
    pub(crate) tracker: TaskTracker,
    pub(crate) sweeping: tokio::sync::Mutex<()>,
    /// Whether a sweep of garbage is on its way that has not begun to look yet.
    pub(crate) sweep_waits: AtomicBool,
    /// Held by whoever copies clips.
    pub(crate) copying: tokio::sync::Mutex<()>,
    /// Held by whoever registers a live stream.
    pub(crate) registering: tokio::sync::Mutex<()>,
    /// Playlists that clips are made of.
    pub(crate) lists: Lists,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) expiry: Mutex<Expiry>,
    /// What the time of used signatures is measured by.
    pub(crate) spent: Mutex<Hindsight>,
    /// Destroyed applications that have been swept since the start.
    pub(crate) emptied: Mutex<HashSet<AppId>>,
    /// When the tasks were last looked at.
    pub(crate) tasks_swept: Mutex<Option<Mono>>,
    /// What is known of pulls besides their records.
    pub(crate) pulling: Pulling,
}

/// An object that may be served, with its application's consent checked.
#[derive(Clone, Debug)]
pub struct Served {
    /// Its key.
    pub key: String,
    /// The directory of the media, where what belongs to it lies; of what is no media's, that of the key.
    pub directory: String,
    /// What is known of it.
    pub object: Object,
    /// Whether ForbidMediaDistribution keeps it from being served.
    pub forbidden: bool,
    /// Its bytes, if they were made for this request and are in no store.
    pub text: Option<Bytes>,
}

impl Served {
    /// What is in the store, open to everybody.
    pub(crate) fn stored(key: &str, object: Object) -> Self {
        let directory = place::parent(key).to_owned();
        Self { key: key.to_owned(), directory, object, forbidden: false, text: None }
    }

    /// An object of a media; none: after DeleteParts, clips may hold what is served to nobody.
    pub(crate) fn of(media: &Media, key: &str, object: Object) -> Option<Self> {
        let is_shown = media.original.is_some() || media.attached().any(|attached| attached == key);
        let forbidden = media.forbidden;
        is_shown
            .then(|| Self { forbidden, ..Self::stored(key, object).of_directory(&media.directory) })
    }

    /// The same as a file of the media in that directory.
    pub(crate) fn of_directory(self, directory: &str) -> Self {
        Self { directory: directory.to_owned(), ..self }
    }
}

impl Library {
    /// A library over what `parts` hold. Reads the staged parts; call [`Library::tick`] before
    /// serving, so that what a crash left is removed.
    pub fn new(parts: LibraryParts) -> io::Result<Self> {
        let expiry = Expiry::new(parts.settings.expiry_grace_ms);
        let staging = Staging::open(parts.objects.staging())?;
        let partials = Partials::new(parts.objects.pulls().to_owned());
        Ok(Self {
            backend: parts.backend,
            clock: parts.clock,
            master: parts.master,
            objects: parts.objects,
            probe: parts.probe,
            settings: parts.settings,
            staging,
            partials,
            writing: Writing::default(),
            tracker: TaskTracker::new(),
            sweeping: tokio::sync::Mutex::default(),
            sweep_waits: AtomicBool::new(false),
            copying: tokio::sync::Mutex::default(),
            registering: tokio::sync::Mutex::default(),
            lists: Lists::default(),
            sessions: Mutex::default(),
            expiry,
            spent: spent::hindsight(),
            emptied: Mutex::default(),
            tasks_swept: Mutex::default(),
            pulling: Pulling::default(),
        })
    }

    /// Waits for the work that goes on without its clients.
    pub async fn close(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The wall clock, by which sessions and signatures end.
    pub fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// How clients reach what is handed out: `https` or `http`.
    pub fn scheme(&self) -> &str {
        self.settings.public_url.split_once("://").map_or("http", |(scheme, _)| scheme)
    }

    /// How it was set up.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The object at `/media/<bucket>/<key>`: of committed media, in an application that is On.
    pub async fn published(&self, bucket: &str, key: &str) -> Result<Option<Served>, Fault> {
        let Some(app) = place::application_of(bucket, self.settings.account) else {
            return Ok(None);
        };
        if !self.is_on(app).await? {
            return Ok(None);
        }
        // the record says whose the object is: a key may be a path, which does not
        let object: Option<(Object, u64)> = self.one(record::object_key(app, key)).await?;
        let Some((object, _)) = object else { return self.clip_at(app, key).await };
        let media: Option<(Media, u64)> = self.one(record::media_key(app, object.file)).await?;
        let Some((media, _)) = media else { return self.live_at(app, object.file, key).await };
        Ok(Served::of(&media, key, object))
    }

    /// `len` bytes of an object from `start`.
    pub async fn open(&self, object: &Object, start: u64, len: u64) -> Result<ObjectReader, Fault> {
        Ok(Box::pin(self.objects.read(&object.stored, start, len)).await?)
    }

    /// Whether an application exists and is On.
    pub(crate) async fn is_on(&self, app: AppId) -> Result<bool, Fault> {
        let configured = self.backend.application(app).await?;
        Ok(configured.is_some_and(|c| c.application.status == ApplicationStatus::On))
    }

    /// Whether an application exists and is not destroyed.
    pub(crate) async fn exists(&self, app: AppId) -> Result<bool, Fault> {
        let configured = self.backend.application(app).await?;
        Ok(configured.is_some_and(|c| c.application.status != ApplicationStatus::Destroyed))
    }

    /// One record, read, with its version.
    pub(crate) async fn one<T: DeserializeOwned>(
        &self,
        key: RecordKey,
    ) -> Result<Option<(T, u64)>, Fault> {
        let found = self.backend.get(vec![key]).await?;
        let Some(found) = found.into_iter().next().flatten() else { return Ok(None) };
        Ok(Some((record::read(&found)?, found.version)))
    }

    /// Every object of a file, with the key of its record.
    pub(crate) async fn objects_of(
        &self,
        app: AppId,
        file: FileId,
    ) -> Result<Vec<(RecordKey, Object)>, Fault> {
        let mut objects = Vec::new();
        let mut query = RecordQuery {
            kind: RecordKind::Object,
            app: Some(app),
            term: Some(record::file_term(file)),
            after: None,
            limit: PAGE,
        };
        loop {
            let page = self.backend.find(query.clone()).await?;
            query.after = page.records.last().map(|record| record.key.clone());
            for record in page.records {
                let object = record::read(&record)?;
                objects.push((record.key, object));
            }
            if !page.more {
                return Ok(objects);
            }
        }
    }

    /// Commits; the events' places are of no interest here.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<(), Refusal> {
        self.backend.commit(commit).await?;
        Ok(())
    }

    /// Whether uploads may put `more` bytes on the disk.
    pub(crate) fn check_room(&self, more: u64) -> Result<(), ObjectError> {
        let (free, reserved) = self.space()?;
        if free < reserved.saturating_add(more) {
            return Err(ObjectError::NoSpace { free, reserved });
        }
        Ok(())
    }

    /// Free bytes of the disk, and those that uploads must leave free.
    pub(crate) fn space(&self) -> io::Result<(u64, u64)> {
        let (free, total) = self.objects.space()?;
        let share = (total / 100).saturating_mul(self.settings.free_percent_min);
        Ok((free, self.settings.free_bytes_min.max(share)))
    }
}
