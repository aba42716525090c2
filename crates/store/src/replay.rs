//! Replays: which events are meant, and their new lives.
//!
//! What is meant is found by a reader, a bounded number of rows at a time; the writer then looks
//! again at each event that was found, so that two replays at once give it one new life. A payload is
//! copied to its new place: retention drops blocks, and no life needs the block of another.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use model::{AppId, ApplicationStatus, EventId, EventKind, FileId, Mode, Seq, Timestamp};
use queue::{
    BackendError, Entry, Life, ReplayError, ReplayRequest, Replayed, Route, Selection, State,
};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::blocks::Blocks;
use crate::facts::{Append, Fact};
use crate::lives::{self, Later};
use crate::pack::Unpacker;
use crate::search::{Filter, Search};
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
    let (app, limit) = (request.app, request.limit);
    match &request.select {
        Selection::Events(ids) => {
            let ids = ids.clone();
            shared.look(move |db, shared| named(db, shared, app, &ids)).await?
        }
        Selection::Matching { states, kinds, since, until } => {
            let span = request.cursor.as_deref().map(span).transpose()?;
            let (kinds, since, until) = (kinds.clone(), *since, *until);
            let ended = [State::Done, State::Dead, State::Ignored];
            let states = if states.is_empty() { ended.to_vec() } else { states.clone() };
            let filter = Filter { app, states, kinds, file: None, since, until };
            Ok(shared.look(move |db, shared| matching(db, shared, &filter, limit, span)).await?)
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

/// Where a call begins, and where the row of calls ends: at what came after the first of them.
type Span = (Seq, Seq);

fn span(cursor: &str) -> Result<Span, BackendError> {
    let parse = || {
        let (from, end) = cursor.split_once('.')?;
        Some((Seq(from.parse().ok()?), Seq(end.parse().ok()?)))
    };
    parse().ok_or(BackendError::BadCursor)
}

/// One call's share of the events that match, oldest first.
fn matching(
    db: &Connection,
    shared: &Shared,
    filter: &Filter,
    limit: usize,
    span: Option<Span>,
) -> Result<Chosen> {
    let mut search = Search::new(db, shared, filter)?;
    let (mut from, end) = span.unwrap_or((Seq(0), search.end));
    let mut chosen = Chosen::default();
    while let Some(found) = search.after(from, end)? {
        for seq in found.entries() {
            if chosen.events.len() >= limit {
                chosen.cursor = Some(format!("{seq}.{end}"));
                return Ok(chosen);
            }
            chosen.events.extend(meant(&mut search, seq, end)?);
        }
        from = found.to;
        if search.is_spent() {
            chosen.cursor = Some(format!("{from}.{end}"));
            return Ok(chosen);
        }
    }
    Ok(chosen)
}

/// The event that is shown at an entry, unless it has a life that is open, or one that began after
/// this row of calls.
fn meant(search: &mut Search<'_>, seq: Seq, end: Seq) -> Result<Option<Seq>> {
    let (db, shared) = (search.db, search.shared);
    let first = lives::of(db, seq)?.map_or(seq, |later| later.life.first);
    let latest = lives::latest(db, first)?;
    let state = is_closed(db, shared, &mut search.blocks, latest)?;
    let chosen = latest < end && state.is_some_and(|state| search.filter.wants_state(state));
    Ok(chosen.then_some(first))
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
