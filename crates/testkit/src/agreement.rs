//! Whether library, objects and events of a data directory agree: what a crash, a soak or a race must
//! leave behind.
//!
//! It looks at the directory and not at the server: at a copy of the store as of one moment, opened
//! as a start would open it, and at the files. So it holds for a server that runs and rests, and for one
//! that was killed and started again, whose first sweep is over. What is read is the format that
//! docs/format.md describes, not the code that wrote it.
//!
//! | agreed | what must hold |
//! |---|---|
//! | objects | each has its file, of its size and CRC-64, and an owner: a media, an upload, a clip that is copied from its file, or a task that speaks of it |
//! | files | each is an object's or garbage; staged parts belong to an upload that goes on |
//! | what was fetched in part | belongs to a task that goes on |
//! | media | original, cover and subtitles are objects; one NewFileUpload or PullComplete (of a clip: at most one each), no FileDeleted of the whole |
//! | live recordings | all objects that the segments need are there, and no others |
//! | files that were announced and are gone | exactly one FileDeleted of the whole |
//!
//! Deliberately absent: applications that were destroyed, because their files go without events.

mod files;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;

use model::{AppId, FileId};

use crate::{Failure, Result};
use files::StoredFile;
use snapshot::{Media, Snapshot};

/// How much there was, so that a test can see that it looked at something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Media in the library.
    pub media: usize,
    /// Objects, those of uploads that go on included.
    pub objects: usize,
    /// Segments of live recordings.
    pub footage: usize,
    /// Files that were announced by an event and deleted since.
    pub deleted: usize,
}

/// Checks the data directory of a server: everything that disagrees is in the failure.
pub async fn check(data: &Path) -> Result<Agreement> {
    check_apart(data, data).await
}

/// The same where the store is in one directory and the files (`objects`, `staging`, `pulls`) are in
/// another.
pub async fn check_apart(store: &Path, data: &Path) -> Result<Agreement> {
    // the files come second: a file may go while its row is being swept, never come without one
    let snapshot = Snapshot::take(store).await?;
    let stored = files::stored(&data.join("objects"))?;
    let staged = files::staged(&data.join("staging"))?;
    let fetched = files::fetched(&data.join("pulls"))?;
    let mut disagreements = Disagreements::default();
    disagreements.objects(&snapshot, &stored);
    disagreements.files(&snapshot, &stored);
    disagreements.staged(&snapshot, &staged);
    disagreements.recordings(&snapshot);
    disagreements.fetched(&snapshot, &fetched);
    let mut agreement = Agreement { objects: snapshot.objects.len(), ..Agreement::default() };
    for (app, media) in &snapshot.media {
        agreement.media += media.len();
        for (file, media) in media {
            disagreements.media(&snapshot, (*app, *file), media);
        }
    }
    agreement.footage = snapshot.recordings.values().map(|recording| recording.segments).sum();
    for ((app, file), seen) in &snapshot.events {
        let lives = snapshot.media.get(app).is_some_and(|media| media.contains_key(file));
        if !lives && seen.uploads + seen.pulls > 0 {
            agreement.deleted += 1;
            disagreements.count((*app, *file), "FileDeleted of the whole", seen.deletions, 1..=1);
        }
    }
    disagreements.into_result(agreement)
}

/// Everything that is not as it should be, in words.
#[derive(Debug, Default)]
struct Disagreements(Vec<String>);

impl Disagreements {
    fn note(&mut self, text: String) {
        self.0.push(text);
    }

    fn into_result(self, agreement: Agreement) -> Result<Agreement> {
        if self.0.is_empty() {
            return Ok(agreement);
        }
        let lines = self.0.join("\n  ");
        Err(Failure::new(format!(
            "library, objects and events disagree ({agreement:?}):\n  {lines}"
        )))
    }

    /// Every object has its bytes, and something that needs it.
    fn objects(&mut self, snapshot: &Snapshot, stored: &BTreeMap<String, StoredFile>) {
        for ((app, key), object) in &snapshot.objects {
            let what = format!("object {key} of application {app}");
            match stored.get(&object.stored) {
                None => self.note(format!("{what}: no file {}", object.stored)),
                Some(file) if file.size != object.size => {
                    let (is, should) = (file.size, object.size);
                    self.note(format!("{what}: {is} bytes on disk, {should} in the record"));
                }
                Some(file) if file.crc64 != object.crc64 => {
                    self.note(format!("{what}: other bytes on disk than in the record"));
                }
                Some(_) => {}
            }
            if snapshot.garbage.contains(&object.stored) {
                self.note(format!("{what}: its file is garbage"));
            }
            if !snapshot.is_owned(*app, object.file) {
                let file = object.file;
                self.note(format!("{what}: no media, upload or task speaks of file {file}"));
            }
        }
    }

    /// Every file is an object's or garbage, and no two objects share one.
    fn files(&mut self, snapshot: &Snapshot, stored: &BTreeMap<String, StoredFile>) {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for object in snapshot.objects.values() {
            if !known.insert(&object.stored) {
                self.note(format!("file {}: two objects have it", object.stored));
            }
        }
        let known = |name: &str| known.contains(name) || snapshot.garbage.contains(name);
        for name in stored.keys() {
            if !known(name) && !name.strip_suffix(files::UNFINISHED).is_some_and(known) {
                self.note(format!("file {name}: neither an object's nor garbage"));
            }
        }
    }

    /// Staged parts belong to an upload that goes on.
    fn staged(&mut self, snapshot: &Snapshot, staged: &[files::Staged]) {
        for upload in staged {
            let name = &upload.name;
            match snapshot.sessions.get(&(upload.app, upload.session.clone())) {
                None => self.note(format!("staged upload {name}: its session is gone")),
                Some(session) if session.committed => {
                    self.note(format!("staged upload {name}: its session was committed"));
                }
                Some(_) => {}
            }
        }
    }

    /// What the segments of a recording need is there, and nothing else.
    fn recordings(&mut self, snapshot: &Snapshot) {
        for ((app, file), recording) in &snapshot.recordings {
            for (key, count) in &recording.needs {
                if !snapshot.objects.contains_key(&(*app, key.clone())) {
                    self.note(format!("recording {file}: no object {key}, which {count} need"));
                }
            }
        }
        for ((app, key), object) in &snapshot.objects {
            let recording = snapshot.recordings.get(&(*app, object.file));
            if recording.is_some_and(|recording| !recording.needs.contains_key(key)) {
                self.note(format!("recording {}: no segment needs {key}", object.file));
            }
        }
    }

    /// What was fetched in part belongs to a task that goes on.
    fn fetched(&mut self, snapshot: &Snapshot, fetched: &BTreeSet<String>) {
        for task in fetched.difference(&snapshot.open_tasks) {
            self.note(format!("task {task}: it does not go on, but what it fetched is there"));
        }
    }

    /// What a media names is there, and the events say that it came and not that it went.
    fn media(&mut self, snapshot: &Snapshot, (app, file): (AppId, FileId), media: &Media) {
        let original = media.original.iter().map(|key| ("original", key));
        let cover = media.cover.iter().map(|key| ("cover", key));
        let subtitles = media.subtitles.iter().map(|subtitle| ("subtitle", &subtitle.key));
        for (what, key) in original.chain(cover).chain(subtitles) {
            if !snapshot.objects.contains_key(&(app, key.clone())) {
                self.note(format!("media {file} of application {app}: no object {key} ({what})"));
            }
        }
        let seen = snapshot.events.get(&(app, file)).copied().unwrap_or_default();
        self.count((app, file), "NewFileUpload", seen.uploads, 0..=1);
        self.count((app, file), "PullComplete", seen.pulls, 0..=1);
        if media.source == "Upload" {
            let arrivals = seen.uploads + seen.pulls;
            self.count((app, file), "NewFileUpload and PullComplete", arrivals, 1..=2);
        }
        self.count((app, file), "PersistenceComplete", seen.persisted, 0..=1);
        self.count((app, file), "FileDeleted of the whole", seen.deletions, 0..=0);
    }

    fn count(
        &mut self,
        (app, file): (AppId, FileId),
        what: &str,
        count: usize,
        allowed: RangeInclusive<usize>,
    ) {
        if !allowed.contains(&count) {
            let (least, most) = allowed.into_inner();
            self.note(format!(
                "file {file} of application {app}: {count} {what}, not {least} to {most}"
            ));
        }
    }
}
