//! The requests of the official Python client for COS, captured on a raw server.

use sign::cos::{self, CosAuthorization, CosSigner, WindowError};

use crate::data::{self, Capture, Message, cos_requests};

fn claim(message: &Message) -> Option<CosAuthorization> {
    match message.text("authorization") {
        Some(value) => CosAuthorization::parse(value).ok(),
        None => CosAuthorization::from_query(&message.query)?.ok(),
    }
}

/// As the server does: the id chooses the key, so a changed id finds none.
fn verifies(message: &Message, keys: &Capture) -> bool {
    let Some(claim) = claim(message) else { return false };
    claim.secret_id == keys.secret_id
        && message.lend(|request| cos::verify(request, &claim, &keys.secret_key))
}

#[test]
fn every_request_of_the_client_verifies_in_its_time() {
    let capture = cos_requests();
    assert!(capture.requests.len() >= 40);
    let (mut in_header, mut in_query) = (0, 0);
    for request in &capture.requests {
        let message = request.message();
        let claim = claim(&message).unwrap();
        assert_eq!(claim.secret_id, capture.secret_id);
        assert!(verifies(&message, &capture), "{}", request.client);
        let wrong = message.lend(|request| cos::verify(request, &claim, "another"));
        assert!(!wrong, "{}", request.client);
        assert_eq!(claim.check_window(request.timestamp), Ok(()));
        let late = request.timestamp + 100_000;
        assert_eq!(claim.check_window(late), Err(WindowError::Expired));
        let counter =
            if message.header("authorization").is_some() { &mut in_header } else { &mut in_query };
        *counter += 1;
    }
    assert!(in_header > 30 && in_query > 8, "{in_header} {in_query}");
}

#[test]
fn no_change_of_a_path_or_method_verifies() {
    let capture = cos_requests();
    for request in &capture.requests {
        let original = request.message();
        for path in data::mutants(&original.path) {
            // A path has no plus for a space, but the spelling of an escape is free.
            let spelled = |path: &str| data::unescape(&path.replace('+', "%2B"));
            if spelled(&path) == spelled(&original.path) {
                continue;
            }
            let changed = Message { path, ..original.clone() };
            let verified = verifies(&changed, &capture);
            assert!(!verified, "{}: {}", request.client, changed.path);
        }
        for method in ["GET", "PUT", "POST", "HEAD", "DELETE"] {
            let changed = Message { method: method.to_owned(), ..original.clone() };
            assert_eq!(verifies(&changed, &capture), method == request.method);
        }
    }
}

#[test]
fn no_change_of_a_query_verifies() {
    let capture = cos_requests();
    let mut tried = 0;
    for request in &capture.requests {
        let original = request.message();
        for query in data::mutants(&original.query) {
            if query_meaning(&query) == query_meaning(&original.query) {
                continue;
            }
            tried += 1;
            let changed = Message { query, ..original.clone() };
            let verified = verifies(&changed, &capture);
            assert!(!verified, "{}: {}", request.client, changed.query);
        }
    }
    assert!(tried > 10_000, "only {tried} changes were tried");
}

/// What a query says: parameters without order, names without case (that is how COS signs them), the two
/// lists in lower case.
fn query_meaning(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = data::params(query);
    for (name, value) in &mut pairs {
        if name.ends_with(b"-list") {
            *value = value.to_ascii_lowercase();
        }
        if !name.starts_with(b"q-") {
            name.make_ascii_lowercase();
        }
    }
    pairs.sort();
    pairs
}

#[test]
fn no_change_of_a_signed_header_verifies() {
    let capture = cos_requests();
    let mut tried = 0;
    for request in &capture.requests {
        let original = request.message();
        for name in claim(&original).unwrap().header_list {
            let Some(value) = original.text(&name).map(str::to_owned) else { continue };
            // The client signs the host without the port that it sends.
            let end =
                if name == "host" { value.rfind(':').unwrap_or(value.len()) } else { value.len() };
            for mutant in data::mutants(&value[..end]) {
                if mutant.trim() == value[..end].trim() {
                    continue;
                }
                tried += 1;
                let mutant = format!("{mutant}{}", &value[end..]);
                let changed = original.with_header(&name, |bytes| *bytes = mutant.clone().into());
                assert!(!verifies(&changed, &capture), "{name}: {mutant}");
            }
            let mut twice = original.clone();
            twice.headers.push((name.to_uppercase(), value.into_bytes()));
            assert!(!verifies(&twice, &capture), "{name} twice");
        }
    }
    assert!(tried > 4_000, "only {tried} changes were tried");
}

#[test]
fn our_signature_is_that_of_the_client() {
    let capture = cos_requests();
    for request in &capture.requests {
        let mut message = request.message();
        let theirs = claim(&message).unwrap();
        if message.header("authorization").is_none() {
            let kept: Vec<&str> =
                message.query.split('&').filter(|piece| !piece.starts_with("q-")).collect();
            message.query = kept.join("&");
        }
        if theirs.signs_header("host") {
            // As the client does: without the port.
            let bare = message.text("host").unwrap().split(':').next().unwrap().to_owned();
            message = message.with_header("host", |bytes| *bytes = bare.into_bytes());
        }
        let (start, end) = theirs.sign_time.split_once(';').unwrap();
        let headers: Vec<&str> = theirs.header_list.iter().map(String::as_str).collect();
        let signer = CosSigner {
            secret_id: &capture.secret_id,
            secret_key: &capture.secret_key,
            start_s: start.parse().unwrap(),
            end_s: end.parse().unwrap(),
            headers: &headers,
        };
        assert_eq!(
            message.lend(|request| cos::sign(request, &signer)),
            theirs,
            "{}",
            request.client
        );
    }
}
