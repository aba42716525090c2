//! The parameters of an action, in each of the shapes in which clients send them.
//!
//! JSON in a TC3 POST; `A.N.B` pairs in a GET and in a form; parts of a multipart body, where lists
//! and objects are JSON text. What the values mean is `wire`'s business. Deliberately absent:
//! `application/octet-stream` with parameters in headers, which no VOD client uses.

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Full};
use wire::{ApiError, Code, Params};

use crate::auth::{Claim, Message};
use crate::pairs::{self, Pair};

/// The media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data";
/// Parts of a multipart body: more than any action has members, few enough to keep in memory.
const PARTS_MAX: usize = 1_000;

/// The parameters that signature v1 puts among those of the action (facts/api3.md section 2).
const COMMON: [&str; 11] = [
    "Action",
    "Language",
    "Nonce",
    "Region",
    "RequestClient",
    "SecretId",
    "Signature",
    "SignatureMethod",
    "Timestamp",
    "Token",
    "Version",
];

/// All parameters of a request without an Authorization header: the query of a GET, else the form.
pub(crate) fn v1_pairs(message: &Message) -> Vec<Pair> {
    if message.method == Method::GET {
        pairs::decode(message.query.as_bytes())
    } else if message.media_type() == FORM {
        pairs::decode(&message.body)
    } else {
        Vec::new()
    }
}

/// The parameters of the action, without the common ones.
pub(crate) async fn read(message: &Message, claim: &Claim) -> Result<Params, ApiError> {
    if claim.is_v1() {
        let mut pairs = v1_pairs(message);
        pairs.retain(|(name, _)| !COMMON.iter().any(|common| name == common.as_bytes()));
        return flat(pairs);
    }
    if message.method == Method::GET {
        return flat(pairs::decode(message.query.as_bytes()));
    }
    match message.media_type().as_str() {
        JSON => Params::from_json(&message.body),
        FORM => flat(pairs::decode(&message.body)),
        MULTIPART => multipart(message).await,
        other => {
            let text = format!(
                "The content type `{}` is not supported; send `{JSON}`.",
                other.get(..other.floor_char_boundary(64)).unwrap_or_default()
            );
            Err(ApiError::new(Code::UnsupportedProtocol, text))
        }
    }
}

fn flat(pairs: Vec<Pair>) -> Result<Params, ApiError> {
    let pairs = pairs::text(pairs).ok_or_else(|| {
        ApiError::new(Code::InvalidRequest, "The request parameters are not valid UTF-8.")
    })?;
    Ok(Params::from_pairs(pairs))
}

async fn multipart(message: &Message) -> Result<Params, ApiError> {
    let header = message.headers.get(http::header::CONTENT_TYPE);
    let header = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(header).map_err(malformed)?;
    let body: Full<Bytes> = Full::new(message.body.clone());
    let mut parts = multer::Multipart::new(body.into_data_stream(), boundary);
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(ApiError::new(Code::InvalidRequest, "A multipart part has no name."));
        };
        if pairs.len() == PARTS_MAX {
            let text = format!("The multipart body has more than {PARTS_MAX} parts.");
            return Err(ApiError::new(Code::InvalidRequest, text));
        }
        pairs.push((name.into_bytes(), part.bytes().await.map_err(malformed)?.to_vec()));
    }
    flat(pairs)
}

fn malformed(error: multer::Error) -> ApiError {
    ApiError::new(Code::InvalidRequest, "The multipart body cannot be read.").because(error)
}
