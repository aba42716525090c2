//! All applications that have attempts under way or a circuit worth remembering, and the limits on
//! attempts: for each application and in all.
//!
//! A receiver that never answers holds a place until the attempt's deadline, and several may do so
//! at the same moment. So a quarter of all places is kept for first attempts, one for each
//! application; and of the rest, an application may have a part of what the others leave, so that
//! each that joins takes less than the one before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{AppId, EventId, Mono};
use queue::{Configured, Pulse};
use tokio::sync::Notify;

use crate::lane::{Admission, DeliveryState, Lane, Terms};

#[derive(Debug, Default)]
struct Inner {
    lanes: HashMap<AppId, Lane>,
    in_flight: usize,
    paced_until: Option<Mono>,
}

/// The lanes of a worker.
#[derive(Debug)]
pub(crate) struct Lanes {
    inner: Mutex<Inner>,
    terms: Terms,
    total: usize,
    freed: Notify,
}

impl Lanes {
    pub(crate) fn new(terms: Terms, total: usize) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), terms, total, freed: Notify::new() })
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

    /// What may be leased for an application as it is configured; none: nothing now.
    pub(crate) fn admit(&self, configured: &Configured, now: Mono) -> Option<Admission> {
        let mut inner = self.lock();
        let free = self.total.saturating_sub(inner.in_flight);
        if free == 0 {
            return None;
        }
        let new = || Lane::new(configured, self.terms);
        let lane = inner.lanes.entry(configured.application.id).or_insert_with(new);
        if !lane.follow(configured, self.terms) {
            return None;
        }
        let share = share(self.total, self.terms.rules.in_flight_max, free + lane.in_flight);
        let admission = lane.admission(share, now);
        if admission.is_none() && lane.pace.allowed(now) == Some(0) {
            let until = now.plus_ms(lane.pace.wait_ms());
            inner.paced_until = Some(inner.paced_until.map_or(until, |other| other.min(until)));
        }
        admission
    }

    /// When the first application that its pace held back since the last call may go on.
    pub(crate) fn paced_until(&self) -> Option<Mono> {
        self.lock().paced_until.take()
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
        let Admission { course, probe, max: _ } = admission;
        let place = |event| Place { lanes: Arc::clone(self), app, event, course, probe };
        let places: Vec<Place> = events.map(place).collect();
        lane.in_flight += places.len();
        lane.pace.take(places.len());
        inner.in_flight += places.len();
        if probe && !places.is_empty() && lane.course == course {
            lane.circuit.probe_started();
            tracing::debug!(%app, address = lane.address, "a probe goes out");
        }
        places
    }

    /// The applications whose circuit is worth a look at whether they still push; forgets those with
    /// nothing to remember.
    pub(crate) fn prune(&self, now: Mono) -> Vec<AppId> {
        let mut inner = self.lock();
        inner.lanes.retain(|_, lane| !lane.is_idle(self.terms, now));
        inner.lanes.iter().filter(|(_, lane)| lane.in_flight == 0).map(|(app, _)| *app).collect()
    }

    /// How the deliveries of an application fare. What was learnt on an earlier course counts for
    /// nothing.
    pub(crate) fn delivery(&self, configured: &Configured, now: Mono) -> DeliveryState {
        let inner = self.lock();
        let lane = inner.lanes.get(&configured.application.id);
        let lane = lane.filter(|lane| lane.course == configured.course);
        lane.map_or_else(DeliveryState::default, |lane| lane.delivery(now))
    }

    /// Lets an application's attempts flow again, and wakes whoever waits for a free place.
    pub(crate) fn resume(&self, app: AppId) {
        let mut inner = self.lock();
        if let Some(lane) = inner.lanes.get_mut(&app) {
            if lane.circuit.is_open() {
                tracing::info!(%app, address = lane.address, "the circuit is closed by hand");
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

    /// Forgets what was learnt about an application on an earlier course.
    pub(crate) fn review(&self, configured: &Configured) {
        if let Some(lane) = self.lock().lanes.get_mut(&configured.application.id) {
            lane.follow(configured, self.terms);
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

/// How many attempts of one application may be under way, when it and no other could have `open` of
/// all `total` places: `most`, if there is no other.
fn share(total: usize, most: usize, open: usize) -> usize {
    let kept = total / 4;
    let parts = ((total - kept) / most.max(1)).max(1);
    (open.saturating_sub(kept) / parts).max(1)
}

/// A place among the attempts under way, freed when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lanes: Arc<Lanes>,
    app: AppId,
    event: EventId,
    course: u64,
    probe: bool,
}

impl Place {
    /// Notes that the attempt goes where this configuration leads: it says something about that
    /// receiver, and is no probe of an earlier one.
    pub(crate) fn follow(&mut self, configured: &Configured) {
        if configured.course == self.course {
            return;
        }
        (self.course, self.probe) = (configured.course, false);
        self.lanes.review(configured);
    }

    /// Tells the circuit what the attempt says about the receiver.
    pub(crate) fn report(&mut self, pulse: Pulse, pause_ms: Option<u64>, now: Mono) {
        let mut inner = self.lanes.lock();
        let Some(lane) = inner.lanes.get_mut(&self.app) else { return };
        if lane.course != self.course {
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
        let (app, address) = (self.app, &lane.address);
        match (was_open, lane.circuit.is_open()) {
            (false, true) => {
                let failures = lane.circuit.failures();
                tracing::warn!(%app, address, failures, "the receiver is down: events wait, probes go out");
            }
            (true, false) => tracing::info!(%app, address, "the receiver is back"),
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
            if self.probe && lane.course == self.course {
                lane.circuit.probe_returned();
            }
        }
        drop(inner);
        self.lanes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use model::{Application, Seq, Timestamp};

    use queue::circuit::Rules;

    use super::*;

    const APP: AppId = AppId(1);

    fn on(app: AppId, course: u64) -> Configured {
        let application = Application::new(app, "", Timestamp(0));
        Configured { application: Arc::new(application), version: 1, course }
    }

    fn course(course: u64) -> Configured {
        on(APP, course)
    }

    fn events(count: usize) -> impl Iterator<Item = EventId> {
        (1..).map(|n| EventId { origin: 1, first_seq: Seq(n) }).take(count)
    }

    fn terms() -> Terms {
        Terms { rules: Rules::default(), per_second: 0 }
    }

    fn fail(lanes: &Arc<Lanes>, configured: &Configured) {
        let admission = lanes.admit(configured, Mono(0)).unwrap();
        for mut place in lanes.begin(APP, admission, events(5)) {
            place.report(Pulse::Failing, None, Mono(0));
        }
    }

    #[test]
    fn places_are_freed_when_dropped() {
        let lanes = Lanes::new(terms(), 100);
        let admission = lanes.admit(&course(0), Mono(0)).unwrap();
        assert_eq!(admission, Admission { max: 16, probe: false, course: 0 });
        let places = lanes.begin(APP, admission, events(16));
        assert_eq!((lanes.free(), lanes.admit(&course(0), Mono(0))), (84, None));
        drop(places);
        assert_eq!((lanes.free(), lanes.is_quiet()), (100, true));
    }

    /// What each of that many applications gets, one after the other, when none gives anything back.
    fn shares(terms: Terms, total: usize, apps: u64) -> Vec<usize> {
        let lanes = Lanes::new(terms, total);
        let mut places = Vec::new();
        let take = |app| {
            let admission = lanes.admit(&on(AppId(app), 0), Mono(0))?;
            places.extend(lanes.begin(AppId(app), admission, events(admission.max)));
            Some(admission.max)
        };
        (1..=apps).map_while(take).collect()
    }

    #[test]
    fn nobody_takes_all_that_is_left() {
        assert_eq!(shares(terms(), 16, 6), [12, 1, 1, 1, 1]);
        let many = shares(terms(), 256, 60);
        assert_eq!(many[..5], [16, 14, 13, 12, 11]);
        assert!(many.iter().sum::<usize>() < 220, "{many:?}");
        // alone, an application may have what is configured, and after a while too
        let lanes = Lanes::new(terms(), 256);
        let admission = lanes.admit(&course(0), Mono(0)).unwrap();
        let mut places = lanes.begin(APP, admission, events(16));
        places.truncate(3);
        assert_eq!(lanes.admit(&course(0), Mono(0)).unwrap().max, 13);
    }

    #[test]
    fn an_attempt_on_an_old_course_says_nothing_about_the_new_one() {
        let lanes = Lanes::new(terms(), 100);
        let admission = lanes.admit(&course(0), Mono(0)).unwrap();
        let old = lanes.begin(APP, admission, events(5));
        lanes.admit(&course(1), Mono(0)).unwrap();
        for mut place in old {
            place.report(Pulse::Failing, Some(1_000), Mono(0));
        }
        assert!(lanes.admit(&course(1), Mono(0)).is_some());
        assert_eq!(lanes.admit(&course(0), Mono(0)), None, "there is no way back");
        fail(&lanes, &course(1));
        assert_eq!(lanes.admit(&course(1), Mono(0)), None);
        assert!(lanes.admit(&course(2), Mono(0)).is_some());
    }

    #[test]
    fn an_attempt_that_follows_a_new_course_speaks_of_that() {
        let lanes = Lanes::new(terms(), 100);
        let admission = lanes.admit(&course(0), Mono(0)).unwrap();
        for mut place in lanes.begin(APP, admission, events(5)) {
            place.follow(&course(1));
            place.report(Pulse::Failing, None, Mono(0));
        }
        assert_eq!(lanes.admit(&course(1), Mono(0)), None);
        assert_eq!(lanes.open(), 1);
        // a probe of what was left is no probe of what comes
        let admission = lanes.admit(&course(1), Mono(1_000)).unwrap();
        for mut place in lanes.begin(APP, admission, events(1)) {
            place.follow(&course(2));
        }
        assert_eq!(lanes.open(), 0);
        assert!(lanes.is_quiet());
    }

    #[test]
    fn a_probe_that_is_dropped_untold_may_go_out_again() {
        let lanes = Lanes::new(terms(), 100);
        fail(&lanes, &course(0));
        let probe = Admission { max: 1, probe: true, course: 0 };
        for _ in 0..2 {
            assert_eq!(lanes.admit(&course(0), Mono(1_000)), Some(probe));
            let places = lanes.begin(APP, probe, events(1));
            assert_eq!(lanes.admit(&course(0), Mono(1_000)), None);
            drop(places);
        }
    }

    #[test]
    fn what_need_not_be_remembered_is_forgotten() {
        let lanes = Lanes::new(terms(), 100);
        lanes.admit(&course(0), Mono(0)).unwrap();
        assert_eq!(lanes.prune(Mono(0)), []);
        fail(&lanes, &course(0));
        assert_eq!(lanes.prune(Mono(0)), [APP]);
        lanes.forget(APP);
        assert!(lanes.admit(&course(0), Mono(0)).is_some());
    }
}
