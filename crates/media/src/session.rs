//! ApplyUpload, and the temporary key that it hands out.
//!
//! A session is one record from the first moment, so nothing is promised that a restart forgets. Its
//! key opens one directory of the COS surface and nothing else. Secrets are sealed; only [`Grant`]
//! holds them open, for as long as one request lasts.
//!
//! Deliberately absent: signatures. The surface checks them with the key of the grant.

mod resume;

use std::fmt;

use model::{AppId, Application, ApplicationStatus, Sealed, limits};
use queue::{Commit, RecordKey, RecordKind, RecordPut, RecordQuery};
use sign::seal::{self, Purpose};
use subtle::ConstantTimeEq;
use wire::action::ApplyUpload;
use zeroize::Zeroizing;

use crate::asked::Asked;
use crate::catalogue;
use crate::error::{ApplyError, Fault, ObjectError, Refusal};
use crate::library::{Library, ROUNDS};
use crate::record::{self, Session};
use crate::{place, random};

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
        let asked = Asked::check(request, application.naming, self.now())?;
        let secrets = Secrets::draw().map_err(Fault::from)?;
        let session = self.new_session(application, asked, &secrets)?;
        for _ in 0..ROUNDS {
            let commit = self.opening(application.id, &session, &secrets.vod_session_key).await?;
            match self.commit(commit).await {
                Ok(()) => {
                    let Secrets { vod_session_key, secret_key, token, .. } = secrets;
                    return Ok(Applied { session, vod_session_key, secret_key, token });
                }
                Err(Refusal::Conflict) => {}
                Err(Refusal::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::Contended.into())
    }

    /// The commit that opens a session: its record, the paths that it takes, and its region, if the
    /// application has none like it. It expects the class to be there.
    async fn opening(
        &self,
        app: AppId,
        session: &Session,
        vod_session_key: &str,
    ) -> Result<Commit, ApplyError> {
        let key = record::session_key(app, vod_session_key);
        let mut commit = Commit {
            expect: vec![(key.clone(), None)],
            put: vec![session.put(key)],
            ..Commit::default()
        };
        let filing = self.filing(app, session.about.class_id).await?;
        let unknown =
            ApplyError::Value { member: "ClassId", reason: "there is no class with this id" };
        commit.expect.extend(filing.ok_or(unknown)?.expect);
        self.take_paths(app, session, &mut commit).await?;
        self.enable_region(app, &session.region, &mut commit).await?;
        Ok(commit)
    }

    /// Adds a region to those of an application, if it is not among them.
    pub(crate) async fn enable_region(
        &self,
        app: AppId,
        region: &str,
        commit: &mut Commit,
    ) -> Result<(), ApplyError> {
        let Some(found) = self.backend.application(app).await.map_err(Fault::from)? else {
            return Ok(());
        };
        let mut application = Application::clone(&found.application);
        if application.regions.is_empty() {
            application.regions.push(self.settings.storage_region.clone());
        }
        if application.regions.iter().any(|known| known == region) {
            return Ok(());
        }
        if application.regions.len() >= limits::REGIONS_MAX {
            let reason = "the application has as many regions as it may have";
            return Err(ApplyError::Value { member: "StorageRegion", reason });
        }
        application.regions.push(region.to_owned());
        let key = RecordKey::application(app);
        let body = record::body(&application);
        commit.expect.push((key.clone(), Some(found.version)));
        commit.put.push(RecordPut { key, body, terms: Vec::new(), listing: None });
        Ok(())
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

    fn new_session(
        &self,
        application: &Application,
        asked: Asked,
        secrets: &Secrets,
    ) -> Result<Session, Fault> {
        let Asked { about, cover_type, region } = asked;
        let placed = self.place(application, about, cover_type.as_deref(), region)?;
        let now = self.now();
        Ok(Session {
            file: placed.file,
            bucket: placed.bucket,
            region: placed.region,
            media_key: placed.media_key,
            cover_key: placed.cover_key,
            directory: placed.directory,
            secret_key: self.seal_secret(SECRET_KEY, &secrets.secret_id, &secrets.secret_key)?,
            token: self.seal_secret(TOKEN, &secrets.secret_id, &secrets.token)?,
            secret_id: secrets.secret_id.clone(),
            created: now,
            expires: now.plus_ms(self.settings.session_life_s.saturating_mul(1000)),
            committed: false,
            objects: 0,
            bytes: 0,
            about: placed.about,
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

    /// Whether the grant covers that key. In a directory that others share, only a manifest brings
    /// more than was announced.
    pub(crate) fn check_key(&self, key: &str) -> Result<(), ObjectError> {
        let session = &self.session;
        let is_whole_directory = session.about.storage_path.is_none()
            || catalogue::is_manifest(&session.about.media_type);
        if is_whole_directory && place::is_within(key, &session.directory) || session.announces(key)
        {
            return Ok(());
        }
        Err(ObjectError::Outside(session.directory.clone()))
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
