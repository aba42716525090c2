//! The parts of a server and the order in which they are made: store, keys, sockets, policy,
//! library, gateway, push worker.
//!
//! The store comes first because its lock decides whether this process may touch the directory at
//! all; the sockets come before the policy, which must know our own addresses.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use api::{Bootstrap, BootstrapError, ConfiguredApplication, Gateway, GatewayParts, Origins, Tls};
use client::Key;
use egress::Policy;
use media::probe::{Probe, ProbeLimits, ProbeTools};
use media::{Library, LibraryParts, Objects, Puller, Recorder};
use model::{Clock, Naming};
use push::Worker;
use queue::{Backend, Observer, RecordKind, RecordQuery};
use sign::seal::MasterKey;
use store::{LockError, OpenError, Options, Store};
use tokio::net::TcpListener;

use super::{Launch, way_out};
use crate::config::settings::{Declared, Empty, Files, UnusedMembers};
use crate::config::{Config, settings};
use crate::failure::{Exit, Failure, chain};
use crate::keyfile::{self, KeyFileError, MASTER_KEY};

/// What every later part is made of.
#[derive(Clone, Debug)]
pub(super) struct Base {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) master: Arc<MasterKey>,
}

/// Takes the data directory and recovers the store.
pub(super) async fn open_store(
    launch: &Launch,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
) -> Result<Arc<dyn Backend>, Failure> {
    let mut options = Options::new(&launch.config.data);
    if launch.ephemeral {
        options.durable = false;
        options.reserve_bytes = 0;
    }
    options.history_days = launch.config.history_days;
    options.accept_clock = launch.accept_clock;
    let opened = tokio::task::spawn_blocking(move || Store::open(&options, clock, observer)).await;
    match opened {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(error)) => Err(refused(&error)),
        Err(panicked) => Err(Failure::new(Exit::Io, format!("opening the store: {panicked}"))),
    }
}

fn refused(error: &OpenError) -> Failure {
    let exit = match error {
        OpenError::Lock(LockError::Held(_)) => Exit::Locked,
        OpenError::Newer { .. } => Exit::Data,
        OpenError::Lock(LockError::Io { .. }) | OpenError::Sqlite { .. } | OpenError::Io { .. } => {
            Exit::Io
        }
    };
    let hint =
        if exit == Exit::Locked { ": stop it, or name another directory with --data" } else { "" };
    Failure::new(exit, chain(error) + hint)
}

/// The master key of the directory, made if the directory is new. A store with keys whose master
/// key is gone is refused: a new one would make every secret in it unreadable for good.
pub(super) async fn master_key(dir: &Path, backend: &dyn Backend) -> Result<MasterKey, Failure> {
    if let Some(key) = keyfile::read_master(dir).map_err(|error| key_file(&error))? {
        return Ok(key);
    }
    let kind = RecordKind::Key;
    let query = RecordQuery { kind, app: None, term: None, after: None, limit: 1 };
    let known = backend.find(query).await.map_err(|error| backend_failed(&error))?;
    if known.records.is_empty() {
        return keyfile::make_master(dir).map_err(|error| key_file(&error));
    }
    let path = dir.join(MASTER_KEY);
    Err(Failure::new(
        Exit::Config,
        format!(
            "{} is missing and the store's secrets are sealed with it: put it back",
            path.display()
        ),
    ))
}

fn key_file(error: &KeyFileError) -> Failure {
    let exit = match error {
        KeyFileError::Io { .. } | KeyFileError::Random(_) => Exit::Io,
        KeyFileError::Open { .. } | KeyFileError::NotAKey { .. } => Exit::Config,
    };
    Failure::new(exit, error.to_string())
}

/// Binds a listener; connections wait in the kernel until it is served.
pub(super) async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = if error.kind() == io::ErrorKind::AddrInUse {
            format!(" (another server? {setting} takes another address; port 0 a free one)")
        } else {
            String::new()
        };
        Failure::new(Exit::Io, format!("cannot listen on {address}: {error}{hint}"))
    })
}

/// Where callbacks may go: public addresses, what the operator opened, this machine if only this
/// machine can reach the server; never our own listeners.
pub(super) fn policy(config: &Config, own: Vec<SocketAddr>, loopback: bool) -> Policy {
    Policy {
        allow: config.allow_targets.clone(),
        allow_loopback: loopback,
        https_only: config.push.https_only,
        forbidden: own,
    }
}

/// Where pulls may fetch from: public addresses and what the operator opened for them.
pub(super) fn pull_policy(config: &Config, own: Vec<SocketAddr>) -> Policy {
    Policy {
        allow: config.pull_allow_targets.clone(),
        allow_loopback: false,
        https_only: false,
        forbidden: own,
    }
}

/// Makes what must be in the store before the first call; the root key.
pub(super) async fn bootstrap(
    launch: &Launch,
    base: &Base,
    policy: &Policy,
) -> Result<Key, Failure> {
    let bootstrap = Bootstrap {
        backend: base.backend.as_ref(),
        master: &base.master,
        clock: base.clock.as_ref(),
        policy,
    };
    let failed = |error: BootstrapError| {
        let exit = match &error {
            BootstrapError::Declared { .. } => Exit::Config,
            BootstrapError::Commit(_)
            | BootstrapError::Backend(_)
            | BootstrapError::Record(_)
            | BootstrapError::Random(_) => Exit::Io,
        };
        Failure::new(exit, chain(&error))
    };
    let config = &launch.config;
    bootstrap.ensure_application(config.app_id, "default").await.map_err(failed)?;
    let declared: Vec<_> = config.applications.iter().map(configured).collect();
    bootstrap.apply_applications(&declared).await.map_err(failed)?;
    let given = launch.root.as_ref().map(|key| (key.id(), key.secret()));
    let root = bootstrap.ensure_root_key(given).await.map_err(failed)?;
    let key = Key::new(root.secret_id, root.secret_key.as_str());
    keyfile::write_root(&config.data, &key).map_err(|error| key_file(&error))?;
    Ok(key)
}

fn configured(declared: &Declared) -> ConfiguredApplication {
    ConfiguredApplication {
        id: declared.id,
        name: declared.name.clone(),
        mode: declared.mode,
        naming: declared.files.map(|files| match files {
            Files::FileId => Naming::FileId,
            Files::Path => Naming::Path,
        }),
        notification_url: declared.notification_url.clone(),
        upload: declared.upload,
        delete: declared.delete,
        persistence: declared.persistence,
        sign_key: declared.sign_key.clone().map(wire::Secret),
    }
}

/// The library over the objects of the data directory.
pub(super) fn library(
    launch: &Launch,
    base: &Base,
    public_url: &str,
    pull_policy: &Policy,
) -> Result<Arc<Library>, Failure> {
    let config = &launch.config;
    let opened = |error: io::Error| Failure::io("the library cannot be opened", &error);
    let tools = match config.media.ffprobe.as_str() {
        "off" => ProbeTools::none(),
        "auto" => ProbeTools::detect(launch.search_path.as_deref()),
        path => ProbeTools::detect(launch.search_path.as_deref()).with_ffprobe(path),
    };
    tracing::info!(ffprobe = ?tools.ffprobe(), "media are probed");
    if !tools.is_confined() {
        tracing::warn!("prlimit is not there: ffprobe runs without limits on memory and files");
    }
    let mut settings = media::Settings::new(public_url, config.app_id);
    settings.session_life_s =
        i64::try_from(config.media.session_life.ms() / 1000).unwrap_or(i64::MAX);
    settings.pull = media::PullSettings {
        policy: pull_policy.clone(),
        total: config.media.pull_concurrency,
        per_application: config.media.pull_concurrency_per_application,
        bytes_max: config.media.pull_bytes_max,
        timeout: config.media.pull_timeout.duration(),
        also_new_file_upload: config.media.pull_upload_also_new_file_upload,
        ..media::PullSettings::default()
    };
    settings.live = media::Live {
        directory: Some(config.media.live_directory.clone())
            .filter(|directory| !directory.as_os_str().is_empty()),
        window_ms: config.media.live_window.ms(),
    };
    settings.clips_also_new_file_upload = config.media.clips_also_new_file_upload;
    settings.expiry_grace_ms = config.media.expiry_grace.ms();
    let parts = LibraryParts {
        backend: Arc::clone(&base.backend),
        clock: Arc::clone(&base.clock),
        master: Arc::clone(&base.master),
        objects: match &config.bucket {
            None => Objects::open(&config.data).map_err(opened)?,
            Some(bucket) => super::bucket::objects(&config.data, bucket)?,
        },
        probe: Probe::new(tools, ProbeLimits::default()),
        settings,
    };
    Ok(Arc::new(Library::new(parts).map_err(opened)?))
}

/// The workers that fetch what applications name: pulls and live streams, by one way out.
pub(super) fn fetchers(
    config: &Config,
    library: &Arc<Library>,
    policy: &Policy,
) -> Result<(Arc<Puller>, Arc<Recorder>), Failure> {
    let client = Arc::new(way_out::puller(config, policy)?);
    let recorder = Recorder::new(Arc::clone(library), Arc::clone(&client));
    Ok((Puller::new(Arc::clone(library), client), recorder))
}

/// The gateway over all of it.
pub(super) fn gateway(
    config: &Config,
    base: &Base,
    library: &Arc<Library>,
    policy: &Arc<Policy>,
    worker: &Worker,
) -> Gateway {
    let mut settings = api::Settings::new(config.app_id);
    settings.require_sub_app_id = config.require_sub_app_id;
    // a proxy in front may send a Host of its own; clients sign the one that they know
    settings.host_aliases =
        config.public_url.iter().map(|url| url.authority().to_owned()).collect();
    settings.pull_lease_ms = config.pull.lease.ms();
    settings.pull_wait_ms = config.pull.wait.ms();
    settings.pull_empty = match config.pull.empty {
        Empty::Error => api::PullEmpty::Error,
        Empty::List => api::PullEmpty::List,
    };
    settings.media_origins = origins(&config.media.cors_origins);
    settings.upload_origins = origins(&config.media.upload_cors_origins);
    let key = &config.media.signing_key;
    settings.media_signing_key = (!key.is_empty()).then(|| wire::Secret(key.clone()));
    let limits = config.per_second.iter();
    settings.rates = api::RateLimits(limits.map(|(a, n)| (a.clone(), u64::from(*n))).collect());
    Gateway::new(GatewayParts {
        backend: Arc::clone(&base.backend),
        library: Arc::clone(library),
        clock: Arc::clone(&base.clock),
        master: Arc::clone(&base.master),
        worker: worker.clone(),
        policy: Arc::clone(policy),
        observer: Arc::clone(&base.observer),
        settings,
    })
}

fn origins(listed: &[String]) -> Origins {
    match listed {
        [] => Origins::None,
        [any] if any == "*" => Origins::Any,
        listed => Origins::Listed(listed.to_vec()),
    }
}

/// The push worker over the way out.
pub(super) fn worker(config: &Config, base: &Base, policy: &Policy) -> Result<Worker, Failure> {
    let client = way_out::client(config, policy)?;
    let settings = push::Settings {
        schedule: config.schedule(),
        attempt_ms: config.push.timeout.ms(),
        per_application: config.push.in_flight_per_application,
        total: config.push.in_flight,
        per_second: config.push.per_second,
        unused_members_null: config.push.unused_members == UnusedMembers::Null,
        ..push::Settings::default()
    };
    Ok(Worker::new(push::Parts {
        backend: Arc::clone(&base.backend),
        client: Arc::new(client),
        master: MasterKey::clone(&base.master),
        clock: Arc::clone(&base.clock),
        observer: Arc::clone(&base.observer),
        jitter: Arc::new(push::Random),
        settings,
    }))
}

/// The certificate of the listener, if it has one, and the PEM text of it.
pub(super) fn tls(config: &Config) -> Result<Option<Certified>, Failure> {
    let Some(files) = &config.tls else { return Ok(None) };
    let (chain, key) = certificate(files).map_err(|reason| Failure::new(Exit::Config, reason))?;
    let tls = Tls::from_pem(&chain, &key).map_err(|error| {
        let path = files.certificate.display();
        Failure::new(Exit::Config, format!("tls.certificate: {path}: {error}"))
    })?;
    Ok(Some(Certified { tls, files: files.clone(), chain }))
}

/// A certificate that is shown, and where it came from.
#[derive(Debug)]
pub(super) struct Certified {
    pub(super) tls: Tls,
    pub(super) files: settings::Tls,
    pub(super) chain: Vec<u8>,
}

/// Both files as they are now.
pub(super) fn certificate(files: &settings::Tls) -> Result<(Vec<u8>, Vec<u8>), String> {
    let read = |name: &str, path: &Path| {
        fs::read(path).map_err(|error| format!("{name}: {}: {error}", path.display()))
    };
    Ok((read("tls.certificate", &files.certificate)?, read("tls.key", &files.key)?))
}

fn backend_failed(error: &queue::BackendError) -> Failure {
    Failure::new(Exit::Io, chain(error))
}
