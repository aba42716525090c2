//! The requests of the official Python and Node clients for COS, captured on a raw server.

use sign::cos::{self, CosAuthorization, CosSigner, WindowError};

use crate::data::{self, Capture, Message, Request, cos_requests};

fn all() -> Vec<(Capture, Request)> {
    let with_keys = |capture: Capture| {
        let requests = capture.requests.clone();
        requests.into_iter().map(move |request| (capture.clone(), request))
    };
    cos_requests().into_iter().flat_map(with_keys).collect()
}

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
    let (mut in_header, mut in_query) = (0, 0);
    for (capture, request) in &all() {
        let message = request.message();
        let claim = claim(&message).unwrap();
        assert_eq!(claim.secret_id, capture.secret_id);
        assert!(verifies(&message, capture), "{}", request.client);
        let wrong = message.lend(|request| cos::verify(request, &claim, "another"));
        assert!(!wrong, "{}", request.client);
        assert_eq!(claim.check_window(request.timestamp), Ok(()));
        let late = request.timestamp + 100_000;
        assert_eq!(claim.check_window(late), Err(WindowError::Expired));
        let counter =
            if message.header("authorization").is_some() { &mut in_header } else { &mut in_query };
        *counter += 1;
    }
    assert!(in_header > 50 && in_query > 10, "{in_header} {in_query}");
}

#[test]
fn no_change_of_a_path_or_method_verifies() {
    for (capture, request) in &all() {
        let original = request.message();
        for path in data::mutants(&original.path) {
            // A path has no plus for a space, but the spelling of an escape is free.
            let spelled = |path: &str| data::unescape(&path.replace('+', "%2B"));
            if spelled(&path) == spelled(&original.path) {
                continue;
            }
            let changed = Message { path, ..original.clone() };
            let verified = verifies(&changed, capture);
            assert!(!verified, "{}: {}", request.client, changed.path);
        }
        for method in ["GET", "PUT", "POST", "HEAD", "DELETE"] {
            let changed = Message { method: method.to_owned(), ..original.clone() };
            assert_eq!(verifies(&changed, capture), method == request.method);
        }
    }
}

#[test]
fn no_change_of_a_query_verifies() {
    let mut tried = 0;
    for (capture, request) in &all() {
        let original = request.message();
        let list = claim(&original).unwrap().param_list;
        for query in data::mutants(&original.query) {
            if covered(&query, &list) == covered(&original.query, &list) {
                continue;
            }
            tried += 1;
            let changed = Message { query, ..original.clone() };
            let verified = verifies(&changed, capture);
            assert!(!verified, "{}: {}", request.client, changed.query);
        }
    }
    assert!(tried > 10_000, "only {tried} changes were tried");
}

/// What the covered part of a query says: the pairs of the signature and the parameters on its list (the
/// Node client leaves the token of a presigned URL out), without order; names and lists without case, which
/// is how COS signs them.
fn covered(query: &str, list: &[String]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = data::params(query);
    for (name, value) in &mut pairs {
        if name.ends_with(b"-list") {
            value.make_ascii_lowercase();
        }
        if !name.starts_with(b"q-") {
            name.make_ascii_lowercase();
        }
    }
    let listed = |name: &[u8]| list.iter().any(|one| one.as_bytes() == name);
    pairs.retain(|(name, _)| name.starts_with(b"q-") || listed(name));
    pairs.sort();
    pairs
}

#[test]
fn no_change_of_a_signed_header_verifies() {
    let mut tried = 0;
    for (capture, request) in &all() {
        let original = request.message();
        for name in claim(&original).unwrap().header_list {
            let Some(value) = original.text(&name).map(str::to_owned) else { continue };
            // The Python client signs the host without the port that it sends.
            let end =
                if name == "host" { value.rfind(':').unwrap_or(value.len()) } else { value.len() };
            for mutant in data::mutants(&value[..end]) {
                if mutant.trim() == value[..end].trim() {
                    continue;
                }
                tried += 1;
                let mutant = format!("{mutant}{}", &value[end..]);
                let changed = original.with_header(&name, |bytes| *bytes = mutant.clone().into());
                assert!(!verifies(&changed, capture), "{name}: {mutant}");
            }
            let mut twice = original.clone();
            twice.headers.push((name.to_uppercase(), value.into_bytes()));
            assert!(!verifies(&twice, capture), "{name} twice");
        }
    }
    assert!(tried > 4_000, "only {tried} changes were tried");
}

#[test]
fn our_signature_is_that_of_the_client() {
    for (capture, request) in &all() {
        let mut message = request.message();
        let theirs = claim(&message).unwrap();
        if message.header("authorization").is_none() {
            let is_signed = |piece: &str| {
                !piece.starts_with("q-") && !piece.starts_with("x-cos-security-token")
            };
            let kept: Vec<&str> =
                message.query.split('&').filter(|piece| is_signed(piece)).collect();
            message.query = kept.join("&");
        }
        if theirs.signs_header("host") && !request.client.starts_with("node") {
            // As the Python client does: without the port.
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
