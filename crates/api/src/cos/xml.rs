//! The XML documents of the COS surface, in and out.

use media::{NamedPart, PartRow, UploadRow};
use model::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::error::CosError;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
/// What `encoding-type=url` and a Location leave alone.
const URL: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

#[derive(Deserialize)]
struct CompleteMultipartUpload {
    #[serde(rename = "Part", default)]
    parts: Vec<NamedPartXml>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NamedPartXml {
    part_number: u32,
    #[serde(rename = "ETag")]
    etag: String,
}

/// The parts that a Complete names; ETags with or without their quotes.
pub(super) fn named_parts(text: &str) -> Result<Vec<NamedPart>, CosError> {
    let read: CompleteMultipartUpload = quick_xml::de::from_str(text).map_err(|error| {
        tracing::debug!(%error, "a Complete could not be read");
        CosError::bad("MalformedXML", "The XML you provided was not well-formed.")
    })?;
    let named = |part: NamedPartXml| {
        (part.part_number, part.etag.trim().trim_matches('"').to_ascii_lowercase())
    };
    Ok(read.parts.into_iter().map(named).collect())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorXml<'a> {
    code: &'a str,
    message: &'a str,
    resource: &'a str,
    request_id: &'a str,
    trace_id: &'a str,
}

/// An error.
pub(super) fn error(code: &str, message: &str, resource: &str, request_id: &str) -> String {
    let trace_id = request_id;
    write("Error", &ErrorXml { code, message, resource, request_id, trace_id })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Initiated<'a> {
    bucket: &'a str,
    key: &'a str,
    upload_id: &'a str,
}

/// The answer to Initiate.
pub(super) fn initiated(bucket: &str, key: &str, upload_id: &str) -> String {
    write("InitiateMultipartUploadResult", &Initiated { bucket, key, upload_id })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Completed<'a> {
    location: String,
    bucket: &'a str,
    key: &'a str,
    #[serde(rename = "ETag")]
    etag: String,
}

/// The answer to Complete, sent to `origin`; the Python SDK insists on the ETag.
pub(super) fn completed(origin: &str, bucket: &str, key: &str, etag: &str) -> String {
    let etag = format!("\"{etag}\"");
    let location = format!("{origin}/{}", utf8_percent_encode(key, URL));
    write("CompleteMultipartUploadResult", &Completed { location, bucket, key, etag })
}

/// A page of incomplete uploads, and what was asked for.
#[derive(Debug)]
pub(super) struct UploadsPage<'a> {
    pub bucket: &'a str,
    pub prefix: &'a str,
    pub delimiter: &'a str,
    pub key_marker: &'a str,
    pub upload_id_marker: &'a str,
    pub max: usize,
    pub rows: &'a [UploadRow],
    pub truncated: bool,
    /// `encoding-type=url`: keys are percent-encoded.
    pub encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the fields are named as on the wire")]
struct Uploads<'a> {
    bucket: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_type: Option<&'a str>,
    key_marker: String,
    upload_id_marker: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_key_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_upload_id_marker: Option<&'a str>,
    max_uploads: usize,
    is_truncated: bool,
    prefix: String,
    delimiter: &'a str,
    upload: Vec<UploadXml<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UploadXml<'a> {
    key: String,
    upload_id: &'a str,
    storage_class: &'a str,
    initiated: String,
}

/// The answer to List Multipart Uploads.
pub(super) fn uploads(page: &UploadsPage<'_>) -> String {
    let spell = |text: &str| {
        if page.encoded { utf8_percent_encode(text, URL).to_string() } else { text.to_owned() }
    };
    let last = page.rows.last().filter(|_| page.truncated);
    let document = Uploads {
        bucket: page.bucket,
        encoding_type: page.encoded.then_some("url"),
        key_marker: spell(page.key_marker),
        upload_id_marker: page.upload_id_marker,
        next_key_marker: last.map(|row| spell(&row.key)),
        next_upload_id_marker: last.map(|row| row.id.as_str()),
        max_uploads: page.max,
        is_truncated: page.truncated,
        prefix: spell(page.prefix),
        delimiter: page.delimiter,
        upload: page
            .rows
            .iter()
            .map(|row| UploadXml {
                key: spell(&row.key),
                upload_id: &row.id,
                storage_class: "STANDARD",
                initiated: time(row.at),
            })
            .collect(),
    };
    write("ListMultipartUploadsResult", &document)
}

/// A page of parts, and what was asked for.
#[derive(Debug)]
pub(super) struct PartsPage<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
    pub upload_id: &'a str,
    pub marker: u32,
    pub max: usize,
    pub rows: &'a [PartRow],
    pub truncated: bool,
    /// `encoding-type=url`: the key is percent-encoded.
    pub encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the fields are named as on the wire")]
struct Parts<'a> {
    bucket: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_type: Option<&'a str>,
    key: String,
    upload_id: &'a str,
    storage_class: &'a str,
    part_number_marker: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_part_number_marker: Option<u32>,
    max_parts: usize,
    is_truncated: bool,
    part: Vec<PartXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PartXml {
    part_number: u32,
    last_modified: String,
    #[serde(rename = "ETag")]
    etag: String,
    size: u64,
}

/// The answer to List Parts.
pub(super) fn parts(page: &PartsPage<'_>) -> String {
    let key = if page.encoded {
        utf8_percent_encode(page.key, URL).to_string()
    } else {
        page.key.to_owned()
    };
    let document = Parts {
        bucket: page.bucket,
        encoding_type: page.encoded.then_some("url"),
        key,
        upload_id: page.upload_id,
        storage_class: "STANDARD",
        part_number_marker: page.marker,
        next_part_number_marker: page.rows.last().filter(|_| page.truncated).map(|row| row.number),
        max_parts: page.max,
        is_truncated: page.truncated,
        part: page
            .rows
            .iter()
            .map(|row| PartXml {
                part_number: row.number,
                last_modified: time(row.at),
                etag: format!("\"{}\"", row.etag),
                size: row.size,
            })
            .collect(),
    };
    write("ListPartsResult", &document)
}

/// COS writes whole seconds with milliseconds of zero.
fn time(at: Timestamp) -> String {
    at.to_string().replace('Z', ".000Z")
}

#[expect(clippy::expect_used, reason = "these documents hold nothing that XML cannot say")]
fn write<T: Serialize>(root: &str, document: &T) -> String {
    let body = quick_xml::se::to_string_with_root(root, document);
    format!("{DECLARATION}{}", body.expect("a document is plain data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_is_read_as_the_sdks_write_it() {
        let python = "<CompleteMultipartUpload><Part><ETag>\"AB\"</ETag><PartNumber>1</PartNumber>\
                      </Part></CompleteMultipartUpload>";
        let node = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;ab&quot;\
                    </ETag></Part>\n<Part><PartNumber>2</PartNumber><ETag>cd</ETag><Size>3</Size>\
                    </Part></CompleteMultipartUpload>";
        assert_eq!(named_parts(python).unwrap(), [(1, "ab".to_owned())]);
        assert_eq!(named_parts(node).unwrap(), [(1, "ab".to_owned()), (2, "cd".to_owned())]);
        assert_eq!(named_parts("<CompleteMultipartUpload/>").unwrap(), []);
        for bad in ["", "{}", "<a", "<a><Part><PartNumber>x</PartNumber></Part></a>"] {
            assert!(named_parts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn documents_escape_what_they_repeat() {
        let text = error("NoSuchKey", "a < b & c", "/<k>", "id");
        assert!(
            text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey")
        );
        assert!(text.contains("<Message>a &lt; b &amp; c</Message>"), "{text}");
        assert!(
            text.contains("<Resource>/&lt;k&gt;</Resource><RequestId>id</RequestId>"),
            "{text}"
        );
    }

    #[test]
    fn pages_say_where_the_next_begins() {
        let row = |key: &str, id: &str| UploadRow {
            key: key.to_owned(),
            id: id.to_owned(),
            at: Timestamp(0),
        };
        let rows = [row("a/b c", "u1")];
        let mut page = UploadsPage {
            bucket: "b-1",
            prefix: "a/",
            delimiter: "",
            key_marker: "",
            upload_id_marker: "",
            max: 1,
            rows: &rows,
            truncated: true,
            encoded: true,
        };
        let text = uploads(&page);
        assert!(text.contains("<NextKeyMarker>a/b%20c</NextKeyMarker>"), "{text}");
        assert!(text.contains("<Upload><Key>a/b%20c</Key><UploadId>u1</UploadId>"), "{text}");
        assert!(text.contains("<Initiated>1970-01-01T00:00:00.000Z</Initiated>"), "{text}");
        page = UploadsPage { truncated: false, encoded: false, ..page };
        let text = uploads(&page);
        assert!(!text.contains("Next") && !text.contains("EncodingType"), "{text}");
        assert!(text.contains("<Key>a/b c</Key>"), "{text}");
        let part = PartRow { number: 2, etag: "ab".to_owned(), size: 5, at: Timestamp(0) };
        let text = parts(&PartsPage {
            bucket: "b-1",
            key: "k",
            upload_id: "u",
            marker: 1,
            max: 1,
            rows: &[part],
            truncated: true,
            encoded: false,
        });
        assert!(text.contains("<NextPartNumberMarker>2</NextPartNumberMarker>"), "{text}");
        assert!(text.contains("<PartNumber>2</PartNumber>"), "{text}");
        assert!(text.contains("<Size>5</Size>"), "{text}");
    }
}
