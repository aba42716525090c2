//! `callboard serve`: brings the parts together, announces the server, and stops it in good order.

pub mod announce;
mod bucket;
mod drivers;
mod parts;
mod running;
mod signals;
mod way_out;

use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::pin;

use client::Key;
use rustix::fs::Mode;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::args::Serve;
use crate::commands::find;
use crate::config::{self, Config, Environment};
use crate::failure::{Exit, Failure};
use crate::out;
use crate::telemetry;

pub use running::Running;
pub use signals::Signals;

/// Everything that a start needs to know.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The configuration; its data directory is the one that is used.
    pub config: Config,
    /// The root key to use; none: the one there is, or a new one.
    pub root: Option<Key>,
    /// Whether the data may be lost, so that nothing waits for the disk.
    pub ephemeral: bool,
    /// Whether the wall clock is believed although it jumped.
    pub accept_clock: bool,
    /// Where programs such as ffprobe are looked for, like PATH.
    pub search_path: Option<OsString>,
}

/// Runs the command until a signal comes or the store fails.
pub fn run(args: &Serve, environment: &Environment) -> Result<(), Failure> {
    let path = find::config_path(&args.file, environment);
    let loaded = config::load(path.as_deref(), environment, &args.flags())?;
    let root = find::given_key(environment)?;
    telemetry::start(&loaded.config.log);
    for name in &loaded.unknown_variables {
        tracing::warn!(variable = name, "not a setting: ignored");
    }
    let mut launch = Launch {
        config: loaded.config,
        root,
        ephemeral: args.ephemeral,
        accept_clock: args.accept_clock,
        search_path: config::search_path(),
    };
    prepare_process();
    let directory = if args.ephemeral { Some(temporary()?) } else { None };
    if let Some(directory) = &directory {
        launch.config.data = PathBuf::from(directory.path());
    }
    let runtime =
        Runtime::new().map_err(|error| Failure::io("the runtime cannot be started", &error))?;
    let ended = runtime.block_on(serve(launch));
    // whatever still runs after a graceful stop, or after a second signal, is not waited for
    runtime.shutdown_background();
    ended
}

/// A data directory that is removed when this is dropped.
pub fn temporary() -> Result<TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("callboard-")
        .tempdir()
        .map_err(|error| Failure::io("no temporary directory", &error))
}

/// Files are for their owner only, and connections may be many: the soft limit of descriptors is
/// 1,024 on most systems, far below what the server holds itself to.
pub fn prepare_process() {
    rustix::process::umask(Mode::from_bits_truncate(0o077));
    let resource = rustix::process::Resource::Nofile;
    let mut limit = rustix::process::getrlimit(resource);
    let wanted = 65_536;
    let most = limit.maximum.unwrap_or(wanted);
    if limit.current.is_some_and(|current| current < wanted.min(most)) {
        limit.current = Some(wanted.min(most));
        if let Err(error) = rustix::process::setrlimit(resource, limit) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
}

async fn serve(launch: Launch) -> Result<(), Failure> {
    let mut signals =
        Signals::listen().map_err(|error| Failure::io("signals cannot be received", &error))?;
    if launch.config.tls.is_some() {
        signals
            .listen_to_hangup()
            .map_err(|error| Failure::io("signals cannot be received", &error))?;
    }
    let mut start = pin!(Running::start(launch));
    let running = tokio::select! {
        started = &mut start => started?,
        () = signals.next() => return unwanted(start, &mut signals).await,
    };
    announce::ready(&running);
    let failed = loop {
        tokio::select! {
            hangup = signals.hangup() => if hangup { running.reload_certificate() } else { break None },
            reason = running.failed() => break Some(reason),
        }
    };
    tracing::info!("stopping");
    let stopped = tokio::select! {
        stopped = running.stop() => stopped,
        () = signals.next() => return Err(cut_short()),
    };
    match failed {
        Some(reason) => Err(Failure::new(Exit::Io, reason)),
        None => stopped,
    }
}

/// Ends a start that nobody wants any more: carries it to its end and stops in good order, because
/// it may have read the leases of the last stop already, and only a stop writes them down again.
async fn unwanted(
    start: impl Future<Output = Result<Running, Failure>>,
    signals: &mut Signals,
) -> Result<(), Failure> {
    tracing::info!("stopping as soon as the start allows");
    tokio::select! {
        ended = async { start.await?.stop().await } => ended,
        () = signals.next() => Err(cut_short()),
    }
}

fn cut_short() -> Failure {
    out::note("callboard: stopped at once; what was leased is redelivered");
    Failure::new(Exit::Refused, "the stop was cut short by a second signal")
}
