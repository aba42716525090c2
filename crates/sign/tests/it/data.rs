//! Captured requests as the files under `tests/data` hold them, and changes to them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use sign::SignedRequest;

#[derive(Deserialize, Clone)]
pub(crate) struct Capture {
    pub(crate) secret_id: String,
    pub(crate) secret_key: String,
    pub(crate) requests: Vec<Request>,
}

#[derive(Deserialize, Clone)]
pub(crate) struct Request {
    #[serde(default, alias = "what")]
    pub(crate) client: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    body_base64: String,
    #[serde(default)]
    pub(crate) scheme: String,
    pub(crate) timestamp: i64,
    #[serde(default)]
    pub(crate) verifies: bool,
}

/// One request taken apart, so that any byte of it can be changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) authority: Option<String>,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn message(&self) -> Message {
        let (authority, origin) = match self.target.strip_prefix("http://") {
            Some(rest) => {
                let (authority, path) = rest.split_once('/').unwrap();
                (Some(authority.to_owned()), format!("/{path}"))
            }
            None => (None, self.target.clone()),
        };
        let (path, query) = origin.split_once('?').unwrap_or((&origin, ""));
        Message {
            method: self.method.clone(),
            authority,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
                .collect(),
            body: STANDARD.decode(&self.body_base64).unwrap(),
        }
    }
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_slice())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.header(name).map(|value| std::str::from_utf8(value).unwrap())
    }

    /// The same message with the header `name` changed in place.
    pub(crate) fn with_header(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut changed = self.clone();
        let header = changed.headers.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name));
        change(&mut header.unwrap().1);
        changed
    }

    /// Lends the message in the form that the crate under test reads.
    pub(crate) fn lend<T>(&self, read: impl FnOnce(&SignedRequest<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        read(&SignedRequest {
            method: &self.method,
            authority: self.authority.as_deref(),
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        })
    }
}

pub(crate) fn api_requests() -> Capture {
    serde_json::from_str(include_str!("../data/requests.json")).unwrap()
}

pub(crate) fn cos_requests() -> [Capture; 2] {
    let python = include_str!("../data/cos-python-requests.json");
    let node = include_str!("../data/cos-node-requests.json");
    [python, node].map(|text| serde_json::from_str(text).unwrap())
}

/// The parameters of a query or form, decoded by rules of its own: `+` is a space, escapes are octets.
pub(crate) fn params(text: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pieces = text.split('&').filter(|piece| !piece.is_empty());
    let pairs = pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")));
    pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
}

pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes().peekable();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        let ahead: Vec<u8> = bytes.clone().take(2).collect();
        let escape = std::str::from_utf8(&ahead).ok().filter(|_| byte == b'%' && ahead.len() == 2);
        let escape = escape.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (byte, escape.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (_, Some(octet)) => {
                out.push(octet);
                bytes.next();
                bytes.next();
            }
            (b'+', None) => out.push(b' '),
            (other, None) => out.push(other),
        }
    }
    out
}

/// The changes tried at every byte: the lowest bit, the case bit, and characters that mean something in a
/// query or in a name.
pub(crate) fn changes(byte: u8) -> impl Iterator<Item = u8> {
    [byte ^ 1, byte ^ 0x20, b'&', b'%', b'_'].into_iter().filter(move |new| *new != byte)
}

/// Every text that differs from `text` (ASCII) in one byte by one of the changes above, still ASCII.
pub(crate) fn mutants(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        for new in changes(byte) {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = new;
            all.extend(String::from_utf8(bytes));
        }
    }
    all
}
