//! All applications that have attempts under way or a circuit worth remembering, and the limits on
//! attempts: for each application and in all.
//!
//! No application may take all that is left: beyond its first attempt, each may have as many under
//! way as half of those that are free, so that a few receivers that never answer cannot hold every
//! one of them until their deadlines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{AppId, EventConfig, EventId, Mono};
use queue::Pulse;
use queue::circuit::Rules;
use tokio::sync::Notify;

use crate::lane::{Admission, DeliveryState, Lane};

#[derive(Debug, Default)]
struct Inner {
    lanes: HashMap<AppId, Lane>,
    in_flight: usize,
    epochs: u64,
}

/// The lanes of a worker.
#[derive(Debug)]
pub(crate) struct Lanes {
    inner: Mutex<Inner>,
    rules: Rules,
    total: usize,
    freed: Notify,
}

impl Lanes {
    pub(crate) fn new(rules: Rules, total: usize) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), rules, total, freed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attempts that may still begin.
    pub(crate) fn free(&self) -> usize {
        self.total.saturating_sub(self.lock().in_flight)
    }

    /// Returns when an attempt has ended since the last call.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Whether no attempt is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.lock().in_flight == 0
    }

    /// What may be leased for an application with that configuration; none: nothing now.
    pub(crate) fn admit(&self, app: AppId, config: &EventConfig, now: Mono) -> Option<Admission> {
        let mut inner = self.lock();
        let free = self.total.saturating_sub(inner.in_flight);
        inner.epochs += 1;
        let epoch = inner.epochs;
        let lane = inner.lanes.entry(app).or_insert_with(|| Lane::new(config, epoch, self.rules));
        lane.follow(config, epoch, self.rules);
        let share = (free / 2).max(1);
        lane.admission(share, now)
    }

    /// Takes a place for each of these leased events. A probe is announced to the circuit.
    pub(crate) fn begin(
        self: &Arc<Self>,
        app: AppId,
        admission: Admission,
        events: impl Iterator<Item = EventId>,
    ) -> Vec<Place> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some(lane) = inner.lanes.get_mut(&app) else { return Vec::new() };
        let (epoch, probe) = (lane.epoch, admission.probe);
        let place = |event| Place { lanes: Arc::clone(self), app, event, epoch, probe };
        let places: Vec<Place> = events.map(place).collect();
        lane.in_flight += places.len();
        inner.in_flight += places.len();
        if probe && !places.is_empty() {
            lane.circuit.probe_started();
        }
        places
    }

    /// The applications whose circuit is worth a look at whether they still push; forgets those with
    /// nothing to remember.
    pub(crate) fn prune(&self) -> Vec<AppId> {
        let mut inner = self.lock();
        inner.lanes.retain(|_, lane| !lane.is_idle(self.rules));
        inner.lanes.iter().filter(|(_, lane)| lane.in_flight == 0).map(|(app, _)| *app).collect()
    }

    /// How the deliveries of an application with that configuration fare. What was learnt about
    /// another address or key counts for nothing.
    pub(crate) fn delivery(&self, app: AppId, config: &EventConfig, now: Mono) -> DeliveryState {
        let inner = self.lock();
        let lane = inner.lanes.get(&app).filter(|lane| lane.leads_to(config));
        lane.map_or_else(DeliveryState::default, |lane| lane.delivery(now))
    }

    /// Lets an application's attempts flow again, and wakes whoever waits for a free place.
    pub(crate) fn resume(&self, app: AppId) {
        let mut inner = self.lock();
        if let Some(lane) = inner.lanes.get_mut(&app) {
            if lane.circuit.is_open() {
                tracing::info!(%app, "the circuit is closed by hand");
            }
            lane.circuit.resume();
        }
        drop(inner);
        self.freed.notify_one();
    }

    /// Circuits that are open.
    pub(crate) fn open(&self) -> usize {
        self.lock().lanes.values().filter(|lane| lane.circuit.is_open()).count()
    }

    /// Forgets an application that pushes elsewhere now.
    pub(crate) fn review(&self, app: AppId, config: &EventConfig) {
        let mut inner = self.lock();
        let stale = |lane: &Lane| lane.in_flight == 0 && !lane.leads_to(config);
        if inner.lanes.get(&app).is_some_and(stale) {
            inner.lanes.remove(&app);
        }
    }

    /// Forgets an application that pushes no more.
    pub(crate) fn forget(&self, app: AppId) {
        let mut inner = self.lock();
        if inner.lanes.get(&app).is_some_and(|lane| lane.in_flight == 0) {
            inner.lanes.remove(&app);
        }
    }
}

/// A place among the attempts under way, freed when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lanes: Arc<Lanes>,
    app: AppId,
    event: EventId,
    epoch: u64,
    probe: bool,
}

impl Place {
    /// Tells the circuit what the attempt says about the receiver.
    pub(crate) fn report(&mut self, pulse: Pulse, pause_ms: Option<u64>, now: Mono) {
        let mut inner = self.lanes.lock();
        let Some(lane) = inner.lanes.get_mut(&self.app) else { return };
        if lane.epoch != self.epoch {
            return;
        }
        let was_open = lane.circuit.is_open();
        match pulse {
            Pulse::Alive => lane.circuit.alive(),
            Pulse::Failing => lane.circuit.failed(self.event, self.probe, now),
        }
        if let Some(ms) = pause_ms {
            lane.circuit.pause(now.plus_ms(ms));
        }
        // its end has been told
        self.probe = false;
        let app = self.app;
        match (was_open, lane.circuit.is_open()) {
            (false, true) => {
                tracing::warn!(%app, "the receiver is down: events wait, probes go out");
            }
            (true, false) => tracing::info!(%app, "the receiver is back"),
            (true, true) | (false, false) => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.lanes.lock();
        inner.in_flight = inner.in_flight.saturating_sub(1);
        if let Some(lane) = inner.lanes.get_mut(&self.app) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
            if self.probe && lane.epoch == self.epoch {
                lane.circuit.probe_returned();
            }
        }
        drop(inner);
        self.lanes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use model::Seq;

    use super::*;

    const APP: AppId = AppId(1);

    fn to(url: &str) -> EventConfig {
        EventConfig { notification_url: url.to_owned(), ..EventConfig::default() }
    }

    fn events(count: usize) -> impl Iterator<Item = EventId> {
        (1..).map(|n| EventId { origin: 1, first_seq: Seq(n) }).take(count)
    }

    fn fail(lanes: &Arc<Lanes>, config: &EventConfig) {
        let admission = lanes.admit(APP, config, Mono(0)).unwrap();
        for mut place in lanes.begin(APP, admission, events(5)) {
            place.report(Pulse::Failing, None, Mono(0));
        }
    }

    #[test]
    fn places_are_freed_when_dropped() {
        let lanes = Lanes::new(Rules::default(), 100);
        let admission = lanes.admit(APP, &to("a"), Mono(0)).unwrap();
        assert_eq!(admission, Admission { max: 16, probe: false });
        let places = lanes.begin(APP, admission, events(16));
        assert_eq!((lanes.free(), lanes.admit(APP, &to("a"), Mono(0))), (84, None));
        drop(places);
        assert_eq!((lanes.free(), lanes.is_quiet()), (100, true));
    }

    #[test]
    fn nobody_takes_all_that_is_left() {
        let lanes = Lanes::new(Rules::default(), 16);
        let mut places = Vec::new();
        let mut shares = Vec::new();
        for app in (1..=5).map(AppId) {
            let admission = lanes.admit(app, &to("a"), Mono(0)).unwrap();
            shares.push(admission.max);
            places.extend(lanes.begin(app, admission, events(admission.max)));
        }
        assert_eq!(shares, [8, 4, 2, 1, 1]);
    }

    #[test]
    fn an_attempt_at_an_old_target_says_nothing_about_the_new_one() {
        let lanes = Lanes::new(Rules::default(), 100);
        let admission = lanes.admit(APP, &to("a"), Mono(0)).unwrap();
        let old = lanes.begin(APP, admission, events(5));
        lanes.admit(APP, &to("b"), Mono(0)).unwrap();
        for mut place in old {
            place.report(Pulse::Failing, Some(1_000), Mono(0));
        }
        assert!(lanes.admit(APP, &to("b"), Mono(0)).is_some());
        fail(&lanes, &to("b"));
        assert_eq!(lanes.admit(APP, &to("b"), Mono(0)), None);
        assert!(lanes.admit(APP, &to("a"), Mono(0)).is_some());
    }

    #[test]
    fn a_probe_that_is_dropped_untold_may_go_out_again() {
        let lanes = Lanes::new(Rules::default(), 100);
        fail(&lanes, &to("a"));
        let probe = Some(Admission { max: 1, probe: true });
        for _ in 0..2 {
            assert_eq!(lanes.admit(APP, &to("a"), Mono(1_000)), probe);
            let places = lanes.begin(APP, Admission { max: 1, probe: true }, events(1));
            assert_eq!(lanes.admit(APP, &to("a"), Mono(1_000)), None);
            drop(places);
        }
    }

    #[test]
    fn what_need_not_be_remembered_is_forgotten() {
        let lanes = Lanes::new(Rules::default(), 100);
        lanes.admit(APP, &to("a"), Mono(0)).unwrap();
        assert_eq!(lanes.prune(), []);
        fail(&lanes, &to("a"));
        assert_eq!(lanes.prune(), [APP]);
        lanes.forget(APP);
        assert!(lanes.admit(APP, &to("a"), Mono(0)).is_some());
    }
}
