//! The outermost object of every answer: `{"Response":{...,"RequestId":"..."}}`.
//!
//! The HTTP status is 200 and the content type exactly `application/json` for errors too (official
//! clients compare it literally); both are for whoever writes the HTTP answer. Here an error's
//! cause is left behind: it belongs to the log.

use bytes::Bytes;
use serde::Serialize;

use crate::error::ApiError;
use crate::reply::Reply;
use crate::wording::Language;

/// A successful answer's body.
pub fn success(reply: &Reply, request_id: &str) -> Bytes {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(OPEN);
    match reply.write(&mut out) {
        Ok(()) => close(out, request_id),
        // half an object is already written
        Err(error) => failure(&ApiError::internal(error), Language::default(), request_id),
    }
}

/// A failed call's body, for a caller who reads that language.
pub fn failure(error: &ApiError, language: Language, request_id: &str) -> Bytes {
    let told = Told { code: error.code.as_str(), message: error.told(language) };
    let told = Failure { error: told };
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(OPEN);
    write(&mut out, &told);
    close(out, request_id)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure<'a> {
    error: Told<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told<'a> {
    code: &'a str,
    message: &'a str,
}

const OPEN: &[u8] = b"{\"Response\":";

/// Puts RequestId before the closing brace of the object that `out` ends with.
fn close(mut out: Vec<u8>, request_id: &str) -> Bytes {
    let brace = out.pop();
    debug_assert_eq!(brace, Some(b'}'), "an answer is an object");
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(b"\"RequestId\":");
    write(&mut out, request_id);
    out.extend_from_slice(b"}}");
    out.into()
}

#[expect(clippy::expect_used, reason = "strings always serialise, and a Vec takes every write")]
fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("plain strings");
}
