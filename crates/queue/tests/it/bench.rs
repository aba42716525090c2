//! Engine and model side by side: every step is done to both and every answer compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::model::{
    AppId, Application, ApplicationStatus, EventConfig, EventKind, Handle, Mode, Sealed, Seq,
    Timestamp,
};
use queue::{
    Ask, Block, Engine, EngineSettings, Entry, Grant, Lessee, Life, Mark, Reason, Route, Settled,
    State, Steady,
};

use crate::model::{At, EXPIRY_MS, Given, Item, Model, REPEAT_MS};

const ORIGIN: u32 = 7;
pub(crate) const APPS: u64 = 4;

/// A change of one application's configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Mode(Mode),
    Url(&'static str),
    SignKey(Option<&'static str>),
    Switches(bool, bool, bool),
    Status(ApplicationStatus),
}

/// What is to become of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Close(Mark),
    Retry(u64),
    /// It could not be written down.
    Release,
}

pub(crate) struct Bench {
    pub(crate) model: Model,
    engine: Engine,
    boot: u32,
    pub(crate) now: Steady,
    next: Seq,
    /// Leases that nobody has seen yet.
    unseen: Vec<Vec<Grant>>,
    /// The blocks as a checkpoint at the last stop wrote them down.
    written: BTreeMap<u64, Block>,
}

fn settings(boot: u32, opened: Steady) -> EngineSettings {
    EngineSettings {
        origin: ORIGIN,
        boot,
        opened,
        open_per_application: 40,
        open_total: 100,
        expiry_ms: EXPIRY_MS,
        first_expiry_ms: 0,
        repeat_ms: REPEAT_MS,
    }
}

fn application(id: AppId) -> Application {
    let config = EventConfig {
        mode: if id.0.is_multiple_of(2) { Mode::Pull } else { Mode::Push },
        notification_url: "http://a/".to_owned(),
        upload: true,
        delete: true,
        persistence: true,
        sign_key: None,
        signing_secrets: Vec::new(),
    };
    Application { config, ..Application::new(id, "", Timestamp(0)) }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let now = Steady(1_700_000_000_000);
        let engine = Engine::new(settings(1, now));
        let model = Model::new(now);
        // near the end of a block
        let next = Seq(16_380);
        let (unseen, written) = (vec![], BTreeMap::new());
        let mut bench = Self { model, engine, boot: 1, now, next, unseen, written };
        for app in (1..=APPS).map(AppId) {
            bench.write(application(app));
        }
        bench
    }

    fn write(&mut self, application: Application) {
        self.engine.configure(Arc::new(application.clone()), 1);
        self.model.configure(application);
    }

    /// The course of an application.
    pub(crate) fn course(&self, app: AppId) -> u64 {
        self.engine.application(app).unwrap().course
    }

    pub(crate) fn append(&mut self, app: AppId, kind: EventKind, count: u64) {
        let application = self.engine.application(app).unwrap().application.clone();
        let route = Route::of(&application, kind);
        let expected = self.model.route(app, kind);
        let same = match (route, expected) {
            (None, None) | (Some(Route::Ready), Some(At::Ready)) => true,
            (Some(Route::Ignored(reason)), Some(At::Ignored(other))) => {
                Reason::from(reason) == other
            }
            _ => false,
        };
        assert!(same, "{route:?}, expected {expected:?}");
        let Some(route) = route else { return };
        if !self.has_room(app, count) {
            return;
        }
        for _ in 0..count {
            self.engine.append(app, Entry::new(self.next, kind, self.now), route);
            self.model.append(app, self.next, kind, self.now);
            self.next = self.next.next();
        }
    }

    /// Gives an event a new life, if it has no open one.
    pub(crate) fn replay(&mut self, pick: usize) {
        let events: Vec<Seq> = self.model.items.iter().map(|item| item.event).collect();
        if events.is_empty() {
            return;
        }
        let event = events[pick % events.len()];
        let Item { app, kind, seq, life, .. } = *self.model.latest(event).unwrap();
        let (state, _) = self.engine.state(seq).unwrap();
        let destroyed = self.model.apps[&app].status == ApplicationStatus::Destroyed;
        if state.is_open() || destroyed || !self.has_room(app, 1) {
            return;
        }
        self.engine.begin_life(self.next, Life { first: event, number: life + 1 });
        self.engine.append(app, Entry::new(self.next, kind, self.now), Route::Ready);
        self.model.replay(event, self.next, self.now);
        self.next = self.next.next();
    }

    /// Whether so many more may be open; both must agree.
    fn has_room(&self, app: AppId, count: u64) -> bool {
        let open = self.model.items.iter().filter(|item| item.is_open());
        let (mine, all) = (open.clone().filter(|item| item.app == app).count(), open.count());
        let room = mine + usize::try_from(count).unwrap() <= 40
            && all + usize::try_from(count).unwrap() <= 100;
        assert_eq!(self.engine.has_room(app, count, (0, 0)), room);
        room
    }

    /// Leases; whether anybody gets to see it decides whether it can still be undone.
    pub(crate) fn lease(&mut self, ask: Ask, seen: bool) {
        let expected = self.model.would_lease(ask, self.now);
        let grants = self.engine.lease(ask, self.now);
        let seqs = |items: &Vec<Item>| items.iter().map(|item| item.seq).collect::<Vec<_>>();
        let granted = |grants: &Vec<Grant>| grants.iter().map(|g| g.entry.seq).collect::<Vec<_>>();
        assert_eq!(grants.as_ref().map(granted), expected.as_ref().map(seqs), "{ask:?}");
        let (Ok(grants), Ok(items)) = (grants, expected) else { return };
        for (grant, item) in grants.iter().zip(items) {
            let entry = grant.entry;
            assert_eq!(grant.handle.event, self.engine.event_id(item.event));
            assert_eq!(grant.life, item.life);
            assert_eq!((entry.born(), entry.kind), (item.born, item.kind));
            assert_eq!((entry.attempts, entry.first_attempt()), (item.attempts, item.first));
            self.model.leased(ask.app, grant.handle, self.now.plus_ms(ask.hold_ms));
        }
        if !seen && !grants.is_empty() {
            self.unseen.push(grants);
        }
    }

    pub(crate) fn unlease(&mut self, pick: usize) {
        if self.unseen.is_empty() {
            return;
        }
        let grants = self.unseen.remove(pick % self.unseen.len());
        self.engine.unlease(&grants);
        for grant in grants {
            self.model.give_back(grant.handle);
        }
    }

    pub(crate) fn give_back(&mut self, pick: usize) {
        let Some(Given { handle, .. }) = self.pick(pick) else { return };
        assert_eq!(self.engine.give_back(handle), self.model.give_back(handle), "{handle}");
    }

    /// One of the handles that were given out; the later ones more often.
    fn pick(&self, pick: usize) -> Option<Given> {
        let given = &self.model.given;
        let from = if pick.is_multiple_of(3) { 0 } else { given.len().saturating_sub(8) };
        let recent = &given[from..];
        (!recent.is_empty()).then(|| recent[pick / 3 % recent.len()])
    }

    /// Settles a handle, or several versions of it that were never given out.
    pub(crate) fn settle(&mut self, pick: usize, end: End, twice: bool) {
        let Some(Given { app, handle }) = self.pick(pick) else { return };
        self.claim(AppId(app.0 % APPS + 1), handle, None);
        let mut foreign = handle;
        foreign.event.origin += 1;
        let latest = foreign.event.first_seq;
        assert_eq!(self.engine.claim(app, foreign, latest, self.now), Settled::Unknown);
        self.claim(app, Handle { boot: self.boot + 1, ..handle }, None);
        self.claim(app, Handle { lease: handle.lease + 1_000_000, ..handle }, None);
        let mut unborn = handle;
        unborn.event.first_seq = self.next;
        self.claim(app, unborn, None);
        self.claim(app, handle, Some((end, twice)));
    }

    fn claim(&mut self, app: AppId, handle: Handle, end: Option<(End, bool)>) {
        let expected = self.model.settled(app, handle, self.boot, self.now);
        let event = handle.event.first_seq;
        let latest = self.model.latest(event).map_or(event, |item| item.seq);
        let settled = self.engine.claim(app, handle, latest, self.now);
        assert!(expected.contains(&settled), "{handle}: {settled:?}, expected {expected:?}");
        if settled != Settled::Accepted {
            return;
        }
        let (end, twice) = end.unwrap();
        let seq = self.engine.entry_of(handle.event);
        assert_eq!(seq, latest);
        if twice {
            assert_eq!(self.engine.claim(app, handle, latest, self.now), Settled::Already);
            assert!(!self.engine.give_back(handle));
        }
        let entry = self.engine.held(seq).unwrap();
        let item = self.model.item_mut(seq);
        match end {
            End::Close(mark) => {
                self.engine.close(seq, mark, self.now);
                item.at = match mark {
                    Mark::Closed(reason) => At::Dead(reason),
                    Mark::None | Mark::Open | Mark::Done => At::Done(handle, self.now),
                };
            }
            End::Retry(after_ms) => {
                let due = self.now.plus_ms(after_ms);
                self.engine.delay(seq, entry.tried(self.now), due);
                item.at = At::Delayed(due);
                item.attempts += 1;
                item.first = item.first.or(Some(crate::model::second(self.now)));
            }
            End::Release => self.engine.release(seq),
        }
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    /// Lets time pass to just before, at or just after the next moment at which something is due.
    pub(crate) fn pass_to_timer(&mut self, off: i64) {
        if let Some(at) = self.model.next_timer() {
            self.now = self.now.max(Steady(at.0 + off));
        }
    }

    pub(crate) fn advance(&mut self) {
        assert_eq!(self.engine.advance(self.now), self.model.advance(self.now));
    }

    pub(crate) fn configure(&mut self, app: AppId, change: Change) {
        let mut application = self.model.apps[&app].clone();
        if application.status == ApplicationStatus::Destroyed {
            return;
        }
        match change {
            Change::Mode(mode) => application.config.mode = mode,
            Change::Url(url) => url.clone_into(&mut application.config.notification_url),
            Change::SignKey(key) => {
                application.config.sign_key = key.map(|key| Sealed(key.to_owned()));
            }
            Change::Switches(upload, delete, persistence) => {
                let config = &mut application.config;
                (config.upload, config.delete, config.persistence) = (upload, delete, persistence);
            }
            Change::Status(status) => application.status = status,
        }
        let destroyed = application.status == ApplicationStatus::Destroyed;
        self.write(application);
        if destroyed {
            self.purge(app, (&[], &[]), usize::MAX, Some(Reason::Destroyed));
            assert!(!self.engine.has_open(app));
        }
    }

    /// Gives up what waits; no reason: it could not be written down.
    pub(crate) fn purge(
        &mut self,
        app: AppId,
        (states, kinds): (&[State], &[EventKind]),
        max: usize,
        reason: Option<Reason>,
    ) {
        let (ready, others) = self.model.waiting(app, states, kinds);
        let claimed = self.engine.claim_waiting(app, states, kinds, max);
        let (first, rest) = claimed.split_at(claimed.len().min(ready.len()));
        assert_eq!(first, &ready[..ready.len().min(max)]);
        assert_eq!(rest.len(), others.len().min(max.saturating_sub(ready.len())));
        assert!(rest.iter().all(|seq| others.contains(seq)));
        assert_eq!(rest.iter().collect::<BTreeSet<_>>().len(), rest.len());
        self.finish(&claimed, reason);
    }

    pub(crate) fn expire(&mut self, max: usize, written: bool) {
        let (overdue, ready, delayed) = self.model.expired(self.now);
        let claimed = self.engine.claim_expired(self.now, max);
        let set: BTreeSet<Seq> = claimed.iter().copied().collect();
        assert_eq!(set.len(), claimed.len());
        assert!(set.is_superset(&overdue));
        let room = max.saturating_sub(overdue.len());
        let of = |wanted: &BTreeSet<Seq>| set.intersection(wanted).count();
        assert_eq!(of(&ready), ready.len().min(room));
        assert_eq!(of(&delayed), delayed.len().min(room.saturating_sub(ready.len())));
        assert_eq!(set.len(), overdue.len() + of(&ready) + of(&delayed));
        if !written {
            // taken back: what was found too old waits to be found again
            for seq in overdue {
                self.model.item_mut(seq).at = At::Ready;
            }
        }
        self.finish(&claimed, written.then_some(Reason::Expired));
    }

    fn finish(&mut self, claimed: &[Seq], reason: Option<Reason>) {
        for seq in claimed {
            if let Some(reason) = reason {
                self.engine.close(*seq, Mark::Closed(reason), self.now);
                self.model.item_mut(*seq).at = At::Dead(reason);
            } else {
                self.engine.release(*seq);
            }
        }
    }

    pub(crate) fn restart(&mut self, graceful: bool, down_ms: u64) {
        let stopped = self.now;
        self.pass(down_ms);
        self.boot += 1;
        let old = std::mem::replace(&mut self.engine, Engine::new(settings(self.boot, self.now)));
        for application in self.model.apps.values() {
            self.engine.configure(Arc::new(application.clone()), 1);
        }
        for (number, block) in old.ledger.dirty() {
            self.written.insert(number, block.clone());
        }
        for (number, block) in &self.written {
            let copy = Block::from_bytes(block.bytes(), block.newest).unwrap();
            assert_eq!(copy.open, block.open);
            self.engine.ledger.load(*number, copy);
        }
        let mut open: Vec<_> = old.open_entries().collect();
        open.sort_by_key(|(_, entry, _)| entry.seq);
        let leases: Vec<_> = if graceful { old.leases().collect() } else { vec![] };
        for (app, entry, due) in open {
            if let Some(life) = old.life(entry.seq) {
                self.engine.begin_life(entry.seq, life);
            }
            if let Some((_, _, token, until)) = leases.iter().find(|lease| lease.1 == entry.seq) {
                let until = self.now.plus_ms(until.since_ms(stopped));
                self.engine.restore_lease(app, entry, *token, until);
            } else {
                self.engine.restore(app, entry, due);
            }
        }
        self.unseen.clear();
        self.model.restart(graceful, stopped, self.now);
    }

    /// Compares everything that can be asked.
    pub(crate) fn compare(&self) {
        for item in &self.model.items {
            assert_eq!(self.engine.state(item.seq), Some(item.state()), "{item:?}");
            let life = Life { first: item.event, number: item.life };
            let later = item.is_open() && item.life > 1;
            assert_eq!(self.engine.life(item.seq), later.then_some(life));
        }
        assert_eq!(self.engine.state(self.next), None);
        for app in std::iter::once(None).chain((1..=APPS + 1).map(|app| Some(AppId(app)))) {
            let load = self.engine.load(app);
            assert_eq!(load.ready, self.model.count(app, |at| *at == At::Ready), "{app:?}");
            assert_eq!(load.leased, self.model.count(app, |at| matches!(at, At::Leased(..))));
            assert_eq!(load.delayed, self.model.count(app, |at| matches!(at, At::Delayed(_))));
            let oldest = self.model.items.iter().find(|item| item.is_open() && app.is_none());
            assert_eq!(load.oldest, oldest.map(|item| item.born.into()));
        }
        assert_eq!(self.engine.next_timer(), self.model.next_timer());
        for app in (1..=APPS + 1).map(AppId) {
            assert_eq!(self.engine.next_timer_of(app), self.model.next_timer_of(app));
        }
        let mut open: Vec<_> =
            self.engine.open_entries().map(|(app, e, due)| (e.seq, app, due)).collect();
        open.sort_unstable_by_key(|(seq, ..)| *seq);
        let items = self.model.items.iter().filter(|item| item.is_open());
        assert_eq!(open, items.map(|i| (i.seq, i.app, i.due())).collect::<Vec<_>>());
    }

    pub(crate) fn compare_runnable(&mut self, after: Option<AppId>, max: usize) {
        let mut expected = self.model.runnable(after);
        expected.truncate(max);
        assert_eq!(self.engine.runnable(after, max), expected, "after {after:?}");
    }

    /// In the end everything comes out, once, in the model's order.
    pub(crate) fn drain(&mut self) {
        self.pass(3_600_000);
        self.advance();
        for app in (1..=APPS).map(AppId) {
            self.configure(app, Change::Mode(Mode::Pull));
            self.lease(ask(app, Lessee::Pull, usize::MAX, false), true);
        }
        self.expire(usize::MAX, true);
        self.compare();
    }
}

pub(crate) fn ask(app: AppId, by: Lessee, max: usize, fewest_attempts: bool) -> Ask {
    Ask { app, by, max, hold_ms: 30_000, fewest_attempts }
}
