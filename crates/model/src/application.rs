//! An application: who owns a queue, and how its events are to reach it.

use serde::{Deserialize, Serialize};

use crate::{AppId, Switch, Timestamp};

/// How an application wants its events (`Mode` of ModifyEventConfig).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Callboard sends each event to `NotificationUrl`.
    Push,
    /// The application calls PullEvents and ConfirmEvents.
    Pull,
}

/// A secret sealed with the master key; the bytes are of no use without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

/// A secret of Standard Webhooks, with which callbacks are signed besides `Sign`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    /// The `SigningSecretId`.
    pub id: String,
    /// The `whsec_` text, sealed for this id in this application.
    pub secret: Sealed,
    /// When it was made.
    pub created: Timestamp,
}

impl SigningSecret {
    /// What the sealed secret is bound to, so that it opens in its own place only.
    pub fn place(app: AppId, id: &str) -> String {
        format!("{app}/{id}")
    }
}

/// How one application's events reach it: what ModifyEventConfig sets, and the signing secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventConfig {
    /// PUSH unless the application says otherwise (facts: api/266/43011).
    pub mode: Mode,
    /// Where PUSH goes; empty: nowhere, and events raised in PUSH mode are ignored.
    pub notification_url: String,
    /// UploadMediaCompleteEventSwitch: NewFileUpload is wanted.
    pub upload: bool,
    /// DeleteMediaCompleteEventSwitch: FileDeleted is wanted.
    pub delete: bool,
    /// PersistenceCompleteEventSwitch: PersistenceComplete is wanted.
    pub persistence: bool,
    /// SignKey, sealed; none: callbacks carry no `Sign` and no `T`.
    pub sign_key: Option<Sealed>,
    /// Secrets of `Webhook-Signature`, newest first; none: callbacks carry no such header. Records
    /// of versions before there were any lack this member.
    #[serde(default)]
    pub signing_secrets: Vec<SigningSecret>,
}

impl Default for EventConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Push,
            notification_url: String::new(),
            upload: false,
            delete: false,
            persistence: false,
            sign_key: None,
            signing_secrets: Vec::new(),
        }
    }
}

impl EventConfig {
    /// Whether the application asked for events of that switch.
    pub const fn wants(&self, switch: Switch) -> bool {
        match switch {
            Switch::Upload => self.upload,
            Switch::Delete => self.delete,
            Switch::Persistence => self.persistence,
        }
    }

    /// Whether PUSH has somewhere to send.
    pub fn pushes(&self) -> bool {
        self.mode == Mode::Push && !self.notification_url.is_empty()
    }
}

/// Where an application stands in its life (`Status` of ModifySubAppIdStatus).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ApplicationStatus {
    /// In use.
    On,
    /// No uploads and no media served; events go on.
    Off,
    /// Gone for good; its waiting events are DEAD and its handles void.
    Destroyed,
}

/// How an application names the files of its media (`Mode` of CreateSubAppId).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Naming {
    /// Each file lies in a directory that is made for its FileId.
    #[default]
    FileId,
    /// Whoever uploads may say where a file lies (`MediaStoragePath`).
    Path,
}

/// An application and its event configuration: one record of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// The `SubAppId`.
    pub id: AppId,
    /// The name, at most 40 characters.
    pub name: String,
    /// The description, at most 300 characters.
    pub description: String,
    /// When it was created.
    pub created: Timestamp,
    /// On, Off or Destroyed.
    pub status: ApplicationStatus,
    /// How its events reach it.
    pub config: EventConfig,
    /// Tags given at creation, in order.
    pub tags: Vec<(String, String)>,
    /// How its files are named. Records of versions before there was a choice lack this member.
    #[serde(default)]
    pub naming: Naming,
    /// The StorageRegions of its uploads, each once; the first is that of an upload which asks for
    /// none. Empty: the server's alone.
    #[serde(default)]
    pub regions: Vec<String>,
}

impl Application {
    /// A new application: On, with the default configuration.
    pub fn new(id: AppId, name: impl Into<String>, created: Timestamp) -> Self {
        Self {
            id,
            name: name.into(),
            description: String::new(),
            created,
            status: ApplicationStatus::On,
            config: EventConfig::default(),
            tags: Vec::new(),
            naming: Naming::default(),
            regions: Vec::new(),
        }
    }
}
