//! Operations that change nothing: lists, GET, HEAD.

use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use media::{Grant, Library, PartRow, UploadRow};

use super::error::CosError;
use super::target::{Query, value};
use super::xml;
use crate::files;

/// Rows of a list, when the client asks for more or for nothing (COS: 1,000).
const ROWS_MAX: usize = 1_000;

/// List Multipart Uploads: those of the session.
pub(super) async fn uploads(
    library: &Library,
    grant: &Grant,
    query: &Query,
) -> Result<Response, CosError> {
    let text = |name| value(query, name).unwrap_or_default();
    let (prefix, key_marker, id_marker) =
        (text("prefix"), text("key-marker"), text("upload-id-marker"));
    let max = rows(query, "max-uploads")?;
    let after = |row: &UploadRow| {
        key_marker.is_empty()
            || row.key.as_str() > key_marker
            || (row.key == key_marker && !id_marker.is_empty() && row.id.as_str() > id_marker)
    };
    let mut found = library.uploads(grant).await?;
    found.retain(|row| row.key.starts_with(prefix) && after(row));
    let truncated = found.len() > max;
    found.truncate(max);
    Ok(super::document(xml::uploads(&xml::UploadsPage {
        bucket: &grant.session.bucket,
        prefix,
        delimiter: text("delimiter"),
        key_marker,
        upload_id_marker: id_marker,
        max,
        rows: &found,
        truncated,
        encoded: is_encoded(query),
    })))
}

/// List Parts.
pub(super) async fn parts(
    library: &Library,
    grant: &Grant,
    (key, upload): (&str, &str),
    query: &Query,
) -> Result<Response, CosError> {
    let marker: u32 = match value(query, "part-number-marker") {
        None | Some("") => 0,
        Some(text) => text.parse().map_err(|_not_a_number| invalid("part-number-marker"))?,
    };
    let max = rows(query, "max-parts")?;
    let mut found: Vec<PartRow> = library.parts(grant, key, upload).await?;
    found.retain(|row| row.number > marker);
    let truncated = found.len() > max;
    found.truncate(max);
    Ok(super::document(xml::parts(&xml::PartsPage {
        bucket: &grant.session.bucket,
        key,
        upload_id: upload,
        marker,
        max,
        rows: &found,
        truncated,
        encoded: is_encoded(query),
    })))
}

/// GET Object and HEAD Object.
pub(super) async fn object(
    library: &Library,
    grant: &Grant,
    key: &str,
    parts: &Parts,
) -> Result<Response, CosError> {
    let served = library.object(grant, key).await?.ok_or_else(CosError::no_such_key)?;
    let mut response = match files::serve(library, &served, &parts.method, &parts.headers).await {
        Ok(response) => response,
        Err(fault) if files::is_gone(&fault) => return Err(CosError::no_such_key()),
        Err(fault) => return Err(fault.into()),
    };
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        let text = "The requested range is not satisfiable.";
        return Err(CosError::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", text));
    }
    if response.status() == StatusCode::PRECONDITION_FAILED {
        let text = "At least one of the preconditions you specified did not hold.";
        return Err(CosError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", text));
    }
    let crc64 = HeaderValue::from(served.object.crc64);
    response.headers_mut().insert("x-cos-hash-crc64ecma", crc64);
    Ok(response)
}

fn rows(query: &Query, name: &str) -> Result<usize, CosError> {
    match value(query, name) {
        None | Some("") => Ok(ROWS_MAX),
        Some(text) => {
            let asked: usize = text.parse().map_err(|_not_a_number| invalid(name))?;
            if asked == 0 { Err(invalid(name)) } else { Ok(asked.min(ROWS_MAX)) }
        }
    }
}

fn is_encoded(query: &Query) -> bool {
    value(query, "encoding-type") == Some("url")
}

fn invalid(name: &str) -> CosError {
    CosError::bad("InvalidArgument", format!("{name} must be a positive number."))
}
