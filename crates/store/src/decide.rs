//! Decides what a command comes to, before anything of it is written: preconditions, routes,
//! repeated EventKeys, claims. Reads through the writer's own connection, so that it sees what the
//! commands before it in the same group have written.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use model::{AppId, Application, NewEvent, Seq, limits};
use queue::{
    BackendError, Commit, CommitError, Entry, Mark, Published, Reason, RecordKey, RecordKind,
    Resolution, Route, Settled, Settlement, State, Steady, Term,
};
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest as _, Sha256};

use crate::facts::{Append, Digest, Fact};
use crate::shared::Shared;
use crate::{blocks, listings, lives, sql, unsql};

/// What the commands of a group before this one will have done once it is committed.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The next number of the log.
    pub(crate) next: Seq,
    /// Open entries on the way, by application and in all.
    open: HashMap<AppId, u64>,
    open_total: u64,
    /// Where this group's events go.
    routes: HashMap<Seq, Route>,
}

impl Pending {
    pub(crate) fn new(next: Seq) -> Self {
        Self { next, open: HashMap::new(), open_total: 0, routes: HashMap::new() }
    }
}

/// Why a command comes to nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// By its own fault; the group goes on.
    Commit(CommitError),
    /// The tables could not be read.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Decides a commit: its facts, and the answer once they stand.
pub(crate) fn commit(
    db: &Connection,
    shared: &Shared,
    pending: &mut Pending,
    commit: &Commit,
) -> Result<(Vec<Fact>, Vec<Published>), Refusal> {
    for (key, expected) in &commit.expect {
        if version(db, key)? != *expected {
            return Err(Refusal::Commit(CommitError::Conflict(key.clone())));
        }
    }
    for (kind, app, term) in &commit.vacant {
        if let Some(key) = occupant(db, *kind, *app, term)? {
            return Err(Refusal::Commit(CommitError::Conflict(key)));
        }
    }
    let mut facts = Vec::with_capacity(commit.events.len() + commit.put.len());
    let mut configured = HashMap::new();
    for put in &commit.put {
        let before = version(db, &put.key)?;
        let version = before.unwrap_or(0) + 1;
        let was = if before.is_some() { listed(db, &put.key)? } else { None };
        let (key, body) = (put.key.clone(), put.body.clone());
        if key.kind == RecordKind::Application {
            let application = Arc::new(parse_application(&key, &body)?);
            configured.insert(application.id, Arc::clone(&application));
            if shared.engine().hastens(&application) {
                facts.push(Fact::Hasten(application.id));
            }
            facts.push(Fact::Configure { application, version });
        }
        let (terms, listing) = (put.terms.clone(), put.listing.clone().map(Box::new));
        facts.push(Fact::Put { key, version, body, terms, was, listing });
    }
    for key in &commit.delete {
        facts.push(Fact::Delete { key: key.clone(), was: listed(db, key)? });
    }
    facts.extend(commit.garbage.iter().cloned().map(Fact::Garbage));
    facts.extend(commit.swept.iter().cloned().map(Fact::Swept));
    let published = events(db, shared, pending, (&commit.events, &configured), &mut facts)?;
    Ok((facts, published))
}

fn parse_application(key: &RecordKey, body: &Bytes) -> Result<Application, Refusal> {
    let bad = |why: String| Refusal::Commit(CommitError::BadApplication(why));
    let application: Application = serde_json::from_slice(body).map_err(|e| bad(e.to_string()))?;
    if *key == RecordKey::application(application.id) {
        Ok(application)
    } else {
        Err(bad(format!("{key:?} holds application {}", application.id)))
    }
}

type Configurations = HashMap<AppId, Arc<Application>>;

fn events(
    db: &Connection,
    shared: &Shared,
    pending: &mut Pending,
    (events, configured): (&[NewEvent], &Configurations),
    facts: &mut Vec<Fact>,
) -> Result<Vec<Published>, Refusal> {
    let now = shared.clock.now();
    let born = shared.anchor.steady(now);
    let mut keys: HashMap<(AppId, Digest), (Seq, Digest)> = HashMap::new();
    let mut appends: Vec<Append> = Vec::with_capacity(events.len());
    let mut published = Vec::with_capacity(events.len());
    let mut next = pending.next;
    for (index, event) in events.iter().enumerate() {
        let dedupe = event.key.as_ref().map(|key| digests(key, event));
        if let Some((key, body)) = dedupe {
            let here = keys.get(&(event.app, key)).copied();
            let before = here.map_or_else(|| known_key(db, event.app, &key, born), |k| Ok(Some(k)));
            if let Some((seq, earlier)) = before? {
                if earlier != body {
                    return Err(Refusal::Commit(CommitError::EventKeyReused(index)));
                }
                let route = appends.iter().find(|a| a.entry.seq == seq).map(|a| a.route);
                let route = route.or_else(|| pending.routes.get(&seq).copied());
                published.push(earlier_event(db, shared, seq, route)?);
                continue;
            }
            keys.insert((event.app, key), (next, body));
        }
        let route = route(shared, configured, event)?;
        let entry = Entry::new(next, event.kind, born);
        let (files, payload) = (event.files.clone(), event.payload.clone());
        let (app, at) = (event.app, now.wall);
        published.push(publish(shared, next, route));
        let later = None;
        appends.push(Append { app, entry, later, route, at, born, files, payload, dedupe });
        next = next.next();
    }
    admit(shared, pending, &appends)?;
    pending.next = next;
    facts.extend(appends.into_iter().map(Fact::Append));
    Ok(published)
}

fn route(shared: &Shared, new: &Configurations, event: &NewEvent) -> Result<Route, Refusal> {
    let route = if let Some(application) = new.get(&event.app) {
        Route::of(application, event.kind)
    } else {
        let engine = shared.engine();
        let configured = engine.application(event.app);
        configured.and_then(|found| Route::of(&found.application, event.kind))
    };
    route.ok_or(Refusal::Commit(CommitError::UnknownApplication(event.app)))
}

/// Checks the limits on open entries and books the new ones.
fn admit(shared: &Shared, pending: &mut Pending, appends: &[Append]) -> Result<(), Refusal> {
    let mut more: HashMap<AppId, u64> = HashMap::new();
    for append in appends.iter().filter(|append| append.route == Route::Ready) {
        *more.entry(append.app).or_default() += 1;
    }
    let engine = shared.engine();
    let mut total = pending.open_total;
    for (app, more) in &more {
        let booked = (pending.open.get(app).copied().unwrap_or(0), total);
        if !engine.has_room(*app, *more, booked) {
            return Err(Refusal::Commit(CommitError::TooManyOpen(*app)));
        }
        total += more;
    }
    drop(engine);
    for (app, more) in more {
        *pending.open.entry(app).or_default() += more;
        pending.open_total += more;
    }
    pending.routes.extend(appends.iter().map(|append| (append.entry.seq, append.route)));
    Ok(())
}

fn publish(shared: &Shared, seq: Seq, route: Route) -> Published {
    let id = shared.engine().event_id(seq);
    match route {
        Route::Ready => Published { id, state: State::Ready, reason: None },
        Route::Ignored(reason) => {
            Published { id, state: State::Ignored, reason: Some(reason.into()) }
        }
    }
}

fn earlier_event(
    db: &Connection,
    shared: &Shared,
    seq: Seq,
    pending: Option<Route>,
) -> Result<Published, Refusal> {
    if let Some(route) = pending {
        return Ok(publish(shared, seq, route));
    }
    let latest = lives::latest(db, seq)?;
    let (state, reason) = blocks::state(db, shared, latest)?.unwrap_or((State::Done, None));
    Ok(Published { id: shared.engine().event_id(seq), state, reason })
}

fn digests(key: &str, event: &NewEvent) -> (Digest, Digest) {
    let body = Sha256::new().chain_update([event.kind.code()]).chain_update(&event.payload);
    (half(Sha256::digest(key)), half(body.finalize()))
}

fn half(digest: impl AsRef<[u8]>) -> Digest {
    let mut half = Digest::default();
    half.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    half
}

fn known_key(
    db: &Connection,
    app: AppId,
    key: &Digest,
    now: Steady,
) -> rusqlite::Result<Option<(Seq, Digest)>> {
    let select = "SELECT seq, body FROM dedupe WHERE app = ?1 AND key = ?2 AND born > ?3";
    let oldest = now.minus_ms(limits::EVENT_KEY_MS);
    db.prepare_cached(select)?
        .query_row((sql(app.0), key, oldest.0), |row| {
            Ok((Seq(unsql(row.get(0)?)), half(row.get_ref(1)?.as_blob()?)))
        })
        .optional()
}

fn version(db: &Connection, key: &RecordKey) -> rusqlite::Result<Option<u64>> {
    let select = "SELECT version FROM record WHERE kind = ?1 AND app = ?2 AND id = ?3";
    let row = (key.kind.code(), sql(key.app.0), &key.id);
    let version: Option<i64> =
        db.prepare_cached(select)?.query_row(row, |row| row.get(0)).optional()?;
    Ok(version.map(unsql))
}

/// When a record is listed; none: it is not.
fn listed(db: &Connection, key: &RecordKey) -> rusqlite::Result<Option<i64>> {
    if key.kind.is_listed() { listings::time(db, key) } else { Ok(None) }
}

/// A record that has a term.
fn occupant(
    db: &Connection,
    kind: RecordKind,
    app: AppId,
    term: &Term,
) -> rusqlite::Result<Option<RecordKey>> {
    let select =
        "SELECT id FROM term WHERE kind = ?1 AND name = ?2 AND value = ?3 AND app = ?4 LIMIT 1";
    let row = (kind.code(), term.name, &term.value, sql(app.0));
    let id: Option<String> =
        db.prepare_cached(select)?.query_row(row, |row| row.get(0)).optional()?;
    Ok(id.map(|id| RecordKey { kind, app, id }))
}

/// Decides settlements: claims each lease that is current.
pub(crate) fn settle(
    db: &Connection,
    shared: &Shared,
    settlements: &[Settlement],
) -> rusqlite::Result<(Vec<Fact>, Vec<Settled>, Vec<Seq>)> {
    let now = shared.steady();
    let boot = shared.engine().boot();
    let latest = settlements.iter().map(|settlement| {
        let (of_before, first) = (settlement.handle.boot < boot, settlement.handle.event.first_seq);
        if of_before { lives::latest(db, first) } else { Ok(first) }
    });
    let latest = latest.collect::<rusqlite::Result<Vec<Seq>>>()?;
    let (mut facts, mut claimed, mut returned) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut engine = shared.engine();
    let mut one = |(settlement, latest): (&Settlement, Seq)| {
        let resolution = settlement.resolution;
        let seq = engine.entry_of(settlement.handle.event);
        if resolution == Resolution::Return {
            if !engine.give_back(settlement.handle) {
                return Settled::Stale;
            }
            returned.insert(settlement.app);
            return Settled::Accepted;
        }
        let settled = engine.claim(settlement.app, settlement.handle, latest, now);
        let (Settled::Accepted, Some(entry)) = (settled, engine.held(seq)) else { return settled };
        claimed.push(seq);
        if let Some(attempt) = &settlement.attempt {
            facts.push(Fact::Attempt { seq, attempt: attempt.clone() });
        }
        // it may have been made before the change whose retries were made due, and settled after it
        let outdated = engine.is_outdated(settlement.app, settlement.handle);
        facts.push(match resolution {
            Resolution::Dead(Reason::Exhausted) | Resolution::Retry { .. } if outdated => {
                Fact::Delay { entry: entry.tried(now), due: now }
            }
            Resolution::Done | Resolution::Return => Fact::Close { seq, mark: Mark::Done },
            Resolution::Dead(reason) => Fact::Close { seq, mark: Mark::Closed(reason) },
            Resolution::Retry { after_ms } => {
                Fact::Delay { entry: entry.tried(now), due: now.plus_ms(after_ms) }
            }
        });
        Settled::Accepted
    };
    let answers = settlements.iter().zip(latest).map(&mut one).collect();
    drop(engine);
    shared.wake(&returned);
    Ok((facts, answers, claimed))
}

/// The error a caller gets for a refusal, once SQLite's share of it has been dealt with.
pub(crate) fn refused(error: BackendError) -> CommitError {
    CommitError::Backend(error)
}
