//! A clip that is kept: from its inputs to a media of its own, in one commit.

use std::sync::Arc;
use std::time::Duration;

use model::{AppId, Application, EventKind, FileId, Naming, NewEvent, Timestamp, limits};
use wire::TaskStatus;
use wire::action::Persistence;
use wire::event::task::FileUploadTask;

use super::list;
use super::plan::Plan;
use super::{Clipped, Taken, Wanted, shown};
use crate::classes::Label;
use crate::error::{Attempted, ClipError, Fault};
use crate::hls;
use crate::library::{Library, ROUNDS};
use crate::probe::{MetaData, bits_per_second};
use crate::record::{self, About, Copying, Media, Object, Path};
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
        let sizes = self.sizes_of(app, &plan).await?;
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
        let bytes = sizes.whole.saturating_add(object.size);
        let meta = measured(streams(taken), &sizes, object.size);
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
            key_frames: Vec::new(),
            subtitles: Vec::new(),
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
    pub(crate) async fn written_object(
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

    /// Bytes of the files of a plan; every one of them must be there.
    async fn sizes_of(&self, app: AppId, plan: &Plan<'_>) -> Result<Sizes, Attempted<ClipError>> {
        let mut sizes = Sizes::default();
        for page in plan.files.chunks(PAGE) {
            let keys = page.iter().map(|file| record::object_key(app, &file.key)).collect();
            let found = self.backend.get(keys).await.map_err(Fault::from)?;
            for (file, found) in page.iter().zip(found) {
                let found = found.ok_or_else(|| ClipError::Incomplete(file.key.clone()))?;
                let Object { size, .. } = record::read(&found).map_err(Fault::from)?;
                sizes.whole = sizes.whole.saturating_add(size);
                let played = file.parts_bytes.map_or(size, |parts| parts.min(size));
                sizes.played = sizes.played.saturating_add(played);
            }
        }
        Ok(sizes)
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

/// The same with what the files of the clip say; they are all its own, so it is measured as an upload is.
/// Files of which only parts are played are copied whole, which must not count for the bitrate.
fn measured(streams: MetaData, sizes: &Sizes, playlist_bytes: u64) -> MetaData {
    let duration = Duration::try_from_secs_f64(streams.duration).ok();
    let played = sizes.played.saturating_add(playlist_bytes);
    MetaData {
        size: sizes.whole.saturating_add(playlist_bytes),
        bitrate: bits_per_second(played, duration).unwrap_or(0),
        ..streams
    }
}

/// Bytes of the files of a clip, without its playlist.
#[derive(Default)]
struct Sizes {
    /// Of all of them.
    whole: u64,
    /// What of that is played.
    played: u64,
}

impl From<ClipError> for Attempted<ClipError> {
    fn from(error: ClipError) -> Self {
        Self::Failed(error)
    }
}
