//! The settings as they are written: one struct a concern, every field with a safe default.
//!
//! Nothing is checked here beyond types and names; [`super::check`] turns this into the values the
//! rest of the program trusts. The comments that users see stand in [`super::table`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::{Mode, limits};
use serde::{Deserialize, Deserializer, Serialize};

use super::objects::Objects;
use super::span::Span;

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address of the API, the COS surface and media files.
    pub listen: String,
    /// The data directory.
    pub data: PathBuf,
    /// What Callboard calls itself in URLs; empty: the address it listens on.
    pub public_url: String,
    /// The account's AppId, the id of the default application.
    pub app_id: u64,
    /// Whether calls without a SubAppId are refused.
    pub require_sub_app_id: bool,
    /// Days that settled events stay readable.
    pub history_days: u32,
    /// TLS of `listen`.
    pub tls: Tls,
    /// Health, metrics.
    pub ops: Ops,
    /// PullEvents.
    pub pull: Pull,
    /// The push worker.
    pub push: Push,
    /// Rate limits.
    pub limits: Limits,
    /// The library.
    pub media: Media,
    /// Where media files are kept.
    pub objects: Objects,
    /// Logging.
    pub log: Log,
    /// Applications that exist from the first start on.
    pub application: Vec<Declared>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8800".to_owned(),
            data: PathBuf::from("./callboard-data"),
            public_url: String::new(),
            app_id: 1_250_000_000,
            require_sub_app_id: false,
            history_days: limits::HISTORY_DAYS,
            tls: Tls::default(),
            ops: Ops::default(),
            pull: Pull::default(),
            push: Push::default(),
            limits: Limits::default(),
            media: Media::default(),
            objects: Objects::default(),
            log: Log::default(),
            application: Vec::new(),
        }
    }
}

/// TLS of the API, the COS surface and media files. Both or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and those that lead to its authority; empty: no TLS.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
}

/// What operators look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ops {
    /// Address of health and metrics; empty: 127.0.0.1:8801, or a free port if `listen` asks for one.
    pub listen: String,
}

/// How PullEvents behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pull {
    /// Length of a lease.
    pub lease: Span,
    /// How long a call waits for the first event.
    pub wait: Span,
    /// The answer when nothing came.
    pub empty: Empty,
}

impl Default for Pull {
    fn default() -> Self {
        Self {
            lease: Span::from_ms(limits::PULL_LEASE_MS),
            wait: Span::from_ms(limits::PULL_WAIT_MS),
            empty: Empty::Error,
        }
    }
}

/// What PullEvents answers when there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Empty {
    /// The error `no event`, as the cloud does.
    Error,
    /// `EventSet: []`.
    List,
}

/// How PUSH behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Push {
    /// What counts as delivered, and how long it is tried.
    pub profile: Profile,
    /// How members that do not apply are written.
    pub unused_members: UnusedMembers,
    /// Networks that may be called although they are not public.
    pub allow_targets: Vec<String>,
    /// Whether plain http is refused.
    pub https_only: bool,
    /// Whose authorities are trusted.
    pub roots: AuthoritiesOf,
    /// Certificates of authorities to trust besides these, PEM; empty: none.
    pub ca_file: PathBuf,
    /// Our certificate for receivers that ask for one, PEM, the leaf first; empty: none.
    pub client_certificate: PathBuf,
    /// Its key, PEM.
    pub client_key: PathBuf,
    /// The proxy that callbacks go through, `http://[USER:PASSWORD@]HOST:PORT`; empty: none.
    pub proxy: String,
    /// The deadline of one attempt.
    pub timeout: Span,
    /// The waits between the first attempts.
    pub schedule: Vec<Span>,
    /// The wait between all later attempts.
    pub repeat: Span,
    /// How long an event is tried.
    pub give_up_after: Span,
    /// Attempts under way in all.
    pub in_flight: usize,
    /// Attempts under way for one application.
    pub in_flight_per_application: usize,
    /// Attempts a second that begin for one application; 0: no limit.
    pub per_second: u32,
}

impl Default for Push {
    fn default() -> Self {
        let seconds = [1, 5, 30, 2 * 60, 10 * 60, 30 * 60, 3600];
        Self {
            profile: Profile::Standard,
            unused_members: UnusedMembers::Omit,
            allow_targets: Vec::new(),
            https_only: false,
            roots: AuthoritiesOf::Mozilla,
            ca_file: PathBuf::new(),
            client_certificate: PathBuf::new(),
            client_key: PathBuf::new(),
            proxy: String::new(),
            timeout: Span::from_ms(limits::PUSH_ATTEMPT_MS),
            schedule: seconds.into_iter().map(|s| Span::from_ms(s * 1000)).collect(),
            repeat: Span::from_ms(3600 * 1000),
            give_up_after: Span::from_ms(48 * 3600 * 1000),
            in_flight: limits::PUSH_IN_FLIGHT_TOTAL,
            in_flight_per_application: limits::PUSH_IN_FLIGHT_PER_APPLICATION,
            per_second: 0,
        }
    }
}

/// The rules of PUSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// 2xx is success; the schedule applies.
    Standard,
    /// The old documented behaviour: any answer counts, three sends in all.
    Classic,
}

/// Whose list of public authorities is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthoritiesOf {
    /// Mozilla's, which is compiled in.
    Mozilla,
    /// This machine's.
    System,
}

/// How members that do not apply to an event are written in a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnusedMembers {
    /// Not at all.
    Omit,
    /// As null.
    Null,
}

/// Rate limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Calls per key, action and second; 0: no limit. Actions not named have none.
    #[serde(deserialize_with = "over_documented")]
    pub per_second: BTreeMap<String, u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_second: documented() }
    }
}

/// The documented numbers (docs 266/34183, 34184, 57589, 64486, 48758).
fn documented() -> BTreeMap<String, u32> {
    [
        ("ConfirmEvents", 100),
        ("DescribeEventConfig", 100),
        ("DescribeEventsState", 20),
        ("ModifyEventConfig", 20),
        ("PullEvents", 100),
    ]
    .into_iter()
    .map(|(action, limit)| (action.to_owned(), limit))
    .collect()
}

/// Naming one action changes that one and keeps the documented numbers of the others.
fn over_documented<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, u32>, D::Error> {
    let mut all = documented();
    all.extend(BTreeMap::<String, u32>::deserialize(from)?);
    Ok(all)
}

/// The library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// The ffprobe program: `auto`, `off` or a path.
    pub ffprobe: String,
    /// How long an upload's temporary keys are valid.
    pub session_life: Span,
    /// How long a file stays after its ExpireTime.
    pub expiry_grace: Span,
    /// Origins of web pages that may read media; `*`: any.
    pub cors_origins: Vec<String>,
    /// Origins of web pages that may upload; `*`: any.
    pub upload_cors_origins: Vec<String>,
    /// The key that signs the addresses of media; empty: they need no signature.
    pub signing_key: String,
    /// Networks that pulls may fetch from although they are not public.
    pub pull_allow_targets: Vec<String>,
    /// Pulls under way at once, in all.
    pub pull_concurrency: usize,
    /// Pulls under way at once for one application.
    pub pull_concurrency_per_application: usize,
    /// Bytes of one pull, all its files together.
    pub pull_bytes_max: u64,
    /// How long one pull may take.
    pub pull_timeout: Span,
    /// Whether a pull states NewFileUpload too.
    pub pull_upload_also_new_file_upload: bool,
    /// Whether NewFileUpload tells of clips that are kept.
    pub clips_also_new_file_upload: bool,
    /// Where live playlists that are files may lie; empty: nowhere.
    pub live_directory: PathBuf,
    /// How much of a live stream is kept.
    pub live_window: Span,
}

impl Default for Media {
    fn default() -> Self {
        let life = u64::try_from(limits::SESSION_LIFE_S).unwrap_or(24 * 3600);
        Self {
            ffprobe: "auto".to_owned(),
            session_life: Span::from_ms(life * 1000),
            expiry_grace: Span::from_ms(limits::EXPIRY_GRACE_MS),
            cors_origins: Vec::new(),
            upload_cors_origins: Vec::new(),
            signing_key: String::new(),
            pull_allow_targets: Vec::new(),
            pull_concurrency: limits::PULLS_MAX,
            pull_concurrency_per_application: limits::PULLS_PER_APPLICATION_MAX,
            pull_bytes_max: limits::PULL_BYTES_MAX,
            pull_timeout: Span::from_ms(limits::PULL_MS),
            pull_upload_also_new_file_upload: false,
            clips_also_new_file_upload: true,
            live_directory: PathBuf::new(),
            live_window: Span::from_ms(limits::LIVE_WINDOW_MS),
        }
    }
}

/// Logging, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level, or directives such as `info,push=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object a line.
    Json,
}

/// How an application names its files, as CreateSubAppId says it (`Mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Files {
    /// By FileId.
    #[serde(rename = "fileid")]
    FileId,
    /// By FileId, or where MediaStoragePath says.
    #[serde(rename = "fileid+path")]
    Path,
}

/// An application that the configuration declares. What is absent keeps the value it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// The SubAppId.
    pub id: u64,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// PUSH or PULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// How files are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Files>,
    /// Where PUSH goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_url: Option<String>,
    /// Whether NewFileUpload is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<bool>,
    /// Whether FileDeleted is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<bool>,
    /// Whether PersistenceComplete is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<bool>,
    /// The key of `Sign`; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_key: Option<String>,
}
