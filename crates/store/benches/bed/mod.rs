//! What the benchmarks share: a store with one application in PULL mode.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{
    AppId, Application, ApplicationStatus, Clock, EventConfig, EventKind, Mode, Mono, NewEvent,
    Now, Timestamp,
};
use queue::{Backend, Commit, LeaseRequest, Lessee, RecordKey, RecordPut, Silent};
use store::{Options, Store};
use tokio::runtime::Runtime;
use tokio::time::Instant;

pub(crate) const PAYLOAD: usize = 1_200;
pub(crate) const APP: AppId = AppId(1);

#[derive(Debug)]
struct Machine(Instant);

impl Clock for Machine {
    fn now(&self) -> Now {
        let elapsed = u64::try_from(self.0.elapsed().as_millis()).unwrap();
        let wall = Timestamp(1_700_000_000_000).plus_ms(i64::try_from(elapsed).unwrap());
        Now { wall, mono: Mono(elapsed) }
    }
}

pub(crate) fn open(runtime: &Runtime, dir: &Path) -> Arc<Store> {
    let clock = Arc::new(Machine(Instant::now()));
    let store = Store::open(&Options::new(dir), clock, Arc::new(Silent)).unwrap();
    register(runtime, &store, APP);
    store
}

/// Registers an application in PULL mode.
pub(crate) fn register(runtime: &Runtime, store: &Store, app: AppId) {
    runtime.block_on(store.commit(configuration(app, ApplicationStatus::On))).unwrap();
}

/// Writes an application in PULL mode.
pub(crate) fn configuration(app: AppId, status: ApplicationStatus) -> Commit {
    let config = EventConfig { mode: Mode::Pull, delete: true, ..EventConfig::default() };
    let application =
        Application { status, config, ..Application::new(app, "bench", Timestamp(0)) };
    let body = serde_json::to_vec(&application).unwrap().into();
    let put =
        vec![RecordPut { key: RecordKey::application(app), body, terms: vec![], listing: None }];
    Commit { put, ..Commit::default() }
}

pub(crate) fn event(payload: Bytes) -> NewEvent {
    NewEvent { app: APP, kind: EventKind::FileDeleted, key: None, files: vec![], payload }
}

pub(crate) fn pull(max: usize) -> LeaseRequest {
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

pub(crate) fn directory() -> tempfile::TempDir {
    let place = std::env::var_os("CALLBOARD_BENCH_DIR").unwrap_or_else(|| "/tmp".into());
    tempfile::tempdir_in(place).unwrap()
}
