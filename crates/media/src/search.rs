//! SearchMedia and DescribeStorageData: what the listings of media say.
//!
//! Undocumented is what "fuzzy" means. Here a name or description matches if it contains the value as
//! it is written, whatever the case; a search for words that are apart would need a list of a
//! language's words, and most names here have none.

use std::collections::HashMap;

use model::{AppId, FileId, limits};
use queue::listing::{Condition, Field, Order};
use queue::{RecordKind, SearchQuery, TallyQuery};
use wire::action::MediaSearch;
use wire::reply::{MediaInfo, SearchMediaReply, StorageDataReply, StorageStat};

use crate::describe::Blocks;
use crate::error::{Fault, SearchError};
use crate::library::Library;
use crate::listing::{self, number, text, word};
use crate::record::{self, Media};

/// The only storage class of files here.
pub(crate) const STANDARD: &str = "STANDARD";
/// The documented values of members that have a list of them.
const CATEGORIES: &[&str] = &["Video", "Audio", "Image"];
const SOURCES: &[&str] =
    &["Record", "Upload", "VideoProcessing", "TrtcRecord", "WebPageRecord", "Unknown"];
const STATUS: &[&str] = &["Normal", "SystemForbidden", "Forbidden"];
const STORAGE_CLASSES: &[&str] = &[STANDARD, "STANDARD_IA", "ARCHIVE", "DEEP_ARCHIVE"];
const REVIEW_RESULTS: &[&str] = &["pass", "review", "block", NOT_MODERATED];
/// What every file here is.
const NOT_MODERATED: &str = "notModerated";
/// Milliseconds that a time in whole seconds stands for.
const SECOND: i64 = 999;
/// Records read at once: each may have some kilobytes.
const PAGE: usize = 500;

/// The regions in mainland China that do not begin with one of these are none of Tencent's.
const MAINLAND: &[&str] = &[
    "ap-beijing",
    "ap-chengdu",
    "ap-chongqing",
    "ap-fuzhou",
    "ap-guangzhou",
    "ap-hangzhou",
    "ap-hefei",
    "ap-jinan",
    "ap-nanjing",
    "ap-qingyuan",
    "ap-shanghai",
    "ap-shenyang",
    "ap-shenzhen",
    "ap-shijiazhuang",
    "ap-tianjin",
    "ap-wuhan",
    "ap-xian",
    "ap-xibei",
    "ap-zhengzhou",
    "ap-zhongwei",
];

impl Library {
    /// Searches an application's media.
    pub async fn search(
        &self,
        app: AppId,
        request: &MediaSearch,
    ) -> Result<SearchMediaReply, SearchError> {
        let blocks = Blocks::of(&request.filters).map_err(|filter| SearchError::Member {
            member: "Filters",
            reason: format!("`{filter}` is no filter"),
        })?;
        check(request)?;
        let (offset, limit) = page(request)?;
        let Some(conditions) = self.conditions(app, request).await? else {
            return Ok(SearchMediaReply { total_count: 0, media_info_set: Vec::new() });
        };
        let is_ranked = conditions.iter().any(|c| matches!(c, Condition::Contains(..)));
        let order = if is_ranked {
            Order::Match
        } else if request.ascending {
            Order::Oldest
        } else {
            Order::Newest
        };
        let query = SearchQuery {
            kind: RecordKind::Media,
            app,
            conditions,
            order,
            offset,
            limit,
            count_max: limits::SEARCH_HITS_MAX,
        };
        let found = self.backend.search(query).await.map_err(Fault::from)?;
        let media_info_set = self.infos(app, &found.ids, blocks).await?;
        Ok(SearchMediaReply { total_count: found.total, media_info_set })
    }

    /// What a request asks for; none: no file can meet it.
    async fn conditions(
        &self,
        app: AppId,
        request: &MediaSearch,
    ) -> Result<Option<Vec<Condition>>, Fault> {
        let lacks = |values: &[String], value: &str| {
            !values.is_empty() && !values.iter().any(|other| other == value)
        };
        if request.beyond
            || lacks(&request.storage_classes, STANDARD)
            || lacks(&request.review_results, NOT_MODERATED)
        {
            return Ok(None);
        }
        let mut all = times(request, self.now().0);
        if !request.file_ids.is_empty() {
            all.push(Condition::Id(request.file_ids.clone()));
        }
        if !request.class_ids.is_empty() {
            let classes = self.with_subclasses(app, &request.class_ids).await?;
            let words = classes.iter().map(ToString::to_string).collect();
            all.push(Condition::Word(word::CLASS, words));
        }
        let types: Vec<String> =
            request.media_types.iter().map(|value| value.to_ascii_lowercase()).collect();
        let words: [(Field, &[String]); 7] = [
            (word::TAG, &request.tags),
            (word::CATEGORY, &request.categories),
            (word::SOURCE, &request.source_types),
            (word::STREAM, &request.stream_ids),
            (word::MEDIA_TYPE, &types),
            (word::STATUS, &request.status),
            (word::REGION, &request.storage_regions),
        ];
        for (field, values) in words {
            if !values.is_empty() {
                all.push(Condition::Word(field, values.to_vec()));
            }
        }
        let folded = |values: &[String]| values.iter().map(|v| listing::folded(v)).collect();
        if !request.name_prefixes.is_empty() {
            all.push(Condition::Prefix(text::NAME, folded(&request.name_prefixes)));
        }
        let texts: [(&[Field], &[String]); 3] = [
            (&[text::NAME], &request.names),
            (&[text::DESCRIPTION], &request.descriptions),
            (&[text::NAME, text::DESCRIPTION], std::slice::from_ref(&request.text)),
        ];
        for (fields, values) in texts {
            if values.iter().any(|value| !value.is_empty()) {
                all.push(Condition::Contains(fields.to_vec(), folded(values)));
            }
        }
        Ok(Some(all))
    }

    /// What is shown of these files, in this order; those that went meanwhile are left out.
    async fn infos(
        &self,
        app: AppId,
        ids: &[String],
        blocks: Blocks<'_>,
    ) -> Result<Vec<MediaInfo>, Fault> {
        let mut found: Vec<(FileId, Media)> = Vec::with_capacity(ids.len());
        for ids in ids.chunks(PAGE) {
            let files: Vec<FileId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            let keys = files.iter().map(|file| record::media_key(app, *file)).collect();
            for (file, record) in files.into_iter().zip(self.backend.get(keys).await?) {
                if let Some(record) = record {
                    found.push((file, record::read(&record)?));
                }
            }
        }
        let classes = found.iter().map(|(_, media)| media.about.class_id);
        let labels = self.labels(app, classes).await?;
        let info = |(file, media): (FileId, Media)| {
            blocks.info(&self.settings, file, &media, labels.get(&media.about.class_id))
        };
        Ok(found.into_iter().map(info).collect())
    }

    /// How much an application stores.
    pub async fn storage_data(&self, app: AppId) -> Result<StorageDataReply, Fault> {
        let query =
            TallyQuery { kind: RecordKind::Media, app, by: word::REGION, sum: number::BYTES };
        let (mut count, mut bytes) = (0, HashMap::new());
        for tally in self.backend.tally(query).await? {
            count += tally.count;
            let is_inside = MAINLAND.iter().any(|region| tally.word.starts_with(region));
            *bytes.entry(is_inside).or_insert(0) += u64::try_from(tally.sum).unwrap_or(0);
        }
        let area = |inside, name| StorageStat::new(name, bytes.get(&inside).copied().unwrap_or(0));
        let areas = vec![area(true, "Chinese Mainland"), area(false, "Outside Chinese Mainland")];
        Ok(StorageDataReply::new(count, areas))
    }
}

/// The conditions on time. Shown times have whole seconds, so a file of the last second is in.
fn times(request: &MediaSearch, now: i64) -> Vec<Condition> {
    let mut all = Vec::new();
    let created = &request.create_time;
    let before = created.before.map(|before| before.0.saturating_add(SECOND));
    let before = before.or(request.end_time.map(|end| end.0.saturating_sub(1)));
    if created.after.is_some() || before.is_some() {
        let from = created.after.map_or(i64::MIN, |after| after.0);
        all.push(Condition::At(from, before.unwrap_or(i64::MAX)));
    }
    let expire = &request.expire_time;
    if expire.after.is_some() || expire.before.is_some() {
        // what has expired is not found by its end (documented), though it may not be gone yet
        let from = expire.after.map_or(now, |after| after.0.max(now));
        let to = expire.before.map_or(i64::MAX, |before| before.0.saturating_add(SECOND));
        all.push(Condition::Number(number::EXPIRE, from, to));
    }
    all
}

/// Offset and Limit.
fn page(request: &MediaSearch) -> Result<(usize, usize), SearchError> {
    let max = limits::SEARCH_HITS_MAX;
    let offset = usize::try_from(request.offset).unwrap_or(usize::MAX);
    let limit = request
        .limit
        .map_or(limits::SEARCH_PAGE, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    if offset.saturating_add(limit) > max {
        let reason = format!("Offset and Limit together exceed {max}");
        return Err(SearchError::Member { member: "Offset", reason });
    }
    Ok((offset, limit))
}

/// The documented numbers and values.
fn check(request: &MediaSearch) -> Result<(), SearchError> {
    let many = |member, count: usize, max: usize| {
        let reason = format!("it holds more than {max} values");
        if count > max { Err(SearchError::Member { member, reason }) } else { Ok(()) }
    };
    let bounded = |member, values: &[String], max: usize, chars: usize| {
        many(member, values.len(), max)?;
        let reason = format!("a value is longer than {chars} characters");
        let long = values.iter().any(|value| value.chars().count() > chars);
        if long { Err(SearchError::Member { member, reason }) } else { Ok(()) }
    };
    let known = |member, values: &[String], list: &[&str]| {
        let unknown = values.iter().find(|value| !list.contains(&value.as_str()));
        let error = |value: &String| {
            let reason = format!("`{value}` is none of its values");
            Err(SearchError::Member { member, reason })
        };
        unknown.map_or(Ok(()), error)
    };
    let (list, text) = (limits::SEARCH_VALUES_MAX, limits::SEARCH_TEXT_CHARS_MAX);
    bounded("FileIds", &request.file_ids, list, limits::SEARCH_FILE_ID_CHARS_MAX)?;
    bounded("Names", &request.names, list, text)?;
    bounded("NamePrefixes", &request.name_prefixes, list, text)?;
    bounded("Descriptions", &request.descriptions, list, text)?;
    bounded("Tags", &request.tags, limits::MEDIA_TAGS_MAX, limits::MEDIA_TAG_CHARS_MAX)?;
    bounded("StreamIds", &request.stream_ids, list + 1, text)?;
    let regions = limits::SEARCH_REGIONS_MAX;
    bounded("StorageRegions", &request.storage_regions, regions, regions)?;
    bounded("MediaTypes", &request.media_types, list, text)?;
    let legacy = std::slice::from_ref(&request.text);
    bounded("Text", legacy, 1, limits::SEARCH_LEGACY_TEXT_CHARS_MAX)?;
    many("ClassIds", request.class_ids.len(), list)?;
    many("SourceTypes", request.source_types.len(), list + 1)?;
    known("SourceTypes", &request.source_types, SOURCES)?;
    known("Categories", &request.categories, CATEGORIES)?;
    known("Status", &request.status, STATUS)?;
    known("StorageClasses", &request.storage_classes, STORAGE_CLASSES)?;
    known("ReviewResults", &request.review_results, REVIEW_RESULTS)
}
