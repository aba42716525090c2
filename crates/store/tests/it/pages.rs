//! Pages of history over several blocks, beside a list of what was done: before blocks are indexed,
//! after it, after crashes, replays, late settlements and retention.

use std::collections::BTreeMap;

use ::model::{AppId, Clock as _, EventKind, FileId, NewEvent, Seq, Timestamp};
use bytes::Bytes;
use queue::{
    Backend, EventQuery, LeaseRequest, Leased, PurgeRequest, Reason, ReplayRequest, Resolution,
    Selection, Settlement, State,
};
use rusqlite::Connection;

use crate::harness::{APP, Bed, bodies};

const DAY: u64 = 24 * 3_600_000;
const KINDS: [EventKind; 3] =
    [EventKind::FileDeleted, EventKind::PullComplete, EventKind::RemoveWatermark];

/// An event as it is to be seen.
#[derive(Clone, Debug)]
struct Seen {
    app: AppId,
    kind: EventKind,
    files: Vec<FileId>,
    stated: Timestamp,
    state: State,
}

struct World {
    bed: Bed,
    /// By their first lives.
    events: BTreeMap<Seq, Seen>,
    random: u64,
}

/// The first page of all that there is.
fn everything() -> EventQuery {
    EventQuery {
        app: APP,
        states: vec![],
        kinds: vec![],
        file: None,
        since: None,
        until: None,
        limit: 100,
        cursor: None,
    }
}

/// An application that wants to hear of no deletion.
fn deaf() -> AppId {
    AppId(APP.0 + 1)
}

fn rare() -> AppId {
    AppId(APP.0 + 2)
}

impl World {
    async fn new() -> Self {
        let bed = Bed::with(|options| {
            options.durable = false;
            options.expiry_ms = 90 * DAY;
        })
        .await;
        bed.configure(rare(), |_| {}).await;
        bed.configure(deaf(), |application| application.config.delete = false).await;
        Self { bed, events: BTreeMap::new(), random: 7 }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % limit
    }

    async fn publish(&mut self, count: usize) {
        let mut new = Vec::new();
        for _ in 0..count {
            let app = match self.below(1_000) {
                0..=2 => rare(),
                3..=99 => deaf(),
                _ => APP,
            };
            let kind = match self.below(3_000) {
                0 => KINDS[2],
                odd if odd % 3 == 1 => KINDS[1],
                _ => KINDS[0],
            };
            let files = (0..self.below(3)).map(|_| FileId(self.below(4_000))).collect();
            new.push(NewEvent { app, kind, key: None, files, payload: Bytes::from_static(b"x") });
        }
        let stated = self.bed.hands.now().wall;
        let published = self.bed.publish(new.clone()).await.unwrap();
        for (new, published) in new.into_iter().zip(published) {
            let NewEvent { app, kind, files, .. } = new;
            let ignored = app == deaf() && kind == EventKind::FileDeleted;
            let state = if ignored { State::Ignored } else { State::Ready };
            let seen = Seen { app, kind, files, stated, state };
            self.events.insert(published.id.first_seq, seen);
        }
    }

    async fn lease(&mut self, app: AppId, max: usize) -> Vec<Leased> {
        let hold = std::time::Duration::from_hours(90 * 24);
        let request = LeaseRequest { app, hold, ..Bed::request(max) };
        let leased = self.bed.store.lease(request).await.unwrap();
        for lease in &leased {
            self.events.get_mut(&lease.handle.event.first_seq).unwrap().state = State::Leased;
        }
        leased
    }

    async fn settle(&mut self, app: AppId, leased: &[Leased]) {
        let mut settlements = Vec::new();
        for lease in leased {
            let (resolution, state) = match self.below(700) {
                0 => (Resolution::Dead(Reason::Exhausted), State::Dead),
                1 => (Resolution::Retry { after_ms: 80 * DAY }, State::Delayed),
                2 => continue,
                _ => (Resolution::Done, State::Done),
            };
            self.events.get_mut(&lease.handle.event.first_seq).unwrap().state = state;
            settlements.push(Settlement { handle: lease.handle, app, resolution, attempt: None });
        }
        self.bed.store.settle(settlements).await.unwrap();
    }

    async fn replay(&mut self, select: Selection) {
        let mut expected = 0;
        let named: Vec<Seq> = match &select {
            Selection::Events(ids) => ids.iter().map(|id| id.first_seq).collect(),
            Selection::Matching { states, kinds, .. } => {
                let wanted = |seen: &Seen| {
                    seen.app == APP && states.contains(&seen.state) && kinds.contains(&seen.kind)
                };
                let chosen = self.events.iter().filter(|(_, seen)| wanted(seen));
                chosen.map(|(seq, _)| *seq).collect()
            }
        };
        for seq in named {
            let seen = self.events.get_mut(&seq).unwrap();
            if !seen.state.is_open() {
                (seen.state, expected) = (State::Ready, expected + 1);
            }
        }
        let mut request =
            ReplayRequest { app: APP, select, dry_run: false, limit: 100, cursor: None };
        let mut count = 0;
        loop {
            let replayed = self.bed.store.replay(request.clone()).await.unwrap();
            count += replayed.count;
            request.cursor = replayed.cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(count, expected);
    }

    fn db(&self) -> Connection {
        Connection::open(self.bed.options.dir.join("callboard.db")).unwrap()
    }

    fn count(&self, sql: &str) -> i64 {
        self.db().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Where each event that is kept is shown.
    fn shown(&self) -> BTreeMap<u64, Seq> {
        let db = self.db();
        let select = "SELECT entry.seq, ifnull(first, entry.seq) FROM entry
                      LEFT JOIN life ON life.seq = entry.seq ORDER BY entry.seq DESC";
        let mut statement = db.prepare(select).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(0)?));
        let mut first: BTreeMap<i64, i64> = BTreeMap::new();
        for found in statement.query_map([], row).unwrap() {
            let (event, at) = found.unwrap();
            first.insert(event, at);
        }
        let number = |n: i64| u64::try_from(n).unwrap();
        first.into_iter().map(|(event, at)| (number(at), Seq(number(event)))).collect()
    }

    fn queries(&mut self) -> Vec<EventQuery> {
        let all = everything();
        let times: Vec<_> = self.events.values().map(|seen| seen.stated).collect();
        let mut queries = vec![all.clone()];
        for app in [APP, deaf(), rare()] {
            let of = EventQuery { app, ..all.clone() };
            for state in State::ALL {
                // there are many of these
                let late = app == APP && matches!(state, State::Done | State::Ready);
                let since = late.then(|| times[times.len() / 8 * 7]);
                queries.push(EventQuery { states: vec![state], since, ..of.clone() });
            }
            queries.push(EventQuery { states: vec![State::Dead, State::Leased], ..of.clone() });
            queries.push(EventQuery { kinds: vec![KINDS[2]], ..of.clone() });
            for _ in 0..4 {
                let count = u64::try_from(times.len()).unwrap();
                let mut pick = || times[usize::try_from(self.below(count)).unwrap()];
                let (one, other) = (pick(), pick());
                let file = Some(FileId(self.below(4_000)));
                let (since, until) = (Some(one.min(other)), Some(one.max(other)));
                queries.push(EventQuery { file, ..of.clone() });
                queries.push(EventQuery { since, until, limit: 70, ..of.clone() });
                let kinds = vec![KINDS[1], KINDS[2]];
                let states = vec![State::Dead, State::Ready];
                queries.push(EventQuery { since, kinds, states, file, ..of.clone() });
            }
        }
        queries
    }

    /// Every question is answered by exactly what matches, newest first.
    async fn compare(&mut self) {
        let shown = self.shown();
        for query in self.queries() {
            let wanted = |seen: &Seen| {
                seen.app == query.app
                    && (query.states.is_empty() || query.states.contains(&seen.state))
                    && (query.kinds.is_empty() || query.kinds.contains(&seen.kind))
                    && query.file.is_none_or(|file| seen.files.contains(&file))
                    && query.since.is_none_or(|since| seen.stated >= since)
                    && query.until.is_none_or(|until| seen.stated < until)
            };
            let expected: Vec<_> = shown
                .values()
                .rev()
                .map(|event| (*event, &self.events[event]))
                .filter(|(_, seen)| wanted(seen))
                .map(|(event, seen)| (event, seen.kind, seen.state, seen.stated))
                .collect();
            let (mut found, mut page) = (Vec::new(), query.clone());
            loop {
                let answer = self.bed.store.history(page.clone()).await.unwrap();
                assert!(answer.events.len() <= query.limit);
                let rows = answer.events.iter();
                found.extend(rows.map(|row| (row.id.first_seq, row.kind, row.state, row.created)));
                page.cursor = answer.cursor;
                if page.cursor.is_none() {
                    break;
                }
            }
            assert!(found == expected, "{query:?}: {} of {}", found.len(), expected.len());
        }
    }

    async fn seal(&self) {
        self.bed.store.tick().await.unwrap();
    }

    fn crash(self) -> Self {
        let Self { bed, mut events, random } = self;
        // leases are void after a crash
        for seen in events.values_mut().filter(|seen| seen.state == State::Leased) {
            seen.state = State::Ready;
        }
        Self { bed: bed.crash(), events, random }
    }

    async fn fill(&mut self, rounds: usize) {
        for round in 0..rounds {
            self.publish(1_000).await;
            let leased = self.lease(APP, 900).await;
            self.settle(APP, &leased).await;
            let leased = self.lease(rare(), 2).await;
            self.settle(rare(), &leased).await;
            // the wall clock is put back once
            if round == 9 { self.bed.hands.step(-15_000) } else { self.bed.hands.pass(1_000) }
        }
    }

    /// Whatever is open is given up, of every application.
    async fn purge(&mut self) {
        for app in [APP, deaf(), rare()] {
            let all = PurgeRequest { app, states: vec![], kinds: vec![] };
            self.bed.store.purge(all).await.unwrap();
        }
        for seen in self.events.values_mut().filter(|seen| seen.state.is_open()) {
            seen.state = State::Dead;
        }
    }

    async fn upkeep(&self) {
        self.bed.hands.pass(61_000);
        for _ in 0..6 {
            self.bed.store.tick().await.unwrap();
        }
    }
}

#[tokio::test]
async fn pages_are_right_before_during_and_after_all_that_happens_to_blocks() {
    let mut world = World::new().await;
    world.fill(36).await;
    assert_eq!(world.count("SELECT count(*) FROM slice"), 0);
    world.compare().await;
    world.seal().await;
    assert_eq!(world.count("SELECT count(*) FROM slice"), 2);
    world.compare().await;
    let mut world = world.crash();
    world.compare().await;
    // what is open in full blocks is settled later, and what has ended there is replayed
    let leased = world.lease(APP, 2_000).await;
    world.settle(APP, &leased).await;
    let kinds = KINDS.to_vec();
    let (since, until) = (None, None);
    let dead = Selection::Matching { states: vec![State::Dead], kinds, since, until };
    world.replay(dead.clone()).await;
    world.compare().await;
    let leased = world.lease(APP, 4_000).await;
    world.settle(APP, &leased).await;
    world.replay(dead.clone()).await;
    world.fill(18).await;
    world.replay(dead).await;
    world.upkeep().await;
    assert_eq!(world.count("SELECT count(*) FROM slice"), 3);
    world.compare().await;
    let world = world.crash();
    world.bed.store.close().await.unwrap();
    let mut world = world.crash();
    world.compare().await;
    // the first blocks go, and events with later lives are shown there
    world.purge().await;
    world.upkeep().await;
    world.bed.hands.pass(8 * DAY);
    world.upkeep().await;
    assert!(world.count("SELECT count(*) FROM life") > 0);
    world.compare().await;
    for table in ["entry", "payload", "life"] {
        let gone = format!("SELECT count(*) FROM {table} WHERE seq < 49152");
        assert_eq!(world.count(&gone), 0, "{table}");
    }
    for of in ["slice", "slice_part", "slice_file"] {
        assert_eq!(world.count(&format!("SELECT count(*) FROM {of}")), 0, "{of}");
    }
    world.fill(18).await;
    world.seal().await;
    assert_eq!(world.count("SELECT count(*) FROM slice WHERE earliest < no"), 1);
    world.compare().await;
}

#[tokio::test]
async fn retention_leaves_no_row_of_what_was_replayed_many_times() {
    let mut world = World::new().await;
    world.fill(1).await;
    world.purge().await;
    let mut ids = Vec::new();
    let newest = world.queries().remove(0);
    for row in world.bed.store.history(newest).await.unwrap().events {
        ids.push(row.id);
    }
    for _ in 0..20 {
        world.replay(Selection::Events(ids.clone())).await;
        let leased = world.lease(APP, ids.len()).await;
        let mut dead = Vec::new();
        for lease in &leased {
            let attempt = Some(queue::Attempt {
                at: Timestamp(1),
                url: "http://a/".to_owned(),
                status: Some(500),
                duration_ms: 1,
                body: Bytes::new(),
                error: "status 500".to_owned(),
            });
            let resolution = Resolution::Dead(Reason::Exhausted);
            dead.push(Settlement { handle: lease.handle, app: APP, resolution, attempt });
            world.events.get_mut(&lease.handle.event.first_seq).unwrap().state = State::Dead;
        }
        world.bed.store.settle(dead).await.unwrap();
    }
    world.compare().await;
    world.fill(18).await;
    world.purge().await;
    world.upkeep().await;
    world.bed.hands.pass(8 * DAY);
    world.upkeep().await;
    world.compare().await;
    let tail = "SELECT (max(seq) / 16384) * 16384 FROM entry";
    for table in ["entry", "payload", "life", "attempt"] {
        let gone = format!("SELECT count(*) FROM {table} WHERE seq < ({tail})");
        assert_eq!(world.count(&gone), 0, "{table}");
    }
    for table in ["slice", "slice_part", "slice_file", "dedupe"] {
        assert_eq!(world.count(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    assert_eq!(world.count("SELECT count(*) FROM block"), 1);
}

#[tokio::test]
async fn a_gap_in_the_numbers_costs_nothing() {
    let bed = Bed::new().await;
    let old = bed.events(["1", "2"]).await;
    let copy = tempfile::tempdir().unwrap();
    store::backup(&bed.options.dir, &copy.path().join("callboard.db")).unwrap();
    let mut options = bed.options.clone();
    options.dir = copy.path().to_owned();
    let restored =
        store::Store::open(&options, bed.hands.clone(), std::sync::Arc::new(queue::Silent));
    let restored = Bed::over(restored.unwrap());
    restored.events(["3"]).await;
    for _ in 0..2 {
        let page = restored.store.history(everything()).await.unwrap();
        assert_eq!(
            (page.events.len(), page.cursor),
            (3, None),
            "before and after the old block is full"
        );
        assert_eq!(page.events[1].id, old[1].id);
        restored.store.tick().await.unwrap();
    }
    let all = restored.pull(16).await;
    assert_eq!(bodies(&all), ["1", "2", "3"]);
    restored.settle(&all, Resolution::Done).await;
    let (kinds, since, until) = (vec![], None, None);
    let select = Selection::Matching { states: vec![State::Done], kinds, since, until };
    let request = ReplayRequest { app: APP, select, dry_run: true, limit: 1_000, cursor: None };
    let replayed = restored.store.replay(request).await.unwrap();
    assert_eq!((replayed.count, replayed.cursor), (3, None));
}
