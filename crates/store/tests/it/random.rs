//! Random lives of a store, crashes and graceful stops among them, beside the model of what was
//! acknowledged.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use ::model::{AppId, ApplicationStatus, Clock as _, EventKind, Mode, NewEvent, Sealed, Timestamp};
use bytes::Bytes;
use proptest::prelude::*;
use queue::{
    Attempt, Backend, Commit, CommitError, LeaseError, LeaseRequest, Lessee, PurgeRequest,
    RecordKey, RecordKind, RecordPut, ReplayError, ReplayRequest, Resolution, Selection,
    Settlement, State,
};

use crate::harness::Bed;
use crate::model::{At, Fate, Model, New, Refused};
use crate::steps::{APPS, Change, HOUR, Step, step};

struct Life {
    bed: Bed,
    model: Model,
}

fn event(new: &New) -> NewEvent {
    NewEvent {
        app: new.app,
        kind: new.kind,
        key: new.key.map(|key| format!("key {key}")),
        files: vec![],
        payload: Bytes::from(new.body.clone()),
    }
}

fn record_key(id: u8) -> RecordKey {
    RecordKey { kind: RecordKind::Media, app: AppId(1), id: format!("record {id}") }
}

impl Life {
    async fn new() -> Self {
        let bed = Bed::with(|options| {
            options.durable = false;
            options.first_expiry_ms = 0;
            options.reserve_bytes = 0;
        })
        .await;
        let mut life = Self { bed, model: Model::default() };
        life.model.started(life.now());
        for app in (1..=APPS).map(AppId) {
            life.write(app, Change::Url("http://a/")).await;
        }
        life
    }

    fn now(&self) -> i64 {
        self.bed.hands.now().wall.0
    }

    async fn write(&mut self, app: AppId, change: Change) {
        self.bed
            .configure(app, |application| match change {
                Change::Mode(mode) => application.config.mode = mode,
                Change::Url(url) => url.clone_into(&mut application.config.notification_url),
                Change::SignKey(key) => {
                    application.config.sign_key = key.map(|key| Sealed(key.to_owned()));
                }
                Change::Delete(on) => application.config.delete = on,
                Change::Destroy => application.status = ApplicationStatus::Destroyed,
            })
            .await;
        let found = self.bed.store.application(app).await.unwrap().unwrap();
        self.model.configured((*found.application).clone());
    }

    async fn commit(&mut self, commit: Commit, news: &[New]) -> bool {
        let now = self.now();
        let fates = self.model.fates(news, now);
        let committed = self.bed.store.commit(commit).await;
        let (committed, fates) = match (committed, fates) {
            (Ok(committed), Ok(fates)) => (committed.events, fates),
            (Err(CommitError::UnknownApplication(app)), Err(Refused::Unknown(other))) => {
                assert_eq!(app, other);
                return false;
            }
            (Err(CommitError::EventKeyReused(index)), Err(Refused::KeyReused(other))) => {
                assert_eq!(index, other);
                return false;
            }
            (committed, fates) => panic!("{committed:?}, expected {fates:?}"),
        };
        assert_eq!(committed.len(), fates.len());
        for (index, ((published, fate), new)) in committed.iter().zip(&fates).zip(news).enumerate()
        {
            let seq = published.id.first_seq;
            match *fate {
                Fate::New(state, reason) => {
                    assert_eq!((published.state, published.reason), (state, reason));
                    self.model.stated(new, seq, fate, now);
                }
                Fate::Earlier(earlier) => {
                    assert_eq!(seq, earlier);
                    let states = self.model.items[&seq].states(now);
                    assert!(states.contains(&(published.state, published.reason)), "{published:?}");
                }
                Fate::Same(first) => assert_eq!(*published, committed[first], "event {index}"),
            }
        }
        true
    }

    async fn record(&mut self, id: u8, expect: Option<bool>, delete: bool, event_of: Option<New>) {
        let key = record_key(id);
        let version = self.model.records.get(&key.id).map(|record| record.0);
        let mut commit = Commit::default();
        if let Some(right) = expect {
            let version = if right { version } else { Some(version.unwrap_or(0) + 1) };
            commit.expect.push((key.clone(), version));
        }
        let body = format!("{}", self.model.items.len());
        if delete {
            commit.delete.push(key.clone());
        } else {
            let body = Bytes::from(body.clone());
            commit.put.push(RecordPut { key: key.clone(), body, terms: vec![], listing: None });
        }
        let news: Vec<New> = event_of.into_iter().collect();
        commit.events = news.iter().map(event).collect();
        if expect == Some(false) {
            let refused = self.bed.store.commit(commit).await;
            assert!(matches!(refused, Err(CommitError::Conflict(found)) if found == key));
        } else if self.commit(commit, &news).await {
            if delete {
                self.model.records.remove(&key.id);
            } else {
                self.model.records.insert(key.id, (version.unwrap_or(0) + 1, body));
            }
        }
    }

    async fn lease(&mut self, app: AppId, by: Lessee, max: usize, max_bytes: usize) {
        let now = self.now();
        if self.model.something_is_old(now) {
            self.tick().await;
        }
        let request = LeaseRequest { app, by, max_bytes, ..Bed::request(max) };
        let answer = self.bed.store.lease(request).await;
        self.model.advance(now);
        let application = &self.model.apps[&app];
        let config = &application.config;
        let theirs = match by {
            Lessee::Pull => config.mode == Mode::Pull,
            Lessee::Push => config.mode == Mode::Push && !config.notification_url.is_empty(),
        };
        let leased = match answer {
            Err(LeaseError::UnknownApplication(_)) => {
                return assert_eq!(application.status, ApplicationStatus::Destroyed);
            }
            Err(LeaseError::WrongMode) => return assert!(!theirs),
            other => other.unwrap(),
        };
        assert!(theirs && application.status != ApplicationStatus::Destroyed);
        let ready = self.model.ready(app);
        let full = if max_bytes == usize::MAX { max } else { max.min(2) };
        assert_eq!(leased.len(), ready.len().min(full), "{leased:?} of {ready:?}");
        // first leases follow append order
        let fresh = ready.iter().filter(|item| !item.leased).map(|item| item.place);
        let place = |seq| self.model.items[&seq].place;
        let first: BTreeSet<_> =
            leased.iter().map(|lease| place(lease.handle.event.first_seq)).collect();
        let skipped = fresh.clone().find(|seq| !first.contains(seq));
        let late = fresh.filter(|seq| first.contains(seq)).max();
        assert!(skipped.is_none_or(|skipped| late.is_none_or(|late| late < skipped)));
        for lease in leased {
            let item = &self.model.items[&lease.handle.event.first_seq];
            assert_eq!((lease.kind, &lease.payload[..]), (item.kind, item.body.as_bytes()));
            assert_eq!((lease.attempts, lease.life), (item.attempts, item.life));
            self.model.leased(app, lease.handle, now + 30_000);
        }
    }

    async fn settle(&mut self, picks: Vec<(usize, Resolution, bool)>) {
        let handles = &self.model.handles;
        if handles.is_empty() {
            return;
        }
        let now = self.now();
        let recent = &handles[handles.len().saturating_sub(12)..];
        let picked: Vec<_> = picks
            .into_iter()
            .map(|(pick, resolution, wrong)| {
                let (app, handle) = recent[pick % recent.len()];
                // a returned lease is only ever the push worker's own
                let wrong = wrong && resolution != Resolution::Return;
                let app = if wrong { AppId(app.0 % APPS + 1) } else { app };
                (app, handle, resolution)
            })
            .collect();
        let settlement = |&(app, handle, resolution)| {
            let attempt =
                (!matches!(resolution, Resolution::Done | Resolution::Return)).then(|| {
                    let (url, error) = ("http://a/".to_owned(), "refused".to_owned());
                    let body = Bytes::new();
                    Attempt { at: Timestamp(now), url, status: None, duration_ms: 1, body, error }
                });
            Settlement { handle, app, resolution, attempt }
        };
        let answers = self.bed.store.settle(picked.iter().map(settlement).collect()).await.unwrap();
        let mut claimed = HashSet::new();
        for ((app, handle, resolution), answer) in picked.into_iter().zip(answers) {
            let expected = self.model.settle((app, handle), resolution, &mut claimed, now);
            assert!(expected.contains(&answer), "{handle}: {answer:?}, expected {expected:?}");
        }
    }

    async fn purge(&mut self, app: AppId, state: Option<State>, kind: Option<EventKind>) {
        // what time has brought is to be known before it is counted
        self.tick().await;
        let request = PurgeRequest {
            app,
            states: state.into_iter().collect(),
            kinds: kind.into_iter().collect(),
        };
        let purged = self.bed.store.purge(request).await.unwrap();
        assert_eq!(purged, self.model.purged(app, state, kind));
    }

    async fn replay(&mut self, picks: Vec<usize>) {
        let events: Vec<_> = self.model.items.values().map(|item| (item.app, item.seq)).collect();
        let Some(&(app, _)) = picks.first().and_then(|pick| events.get(pick % events.len().max(1)))
        else {
            return;
        };
        let picked: Vec<_> = picks.into_iter().map(|pick| events[pick % events.len()]).collect();
        let any = self.any_id().await;
        let id = |seq| ::model::EventId { first_seq: seq, ..any };
        let select = Selection::Events(picked.iter().map(|(_, seq)| id(*seq)).collect());
        let request = ReplayRequest { app, select, dry_run: false, limit: 1_000, cursor: None };
        let answer = self.bed.store.replay(request).await;
        if self.refused(app, answer.as_ref().err()) {
            return;
        }
        if let Some((_, foreign)) = picked.iter().find(|(other, _)| *other != app) {
            let told = answer.unwrap_err();
            return assert!(
                matches!(told, ReplayError::UnknownEvent { event, .. } if event == id(*foreign))
            );
        }
        let now = self.now();
        let mut count = 0;
        for (_, seq) in picked {
            if !self.model.items[&seq].is_open() {
                self.model.replayed(seq, now);
                count += 1;
            }
        }
        let replayed = answer.unwrap();
        assert_eq!((replayed.count, replayed.cursor), (count, None));
    }

    async fn replay_matching(
        &mut self,
        (app, state, kind): (AppId, Option<State>, Option<EventKind>),
        limit: usize,
    ) {
        let states = state.into_iter().collect();
        let kinds = kind.into_iter().collect();
        let select = Selection::Matching { states, kinds, since: None, until: None };
        let expected = self.model.ended(app, state, kind);
        let mut request = ReplayRequest { app, select, dry_run: true, limit, cursor: None };
        for dry_run in [true, false] {
            (request.dry_run, request.cursor) = (dry_run, None);
            let mut count = 0;
            loop {
                let answer = self.bed.store.replay(request.clone()).await;
                if self.refused(app, answer.as_ref().err()) {
                    return;
                }
                let replayed = answer.unwrap();
                count += usize::try_from(replayed.count).unwrap();
                request.cursor = replayed.cursor;
                if request.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(count, expected.len(), "{expected:?}");
        }
        for seq in expected {
            self.model.replayed(seq, self.now());
        }
    }

    /// Whether a replay must be, and was, refused because nobody would get it.
    fn refused(&self, app: AppId, error: Option<&ReplayError>) -> bool {
        let Some(why) = self.model.refuses_replays(app) else { return false };
        match error {
            Some(ReplayError::UnknownApplication(found)) => {
                assert_eq!((why, *found), ("destroyed", app));
            }
            Some(ReplayError::NoAddress) => assert_eq!(why, "no address"),
            other => panic!("{other:?}, but {why}"),
        }
        true
    }

    async fn tick(&mut self) {
        self.bed.store.tick().await.unwrap();
        self.model.ticked(self.now());
    }

    async fn restart(self, graceful: bool, down_ms: u64) -> Self {
        let Self { bed, mut model } = self;
        let stopped = bed.hands.now().wall.0;
        if graceful {
            bed.store.close().await.unwrap();
        }
        bed.hands.pass(down_ms);
        let bed = bed.crash();
        model.restarted(graceful, stopped, bed.hands.now().wall.0);
        let life = Self { bed, model };
        life.compare().await;
        life
    }

    async fn take(mut self, step: Step) -> Self {
        match step {
            Step::Publish(news) => {
                let events = news.iter().map(event).collect();
                self.commit(Commit { events, ..Commit::default() }, &news).await;
            }
            Step::Record { id, expect, delete, event } => {
                self.record(id, expect, delete, event).await;
            }
            Step::Lease { app, by, max, max_bytes } => self.lease(app, by, max, max_bytes).await,
            Step::Settle(picks) => self.settle(picks).await,
            Step::Purge { app, state, kind } => self.purge(app, state, kind).await,
            Step::Replay(picks) => self.replay(picks).await,
            Step::ReplayMatching { app, state, kind, limit } => {
                self.replay_matching((app, state, kind), limit).await;
            }
            Step::Configure(app, change) => {
                let last = app == AppId(APPS);
                let alive = self.model.apps[&app].status != ApplicationStatus::Destroyed;
                if alive && (last || !matches!(change, Change::Destroy)) {
                    self.write(app, change).await;
                }
            }
            Step::Pass(ms) => self.bed.hands.pass(ms),
            Step::Tick => self.tick().await,
            Step::Restart { graceful, down_ms } => return self.restart(graceful, down_ms).await,
        }
        self
    }

    /// Everything acknowledged is there, as it was acknowledged.
    async fn compare(&self) {
        let store = &self.bed.store;
        let now = self.now();
        let mut open = 0;
        for item in self.model.items.values() {
            let id = ::model::EventId { first_seq: item.seq, ..self.any_id().await };
            let detail = store.event(item.app, id).await.unwrap().unwrap();
            let states = item.states(now);
            let state = (detail.row.state, detail.row.reason);
            assert!(states.contains(&state), "{item:?} is {state:?}");
            assert_eq!(detail.payload, item.body.as_bytes());
            assert_eq!(detail.row.attempts, item.attempts);
            let attempts = item.attempts_before + item.attempts;
            assert_eq!(detail.attempts.len(), usize::try_from(attempts).unwrap());
            open += u64::from(item.is_open());
        }
        let load = store.load(None);
        assert_eq!(load.ready + load.leased + load.delayed, open);
        for id in 0..3 {
            let found = store.get(vec![record_key(id)]).await.unwrap().remove(0);
            let found = found
                .map(|record| (record.version, String::from_utf8(record.body.to_vec()).unwrap()));
            assert_eq!(found.as_ref(), self.model.records.get(&record_key(id).id));
        }
    }

    /// An id of this log, for its origin.
    async fn any_id(&self) -> ::model::EventId {
        let key = &self.model.handles.first().map(|(_, handle)| handle.event);
        if let Some(id) = key {
            return *id;
        }
        let query = queue::EventQuery {
            app: self.model.items.values().next().unwrap().app,
            states: vec![],
            kinds: vec![],
            file: None,
            since: None,
            until: None,
            limit: 1,
            cursor: None,
        };
        self.bed.store.history(query).await.unwrap().events[0].id
    }

    /// Whatever is open comes out in the end, and nothing else does.
    async fn drain(mut self) {
        self.compare().await;
        self.bed.hands.pass(10 * HOUR);
        for app in (1..=APPS).map(AppId) {
            if self.model.apps[&app].status != ApplicationStatus::Destroyed {
                self.write(app, Change::Mode(Mode::Pull)).await;
            }
            self.lease(app, Lessee::Pull, 10_000, usize::MAX).await;
        }
        assert!(
            !self.model.items.values().any(|item| matches!(item.at, At::Ready | At::Delayed(_)))
        );
        self.compare().await;
    }
}

/// A quarter of `PROPTEST_CASES`, which is 256 by default: each opens stores.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.div_ceil(4), max_shrink_time: 60_000, ..config }
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn a_store_keeps_what_it_acknowledged(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let live = async {
            let mut life = Life::new().await;
            for step in steps {
                life = life.take(step).await;
            }
            life.drain().await;
        };
        runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), live).await.unwrap() });
    }
}
