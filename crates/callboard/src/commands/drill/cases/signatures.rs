//! Callbacks that no receiver may believe, and one that looks strange and is right.
//!
//! `Sign` is tried under a right Webhook-Signature and the other way round, so that a receiver which
//! checks only one of them is found out.

use model::EventKind;
use serde_json::json;

use super::super::callback::{Callback, Signed, Webhook};
use super::super::case::{Case, Needs, Step, Text};

const MORE_SIGN: &str = "receivers.md#sign-and-t";
const MORE_WEBHOOK: &str = "receivers.md#webhook-signature";
const FORGE: &str = "anyone who knows the address could forge events";
const CHECK_SIGN: &str = "refuse a callback unless T and Sign are both there and Sign is the \
                          lower-case hexadecimal MD5 of SignKey followed by T; if the receiver is \
                          meant to check Webhook-Signature alone, leave --sign-key out";

pub(super) fn cases(kind: EventKind) -> Vec<Case> {
    let mut cases = sign(kind);
    cases.extend(webhook(kind));
    cases
}

fn sign(kind: EventKind) -> Vec<Case> {
    let case = |name: &'static str, sent: &'static str, why, hint, signed| {
        let text = Text { name: name.into(), sent: sent.into(), why, hint, more: MORE_SIGN };
        let callback = Callback { signed, ..Callback::sample(kind) };
        let needs = Needs { sign_key: true, ..Needs::default() };
        Case { needs, ..Case::new(text, vec![Step::refused(callback)]) }
    };
    let wrong = json!("0123456789abcdef0123456789abcdef");
    let text = "a Sign that is no text must not come out as equal, as it does with a loose \
                comparison (true == \"…\" in PHP)";
    let expired = "whoever once saw a callback could send it, and others with its Sign, forever";
    let in_t = "Sign is made of T, so that T cannot be moved into the future";
    vec![
        case("sign/missing", "no Sign and no T", FORGE, CHECK_SIGN, Signed::Unsigned),
        case("sign/without-sign", "T without Sign", FORGE, CHECK_SIGN, Signed::WithoutSign),
        case("sign/without-t", "Sign without T", FORGE, CHECK_SIGN, Signed::WithoutT),
        case("sign/wrong", "32 other digits as Sign", FORGE, CHECK_SIGN, Signed::As(wrong)),
        case("sign/empty", "an empty Sign", FORGE, CHECK_SIGN, Signed::As(json!(""))),
        case(
            "sign/no-text",
            "true as Sign",
            text,
            "check that Sign is a text before comparing",
            Signed::As(json!(true)),
        ),
        case(
            "sign/other-key",
            "a Sign made with another SignKey",
            FORGE,
            CHECK_SIGN,
            Signed::ByStranger,
        ),
        case(
            "sign/other-t",
            "a right Sign with another T",
            in_t,
            "make the expected Sign from the T that came",
            Signed::OtherT,
        ),
        case(
            "sign/expired",
            "a right Sign whose T passed an hour ago",
            expired,
            "refuse a callback whose T, in Unix seconds, has passed",
            Signed::Expired,
        ),
    ]
}

fn webhook(kind: EventKind) -> Vec<Case> {
    let case = |name: &'static str, sent: &'static str, why, hint, webhook| {
        let text = Text { name: name.into(), sent: sent.into(), why, hint, more: MORE_WEBHOOK };
        let callback = Callback { webhook, ..Callback::sample(kind) };
        let right = webhook == Webhook::Rotated;
        let step = if right { Step::accepted(callback) } else { Step::refused(callback) };
        Case { needs: Needs { secret: true, ..Needs::default() }, ..Case::new(text, vec![step]) }
    };
    let check =
        "verify Webhook-Signature with a Standard Webhooks library over the body as it came";
    let time = "refuse a Webhook-Timestamp that lies more than 5 minutes from now";
    let changed = "Sign does not cover the body: whoever sees one callback can send another body \
                   with its Sign for 10 minutes";
    vec![
        case("webhook/missing", "no Webhook-Signature", FORGE, check, Webhook::Missing),
        case(
            "webhook/changed-body",
            "a body that was changed after Webhook-Signature was made",
            changed,
            check,
            Webhook::OtherBody,
        ),
        case(
            "webhook/other-secret",
            "a Webhook-Signature made with another secret",
            FORGE,
            check,
            Webhook::ByStranger,
        ),
        case(
            "webhook/other-id",
            "a Webhook-Id that was changed after Webhook-Signature was made",
            "an old callback under a new id would not be taken for a repeat",
            check,
            Webhook::OtherId,
        ),
        case(
            "webhook/old",
            "a right Webhook-Signature of an hour ago",
            "whoever once saw a callback could send it again forever",
            time,
            Webhook::Old,
        ),
        case(
            "webhook/ahead",
            "a right Webhook-Signature of an hour ahead",
            "a time that lies ahead would keep a callback good for longer than meant",
            time,
            Webhook::Ahead,
        ),
        case(
            "webhook/rotation",
            "two signatures, the second one right",
            "while a secret is changed, callbacks carry the signatures of both",
            "accept a callback if one of the signatures, parted by spaces, is right",
            Webhook::Rotated,
        ),
    ]
}
