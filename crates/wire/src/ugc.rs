//! The API of the upload SDKs for browsers and apps, as seen from outside:
//! `POST /v3/index.php?Action=PrepareUploadUGC | ApplyUploadUGC | CommitUploadUGC`.
//!
//! It is no part of API 3.0 and is documented nowhere; the shapes are what vod-js-sdk-v6 1.8.0 and the
//! apps' SDKs send and read. A call is a JSON object with the client upload signature in it, an answer
//! `{code, message, data}` with status 200 and the code 0 for success. Two codes are known from the SDKs
//! (10001 and 10004); the others are ours. None may be 500, which makes the browser's SDK turn to another
//! host.

use bytes::Bytes;
use model::{AppId, FileId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::reply::{ApplyUploadReply, CommitUploadReply};
use crate::{ApiError, Code, Secret};

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UgcAction {
    /// Which regions there are, before an upload.
    Prepare,
    /// A place to upload to.
    Apply,
    /// The upload becomes a file.
    Commit,
}

impl UgcAction {
    /// The action of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Prepare, Self::Apply, Self::Commit].into_iter().find(|it| it.as_str() == name)
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "PrepareUploadUGC",
            Self::Apply => "ApplyUploadUGC",
            Self::Commit => "CommitUploadUGC",
        }
    }
}

/// What a call says, all actions together. Absent strings are empty; what is not named here (sizes,
/// versions of the client) is not needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UgcRequest {
    /// The client upload signature.
    pub signature: Secret,
    /// Of an upload that goes on; empty: of a new one.
    pub vod_session_key: Secret,
    /// The file's name without its extension.
    pub video_name: String,
    /// Its extension.
    pub video_type: String,
    /// The cover's extension; empty: no cover.
    pub cover_type: String,
    /// The file that is to get another cover.
    pub file_id: String,
    /// The region that the client found nearest.
    pub storage_region: String,
    /// When the file shall be deleted.
    #[serde(rename = "ExpireTime")]
    pub expire_time: String,
}

impl UgcRequest {
    /// Reads a call's body.
    ///
    /// # Errors
    /// If it is no JSON object of that kind.
    pub fn parse(body: &[u8]) -> Result<Self, UgcError> {
        // an array would pass for a struct
        let object: serde_json::Result<Map<String, Value>> = serde_json::from_slice(body);
        object
            .and_then(|object| serde_json::from_value(Value::Object(object)))
            .map_err(|error| UgcError::request(&error.to_string()))
    }

    /// `ExpireTime`; none: never.
    ///
    /// # Errors
    /// If it is no time.
    pub fn expires(&self) -> Result<Option<model::Timestamp>, UgcError> {
        if self.expire_time.is_empty() {
            return Ok(None);
        }
        let time = model::Timestamp::parse_iso(&self.expire_time);
        time.map(Some).ok_or_else(|| UgcError::request("ExpireTime is no ISO 8601 time"))
    }
}

/// A refused call.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct UgcError {
    /// `code`.
    pub code: u32,
    /// The same in words, such as `invalid signature`.
    pub what: &'static str,
    /// `message`.
    pub message: String,
    /// What went wrong underneath, for the log.
    #[source]
    pub cause: Option<ApiError>,
}

/// `ugc upload | invalid request` (known from the SDK's users).
const INVALID_REQUEST: u32 = 10_001;
/// `ugc upload | invalid signature` (known from the SDK's own tests).
const INVALID_SIGNATURE: u32 = 10_004;
/// The key may not do that.
const NOT_AUTHORIZED: u32 = 10_011;
/// The session is unknown or over, or nothing was uploaded.
const NO_UPLOAD: u32 = 10_012;
/// Too many calls.
const TOO_MANY: u32 = 10_013;
/// The server cannot, for now.
const UNAVAILABLE: u32 = 10_014;

impl UgcError {
    /// The call cannot be understood, or asks for what is not offered.
    pub fn request(reason: &str) -> Self {
        Self::new(INVALID_REQUEST, "invalid request", reason)
    }

    /// The signature cannot be believed.
    pub fn signature(reason: &str) -> Self {
        Self::new(INVALID_SIGNATURE, "invalid signature", reason)
    }

    fn new(code: u32, what: &'static str, reason: &str) -> Self {
        Self { code, what, message: format!("ugc upload | {what}: {reason}"), cause: None }
    }
}

impl From<ApiError> for UgcError {
    fn from(error: ApiError) -> Self {
        let is = |codes: &[Code]| codes.contains(&error.code);
        let (code, what) = if is(&[Code::UnauthorizedOperation]) {
            (NOT_AUTHORIZED, "not authorized")
        } else if is(&[Code::InvalidParameterValueVodSessionKey, Code::ResourceNotFound]) {
            (NO_UPLOAD, "no such upload")
        } else if is(&[Code::RequestLimitExceeded]) {
            (TOO_MANY, "too many requests")
        } else if is(&[Code::InternalError, Code::ServiceUnavailable, Code::ResourceInsufficient]) {
            (UNAVAILABLE, "unavailable")
        } else {
            (INVALID_REQUEST, "invalid request")
        };
        let refusal = Self::new(code, what, &error.message);
        Self { cause: Some(error), ..refusal }
    }
}

/// The answer to Prepare: one region, so that no client races.
pub fn prepared(account: AppId, region: &str) -> Bytes {
    let regions =
        json!([{ "region": region, "domain": format!("cos.{region}.myqcloud.com"), "ip": "" }]);
    success(&json!({ "appId": account.0, "cosRegionList": regions }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Applied<'a> {
    video: Place<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cover: Option<Place<'a>>,
    storage_app_id: u64,
    storage_bucket: &'a str,
    storage_region: &'a str,
    #[serde(rename = "storageRegionV5")]
    storage_region_v5: &'a str,
    #[serde(rename = "StorageRegionV5")]
    storage_region_v5_again: &'a str,
    domain: String,
    vod_session_key: &'a Secret,
    temp_certificate: Certificate<'a>,
    app_id: u64,
    timestamp: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    storage_path: &'a str,
    /// Of a COS older than the one that clients use; some of the apps' SDKs insist on the member.
    storage_signature: &'static str,
}

impl<'a> Place<'a> {
    const fn new(storage_path: &'a str) -> Self {
        Self { storage_path, storage_signature: "" }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate<'a> {
    secret_id: &'a str,
    secret_key: &'a Secret,
    token: &'a Secret,
    expired_time: u64,
}

/// The answer to Apply. `now_s` is what the client counts the life of its temporary key from. The bucket
/// is told in two pieces, which the client joins with a `-`.
pub fn applied(reply: &ApplyUploadReply, account: AppId, now_s: i64) -> Bytes {
    let (bucket, number) =
        reply.storage_bucket.rsplit_once('-').unwrap_or((&reply.storage_bucket, ""));
    let (whole, region) = (&reply.storage_bucket, &reply.storage_region);
    let cover = reply.cover_storage_path.as_str();
    success(&Applied {
        video: Place::new(&reply.media_storage_path),
        cover: (!cover.is_empty()).then_some(Place::new(cover)),
        storage_app_id: number.parse().unwrap_or(account.0),
        storage_bucket: bucket,
        storage_region: region,
        storage_region_v5: region,
        storage_region_v5_again: region,
        domain: format!("{whole}.cos.{region}.myqcloud.com"),
        vod_session_key: &reply.vod_session_key,
        temp_certificate: Certificate {
            secret_id: &reply.temp_certificate.secret_id,
            secret_key: &reply.temp_certificate.secret_key,
            token: &reply.temp_certificate.token,
            expired_time: reply.temp_certificate.expired_time,
        },
        app_id: account.0,
        timestamp: now_s,
    })
}

/// The answer to Commit.
pub fn committed(reply: &CommitUploadReply) -> Bytes {
    let file: &FileId = &reply.file_id;
    let mut data = json!({ "fileId": file.to_string(), "video": { "url": reply.media_url } });
    if !reply.cover_url.is_empty()
        && let Value::Object(members) = &mut data
    {
        members.insert("cover".to_owned(), json!({ "url": reply.cover_url }));
    }
    success(&data)
}

/// The answer to a refused call.
pub fn refused(error: &UgcError, request_id: &str) -> Bytes {
    json!({ "code": error.code, "message": error.message, "requestId": request_id })
        .to_string()
        .into()
}

#[derive(Serialize)]
struct Success<'a, T> {
    code: u32,
    message: &'a str,
    data: &'a T,
}

#[expect(clippy::expect_used, reason = "these answers hold nothing that JSON cannot say")]
fn success<T: Serialize>(data: &T) -> Bytes {
    let answer = Success { code: 0, message: "OK", data };
    serde_json::to_vec(&answer).expect("an answer is plain data").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::TempCertificate;

    fn read(bytes: &Bytes) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn a_call_of_the_browsers_sdk_is_read() {
        let body = br#"{"signature":"s","videoName":"a b","videoType":"mp4","videoSize":3,
            "coverName":"c","coverType":"jpg","coverSize":2,"uploadFromWeb":true,
            "ExpireTime":"2030-01-01T00:00:00Z"}"#;
        let call = UgcRequest::parse(body).unwrap();
        assert_eq!(
            (&*call.video_name, &*call.video_type, &*call.cover_type),
            ("a b", "mp4", "jpg")
        );
        assert_eq!(call.expires().unwrap().unwrap().seconds(), 1_893_456_000);
        assert!(UgcRequest { expire_time: "soon".to_owned(), ..call }.expires().is_err());
        for body in ["", "[]", "{", r#"{"signature":1}"#] {
            assert_eq!(UgcRequest::parse(body.as_bytes()).unwrap_err().code, 10_001, "{body}");
        }
        assert_eq!(UgcAction::from_name("ApplyUploadUGC"), Some(UgcAction::Apply));
        assert_eq!(UgcAction::from_name("ApplyUpload"), None);
    }

    #[test]
    fn answers_have_what_the_sdk_reads() {
        let secret = |text: &str| Secret(text.to_owned());
        let reply = ApplyUploadReply {
            storage_bucket: "4a817c80-1250000000".to_owned(),
            storage_region: "ap-guangzhou".to_owned(),
            vod_session_key: secret("k"),
            media_storage_path: "/d/v.mp4".to_owned(),
            cover_storage_path: String::new(),
            temp_certificate: TempCertificate {
                secret_id: "i".to_owned(),
                secret_key: secret("s"),
                token: secret("t"),
                expired_time: 9,
            },
        };
        let account = AppId(1_250_000_000);
        let told = read(&applied(&reply, account, 5));
        assert_eq!((&told["code"], &told["message"]), (&json!(0), &json!("OK")));
        let data = &told["data"];
        assert_eq!(data["storageBucket"], "4a817c80");
        assert_eq!(data["storageAppId"], 1_250_000_000);
        assert_eq!(data["storageRegionV5"], data["StorageRegionV5"]);
        assert_eq!(data["video"], json!({ "storagePath": "/d/v.mp4", "storageSignature": "" }));
        assert_eq!(data.get("cover"), None);
        let certificate =
            json!({"secretId": "i", "secretKey": "s", "token": "t", "expiredTime": 9});
        assert_eq!(data["tempCertificate"], certificate);
        assert_eq!((&data["timestamp"], &data["vodSessionKey"]), (&json!(5), &json!("k")));
        let with_cover =
            ApplyUploadReply { cover_storage_path: "/d/c.jpg".to_owned(), ..reply.clone() };
        let told = read(&applied(&with_cover, account, 5));
        assert_eq!(told["data"]["cover"]["storagePath"], "/d/c.jpg");

        let commit = |cover: &str| {
            read(&committed(&CommitUploadReply {
                file_id: FileId(7),
                media_url: "http://m".to_owned(),
                cover_url: cover.to_owned(),
            }))
        };
        assert_eq!(commit("")["data"], json!({"fileId": "7", "video": {"url": "http://m"}}));
        assert_eq!(commit("http://c")["data"]["cover"]["url"], "http://c");
        let told = read(&prepared(account, "ap-guangzhou"));
        assert_eq!(told["data"]["cosRegionList"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn refusals_say_why_and_never_500() {
        let told = read(&refused(&UgcError::signature("its expireTime has passed"), "r"));
        assert_eq!(told["code"], 10_004);
        let words = "ugc upload | invalid signature: its expireTime has passed";
        assert_eq!(told["message"], words);
        for code in Code::ALL {
            let error = UgcError::from(ApiError::new(*code, "Why."));
            assert!(error.code > 10_000 && error.message.ends_with(": Why."), "{error}");
        }
        let missing = UgcError::from(ApiError::new(Code::ResourceNotFound, "Nothing."));
        assert_eq!(missing.code, 10_012);
    }
}
