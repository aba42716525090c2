//! The captured requests of nine official SDKs and tccli: all that are marked so verify at their time, and
//! none does after one byte that was signed has changed.

use sign::tc3::{self, AuthorizationError, Tc3Authorization};
use sign::v1::{self, Names};
use sign::window;

use crate::data::{self, Capture, Message, Request, api_requests};

/// As the server does: the id chooses the key, so a changed id finds none.
fn tc3_verifies(message: &Message, keys: &Capture) -> bool {
    let value = message.text("authorization").unwrap();
    let Ok(authorization) = Tc3Authorization::parse(value) else { return false };
    authorization.secret_id == keys.secret_id
        && message.lend(|request| tc3::verify(request, &authorization, &keys.secret_key, &[]))
}

fn form(message: &Message) -> String {
    if message.method == "GET" {
        message.query.clone()
    } else {
        String::from_utf8(message.body.clone()).unwrap_or_default()
    }
}

fn v1_verifies(message: &Message, secret_key: &str, names: Names) -> bool {
    let params = data::params(&form(message));
    message.lend(|request| v1::verify(request, &params, secret_key, &[], names))
}

fn verifies(request: &Request, message: &Message, keys: &Capture) -> bool {
    if request.scheme.starts_with("Hmac") {
        v1_verifies(message, &keys.secret_key, Names::AsSent)
    } else {
        tc3_verifies(message, keys)
    }
}

fn describe(request: &Request) -> String {
    format!("{} {} {} {}", request.client, request.scheme, request.method, request.target)
}

#[test]
fn all_verify_that_are_marked_so_and_no_other() {
    let capture = api_requests();
    assert_eq!(capture.requests.len(), 56);
    assert_eq!(capture.requests.iter().filter(|request| request.verifies).count(), 50);
    let other_key = Capture { secret_key: format!("{}x", capture.secret_key), ..capture.clone() };
    for request in &capture.requests {
        let message = request.message();
        let verified = verifies(request, &message, &capture);
        assert_eq!(verified, request.verifies, "{}", describe(request));
        assert!(!verifies(request, &message, &other_key), "{}", describe(request));
    }
}

#[test]
fn the_time_and_the_key_are_read_before_anything_is_verified() {
    let capture = api_requests();
    for request in &capture.requests {
        let message = request.message();
        let now_s = request.timestamp;
        if request.scheme == "TC3" {
            let timestamp_s = message.lend(tc3::timestamp).unwrap();
            assert_eq!(timestamp_s, now_s);
            assert!(window::accepts(timestamp_s, now_s));
            assert!(!window::accepts(timestamp_s, now_s + 301));
            let authorization = Tc3Authorization::parse(message.text("authorization").unwrap());
            assert_eq!(authorization.unwrap().secret_id, capture.secret_id);
        }
        if request.scheme == "SKIP" {
            let value = message.text("authorization").unwrap();
            assert_eq!(Tc3Authorization::parse(value), Err(AuthorizationError::Skip));
        }
    }
}

#[test]
fn python_signs_underscores_as_dots_and_only_the_wide_rule_accepts_it() {
    let capture = api_requests();
    let mut seen = 0;
    for request in capture.requests.iter().filter(|request| request.scheme.starts_with("Hmac")) {
        let message = request.message();
        let wide = v1_verifies(&message, &capture.secret_key, Names::AsSentOrDotted);
        if form(&message).contains("Ext_Ctx") {
            seen += 1;
            assert!(wide && !request.verifies, "{}", describe(request));
        } else {
            assert_eq!(wide, request.verifies, "{}", describe(request));
        }
    }
    assert_eq!(seen, 1);
}

/// Whether the client left the body out of its signature.
fn unsigned_body(message: &Message) -> bool {
    message.text("x-tc-content-sha256") == Some("UNSIGNED-PAYLOAD")
}

#[test]
fn no_change_of_a_body_verifies() {
    let capture = api_requests();
    let mut tried = 0;
    for request in capture.requests.iter().filter(|request| request.verifies) {
        let original = request.message();
        if unsigned_body(&original) {
            continue;
        }
        let form = request.scheme != "TC3";
        let meaning = |message: &Message| meaning(&form_text(message));
        for at in 0..original.body.len() {
            for new in data::changes(original.body[at]) {
                let mut changed = original.clone();
                changed.body[at] = new;
                if form && meaning(&changed) == meaning(&original) {
                    continue;
                }
                tried += 1;
                let verified = verifies(request, &changed, &capture);
                assert!(!verified, "{}: byte {at} as {new:#x}", describe(request));
            }
        }
        for body in [[&original.body[..], b"x"].concat(), [b"x", &original.body[..]].concat()] {
            let longer = Message { body, ..original.clone() };
            // A GET with signature v1 has nothing to do with a body.
            if !(form && request.method == "GET") {
                let verified = verifies(request, &longer, &capture);
                assert!(!verified, "{}: a longer body", describe(request));
            }
        }
    }
    assert!(tried > 10_000, "only {tried} changes were tried");
}

fn form_text(message: &Message) -> String {
    String::from_utf8_lossy(&message.body).into_owned()
}

/// What a query or form says, in order, whatever its spelling. White space around a v1 signature and a
/// space for its `+` say nothing.
fn meaning(text: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = data::params(text);
    for (name, value) in &mut pairs {
        if name == b"Signature" {
            *value =
                value.trim_ascii().iter().map(|b| if *b == b' ' { b'+' } else { *b }).collect();
        }
    }
    pairs
}

#[test]
fn no_change_of_a_query_verifies() {
    let capture = api_requests();
    let mut tried = 0;
    for request in capture.requests.iter().filter(|request| request.verifies) {
        let original = request.message();
        for query in data::mutants(&original.query) {
            if meaning(&query) == meaning(&original.query) {
                continue;
            }
            tried += 1;
            let changed = Message { query, ..original.clone() };
            let verified = verifies(request, &changed, &capture);
            assert!(!verified, "{}: {}", describe(request), changed.query);
        }
    }
    assert!(tried > 10_000, "only {tried} changes were tried");
}

/// How much of a header the client covered. Node leaves the port out of the host.
fn covered(request: &Request, name: &str, value: &str) -> usize {
    let node_tc3 = request.client == "node" && request.scheme == "TC3";
    match value.rfind(':') {
        Some(colon) if name == "host" && node_tc3 => colon,
        _ => value.len(),
    }
}

#[test]
fn no_change_of_a_signed_header_verifies() {
    let capture = api_requests();
    let mut tried = 0;
    for request in capture.requests.iter().filter(|request| request.verifies) {
        let original = request.message();
        let names: &[&str] = if request.scheme == "TC3" {
            &["content-type", "host", "x-tc-timestamp", "authorization"]
        } else {
            &["host"]
        };
        for name in names {
            let value = original.text(name).unwrap().to_owned();
            let (signed, rest) = value.split_at(covered(request, name, &value));
            for mutant in data::mutants(signed) {
                if same_header(name, signed, &mutant) {
                    continue;
                }
                tried += 1;
                let mutant = format!("{mutant}{rest}");
                let changed = original.with_header(name, |bytes| *bytes = mutant.clone().into());
                let verified = verifies(request, &changed, &capture);
                assert!(!verified, "{}: {name}: {mutant}", describe(request));
            }
            let absent = Message {
                headers: original
                    .headers
                    .iter()
                    .filter(|(key, _)| *name == "authorization" || !key.eq_ignore_ascii_case(name))
                    .cloned()
                    .collect(),
                authority: None,
                ..original.clone()
            };
            if *name != "authorization" {
                assert!(!verifies(request, &absent, &capture), "without {name}");
            }
            let mut twice = original.clone();
            twice.headers.push((name.to_uppercase(), value.into_bytes()));
            if *name != "authorization" {
                assert!(!verifies(request, &twice, &capture), "{name} twice");
            }
        }
    }
    assert!(tried > 20_000, "only {tried} changes were tried");
}

/// Whether a changed header says the same to everybody: host names and media types have no case, and the
/// white space in an `Authorization` is free.
fn same_header(name: &str, value: &str, mutant: &str) -> bool {
    match name {
        "authorization" => Tc3Authorization::parse(mutant) == Tc3Authorization::parse(value),
        "host" | "content-type" => value.eq_ignore_ascii_case(mutant),
        _ => value.trim() == mutant.trim(),
    }
}
