//! Listings on disk: the table `listing`, one row for each listed record.
//!
//! A row is all that a search needs, so that an index is loaded without a look at the records
//! themselves, which are ten times as large.

use std::collections::HashMap;

use model::AppId;
use queue::RecordKey;
use queue::RecordKind;
use queue::listing::{Field, Listing};
use rusqlite::{Connection, OptionalExtension, Result};

use super::index::Index;
use crate::pack::{Packer, Unpacker};
use crate::sql;

/// When a record is listed; none: it is not.
pub(crate) fn time(db: &Connection, key: &RecordKey) -> Result<Option<i64>> {
    let select = "SELECT at FROM listing WHERE kind = ?1 AND app = ?2 AND id = ?3";
    let row = (key.kind.code(), sql(key.app.0), &key.id);
    db.prepare_cached(select)?.query_row(row, |row| row.get(0)).optional()
}

/// When these records are listed, as far as they are.
pub(crate) fn times(
    db: &Connection,
    kind: RecordKind,
    app: AppId,
    ids: impl Iterator<Item = String>,
) -> Result<Vec<(String, i64)>> {
    let mut times = HashMap::new();
    for id in ids {
        let key = RecordKey { kind, app, id };
        if let Some(at) = time(db, &key)? {
            times.insert(key.id, at);
        }
    }
    Ok(times.into_iter().collect())
}

/// Writes the listing of a record.
pub(crate) fn put(db: &Connection, key: &RecordKey, listing: &Listing) -> Result<()> {
    let insert = "INSERT INTO listing VALUES (?1, ?2, ?3, ?4, ?5)
                  ON CONFLICT DO UPDATE SET at = excluded.at, row = excluded.row";
    let row = (key.kind.code(), sql(key.app.0), &key.id, listing.at, pack(listing));
    db.prepare_cached(insert)?.execute(row)?;
    Ok(())
}

/// Removes the listing of a record.
pub(crate) fn delete(db: &Connection, key: &RecordKey) -> Result<()> {
    let delete = "DELETE FROM listing WHERE kind = ?1 AND app = ?2 AND id = ?3";
    db.prepare_cached(delete)?.execute((key.kind.code(), sql(key.app.0), &key.id))?;
    Ok(())
}

/// Reads every listing of an application into an index.
pub(crate) fn load(db: &Connection, kind: RecordKind, app: AppId) -> Result<Index> {
    let select = "SELECT at, id, row FROM listing WHERE kind = ?1 AND app = ?2";
    let mut statement = db.prepare_cached(select)?;
    let mut rows = statement.query((kind.code(), sql(app.0)))?;
    // kept packed until they are in order: a million of them in pieces would take a gigabyte
    let (mut packed, mut order) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let start = packed.len();
        packed.extend_from_slice(row.get_ref(2)?.as_blob()?);
        let id = row.get_ref(1)?.as_str()?.to_owned().into_boxed_str();
        order.push((row.get::<_, i64>(0)?, id, start..packed.len()));
    }
    order.sort_unstable_by(|(a, a_id, _), (b, b_id, _)| (a, a_id).cmp(&(b, b_id)));
    Ok(Index::of(order.into_iter().map(|(at, id, range)| {
        (id.into_string(), unpack(at, packed.get(range).unwrap_or_default()))
    })))
}

fn pack(listing: &Listing) -> Vec<u8> {
    let mut packer = Packer::default();
    let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
    packer.put(count(listing.numbers.len()));
    for (field, number) in &listing.numbers {
        // the sign goes last, so that small numbers are short
        let folded = (number << 1) ^ (number >> 63);
        packer.put(u64::from(*field)).put(folded.cast_unsigned());
    }
    for texts in [&listing.words, &listing.texts] {
        packer.put(count(texts.len()));
        for (field, text) in texts {
            packer.put(u64::from(*field)).put_text(text);
        }
    }
    packer.into_bytes()
}

/// What cannot be read is left out: a search that misses something is better than none.
fn unpack(at: i64, bytes: &[u8]) -> Listing {
    let mut listing = Listing { at, ..Listing::default() };
    let mut unpacker = Unpacker::new(bytes);
    read(&mut unpacker, &mut listing);
    listing
}

fn read(unpacker: &mut Unpacker<'_>, listing: &mut Listing) -> Option<()> {
    for _ in 0..unpacker.get()? {
        let (field, folded) = (field(unpacker)?, unpacker.get()?);
        let number = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
        listing.numbers.push((field, number));
    }
    for texts in [&mut listing.words, &mut listing.texts] {
        for _ in 0..unpacker.get()? {
            let field = field(unpacker)?;
            texts.push((field, unpacker.text()?.to_owned()));
        }
    }
    Some(())
}

fn field(unpacker: &mut Unpacker<'_>) -> Option<Field> {
    Field::try_from(unpacker.get()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_round_trip(
            at: i64,
            words: Vec<(u8, String)>,
            texts: Vec<(u8, String)>,
            numbers: Vec<(u8, i64)>,
        ) {
            let listing = Listing { at, words, texts, numbers };
            prop_assert_eq!(unpack(at, &pack(&listing)), listing);
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            unpack(0, &bytes);
        }
    }
}
