//! Whether dead receivers delay the living: 180 applications, each with a receiver of its own that
//! answers, alone and next to 20 whose receiver refuses connections, never answers, or falls silent
//! midway.
//!
//! ```text
//!   alone │ +20 refusing │ +20 hanging │ +20 falling silent │ alone │ …      rounds, interleaved
//! ```
//!
//! Every round has a store, a worker and circuits of its own, so the time in which nobody knows yet
//! who is dead is measured too. Each application gets five events a second, each with an fsync, and
//! no two applications at the same moment; the latency is from the publisher's call to the complete
//! request at the receiver, so it holds the commit, the lease and the connection. What waits for the
//! dead from the beginning was stated before: the measure is of deliveries, not of a burst of
//! commits. All is in one process on the same cores. The last lines give the median of the rounds'
//! p99, and its ratio to that of the rounds alone; above 1.5 the benchmark fails.
//!
//! `cargo bench -p push --bench fairness` (`-- --quick` for a shorter run). The directory is
//! `CALLBOARD_BENCH_DIR` or `/tmp`; use a real disk.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints what it found"
)]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egress::{Client, Limits, Policy, SystemResolver, Tls};
use model::{AppId, Application, Clock, EventConfig, EventKind, Mono, NewEvent, Now, Timestamp};
use push::{Parts, Random, Settings, Worker};
use queue::{Backend, Commit, RecordKey, RecordPut, Silent};
use sign::seal::MasterKey;
use store::{Options, Store};
use testkit::receiver::{Reaction, Receiver};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Applications whose receiver answers.
const LIVING: u64 = 180;
/// Applications whose receiver does not.
const DEAD: u64 = 20;
/// Milliseconds between two events of one application.
const EVERY_MS: u64 = 200;
/// Moments of that time at which applications state: one each.
const PHASES: u32 = 200;
/// Events that wait for each receiver that is dead from the beginning.
const BACKLOG: usize = 100;
/// Events that come at once for each receiver that has just fallen silent: more than its application
/// may have under way.
const RUSH: usize = model::limits::PUSH_IN_FLIGHT_PER_APPLICATION + 4;
/// Milliseconds between the rushes of two applications.
const RUSH_EVERY_MS: u64 = 50;
/// How long a round is: two thirds of it are longer than an attempt's deadline.
const LENGTH: Duration = Duration::from_secs(9);
/// How much slower the slowest hundredth may be next to dead receivers.
const RATIO_MAX: f64 = 1.5;

/// What the dead receivers of a round do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// There are none.
    Alone,
    /// Refuse connections.
    Refusing,
    /// Accept, read, and never answer.
    Hanging,
    /// Answer for a third of the round, and then never again: their applications may have had as
    /// many attempts under way as any.
    FallingSilent,
}

const ROUND: [Trouble; 4] =
    [Trouble::Alone, Trouble::Refusing, Trouble::Hanging, Trouble::FallingSilent];

#[derive(Debug)]
struct Running(Instant);

impl Clock for Running {
    fn now(&self) -> Now {
        let ms = u64::try_from(self.0.elapsed().as_millis()).unwrap();
        Now { wall: Timestamp(1_700_000_000_000 + i64::try_from(ms).unwrap()), mono: Mono(ms) }
    }
}

fn open(start: Instant) -> (Arc<Store>, Worker, tempfile::TempDir) {
    let base = std::env::var_os("CALLBOARD_BENCH_DIR").map_or_else(|| "/tmp".into(), PathBuf::from);
    let dir = tempfile::tempdir_in(base).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(Running(start));
    let options = Options::new(dir.path().join("data"));
    let store = Store::open(&options, Arc::clone(&clock), Arc::new(Silent)).unwrap();
    let policy = Policy { allow_loopback: true, ..Policy::default() };
    let resolver = Arc::new(SystemResolver::default());
    let client = Client::new(policy, resolver, Tls::default(), Limits::default()).unwrap();
    let worker = Worker::new(Parts {
        backend: Arc::<Store>::clone(&store),
        client: Arc::new(client),
        master: MasterKey::from_bytes([7; 32]),
        clock,
        observer: Arc::new(Silent),
        jitter: Arc::new(Random),
        settings: Settings::default(),
    });
    (store, worker, dir)
}

async fn point(store: &Store, app: AppId, url: String) {
    let config = EventConfig { notification_url: url, ..EventConfig::default() };
    let application = Application { config, ..Application::new(app, "bench", Timestamp(0)) };
    let body = serde_json::to_vec(&application).unwrap().into();
    let put = RecordPut { key: RecordKey::application(app), body, terms: vec![], listing: None };
    store.commit(Commit { put: vec![put], ..Commit::default() }).await.unwrap();
}

/// States that many events of an application at once; their payloads say when.
async fn state(store: &Store, app: AppId, count: usize, start: Instant) {
    let at = start.elapsed().as_micros();
    let event = NewEvent {
        app,
        kind: EventKind::ProcedureStateChanged,
        key: None,
        files: vec![],
        payload: format!("{{\"TaskId\":\"{at}\",\"Output\":\"{:1000}\"}}", "").into(),
    };
    let events = vec![event; count];
    store.commit(Commit { events, ..Commit::default() }).await.unwrap();
}

/// States an event of that application now and then until `end`.
async fn publish(
    store: Arc<Store>,
    app: AppId,
    (start, begin): (Instant, Instant),
    end: Instant,
) -> usize {
    let mut stated = 0;
    let phase = Duration::from_millis(EVERY_MS) * u32::try_from(app.0).unwrap() / PHASES;
    let mut times = interval_at(begin + phase, Duration::from_millis(EVERY_MS));
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while times.tick().await < end {
        state(&store, app, 1, start).await;
        stated += 1;
    }
    stated
}

/// A receiver that answers, and notes how long each event took to come to it.
async fn answering(latencies: Arc<Mutex<Vec<u64>>>, start: Instant) -> Receiver {
    let receiver = Receiver::start().await.unwrap();
    receiver.script(move |received| {
        let now = start.elapsed().as_micros();
        let body = received.json();
        let at = body["ProcedureStateChangeEvent"]["TaskId"].as_str().unwrap();
        let at: u128 = at.parse().unwrap();
        latencies.lock().unwrap().push(u64::try_from(now - at).unwrap());
        Reaction::status(200)
    });
    receiver
}

/// Lets more come for each application of a silent receiver than it may have under way.
fn rush(troubled: &mut JoinSet<usize>, store: &Arc<Store>, from: Instant, start: Instant) {
    for number in 1..=DEAD {
        let store = Arc::clone(store);
        troubled.spawn(async move {
            tokio::time::sleep_until(from + Duration::from_millis(RUSH_EVERY_MS * number)).await;
            state(&store, AppId(LIVING + number), RUSH, start).await;
            0
        });
    }
}

/// The latencies of one round in microseconds.
async fn round(trouble: Trouble, length: Duration) -> Vec<u64> {
    let start = Instant::now();
    let (store, worker, _dir) = open(start);
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let mut living = Vec::new();
    for _ in 0..LIVING {
        living.push(answering(Arc::clone(&latencies), start).await);
    }
    let dying = Receiver::start().await.unwrap();
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let dead = if trouble == Trouble::Alone { 0 } else { DEAD };
    let apps = LIVING + dead;
    for app in 1..=apps {
        let own = usize::try_from(app - 1).unwrap();
        let url = match trouble {
            _ if app <= LIVING => living[own].url("/"),
            Trouble::Refusing => nobody.clone(),
            Trouble::Alone | Trouble::Hanging | Trouble::FallingSilent => dying.url("/"),
        };
        point(&store, AppId(app), url).await;
        if app > LIVING && trouble != Trouble::FallingSilent {
            state(&store, AppId(app), BACKLOG, start).await;
        }
    }
    let begin = Instant::now();
    let silent_from = match trouble {
        Trouble::FallingSilent => begin + length / 3,
        Trouble::Alone | Trouble::Refusing | Trouble::Hanging => begin,
    };
    dying.script(
        move |_| {
            if Instant::now() < silent_from { Reaction::status(200) } else { Reaction::Hang }
        },
    );
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let driver = tracker.spawn({
        let (worker, tracker, stop) = (worker.clone(), tracker.clone(), stop.clone());
        async move { worker.run(tracker, stop).await }
    });
    let mut publishers = JoinSet::new();
    let mut troubled = JoinSet::new();
    for app in (1..=apps).map(AppId) {
        let set = if app.0 <= LIVING { &mut publishers } else { &mut troubled };
        set.spawn(publish(Arc::clone(&store), app, (start, begin), begin + length));
    }
    if trouble == Trouble::FallingSilent {
        rush(&mut troubled, &store, silent_from, start);
    }
    let stated: usize = publishers.join_all().await.into_iter().sum();
    troubled.join_all().await;
    // whatever comes late counts
    let all = async {
        while latencies.lock().unwrap().len() < stated {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_mins(1), all).await.unwrap();
    stop.cancel();
    driver.await.unwrap();
    store.close().await.unwrap();
    std::mem::take(&mut latencies.lock().unwrap())
}

/// The value below which that share of the sorted values lies, in milliseconds.
fn percentile(sorted: &[u64], per_mille: usize) -> f64 {
    let index = (sorted.len() * per_mille / 1000).min(sorted.len() - 1);
    f64::from(u32::try_from(sorted[index]).unwrap()) / 1000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 1 } else { 7 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut all = ROUND.map(|trouble| (trouble, Vec::new(), Vec::new()));
    for number in 1..=rounds {
        for (trouble, p50s, p99s) in &mut all {
            let mut found = runtime.block_on(round(*trouble, LENGTH));
            found.sort_unstable();
            let (p50, p99) = (percentile(&found, 500), percentile(&found, 990));
            let (count, max) = (found.len(), percentile(&found, 1000));
            println!(
                "round {number}, {trouble:?}: {count} deliveries, p50 {p50:.2} ms, p99 {p99:.2} ms, \
                 max {max:.2} ms"
            );
            p50s.push(p50);
            p99s.push(p99);
        }
    }
    println!("medians of {rounds} rounds:");
    let mut alone = 0.0;
    let mut held = true;
    for (trouble, p50s, p99s) in all {
        let (p50, p99) = (median(p50s), median(p99s));
        if trouble == Trouble::Alone {
            alone = p99;
        }
        let ratio = p99 / alone;
        held &= ratio <= RATIO_MAX;
        let name = format!("{trouble:?}");
        println!("{name:>14}: p50 {p50:>6.2} ms, p99 {p99:>6.2} ms, p99 to alone {ratio:.2}");
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
