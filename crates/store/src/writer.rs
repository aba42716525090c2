//! The writer: one thread, one connection, one transaction a group.
//!
//! Group commit without a timer: whatever waits when the last group is done makes the next one. A
//! command that a precondition refuses is answered and the group goes on; if the disk is full, the
//! group is rolled back, its appends are answered so, and its settlements are tried again with a
//! slice of the reserve. Any other failure is final (see invariant 11).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{AppId, ApplicationStatus, Seq};
use queue::{
    BackendError, Commit, CommitError, Committed, Published, ReplayError, Route, Settled,
    Settlement, State,
};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::Checkpoints;
use crate::decide::{self, Pending, Refusal};
use crate::facts::Fact;
use crate::pack::Packer;
use crate::reserve::{self, Reserve};
use crate::shared::Shared;
use crate::slices::Slice;
use crate::tables;
use crate::wal::Wal;

/// Commands that wait at the most; beyond that callers wait to be let in.
pub(crate) const COMMANDS_WAITING_MAX: usize = 4_096;
/// Commands of one group.
const GROUP_MAX: usize = 1_024;
/// Payload bytes of one group.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

type Answer<T> = oneshot::Sender<T>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Commit(Commit, Answer<Result<Committed, CommitError>>),
    Settle(Vec<Settlement>, Answer<Result<Vec<Settled>, BackendError>>),
    /// Give up one slice of waiting entries; how many.
    Purge(queue::PurgeRequest, Answer<Result<u64, BackendError>>),
    /// Give these events a new life: how many have one, and how many were looked at.
    Replay(AppId, Vec<Seq>, Answer<Result<(u64, usize), ReplayError>>),
    /// Write down the slice of a full block.
    Seal(Slice, Answer<Result<(), BackendError>>),
    /// Expiry, checkpoint, retention, reserve: whatever is due.
    Upkeep(Answer<Result<(), BackendError>>),
    Close(Answer<Result<(), BackendError>>),
}

/// The thread's own state.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) db: Connection,
    pub(crate) shared: Arc<Shared>,
    pub(crate) next: Seq,
    pub(crate) next_settle: u64,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) reserve: Reserve,
    pub(crate) wal: Wal,
    pub(crate) history_ms: u64,
}

/// A command of a group that was written, to be answered after the commit.
enum Written {
    Commit(Vec<Published>, Answer<Result<Committed, CommitError>>),
    Settle(Vec<Settled>, Answer<Result<Vec<Settled>, BackendError>>),
}

/// A group on its way to the disk.
#[derive(Default)]
struct Group {
    facts: Vec<Fact>,
    settle: Packer,
    claimed: Vec<Seq>,
    written: Vec<Written>,
}

impl Writer {
    /// Works until it is closed, or until it fails.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut carried = None;
        while let Some(first) = carried.take().or_else(|| commands.blocking_recv()) {
            match first {
                Command::Commit(..) | Command::Settle(..) => {
                    let group = gather(first, &mut commands, &mut carried);
                    self.group(group, false);
                }
                Command::Purge(request, answer) => reply(answer, self.purge(&request)),
                Command::Replay(app, events, answer) => reply(answer, self.replay(app, &events)),
                Command::Seal(slice, answer) => reply(answer, self.seal(&slice)),
                Command::Upkeep(answer) => reply(answer, self.upkeep()),
                Command::Close(answer) => {
                    commands.close();
                    reply(answer, self.close());
                    return;
                }
            }
            if self.shared.status.failure().is_some() {
                return;
            }
        }
    }

    /// Writes a group and answers it. `hard`: the disk is full and this is the second try.
    fn group(&mut self, commands: Vec<Command>, hard: bool) {
        // a commit takes less than the clock's millisecond
        let began = tokio::time::Instant::now();
        let size = commands.len();
        let mut kept = Vec::new();
        let mut group = Group::default();
        let mut pending = Pending::new(self.next);
        let done = self.write(commands, &mut group, &mut pending, &mut kept).and_then(|()| {
            if !group.settle.is_empty() {
                tables::write_settle(&self.db, self.next_settle, &group.settle)?;
            }
            self.db.execute_batch("COMMIT")
        });
        if let Err(error) = done {
            self.undo(&error, group, kept, hard);
            return;
        }
        self.next = pending.next;
        self.next_settle += u64::from(!group.settle.is_empty());
        self.shared.observer.batch(size, began.elapsed().as_secs_f64());
        let destroyed = self.apply(group.facts);
        for app in destroyed {
            // a failure is remembered by the store's status and answered there
            if let Err(error) = self.bury(app) {
                tracing::error!(%app, %error, "giving up a destroyed application's events");
            }
        }
        for written in group.written {
            answer(written);
        }
        self.wal.after_commit(&self.db, &self.shared.status);
    }

    fn write(
        &mut self,
        commands: Vec<Command>,
        group: &mut Group,
        pending: &mut Pending,
        kept: &mut Vec<Kept>,
    ) -> rusqlite::Result<()> {
        let mut commands = commands.into_iter();
        let begun = self.db.execute_batch("BEGIN IMMEDIATE");
        if let Err(error) = begun {
            kept.extend(commands.map(Kept::Untried));
            return Err(error);
        }
        while let Some(command) = commands.next() {
            let wrote = self.write_one(command, group, pending, kept);
            if let Err(error) = wrote {
                kept.extend(commands.map(Kept::Untried));
                return Err(error);
            }
        }
        Ok(())
    }

    fn write_one(
        &mut self,
        command: Command,
        group: &mut Group,
        pending: &mut Pending,
        kept: &mut Vec<Kept>,
    ) -> rusqlite::Result<()> {
        let from = group.facts.len();
        match command {
            Command::Commit(commit, sender) if !self.has_room_for(&commit) => {
                reply(sender, Err(decide::refused(BackendError::DiskFull)));
            }
            Command::Commit(commit, sender) => {
                match decide::commit(&self.db, &self.shared, pending, &commit) {
                    Ok((facts, published)) => {
                        group.facts.extend(facts);
                        group.written.push(Written::Commit(published, sender));
                    }
                    Err(Refusal::Commit(error)) => reply(sender, Err(error)),
                    Err(Refusal::Sqlite(error)) => {
                        kept.push(Kept::Commit(sender));
                        return Err(error);
                    }
                }
            }
            Command::Settle(settlements, sender) => {
                let decided = decide::settle(&self.db, &self.shared, &settlements);
                let (facts, settled, claimed) = match decided {
                    Ok(decided) => decided,
                    Err(error) => {
                        kept.push(Kept::Untried(Command::Settle(settlements, sender)));
                        return Err(error);
                    }
                };
                group.facts.extend(facts);
                group.claimed.extend(claimed);
                kept.push(Kept::Settle(settlements));
                group.written.push(Written::Settle(settled, sender));
            }
            Command::Purge(..)
            | Command::Replay(..)
            | Command::Seal(..)
            | Command::Upkeep(..)
            | Command::Close(..) => {}
        }
        for fact in group.facts.iter().skip(from) {
            tables::write(&self.db, fact, &mut group.settle)?;
        }
        Ok(())
    }

    /// While the disk is full only what frees it is written; the reserve is not for appends.
    fn has_room_for(&self, commit: &Commit) -> bool {
        let frees = !commit.garbage.is_empty() || !commit.swept.is_empty();
        frees || !self.shared.status.disk_full.load(Ordering::Acquire)
    }

    /// Takes a group back that could not be written.
    fn undo(&mut self, error: &rusqlite::Error, group: Group, kept: Vec<Kept>, hard: bool) {
        if !self.db.is_autocommit() {
            // SQLite may have rolled back by itself; if neither works, the failure below is final
            if let Err(error) = self.db.execute_batch("ROLLBACK") {
                self.shared.status.fail(&format!("rolling back: {error}"));
            }
        }
        let mut engine = self.shared.engine();
        for seq in &group.claimed {
            engine.release(*seq);
        }
        drop(engine);
        let full = reserve::is_full(error);
        let why = if full && self.shared.status.failure().is_none() {
            self.shared.status.disk_full.store(true, Ordering::Release);
            BackendError::DiskFull
        } else {
            tracing::error!(%error, "the store has failed");
            self.shared.status.fail(&format!("writing: {error}"))
        };
        let slice = full && !hard;
        if slice {
            self.make_room();
        }
        self.answer_undone(group.written, kept, &why, slice);
    }

    /// Copies the log, which frees its file, and lets the reserve go slice by slice as far as the copy
    /// or the next settlement needs it.
    fn make_room(&mut self) {
        loop {
            let copied = self.wal.empty(&self.db);
            if copied.is_ok() && !self.reserve.is_needed().unwrap_or(true) {
                return;
            }
            match self.reserve.give() {
                Ok(true) if copied.is_ok() => return,
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return tracing::warn!(%error, "letting go of the reserve"),
            }
        }
    }

    /// Answers what was undone; with a slice of the reserve the settlements are tried again.
    fn answer_undone(
        &mut self,
        written: Vec<Written>,
        kept: Vec<Kept>,
        why: &BackendError,
        slice: bool,
    ) {
        let mut again = Vec::new();
        let mut settlements = Vec::new();
        for kept in kept {
            match kept {
                Kept::Commit(sender) => reply(sender, Err(decide::refused(why.clone()))),
                Kept::Settle(list) => settlements.push(list),
                Kept::Untried(command) => again.push(command),
            }
        }
        let mut settlements = settlements.into_iter();
        let mut retry = Vec::new();
        for written in written {
            match written {
                Written::Commit(_, sender) => reply(sender, Err(decide::refused(why.clone()))),
                Written::Settle(_, sender) => {
                    retry.extend(settlements.next().map(|list| Command::Settle(list, sender)));
                }
            }
        }
        for command in again {
            match command {
                Command::Commit(_, sender) => reply(sender, Err(decide::refused(why.clone()))),
                settle @ Command::Settle(..) => retry.push(settle),
                Command::Purge(..)
                | Command::Replay(..)
                | Command::Seal(..)
                | Command::Upkeep(..)
                | Command::Close(..) => {}
            }
        }
        if slice && !retry.is_empty() {
            return self.group(retry, true);
        }
        for command in retry {
            if let Command::Settle(_, sender) = command {
                reply(sender, Err(why.clone()));
            }
        }
    }

    /// Applies what is on disk to the engine; the applications that were destroyed by it.
    pub(crate) fn apply(&mut self, facts: Vec<Fact>) -> Vec<AppId> {
        self.shared.listings.apply(&facts);
        let now = self.shared.steady();
        let (mut woken, mut destroyed) = (BTreeSet::new(), Vec::new());
        let mut cached = Vec::new();
        let mut engine = self.shared.engine();
        for fact in facts {
            match fact {
                Fact::Append(append) => {
                    let state = match append.route {
                        Route::Ready => State::Ready,
                        Route::Ignored(_) => State::Ignored,
                    };
                    self.shared.observer.event(append.entry.kind, state);
                    if let Some(later) = append.later {
                        engine.begin_life(append.entry.seq, later.life);
                    }
                    engine.append(append.app, append.entry, append.route);
                    if state == State::Ready {
                        woken.insert(append.app);
                        cached.push((append.entry.seq, append.payload));
                    }
                }
                Fact::Close { seq, mark } => {
                    let kind = engine.held(seq).map(|entry| entry.kind);
                    engine.close(seq, mark, now);
                    self.checkpoints.settled += 1;
                    if let (Some(kind), Some((state, _))) = (kind, mark.closed()) {
                        self.shared.observer.event(kind, state);
                    }
                }
                Fact::Delay { entry, due } => {
                    self.checkpoints.settled += 1;
                    engine.delay(entry.seq, entry, due);
                    self.shared.observer.event(entry.kind, State::Delayed);
                }
                Fact::Configure { application, version } => {
                    let app = application.id;
                    if application.status == ApplicationStatus::Destroyed {
                        destroyed.push(app);
                    }
                    engine.configure(application, version);
                    woken.insert(app);
                }
                // the configuration that comes with it does that
                Fact::Hasten(_)
                | Fact::Attempt { .. }
                | Fact::Put { .. }
                | Fact::Delete { .. }
                | Fact::Garbage(_)
                | Fact::Swept(_) => {}
            }
        }
        drop(engine);
        let mut cache = self.shared.cache();
        for (seq, payload) in cached {
            cache.put(seq, payload);
        }
        drop(cache);
        self.shared.wake(&woken);
        destroyed
    }

    /// Writes a transaction of the writer's own: all facts or none.
    pub(crate) fn transaction(
        &mut self,
        facts: &[Fact],
        also: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), BackendError> {
        let mut settle = Packer::default();
        let wrote = self.db.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            facts.iter().try_for_each(|fact| tables::write(&self.db, fact, &mut settle))?;
            if !settle.is_empty() {
                tables::write_settle(&self.db, self.next_settle, &settle)?;
            }
            also(&self.db)?;
            self.db.execute_batch("COMMIT")
        });
        match wrote {
            Ok(()) => {
                self.next_settle += u64::from(!settle.is_empty());
                self.wal.after_commit(&self.db, &self.shared.status);
                Ok(())
            }
            Err(error) => Err(self.own_failure(&error)),
        }
    }

    fn own_failure(&mut self, error: &rusqlite::Error) -> BackendError {
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            return self.shared.status.fail(&format!("rolling back: {error}"));
        }
        if !reserve::is_full(error) {
            tracing::error!(%error, "the store has failed");
            return self.shared.status.fail(&format!("writing: {error}"));
        }
        self.shared.status.disk_full.store(true, Ordering::Release);
        // whoever asked tries again: with the next tick, or as the next slice of a purge
        self.make_room();
        BackendError::DiskFull
    }
}

/// What a group needs to be answered or tried again if it is undone.
enum Kept {
    /// A commit that was not written.
    Commit(Answer<Result<Committed, CommitError>>),
    /// The settlements of a command that was written, in the order of [`Group::written`].
    Settle(Vec<Settlement>),
    /// A command that was not looked at.
    Untried(Command),
}

/// Takes what waits. A command that changes an application ends the group, so that routes are always
/// decided by configurations that stand; one that is not for a group is carried over.
fn gather(
    first: Command,
    commands: &mut mpsc::Receiver<Command>,
    carried: &mut Option<Command>,
) -> Vec<Command> {
    let mut bytes = weight(&first);
    let mut last = ends_group(&first);
    let mut group = vec![first];
    while !last
        && group.len() < GROUP_MAX
        && bytes < GROUP_BYTES_MAX
        && let Ok(command) = commands.try_recv()
    {
        if !matches!(command, Command::Commit(..) | Command::Settle(..)) {
            *carried = Some(command);
            break;
        }
        bytes += weight(&command);
        last = ends_group(&command);
        group.push(command);
    }
    group
}

fn weight(command: &Command) -> usize {
    match command {
        Command::Commit(commit, _) => commit.events.iter().map(|event| event.payload.len()).sum(),
        Command::Settle(settlements, _) => {
            let body = |s: &Settlement| s.attempt.as_ref().map_or(0, |attempt| attempt.body.len());
            settlements.iter().map(body).sum()
        }
        Command::Purge(..)
        | Command::Replay(..)
        | Command::Seal(..)
        | Command::Upkeep(..)
        | Command::Close(..) => 0,
    }
}

fn ends_group(command: &Command) -> bool {
    let Command::Commit(commit, _) = command else { return false };
    commit.put.iter().any(|put| put.key.kind == queue::RecordKind::Application)
}

fn answer(written: Written) {
    match written {
        Written::Commit(events, sender) => reply(sender, Ok(Committed { events })),
        Written::Settle(settled, sender) => reply(sender, Ok(settled)),
    }
}

/// Answers; nobody minds if the caller is gone.
fn reply<T>(sender: Answer<T>, answer: T) {
    drop(sender.send(answer));
}
