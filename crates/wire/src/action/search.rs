//! SearchMedia, ListFiles and DescribeStorageData: requests that look over a whole library. Lengths and
//! values that have a list of their own are judged where the files are.

use model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{ApiError, Code};

/// A time range as it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// Not earlier than this.
    pub after: Option<Timestamp>,
    /// Not later than this.
    pub before: Option<Timestamp>,
}

/// Searches the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchMedia {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
    /// What is looked for; on the heap, because it is far larger than other requests.
    pub search: Box<MediaSearch>,
}

/// What is looked for. What is empty asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaSearch {
    /// FileIds.
    pub file_ids: Vec<String>,
    /// Parts of names.
    pub names: Vec<String>,
    /// Beginnings of names.
    pub name_prefixes: Vec<String>,
    /// Parts of descriptions.
    pub descriptions: Vec<String>,
    /// Classes, each with those below it.
    pub class_ids: Vec<i64>,
    /// Tags.
    pub tags: Vec<String>,
    /// `Video`, `Audio`, `Image`.
    pub categories: Vec<String>,
    /// SourceTypes; the deprecated SourceType is one more of them.
    pub source_types: Vec<String>,
    /// StreamIds; the deprecated StreamId is one more of them.
    pub stream_ids: Vec<String>,
    /// When a file was created.
    pub create_time: TimeRange,
    /// The deprecated EndTime: a file must have been created before it. CreateTime.Before wins.
    pub end_time: Option<Timestamp>,
    /// When a file will be deleted.
    pub expire_time: TimeRange,
    /// StorageRegions.
    pub storage_regions: Vec<String>,
    /// StorageClasses.
    pub storage_classes: Vec<String>,
    /// Extensions.
    pub media_types: Vec<String>,
    /// `Normal`, `Forbidden`, `SystemForbidden`.
    pub status: Vec<String>,
    /// `pass`, `review`, `block`, `notModerated`.
    pub review_results: Vec<String>,
    /// Whether there is a condition that no file here can meet: on recordings of TRTC, on the domain
    /// or path of a live stream, on knowledge bases.
    pub beyond: bool,
    /// The blocks that are wanted; empty: all.
    pub filters: Vec<String>,
    /// Whether the earliest come first.
    pub ascending: bool,
    /// How many to pass over.
    pub offset: u64,
    /// How many to answer.
    pub limit: Option<u64>,
    /// A part of names or descriptions (deprecated).
    pub text: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawRange {
    after: String,
    before: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawSort {
    field: String,
    order: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawSearch {
    sub_app_id: Option<u64>,
    file_ids: Vec<String>,
    names: Vec<String>,
    name_prefixes: Vec<String>,
    descriptions: Vec<String>,
    class_ids: Vec<i64>,
    tags: Vec<String>,
    categories: Vec<String>,
    source_types: Vec<String>,
    stream_ids: Vec<String>,
    create_time: RawRange,
    expire_time: RawRange,
    storage_regions: Vec<String>,
    storage_classes: Vec<String>,
    media_types: Vec<String>,
    status: Vec<String>,
    review_results: Vec<String>,
    trtc_sdk_app_ids: Vec<u64>,
    trtc_room_ids: Vec<String>,
    stream_domains: Vec<String>,
    stream_paths: Vec<String>,
    knowledge_bases: Vec<String>,
    filters: Vec<String>,
    sort: Option<RawSort>,
    offset: u64,
    limit: Option<u64>,
    text: String,
    source_type: String,
    stream_id: String,
    start_time: String,
    end_time: String,
}

impl SearchMedia {
    /// # Errors
    /// `InvalidParameterValue` for a time that is none, `.StartTime` and `.EndTime` for those;
    /// `InvalidParameterValue.Sort` for a Field other than `CreateTime` or an Order other than `Asc`
    /// and `Desc`.
    pub(super) fn from_tree(tree: Map<String, Value>) -> Result<Self, ApiError> {
        let raw: RawSearch = super::typed(tree)?;
        let ascending = raw.sort.as_ref().map_or(Ok(false), ascending)?;
        let mut create_time = range("CreateTime", &raw.create_time)?;
        let (start, end) = (Some(raw.start_time.as_str()), Some(raw.end_time.as_str()));
        let start = super::time(Code::InvalidParameterValueStartTime, "StartTime", start)?;
        let end_time = super::time(Code::InvalidParameterValueEndTime, "EndTime", end)?;
        create_time.after = create_time.after.or(start);
        let beyond = !raw.trtc_sdk_app_ids.is_empty()
            || [&raw.trtc_room_ids, &raw.stream_domains, &raw.stream_paths, &raw.knowledge_bases]
                .iter()
                .any(|values| values.iter().any(|value| !value.is_empty()));
        let search = MediaSearch {
            file_ids: filled(raw.file_ids),
            names: filled(raw.names),
            name_prefixes: filled(raw.name_prefixes),
            descriptions: filled(raw.descriptions),
            class_ids: raw.class_ids,
            tags: filled(raw.tags),
            categories: filled(raw.categories),
            source_types: filled(with(raw.source_types, raw.source_type)),
            stream_ids: filled(with(raw.stream_ids, raw.stream_id)),
            create_time,
            end_time: end_time.filter(|_| create_time.before.is_none()),
            expire_time: range("ExpireTime", &raw.expire_time)?,
            storage_regions: filled(raw.storage_regions),
            storage_classes: filled(raw.storage_classes),
            media_types: filled(raw.media_types),
            status: filled(raw.status),
            review_results: filled(raw.review_results),
            beyond,
            filters: raw.filters,
            ascending,
            offset: raw.offset,
            limit: raw.limit,
            text: raw.text,
        };
        Ok(Self { sub_app_id: raw.sub_app_id, search: Box::new(search) })
    }
}

/// The values without the empty ones: callers send those for members that they do not use.
fn filled(mut values: Vec<String>) -> Vec<String> {
    values.retain(|value| !value.is_empty());
    values
}

fn with(mut values: Vec<String>, one_more: String) -> Vec<String> {
    values.push(one_more);
    values
}

fn ascending(sort: &RawSort) -> Result<bool, ApiError> {
    let refuse = |name, value: &str| {
        ApiError::invalid_value(name, value).coded(Code::InvalidParameterValueSort)
    };
    if !matches!(sort.field.as_str(), "" | "CreateTime") {
        return Err(refuse("Sort.Field", &sort.field));
    }
    match sort.order.as_str() {
        "Asc" => Ok(true),
        "" | "Desc" => Ok(false),
        other => Err(refuse("Sort.Order", other)),
    }
}

fn range(name: &str, raw: &RawRange) -> Result<TimeRange, ApiError> {
    let code = Code::InvalidParameterValue;
    Ok(TimeRange {
        after: super::time(code, &format!("{name}.After"), Some(&raw.after))?,
        before: super::time(code, &format!("{name}.Before"), Some(&raw.before))?,
    })
}

/// Lists files by their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListFiles {
    /// SubAppId, required here.
    pub sub_app_id: u64,
    /// Only keys that begin with this.
    pub prefix: String,
    /// What ends a directory; empty: keys are not grouped.
    pub delimiter: String,
    /// How many entries to answer.
    pub max_keys: Option<i64>,
    /// Only keys behind this one.
    pub marker: String,
    /// `Video`, `Audio`, `Image`; empty: all files.
    pub categories: Vec<String>,
}

/// Asks how much is stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStorageData {
    /// SubAppId.
    pub sub_app_id: Option<u64>,
}

super::plain_requests!(ListFiles DescribeStorageData);
