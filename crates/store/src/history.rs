//! Questions about events: their states, pages of them, one of them.
//!
//! What is on a page is found by a [`Search`], which looks at no more than it may: a page may be short.

use std::sync::Arc;

use bytes::Bytes;
use model::{AppId, EventId, EventKind, FileId, Seq, Timestamp};
use queue::{Attempt, BackendError, EventDetail, EventPage, EventQuery, EventRow, Mark, State};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::blocks::Blocks;
use crate::lives::{self, Later};
use crate::pack::Unpacker;
use crate::search::{Filter, Search};
use crate::shared::Shared;
use crate::{sql, unsql};

/// An entry as its table has it.
struct Found {
    seq: Seq,
    app: AppId,
    kind: Option<EventKind>,
    at: Timestamp,
    mark: Mark,
    files: Vec<FileId>,
    later: Option<Later>,
}

impl Found {
    /// The entry of the event's first life.
    fn first(&self) -> Seq {
        self.later.map_or(self.seq, |later| later.life.first)
    }

    /// When the event was stated.
    fn stated(&self) -> Timestamp {
        self.later.map_or(self.at, |later| later.stated)
    }
}

const COLUMNS: &str = "entry.seq, app, kind, at, mark, files, first, life, stated";
const TABLES: &str = "entry LEFT JOIN life ON life.seq = entry.seq";

fn found(row: &Row<'_>) -> Result<Found> {
    let mut files = Vec::new();
    let mut numbers = Unpacker::new(row.get_ref(5)?.as_blob()?);
    while let Some(file) = numbers.get() {
        files.push(FileId(file));
    }
    Ok(Found {
        seq: Seq(unsql(row.get(0)?)),
        app: AppId(unsql(row.get(1)?)),
        kind: EventKind::from_code(row.get(2)?),
        at: Timestamp(row.get(3)?),
        mark: Mark::from_code(row.get(4)?),
        files,
        later: lives::later(row, 6)?,
    })
}

/// A page of history.
pub(crate) async fn page(
    shared: &Arc<Shared>,
    query: EventQuery,
) -> Result<EventPage, BackendError> {
    let before = match &query.cursor {
        Some(cursor) => Seq(cursor.parse().map_err(|_bad| BackendError::BadCursor)?),
        None => Seq(u64::MAX),
    };
    let EventQuery { app, states, kinds, file, since, until, limit, .. } = query;
    let filter = Filter { app, states, kinds, file, since, until };
    shared.look(move |db, shared| find(db, shared, &filter, before, limit)).await
}

fn find(
    db: &Connection,
    shared: &Shared,
    filter: &Filter,
    mut before: Seq,
    limit: usize,
) -> Result<EventPage> {
    let mut search = Search::new(db, shared, filter)?;
    let mut page = EventPage::default();
    while let Some(found) = search.before(before)? {
        for seq in found.entries().rev() {
            if page.events.len() >= limit {
                page.cursor = Some(before.to_string());
                return Ok(page);
            }
            before = seq;
            page.events.extend(matching(&mut search, seq)?);
        }
        before = found.from;
        if search.is_spent() || page.events.len() >= limit {
            page.cursor = Some(before.to_string());
            return Ok(page);
        }
    }
    Ok(page)
}

/// The event that is shown at an entry, if it is what was asked for.
fn matching(search: &mut Search<'_>, seq: Seq) -> Result<Option<EventRow>> {
    let select = format!("SELECT {COLUMNS} FROM {TABLES} WHERE entry.seq = ?1");
    let found = search.db.prepare_cached(&select)?.query_row([sql(seq.0)], found).optional()?;
    let filter = search.filter;
    let Some((entry, kind)) = found.and_then(|entry| entry.kind.map(|kind| (entry, kind))) else {
        return Ok(None);
    };
    // that of a file may be another one's hash
    let wanted = entry.app == filter.app
        && filter.wants(kind, entry.stated())
        && filter.file.is_none_or(|file| entry.files.contains(&file));
    if !wanted {
        return Ok(None);
    }
    let row = describe(search.db, search.shared, &mut search.blocks, entry, kind)?;
    Ok(filter.wants_state(row.state).then_some(row))
}

fn describe(
    db: &Connection,
    shared: &Shared,
    blocks: &mut Blocks,
    entry: Found,
    kind: EventKind,
) -> Result<EventRow> {
    // an entry that was committed this very moment is in the table before it is in the engine
    let (first, latest) = (entry.first(), lives::latest(db, entry.first())?);
    let mark = if latest == entry.seq { entry.mark } else { Mark::Open };
    let fresh = || mark.closed().unwrap_or((State::Ready, None));
    let (state, reason) = blocks.state(db, shared, latest)?.unwrap_or_else(fresh);
    let count = "SELECT count(*) FROM attempt WHERE seq = ?1";
    let attempts = db.prepare_cached(count)?.query_row([sql(latest.0)], |row| row.get(0))?;
    let replays = match entry.later {
        _ if latest == first => 0,
        Some(later) if latest == entry.seq => later.life.replays(),
        _ => lives::of(db, latest)?.map_or(0, |later| later.life.replays()),
    };
    let (id, created) = (shared.engine().event_id(first), entry.stated());
    Ok(EventRow { id, kind, state, reason, created, attempts, replays, files: entry.files })
}

/// One event with its payload and attempts.
pub(crate) async fn event(
    shared: &Arc<Shared>,
    app: AppId,
    id: EventId,
) -> Result<Option<EventDetail>, BackendError> {
    if !shared.engine().owns(id) {
        return Ok(None);
    }
    shared.look(move |db, shared| detail(db, shared, app, id.first_seq)).await
}

fn detail(db: &Connection, shared: &Shared, app: AppId, first: Seq) -> Result<Option<EventDetail>> {
    // no id is made of a later life's number
    if lives::of(db, first)?.is_some() {
        return Ok(None);
    }
    let seq = lives::latest(db, first)?;
    let select = format!(
        "SELECT {COLUMNS}, body FROM {TABLES} JOIN payload ON payload.seq = entry.seq
         WHERE entry.seq = ?1 AND app = ?2"
    );
    let read = |row: &Row<'_>| Ok((found(row)?, Bytes::from(row.get::<_, Vec<u8>>(9)?)));
    let row = db.prepare_cached(&select)?.query_row((sql(seq.0), sql(app.0)), read).optional()?;
    let Some((entry, payload)) = row else { return Ok(None) };
    let Some(kind) = entry.kind else { return Ok(None) };
    let row = describe(db, shared, &mut Blocks::default(), entry, kind)?;
    Ok(Some(EventDetail { row, payload, attempts: attempts(db, first)? }))
}

/// The attempts of all lives.
fn attempts(db: &Connection, first: Seq) -> Result<Vec<Attempt>> {
    let select = "SELECT at, url, status, duration_ms, error, body FROM attempt
                  WHERE seq = ?1 OR seq IN (SELECT seq FROM life WHERE first = ?1)
                  ORDER BY n";
    let mut statement = db.prepare_cached(select)?;
    let rows = statement.query_map([sql(first.0)], |row| {
        Ok(Attempt {
            at: Timestamp(row.get(0)?),
            url: row.get(1)?,
            status: row.get(2)?,
            duration_ms: unsql(row.get(3)?),
            error: row.get(4)?,
            body: Bytes::from(row.get::<_, Vec<u8>>(5)?),
        })
    })?;
    rows.collect()
}
