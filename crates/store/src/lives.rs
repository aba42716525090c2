//! Lives after the first, as the table `life` has them: which entry stands for an event now.
//!
//! An event is shown where its first life is, or the first that retention has left of it, with the
//! state of its latest: a replay moves nothing about in a list that somebody is paging through.

use std::collections::BTreeMap;

use model::{Seq, Timestamp};
use queue::Life;
use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::{sql, unsql};

/// What the table has of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) life: Life,
    /// When the event was first stated, by the wall clock.
    pub(crate) stated: Timestamp,
}

/// Reads three columns, beginning with that one; null if the entry is a first life.
pub(crate) fn later(row: &Row<'_>, at: usize) -> Result<Option<Later>> {
    let Some(first) = row.get::<_, Option<i64>>(at)? else { return Ok(None) };
    let life = Life { first: Seq(unsql(first)), number: row.get(at + 1)? };
    Ok(Some(Later { life, stated: Timestamp(row.get(at + 2)?) }))
}

/// What is on record of an entry; none: it is a first life, or there is no such entry.
pub(crate) fn of(db: &Connection, seq: Seq) -> Result<Option<Later>> {
    let select = "SELECT first, life, stated FROM life WHERE seq = ?1";
    let found = db.prepare_cached(select)?.query_row([sql(seq.0)], |row| later(row, 0));
    Ok(found.optional()?.flatten())
}

/// The entry of an event's latest life.
pub(crate) fn latest(db: &Connection, first: Seq) -> Result<Seq> {
    let select = "SELECT max(seq) FROM life WHERE first = ?1";
    let seq: Option<i64> = db.prepare_cached(select)?.query_row([sql(first.0)], |r| r.get(0))?;
    Ok(seq.map_or(first, |seq| Seq(unsql(seq))))
}

/// The later lives among those entries.
pub(crate) fn within(db: &Connection, from: Seq, to: Seq) -> Result<BTreeMap<Seq, Later>> {
    let select = "SELECT seq, first, life, stated FROM life WHERE seq >= ?1 AND seq < ?2";
    let mut statement = db.prepare_cached(select)?;
    let mut rows = statement.query((sql(from.0), sql(to.0)))?;
    let mut lives = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let seq = Seq(unsql(row.get(0)?));
        lives.extend(later(row, 1)?.map(|later| (seq, later)));
    }
    Ok(lives)
}

/// Writes down that an entry is a later life.
pub(crate) fn write(db: &Connection, seq: Seq, later: &Later) -> Result<()> {
    let row = (sql(seq.0), sql(later.life.first.0), later.life.number, later.stated.0);
    db.prepare_cached("INSERT INTO life VALUES (?1, ?2, ?3, ?4)")?.execute(row)?;
    Ok(())
}

/// Whether one of those entries is a life of an event that has an earlier one before them. Without
/// the later one the earlier would pass for the latest.
pub(crate) fn follow(db: &Connection, from: u64, to: u64) -> Result<bool> {
    let select = "SELECT EXISTS (
                      SELECT 1 FROM life AS late WHERE late.seq >= ?1 AND late.seq < ?2 AND (
                          EXISTS (SELECT 1 FROM entry WHERE seq = late.first AND seq < ?1)
                          OR EXISTS (SELECT 1 FROM life AS early
                                     WHERE early.first = late.first AND early.seq < ?1)))";
    db.prepare_cached(select)?.query_row([sql(from), sql(to)], |row| row.get(0))
}
