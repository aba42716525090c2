//! DescribeMediaInfos: what is known of some files.

use model::{AppId, FileId, limits};
use queue::RecordKey;
use wire::reply::{MediaInfo, MediaInfosReply};

use crate::classes::Label;
use crate::error::{DescribeError, Fault};
use crate::library::Library;
use crate::record::{self, Media};
use crate::render;
use crate::settings::Settings;

/// The documented filters; all but the first two name blocks of tasks that nothing here runs.
const FILTERS: [&str; 14] = [
    "basicInfo",
    "metaData",
    "transcodeInfo",
    "animatedGraphicsInfo",
    "imageSpriteInfo",
    "snapshotByTimeOffsetInfo",
    "sampleSnapshotInfo",
    "keyFrameDescInfo",
    "adaptiveDynamicStreamingInfo",
    "miniProgramReviewInfo",
    "subtitleInfo",
    "reviewInfo",
    "mpsAiMediaInfo",
    "knowledgeBasesInfo",
];

/// The blocks that a caller wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    basic: bool,
    meta: bool,
}

impl Blocks {
    /// Those of these filters; none: all. The error is a filter that is not documented.
    pub(crate) fn of(filters: &[String]) -> Result<Self, String> {
        if let Some(unknown) = filters.iter().find(|filter| !FILTERS.contains(&filter.as_str())) {
            return Err(unknown.clone());
        }
        let wants = |filter: &str| filters.is_empty() || filters.iter().any(|f| f == filter);
        Ok(Self { basic: wants("basicInfo"), meta: wants("metaData") })
    }

    /// A file with these blocks; no `label`: it is filed nowhere.
    pub(crate) fn info(
        self,
        settings: &Settings,
        file: FileId,
        media: &Media,
        label: Option<&Label>,
    ) -> MediaInfo {
        let basic = self.basic.then(|| {
            let label = label.cloned().unwrap_or_default();
            render::basic_info(settings, file, media, &label)
        });
        let meta = media.meta.as_ref().filter(|_| self.meta).map(render::meta_data);
        MediaInfo::new(file, basic, meta)
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
