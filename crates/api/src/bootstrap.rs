//! What must be in the backend before the first call: the default application, the root key, and
//! the applications that the configuration declares.
//!
//! Everything here may be repeated: each start brings the records to what is asked for and leaves
//! alone what is so already.

use model::{
    ApiKey, AppId, Application, ApplicationStatus, Clock, EventConfig, Mode, Naming, Policy, limits,
};
use queue::{
    Backend, BackendError, Commit, CommitError, Record, RecordKey, RecordKind, RecordPut,
    RecordQuery,
};
use sign::seal::{MasterKey, Purpose};
use zeroize::Zeroizing;

use crate::actions::{config, keys};
use crate::secret::{self, SecretError};

/// Why a start cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The backend refused.
    #[error("the records cannot be written")]
    Commit(#[from] CommitError),
    /// The backend cannot be read.
    #[error("the records cannot be read")]
    Backend(#[from] BackendError),
    /// A record that is not what it should be.
    #[error("a record cannot be read")]
    Record(#[from] serde_json::Error),
    /// The system gives no random numbers.
    #[error("no random numbers")]
    Random(#[from] std::io::Error),
    /// A declared application is not acceptable.
    #[error("application {app}: {member} {reason}")]
    Declared {
        /// Its id.
        app: AppId,
        /// The setting.
        member: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// An application that the configuration declares (`[[application]]`). What is absent keeps the
/// value it has, or the default if the application is new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredApplication {
    /// The SubAppId.
    pub id: u64,
    /// The name; a new application without one is named after its id.
    pub name: Option<String>,
    /// PUSH or PULL.
    pub mode: Option<Mode>,
    /// How files are named. Those that are there keep their places.
    pub naming: Option<Naming>,
    /// Where PUSH goes; empty: nowhere.
    pub notification_url: Option<String>,
    /// Whether NewFileUpload is wanted.
    pub upload: Option<bool>,
    /// Whether FileDeleted is wanted.
    pub delete: Option<bool>,
    /// Whether PersistenceComplete is wanted.
    pub persistence: Option<bool>,
    /// The key of `Sign`; empty: none.
    pub sign_key: Option<wire::Secret>,
}

/// The root key as it stands after a start.
#[derive(Debug)]
pub struct RootKey {
    /// SecretId.
    pub secret_id: String,
    /// SecretKey.
    pub secret_key: Zeroizing<String>,
    /// Whether it was made or replaced just now.
    pub changed: bool,
}

/// What a start needs to bring the records up to date.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap<'a> {
    /// Where the records are.
    pub backend: &'a dyn Backend,
    /// What secrets are sealed with.
    pub master: &'a MasterKey,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Which addresses a NotificationUrl may name.
    pub policy: &'a egress::Policy,
}

impl Bootstrap<'_> {
    /// Makes the application with that id and name if there is none; whether it did.
    pub async fn ensure_application(&self, id: AppId, name: &str) -> Result<bool, BootstrapError> {
        if self.backend.application(id).await?.is_some() {
            return Ok(false);
        }
        let application = Application::new(id, name, self.clock.now().wall);
        match self.backend.commit(write(&application, None)?).await {
            Ok(_) => Ok(true),
            // another node of the cluster was faster
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the root key, or replaces it when other values are given. Without values a root key
    /// that exists is kept, and a new one is drawn if there is none, or if its secret cannot be
    /// opened because `master.key` is another one.
    pub async fn ensure_root_key(
        &self,
        given: Option<(&str, &str)>,
    ) -> Result<RootKey, BootstrapError> {
        let existing = self.root_records().await?;
        let opened = existing.iter().find_map(|(record, key)| {
            let purpose = Purpose::secret_key(&key.secret_id);
            let opened: Result<_, SecretError> =
                secret::open(self.master, purpose, &key.secret_key);
            opened.ok().map(|secret_key| (record, key, secret_key))
        });
        if let Some((_, key, secret_key)) = opened {
            let same = given
                .is_none_or(|(id, secret)| id == key.secret_id && secret == secret_key.as_str());
            if same && existing.len() == 1 {
                return Ok(RootKey {
                    secret_id: key.secret_id.clone(),
                    secret_key,
                    changed: false,
                });
            }
        }
        let (secret_id, secret_key) = match given {
            Some((id, secret)) => (id.to_owned(), Zeroizing::new(secret.to_owned())),
            None => (
                format!("AKID{}", secret::random_text(32)?),
                Zeroizing::new(secret::random_text(32)?),
            ),
        };
        let key = ApiKey {
            secret_key: secret::seal(self.master, Purpose::secret_key(&secret_id), &secret_key)?,
            secret_id: secret_id.clone(),
            name: "root".to_owned(),
            policy: Policy::default(),
            created: self.clock.now().wall,
            root: true,
        };
        let others = existing.iter().map(|(record, _)| record.key.clone());
        let commit = Commit {
            put: vec![keys::put(&key)?],
            delete: others.filter(|other| other.id != secret_id).collect(),
            ..Commit::default()
        };
        self.backend.commit(commit).await?;
        Ok(RootKey { secret_id, secret_key, changed: true })
    }

    async fn root_records(&self) -> Result<Vec<(Record, ApiKey)>, BootstrapError> {
        let mut found = Vec::new();
        let mut after: Option<RecordKey> = None;
        loop {
            let query = RecordQuery {
                kind: RecordKind::Key,
                app: Some(AppId(0)),
                term: None,
                after: after.take(),
                limit: 500,
            };
            let page = self.backend.find(query).await?;
            after = page.records.last().map(|record| record.key.clone());
            for record in page.records {
                let key: ApiKey = serde_json::from_slice(&record.body)?;
                if key.root {
                    found.push((record, key));
                }
            }
            if !page.more || after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Brings each declared application to what is declared: made if it is not there, changed
    /// where it differs. Called at every start; ModifyEventConfig holds until the next.
    pub async fn apply_applications(
        &self,
        declared: &[ConfiguredApplication],
    ) -> Result<(), BootstrapError> {
        for one in declared {
            self.apply(one).await?;
        }
        Ok(())
    }

    async fn apply(&self, declared: &ConfiguredApplication) -> Result<(), BootstrapError> {
        let id = AppId(declared.id);
        let refuse = |member, reason: String| BootstrapError::Declared { app: id, member, reason };
        if let Some(url) = &declared.notification_url {
            config::check_url(self.policy, url)
                .map_err(|reason| refuse("notification_url", format!("is refused: {reason}")))?;
        }
        let found = self.backend.application(id).await?;
        let (mut application, version) = match &found {
            Some(found) => (Application::clone(&found.application), Some(found.version)),
            None => (Application::new(id, id.to_string(), self.clock.now().wall), None),
        };
        if application.status == ApplicationStatus::Destroyed {
            return Err(refuse("id", "belongs to a destroyed application".to_owned()));
        }
        if let Some(name) = &declared.name {
            let max = limits::APPLICATION_NAME_CHARS_MAX;
            if !(1..=max).contains(&name.chars().count()) {
                return Err(refuse("name", format!("must have 1 to {max} characters")));
            }
            application.name.clone_from(name);
        }
        application.naming = declared.naming.unwrap_or(application.naming);
        let config = &mut application.config;
        config.mode = declared.mode.unwrap_or(config.mode);
        config.upload = declared.upload.unwrap_or(config.upload);
        config.delete = declared.delete.unwrap_or(config.delete);
        config.persistence = declared.persistence.unwrap_or(config.persistence);
        if let Some(url) = &declared.notification_url {
            config.notification_url.clone_from(url);
        }
        if let Some(sign_key) = &declared.sign_key {
            self.set_sign_key(id, config, &sign_key.0)?;
        }
        if found.is_some_and(|found| *found.application == application) {
            return Ok(());
        }
        self.backend.commit(write(&application, version)?).await?;
        Ok(())
    }

    /// Seals a SignKey anew only if it differs: a changed record makes what waits due at once.
    fn set_sign_key(
        &self,
        app: AppId,
        config: &mut EventConfig,
        sign_key: &str,
    ) -> Result<(), BootstrapError> {
        let id = app.to_string();
        let purpose = Purpose::sign_key(&id);
        let current = config.sign_key.as_ref();
        let current = current.and_then(|sealed| secret::open(self.master, purpose, sealed).ok());
        if sign_key.is_empty() {
            config.sign_key = None;
        } else if current.is_none_or(|current| *current != sign_key) {
            config.sign_key = Some(secret::seal(self.master, purpose, sign_key)?);
        }
        Ok(())
    }
}

fn write(application: &Application, version: Option<u64>) -> Result<Commit, BootstrapError> {
    let key = RecordKey::application(application.id);
    let body = serde_json::to_vec(application)?;
    Ok(Commit {
        expect: vec![(key.clone(), version)],
        put: vec![RecordPut { key, body: body.into(), terms: Vec::new(), listing: None }],
        ..Commit::default()
    })
}
