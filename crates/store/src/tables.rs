//! Writes facts to the tables. No decisions here.

use model::FileId;
use queue::{Mark, RecordKey, Route, Term};
use rusqlite::{Connection, Result};

use crate::facts::{Append, Fact};
use crate::listings;
use crate::lives;
use crate::pack::Packer;
use crate::{sql, unsql};

/// Writes one fact. Settlements are collected, to be written as one row with [`write_settle`].
pub(crate) fn write(db: &Connection, fact: &Fact, settle: &mut Packer) -> Result<()> {
    match fact {
        Fact::Append(append) => write_append(db, append),
        Fact::Close { seq, mark } => {
            settle.put(seq.0).put(u64::from(mark.code()));
            Ok(())
        }
        Fact::Delay { entry, due } => {
            let first = entry.first_attempt().map_or(0, |at| unsql(at.0));
            settle.put(entry.seq.0).put(u64::from(Mark::Open.code()));
            settle.put(u64::from(entry.attempts)).put(first).put(unsql(due.0));
            Ok(())
        }
        Fact::Attempt { seq, attempt } => {
            let insert = "INSERT INTO attempt (seq, at, url, status, duration_ms, error, body)
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            db.prepare_cached(insert)?.execute((
                sql(seq.0),
                attempt.at.0,
                &attempt.url,
                attempt.status,
                sql(attempt.duration_ms),
                &attempt.error,
                attempt.body.as_ref(),
            ))?;
            Ok(())
        }
        Fact::Put { key, version, body, terms, was, listing } => {
            write_record(db, key, *version, body, terms)?;
            match (listing, was) {
                (Some(listing), _) => listings::put(db, key, listing),
                (None, Some(_)) => listings::delete(db, key),
                (None, None) => Ok(()),
            }
        }
        Fact::Configure { .. } => Ok(()),
        Fact::Hasten(app) => {
            // no entry has the number 0
            settle.put(0).put(app.0);
            Ok(())
        }
        Fact::Delete { key, was } => {
            delete_terms(db, key)?;
            if was.is_some() {
                listings::delete(db, key)?;
            }
            let delete = "DELETE FROM record WHERE kind = ?1 AND app = ?2 AND id = ?3";
            db.prepare_cached(delete)?.execute((key.kind.code(), sql(key.app.0), &key.id))?;
            Ok(())
        }
        Fact::Garbage(object) => {
            db.prepare_cached("INSERT OR IGNORE INTO garbage VALUES (?1)")?.execute([object])?;
            Ok(())
        }
        Fact::Swept(object) => {
            db.prepare_cached("DELETE FROM garbage WHERE object = ?1")?.execute([object])?;
            Ok(())
        }
    }
}

fn write_append(db: &Connection, append: &Append) -> Result<()> {
    let entry = append.entry;
    let mark = match append.route {
        Route::Ready => Mark::Open,
        Route::Ignored(reason) => Mark::Closed(reason.into()),
    };
    db.prepare_cached("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute((
        sql(entry.seq.0),
        sql(append.app.0),
        entry.kind.code(),
        append.at.0,
        append.born.0 - append.at.0,
        mark.code(),
        pack_files(&append.files).bytes(),
    ))?;
    let row = (sql(entry.seq.0), append.payload.as_ref());
    db.prepare_cached("INSERT INTO payload VALUES (?1, ?2)")?.execute(row)?;
    if let Some(later) = &append.later {
        lives::write(db, entry.seq, later)?;
    }
    if let Some((key, body)) = &append.dedupe {
        // a new row, not the old one changed: the rows are forgotten in their order
        let insert = "INSERT OR REPLACE INTO dedupe (app, key, body, seq, born)
                      VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = (sql(append.app.0), key, body, sql(entry.seq.0), append.born.0);
        db.prepare_cached(insert)?.execute(row)?;
    }
    Ok(())
}

/// The files of an event as the table keeps them.
fn pack_files(files: &[FileId]) -> Packer {
    let mut packer = Packer::default();
    for file in files {
        packer.put(file.0);
    }
    packer
}

fn write_record(
    db: &Connection,
    key: &RecordKey,
    version: u64,
    body: &[u8],
    terms: &[Term],
) -> Result<()> {
    let (kind, app) = (key.kind.code(), sql(key.app.0));
    let insert = "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5)
                  ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body";
    db.prepare_cached(insert)?.execute((kind, app, &key.id, sql(version), body))?;
    delete_terms(db, key)?;
    for term in terms {
        let insert = "INSERT OR IGNORE INTO term VALUES (?1, ?2, ?3, ?4, ?5)";
        db.prepare_cached(insert)?.execute((kind, term.name, &term.value, app, &key.id))?;
    }
    Ok(())
}

fn delete_terms(db: &Connection, key: &RecordKey) -> Result<()> {
    let delete = "DELETE FROM term WHERE kind = ?1 AND app = ?2 AND id = ?3";
    db.prepare_cached(delete)?.execute((key.kind.code(), sql(key.app.0), &key.id))?;
    Ok(())
}

/// Writes the settlements of a group as one row.
pub(crate) fn write_settle(db: &Connection, n: u64, settle: &Packer) -> Result<()> {
    db.prepare_cached("INSERT INTO settle VALUES (?1, ?2)")?.execute((sql(n), settle.bytes()))?;
    Ok(())
}
