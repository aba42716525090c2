//! The loop of PUSH: who is next, what may be leased, and what becomes of each attempt.
//!
//! [`Worker::tick`] begins every attempt that may begin now; [`Worker::run`] calls it on a hint, when
//! an attempt has ended, and at least once a second, so that losing every hint delays work by a tick
//! and loses nothing. The worker keeps nothing that must survive: a lease that it never settles ends
//! by itself.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use model::{AppId, ApplicationStatus, Clock, EventConfig, EventId, EventKind, Mono, Seq, limits};
use queue::circuit::Rules;
use queue::{
    Attempt, Backend, BackendError, Configured, LeaseError, LeaseRequest, Leased, Lessee, Observer,
    Resolution, Schedule, Settled, Settlement, judge,
};
use sign::seal::MasterKey;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::jitter::Jitter;
use crate::lane::{DeliveryState, Terms};
use crate::lanes::{Lanes, Place};
use crate::sender::{Delivery, Sender, Sent};
use crate::settings::Settings;

/// Milliseconds between ticks when nothing hints at work.
const TICK_MS: u64 = 1_000;
/// Applications asked for at once.
const PAGE: usize = 64;
/// Milliseconds between two looks at what can be forgotten.
const PRUNE_MS: u64 = 10_000;
/// Milliseconds without a lease after the backend failed; doubles up to the second number.
const STALL_MS: (u64, u64) = (1_000, 60_000);
/// Milliseconds that attempts under way may still take when the process stops: half of what a
/// graceful stop may, so that what they settle is still written down.
const GRACE_MS: u64 = limits::SHUTDOWN_MS / 2;

/// What a worker works with.
#[derive(Debug)]
pub struct Parts {
    /// Whose queues.
    pub backend: Arc<dyn Backend>,
    /// The way out.
    pub client: Arc<egress::Client>,
    /// Opens SignKeys.
    pub master: MasterKey,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Hears of each attempt.
    pub observer: Arc<dyn Observer>,
    /// Spreads retries.
    pub jitter: Arc<dyn Jitter>,
    /// How to behave.
    pub settings: Settings,
}

/// A notification to try a receiver with.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The application, to which the secrets are bound.
    pub app: AppId,
    /// The address, SignKey and signing secrets.
    pub config: &'a EventConfig,
    /// The type.
    pub kind: EventKind,
    /// The JSON of its member.
    pub payload: &'a Bytes,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Whether a real event would be settled by it.
    pub delivered: bool,
    /// What happened, as history would have it.
    pub attempt: Attempt,
}

/// The push worker. Cheap to clone; all clones are one worker.
#[derive(Clone, Debug)]
pub struct Worker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backend: Arc<dyn Backend>,
    sender: Sender,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    jitter: Arc<dyn Jitter>,
    schedule: Schedule,
    hold: Duration,
    lanes: Arc<Lanes>,
    round: Mutex<Round>,
    trials: Semaphore,
    last_trial: AtomicU64,
}

/// Where the round robin stands, and when it goes on.
#[derive(Debug, Default)]
struct Round {
    after: Option<AppId>,
    stalled_until: Mono,
    stall_ms: u64,
    prune_at: Mono,
}

impl Worker {
    /// A worker that does nothing until it is driven.
    pub fn new(parts: Parts) -> Self {
        let Parts { backend, client, master, clock, observer, jitter, settings } = parts;
        let rules = Rules { in_flight_max: settings.per_application.max(1), ..Rules::default() };
        let sender = Sender::new(client, master, Arc::clone(&clock), &settings);
        let hold = Duration::from_millis(settings.hold_ms());
        let terms = Terms { rules, per_second: settings.per_second };
        let lanes = Lanes::new(terms, settings.total.max(1));
        let inner = Inner {
            backend,
            sender,
            clock,
            observer,
            jitter,
            schedule: settings.schedule,
            hold,
            lanes,
            round: Mutex::default(),
            trials: Semaphore::new(limits::TRIALS_IN_FLIGHT_MAX),
            last_trial: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Drives the worker until `stop`; returns when every attempt has ended or was given back.
    /// Attempts run on `tracker`.
    pub async fn run(&self, tracker: TaskTracker, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.tick(&tracker, &stop) => {}
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.inner.backend.hint() => {}
                () = self.inner.lanes.freed() => {}
                () = tokio::time::sleep(self.pause()) => {}
            }
        }
        while !self.inner.lanes.is_quiet() {
            self.inner.lanes.freed().await;
        }
    }

    /// How long to wait for a hint: to the next tick, or until an application's pace lets it go on.
    fn pause(&self) -> Duration {
        let now = self.inner.clock.now().mono;
        let paced = self.inner.lanes.paced_until().map(|until| until.since_ms(now).max(1));
        Duration::from_millis(paced.unwrap_or(TICK_MS).min(TICK_MS))
    }

    /// Begins every attempt that may begin now: one visit to each application that has something
    /// ready, in turn, from where the last tick ended. After `stop` attempts are given back.
    pub async fn tick(&self, tracker: &TaskTracker, stop: &CancellationToken) {
        self.prune().await;
        let now = self.inner.clock.now().mono;
        if now < self.inner.round(|round| round.stalled_until) {
            return;
        }
        let mut visited = HashSet::new();
        while self.inner.lanes.free() > 0 {
            let after = self.inner.round(|round| round.after);
            let page = self.inner.backend.runnable(after, PAGE);
            if page.is_empty() {
                return;
            }
            for app in page {
                if self.inner.lanes.free() == 0 || !visited.insert(app) {
                    return;
                }
                self.inner.round(|round| round.after = Some(app));
                if let Err(error) = self.visit(app, tracker, stop).await {
                    tracing::warn!(%error, "nothing is leased for PUSH until the store works again");
                    self.inner.stall();
                    return;
                }
            }
        }
    }

    /// Leases what one application may have, and begins its attempts.
    async fn visit(
        &self,
        app: AppId,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<(), BackendError> {
        let inner = &self.inner;
        let Some(configured) = inner.pushing(app).await? else { return Ok(()) };
        let now = inner.clock.now().mono;
        let Some(admission) = inner.lanes.admit(&configured, now) else { return Ok(()) };
        let request = LeaseRequest {
            app,
            by: Lessee::Push,
            max: admission.max,
            max_bytes: limits::PUBLISH_BYTES_MAX,
            wait: Duration::ZERO,
            hold: inner.hold,
            fewest_attempts: admission.probe,
        };
        let leased = match inner.backend.lease(request).await {
            Ok(leased) => leased,
            // the configuration changed in between
            Err(LeaseError::WrongMode | LeaseError::UnknownApplication(_)) => return Ok(()),
            Err(LeaseError::Backend(error)) => return Err(error),
        };
        // from here to the spawn nothing may wait: a tick that is dropped must not lose leases
        let events = leased.iter().map(|leased| leased.handle.event);
        let places = inner.lanes.begin(app, admission, events);
        for (leased, place) in leased.into_iter().zip(places) {
            let attempt = Arc::clone(inner).attempt(app, leased, place, stop.clone());
            tracker.spawn(attempt);
        }
        Ok(())
    }

    /// How the deliveries of an application fare; none: it does not push.
    pub async fn delivery(&self, app: AppId) -> Result<Option<DeliveryState>, BackendError> {
        let configured = self.inner.pushing(app).await?;
        let now = self.inner.clock.now().mono;
        Ok(configured.map(|configured| self.inner.lanes.delivery(&configured, now)))
    }

    /// Closes an application's circuit, or ends its pause, without waiting for a probe.
    pub fn resume(&self, app: AppId) {
        self.inner.lanes.resume(app);
    }

    /// Circuits that are open, all applications together.
    pub fn open_circuits(&self) -> usize {
        self.inner.lanes.open()
    }

    /// Sends an event that is no event: it is not stored, not repeated, and neither counts for the
    /// circuit nor against the places of real ones. None: [`limits::TRIALS_IN_FLIGHT_MAX`] are
    /// under way.
    pub async fn try_out(&self, trial: Trial<'_>) -> Option<Tried> {
        let inner = &self.inner;
        let _place = inner.trials.try_acquire().ok()?;
        let delivery = Delivery {
            app: trial.app,
            config: trial.config,
            event: inner.trial_id(),
            kind: trial.kind,
            payload: trial.payload,
            attempt: 1,
            life: 1,
        };
        let Sent { outcome, attempt } = inner.sender.send(delivery).await;
        let verdict = judge(outcome, 0, None, &inner.schedule, inner.jitter.draw());
        Some(Tried { delivered: verdict.resolution == Resolution::Done, attempt })
    }

    /// Now and then, closes idle connections and forgets what needs no remembering. A circuit does
    /// not outlive its application's PUSH mode.
    async fn prune(&self) {
        let inner = &self.inner;
        let now = inner.clock.now().mono;
        let due = inner.round(|round| {
            let due = now >= round.prune_at;
            if due {
                round.prune_at = now.plus_ms(PRUNE_MS);
            }
            due
        });
        if !due {
            return;
        }
        inner.sender.sweep();
        for app in inner.lanes.prune(now) {
            match inner.pushing(app).await {
                Ok(None) => inner.lanes.forget(app),
                Ok(Some(configured)) => inner.lanes.review(&configured),
                Err(_asked_again_later) => {}
            }
        }
    }
}

impl Inner {
    fn round<T>(&self, change: impl FnOnce(&mut Round) -> T) -> T {
        change(&mut self.round.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The application, if it wants PUSH and says where.
    async fn pushing(&self, app: AppId) -> Result<Option<Configured>, BackendError> {
        let configured = self.backend.application(app).await?;
        Ok(configured.filter(|configured| {
            configured.application.status != ApplicationStatus::Destroyed
                && configured.application.config.pushes()
        }))
    }

    /// An id of no event, new each time, so that a receiver does not drop a trial as a repeat: the
    /// logs of events do not have the origin 0.
    fn trial_id(&self) -> EventId {
        let now = u64::try_from(self.clock.now().wall.0).unwrap_or(0);
        let next = |last: u64| now.max(last.saturating_add(1));
        let update = |last| Some(next(last));
        let last = self.last_trial.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
        EventId { origin: 0, first_seq: Seq(next(last.unwrap_or(0))) }
    }

    /// Leases nothing for a while.
    fn stall(&self) {
        let now = self.clock.now().mono;
        self.round(|round| {
            round.stall_ms = (round.stall_ms * 2).clamp(STALL_MS.0, STALL_MS.1);
            round.stalled_until = now.plus_ms(round.stall_ms);
        });
    }

    /// Makes one attempt and settles its lease. When the process stops, what has not begun is given
    /// back, and so is what takes too long.
    async fn attempt(
        self: Arc<Self>,
        app: AppId,
        leased: Leased,
        mut place: Place,
        stop: CancellationToken,
    ) {
        let out_of_time = async {
            stop.cancelled().await;
            tokio::time::sleep(Duration::from_millis(GRACE_MS)).await;
        };
        let (resolution, attempt) = if stop.is_cancelled() {
            (Resolution::Return, None)
        } else {
            tokio::select! {
                () = out_of_time => (Resolution::Return, None),
                made = self.make(app, &leased, &mut place) => made,
            }
        };
        let settlement = Settlement { handle: leased.handle, app, resolution, attempt };
        self.settle(settlement).await;
        drop(place);
    }

    /// Sends and judges.
    async fn make(
        &self,
        app: AppId,
        leased: &Leased,
        place: &mut Place,
    ) -> (Resolution, Option<Attempt>) {
        let event = leased.handle.event;
        // read now, so that what ModifyEventConfig answered is true of the very next send
        let Ok(Some(configured)) = self.pushing(app).await else {
            return (Resolution::Return, None);
        };
        place.follow(&configured);
        let sent = self
            .sender
            .send(Delivery {
                app,
                config: &configured.application.config,
                event,
                kind: leased.kind,
                payload: &leased.payload,
                attempt: leased.attempts.saturating_add(1),
                life: leased.life,
            })
            .await;
        let took_ms = sent.attempt.duration_ms;
        let since = leased.since_first_attempt_ms.map(|ms| ms.saturating_add(took_ms));
        let jitter = self.jitter.draw();
        let verdict = judge(sent.outcome, leased.attempts, since, &self.schedule, jitter);
        place.report(verdict.pulse, verdict.pause_ms, self.clock.now().mono);
        self.observer.attempt(verdict.label, Duration::from_millis(took_ms).as_secs_f64());
        if verdict.label != "success" {
            let (attempt, error) = (leased.attempts.saturating_add(1), &sent.attempt.error);
            tracing::debug!(%app, %event, attempt, error, next = ?verdict.resolution, "not delivered");
        }
        let resolution = self.redirect(app, &configured, verdict.resolution).await;
        (resolution, Some(sent.attempt))
    }

    /// A failure at a receiver that the application has meanwhile left says nothing about where its
    /// events go now: they are due there at once.
    async fn redirect(&self, app: AppId, used: &Configured, resolution: Resolution) -> Resolution {
        let now = self.pushing(app).await.ok().flatten();
        let same = now.is_some_and(|now| now.course == used.course);
        let failed = matches!(resolution, Resolution::Retry { .. } | Resolution::Dead(_));
        if failed && !same { Resolution::Retry { after_ms: 0 } } else { resolution }
    }

    /// Settles one lease. One that cannot be settled ends by itself, and the event is sent again.
    async fn settle(&self, settlement: Settlement) {
        let (app, event) = (settlement.app, settlement.handle.event);
        match self.backend.settle(vec![settlement]).await {
            Ok(settled) => {
                self.round(|round| round.stall_ms = 0);
                if !matches!(settled.as_slice(), [Settled::Accepted]) {
                    tracing::warn!(%app, %event, ?settled, "the lease had ended before it was settled");
                }
            }
            Err(error) => {
                tracing::error!(%app, %event, %error, "an attempt could not be settled");
                self.stall();
            }
        }
    }
}
