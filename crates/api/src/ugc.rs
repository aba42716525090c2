//! The API of the upload SDKs for browsers and apps: `POST /v3/index.php?Action=…UGC`.
//!
//! Such a client has no key. It carries a signature that the application's server made with one, and that
//! says what the upload shall be. So each call becomes the API's own ApplyUpload or CommitUpload in the name
//! of that key, with its policy and its limits; what the client may add is a name, types and a time of
//! expiry. What the calls look like is `wire::ugc`'s business, what a signature is `sign::upload`'s.
//!
//! Deliberately absent: a new cover for a file that exists (`fileId`), for which ModifyMediaInfo is there.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderValue};
use http::request::Parts;
use model::{AppId, Timestamp, limits};
use sign::upload::UploadSignature;
use tokio::time::Instant;
use tracing::Instrument as _;
use url::form_urlencoded;
use uuid::Uuid;
use wire::action::{ApplyUpload, CommitUpload};
use wire::ugc::{self, UgcAction, UgcError, UgcRequest};
use wire::{Action, ActionName, ApiError, Reply};

use crate::Gateway;
use crate::actions::library;
use crate::body;
use crate::caller::Caller;
use crate::seats::Seat;

const PATH: &str = "/v3/index.php";
const NOT_A_CALL: &str =
    "it must be a POST with Action=PrepareUploadUGC, ApplyUploadUGC or CommitUploadUGC";

/// Whether a request is for this surface.
pub(crate) fn is_ugc(parts: &Parts) -> bool {
    parts.uri.path() == PATH
}

/// Answers a call. The status is always 200: the SDKs take any other for trouble of the network.
pub(crate) async fn handle(
    gateway: &Gateway,
    seat: &Seat,
    parts: &Parts,
    body: hyper::body::Incoming,
) -> Response {
    let request_id = Uuid::new_v4().to_string();
    let span = tracing::info_span!("request", %request_id);
    let bytes = call(gateway, seat, (parts, body), &request_id).instrument(span).await;
    let mut response = Response::new(Body::from(bytes));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

async fn call(
    gateway: &Gateway,
    seat: &Seat,
    (parts, body): (&Parts, hyper::body::Incoming),
    request_id: &str,
) -> Bytes {
    let begun = Instant::now();
    let action = action(parts);
    let outcome = if let (Some(action), &Method::POST) = (action, &parts.method) {
        answer(gateway, seat, action, body, request_id).await
    } else {
        body::discard(body).await;
        Err(UgcError::request(NOT_A_CALL))
    };
    let name = action.map_or("unknown", UgcAction::as_str);
    let code = outcome.as_ref().err().map_or("OK", |error| error.what);
    let elapsed = begun.elapsed();
    gateway.observer().request(name, code, elapsed.as_secs_f64());
    tracing::info!(action = name, code, ms = elapsed.as_millis(), "request");
    outcome.unwrap_or_else(|error| {
        if let Some(cause) = &error.cause {
            crate::http::log_cause(cause);
        }
        ugc::refused(&error, request_id)
    })
}

fn action(parts: &Parts) -> Option<UgcAction> {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "Action").and_then(|(_, value)| UgcAction::from_name(&value))
}

async fn answer(
    gateway: &Gateway,
    seat: &Seat,
    action: UgcAction,
    body: hyper::body::Incoming,
    request_id: &str,
) -> Result<Bytes, UgcError> {
    let time = gateway.settings().transport.body_read;
    let held = body::read(body, limits::UGC_BODY_BYTES_MAX, time, gateway.bodies()).await;
    let held = held.map_err(|error| UgcError::request(&error.to_string()))?;
    let request = UgcRequest::parse(&held.bytes)?;
    drop(held);
    let now = gateway.now();
    let (signed, caller) = identify(gateway, &request, now.wall, request_id).await?;
    seat.know();
    let counted = match action {
        UgcAction::Prepare => UgcAction::Prepare.as_str(),
        UgcAction::Apply => ActionName::ApplyUpload.as_str(),
        UgcAction::Commit => ActionName::CommitUpload.as_str(),
    };
    gateway
        .rates()
        .admit(&caller.secret_id, counted, now.mono)
        .map_err(|over| ApiError::request_limit_exceeded(over.count, over.limit))?;
    let upload = Upload { gateway, caller, signed, request };
    match action {
        UgcAction::Prepare => upload.prepare().await,
        UgcAction::Apply => upload.apply(now.wall).await,
        UgcAction::Commit => upload.commit().await,
    }
}

/// The signature of a call, believed, and whose key made it.
async fn identify(
    gateway: &Gateway,
    request: &UgcRequest,
    now: Timestamp,
    request_id: &str,
) -> Result<(UploadSignature, Caller), UgcError> {
    let refused = |error: &dyn std::error::Error| UgcError::signature(&error.to_string());
    let signed = UploadSignature::parse(&request.signature.0).map_err(|error| refused(&error))?;
    let found = gateway.keyring().find(gateway.backend(), gateway.master(), &signed.secret_id);
    let known = found.await.map_err(ApiError::internal)?;
    let known = known.ok_or_else(|| UgcError::signature("no key has its secretId"))?;
    if !signed.verify(&known.secret_key) {
        return Err(UgcError::signature("its digest is not that of the key"));
    }
    signed.check_window(now.seconds()).map_err(|error| refused(&error))?;
    let caller = Caller {
        secret_id: known.secret_id.clone(),
        policy: known.key.policy.clone(),
        request_id: request_id.to_owned(),
    };
    Ok((signed, caller))
}

/// A call that is understood and believed.
struct Upload<'a> {
    gateway: &'a Gateway,
    caller: Caller,
    signed: UploadSignature,
    request: UgcRequest,
}

impl Upload<'_> {
    async fn prepare(&self) -> Result<Bytes, UgcError> {
        self.application(ActionName::ApplyUpload).await?;
        let library = self.gateway.library().settings();
        Ok(ugc::prepared(self.gateway.settings().default_app, &library.storage_region))
    }

    async fn apply(&self, now: Timestamp) -> Result<Bytes, UgcError> {
        let request = &self.request;
        if request.video_type.is_empty() && request.vod_session_key.0.is_empty() {
            let reason = if request.file_id.is_empty() {
                "videoType is missing"
            } else {
                "another cover for a file is set with ModifyMediaInfo"
            };
            return Err(UgcError::request(reason));
        }
        let app = self.application(ActionName::ApplyUpload).await?;
        let once = if self.signed.one_time { Some(self.spend(app).await?) } else { None };
        let reply = if request.vod_session_key.0.is_empty() {
            let apply = Action::ApplyUpload(self.asked()?);
            self.gateway.dispatch(&self.caller, apply).await?
        } else {
            self.resumed().await?
        };
        let Reply::ApplyUpload(reply) = reply else { return Err(strange()) };
        if let Some(digest) = once {
            let library = self.gateway.library();
            let noted = library.spent_on(app, &digest, &reply.vod_session_key.0).await;
            noted.map_err(library::broken)?;
        }
        Ok(ugc::applied(&reply, self.gateway.settings().default_app, now.seconds()))
    }

    /// What the signature and the client ask for, as the API's own request. What both may name, the
    /// signature decides.
    fn asked(&self) -> Result<ApplyUpload, UgcError> {
        let (signed, request) = (&self.signed, &self.request);
        let region = Some(&signed.storage_region).filter(|region| !region.is_empty());
        Ok(ApplyUpload {
            sub_app_id: signed.sub_app_id,
            media_type: request.video_type.clone(),
            media_name: request.video_name.clone(),
            cover_type: request.cover_type.clone(),
            procedure: signed.procedure.clone(),
            expire_time: request.expires()?,
            storage_region: region.unwrap_or(&request.storage_region).clone(),
            class_id: signed.class_id,
            source_context: signed.source_context.clone(),
            session_context: signed.session_context.clone(),
            media_storage_path: String::new(),
        })
    }

    async fn resumed(&self) -> Result<Reply, ApiError> {
        let action = ActionName::ApplyUpload.as_str();
        let named = self.signed.sub_app_id;
        let application = self.gateway.application_for(&self.caller, action, named).await?;
        let session = &self.request.vod_session_key.0;
        library::resume_upload(self.gateway.library(), &application, session).await
    }

    async fn commit(&self) -> Result<Bytes, UgcError> {
        let session = &self.request.vod_session_key;
        let app = self.application(ActionName::CommitUpload).await?;
        if self.signed.one_time {
            let digest = self.signed.digest();
            let began = self.gateway.library().was_spent_on(app, &digest, &session.0).await;
            if !began.map_err(library::broken)? {
                self.spend(app).await?;
            }
        }
        let commit = Action::CommitUpload(CommitUpload {
            sub_app_id: self.signed.sub_app_id,
            vod_session_key: session.clone(),
        });
        let reply = self.gateway.dispatch(&self.caller, commit).await?;
        let Reply::CommitUpload(reply) = reply else { return Err(strange()) };
        Ok(ugc::committed(&reply))
    }

    /// The application that the signature names, if its key may do that there.
    async fn application(&self, action: ActionName) -> Result<AppId, ApiError> {
        let named = self.signed.sub_app_id;
        let found = self.gateway.application_for(&self.caller, action.as_str(), named).await;
        found.map(|application| application.id)
    }

    /// Uses a signature for one use up; its digest.
    async fn spend(&self, app: AppId) -> Result<String, UgcError> {
        let digest = self.signed.digest();
        let expires = Timestamp::from_seconds(self.signed.to_s);
        let spent = self.gateway.library().spend(app, &digest, expires).await;
        if spent.map_err(library::broken)? {
            return Ok(digest);
        }
        Err(UgcError::signature("duplicate vod signature: it was for one use"))
    }
}

/// An action answered in the words of another, which the table of actions rules out.
fn strange() -> UgcError {
    ApiError::internal("an upload was answered with another action's reply").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_and_the_query_name_a_call() {
        let parts = |target: &str| http::Request::post(target).body(()).unwrap().into_parts().0;
        let apply = parts("/v3/index.php?a=b&Action=ApplyUploadUGC");
        assert!(is_ugc(&apply) && action(&apply) == Some(UgcAction::Apply));
        assert_eq!(action(&parts("/v3/index.php")), None);
        let absolute = parts("https://vod2.qcloud.com/v3/index.php?Action=CommitUploadUGC");
        assert!(is_ugc(&absolute));
        for other in ["/v3/index.php/", "/v2/index.php", "/"] {
            assert!(!is_ugc(&parts(other)), "{other}");
        }
    }
}
