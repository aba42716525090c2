//! Metrics in the Prometheus text format, fed by what the parts report and by what the store knows.
//!
//! Labels are taken from closed sets (actions and error codes of the API, kinds, states), so that
//! no client can grow the registry. Numbers for each application are deliberately absent: there may
//! be ten thousand; DescribeEventsState has them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use media::{Library, PullCounts};
use model::{EventKind, Now};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use push::Worker;
use queue::{Backend, Observer, State};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    action: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    kind: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Action {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Way {
    way: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ending {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Trouble {
    trouble: &'static str,
}

type Gauge64 = Gauge<u64, AtomicU64>;
type Seconds = Gauge<f64, AtomicU64>;

/// Everything that is measured.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_seconds: Family<Action, Histogram>,
    events: Family<Event, Counter>,
    attempts: Family<Outcome, Counter>,
    attempt_seconds: Family<Outcome, Histogram>,
    batch_commands: Histogram,
    commit_seconds: Histogram,
    depth: Family<InState, Gauge64>,
    oldest_seconds: Seconds,
    circuits_open: Gauge64,
    wal_bytes: Gauge64,
    object_bytes: Family<Way, Counter>,
    bucket_errors: Family<Trouble, Counter>,
    pulls: Family<InState, Gauge64>,
    pulls_ended: Family<Ending, Counter>,
    pulled_bytes: Counter,
    staged_bytes: Gauge64,
    upload_room_bytes: Seconds,
    healthy: Gauge64,
    uptime_seconds: Seconds,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn latency() -> Histogram {
    // 0.5 ms to 16 s
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

impl Metrics {
    /// Metrics that are all zero.
    pub fn new() -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("callboard"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latency),
            events: Family::default(),
            attempts: Family::default(),
            attempt_seconds: Family::new_with_constructor(latency),
            batch_commands: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            commit_seconds: latency(),
            depth: Family::default(),
            oldest_seconds: Seconds::default(),
            circuits_open: Gauge64::default(),
            wal_bytes: Gauge64::default(),
            object_bytes: Family::default(),
            bucket_errors: Family::default(),
            pulls: Family::default(),
            pulls_ended: Family::default(),
            pulled_bytes: Counter::default(),
            staged_bytes: Gauge64::default(),
            upload_room_bytes: Seconds::default(),
            healthy: Gauge64::default(),
            uptime_seconds: Seconds::default(),
        };
        metrics.register();
        metrics.register_media();
        Arc::new(metrics)
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("requests", "API calls answered, by action and code", self.requests.clone());
        r.register_with_unit(
            "request",
            "How long API calls took",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        r.register("events", "Events that came to a state, by kind and state", self.events.clone());
        r.register("attempts", "Attempts of PUSH, by outcome", self.attempts.clone());
        r.register_with_unit(
            "attempt",
            "How long attempts of PUSH took",
            Unit::Seconds,
            self.attempt_seconds.clone(),
        );
        r.register(
            "store_batch_commands",
            "Commands that one commit of the store made durable",
            self.batch_commands.clone(),
        );
        r.register_with_unit(
            "store_commit",
            "How long a commit of the store took, fsync included",
            Unit::Seconds,
            self.commit_seconds.clone(),
        );
        r.register("queue_depth", "Events that are not settled, by state", self.depth.clone());
        r.register_with_unit(
            "queue_oldest",
            "Age of the oldest event that is not settled",
            Unit::Seconds,
            self.oldest_seconds.clone(),
        );
        r.register(
            "circuits_open",
            "Applications whose receiver is down: their events wait, and probes go out",
            self.circuits_open.clone(),
        );
        r.register_with_unit(
            "store_wal",
            "Size of the write-ahead log",
            Unit::Bytes,
            self.wal_bytes.clone(),
        );
        r.register("healthy", "1 if nothing is wrong, as /healthz says", self.healthy.clone());
        r.register_with_unit(
            "uptime",
            "Time since the server started",
            Unit::Seconds,
            self.uptime_seconds.clone(),
        );
    }

    fn register_media(&mut self) {
        let r = &mut self.registry;
        r.register_with_unit(
            "object",
            "Bytes of media files that were stored and read",
            Unit::Bytes,
            self.object_bytes.clone(),
        );
        r.register(
            "bucket_errors",
            "Requests to the bucket that failed, by trouble; each try counts",
            self.bucket_errors.clone(),
        );
        r.register("pulls", "Pulls that wait or are under way, by state", self.pulls.clone());
        r.register("pulls_ended", "Pulls that have ended, by result", self.pulls_ended.clone());
        r.register_with_unit(
            "pulled",
            "Bytes that sources of pulls have sent",
            Unit::Bytes,
            self.pulled_bytes.clone(),
        );
        r.register_with_unit(
            "staged",
            "Parts of uploads that are not complete, and files that were pulled in part",
            Unit::Bytes,
            self.staged_bytes.clone(),
        );
        r.register_with_unit(
            "upload_room",
            "What uploads may still take of the disk; 0 or less: they are refused",
            Unit::Bytes,
            self.upload_room_bytes.clone(),
        );
    }

    /// Takes over what the library counts itself.
    pub fn look_at(&self, library: &Library) {
        let counts = library.object_counts();
        for (way, bytes) in [("stored", counts.stored_bytes), ("read", counts.read_bytes)] {
            self.object_bytes.get_or_create(&Way { way }).inner().store(bytes, Ordering::Relaxed);
        }
        for (trouble, count) in [("unreachable", counts.unreachable), ("refused", counts.refused)] {
            let counter = self.bucket_errors.get_or_create(&Trouble { trouble });
            counter.inner().store(count, Ordering::Relaxed);
        }
        self.look_at_pulls(&library.pull_counts());
        match library.room() {
            Ok(room) => {
                self.staged_bytes.set(room.staged);
                self.upload_room_bytes.set(difference(room.free, room.reserved));
            }
            Err(error) => tracing::warn!(%error, "the room on the disk is not known"),
        }
    }

    fn look_at_pulls(&self, counts: &PullCounts) {
        for (state, count) in [("running", counts.running), ("waiting", counts.waiting)] {
            self.pulls.get_or_create(&InState { state }).set(count);
        }
        for (result, count) in [
            ("success", counts.success),
            ("request", counts.request),
            ("source", counts.source),
            ("server", counts.server),
        ] {
            let counter = self.pulls_ended.get_or_create(&Ending { result });
            counter.inner().store(count, Ordering::Relaxed);
        }
        self.pulled_bytes.inner().store(counts.fetched_bytes, Ordering::Relaxed);
    }

    /// The text that Prometheus reads, with what the store and the push worker know now.
    pub fn render(
        &self,
        backend: &dyn Backend,
        worker: &Worker,
        now: Now,
    ) -> Result<String, fmt::Error> {
        let load = backend.load(None);
        for (state, count) in [
            (State::Ready, load.ready),
            (State::Leased, load.leased),
            (State::Delayed, load.delayed),
        ] {
            self.depth.get_or_create(&InState { state: state.name() }).set(count);
        }
        let age_ms = load.oldest.map_or(0, |oldest| now.wall.since_ms(oldest).max(0));
        self.oldest_seconds.set(seconds(u64::try_from(age_ms).unwrap_or(0)));
        self.circuits_open.set(u64::try_from(worker.open_circuits()).unwrap_or(u64::MAX));
        let health = backend.health();
        self.wal_bytes.set(health.wal_bytes);
        self.healthy.set(u64::from(health.problems.is_empty() && !health.failed));
        self.uptime_seconds.set(seconds(now.mono.0));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// `a` - `b`, as exact as a gauge is.
fn difference(a: u64, b: u64) -> f64 {
    let mib = |bytes: u64| f64::from(u32::try_from(bytes / (1024 * 1024)).unwrap_or(u32::MAX));
    (mib(a) - mib(b)) * 1024.0 * 1024.0
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

impl Observer for Metrics {
    fn request(&self, action: &'static str, code: &'static str, seconds: f64) {
        self.requests.get_or_create(&Request { action, code }).inc();
        self.request_seconds.get_or_create(&Action { action }).observe(seconds);
    }

    fn event(&self, kind: EventKind, state: State) {
        self.events.get_or_create(&Event { kind: kind.name(), state: state.name() }).inc();
    }

    fn attempt(&self, outcome: &'static str, seconds: f64) {
        self.attempts.get_or_create(&Outcome { outcome }).inc();
        self.attempt_seconds.get_or_create(&Outcome { outcome }).observe(seconds);
    }

    fn batch(&self, commands: usize, seconds: f64) {
        let commands = u32::try_from(commands).unwrap_or(u32::MAX);
        self.batch_commands.observe(f64::from(commands));
        self.commit_seconds.observe(seconds);
    }
}
