//! A store, a worker and clocks that tests move; attempts begin when a test ticks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use egress::{Client, Limits, Policy, SystemResolver, Trust};
use model::{
    AppId, Application, Clock, EventConfig, EventId, EventKind, Mono, NewEvent, Now, Sealed,
    Timestamp,
};
use push::{Parts, Settings, Worker, jitter::Fixed};
use queue::{Attempt, Backend, Commit, RecordKey, RecordPut, Silent, State};
use sign::seal::{self, MasterKey, Purpose};
use store::{Options, Store};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const APP: AppId = AppId(1_500_000_001);
pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const SIGN_KEY: &str = "mysignkey";

/// Two clocks that stand still until a test moves them.
#[derive(Debug)]
struct Hands {
    wall: AtomicI64,
    mono: AtomicU64,
}

impl Clock for Hands {
    fn now(&self) -> Now {
        Now {
            wall: Timestamp(self.wall.load(Ordering::SeqCst)),
            mono: Mono(self.mono.load(Ordering::SeqCst)),
        }
    }
}

/// Clocks that go.
#[derive(Debug)]
pub(crate) struct Going(Instant);

impl Going {
    pub(crate) fn start() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for Going {
    fn now(&self) -> Now {
        let ms = u64::try_from(self.0.elapsed().as_millis()).unwrap();
        Now { wall: START.plus_ms(i64::try_from(ms).unwrap()), mono: Mono(ms) }
    }
}

pub(crate) struct Bed {
    hands: Arc<Hands>,
    pub(crate) store: Arc<Store>,
    pub(crate) worker: Worker,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
    _dir: TempDir,
}

pub(crate) fn master() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

/// An attempt has 1.5 s: soon enough for what must time out, long enough for a busy machine.
pub(crate) fn settings() -> Settings {
    Settings { attempt_ms: 1_500, ..Settings::default() }
}

impl Bed {
    /// With clocks that tests move, and loopback allowed.
    pub(crate) fn new() -> Self {
        Self::with(settings(), Policy { allow_loopback: true, ..Policy::default() })
    }

    pub(crate) fn with(settings: Settings, policy: Policy) -> Self {
        let hands = Arc::new(Hands { wall: AtomicI64::new(START.0), mono: AtomicU64::new(0) });
        Self::on(Arc::<Hands>::clone(&hands), hands, (settings, policy, Trust::default()))
    }

    /// With clocks that tests move, loopback allowed, and those authorities trusted.
    pub(crate) fn trusting(pem: &str) -> Self {
        let mut trust = Trust::default();
        trust.add_pem(pem.as_bytes()).unwrap();
        let policy = Policy { allow_loopback: true, ..Policy::default() };
        let hands = Arc::new(Hands { wall: AtomicI64::new(START.0), mono: AtomicU64::new(0) });
        Self::on(Arc::<Hands>::clone(&hands), hands, (settings(), policy, trust))
    }

    /// With clocks that go.
    pub(crate) fn going(settings: Settings) -> Self {
        let hands = Arc::new(Hands { wall: AtomicI64::new(0), mono: AtomicU64::new(0) });
        let policy = Policy { allow_loopback: true, ..Policy::default() };
        Self::on(Going::start(), hands, (settings, policy, Trust::default()))
    }

    fn on(
        clock: Arc<dyn Clock>,
        hands: Arc<Hands>,
        (settings, policy, trust): (Settings, Policy, Trust),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = Options::new(dir.path().join("data"));
        options.reserve_bytes = 1024 * 1024;
        options.durable = false;
        let store = Store::open(&options, Arc::clone(&clock), Arc::new(Silent)).unwrap();
        let resolver = Arc::new(SystemResolver::default());
        let client = Client::new(policy, resolver, trust.into(), Limits::default()).unwrap();
        let worker = Worker::new(Parts {
            backend: Arc::<Store>::clone(&store),
            client: Arc::new(client),
            master: master(),
            clock,
            observer: Arc::new(Silent),
            jitter: Arc::new(Fixed(0.5)),
            settings,
        });
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        Self { hands, store, worker, tracker, stop, _dir: dir }
    }

    /// Lets time pass, and the store notice it.
    pub(crate) async fn pass(&self, ms: u64) {
        self.hands.mono.fetch_add(ms, Ordering::SeqCst);
        self.hands.wall.fetch_add(i64::try_from(ms).unwrap(), Ordering::SeqCst);
        self.store.tick().await.unwrap();
    }

    /// Steps the wall clock, and lets the store notice it.
    pub(crate) async fn step(&self, ms: i64) {
        self.hands.wall.fetch_add(ms, Ordering::SeqCst);
        self.store.tick().await.unwrap();
    }

    /// Begins what may begin and waits until every attempt has ended.
    pub(crate) async fn drive(&self) {
        self.worker.tick(&self.tracker, &self.stop).await;
        self.tracker.close();
        self.tracker.wait().await;
        self.tracker.reopen();
    }

    /// Makes or changes an application.
    pub(crate) async fn configure(&self, app: AppId, change: impl FnOnce(&mut EventConfig)) {
        let found = self.store.application(app).await.unwrap();
        let mut application = found.map_or_else(|| made(app), |found| (*found.application).clone());
        change(&mut application.config);
        let body = serde_json::to_vec(&application).unwrap().into();
        let put =
            RecordPut { key: RecordKey::application(app), body, terms: vec![], listing: None };
        self.store.commit(Commit { put: vec![put], ..Commit::default() }).await.unwrap();
    }

    /// Points the application to an address.
    pub(crate) async fn point(&self, app: AppId, url: impl Into<String>) {
        let url = url.into();
        self.configure(app, |config| config.notification_url = url).await;
    }

    /// States that many events; the payload of each is its number.
    pub(crate) async fn publish(&self, app: AppId, count: usize) -> Vec<EventId> {
        let event = |n: usize| NewEvent {
            app,
            kind: EventKind::ProcedureStateChanged,
            key: None,
            files: vec![],
            payload: format!("{{\"TaskId\":\"{n}\"}}").into(),
        };
        let events = (0..count).map(event).collect();
        let committed = self.store.commit(Commit { events, ..Commit::default() }).await.unwrap();
        committed.events.iter().map(|published| published.id).collect()
    }

    pub(crate) async fn state(&self, app: AppId, id: EventId) -> State {
        self.store.event(app, id).await.unwrap().unwrap().row.state
    }

    pub(crate) async fn attempts(&self, app: AppId, id: EventId) -> Vec<Attempt> {
        self.store.event(app, id).await.unwrap().unwrap().attempts
    }

    /// Attempts made for all these events together.
    pub(crate) async fn attempts_in_all(&self, app: AppId, ids: &[EventId]) -> usize {
        let mut sum = 0;
        for &id in ids {
            sum += self.attempts(app, id).await.len();
        }
        sum
    }

    /// Waits until nothing of the application is open.
    pub(crate) async fn wait_settled(&self, app: AppId, deadline: Duration) {
        let settled = async {
            loop {
                let load = self.store.load(Some(app));
                if load.ready + load.leased + load.delayed == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(deadline, settled).await;
        assert!(in_time.is_ok(), "still open: {:?}", self.store.load(Some(app)));
    }
}

/// `SIGN_KEY` as the record of that application keeps it.
pub(crate) fn sealed(app: AppId, master: &MasterKey) -> Sealed {
    let id = app.to_string();
    Sealed(seal::seal_text(master, &[9; 24], Purpose::sign_key(&id), SIGN_KEY.as_bytes()))
}

fn made(app: AppId) -> Application {
    Application::new(app, "test", START)
}
