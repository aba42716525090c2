//! Fetches the files of a pull: each goes into an object, and a transfer that breaks goes on where it broke
//! if the source can tell that the file is still the same, else from its beginning. So does a large file
//! after a restart, from its last mark ([`crate::partial`]).

mod failure;
mod hls;
mod sink;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egress::{Client, Download, Fetch, FetchError, Resume};
use model::limits;
use queue::{Commit, RecordKey};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;
use url::Url;

use self::failure::{Trouble, no_space, parsed, too_large, trouble};
use self::sink::{Place, Sink};
use super::Pull;
use crate::error::{Fault, ObjectError, Refusal};
use crate::library::Library;
use crate::metadata::{MetaDataError, Original};
use crate::probe::MetaData;
use crate::pull::error::unfetched;
use crate::record::{self, Object};
use crate::task::Task;
use crate::writing::Reserved;

pub(super) use self::failure::What;
pub(crate) use self::failure::{Failure, FailureCode, Stop};

/// How many bytes may come between two looks at the free disk.
const LOOK_BYTES: u64 = 32 * 1024 * 1024;
/// Least time between two lines in the log about one pull.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// What a pull has fetched; its objects have their records.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(super) cover_key: Option<String>,
    /// Of all objects.
    pub(super) bytes: u64,
    pub(super) meta: Option<MetaData>,
}

/// Fetches one pull.
#[derive(Debug)]
pub(crate) struct Fetcher<'a> {
    library: &'a Library,
    client: &'a Client,
    key: &'a RecordKey,
    /// The version of the task's record.
    version: u64,
    pull: &'a Pull,
    deadline: Instant,
    /// Bytes of all files, those under way included.
    bytes: AtomicU64,
    /// Bytes of the playlists.
    texts: AtomicU64,
    /// Of HLS: how many files are fetched, …
    done: AtomicU64,
    /// … of how many; 0: that is not known.
    files: AtomicU64,
    logged: Mutex<Instant>,
    /// Commits of objects.
    attaching: TaskTracker,
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(
        library: &'a Library,
        client: &'a Client,
        (key, version): (&'a RecordKey, u64),
        pull: &'a Pull,
        deadline: Instant,
    ) -> Self {
        Self {
            library,
            client,
            key,
            version,
            pull,
            deadline,
            bytes: AtomicU64::new(0),
            texts: AtomicU64::new(0),
            done: AtomicU64::new(0),
            files: AtomicU64::new(0),
            logged: Mutex::new(Instant::now()),
            attaching: TaskTracker::new(),
        }
    }

    /// Fetches all of it, but what is there from before a restart. When it is over nothing is attached any
    /// more: of files that were under way when another failed, the commits go on, and whoever removes what
    /// was fetched must see it.
    pub(crate) async fn run(self) -> Result<Fetched, Stop> {
        let fetched = self.fetched().await;
        self.attaching.close();
        self.attaching.wait().await;
        fetched
    }

    async fn fetched(&self) -> Result<Fetched, Stop> {
        let pull = self.pull;
        let mut fetched = Fetched::default();
        // the cover first: it is small, and whether it is there shows before a film was fetched
        if let (Some(text), Some(key)) = (&pull.cover_url, &pull.cover_key) {
            let url = parsed(text, What::Cover)?;
            self.add(key, (&url, What::Cover), limits::PULL_COVER_BYTES_MAX).await?;
            fetched.cover_key = Some(key.clone());
        }
        let url = parsed(&pull.url, What::Media)?;
        if pull.about.media_type != crate::hls::MEDIA_TYPE {
            let object = self.add(&pull.media_key, (&url, What::Media), u64::MAX).await?;
            if object.size == 0 {
                let failure = Failure::new(FailureCode::Source, What::Media, "it is empty");
                return Err(Stop::Failed(failure));
            }
        } else if self.object(&pull.media_key).await?.is_none() {
            self.hls(&url).await?;
        }
        let objects = self.library.objects_of(self.key.app, pull.file).await?;
        fetched.bytes = objects.iter().map(|(_, object)| object.size).sum();
        fetched.meta = self.meta().await?;
        Ok(fetched)
    }

    async fn meta(&self) -> Result<Option<MetaData>, Stop> {
        let pull = self.pull;
        let original = Original {
            app: self.key.app,
            file: pull.file,
            directory: &pull.directory,
            media_key: &pull.media_key,
            media_type: &pull.about.media_type,
        };
        self.library.metadata_of(&original).await.map_err(|error| match error {
            MetaDataError::Missing(key) => {
                let why = format!("{key} is missing");
                Stop::Failed(Failure::new(FailureCode::Source, What::Media, why))
            }
            MetaDataError::Fault(fault) => fault.into(),
        })
    }

    /// Fetches a file into an object of that key, unless it is there.
    async fn add(&self, key: &str, file: (&Url, What<'_>), max: u64) -> Result<Object, Stop> {
        if let Some(object) = self.object(key).await? {
            self.bytes.fetch_add(object.size, Ordering::Relaxed);
            return Ok(object);
        }
        let library = self.library;
        let place = Place { file: self.pull.file, whose: (&self.key.id, key) };
        let mut sink = Sink::object(library, place).await?;
        self.bytes.fetch_add(sink.size(), Ordering::Relaxed);
        if !sink.is_whole() {
            self.fill(&mut sink, file, max).await?;
        } else if Instant::now() >= self.deadline {
            let (code, late) = (FailureCode::Source, FetchError::TimedOut);
            return Err(Stop::Failed(Failure::new(code, file.1, unfetched(&late))));
        }
        let (reserved, sums) = sink.finish().await?;
        let object = Object::new(place.file, reserved.name(), &sums, library.now());
        self.attach(record::object_key(self.key.app, key), (&object, reserved), None).await?;
        library.partials.remove(place.whose).await?;
        Ok(object)
    }

    /// The object of a key, if it is there.
    async fn object(&self, key: &str) -> Result<Option<Object>, Fault> {
        let known: Option<(Object, u64)> =
            self.library.one(record::object_key(self.key.app, key)).await?;
        Ok(known.map(|(object, _)| object))
    }

    /// Records an object, while the task is there, instead of one that is known.
    async fn attach(
        &self,
        key: RecordKey,
        (object, reserved): (&Object, Reserved),
        known: Option<(Object, u64)>,
    ) -> Result<(), Stop> {
        let (known, version) = known.unzip();
        let commit = Commit {
            expect: vec![(self.key.clone(), Some(self.version)), (key.clone(), version)],
            put: vec![object.put(key)],
            garbage: known.into_iter().map(|known| known.stored).collect(),
            swept: vec![object.stored.clone()],
            ..Commit::default()
        };
        let backend = Arc::clone(&self.library.backend);
        // to its end even at a stop: what a commit speaks of must not be swept while it is under way
        let work = async move {
            let committed = backend.commit(commit).await;
            drop(reserved);
            committed
        };
        let work = self.attaching.track_future(work);
        let committed = self.library.tracker.spawn(work).await.map_err(io::Error::other)?;
        match committed.map_err(Refusal::from) {
            Ok(_stated) => Ok(()),
            Err(Refusal::Conflict) => {
                let task: Option<(Task, u64)> = self.library.one(self.key.clone()).await?;
                let stands = task.is_some_and(|(_, version)| version == self.version);
                Err(if stands { Fault::Contended.into() } else { Stop::Gone })
            }
            Err(Refusal::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Fetches a file into a sink, in as many attempts as it takes while they bring it further; the URL
    /// that answered in the end.
    async fn fill(
        &self,
        sink: &mut Sink<'_>,
        (url, what): (&Url, What<'_>),
        max: u64,
    ) -> Result<Url, Stop> {
        let settings = &self.library.settings.pull;
        let mut validator = sink.validator().map(str::to_owned);
        if sink.size() > 0 {
            let (task, bytes) = (self.key.id.as_str(), sink.size());
            tracing::info!(task, bytes, "a file goes on after a restart");
        }
        let (mut furthest, mut tries) = (sink.size(), 0);
        loop {
            let ended = self.attempt(sink, (url, what), max, &mut validator).await;
            let failure = match ended {
                Ok(answered) => return Ok(answered),
                Err(Trouble::Stop(stop)) => return Err(stop),
                Err(Trouble::Again(failure)) => failure,
            };
            if sink.size() >= furthest + limits::PULL_ADVANCE_BYTES {
                (furthest, tries) = (sink.size(), 0);
            }
            tries += 1;
            let pause = settings.pause.saturating_mul(1 << (tries - 1));
            if tries >= limits::PULL_TRIES || Instant::now() + pause >= self.deadline {
                return Err(Stop::Failed(failure));
            }
            let (task, reason) = (self.key.id.as_str(), failure.message.as_str());
            tracing::info!(task, reason, bytes = sink.size(), "a pull's source is asked once more");
            sleep(pause).await;
        }
    }

    /// One attempt; what it brings stays in the sink.
    async fn attempt(
        &self,
        sink: &mut Sink<'_>,
        (url, what): (&Url, What<'_>),
        max: u64,
        validator: &mut Option<String>,
    ) -> Result<Url, Trouble> {
        if Instant::now() >= self.deadline {
            return Err(trouble(&FetchError::TimedOut, what));
        }
        let start = sink.size();
        // kept until the range is refused: an attempt that brings nothing takes nothing away either
        let resume = validator.clone().filter(|_| start > 0);
        let resume = resume.map(|validator| Resume { start, validator });
        if resume.is_none() {
            *validator = None;
            self.restart(sink);
        }
        let asked = self.ask(url, resume.clone()).await;
        if matches!(asked, Err(FetchError::Range | FetchError::Status(416))) {
            *validator = None;
        }
        let mut download = asked.map_err(|error| trouble(&error, what))?;
        if let Some(resume) = resume {
            if download.start == 0 {
                *validator = None;
                self.restart(sink);
            } else if download.validator.as_ref().is_some_and(|own| *own != resume.validator) {
                *validator = None;
                let why = "it changes while it is fetched";
                return Err(Trouble::Again(Failure::new(FailureCode::Source, what, why)));
            }
        }
        if download.validator.is_some() {
            validator.clone_from(&download.validator);
        }
        let total = download.total;
        let room = self.room(sink, max);
        if total.is_some_and(|total| total > room) {
            return Err(too_large(what, room));
        }
        self.check_room(total.map_or(0, |total| total.saturating_sub(sink.size())))?;
        sink.begin(total, validator.as_deref()).await?;
        let mut unseen = 0;
        loop {
            let next = download.next().await;
            let Some(piece) = next.map_err(|error| trouble(&error, what))? else {
                return Ok(download.url);
            };
            let more = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            let room = self.room(sink, max);
            if sink.size().saturating_add(more) > room {
                return Err(too_large(what, room));
            }
            self.bytes.fetch_add(more, Ordering::Relaxed);
            unseen += more;
            if unseen >= LOOK_BYTES {
                self.check_room(0)?;
                unseen = 0;
            }
            self.library.pulling.counts.fetched.fetch_add(more, Ordering::Relaxed);
            sink.write(&piece).await?;
            self.report(sink.size(), total);
        }
    }

    async fn ask(&self, url: &Url, resume: Option<Resume>) -> Result<Download<'_>, FetchError> {
        let fetch = Fetch {
            url: url.clone(),
            resume,
            part: None,
            owner: Some(self.key.app.0),
            patience: self.library.settings.pull.patience,
            deadline: self.deadline,
        };
        self.client.download(&fetch).await
    }

    /// Forgets what has come of a file.
    fn restart(&self, sink: &mut Sink<'_>) {
        self.bytes.fetch_sub(sink.size(), Ordering::Relaxed);
        sink.restart();
    }

    /// How many bytes a file may have beside all others, and `max` at most.
    fn room(&self, sink: &Sink<'_>, max: u64) -> u64 {
        let others = self.bytes.load(Ordering::Relaxed).saturating_sub(sink.size());
        max.min(self.library.settings.pull.bytes_max.saturating_sub(others))
    }

    fn check_room(&self, more: u64) -> Result<(), Stop> {
        match self.library.check_room(more) {
            Ok(()) => Ok(()),
            Err(ObjectError::Fault(fault)) => Err(fault.into()),
            Err(_full) => Err(no_space()),
        }
    }

    /// Tells how far the pull has come, and the log now and then.
    fn report(&self, size: u64, total: Option<u64>) {
        let of_file =
            total.filter(|total| *total > 0).map(|total| size.saturating_mul(100) / total);
        let percent = match self.files.load(Ordering::Relaxed) {
            // how many files a playlist names is not known before it is read
            0 if self.pull.about.media_type == crate::hls::MEDIA_TYPE => None,
            0 => of_file,
            files => Some(self.done.load(Ordering::Relaxed).saturating_mul(100) / files),
        };
        let percent = percent.and_then(|percent| i64::try_from(percent).ok()).map(|p| p.min(99));
        if let Some(percent) = percent {
            self.library.pulling.report(self.key, Some(percent));
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.elapsed() >= LOG_EVERY {
            *logged = Instant::now();
            let bytes = self.bytes.load(Ordering::Relaxed);
            tracing::info!(task = self.key.id, bytes, percent, "a pull is under way");
        }
    }
}
