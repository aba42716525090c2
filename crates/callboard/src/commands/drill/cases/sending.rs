//! Right callbacks that arrive in an unusual way.

use model::{EventKind, limits};

use super::super::callback::Callback;
use super::super::case::{Case, Expect, How, Step, Text};

const MORE: &str = "receivers.md#bodies-and-connections";
/// Callbacks one after another: enough for a kept connection to be used again.
const SERIES: u64 = 4;

pub(super) fn cases(kind: EventKind) -> Vec<Case> {
    let mut cases = pieces(kind);
    cases.extend(connections(kind));
    cases
}

fn pieces(kind: EventKind) -> Vec<Case> {
    let in_pieces = |chunked, expect| Step {
        callback: Callback::sample(kind),
        how: How::InPieces { chunked },
        expect,
    };
    let cut = Step { callback: Callback::sample(kind), how: How::CutOff, expect: Expect::Nothing };
    let next = Step::accepted(Callback { event: 1, ..Callback::sample(kind) });
    let text = |name: &'static str, sent: &'static str, why, hint| Text {
        name: name.into(),
        sent: sent.into(),
        why,
        hint,
        more: MORE,
    };
    vec![
        Case::new(
            text(
                "sending/slow",
                "the body in 8 pieces within a second",
                "a network brings a body in pieces of any size",
                "read until Content-Length bytes have come, not once",
            ),
            vec![in_pieces(false, Expect::Accepted)],
        ),
        Case::new(
            text(
                "sending/chunked",
                "the body in 8 chunks, without Content-Length",
                "Callboard always says the length; a proxy on the way may pass the body on in \
                 chunks",
                "decode Transfer-Encoding: chunked, or answer 411 to a body without Content-Length",
            ),
            vec![in_pieces(true, Expect::AcceptedOrLengthRequired)],
        ),
        Case::new(
            text(
                "sending/cut-off",
                "half of a body, then the end of the connection; then a right callback",
                "a sender may be stopped in the middle; nothing must come of it",
                "expect the connection to end while you read, and go on with the next",
            ),
            vec![cut, next],
        ),
    ]
}

fn connections(kind: EventKind) -> Vec<Case> {
    let many = |count: u64| {
        let each = move |event| Step::accepted(Callback { event, ..Callback::sample(kind) });
        (0..count).map(each).collect::<Vec<_>>()
    };
    let at_once = u64::try_from(limits::PUSH_IN_FLIGHT_PER_APPLICATION).unwrap_or(16);
    let series = Text {
        name: "sending/series".into(),
        sent: "4 callbacks one after another, on one connection if the receiver keeps it".into(),
        why: "Callboard uses a connection again if the receiver leaves it open",
        hint: "read every body to its end before answering, and say Content-Length in the answer",
        more: MORE,
    };
    let crowd = Text {
        name: "sending/at-once".into(),
        sent: format!("{at_once} callbacks at the same time").into(),
        why: "Callboard sends as many to one application",
        hint: "take several connections at a time and answer each within 5 seconds",
        more: MORE,
    };
    let crowd = Case { at_once: true, ..Case::new(crowd, many(at_once)) };
    vec![Case::new(series, many(SERIES)), crowd]
}
