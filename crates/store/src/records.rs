//! Reading records.

use bytes::Bytes;
use model::AppId;
use queue::{DueQuery, Record, RecordKey, RecordKind, RecordPage, RecordQuery};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::{sql, unsql};

/// The records with those keys, in the same order, as of one moment.
pub(crate) fn get(db: &Connection, keys: &[RecordKey]) -> Result<Vec<Option<Record>>> {
    let snapshot = db.unchecked_transaction()?;
    let select = "SELECT version, body FROM record WHERE kind = ?1 AND app = ?2 AND id = ?3";
    let mut statement = snapshot.prepare_cached(select)?;
    let mut one = |key: &RecordKey| {
        let row = (key.kind.code(), sql(key.app.0), &key.id);
        let read = |row: &Row<'_>| {
            let body = Bytes::from(row.get::<_, Vec<u8>>(1)?);
            Ok(Record { key: key.clone(), version: unsql(row.get(0)?), body })
        };
        statement.query_row(row, read).optional()
    };
    keys.iter().map(&mut one).collect()
}

/// A page of records.
pub(crate) fn find(db: &Connection, query: &RecordQuery) -> Result<RecordPage> {
    let (after_app, after_id) = match &query.after {
        Some(key) => (sql(key.app.0), key.id.as_str()),
        None => (-1, ""),
    };
    let (first, last) = match query.app {
        Some(app) => (sql(app.0), sql(app.0)),
        None => (0, i64::MAX),
    };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let kind = query.kind.code();
    let read = |row: &Row<'_>| record(query.kind, row);
    let mut records: Vec<Record> = if let Some(term) = &query.term {
        let select = "SELECT record.app, record.id, version, body FROM term
            JOIN record ON record.kind = term.kind AND record.app = term.app AND record.id = term.id
            WHERE term.kind = ?1 AND name = ?2 AND value = ?3 AND term.app BETWEEN ?4 AND ?5
            AND (term.app, term.id) > (?6, ?7) ORDER BY term.app, term.id LIMIT ?8";
        let terms = (kind, term.name, &term.value, first, last, after_app, after_id, limit);
        db.prepare_cached(select)?.query_map(terms, read)?.collect::<Result<_>>()?
    } else {
        let select = "SELECT app, id, version, body FROM record
            WHERE kind = ?1 AND app BETWEEN ?2 AND ?3
            AND (app, id) > (?4, ?5) ORDER BY app, id LIMIT ?6";
        let terms = (kind, first, last, after_app, after_id, limit);
        db.prepare_cached(select)?.query_map(terms, read)?.collect::<Result<_>>()?
    };
    let more = records.len() > query.limit;
    records.truncate(query.limit);
    Ok(RecordPage { records, more })
}

const DUE: &str = "SELECT record.app, record.id, version, body, value FROM term
    JOIN record ON record.kind = term.kind AND record.app = term.app AND record.id = term.id
    WHERE term.kind = ?1 AND name = ?2 AND value <= ?3
    AND (value, term.app, term.id) > (?4, ?5, ?6)
    ORDER BY value, term.app, term.id LIMIT ?7";

/// A page of records that are due.
pub(crate) fn due(db: &Connection, query: &DueQuery) -> Result<Vec<(String, Record)>> {
    let (value, app, id) = match &query.after {
        Some((value, key)) => (value.as_str(), sql(key.app.0), key.id.as_str()),
        None => ("", -1, ""),
    };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let terms = (query.kind.code(), query.term, &query.upto, value, app, id, limit);
    let read = |row: &Row<'_>| Ok((row.get(4)?, record(query.kind, row)?));
    db.prepare_cached(DUE)?.query_map(terms, read)?.collect()
}

fn record(kind: RecordKind, row: &Row<'_>) -> Result<Record> {
    let app = AppId(unsql(row.get(0)?));
    let key = RecordKey { kind, app, id: row.get(1)? };
    let body = Bytes::from(row.get::<_, Vec<u8>>(3)?);
    Ok(Record { key, version: unsql(row.get(2)?), body })
}

/// Objects that may still be on disk though nothing refers to them.
pub(crate) fn garbage(db: &Connection, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
    let select = "SELECT object FROM garbage WHERE object > ?1 ORDER BY object LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // no object has an empty name
    let row = (after.unwrap_or_default(), limit);
    db.prepare_cached(select)?.query_map(row, |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_found_without_a_look_at_what_is_not() {
        let mut db = Connection::open_in_memory().unwrap();
        crate::schema::create(&mut db).unwrap();
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {DUE}")).unwrap();
        let nothing = [None::<i64>; 7];
        let steps = plan.query_map(nothing, |row| row.get("detail")).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_>>().unwrap();
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{steps:?}");
        assert!(steps[0].contains("value<"), "{steps:?}");
    }
}
