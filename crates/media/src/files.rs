//! ListFiles: the stored files of an application by their keys, as a bucket lists them.
//!
//! Only applications that name files by path have it (documented). What was uploaded and not committed
//! is not shown: it belongs to no media yet.

use std::collections::HashMap;

use model::{Application, FileId, Naming, limits};
use queue::{Record, RecordKey, RecordKind, RecordQuery};
use wire::action::ListFiles;
use wire::reply::{FileContent, ListFilesReply};

use crate::catalogue;
use crate::error::{Fault, ListError};
use crate::library::Library;
use crate::record::{self, Media, Object};
use crate::search::STANDARD;

/// Records read at once.
const PAGE: usize = 200;
/// Pages that one call reads: one for each directory that it may list, and some for what lies between
/// files and is not shown. Beyond them its own page is short.
const PAGES_MAX: usize = 150;
/// Behind every key that goes on from what stands before it.
const LAST: char = char::MAX;

/// What is on a page so far.
#[derive(Default)]
struct Listed {
    prefixes: Vec<String>,
    contents: Vec<FileContent>,
    /// The last key that was looked at, or what is behind the last directory.
    last: String,
}

/// What a key is to a page.
enum Entry {
    Directory(String),
    File(FileContent),
}

impl Library {
    /// A page of files, in the order of their keys.
    pub async fn list_files(
        &self,
        application: &Application,
        request: &ListFiles,
    ) -> Result<ListFilesReply, ListError> {
        if application.naming != Naming::Path {
            return Err(ListError::NamedByFileId(application.id));
        }
        let max = check(request)?;
        let mut listed = Listed { last: start(request), ..Listed::default() };
        let mut first = Some(request.prefix.clone()).filter(|prefix| *prefix > request.marker);
        for _ in 0..PAGES_MAX {
            let (records, more) = self.objects_after(application, &mut first, &listed.last).await?;
            let committed = self.committed(application, &records).await?;
            for found in records {
                let key = &found.key.id;
                if !key.starts_with(&request.prefix) {
                    return Ok(listed.reply(false));
                }
                if listed.covers(key) {
                    continue;
                }
                let entry = match committed.get(&found.key.id) {
                    Some(subtitle) => entry(&found, subtitle, request)?,
                    None => None,
                };
                match entry {
                    Some(_) if listed.len() == max => return Ok(listed.reply(true)),
                    Some(entry) => listed.add(entry),
                    None => listed.last.clone_from(key),
                }
            }
            if !more {
                return Ok(listed.reply(false));
            }
        }
        Ok(listed.reply(true))
    }

    /// Objects behind a key. The first time the one whose key is the prefix comes too.
    async fn objects_after(
        &self,
        application: &Application,
        first: &mut Option<String>,
        last: &str,
    ) -> Result<(Vec<Record>, bool), Fault> {
        let key = |id: String| RecordKey { kind: RecordKind::Object, app: application.id, id };
        let mut records = Vec::new();
        if let Some(prefix) = first.take() {
            let found = self.backend.get(vec![key(prefix)]).await?;
            records.extend(found.into_iter().flatten());
        }
        let query = RecordQuery {
            kind: RecordKind::Object,
            app: Some(application.id),
            term: None,
            after: Some(key(last.to_owned())),
            limit: PAGE,
        };
        let page = self.backend.find(query).await?;
        records.extend(page.records);
        Ok((records, page.more))
    }

    /// Those of these objects, by key, that belong to a media; what is a subtitle has its id, all else
    /// an empty text.
    async fn committed(
        &self,
        application: &Application,
        records: &[Record],
    ) -> Result<HashMap<String, String>, Fault> {
        let mut files: Vec<FileId> = Vec::new();
        let mut of_key = HashMap::new();
        for found in records {
            let object: Object = record::read(found)?;
            files.push(object.file);
            of_key.insert(found.key.id.clone(), object.file);
        }
        files.sort_unstable();
        files.dedup();
        let keys = files.iter().map(|file| record::media_key(application.id, *file)).collect();
        let found = self.backend.get(keys).await?;
        let mut known: HashMap<FileId, Media> = HashMap::new();
        for (file, found) in files.into_iter().zip(found) {
            if let Some(found) = found {
                known.insert(file, record::read(&found)?);
            }
        }
        let subtitle = |(key, file): (String, FileId)| {
            let of = known.get(&file)?.subtitles.iter().find(|subtitle| subtitle.key == key);
            Some((key, of.map(|subtitle| subtitle.id.clone()).unwrap_or_default()))
        };
        Ok(of_key.into_iter().filter_map(subtitle).collect())
    }
}

impl Listed {
    fn len(&self) -> usize {
        self.prefixes.len() + self.contents.len()
    }

    /// Whether a key is in a directory that is listed already.
    fn covers(&self, key: &str) -> bool {
        self.last.ends_with(LAST) && key < self.last.as_str()
    }

    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Directory(directory) => {
                self.last = format!("{directory}{LAST}");
                self.prefixes.push(directory);
            }
            Entry::File(content) => {
                self.last.clone_from(&content.key);
                self.contents.push(content);
            }
        }
    }

    fn reply(self, is_truncated: bool) -> ListFilesReply {
        let next =
            if is_truncated { self.last.trim_end_matches(LAST).to_owned() } else { String::new() };
        ListFilesReply {
            is_truncated,
            next_marker: next,
            common_prefixes: self.prefixes,
            contents: self.contents,
        }
    }
}

/// What a stored file is to the page; none: its category is not asked for.
fn entry(found: &Record, subtitle: &str, request: &ListFiles) -> Result<Option<Entry>, Fault> {
    let key = &found.key.id;
    let (prefix, delimiter) = (request.prefix.len(), &request.delimiter);
    let rest = key.get(prefix..).unwrap_or_default();
    if let Some(end) = rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
        let directory = key.get(..prefix + end + delimiter.len()).unwrap_or_default();
        return Ok(Some(Entry::Directory(directory.to_owned())));
    }
    let extension = key.rsplit_once('.').map_or("", |(_, extension)| extension);
    let category = catalogue::category(&extension.to_ascii_lowercase());
    let category = category.map_or("Other", catalogue::Category::name);
    if !request.categories.is_empty() && !request.categories.iter().any(|c| c == category) {
        return Ok(None);
    }
    let object: Object = record::read(found)?;
    Ok(Some(Entry::File(FileContent {
        key: key.clone(),
        last_modified: object.at,
        etag: format!("\"{}\"", object.etag),
        size: object.size,
        storage_class: STANDARD,
        file_id: object.file,
        category,
        file_type: if subtitle.is_empty() { "OriginalFiles" } else { "SubtitleFiles" },
        definition: 0,
        subtitle_id: subtitle.to_owned(),
    })))
}

/// The key behind which the page begins. A marker that is a directory stands for all that is in it.
fn start(request: &ListFiles) -> String {
    let marker = &request.marker;
    let is_directory = !request.delimiter.is_empty()
        && marker.len() > request.prefix.len()
        && marker.ends_with(&request.delimiter);
    if is_directory { format!("{marker}{LAST}") } else { marker.max(&request.prefix).clone() }
}

fn check(request: &ListFiles) -> Result<usize, ListError> {
    let value = |member, reason| Err(ListError::Value { member, reason });
    if request.delimiter.chars().count() > 1 {
        return value("Delimiter", "it is longer than one character");
    }
    if request.categories.iter().any(|c| !matches!(c.as_str(), "Video" | "Audio" | "Image")) {
        return value("Categories", "a value is none of Video, Audio and Image");
    }
    let max = limits::LIST_FILES_MAX;
    let asked = request.max_keys.map_or(Ok(max), usize::try_from);
    match asked {
        Ok(asked) if (1..=max).contains(&asked) => Ok(asked),
        _ => value("MaxKeys", "it is not between 1 and 100"),
    }
}
