//! A clip that is kept: from its inputs to a media of its own, in one commit.

use std::collections::HashMap;
use std::sync::Arc;

use model::{AppId, Application, EventKind, FileId, Naming, NewEvent, Timestamp, limits};
use queue::{Commit, RecordKey};
use wire::TaskStatus;
use wire::action::Persistence;
use wire::event::task::FileUploadTask;

use super::list::{self, Run};
use super::{Clipped, Taken, Wanted, shown};
use crate::classes::Label;
use crate::error::{Attempted, ClipError, Fault};
use crate::hls;
use crate::library::{Library, ROUNDS};
use crate::playlist::{self, Playlist, path};
use crate::probe::MetaData;
use crate::record::{self, About, Copying, Hold, Media, Object, Origin, Path};
use crate::task::{self, Task, TaskType, Work};
use crate::writing::Reserved;
use crate::{place, random, render};

/// Object records read at once.
const PAGE: usize = 500;

impl Library {
    /// Makes a media of what is wanted, and copies its files from then on. Says of what it was made,
    /// too.
    pub(super) async fn keep(
        self: &Arc<Self>,
        application: &Application,
        wanted: &Wanted<'_>,
        about: &About,
    ) -> Result<(Clipped, Vec<Taken>), ClipError> {
        for _ in 0..ROUNDS {
            let taken = self.take(application.id, wanted).await?;
            match self.try_keep(application, wanted, about, &taken).await {
                Ok(clipped) => {
                    self.copy_soon();
                    return Ok((clipped, taken));
                }
                Err(Attempted::Conflict) => {}
                Err(Attempted::Failed(error)) => return Err(error),
            }
        }
        Err(Fault::Contended.into())
    }

    async fn try_keep(
        &self,
        application: &Application,
        wanted: &Wanted<'_>,
        about: &About,
        taken: &[Taken],
    ) -> Result<Clipped, Attempted<ClipError>> {
        let app = application.id;
        let plan = Plan::new(taken)?;
        let size = self.size_of(app, &plan).await?;
        let (region, name) = match taken.first() {
            Some(first) => (first.input.region.clone(), first.input.name.clone()),
            None => return Err(ClipError::NoHls.into()),
        };
        let file = FileId(random::file_number().map_err(Fault::from)?);
        let directory = place::directory(app, &region, file).map_err(Fault::from)?;
        let name_in = place::name(hls::MEDIA_TYPE).map_err(Fault::from)?;
        let playlist = place::join(&directory, &name_in);
        let now = self.now();
        let (_reserved, object) = self.written_object(file, plan.text.as_bytes()).await?;
        let filing = self.filing(app, about.class_id).await?;
        let filing = filing.ok_or_else(|| super::value("ClassId", "there is no such class"))?;
        let bytes = size.saturating_add(object.size);
        let meta = MetaData { size: bytes, ..streams(taken) };
        let media = Media {
            bucket: place::bucket(app, self.settings.account),
            region,
            directory,
            original: Some(playlist.clone()),
            cover: None,
            about: About {
                name,
                storage_path: (application.naming == Naming::Path).then(|| playlist.clone()),
                ..about.clone()
            },
            source: wanted.source(taken),
            description: String::new(),
            tags: Vec::new(),
            forbidden: taken.iter().any(|taken| taken.input.forbidden),
            created: now,
            updated: now,
            meta: Some(meta),
            bytes,
            copying: Some(Copying {
                action: wanted.action().to_owned(),
                sources: plan.origins.iter().map(|(origin, _)| origin.clone()).collect(),
            }),
        };
        let mut commit = plan.holding(app, file)?;
        let media_key = record::media_key(app, file);
        let object_key = record::object_key(app, &playlist);
        commit.expect.extend([(media_key.clone(), None), (object_key.clone(), None)]);
        commit.expect.extend(filing.expect);
        for path in media.paths(app) {
            commit.expect.push((path.clone(), None));
            commit.put.push(Path { file }.put(path));
        }
        let task = clip_task(wanted.action(), file, &media);
        let task_id = task::new_id(app, TaskType::FastClipMedia, now).map_err(Fault::from)?;
        commit.put.push(task.put(task::task_key(app, &task_id)));
        commit.put.extend([media.put(media_key), object.put(object_key)]);
        commit.swept.push(object.stored.clone());
        if wanted.is_announced() && self.settings.clips_also_new_file_upload {
            commit.events.push(self.announcement(app, file, &media, &filing.label));
        }
        self.commit(commit).await?;
        let meta = media.meta.as_ref().map(shown).unwrap_or_default();
        let url = render::url(&self.settings, &media.bucket, &playlist);
        Ok(Clipped { url, file: Some(file), meta })
    }

    /// An object of these bytes, to be recorded while its name is reserved.
    async fn written_object(
        &self,
        file: FileId,
        bytes: &[u8],
    ) -> Result<(Reserved, Object), Fault> {
        let (reserved, mut writer) = self.begin_object(file).await?;
        writer.write(bytes).await?;
        let sums = writer.finish().await?;
        let object = Object::new(file, reserved.name(), &sums, self.now());
        Ok((reserved, object))
    }

    /// NewFileUpload of a clip.
    fn announcement(&self, app: AppId, file: FileId, media: &Media, class: &Label) -> NewEvent {
        let task = FileUploadTask {
            file_id: file,
            media_basic_info: render::basic_info(&self.settings, file, media, class),
            procedure_task_id: String::new(),
            review_audio_video_task_id: String::new(),
            meta_data: media.meta.as_ref().map(render::meta_data),
        };
        NewEvent {
            app,
            kind: EventKind::NewFileUpload,
            key: None,
            files: vec![file],
            payload: task.payload(),
        }
    }

    /// Bytes of all files of a plan; every one of them must be there.
    async fn size_of(&self, app: AppId, plan: &Plan<'_>) -> Result<u64, Attempted<ClipError>> {
        let mut size = 0_u64;
        for page in plan.files.chunks(PAGE) {
            let keys = page.iter().map(|key| record::object_key(app, key)).collect();
            let found = self.backend.get(keys).await.map_err(Fault::from)?;
            for (key, found) in page.iter().zip(found) {
                let found = found.ok_or_else(|| ClipError::Incomplete(key.clone()))?;
                let object: Object = record::read(&found).map_err(Fault::from)?;
                size = size.saturating_add(object.size);
            }
        }
        Ok(size)
    }

    /// What a clip is told of itself, checked.
    pub(super) fn about_clip(&self, asked: &Persistence) -> Result<About, ClipError> {
        let long = |text: &str, max: usize| text.chars().count() > max;
        if !asked.procedure.is_empty() {
            return Err(ClipError::Procedure);
        }
        if asked.expire_time.is_some_and(|expire| expire <= self.now()) {
            return Err(ClipError::ExpireTime);
        }
        let (member, reason) = if long(&asked.source_context, limits::SOURCE_CONTEXT_CHARS_MAX) {
            ("SourceContext", "it is longer than 250 characters")
        } else if long(&asked.session_context, limits::SESSION_CONTEXT_CHARS_MAX) {
            ("SessionContext", "it is longer than 1000 characters")
        } else {
            return Ok(About {
                name: String::new(),
                media_type: hls::MEDIA_TYPE.to_owned(),
                class_id: asked.class_id,
                expire: asked.expire_time.unwrap_or(Timestamp::NEVER),
                source_context: asked.source_context.clone(),
                session_context: asked.session_context.clone(),
                storage_path: None,
            });
        };
        Err(super::value(member, reason))
    }
}

/// The task of copying a clip.
fn clip_task(action: &str, file: FileId, media: &Media) -> Task {
    Task {
        status: TaskStatus::Processing,
        created: media.created,
        begun: Some(media.created),
        finished: None,
        file: Some(file),
        session_id: String::new(),
        session_context: media.about.session_context.clone(),
        priority: 0,
        work: Work::FastClipMedia(action.to_owned()),
    }
}

/// What is known of the streams of a clip without looking into it: they are those of its first input,
/// and last as long as all segments together.
pub(super) fn streams(taken: &[Taken]) -> MetaData {
    let segments =
        taken.iter().filter_map(|taken| taken.input.list.segments.get(taken.range.clone()));
    let duration = list::total(segments.flatten());
    let of_first = taken.first().and_then(|taken| taken.input.meta.clone());
    let streams = of_first.unwrap_or_default();
    let of = |any: bool| if any { duration.as_secs_f64() } else { 0.0 };
    MetaData {
        size: 0,
        container: "hls".to_owned(),
        duration: duration.as_secs_f64(),
        video_duration: of(!streams.video_streams.is_empty()),
        audio_duration: of(!streams.audio_streams.is_empty()),
        ..streams
    }
}

/// A clip before it is committed.
struct Plan<'a> {
    taken: &'a [Taken],
    /// Where files come from, each once, and what holds it.
    origins: Vec<(Origin, Hold)>,
    /// The keys of all objects that must be copied, each once.
    files: Vec<String>,
    /// The playlist.
    text: String,
}

impl<'a> Plan<'a> {
    fn new(taken: &'a [Taken]) -> Result<Self, ClipError> {
        let mut origins: Vec<(Origin, Hold)> = Vec::new();
        for Taken { input, .. } in taken {
            for (origin, hold) in input.origins.iter().zip(&input.holds) {
                if !origins.iter().any(|(known, _)| known.file == origin.file) {
                    origins.push((origin.clone(), hold.clone()));
                }
            }
        }
        let numbers: HashMap<FileId, usize> =
            origins.iter().enumerate().map(|(nth, (origin, _))| (origin.file, nth)).collect();
        let run = |taken: &'a Taken| {
            let numbers = &numbers;
            let place = Box::new(move |path: &str| match taken.input.find(path) {
                Some((origin, rest)) => {
                    format!("{}/{rest}", numbers.get(&origin.file).copied().unwrap_or_default())
                }
                None => path.to_owned(),
            });
            Run { list: &taken.input.list, range: taken.range.clone(), place }
        };
        let runs: Vec<Run<'_>> = taken.iter().map(run).collect();
        check(&runs)?;
        let text = list::write(&runs);
        drop(runs);
        let copying = Copying {
            action: String::new(),
            sources: origins.iter().map(|(origin, _)| origin.clone()).collect(),
        };
        let files = files(&text).ok_or(ClipError::TooLong)?;
        let key = |path: &String| copying.source_of(path).map(|(_, key)| key);
        let files = files.iter().map(key).collect::<Option<_>>();
        let files = files.ok_or(ClipError::NoHls)?;
        Ok(Self { taken, origins, files, text })
    }

    /// The part of the commit that rests on the sources and holds them.
    fn holding(&self, app: AppId, clip: FileId) -> Result<Commit, ClipError> {
        let mut expect: Vec<(RecordKey, Option<u64>)> = Vec::new();
        for rest in self.taken.iter().flat_map(|taken| &taken.input.expect) {
            if !expect.contains(rest) {
                expect.push(rest.clone());
            }
        }
        let mut put = Vec::with_capacity(self.origins.len());
        for (origin, hold) in &self.origins {
            let mut hold = hold.clone();
            if hold.by.len() >= limits::CLIPS_PENDING_MAX {
                return Err(ClipError::Busy(limits::CLIPS_PENDING_MAX));
            }
            hold.by.push(clip);
            put.push(hold.put(record::hold_key(app, origin.file)));
        }
        Ok(Commit { expect, put, ..Commit::default() })
    }
}

/// Whether these runs can stand in one playlist.
fn check(runs: &[Run<'_>]) -> Result<(), ClipError> {
    let segments = || runs.iter().flat_map(Run::segments);
    if segments().count() > limits::PLAYLIST_SEGMENTS_MAX {
        return Err(ClipError::TooLong);
    }
    // a map is in force to the end: nothing takes it from transport streams that come behind it
    let mapped = segments().filter(|segment| segment.map.is_some()).count();
    if mapped != 0 && mapped != segments().count() {
        return Err(ClipError::Mixed);
    }
    Ok(())
}

/// The paths that a playlist of ours names; none: it is longer than any that is read.
pub(super) fn files(text: &str) -> Option<Vec<String>> {
    let list = playlist::parse(text, |uri: &str| path::inside("", uri)).ok()?;
    match list {
        Playlist::Media(_) => Some(list.files().into_iter().map(str::to_owned).collect()),
        Playlist::Master(_) => None,
    }
}

impl From<ClipError> for Attempted<ClipError> {
    fn from(error: ClipError) -> Self {
        Self::Failed(error)
    }
}
