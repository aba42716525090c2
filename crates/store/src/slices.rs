//! Slices: what a full block of 16,384 entries says to whoever searches the history.
//!
//! A block that is full is never appended to again, so its index is built in one go, sorted, by a
//! reader beside the writer; the hot path knows nothing of it. Every key begins with the block's
//! number: rows are only ever appended, and retention removes a block's with one contiguous delete.
//! What is not in a slice yet is scanned.
//!
//! Deliberately absent: states, which change after a block is full (the marks of the block have
//! them), and later lives, which are shown where they are only when the earlier ones are gone (the
//! table `life` has them; a slice only tells whether there are any).

use std::collections::BTreeMap;

use model::{AppId, EventKind, FileId, Seq, limits};
use queue::{BackendError, ledger};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::offsets::Offsets;
use crate::pack::Unpacker;
use crate::writer::Writer;
use crate::{sql, unsql};

/// The index of one full block, on its way to disk.
#[derive(Debug)]
pub(crate) struct Slice {
    number: u64,
    /// When the first of its first lives was stated, and the last (wall clock).
    oldest: i64,
    newest: i64,
    /// The first block that has an earlier life of one of its later lives.
    earliest: Option<u64>,
    /// Places of first lives by application and kind.
    parts: BTreeMap<(u64, u8), Vec<u16>>,
    /// Bucket, rest of the file's hash, place.
    files: Vec<(u8, u16, u16)>,
}

/// What is known of a slice before any of it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) number: u64,
    pub(crate) oldest: i64,
    pub(crate) newest: i64,
    pub(crate) earliest: Option<u64>,
}

/// Reads four columns.
pub(crate) fn head(row: &Row<'_>) -> Result<Head> {
    Ok(Head {
        number: unsql(row.get(0)?),
        oldest: row.get(1)?,
        newest: row.get(2)?,
        earliest: row.get::<_, Option<i64>>(3)?.map(unsql),
    })
}

/// The first block that may not have a slice yet. Blocks before it without one are going.
pub(crate) fn tail(db: &Connection) -> Result<u64> {
    let select = "SELECT max(no) FROM slice";
    let last: Option<i64> = db.prepare_cached(select)?.query_row([], |row| row.get(0))?;
    Ok(last.map_or(0, |last| unsql(last) + 1))
}

/// Whether a block has a slice.
pub(crate) fn is_there(db: &Connection, number: u64) -> Result<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM slice WHERE no = ?1)";
    db.prepare_cached(select)?.query_row([sql(number)], |row| row.get(0))
}

/// The hash that files are found by: where its row is, and what tells it from most in that row.
fn hash(file: FileId) -> (u8, u16) {
    // FileIds of one server differ in few bits: multiply, and take the high ones
    let mixed = (file.0 ^ (file.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [high, middle, low, ..] = mixed.to_be_bytes();
    (high, u16::from_be_bytes([middle, low]))
}

/// The number of a row of files.
fn files_id(number: u64, bucket: u8) -> i64 {
    sql(number * 256 + u64::from(bucket))
}

/// Builds the slice of the oldest block that is full and has none.
pub(crate) fn build(db: &Connection) -> Result<Option<Slice>> {
    let db = db.unchecked_transaction()?;
    let from = tail(&db)? * limits::BLOCK_ENTRIES;
    let ends = "SELECT min(seq), max(seq) FROM entry WHERE seq >= ?1";
    let (first, last): (Option<i64>, Option<i64>) =
        db.prepare_cached(ends)?.query_row([sql(from)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let number = ledger::block_of(Seq(unsql(first)));
    if ledger::block_of(Seq(unsql(last))) == number {
        return Ok(None);
    }
    let (oldest, newest) = (i64::MAX, i64::MIN);
    let (earliest, parts, files) = (None, BTreeMap::new(), Vec::new());
    let mut slice = Slice { number, oldest, newest, earliest, parts, files };
    let range = (sql(number * limits::BLOCK_ENTRIES), sql((number + 1) * limits::BLOCK_ENTRIES));
    let lives = "SELECT seq, first FROM life WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";
    let mut statement = db.prepare_cached(lives)?;
    let lives = statement.query_map(range, |row| Ok((row.get(0)?, unsql(row.get(1)?))));
    let lives: BTreeMap<i64, u64> = lives?.collect::<Result<_>>()?;
    slice.earliest = lives.values().map(|first| ledger::block_of(Seq(*first))).min();
    let entries = "SELECT seq, app, kind, at, files FROM entry WHERE seq >= ?1 AND seq < ?2
                   ORDER BY seq";
    let mut statement = db.prepare_cached(entries)?;
    let mut rows = statement.query(range)?;
    while let Some(row) = rows.next()? {
        if lives.is_empty() || !lives.contains_key(&row.get(0)?) {
            slice.add(row)?;
        }
    }
    slice.files.sort_unstable();
    slice.files.dedup();
    Ok(Some(slice))
}

impl Slice {
    fn add(&mut self, row: &Row<'_>) -> Result<()> {
        let place = unsql(row.get(0)?) % limits::BLOCK_ENTRIES;
        let place = u16::try_from(place).unwrap_or_default();
        let at = row.get(3)?;
        (self.oldest, self.newest) = (self.oldest.min(at), self.newest.max(at));
        self.parts.entry((unsql(row.get(1)?), row.get(2)?)).or_default().push(place);
        let mut files = Unpacker::new(row.get_ref(4)?.as_blob()?);
        while let Some(file) = files.get() {
            let (bucket, rest) = hash(FileId(file));
            self.files.push((bucket, rest, place));
        }
        Ok(())
    }

    fn write(&self, db: &Connection) -> Result<()> {
        let number = sql(self.number);
        let row = (number, self.oldest, self.newest, self.earliest.map(sql));
        db.prepare_cached("INSERT INTO slice VALUES (?1, ?2, ?3, ?4)")?.execute(row)?;
        let mut insert = db.prepare_cached("INSERT INTO slice_part VALUES (?1, ?2, ?3, ?4)")?;
        for ((app, kind), places) in &self.parts {
            insert.execute((number, sql(*app), *kind, Offsets::pack(places)))?;
        }
        let mut insert = db.prepare_cached("INSERT INTO slice_file VALUES (?1, ?2)")?;
        for bucket in self.files.chunk_by(|(one, ..), (other, ..)| one == other) {
            let Some((first, ..)) = bucket.first() else { continue };
            let pair =
                |(_, rest, place): &(u8, u16, u16)| [rest.to_be_bytes(), place.to_be_bytes()];
            let bytes: Vec<u8> = bucket.iter().flat_map(pair).flatten().collect();
            insert.execute((files_id(self.number, *first), bytes))?;
        }
        Ok(())
    }
}

impl Writer {
    /// Writes a slice down.
    pub(crate) fn seal(&mut self, slice: &Slice) -> Result<(), BackendError> {
        self.transaction(&[], |db| {
            // it may have been written, or its block dropped, since it was built
            let needed = "SELECT NOT EXISTS (SELECT 1 FROM slice WHERE no >= ?1)
                          AND EXISTS (SELECT 1 FROM entry WHERE seq >= ?2 AND seq < ?3)";
            let number = slice.number;
            let (from, to) = (number * limits::BLOCK_ENTRIES, (number + 1) * limits::BLOCK_ENTRIES);
            let range = (sql(number), sql(from), sql(to));
            if db.prepare_cached(needed)?.query_row(range, |row| row.get(0))? {
                slice.write(db)?;
            }
            Ok(())
        })
    }
}

/// Removes what was written down of a block.
pub(crate) fn delete(db: &Connection, number: u64) -> Result<()> {
    for delete in ["DELETE FROM slice WHERE no = ?1", "DELETE FROM slice_part WHERE no = ?1"] {
        db.prepare_cached(delete)?.execute([sql(number)])?;
    }
    let delete = "DELETE FROM slice_file WHERE id >= ?1 AND id < ?2";
    let range = (files_id(number, 0), files_id(number + 1, 0));
    db.prepare_cached(delete)?.execute(range).map(drop)
}

/// The first lives of an application in a block, of those kinds (empty: any).
pub(crate) fn parts(
    db: &Connection,
    number: u64,
    app: AppId,
    kinds: &[EventKind],
) -> Result<Offsets> {
    let mut found = Offsets::default();
    if kinds.is_empty() {
        let select = "SELECT members FROM slice_part WHERE no = ?1 AND app = ?2";
        let mut statement = db.prepare_cached(select)?;
        let mut rows = statement.query((sql(number), sql(app.0)))?;
        while let Some(row) = rows.next()? {
            found.unpack(row.get_ref(0)?.as_blob()?);
        }
        return Ok(found);
    }
    let select = "SELECT members FROM slice_part WHERE no = ?1 AND app = ?2 AND kind = ?3";
    let mut statement = db.prepare_cached(select)?;
    for kind in kinds {
        let mut rows = statement.query((sql(number), sql(app.0), kind.code()))?;
        while let Some(row) = rows.next()? {
            found.unpack(row.get_ref(0)?.as_blob()?);
        }
    }
    Ok(found)
}

/// The first lives in a block that speak of a file, and perhaps some that do not.
pub(crate) fn of_file(db: &Connection, number: u64, file: FileId) -> Result<Offsets> {
    let (bucket, wanted) = hash(file);
    let mut found = Offsets::default();
    let select = "SELECT files FROM slice_file WHERE id = ?1";
    let read = |row: &Row<'_>| {
        let (pairs, _) = row.get_ref(0)?.as_blob()?.as_chunks::<4>();
        for [high, low, place @ ..] in pairs {
            if u16::from_be_bytes([*high, *low]) == wanted {
                found.insert(Seq(u16::from_be_bytes(*place).into()));
            }
        }
        Ok(())
    };
    db.prepare_cached(select)?.query_row([files_id(number, bucket)], read).optional()?;
    Ok(found)
}
