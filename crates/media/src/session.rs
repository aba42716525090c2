//! ApplyUpload, and the temporary key that it hands out.
//!
//! A session is one record from the first moment, so nothing is promised that a restart forgets. Its
//! key opens one directory of the COS surface and nothing else. Secrets are sealed; only [`Grant`]
//! holds them open, for as long as one request lasts.
//!
//! Deliberately absent: signatures. The surface checks them with the key of the grant.

use std::fmt;

use model::{AppId, Application, ApplicationStatus, FileId, Sealed, Timestamp, limits};
use queue::{Commit, RecordKind, RecordQuery};
use sign::seal::{self, Purpose};
use subtle::ConstantTimeEq;
use wire::action::ApplyUpload;
use zeroize::Zeroizing;

use crate::catalogue::{self, Category};
use crate::error::{ApplyError, Fault, ObjectError, Refusal};
use crate::library::Library;
use crate::record::{self, About, Session};
use crate::{place, random};

/// Characters of a MediaName: what file systems allow in a name, because SDKs send the file's.
const MEDIA_NAME_CHARS_MAX: usize = 255;
/// Characters of a VodSessionKey; it is a secret, because CommitUpload asks for nothing else.
const SESSION_KEY_CHARS: usize = 64;

const SECRET_KEY: &str = "upload-secret-key";
const TOKEN: &str = "upload-token";

/// What ApplyUpload answers.
#[derive(Clone)]
pub struct Applied {
    /// The session as it was recorded.
    pub session: Session,
    /// VodSessionKey.
    pub vod_session_key: String,
    /// SecretKey of the temporary key.
    pub secret_key: String,
    /// Token of the temporary key.
    pub token: String,
}

/// What the bearer of a temporary key may do.
#[derive(Clone)]
pub struct Grant {
    /// Whose session it is.
    pub app: AppId,
    /// Which session.
    pub vod_session_key: String,
    /// The session as it stood when the request came.
    pub session: Session,
    secret_key: Zeroizing<String>,
    token: Zeroizing<String>,
}

impl Library {
    /// Starts an upload.
    pub async fn apply(
        &self,
        application: &Application,
        request: &ApplyUpload,
    ) -> Result<Applied, ApplyError> {
        if application.status != ApplicationStatus::On {
            return Err(ApplyError::ApplicationOff(application.id));
        }
        let (free, reserved) = self.space().map_err(Fault::from)?;
        if free < reserved {
            return Err(ApplyError::NoSpace);
        }
        let asked = Asked::check(request, &self.settings.storage_region, self.now())?;
        let secrets = Secrets::draw().map_err(Fault::from)?;
        let session = self.new_session(application.id, asked, &secrets)?;
        let key = record::session_key(application.id, &secrets.vod_session_key);
        let commit = Commit {
            expect: vec![(key.clone(), None)],
            put: vec![session.put(key)],
            ..Commit::default()
        };
        self.commit(commit).await.map_err(|refusal| match refusal {
            Refusal::Conflict => Fault::Contended,
            Refusal::Fault(fault) => fault,
        })?;
        let Secrets { vod_session_key, secret_key, token, .. } = secrets;
        Ok(Applied { session, vod_session_key, secret_key, token })
    }

    /// The grant of a temporary key; none: no session has it. It may have expired.
    pub async fn grant(&self, secret_id: &str) -> Result<Option<Grant>, Fault> {
        let query = RecordQuery {
            kind: RecordKind::Session,
            app: None,
            term: Some(record::secret_id_term(secret_id)),
            after: None,
            limit: 1,
        };
        let Some(found) = self.backend.find(query).await?.records.into_iter().next() else {
            return Ok(None);
        };
        let session: Session = record::read(&found)?;
        Ok(Some(Grant {
            app: found.key.app,
            vod_session_key: found.key.id,
            secret_key: self.open_secret(SECRET_KEY, secret_id, &session.secret_key)?,
            token: self.open_secret(TOKEN, secret_id, &session.token)?,
            session,
        }))
    }

    /// Whether a grant is good for reading: its session has not ended, its application is On.
    pub async fn check_grant(&self, grant: &Grant) -> Result<(), ObjectError> {
        if grant.session.expires <= self.now() {
            return Err(ObjectError::Expired);
        }
        if !self.is_on(grant.app).await? {
            return Err(ObjectError::ApplicationOff(grant.app));
        }
        Ok(())
    }

    fn new_session(&self, app: AppId, asked: Asked, secrets: &Secrets) -> Result<Session, Fault> {
        let Asked { about, cover_type, region } = asked;
        let file = FileId(random::file_number()?);
        let directory = place::directory(app, &region, file)?;
        let key = |extension: &str| -> Result<String, Fault> {
            Ok(format!("{directory}/{}", place::name(extension)?))
        };
        let media_key = key(&about.media_type)?;
        let cover_key = cover_type.as_deref().map(key).transpose()?;
        let now = self.now();
        let about = About {
            name: if about.name.is_empty() { file.to_string() } else { about.name },
            ..about
        };
        Ok(Session {
            file,
            bucket: place::bucket(app, self.settings.account),
            region,
            media_key,
            cover_key,
            directory,
            secret_key: self.seal_secret(SECRET_KEY, &secrets.secret_id, &secrets.secret_key)?,
            token: self.seal_secret(TOKEN, &secrets.secret_id, &secrets.token)?,
            secret_id: secrets.secret_id.clone(),
            created: now,
            expires: now.plus_ms(self.settings.session_life_s.saturating_mul(1000)),
            committed: false,
            objects: 0,
            bytes: 0,
            about,
        })
    }

    fn seal_secret(&self, what: &str, id: &str, secret: &str) -> Result<Sealed, Fault> {
        let nonce = random::bytes()?;
        let purpose = Purpose { what, id };
        Ok(Sealed(seal::seal_text(&self.master, &nonce, purpose, secret.as_bytes())))
    }

    fn open_secret(
        &self,
        what: &str,
        id: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<String>, Fault> {
        let plain = seal::open_text(&self.master, Purpose { what, id }, &sealed.0)?;
        Ok(Zeroizing::new(String::from_utf8_lossy(&plain).into_owned()))
    }
}

/// The texts that a session is known and opened by.
struct Secrets {
    vod_session_key: String,
    secret_id: String,
    secret_key: String,
    token: String,
}

impl Secrets {
    fn draw() -> std::io::Result<Self> {
        Ok(Self {
            vod_session_key: random::text(SESSION_KEY_CHARS)?,
            secret_id: format!("AKID{}", random::text(32)?),
            secret_key: random::text(40)?,
            token: random::text(64)?,
        })
    }
}

/// What ApplyUpload asks for, checked.
struct Asked {
    about: About,
    cover_type: Option<String>,
    region: String,
}

impl Asked {
    fn check(request: &ApplyUpload, region: &str, now: Timestamp) -> Result<Self, ApplyError> {
        let media_type = request.media_type.to_ascii_lowercase();
        if catalogue::category(&media_type).is_none() {
            return Err(ApplyError::MediaType(request.media_type.clone()));
        }
        let cover_type = request.cover_type.to_ascii_lowercase();
        if !cover_type.is_empty() && catalogue::category(&cover_type) != Some(Category::Image) {
            return Err(ApplyError::CoverType(request.cover_type.clone()));
        }
        if request.expire_time.is_some_and(|expire| expire <= now) {
            return Err(ApplyError::ExpireTime);
        }
        if !request.media_storage_path.is_empty() {
            return Err(ApplyError::MediaStoragePath);
        }
        if request.session_context.chars().count() > limits::SESSION_CONTEXT_CHARS_MAX {
            return Err(ApplyError::SessionContextTooLong(limits::SESSION_CONTEXT_CHARS_MAX));
        }
        check_values(request)?;
        let about = About {
            name: request.media_name.clone(),
            media_type,
            class_id: request.class_id,
            expire: request.expire_time.unwrap_or(Timestamp::NEVER),
            source_context: request.source_context.clone(),
            session_context: request.session_context.clone(),
            storage_path: None,
        };
        let region =
            Some(request.storage_region.as_str()).filter(|r| !r.is_empty()).unwrap_or(region);
        Ok(Self {
            about,
            cover_type: Some(cover_type).filter(|cover_type| !cover_type.is_empty()),
            region: region.to_owned(),
        })
    }
}

/// The members that have no error code of their own.
fn check_values(request: &ApplyUpload) -> Result<(), ApplyError> {
    let long = |text: &str, max: usize| text.chars().count() > max;
    let region = request.storage_region.as_str();
    let (member, reason) = if !request.procedure.is_empty() {
        ("Procedure", "processing is not offered, so no procedure exists")
    } else if request.class_id != 0 {
        ("ClassId", "no class but 0 exists")
    } else if long(&request.media_name, MEDIA_NAME_CHARS_MAX) {
        ("MediaName", "it is longer than 255 characters")
    } else if long(&request.source_context, limits::SOURCE_CONTEXT_CHARS_MAX) {
        ("SourceContext", "it is longer than 250 characters")
    } else if !region.is_empty() && !place::is_region(region) {
        ("StorageRegion", "it is no region such as ap-guangzhou")
    } else {
        return Ok(());
    };
    Err(ApplyError::Value { member, reason })
}

impl Applied {
    /// When the temporary key ends, in Unix seconds.
    pub fn expires_s(&self) -> u64 {
        u64::try_from(self.session.expires.seconds()).unwrap_or(0)
    }
}

impl Grant {
    /// The secret half of the temporary key.
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// Whether this is the session's token, compared in constant time.
    pub fn has_token(&self, token: &[u8]) -> bool {
        self.token.as_bytes().ct_eq(token).into()
    }

    /// Whether the grant covers that key.
    pub(crate) fn check_key(&self, key: &str) -> Result<(), ObjectError> {
        if place::is_within(key, &self.session.directory) {
            return Ok(());
        }
        Err(ObjectError::Outside(self.session.directory.clone()))
    }
}

impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applied").field("file", &self.session.file).finish_non_exhaustive()
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("app", &self.app)
            .field("file", &self.session.file)
            .finish_non_exhaustive()
    }
}
