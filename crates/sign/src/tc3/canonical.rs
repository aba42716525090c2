//! The canonical request of TC3, in every spelling that a client may have signed.
//!
//! The number of candidates is small and does not depend on the body or, for one spelling of the query, on
//! its length: the body is hashed once, and what precedes the headers is hashed once for each path and query.

use sha2::{Digest, Sha256};

use super::{CONTENT_SHA256_HEADER, UNSIGNED_PAYLOAD};
use crate::{encoding, mac, request::SignedRequest, request::push_new};

/// The header list that every official SDK signs.
pub(super) const PLAIN_HEADERS: &str = "content-type;host";

/// The canonical hash of a request as we sign it ourselves: everything as sent, path `/`.
pub(super) fn plain(request: &SignedRequest<'_>) -> String {
    let content_type = request.header("content-type").unwrap_or_default();
    let host = request.hosts(&[]).first().copied().unwrap_or_default();
    let mut block = Vec::new();
    append(&mut block, "content-type", content_type);
    append(&mut block, "host", host);
    let query = if request.method == "GET" { request.query } else { "" };
    let tail = tail(PLAIN_HEADERS, request);
    finish(opening(request.method, "/", query), &block, &tail)
}

/// The canonical hashes that the client may have signed, in lower-case hexadecimal, the likeliest first.
/// Empty when a signed header is absent or repeated.
pub(super) fn candidates<'a>(
    request: &SignedRequest<'a>,
    signed_headers: &[String],
    aliases: &[&'a str],
) -> impl Iterator<Item = String> {
    let blocks = header_blocks(request, signed_headers, aliases).unwrap_or_default();
    let tail = tail(&signed_headers.join(";"), request);
    let mut openings = Vec::new();
    if !blocks.is_empty() {
        for path in paths(request) {
            for query in queries(request) {
                openings.push(opening(request.method, path, &query));
            }
        }
    }
    openings.into_iter().flat_map(move |opening| {
        let hashes: Vec<_> =
            blocks.iter().map(|block| finish(opening.clone(), block, &tail)).collect();
        hashes
    })
}

fn opening(method: &str, path: &str, query: &str) -> Sha256 {
    let mut hash = Sha256::new();
    for part in [method, "\n", path, "\n", query, "\n"] {
        hash.update(part);
    }
    hash
}

fn finish(mut opening: Sha256, block: &[u8], tail: &str) -> String {
    opening.update(block);
    opening.update(tail);
    hex::encode(opening.finalize())
}

/// What follows the header block. The block ends in its own line feed, so a blank line comes first.
fn tail(signed_headers: &str, request: &SignedRequest<'_>) -> String {
    let unsigned = request.header(CONTENT_SHA256_HEADER) == Some(UNSIGNED_PAYLOAD.as_bytes());
    let body = if unsigned { UNSIGNED_PAYLOAD.as_bytes() } else { request.body };
    format!("\n{signed_headers}\n{}", mac::hex_sha256(body))
}

/// `/` is documented; Node signs the path it asks for.
fn paths<'a>(request: &SignedRequest<'a>) -> Vec<&'a str> {
    let mut paths = vec!["/"];
    push_new(&mut paths, request.path_or_root());
    paths
}

/// Only a GET has a signed query: as sent, then as it was before a URL library spelled it anew.
fn queries(request: &SignedRequest<'_>) -> Vec<String> {
    if request.method != "GET" {
        return vec![String::new()];
    }
    let mut queries = vec![request.query.to_owned()];
    push_new(&mut queries, encoding::respell_query(request.query));
    queries
}

fn header_blocks<'a>(
    request: &SignedRequest<'a>,
    signed_headers: &[String],
    aliases: &[&'a str],
) -> Option<Vec<Vec<u8>>> {
    let mut hosts: Vec<Vec<u8>> = Vec::new();
    for host in request.hosts(aliases) {
        push_new(&mut hosts, host.to_vec());
        push_new(&mut hosts, host.to_ascii_lowercase());
    }
    let content_types = content_types(request)?;
    let mut blocks = Vec::new();
    // The documentation lowers every value, the SDKs none; hand-written clients lower only the action.
    for lower_others in [true, false] {
        for content_type in &content_types {
            for host in &hosts {
                let mut block = Vec::new();
                for name in signed_headers {
                    match name.as_str() {
                        "content-type" => append(&mut block, name, content_type),
                        "host" => append(&mut block, name, host),
                        _ if lower_others => {
                            append(&mut block, name, &request.header(name)?.to_ascii_lowercase());
                        }
                        _ => append(&mut block, name, request.header(name)?),
                    }
                }
                push_new(&mut blocks, block);
            }
        }
    }
    Some(blocks)
}

fn append(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    block.extend_from_slice(name.as_bytes());
    block.push(b':');
    block.extend_from_slice(value);
    block.push(b'\n');
}

fn content_types(request: &SignedRequest<'_>) -> Option<Vec<Vec<u8>>> {
    let sent = request.header("content-type")?;
    let mut types = vec![sent.to_vec()];
    push_new(&mut types, sent.to_ascii_lowercase());
    if let Some(essence) = multipart_without_boundary(sent, request.body) {
        push_new(&mut types, essence);
    }
    Some(types)
}

/// Ruby signs `multipart/form-data` and sends the boundary behind it. The boundary is then not covered by
/// the header's signature, so it must be the one that the (signed) body begins with.
fn multipart_without_boundary(sent: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(sent).ok()?;
    let (essence, parameter) = text.split_once(';')?;
    let boundary = parameter.trim().strip_prefix("boundary=")?.trim_matches('"');
    let rest = body.strip_prefix(b"--")?.strip_prefix(boundary.as_bytes())?;
    let framed = rest.starts_with(b"\r\n") || rest.starts_with(b"--");
    (essence == "multipart/form-data" && framed).then(|| essence.as_bytes().to_vec())
}
