//! What is no callback at all. The address is open to the network: this comes, if not from a sender
//! of callbacks. Each time a right callback follows, which the receiver must still answer.

use bytes::Bytes;
use model::EventKind;

use super::super::callback::{Callback, Content, Webhook};
use super::super::case::{Case, Expect, How, Step, Text};

/// Levels of nesting that make a parser which calls itself run out of stack.
const DEEP: usize = 100_000;

pub(super) fn cases(kind: EventKind) -> Vec<Case> {
    let case = |name: &'static str, sent: &'static str, why, bodies: &[&[u8]]| {
        let step = |(event, body): (u64, &&[u8])| {
            let content = Content::Bytes(Bytes::copy_from_slice(body));
            let callback = Callback { event, ..Callback::new(content) };
            Step { callback, how: How::AtOnce, expect: Expect::ClientError }
        };
        Case::new(text(name, sent, why), with_next(kind, (0..).zip(bodies).map(step).collect()))
    };
    let lost = "a callback that arrived broken and was answered with 2xx would not come again";
    let alive = "anybody can send this; the next event must not suffer";
    let mut cases = vec![
        case("broken/empty", "no body", lost, &[b""]),
        case("broken/json", "JSON that breaks off", lost, &[b"{\"EventType\":\"NewFileUpload\","]),
        case("broken/no-object", "a list, null and a text", alive, &[b"[]", b"null", b"\"text\""]),
        case("broken/utf-8", "bytes that are not UTF-8", alive, &[b"{\"EventType\":\"\xff\xfe\"}"]),
    ];
    let deep = "[".repeat(DEEP) + &"]".repeat(DEEP);
    let callback =
        Callback { webhook: Webhook::Missing, ..Callback::new(Content::Bytes(deep.into())) };
    let deep = Step { callback, how: How::AtOnce, expect: Expect::NotAccepted };
    let words = "100,000 lists within each other, unsigned";
    cases.push(Case::new(text("broken/deep", words, alive), with_next(kind, vec![deep])));
    cases
}

fn text(name: &'static str, sent: &'static str, why: &'static str) -> Text {
    Text {
        name: name.into(),
        sent: format!("{sent}; then a right callback").into(),
        why,
        hint: "answer 400 to what cannot be read, and catch every error of the JSON library",
        more: "receivers.md#what-is-no-callback",
    }
}

/// The steps, and a right callback.
fn with_next(kind: EventKind, mut steps: Vec<Step>) -> Vec<Step> {
    let event = u64::try_from(steps.len()).unwrap_or(u64::MAX);
    steps.push(Step::accepted(Callback { event, ..Callback::sample(kind) }));
    steps
}
