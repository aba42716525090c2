//! What a start reads: the applications, the open entries of the last checkpoint, and what was
//! appended and settled after it. Its cost follows what is open, not what is kept.

use std::collections::HashMap;
use std::sync::Arc;

use model::{AppId, Application, EventKind, Seq};
use queue::{Block, Engine, Entry, Mark, RecordKind, Steady};
use rusqlite::{Connection, Error, Result};

use crate::checkpoint::{BLOCKS_KEPT, Open, unpack_open};
use crate::lives;
use crate::pack::Unpacker;
use crate::schema::{get_meta, meta, set_meta};
use crate::{sql, unsql};

/// What a start has found out.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) next: Seq,
    pub(crate) next_settle: u64,
    pub(crate) checkpoint: Seq,
}

/// The numbers of a log and of this start, made durable before any handle exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) origin: u32,
    pub(crate) boot: u32,
    pub(crate) clock_high: Option<Steady>,
}

/// A lease that a graceful stop wrote down.
pub(crate) type Lease = ((u32, u64), u64);

/// Counts this start. The leases of a graceful stop are read and emptied in the same transaction, so
/// that a crash after it voids them.
pub(crate) fn begin(db: &mut Connection, fresh: u32) -> Result<(Identity, HashMap<Seq, Lease>)> {
    let transaction = db.transaction()?;
    let origin = get_meta(&transaction, meta::ORIGIN)?.unwrap_or_else(|| i64::from(fresh));
    let boot = get_meta(&transaction, meta::BOOT)?.unwrap_or(0) + 1;
    set_meta(&transaction, meta::ORIGIN, origin)?;
    set_meta(&transaction, meta::BOOT, boot)?;
    let leases = read_leases(&transaction)?;
    transaction.execute("DELETE FROM lease", [])?;
    let clock_high = get_meta(&transaction, meta::CLOCK_HIGH)?.map(Steady);
    transaction.commit()?;
    let small = |number: i64| u32::try_from(number).map_err(|_wide| broken("a number of meta"));
    Ok((Identity { origin: small(origin)?, boot: small(boot)?, clock_high }, leases))
}

fn read_leases(db: &Connection) -> Result<HashMap<Seq, Lease>> {
    let mut statement = db.prepare("SELECT seq, boot, lease, left_ms FROM lease")?;
    let leases = statement.query_map([], |row| {
        let token = (row.get(1)?, unsql(row.get(2)?));
        Ok((Seq(unsql(row.get(0)?)), (token, unsql(row.get(3)?))))
    })?;
    leases.collect()
}

/// What a settlement after the checkpoint says of an entry; the last one counts.
#[derive(Clone, Copy, Debug)]
enum Change {
    Closed(Mark),
    Delayed { attempts: u16, first: Option<Steady>, due: Steady },
}

/// What was settled after the checkpoint. Changes are counted, to know which came first.
#[derive(Debug, Default)]
struct Changes {
    count: u64,
    entries: HashMap<Seq, (u64, Change)>,
    /// Applications of which whatever waited for a retry was made due, and when.
    hastened: HashMap<AppId, u64>,
}

impl Changes {
    /// When an entry is due that was delayed by that change; 0: before the checkpoint.
    fn due(&self, app: AppId, due: Steady, delayed: u64) -> Option<Steady> {
        let hastened = self.hastened.get(&app).is_some_and(|at| *at > delayed);
        (!hastened).then_some(due)
    }
}

/// Fills an engine while it is read; nothing is kept twice, a backlog may be large.
struct Filling<'a> {
    engine: &'a mut Engine,
    changes: Changes,
    leases: &'a HashMap<Seq, Lease>,
    now: Steady,
}

impl Filling<'_> {
    /// Enters an entry that was open at the checkpoint or appended after it.
    fn open(&mut self, open: Open) {
        let Open { app, entry, due, .. } = open;
        match self.changes.entries.get(&entry.seq) {
            Some((_, Change::Closed(mark))) => self.engine.ledger.change(entry.seq, *mark),
            Some((at, Change::Delayed { attempts, first, due })) => {
                let due = self.changes.due(app, *due, *at);
                let entry = entry.with_attempts(*attempts, *first);
                self.engine.ledger.touch(entry.seq);
                self.enter(Open { entry, due, ..open });
            }
            None => {
                let due = due.and_then(|due| self.changes.due(app, due, 0));
                self.enter(Open { due, ..open });
            }
        }
    }

    fn enter(&mut self, open: Open) {
        let Open { app, entry, due, life } = open;
        if let Some(life) = life {
            self.engine.begin_life(entry.seq, life);
        }
        match self.leases.get(&entry.seq) {
            Some((token, left)) => {
                self.engine.restore_lease(app, entry, *token, self.now.plus_ms(*left));
            }
            // what was due before the stop is READY, as it was
            None => self.engine.restore(app, entry, due.filter(|due| *due > self.now)),
        }
    }
}

/// Fills an engine with what is on disk.
pub(crate) fn fill(
    db: &Connection,
    engine: &mut Engine,
    leases: &HashMap<Seq, Lease>,
    now: Steady,
) -> Result<Recovered> {
    applications(db, engine)?;
    let number = |name| get_meta(db, name).map(|number| unsql(number.unwrap_or(0)));
    let checkpoint = Seq(number(meta::CHECKPOINT_SEQ)?);
    let checkpoint_settle = number(meta::CHECKPOINT_SETTLE)?;
    let (changes, last_settle) = settlements(db, checkpoint_settle)?;
    let mut filling = Filling { engine, changes, leases, now };
    blocks(db, &mut filling)?;
    let last = tail(db, &mut filling, checkpoint)?;
    let floor = Seq(number(meta::FLOOR)?);
    Ok(Recovered {
        next: last.max(floor).max(checkpoint).next(),
        next_settle: last_settle.max(checkpoint_settle) + 1,
        checkpoint: checkpoint.next(),
    })
}

fn applications(db: &Connection, engine: &mut Engine) -> Result<()> {
    let select = "SELECT version, body FROM record WHERE kind = ?1";
    let mut statement = db.prepare(select)?;
    let mut rows = statement.query([RecordKind::Application.code()])?;
    while let Some(row) = rows.next()? {
        let version = unsql(row.get(0)?);
        let application: Application =
            serde_json::from_slice(row.get_ref(1)?.as_blob()?).map_err(|error| {
                Error::FromSqlConversionFailure(1, rusqlite::types::Type::Blob, error.into())
            })?;
        engine.configure(Arc::new(application), version);
    }
    Ok(())
}

/// Loads the blocks that have open entries, and the youngest.
fn blocks(db: &Connection, filling: &mut Filling<'_>) -> Result<()> {
    let last: Option<i64> = db.query_row("SELECT max(no) FROM block", [], |row| row.get(0))?;
    let kept = sql(BLOCKS_KEPT.try_into().unwrap_or(0));
    let youngest = last.map_or(0, |last| last.saturating_sub(kept));
    let select = "SELECT no, newest, marks, open FROM block WHERE no > ?1 OR length(open) > 0
                  ORDER BY no";
    let mut statement = db.prepare(select)?;
    let mut rows = statement.query([youngest])?;
    while let Some(row) = rows.next()? {
        let number = unsql(row.get(0)?);
        let block = Block::from_bytes(row.get_ref(2)?.as_blob()?, Steady(row.get(1)?));
        filling.engine.ledger.load(number, block.ok_or_else(|| broken("the marks of a block"))?);
        let open = unpack_open(number, row.get_ref(3)?.as_blob()?);
        let mut open = open.ok_or_else(|| broken("the open entries of a block"))?;
        open.sort_unstable_by_key(|open| open.entry.seq);
        for open in open {
            filling.open(open);
        }
    }
    Ok(())
}

/// Enters what was appended after the checkpoint.
fn tail(db: &Connection, filling: &mut Filling<'_>, after: Seq) -> Result<Seq> {
    let select = "SELECT entry.seq, app, kind, at + drift, mark, first, life, stated
                  FROM entry LEFT JOIN life ON life.seq = entry.seq
                  WHERE entry.seq > ?1 ORDER BY entry.seq";
    let mut statement = db.prepare(select)?;
    let mut rows = statement.query([sql(after.0)])?;
    let mut last = after;
    while let Some(row) = rows.next()? {
        last = Seq(unsql(row.get(0)?));
        let app = AppId(unsql(row.get(1)?));
        let kind =
            EventKind::from_code(row.get(2)?).ok_or_else(|| broken("the kind of an entry"))?;
        let born = Steady(row.get(3)?);
        let mark = Mark::from_code(row.get(4)?);
        filling.engine.ledger.enter(last, mark, born);
        if mark == Mark::Open {
            let life = lives::later(row, 5)?.map(|later| later.life);
            let entry = Entry::new(last, kind, born);
            filling.open(Open { app, entry, due: None, life });
        }
    }
    Ok(last)
}

/// What was settled after the checkpoint, and the number of the last settlement.
fn settlements(db: &Connection, after: u64) -> Result<(Changes, u64)> {
    let mut statement = db.prepare("SELECT n, items FROM settle WHERE n > ?1 ORDER BY n")?;
    let mut rows = statement.query([sql(after)])?;
    let (mut changes, mut last) = (Changes::default(), after);
    while let Some(row) = rows.next()? {
        last = unsql(row.get(0)?);
        let mut numbers = Unpacker::new(row.get_ref(1)?.as_blob()?);
        while !numbers.is_empty() {
            settled(&mut numbers, &mut changes).ok_or_else(|| broken("a settlement"))?;
        }
    }
    Ok((changes, last))
}

fn settled(numbers: &mut Unpacker<'_>, changes: &mut Changes) -> Option<()> {
    changes.count += 1;
    let at = changes.count;
    let seq = Seq(numbers.get()?);
    if seq == Seq(0) {
        changes.hastened.insert(AppId(numbers.get()?), at);
        return Some(());
    }
    let mark = Mark::from_code(u8::try_from(numbers.get()?).ok()?);
    let change = if mark == Mark::Open {
        let attempts = u16::try_from(numbers.get()?).ok()?;
        let first = numbers.get()?;
        let first = (first != 0).then(|| Steady(sql(first)));
        Change::Delayed { attempts, first, due: Steady(sql(numbers.get()?)) }
    } else {
        Change::Closed(mark)
    };
    changes.entries.insert(seq, (at, change));
    Some(())
}

fn broken(what: &str) -> Error {
    let message = format!("{what} cannot be read");
    Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, message.into())
}
