//! What goes around a payload on its way out, by joining bytes: the payload itself is never parsed
//! or written again, so what was stored is what is sent.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use model::{EventKind, Handle};

use super::{member, members};

/// `"EventType":"X",` and the members before and after the payload, made once for each kind.
struct Frame {
    /// `"EventType":"NewFileUpload",`
    kind: String,
    /// `"A":null,"B":null,"Member":`
    before: String,
    /// `"Member":`
    alone: String,
    /// `,"C":null`
    after: String,
}

static FRAMES: LazyLock<HashMap<EventKind, Frame>> = LazyLock::new(|| {
    let frame = |&kind: &EventKind| {
        let own = member(kind);
        let alone = format!("\"{own}\":");
        let unused = |name: &str| format!("\"{name}\":null");
        let before = members().take_while(|&name| name != own).map(|name| unused(name) + ",");
        let after = members().skip_while(|&name| name != own).skip(1);
        let after = after.map(|name| ",".to_owned() + &unused(name));
        let frame = Frame {
            kind: format!("\"EventType\":\"{}\",", kind.name()),
            before: before.collect::<String>() + &alone,
            alone,
            after: after.collect(),
        };
        (kind, frame)
    };
    EventKind::ALL.iter().map(frame).collect()
});

#[expect(clippy::expect_used, reason = "the table is made from every kind there is")]
fn frame(kind: EventKind) -> &'static Frame {
    FRAMES.get(&kind).expect("a frame for every kind")
}

/// `Sign` and `T` of one send; made anew for each attempt.
#[derive(Clone, Copy, Debug)]
pub struct Sign<'a> {
    /// Lower-case hexadecimal MD5 of SignKey followed by the decimal `T`.
    pub sign: &'a str,
    /// The second at which the signature ends.
    pub t: i64,
}

/// The body of one callback: EventType, the member with its payload, the other members as null if
/// `unused_as_null`, then `T` and `Sign` (SPEC ModifyEventConfigRequest.SignKey: top-level members
/// of those names; MPS and public receivers show the number and the string).
///
/// `payload` must be what [`super::render`] or a builder of [`super::task`] made.
pub fn push_body(
    kind: EventKind,
    payload: &[u8],
    sign: Option<Sign<'_>>,
    unused_as_null: bool,
) -> Bytes {
    let frame = frame(kind);
    let (before, after) =
        if unused_as_null { (&frame.before, frame.after.as_str()) } else { (&frame.alone, "") };
    let room = frame.kind.len() + before.len() + payload.len() + after.len() + 128;
    let mut out = Vec::with_capacity(room);
    out.push(b'{');
    out.extend_from_slice(frame.kind.as_bytes());
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(after.as_bytes());
    if let Some(Sign { sign, t }) = sign {
        out.extend_from_slice(format!(",\"T\":{t},\"Sign\":\"").as_bytes());
        out.extend_from_slice(sign.as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
    out.into()
}

/// One item of PullEvents' EventSet, finished bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullItem(Bytes);

impl PullItem {
    /// The JSON object.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The item for one leased event: EventHandle, EventType, the member with its payload, and every
/// other member of EventContent as null (as EX PullEvents shows), in the order of the spec.
///
/// `payload` must be what [`super::render`] or a builder of [`super::task`] made.
pub fn pull_item(handle: &Handle, kind: EventKind, payload: &[u8]) -> PullItem {
    let handle = handle.to_string();
    let frame = frame(kind);
    let fixed = frame.kind.len() + frame.before.len() + frame.after.len();
    let mut out = Vec::with_capacity(fixed + payload.len() + 96);
    out.extend_from_slice(b"{\"EventHandle\":\"");
    out.extend_from_slice(handle.as_bytes());
    out.extend_from_slice(b"\",");
    out.extend_from_slice(frame.kind.as_bytes());
    out.extend_from_slice(frame.before.as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(frame.after.as_bytes());
    out.push(b'}');
    PullItem(out.into())
}
