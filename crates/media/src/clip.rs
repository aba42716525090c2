//! Clips: SimpleHlsClip, FastEditMedia and LiveRealTimeClip, made of whole segments without touching a picture.
//!
//! ```text
//! not kept:  an address that names segments of the source's playlist; nothing is stored
//! kept:      playlist + media + holds ─▶ NewFileUpload        (one commit; it plays from now on)
//!            objects copied, page by page                     (copy)
//!            media complete ─▶ PersistenceComplete            (one commit)
//! ```
//!
//! A clip that is not kept is a playlist over the segments of its source. It follows from the source's
//! playlist and two numbers, so it is written when it is asked for (see [`serve`]): it dies with its
//! source, a repeated call makes the same address, and however many are made, none takes any room.
//!
//! A clip that is kept has its final playlist from the first moment. Its segments lie in its own
//! directory; until they are there, the sources' are served in their place, and holds keep those on
//! the disk (see [`crate::hold`]).
//!
//! Deliberately absent: cutting within a segment, which needs an encoder.

pub(crate) mod choose;
mod copy;
mod keep;
pub(crate) mod list;
pub(crate) mod lists;
mod plan;
pub(crate) mod serve;
pub(crate) mod source;

use std::ops::Range;
use std::sync::Arc;

use model::{AppId, Application, ApplicationStatus, FileId, limits};
use wire::action::{
    FastEditMedia, FastEditMediaFileInfo, LiveRealTimeClip, Persistence, SimpleHlsClip,
};
use wire::event::task::MediaMetaData;
use wire::reply::LiveRealTimeClipSegment;

use crate::error::ClipError;
use crate::library::Library;
use crate::live::footage;
use crate::record::{LiveRecord, Source};
use crate::render;
use choose::{Ending, Outside, Span};
use source::Input;

/// What a clip is answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Clipped {
    /// Where it is played.
    pub url: String,
    /// The file that it is; none: it is not kept.
    pub file: Option<FileId>,
    /// What is known of it; Size, Rotate, VideoDuration and AudioDuration are 0, as documented.
    pub meta: MediaMetaData,
}

/// What a clip of a live recording is answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveClipped {
    /// Where it is played.
    pub url: String,
    /// The file that it is; none: it is not kept.
    pub file: Option<FileId>,
    /// What is known of it; none: that was not asked for.
    pub meta: Option<MediaMetaData>,
    /// What of the span it holds, a stretch for each run without a hole.
    pub segments: Vec<LiveRealTimeClipSegment>,
}

/// An input and the segments of it that are wanted.
pub(crate) struct Taken {
    pub input: Input,
    pub range: Range<usize>,
}

/// What a call asks to be taken.
enum Wanted<'a> {
    /// Of SimpleHlsClip: a span of what is at an address.
    Simple { url: &'a str, span: Span },
    /// Of FastEditMedia: spans of files.
    Fast { infos: &'a [FastEditMediaFileInfo], ending: Ending },
    /// Of LiveRealTimeClip: a span of a recording.
    Live(&'a LiveRealTimeClip),
}

impl Wanted<'_> {
    /// `PersistenceSource`.
    const fn action(&self) -> &'static str {
        match self {
            Self::Simple { .. } => "SimpleHlsClip",
            Self::Fast { .. } => "FastEditMedia",
            Self::Live(_) => "LiveRealTimeClip",
        }
    }

    /// `SourceType`, and what comes with it: of what was taken, not of what was asked for.
    fn source(&self, taken: &[Taken]) -> Source {
        match self {
            Self::Simple { .. } | Self::Fast { .. } => Source::VideoProcessing,
            Self::Live(request) => {
                let list = taken.first().map(|taken| &taken.input.list);
                let span = list.and_then(|list| footage::span(list));
                let (start, end) = span.unwrap_or((request.start_time, request.end_time));
                Source::Record(LiveRecord { stream: request.stream_id.clone(), start, end })
            }
        }
    }

    /// Whether NewFileUpload tells of the clip too: of those that have a SourceContext for it.
    const fn is_announced(&self) -> bool {
        matches!(self, Self::Simple { .. } | Self::Live(_))
    }
}

impl Library {
    /// Clips one HLS media (SimpleHlsClip).
    pub async fn simple_hls_clip(
        self: &Arc<Self>,
        application: &Application,
        request: &SimpleHlsClip,
    ) -> Result<Clipped, ClipError> {
        check_on(application)?;
        let output = request.output_media_type.as_str();
        if !output.is_empty() && !output.eq_ignore_ascii_case("hls") {
            return Err(ClipError::OutputMediaType(output.to_owned()));
        }
        let span = Span {
            start_ms: choose::milliseconds(request.start_time_offset).ok_or(ClipError::Start)?,
            end_ms: choose::milliseconds(request.end_time_offset).ok_or(ClipError::End)?,
        };
        let wanted = Wanted::Simple { url: &request.url, span };
        match &request.persistence {
            Some(persistence) => {
                let about = self.about_clip(persistence)?;
                Ok(self.keep(application, &wanted, &about).await?.0)
            }
            None => self.passing(&self.take(application.id, &wanted).await?),
        }
    }

    /// Clips several HLS media into one file (FastEditMedia).
    pub async fn fast_edit_media(
        self: &Arc<Self>,
        application: &Application,
        request: &FastEditMedia,
    ) -> Result<Clipped, ClipError> {
        check_on(application)?;
        let ending = match request.clip_mode.as_str() {
            "" | "StartInclusiveEndInclusive" => Ending::Inclusive,
            "StartInclusiveEndExclusive" => Ending::Exclusive,
            other => return Err(value("ClipMode", &format!("`{other}` is no ClipMode"))),
        };
        if !(1..=limits::CLIP_INPUTS_MAX).contains(&request.file_infos.len()) {
            return Err(value("FileInfos", "there must be 1 to 100"));
        }
        let about = self.about_clip(&Persistence::default())?;
        let wanted = Wanted::Fast { infos: &request.file_infos, ending };
        Ok(self.keep(application, &wanted, &about).await?.0)
    }

    /// Clips a live recording (LiveRealTimeClip).
    pub async fn live_real_time_clip(
        self: &Arc<Self>,
        application: &Application,
        request: &LiveRealTimeClip,
    ) -> Result<LiveClipped, ClipError> {
        check_on(application)?;
        if request.transcoded {
            return Err(ClipError::Transcoded);
        }
        let wanted = Wanted::Live(request);
        let (clipped, taken) = if let Some(persistence) = &request.persistence {
            let about = self.about_clip(persistence)?;
            self.keep(application, &wanted, &about).await?
        } else {
            let taken = self.take(application.id, &wanted).await?;
            let input = taken.first().map(|taken| &taken.input).ok_or(ClipError::NoHls)?;
            let key = footage::clip_key(input).ok_or(ClipError::NoHls)?;
            let url = render::url(&self.settings, &input.bucket, &key);
            let meta = shown(&keep::streams(&taken));
            (Clipped { url, file: None, meta }, taken)
        };
        let stretches = taken.first().map(|taken| footage::stretches(&taken.input.list));
        Ok(LiveClipped {
            url: clipped.url,
            file: clipped.file,
            meta: request.meta_data_required.then_some(clipped.meta),
            segments: stretches.unwrap_or_default(),
        })
    }

    /// Looks at the sources of a clip.
    async fn take(&self, app: AppId, wanted: &Wanted<'_>) -> Result<Vec<Taken>, ClipError> {
        match *wanted {
            Wanted::Simple { url, span } => {
                let input = self.input_at(app, url).await?;
                let range = choose::choose(&input.list, span, Ending::Inclusive);
                let range = range.map_err(|outside| match outside {
                    Outside::Start => ClipError::Start,
                    Outside::End | Outside::Nothing => ClipError::End,
                })?;
                Ok(vec![Taken { input, range }])
            }
            Wanted::Fast { infos, ending } => {
                let mut all = Vec::with_capacity(infos.len());
                for (nth, info) in infos.iter().enumerate() {
                    let input = self.input_of(app, nth, info, &all).await?;
                    all.push(taken(input, nth, info, ending)?);
                }
                Ok(all)
            }
            Wanted::Live(request) => {
                let input = self.take_live(app, request).await?;
                let range = 0..input.list.segments.len();
                Ok(vec![Taken { input, range }])
            }
        }
    }

    /// The answer of a clip that is not kept.
    fn passing(&self, taken: &[Taken]) -> Result<Clipped, ClipError> {
        let [Taken { input, range }] = taken else { return Err(ClipError::NoHls) };
        let range = input.first + range.start..input.first + range.end;
        let key = serve::key(&input.playlist, &range).ok_or(ClipError::Url)?;
        let url = render::url(&self.settings, &input.bucket, &key);
        Ok(Clipped { url, file: None, meta: shown(&keep::streams(taken)) })
    }
}

/// What one input of FastEditMedia gives.
fn taken(
    input: Input,
    nth: usize,
    info: &FastEditMediaFileInfo,
    ending: Ending,
) -> Result<Taken, ClipError> {
    let member = |name: &str| format!("FileInfos.{nth}.{name}");
    let ms = |name: &str, seconds: f64| {
        choose::milliseconds(seconds).ok_or_else(|| value(&member(name), "it is no offset"))
    };
    let span = Span {
        start_ms: ms("StartTimeOffset", info.start_time_offset)?,
        end_ms: ms("EndTimeOffset", info.end_time_offset)?,
    };
    let range = choose::choose(&input.list, span, ending).map_err(|outside| match outside {
        Outside::Start => value(&member("StartTimeOffset"), "it lies outside the media"),
        Outside::End => value(&member("EndTimeOffset"), "it does not lie after the start"),
        Outside::Nothing => value(&member("EndTimeOffset"), "no whole segment ends before it"),
    })?;
    Ok(Taken { input, range })
}

/// The metadata of an answer: what the documentation says is 0, is.
fn shown(meta: &crate::probe::MetaData) -> MediaMetaData {
    let meta = render::meta_data(meta);
    MediaMetaData { size: 0, rotate: 0, video_duration: 0.0, audio_duration: 0.0, ..meta }
}

fn check_on(application: &Application) -> Result<(), ClipError> {
    match application.status {
        ApplicationStatus::On => Ok(()),
        ApplicationStatus::Off | ApplicationStatus::Destroyed => {
            Err(ClipError::ApplicationOff(application.id))
        }
    }
}

fn value(member: &str, reason: &str) -> ClipError {
    ClipError::Value { member: member.to_owned(), reason: reason.to_owned() }
}
