//! Replays: which events are meant, and their new lives.
//!
//! What is meant is found by a reader, a bounded number of rows at a time; the writer then looks
//! again at each event that was found, so that two replays at once give it one new life. A payload is
//! copied to its new place: retention drops blocks, and no life needs the block of another.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use model::{AppId, ApplicationStatus, EventId, EventKind, FileId, Mode, Seq, Timestamp, limits};
use queue::{
    BackendError, Entry, Life, ReplayError, ReplayRequest, Replayed, Route, Selection, State,
    Steady,
};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::facts::{Append, Fact};
use crate::history::Blocks;
use crate::lives::{self, Later};
use crate::pack::Unpacker;
use crate::shared::Shared;
use crate::writer::Writer;
use crate::{sql, unsql};

/// Payload bytes that are copied in one transaction; one event may have more.
const COPY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The events that are meant, by their first lives.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) events: Vec<Seq>,
    pub(crate) cursor: Option<String>,
}

impl Chosen {
    /// What a dry run says of it.
    pub(crate) fn counted(self) -> Replayed {
        Replayed {
            count: u64::try_from(self.events.len()).unwrap_or(u64::MAX),
            cursor: self.cursor,
        }
    }
}

/// Whether an application's events can be replayed: somebody must be there to get them.
fn admit(shared: &Shared, app: AppId) -> Result<(), ReplayError> {
    let engine = shared.engine();
    let application = engine.application(app).map(|found| &found.application);
    let alive = application.filter(|found| found.status != ApplicationStatus::Destroyed);
    let config = &alive.ok_or(ReplayError::UnknownApplication(app))?.config;
    let nobody = config.mode == Mode::Push && config.notification_url.is_empty();
    if nobody { Err(ReplayError::NoAddress) } else { Ok(()) }
}

/// Finds the events that are meant and have no open life.
pub(crate) async fn choose(
    shared: &Arc<Shared>,
    request: &ReplayRequest,
) -> Result<Chosen, ReplayError> {
    admit(shared, request.app)?;
    let asked = Arc::clone(shared);
    let (app, limit) = (request.app, request.limit);
    match &request.select {
        Selection::Events(ids) => {
            let ids = ids.clone();
            shared.readers.read(move |db| named(db, &asked, app, &ids)).await?
        }
        Selection::Matching { states, kinds, since, until } => {
            let span = request.cursor.as_deref().map(span).transpose()?;
            let wanted = Wanted {
                app,
                states: states.clone(),
                kinds: kinds.clone(),
                since: *since,
                until: *until,
                limit,
            };
            Ok(shared.readers.read(move |db| matching(db, &asked, &wanted, span)).await?)
        }
    }
}

fn named(
    db: &Connection,
    shared: &Shared,
    app: AppId,
    ids: &[EventId],
) -> Result<Result<Chosen, ReplayError>> {
    let (mut chosen, mut seen, mut blocks) = (Chosen::default(), HashSet::new(), Blocks::default());
    for &event in ids {
        let first = event.first_seq;
        let latest = lives::latest(db, first)?;
        let found = shared.engine().owns(event)
            && lives::of(db, first)?.is_none()
            && owner(db, latest)? == Some(app);
        if !found {
            return Ok(Err(ReplayError::UnknownEvent { app, event }));
        }
        if seen.insert(first) && is_closed(db, shared, &mut blocks, latest)?.is_some() {
            chosen.events.push(first);
        }
    }
    Ok(Ok(chosen))
}

fn owner(db: &Connection, seq: Seq) -> Result<Option<AppId>> {
    let select = "SELECT app FROM entry WHERE seq = ?1";
    let app: Option<i64> =
        db.prepare_cached(select)?.query_row([sql(seq.0)], |row| row.get(0)).optional()?;
    Ok(app.map(|app| AppId(unsql(app))))
}

/// The state of an entry, if it is a final one.
fn is_closed(
    db: &Connection,
    shared: &Shared,
    blocks: &mut Blocks,
    seq: Seq,
) -> Result<Option<State>> {
    let state = blocks.state(db, shared, seq)?;
    Ok(state.map(|(state, _)| state).filter(|state| !state.is_open()))
}

/// What a selection asks for.
struct Wanted {
    app: AppId,
    states: Vec<State>,
    kinds: Vec<EventKind>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: usize,
}

/// Where a call begins, and where the row of calls ends: at what came after the first of them.
type Span = (Seq, Seq);

fn span(cursor: &str) -> Result<Span, BackendError> {
    let parse = || {
        let (from, end) = cursor.split_once('.')?;
        Some((Seq(from.parse().ok()?), Seq(end.parse().ok()?)))
    };
    parse().ok_or(BackendError::BadCursor)
}

/// An entry, without what it says.
struct Found {
    seq: Seq,
    app: AppId,
    kind: Option<EventKind>,
    at: Timestamp,
    born: Steady,
    later: Option<Later>,
}

fn found(row: &Row<'_>) -> Result<Found> {
    Ok(Found {
        seq: Seq(unsql(row.get(0)?)),
        app: AppId(unsql(row.get(1)?)),
        kind: EventKind::from_code(row.get(2)?),
        at: Timestamp(row.get(3)?),
        born: Steady(row.get(4)?),
        later: lives::later(row, 5)?,
    })
}

impl Found {
    /// Whether it, and all that was first stated after it, was stated at that time or later, by both
    /// clocks.
    fn is_past(&self, until: Option<Timestamp>) -> bool {
        self.later.is_none()
            && until.is_some_and(|until| self.at >= until && self.born.0 >= until.0)
    }
}

/// One call's share of the events that match, oldest first.
fn matching(
    db: &Connection,
    shared: &Shared,
    wanted: &Wanted,
    span: Option<Span>,
) -> Result<Chosen> {
    let (mut from, end) = match span {
        Some(span) => span,
        None => (start(db, wanted.since)?, Seq(ends(db)?.1.saturating_add(1))),
    };
    let select = "SELECT entry.seq, app, kind, at, at + drift, first, life, stated
                  FROM entry LEFT JOIN life ON life.seq = entry.seq
                  WHERE entry.seq >= ?1 AND entry.seq < ?2 ORDER BY entry.seq";
    let mut statement = db.prepare_cached(select)?;
    let (mut chosen, mut blocks, mut budget) =
        (Chosen::default(), Blocks::default(), limits::HISTORY_SCAN_MAX);
    loop {
        let mut past = None;
        let mut rows = statement.query((sql(from.0), sql(end.0)))?;
        while let Some(row) = rows.next()? {
            let entry = found(row)?;
            if budget == 0 || chosen.events.len() >= wanted.limit {
                chosen.cursor = Some(format!("{}.{end}", entry.seq));
                return Ok(chosen);
            }
            budget -= 1;
            if entry.is_past(wanted.until) {
                past = Some(entry.seq);
                break;
            }
            chosen.events.extend(meant(db, shared, wanted, (&entry, end), &mut blocks)?);
        }
        // what comes now was stated too late, but for events whose first lives are gone
        let Some(seq) = past else { return Ok(chosen) };
        let Some(next) = next_life(db, seq)? else { return Ok(chosen) };
        from = next;
    }
}

/// The event that is shown at this entry, if it is meant.
fn meant(
    db: &Connection,
    shared: &Shared,
    wanted: &Wanted,
    (entry, end): (&Found, Seq),
    blocks: &mut Blocks,
) -> Result<Option<Seq>> {
    let stated = entry.later.map_or(entry.at, |later| later.stated);
    let matches = entry.app == wanted.app
        && entry.kind.is_some_and(|kind| wanted.kinds.is_empty() || wanted.kinds.contains(&kind))
        && wanted.since.is_none_or(|since| stated >= since)
        && wanted.until.is_none_or(|until| stated < until);
    if !matches {
        return Ok(None);
    }
    let first = entry.later.map_or(entry.seq, |later| later.life.first);
    if entry.later.is_some() && lives::has_earlier(db, entry.seq, first)? {
        return Ok(None);
    }
    let latest = lives::latest(db, first)?;
    let state = is_closed(db, shared, blocks, latest)?;
    let chosen = latest < end
        && state.is_some_and(|state| wanted.states.is_empty() || wanted.states.contains(&state));
    Ok(chosen.then_some(first))
}

fn next_life(db: &Connection, after: Seq) -> Result<Option<Seq>> {
    let select = "SELECT min(seq) FROM life WHERE seq > ?1";
    let seq: Option<i64> = db.prepare_cached(select)?.query_row([sql(after.0)], |r| r.get(0))?;
    Ok(seq.map(|seq| Seq(unsql(seq))))
}

/// The first and the last entry that is kept.
fn ends(db: &Connection) -> Result<(u64, u64)> {
    let number = |select| -> Result<u64> {
        let seq: Option<i64> = db.prepare_cached(select)?.query_row([], |row| row.get(0))?;
        Ok(seq.map_or(0, unsql))
    };
    Ok((number("SELECT min(seq) FROM entry")?, number("SELECT max(seq) FROM entry")?))
}

/// The entry from which on events may have been stated at that time or later: found by halves, both
/// clocks counting as they do in a page of history.
fn start(db: &Connection, since: Option<Timestamp>) -> Result<Seq> {
    let (mut low, high) = ends(db)?;
    let Some(since) = since else { return Ok(Seq(low)) };
    let mut high = high.saturating_add(1);
    let select = "SELECT at, at + drift FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT 1";
    let mut statement = db.prepare_cached(select)?;
    while low < high {
        let middle = low.midpoint(high);
        let times = statement.query_row([sql(middle)], |row| Ok((row.get(0)?, row.get(1)?)));
        let before =
            times.optional()?.is_some_and(|(at, born): (i64, i64)| at < since.0 && born < since.0);
        if before { low = middle + 1 } else { high = middle }
    }
    Ok(Seq(low))
}

impl Writer {
    /// Gives events a new life, as many as one transaction takes: how many have one, and how many were
    /// looked at.
    pub(crate) fn replay(
        &mut self,
        app: AppId,
        events: &[Seq],
    ) -> Result<(u64, usize), ReplayError> {
        admit(&self.shared, app)?;
        // the reserve is not for new entries
        if self.shared.status.disk_full.load(Ordering::Acquire) {
            return Err(BackendError::DiskFull.into());
        }
        let read = self.new_lives(app, events);
        let (appends, seen) = read.map_err(|error| {
            self.shared.status.fail(&format!("reading events to replay: {error}"))
        })?;
        let count = u64::try_from(appends.len()).unwrap_or(u64::MAX);
        if !self.shared.engine().has_room(app, count, (0, 0)) {
            return Err(ReplayError::TooManyOpen(app));
        }
        let next = appends.last().map(|append| append.entry.seq.next());
        let facts: Vec<Fact> = appends.into_iter().map(Fact::Append).collect();
        if let Some(next) = next {
            self.transaction(&facts, |_| Ok(()))?;
            self.next = next;
            self.apply(facts);
        }
        Ok((count, seen))
    }

    fn new_lives(&self, app: AppId, events: &[Seq]) -> Result<(Vec<Append>, usize)> {
        let now = self.shared.clock.now();
        let born = self.shared.anchor.steady(now);
        let (mut appends, mut blocks) = (Vec::new(), Blocks::default());
        let (mut next, mut bytes) = (self.next, 0);
        for (index, &first) in events.iter().enumerate() {
            let latest = lives::latest(&self.db, first)?;
            if is_closed(&self.db, &self.shared, &mut blocks, latest)?.is_none() {
                continue;
            }
            let Some(old) = self.old_life(app, latest)? else { continue };
            if bytes > 0 && bytes + old.payload.len() > COPY_BYTES_MAX {
                return Ok((appends, index));
            }
            bytes += old.payload.len();
            let stated = old.later.map_or(old.at, |later| later.stated);
            let number = old.later.map_or(1, |later| later.life.number).saturating_add(1);
            appends.push(Append {
                app,
                entry: Entry::new(next, old.kind, born),
                later: Some(Later { life: Life { first, number }, stated }),
                route: Route::Ready,
                at: now.wall,
                born,
                files: old.files,
                payload: old.payload,
                dedupe: None,
            });
            next = next.next();
        }
        Ok((appends, events.len()))
    }

    fn old_life(&self, app: AppId, seq: Seq) -> Result<Option<OldLife>> {
        let select = "SELECT kind, at, files, body, first, life, stated
                      FROM entry JOIN payload ON payload.seq = entry.seq
                      LEFT JOIN life ON life.seq = entry.seq
                      WHERE entry.seq = ?1 AND app = ?2";
        let read = |row: &Row<'_>| {
            let Some(kind) = EventKind::from_code(row.get(0)?) else { return Ok(None) };
            let mut numbers = Unpacker::new(row.get_ref(2)?.as_blob()?);
            Ok(Some(OldLife {
                kind,
                at: Timestamp(row.get(1)?),
                files: std::iter::from_fn(|| numbers.get()).map(FileId).collect(),
                payload: Bytes::from(row.get::<_, Vec<u8>>(3)?),
                later: lives::later(row, 4)?,
            }))
        };
        let found = self.db.prepare_cached(select)?.query_row((sql(seq.0), sql(app.0)), read);
        Ok(found.optional()?.flatten())
    }
}

/// What a new life takes from the one before.
struct OldLife {
    kind: EventKind,
    at: Timestamp,
    files: Vec<FileId>,
    payload: Bytes,
    later: Option<Later>,
}
