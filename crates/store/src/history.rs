//! Questions about events: their states, pages of them, one of them.
//!
//! A page is read backwards from its cursor and looks at a bounded number of rows, so that no
//! question, however rare its answer, holds a snapshot of the log for long.

use std::collections::HashMap;

use bytes::Bytes;
use model::{AppId, EventId, EventKind, FileId, Seq, Timestamp, limits};
use queue::{
    Attempt, BackendError, Block, EventDetail, EventPage, EventQuery, EventRow, Mark, Reason,
    State, Steady, ledger,
};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::lives::{self, Later};
use crate::pack::Unpacker;
use crate::shared::Shared;
use crate::{sql, unsql};

/// State and reason of an entry, wherever its block is; none if there is no such entry.
pub(crate) fn state(
    db: &Connection,
    shared: &Shared,
    seq: Seq,
) -> Result<Option<(State, Option<Reason>)>> {
    Blocks::default().state(db, shared, seq)
}

/// Blocks read for one question.
#[derive(Default)]
pub(crate) struct Blocks(HashMap<u64, Option<Block>>);

impl Blocks {
    pub(crate) fn state(
        &mut self,
        db: &Connection,
        shared: &Shared,
        seq: Seq,
    ) -> Result<Option<(State, Option<Reason>)>> {
        let engine = shared.engine();
        if engine.ledger.has(ledger::block_of(seq)) {
            return Ok(engine.state(seq));
        }
        drop(engine);
        let number = ledger::block_of(seq);
        let block = match self.0.entry(number) {
            std::collections::hash_map::Entry::Occupied(block) => block.into_mut(),
            std::collections::hash_map::Entry::Vacant(slot) => slot.insert(read_block(db, number)?),
        };
        Ok(block.as_ref().and_then(|block| block.mark(seq).closed()))
    }
}

fn read_block(db: &Connection, number: u64) -> Result<Option<Block>> {
    let select = "SELECT newest, marks FROM block WHERE no = ?1";
    let read =
        |row: &Row<'_>| Ok(Block::from_bytes(row.get_ref(1)?.as_blob()?, Steady(row.get(0)?)));
    Ok(db.prepare_cached(select)?.query_row([sql(number)], read).optional()?.flatten())
}

/// An entry as its table has it.
struct Found {
    seq: Seq,
    app: AppId,
    kind: Option<EventKind>,
    at: Timestamp,
    born: Steady,
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

    /// Whether this is where the event is shown.
    fn shows(&self, db: &Connection) -> Result<bool> {
        self.later.map_or(Ok(true), |later| {
            lives::has_earlier(db, self.seq, later.life.first).map(|has| !has)
        })
    }
}

const COLUMNS: &str = "entry.seq, app, kind, at, at + drift, mark, files, first, life, stated";
const TABLES: &str = "entry JOIN payload ON payload.seq = entry.seq
                      LEFT JOIN life ON life.seq = entry.seq";

fn found(row: &Row<'_>) -> Result<Found> {
    let mut files = Vec::new();
    let mut numbers = Unpacker::new(row.get_ref(6)?.as_blob()?);
    while let Some(file) = numbers.get() {
        files.push(FileId(file));
    }
    Ok(Found {
        seq: Seq(unsql(row.get(0)?)),
        app: AppId(unsql(row.get(1)?)),
        kind: EventKind::from_code(row.get(2)?),
        at: Timestamp(row.get(3)?),
        born: Steady(row.get(4)?),
        mark: Mark::from_code(row.get(5)?),
        files,
        later: lives::later(row, 7)?,
    })
}

/// A page of history.
pub(crate) async fn page(
    shared: &std::sync::Arc<Shared>,
    query: EventQuery,
) -> Result<EventPage, BackendError> {
    let before = match &query.cursor {
        Some(cursor) => Seq(cursor.parse().map_err(|_bad| BackendError::BadCursor)?),
        None => Seq(u64::MAX),
    };
    let asked = std::sync::Arc::clone(shared);
    shared.readers.read(move |db| scan(db, &asked, &query, before)).await
}

fn scan(db: &Connection, shared: &Shared, query: &EventQuery, before: Seq) -> Result<EventPage> {
    let select = format!(
        "SELECT {COLUMNS} FROM {TABLES}
         WHERE entry.seq < ?1 ORDER BY entry.seq DESC LIMIT ?2"
    );
    let budget = limits::HISTORY_SCAN_MAX;
    let mut statement = db.prepare_cached(&select)?;
    let mut rows = statement.query((sql(before.0), i64::try_from(budget).unwrap_or(i64::MAX)))?;
    let (mut page, mut blocks, mut seen) = (EventPage::default(), Blocks::default(), 0);
    let mut last = None;
    while let Some(row) = rows.next()? {
        let entry = found(row)?;
        seen += 1;
        last = Some(entry.seq);
        if is_before(&entry, query.since) {
            return Ok(page);
        }
        if let Some(event) = matching(db, shared, query, &mut blocks, entry)? {
            page.events.push(event);
        }
        if page.events.len() >= query.limit {
            break;
        }
    }
    let full = seen >= budget || page.events.len() >= query.limit;
    page.cursor = last.filter(|_| full).map(|seq| seq.to_string());
    Ok(page)
}

/// Whether this entry and all before it are older than that, by both clocks.
fn is_before(entry: &Found, since: Option<Timestamp>) -> bool {
    since.is_some_and(|since| entry.at < since && entry.born.0 < since.0)
}

fn matching(
    db: &Connection,
    shared: &Shared,
    query: &EventQuery,
    blocks: &mut Blocks,
    entry: Found,
) -> Result<Option<EventRow>> {
    let Some(kind) = entry.kind else { return Ok(None) };
    let wanted = entry.app == query.app
        && (query.kinds.is_empty() || query.kinds.contains(&kind))
        && query.file.is_none_or(|file| entry.files.contains(&file))
        && query.since.is_none_or(|since| entry.stated() >= since)
        && query.until.is_none_or(|until| entry.stated() < until);
    if !wanted || !entry.shows(db)? {
        return Ok(None);
    }
    let row = describe(db, shared, blocks, entry, kind)?;
    Ok((query.states.is_empty() || query.states.contains(&row.state)).then_some(row))
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
    let (id, created) = (shared.engine().event_id(first), entry.stated());
    Ok(EventRow { id, kind, state, reason, created, attempts, files: entry.files })
}

/// One event with its payload and attempts.
pub(crate) async fn event(
    shared: &std::sync::Arc<Shared>,
    app: AppId,
    id: EventId,
) -> Result<Option<EventDetail>, BackendError> {
    if !shared.engine().owns(id) {
        return Ok(None);
    }
    let asked = std::sync::Arc::clone(shared);
    shared.readers.read(move |db| detail(db, &asked, app, id.first_seq)).await
}

fn detail(db: &Connection, shared: &Shared, app: AppId, first: Seq) -> Result<Option<EventDetail>> {
    // no id is made of a later life's number
    if lives::of(db, first)?.is_some() {
        return Ok(None);
    }
    let seq = lives::latest(db, first)?;
    let select = format!("SELECT {COLUMNS}, body FROM {TABLES} WHERE entry.seq = ?1 AND app = ?2");
    let read = |row: &Row<'_>| Ok((found(row)?, Bytes::from(row.get::<_, Vec<u8>>(10)?)));
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
