//! Upkeep: what time brings. Expiry, old history, old EventKeys, the reserve.

use std::sync::atomic::Ordering;

use model::{ApplicationStatus, limits};
use queue::{BackendError, Reason};
use rusqlite::OptionalExtension;

use crate::give_up::GIVE_UP_MAX;
use crate::writer::Writer;
use crate::{lives, slices, sql, unsql};

/// Entries of a block that are dropped in one transaction.
const STEP: u64 = 2_048;
/// Steps of one upkeep, so that callers do not wait long.
const STEPS_MAX: usize = 16;
/// EventKeys that are dropped in one transaction.
const KEYS_STEP: usize = 4_096;

impl Writer {
    /// Does whatever is due.
    pub(crate) fn upkeep(&mut self) -> Result<(), BackendError> {
        self.shared.status.check()?;
        self.refill();
        self.expire()?;
        self.bury_next()?;
        self.checkpoint_if_due()?;
        self.forget_keys()?;
        for _ in 0..STEPS_MAX {
            if !self.retain_step()? {
                break;
            }
        }
        Ok(())
    }

    fn refill(&mut self) {
        match self.reserve.refill() {
            Ok(whole) => {
                if whole {
                    self.shared.status.disk_full.store(false, Ordering::Release);
                }
            }
            Err(error) => tracing::warn!(%error, "refilling the reserve"),
        }
    }

    /// Gives up what was not settled in time.
    fn expire(&mut self) -> Result<(), BackendError> {
        for _ in 0..STEPS_MAX {
            let now = self.shared.steady();
            let claimed = self.shared.engine().claim_expired(now, GIVE_UP_MAX);
            if claimed.is_empty() {
                break;
            }
            self.give_up(&claimed, Reason::Expired)?;
        }
        Ok(())
    }

    /// Gives up a slice of what a destroyed application still has.
    fn bury_next(&mut self) -> Result<(), BackendError> {
        let engine = self.shared.engine();
        let destroyed = engine
            .applications()
            .map(|configured| &configured.application)
            .filter(|application| application.status == ApplicationStatus::Destroyed)
            .map(|application| application.id)
            .find(|app| engine.has_open(*app));
        drop(engine);
        destroyed.map_or(Ok(()), |app| self.bury(app))
    }

    fn forget_keys(&mut self) -> Result<(), BackendError> {
        let oldest = self.shared.steady().minus_ms(limits::EVENT_KEY_MS);
        for _ in 0..STEPS_MAX {
            let mut dropped = 0;
            let first: Result<Option<i64>, _> = self
                .db
                .query_row("SELECT born FROM dedupe ORDER BY n LIMIT 1", [], |r| r.get(0))
                .optional();
            let due = first.is_ok_and(|born| born.is_some_and(|born| born <= oldest.0));
            if !due {
                return Ok(());
            }
            self.transaction(&[], |db| {
                let delete = "DELETE FROM dedupe WHERE born <= ?1 AND n IN
                              (SELECT n FROM dedupe ORDER BY n LIMIT ?2)";
                dropped = db.execute(delete, (oldest.0, sql(KEYS_STEP.try_into().unwrap_or(0))))?;
                Ok(())
            })?;
            if dropped < KEYS_STEP {
                break;
            }
        }
        Ok(())
    }

    /// Drops a piece of the oldest block whose time has come and in which nothing is open; true if
    /// there may be more.
    fn retain_step(&mut self) -> Result<bool, BackendError> {
        // like expiry: not before a wrong clock could be noticed
        if !self.shared.engine().may_expire(self.shared.steady()) {
            return Ok(false);
        }
        let oldest = self.shared.steady().minus_ms(self.history_ms);
        let tail = queue::ledger::block_of(self.checkpoints.seq);
        let found = self.oldest_settled(oldest.0, tail);
        let Some(number) =
            found.map_err(|error| self.shared.status.fail(&format!("reading blocks: {error}")))?
        else {
            return Ok(false);
        };
        let (from, to) = (number * limits::BLOCK_ENTRIES, (number + 1) * limits::BLOCK_ENTRIES);
        let mut last = true;
        self.transaction(&[], |db| {
            // nobody is to see a part of it
            slices::delete(db, number)?;
            let range = "SELECT min(seq) FROM entry WHERE seq >= ?1 AND seq < ?2";
            let first: Option<i64> = db.query_row(range, (sql(from), sql(to)), |row| row.get(0))?;
            let start = first.map_or(to, unsql);
            let end = start.saturating_add(STEP).min(to);
            last = end == to;
            for table in ["entry", "payload", "attempt", "life"] {
                let delete = format!("DELETE FROM {table} WHERE seq >= ?1 AND seq < ?2");
                db.prepare_cached(&delete)?.execute((sql(start), sql(end)))?;
            }
            if last {
                db.execute("DELETE FROM block WHERE no = ?1", [sql(number)])?;
            }
            Ok(())
        })?;
        if last {
            self.shared.engine().ledger.drop_block(number);
        }
        Ok(true)
    }

    fn oldest_settled(&self, oldest: i64, tail: u64) -> rusqlite::Result<Option<u64>> {
        let select = "SELECT no FROM block WHERE newest <= ?1 AND no < ?2 ORDER BY no";
        let mut statement = self.db.prepare_cached(select)?;
        let mut rows = statement.query((oldest, sql(tail)))?;
        while let Some(row) = rows.next()? {
            let number = unsql(row.get(0)?);
            let (from, to) = (number * limits::BLOCK_ENTRIES, (number + 1) * limits::BLOCK_ENTRIES);
            // an event goes with its latest life, and its earlier ones before it
            if self.shared.engine().ledger.is_settled(number) && !lives::follow(&self.db, from, to)?
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}
