//! Checkpoints: the open entries and marks of the blocks that changed, written down together, so that
//! a start reads them and not the history.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use model::{AppId, EventKind, Seq, limits};
use queue::{BackendError, Entry, Life, Steady, ledger};

use crate::pack::{Packer, Unpacker};
use crate::schema::{meta, set_meta};
use crate::writer::Writer;
use crate::{sql, unsql};

/// Settled entries after which a checkpoint is due.
const SETTLED_MAX: u64 = 100_000;
/// Milliseconds after which one is due; it also writes down how far the timeline has come.
const PERIOD_MS: u64 = 60_000;
/// Settled blocks that stay in memory: the last million entries.
pub(crate) const BLOCKS_KEPT: usize = 64;

/// When the last checkpoint was, and what has happened since.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    pub(crate) settled: u64,
    pub(crate) seq: Seq,
    pub(crate) at: Steady,
}

/// A block on its way to disk.
struct Page {
    newest: Steady,
    marks: Vec<u8>,
    open: Packer,
}

impl Writer {
    /// Writes a checkpoint if one is due.
    pub(crate) fn checkpoint_if_due(&mut self) -> Result<(), BackendError> {
        let now = self.shared.steady();
        let appended = self.next.0.saturating_sub(self.checkpoints.seq.0);
        let much = self.checkpoints.settled >= SETTLED_MAX || appended >= SETTLED_MAX;
        let old = now.since_ms(self.checkpoints.at) >= PERIOD_MS;
        if much || old { self.checkpoint() } else { Ok(()) }
    }

    /// Writes a checkpoint.
    pub(crate) fn checkpoint(&mut self) -> Result<(), BackendError> {
        let now = self.shared.steady();
        let pages = self.pages();
        let last = Seq(self.next.0.saturating_sub(1));
        let settle = self.next_settle.saturating_sub(1);
        self.transaction(&[], |db| {
            let upsert = "INSERT INTO block VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
                          newest = excluded.newest, marks = excluded.marks, open = excluded.open";
            for (number, page) in &pages {
                let row = (sql(*number), page.newest.0, &page.marks, page.open.bytes());
                db.prepare_cached(upsert)?.execute(row)?;
            }
            set_meta(db, meta::CHECKPOINT_SEQ, sql(last.0))?;
            set_meta(db, meta::CHECKPOINT_SETTLE, sql(settle))?;
            set_meta(db, meta::FLOOR, sql(last.0))?;
            set_meta(db, meta::CLOCK_HIGH, now.0)?;
            db.execute("DELETE FROM settle WHERE n <= ?1", [sql(settle)]).map(|_| ())
        })?;
        let mut engine = self.shared.engine();
        if engine.ledger.clean(BLOCKS_KEPT) > 0 {
            self.shared.forgot();
        }
        drop(engine);
        self.checkpoints = Checkpoints { settled: 0, seq: self.next, at: now };
        Ok(())
    }

    /// The blocks that changed, as they are now. Only this thread changes what they hold.
    fn pages(&self) -> BTreeMap<u64, Page> {
        let engine = self.shared.engine();
        let page = |block: &ledger::Block| Page {
            newest: block.newest,
            marks: block.bytes().to_vec(),
            open: Packer::default(),
        };
        let dirty = engine.ledger.dirty();
        let mut pages: BTreeMap<u64, Page> = dirty.map(|(no, block)| (no, page(block))).collect();
        for (app, entry, due) in engine.open_entries() {
            if let Some(page) = pages.get_mut(&ledger::block_of(entry.seq)) {
                let life = engine.life(entry.seq);
                pack_open(&mut page.open, &Open { app, entry, due, life });
            }
        }
        pages
    }

    /// Writes down the leases that are held, a last checkpoint, and empties the write-ahead log.
    pub(crate) fn close(&mut self) -> Result<(), BackendError> {
        let now = self.shared.steady();
        let engine = self.shared.engine();
        self.shared.status.close();
        let leases: Vec<_> = engine.leases().collect();
        drop(engine);
        let wrote = self.transaction(&[], |db| {
            let insert = "INSERT OR REPLACE INTO lease VALUES (?1, ?2, ?3, ?4)";
            for (_, seq, (boot, lease), until) in &leases {
                let row = (sql(seq.0), boot, sql(*lease), sql(until.since_ms(now)));
                db.prepare_cached(insert)?.execute(row)?;
            }
            Ok(())
        });
        let wrote = wrote.and_then(|()| self.checkpoint());
        self.shared.readers.close();
        let notes = &self.shared.status.notes;
        notes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if let Err(error) = self.wal.empty(&self.db) {
            tracing::warn!(%error, "emptying the write-ahead log");
        }
        wrote
    }
}

/// An open entry as a checkpoint has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) app: AppId,
    pub(crate) entry: Entry,
    /// When it is tried again; none: it is READY.
    pub(crate) due: Option<Steady>,
    /// Which life of its event it is; none: the first.
    pub(crate) life: Option<Life>,
}

/// Packs an open entry: offset in its block, application, kind, birth, attempts, first attempt, due,
/// first life; and, if that is another entry, which life it is.
fn pack_open(packer: &mut Packer, open: &Open) {
    let Open { app, entry, due, life } = *open;
    let number = |at: Option<Steady>| at.map_or(0, |at| unsql(at.0));
    packer
        .put(entry.seq.0 % limits::BLOCK_ENTRIES)
        .put(app.0)
        .put(u64::from(entry.kind.code()))
        .put(number(Some(entry.born())) / 1000)
        .put(u64::from(entry.attempts))
        .put(number(entry.first_attempt()) / 1000)
        .put(number(due))
        .put(life.map_or(0, |life| life.first.0));
    if let Some(life) = life {
        packer.put(life.number.into());
    }
}

/// Reads the open entries of a block back; none if the bytes are not what they should be.
pub(crate) fn unpack_open(number: u64, bytes: &[u8]) -> Option<Vec<Open>> {
    let mut numbers = Unpacker::new(bytes);
    let mut open = Vec::new();
    while !numbers.is_empty() {
        let seq = Seq(number * limits::BLOCK_ENTRIES + numbers.get()?);
        let app = AppId(numbers.get()?);
        let kind = EventKind::from_code(u8::try_from(numbers.get()?).ok()?)?;
        let born = Steady(sql(numbers.get()?.checked_mul(1000)?));
        let attempts = u16::try_from(numbers.get()?).ok()?;
        let first = numbers.get()?.checked_mul(1000)?;
        let due = numbers.get()?;
        let some = |at: u64| (at != 0).then(|| Steady(sql(at)));
        let entry = Entry::new(seq, kind, born).with_attempts(attempts, some(first));
        let life = match numbers.get()? {
            0 => None,
            first => Some(Life { first: Seq(first), number: u32::try_from(numbers.get()?).ok()? }),
        };
        open.push(Open { app, entry, due: some(due), life });
    }
    Some(open)
}
