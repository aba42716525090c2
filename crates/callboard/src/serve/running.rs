//! A running server: its parts, its background work, and its orderly end.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client::Key;
use media::Library;
use model::{AppId, Clock, limits};
use queue::{Backend, Observer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::parts::{self, Base, Certified};
use super::{Launch, bucket, drivers};
use crate::clock::SystemClock;
use crate::commands::find::{CERTIFICATE, ENDPOINT};
use crate::failure::{Exit, Failure, chain};
use crate::keyfile::write_private;
use crate::metrics::Metrics;
use crate::ops::{self, Ops};

/// Milliseconds of a graceful stop that are kept for closing the store.
const CLOSE_MS: u64 = 1_500;
/// Milliseconds that an answer of health or metrics may still take when all else has ended.
const OPS_MS: u64 = 250;

/// A server that accepts connections.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    ops_address: SocketAddr,
    root: Key,
    data: PathBuf,
    app: AppId,
    has_public_url: bool,
    certified: Option<Certified>,
    backend: Arc<dyn Backend>,
    library: Arc<Library>,
    ready: Arc<AtomicBool>,
    failed: watch::Receiver<Option<String>>,
    /// Ends what takes work: the gateway, the push worker, the ticks.
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Ends what looks on: health and metrics, to the last.
    stop_ops: CancellationToken,
    ops_tasks: TaskTracker,
}

/// The sockets of a server.
struct Sockets {
    main: TcpListener,
    ops: TcpListener,
    address: SocketAddr,
    ops_address: SocketAddr,
}

impl Sockets {
    async fn bind(launch: &Launch) -> Result<Self, Failure> {
        let main = parts::bind(launch.config.listen, "--listen").await?;
        let ops = parts::bind(launch.config.ops_listen, "--ops-listen").await?;
        let local = |socket: &TcpListener| {
            socket.local_addr().map_err(|error| Failure::io("a socket has no address", &error))
        };
        let (address, ops_address) = (local(&main)?, local(&ops)?);
        Ok(Self { main, ops, address, ops_address })
    }
}

impl Running {
    /// Takes the data directory, recovers, binds and starts to serve.
    pub async fn start(launch: Launch) -> Result<Self, Failure> {
        let metrics = Metrics::new();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let observer: Arc<dyn Observer> = Arc::<Metrics>::clone(&metrics);
        let opened = parts::open_store(&launch, Arc::clone(&clock), Arc::clone(&observer)).await;
        let backend = opened?;
        match Self::over(&launch, Arc::clone(&backend), clock, metrics).await {
            Ok(running) => Ok(running),
            Err(failure) => {
                // the lock goes with it; that closing failed too would hide the first reason
                if let Err(error) = backend.close().await {
                    tracing::warn!(%error, "closing the store after a failed start");
                }
                Err(failure)
            }
        }
    }

    /// Everything after the store.
    async fn over(
        launch: &Launch,
        backend: Arc<dyn Backend>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Failure> {
        let config = &launch.config;
        let master = Arc::new(parts::master_key(&config.data, backend.as_ref()).await?);
        let observer: Arc<dyn Observer> = Arc::<Metrics>::clone(&metrics);
        let base = Base { backend, clock, observer, master };
        let sockets = Sockets::bind(launch).await?;
        let own = vec![sockets.address, sockets.ops_address];
        let loopback = sockets.address.ip().is_loopback();
        let pull_policy = parts::pull_policy(config, own.clone());
        let policy = Arc::new(parts::policy(config, own, loopback));
        let root = parts::bootstrap(launch, &base, &policy).await?;
        let certified = parts::tls(config)?;
        let reach = format!("{}://{}", scheme(certified.as_ref()), reach(sockets.address));
        let public_url = config.public_url.as_ref().map_or(reach.as_str(), |url| url.as_str());
        let library = parts::library(launch, &base, public_url, &pull_policy)?;
        // a bucket that does not answer, or a file or a record that cannot be swept, must not keep the
        // queue from being served
        if bucket::check(&library, config.bucket.is_some()).await?
            && let Err(error) = library.tick().await
        {
            tracing::error!(error = chain(&error), "the library was not swept as a whole");
        }
        let (puller, recorder) = parts::fetchers(config, &library, &pull_policy)?;
        let worker = parts::worker(config, &base, &policy)?;
        let gateway = parts::gateway(config, &base, &library, &policy, &worker);

        let (failure, failed) = watch::channel(None);
        let running = Self {
            address: sockets.address,
            ops_address: sockets.ops_address,
            root,
            data: config.data.clone(),
            app: config.app_id,
            has_public_url: config.public_url.is_some(),
            certified,
            backend: Arc::clone(&base.backend),
            library: Arc::clone(&library),
            ready: Arc::new(AtomicBool::new(true)),
            failed,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            stop_ops: CancellationToken::new(),
            ops_tasks: TaskTracker::new(),
        };
        // the last thing that can fail: a start that fails leaves no task behind
        running.write_endpoint()?;
        let tls = running.certified.as_ref().map(|certified| certified.tls.clone());
        let stop = || running.stop.clone();
        running.tasks.spawn(drivers::tick_backend(Arc::clone(&base.backend), failure, stop()));
        running.tasks.spawn(drivers::tick_clips(Arc::clone(&library), stop()));
        running.tasks.spawn(drivers::tick_library(Arc::clone(&library), stop()));
        running.tasks.spawn(puller.run(stop()));
        running.tasks.spawn(drivers::tick_live(recorder, stop()));
        let ops = Ops {
            backend: Arc::clone(&base.backend),
            worker: worker.clone(),
            library: Arc::clone(&library),
            metrics,
            clock: base.clock,
            ready: Arc::clone(&running.ready),
        };
        let attempts = running.tasks.clone();
        let stop_push = stop();
        running.tasks.spawn(async move { worker.run(attempts, stop_push).await });
        running.tasks.spawn(api::serve(sockets.main, tls, gateway, stop()));
        running.serve_ops(sockets.ops, ops);
        Ok(running)
    }

    fn serve_ops(&self, socket: TcpListener, ops: Ops) {
        let usual = api::Transport::default();
        let transport = api::Transport {
            connections: limits::OPS_CONNECTIONS_MAX,
            // nobody shows a key here, and scrapers come back every minute
            keep_alive_of_stranger: usual.keep_alive,
            drain: Duration::from_millis(OPS_MS),
            ..usual
        };
        let stop = self.stop_ops.clone();
        self.ops_tasks.spawn(api::serve_router(socket, ops::router(ops), transport, stop));
    }

    /// Shows new connections the certificate that the files hold now. One that cannot be used is
    /// logged, and the old one stays.
    pub fn reload_certificate(&self) {
        let Some(certified) = &self.certified else { return };
        let outcome = parts::certificate(&certified.files).and_then(|(chain, key)| {
            certified.tls.replace(&chain, &key).map_err(|error| {
                format!("tls.certificate: {}: {error}", certified.files.certificate.display())
            })?;
            let path = self.certificate_file();
            write_private(&path, &String::from_utf8_lossy(&chain))
                .map_err(|error| format!("{}: {error}", path.display()))
        });
        match outcome {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(reason) => tracing::error!(reason, "the certificate was not read again"),
        }
    }

    fn certificate_file(&self) -> PathBuf {
        self.data.join(CERTIFICATE)
    }

    fn endpoint_file(&self) -> PathBuf {
        self.data.join(ENDPOINT)
    }

    /// What the commands on this machine find the server by. The certificate comes first: an endpoint
    /// that is there can be called.
    fn write_endpoint(&self) -> Result<(), Failure> {
        let path = self.certificate_file();
        if let Some(certified) = &self.certified {
            write_private(&path, &String::from_utf8_lossy(&certified.chain))
                .map_err(|error| Failure::io(path.display(), &error))?;
        }
        let path = self.endpoint_file();
        fs::write(&path, self.endpoint() + "\n")
            .map_err(|error| Failure::io(path.display(), &error))
    }

    /// Where the server is reached from this machine: `http://host:port`, or `https://…`.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme(), self.reach())
    }

    /// `https` if it shows a certificate, else `http`.
    pub fn scheme(&self) -> &'static str {
        scheme(self.certified.as_ref())
    }

    /// The same without the scheme.
    pub fn reach(&self) -> SocketAddr {
        reach(self.address)
    }

    /// The address that it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of health and metrics.
    pub fn ops_address(&self) -> SocketAddr {
        reach(self.ops_address)
    }

    /// The root key.
    pub const fn root(&self) -> &Key {
        &self.root
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The default application.
    pub const fn app(&self) -> AppId {
        self.app
    }

    /// Whether the operator said how others reach it.
    pub const fn has_public_url(&self) -> bool {
        self.has_public_url
    }

    /// Returns with the reason when the store has failed for good.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        let reason = match failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // the tick ended without a failure: the server is being stopped
            Err(_ended) => std::future::pending().await,
        };
        format!("{reason}; start again to recover")
    }

    /// Stops accepting, lets what is under way finish or gives it back, writes down what is leased,
    /// and lets go of the data directory; within [`limits::SHUTDOWN_MS`].
    pub async fn stop(self) -> Result<(), Failure> {
        self.ready.store(false, Ordering::Release);
        let deadline = Duration::from_millis(limits::SHUTDOWN_MS);
        match tokio::time::timeout(deadline, self.wind_down()).await {
            Ok(ended) => ended,
            Err(_elapsed) => Err(Failure::new(
                Exit::Io,
                format!("could not stop within {} s", deadline.as_secs()),
            )),
        }
    }

    async fn wind_down(&self) -> Result<(), Failure> {
        self.stop.cancel();
        self.tasks.close();
        if let Err(error) = fs::remove_file(self.endpoint_file()) {
            tracing::debug!(%error, "the endpoint file is gone already");
        }
        if self.certified.is_some()
            && let Err(error) = fs::remove_file(self.certificate_file())
        {
            tracing::debug!(%error, "the certificate's copy is gone already");
        }
        let work = async {
            self.tasks.wait().await;
            self.library.close().await;
        };
        // whatever still runs, the leases must be written down
        let patience = Duration::from_millis(limits::SHUTDOWN_MS - CLOSE_MS);
        if tokio::time::timeout(patience, work).await.is_err() {
            tracing::warn!("some work did not end in time and is given up");
        }
        let closed = self.backend.close().await;
        self.stop_ops.cancel();
        self.ops_tasks.close();
        self.ops_tasks.wait().await;
        closed.map_err(|error| {
            Failure::new(Exit::Io, format!("closing the store: {}", chain(&error)))
        })
    }
}

fn scheme(certified: Option<&Certified>) -> &'static str {
    if certified.is_some() { "https" } else { "http" }
}

/// An address that can be called: an unspecified one stands for this machine.
fn reach(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}
