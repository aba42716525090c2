//! A store in a directory of its own, with clocks that tests move.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use model::{
    AppId, Application, Clock, EventConfig, EventKind, Mode, Mono, NewEvent, Now, Timestamp,
};
use queue::{
    Backend, Commit, CommitError, LeaseError, LeaseRequest, Leased, Lessee, Published, RecordKey,
    RecordPut, Resolution, Settled, Settlement, Silent,
};
use store::{Options, Store};
use tempfile::TempDir;

pub(crate) const APP: AppId = AppId(1_500_000_001);

/// Two clocks that stand still until a test moves them.
#[derive(Debug)]
pub(crate) struct Hands {
    wall: AtomicI64,
    mono: AtomicU64,
}

impl Hands {
    /// Lets that much time pass.
    pub(crate) fn pass(&self, ms: u64) {
        self.mono.fetch_add(ms, Ordering::SeqCst);
        self.step(i64::try_from(ms).unwrap());
    }

    /// Steps the wall clock.
    pub(crate) fn step(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Now {
        Now {
            wall: Timestamp(self.wall.load(Ordering::SeqCst)),
            mono: Mono(self.mono.load(Ordering::SeqCst)),
        }
    }
}

pub(crate) struct Bed {
    pub(crate) options: Options,
    pub(crate) hands: Arc<Hands>,
    pub(crate) store: Arc<Store>,
    dir: TempDir,
}

impl Bed {
    /// A new store with one application in PULL mode and every switch on.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::within(&std::env::temp_dir(), change).await
    }

    /// The same in a directory made there.
    pub(crate) async fn within(there: &Path, change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir_in(there).unwrap();
        let mut options = Options::new(dir.path().join("data"));
        options.reserve_bytes = 1024 * 1024;
        change(&mut options);
        let hands =
            Arc::new(Hands { wall: AtomicI64::new(1_700_000_000_000), mono: AtomicU64::new(0) });
        let store = Store::open(&options, Arc::<Hands>::clone(&hands), Arc::new(Silent)).unwrap();
        let bed = Self { options, hands, store, dir };
        bed.configure(APP, |_| {}).await;
        bed
    }

    /// A bed over a store that is open already.
    pub(crate) fn over(store: Arc<Store>) -> Self {
        let hands = Arc::new(Hands { wall: AtomicI64::new(0), mono: AtomicU64::new(0) });
        let dir = tempfile::tempdir().unwrap();
        Self { options: Options::new(dir.path()), hands, store, dir }
    }

    /// Drops the store without closing it, which is what kill -9 leaves behind, and opens it again.
    pub(crate) fn crash(self) -> Self {
        let Self { options, hands, store, dir } = self;
        drop(Arc::into_inner(store).expect("nobody else holds the store"));
        Self::reopen(options, hands, dir)
    }

    /// Closes the store and opens it again.
    pub(crate) async fn restart(self) -> Self {
        self.store.close().await.unwrap();
        self.crash()
    }

    fn reopen(options: Options, hands: Arc<Hands>, dir: TempDir) -> Self {
        hands.mono.store(0, Ordering::SeqCst);
        let store = Store::open(&options, Arc::<Hands>::clone(&hands), Arc::new(Silent)).unwrap();
        Self { options, hands, store, dir }
    }

    /// Writes an application's record, changed as asked from PULL with every switch on.
    pub(crate) async fn configure(&self, app: AppId, change: impl FnOnce(&mut Application)) {
        let found = self.store.application(app).await.unwrap();
        let mut application =
            found.map_or_else(|| pulling(app), |found| (*found.application).clone());
        change(&mut application);
        let body = serde_json::to_vec(&application).unwrap().into();
        let put =
            RecordPut { key: RecordKey::application(app), body, terms: vec![], listing: None };
        self.store.commit(Commit { put: vec![put], ..Commit::default() }).await.unwrap();
    }

    pub(crate) async fn publish(
        &self,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Published>, CommitError> {
        let committed = self.store.commit(Commit { events, ..Commit::default() }).await?;
        Ok(committed.events)
    }

    /// Publishes events with these bodies.
    pub(crate) async fn events(&self, bodies: impl IntoIterator<Item = &str>) -> Vec<Published> {
        self.publish(bodies.into_iter().map(event).collect()).await.unwrap()
    }

    pub(crate) fn request(max: usize) -> LeaseRequest {
        LeaseRequest {
            app: APP,
            by: Lessee::Pull,
            max,
            max_bytes: usize::MAX,
            wait: Duration::ZERO,
            hold: Duration::from_secs(30),
            fewest_attempts: false,
        }
    }

    pub(crate) async fn pull(&self, max: usize) -> Vec<Leased> {
        self.try_pull(max).await.unwrap()
    }

    pub(crate) async fn try_pull(&self, max: usize) -> Result<Vec<Leased>, LeaseError> {
        self.store.lease(Self::request(max)).await
    }

    pub(crate) async fn settle(&self, leased: &[Leased], resolution: Resolution) -> Vec<Settled> {
        let settlements = leased.iter().map(|leased| settlement(leased, resolution)).collect();
        self.store.settle(settlements).await.unwrap()
    }
}

pub(crate) fn settlement(leased: &Leased, resolution: Resolution) -> Settlement {
    Settlement { handle: leased.handle, app: APP, resolution, attempt: None }
}

pub(crate) fn pulling(app: AppId) -> Application {
    let config = EventConfig {
        mode: Mode::Pull,
        upload: true,
        delete: true,
        persistence: true,
        ..EventConfig::default()
    };
    Application { config, ..Application::new(app, "test", Timestamp(0)) }
}

pub(crate) fn event(body: &str) -> NewEvent {
    let payload = Bytes::copy_from_slice(body.as_bytes());
    NewEvent { app: APP, kind: EventKind::FileDeleted, key: None, files: vec![], payload }
}

pub(crate) fn bodies(leased: &[Leased]) -> Vec<&str> {
    leased.iter().map(|leased| std::str::from_utf8(&leased.payload).unwrap()).collect()
}
