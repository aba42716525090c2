//! From a checked tree to the bytes that are stored and sent.
//!
//! Members come in the order of the spec, whatever order they were given in, so that the same
//! facts give the same bytes. An omitted member is written as null if it may be null, else as `[]`
//! if it is a list (real receivers iterate over lists without a check), else left out. The size is
//! bounded while writing: a list of empty objects grows a hundredfold when their members are added.

use bytes::Bytes;
use model::limits::PAYLOAD_BYTES_MAX;
use model::{EventKind, FileId};
use serde_json::{Map, Value};

use super::{member, payload_type};
use crate::error::{ApiError, Code};
use crate::params::check_partial;
use crate::spec::{Member, Shape, Type, spec};

/// Checks the object of that kind's member and renders it; none is rendered as an empty object.
///
/// Every member may be omitted or null; legacy members are accepted and never added.
///
/// # Errors
/// `UnknownParameter` or `InvalidParameter` with a path that begins with the member's name;
/// `InvalidParameterValue` over `PAYLOAD_BYTES_MAX` bytes.
pub fn render(kind: EventKind, value: Option<&Value>) -> Result<Bytes, ApiError> {
    let ty = payload_type(kind);
    let empty = Map::new();
    let members = match value {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(members)) => members,
        Some(_) => return Err(ApiError::invalid_type(member(kind))),
    };
    check_partial(member(kind), ty, members)?;
    render_checked(ty, members).ok_or_else(|| {
        let text = format!("`{}` is larger than {PAYLOAD_BYTES_MAX} bytes.", member(kind));
        ApiError::new(Code::InvalidParameterValue, text)
    })
}

/// Renders an object that [`check_partial`] or the whole request's check has passed; none: it is
/// too large.
pub(crate) fn render_checked(ty: &Type, members: &Map<String, Value>) -> Option<Bytes> {
    let mut out = Vec::with_capacity(1024);
    object(&mut out, ty, members).then(|| out.into())
}

/// The files that a payload speaks of: every `FileId` and `FileIdSet`, the outermost first, each
/// once, at most 100. Texts that are not ids of ours are passed over.
pub fn files(members: &Map<String, Value>) -> Vec<FileId> {
    const FILES_MAX: usize = 100;
    let mut found = Vec::new();
    let mut level: Vec<&Map<String, Value>> = vec![members];
    while !level.is_empty() && found.len() < FILES_MAX {
        let named = level.iter().flat_map(|members| {
            let one = members.get("FileId").into_iter();
            one.chain(members.get("FileIdSet").and_then(Value::as_array).into_iter().flatten())
        });
        for id in named.filter_map(Value::as_str).filter_map(|text| text.parse().ok()) {
            if found.len() < FILES_MAX && !found.contains(&id) {
                found.push(id);
            }
        }
        let below = level.iter().flat_map(|members| members.values());
        level = below
            .flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice))
            .filter_map(Value::as_object)
            .collect();
    }
    found
}

fn object(out: &mut Vec<u8>, ty: &Type, members: &Map<String, Value>) -> bool {
    out.push(b'{');
    let mut first = true;
    for member in &ty.members {
        let value = members.get(&*member.name).filter(|value| !value.is_null());
        if value.is_none() && (member.legacy || !member.nullable && !member.list) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(member.name.as_bytes());
        out.extend_from_slice(b"\":");
        let fits = match value {
            Some(value) => content(out, member, value),
            None if member.nullable => scalar(out, &Value::Null),
            None => scalar(out, &Value::Array(Vec::new())),
        };
        if !fits {
            return false;
        }
    }
    out.push(b'}');
    out.len() <= PAYLOAD_BYTES_MAX
}

fn content(out: &mut Vec<u8>, member: &Member, content: &Value) -> bool {
    let Value::Array(items) = content else { return value(out, member.shape, content) };
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if !value(out, member.shape, item) {
            return false;
        }
    }
    out.push(b']');
    out.len() <= PAYLOAD_BYTES_MAX
}

fn value(out: &mut Vec<u8>, shape: Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Object(id), Value::Object(members)) => object(out, spec().get(id), members),
        _ => scalar(out, value),
    }
}

fn scalar(out: &mut Vec<u8>, value: &Value) -> bool {
    // a Value always serialises, and a Vec takes every write
    serde_json::to_writer(&mut *out, value).is_ok() && out.len() <= PAYLOAD_BYTES_MAX
}
