//! DescribeMediaInfos: what is known of some files.

use model::{AppId, FileId, limits};
use queue::RecordKey;
use wire::reply::{MediaBlocks, MediaInfo, MediaInfosReply};

use crate::classes::Label;
use crate::error::{DescribeError, Fault};
use crate::library::Library;
use crate::record::{self, Media};
use crate::settings::Settings;
use crate::{render, subtitles};

/// The documented filters. Those that no constant names ask for blocks of tasks that nothing here runs.
const FILTERS: [&str; 14] = [
    BASIC,
    META,
    TRANSCODE,
    "animatedGraphicsInfo",
    "imageSpriteInfo",
    "snapshotByTimeOffsetInfo",
    "sampleSnapshotInfo",
    KEY_FRAME,
    "adaptiveDynamicStreamingInfo",
    "miniProgramReviewInfo",
    SUBTITLE,
    "reviewInfo",
    "mpsAiMediaInfo",
    "knowledgeBasesInfo",
];
const BASIC: &str = "basicInfo";
const META: &str = "metaData";
const TRANSCODE: &str = "transcodeInfo";
const KEY_FRAME: &str = "keyFrameDescInfo";
const SUBTITLE: &str = "subtitleInfo";

/// The blocks that a caller wants, by their filters; none: all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks<'a>(&'a [String]);

impl<'a> Blocks<'a> {
    /// Those of these filters. The error is a filter that is not documented.
    pub(crate) fn of(filters: &'a [String]) -> Result<Self, String> {
        let unknown = filters.iter().find(|filter| !FILTERS.contains(&filter.as_str()));
        unknown.map_or(Ok(Self(filters)), |unknown| Err(unknown.clone()))
    }

    fn want(self, filter: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|wanted| wanted == filter)
    }

    /// A file with these blocks; no `label`: it is filed nowhere.
    pub(crate) fn info(
        self,
        settings: &Settings,
        file: FileId,
        media: &Media,
        label: Option<&Label>,
    ) -> MediaInfo {
        let label = label.cloned().unwrap_or_default();
        let basic = || render::basic_info(settings, file, media, &label);
        let blocks = MediaBlocks {
            basic_info: self.want(BASIC).then(basic),
            meta_data: media.meta.as_ref().filter(|_| self.want(META)).map(render::meta_data),
            transcode_info: self
                .want(TRANSCODE)
                .then(|| render::transcodes(settings, media))
                .flatten(),
            key_frame_desc_info: self.want(KEY_FRAME).then(|| render::key_frames(media)).flatten(),
            subtitle_info: self.want(SUBTITLE).then(|| subtitles::info(settings, media)).flatten(),
        };
        MediaInfo::new(file, blocks)
    }
}

impl Library {
    /// What is known of the files with these ids, as sent. An id that is none of ours, or no id at
    /// all, names a file that does not exist, which is no error. Repeated ids count once.
    pub async fn describe(
        &self,
        app: AppId,
        ids: &[String],
        filters: &[String],
    ) -> Result<MediaInfosReply, DescribeError> {
        if ids.is_empty() {
            return Err(DescribeError::Empty);
        }
        if ids.len() > limits::DESCRIBE_MEDIA_MAX {
            return Err(DescribeError::TooMany(limits::DESCRIBE_MEDIA_MAX));
        }
        let blocks = Blocks::of(filters).map_err(DescribeError::UnknownFilter)?;
        let mut seen: Vec<&String> = Vec::with_capacity(ids.len());
        for id in ids {
            if !seen.contains(&id) {
                seen.push(id);
            }
        }
        let files: Vec<Option<FileId>> = seen.iter().map(|id| id.parse().ok()).collect();
        let found = self.media(app, &files).await?;
        let classes = found.iter().flatten().map(|media| media.about.class_id);
        let labels = self.labels(app, classes).await?;
        let mut found = found.into_iter();
        let (mut infos, mut missing) = (Vec::new(), Vec::new());
        for (id, file) in seen.into_iter().zip(files) {
            match (file, file.and_then(|_| found.next().flatten())) {
                (Some(file), Some(media)) => {
                    let label = labels.get(&media.about.class_id);
                    infos.push(blocks.info(&self.settings, file, &media, label));
                }
                _ => missing.push(id.clone()),
            }
        }
        Ok(MediaInfosReply { media_info_set: infos, not_exist_file_id_set: missing })
    }

    /// The media of those files that are ids, in order.
    async fn media(
        &self,
        app: AppId,
        files: &[Option<FileId>],
    ) -> Result<Vec<Option<Media>>, Fault> {
        let keys: Vec<RecordKey> =
            files.iter().flatten().map(|file| record::media_key(app, *file)).collect();
        let found = self.backend.get(keys).await?;
        found.iter().map(|found| Ok(found.as_ref().map(record::read).transpose()?)).collect()
    }
}
