//! Finding events in the history: which entries of a stretch of the log show an event that matches.
//!
//! A stretch lies within one block. If the block is full its slice answers, and what states are asked
//! for is read off the marks of the block; otherwise, and where the time that is asked for begins or
//! ends, the entries are scanned. Both ways each event counts where it is shown (see `lives`) with the
//! state of its latest life.
//!
//! Every step is paid for out of a budget, so that no question, however rare its answer, takes long or
//! holds a snapshot of the log for long.

use std::collections::{BTreeMap, HashMap};

use model::{AppId, EventKind, FileId, Seq, Timestamp, limits};
use queue::{State, ledger};
use rusqlite::{Connection, OptionalExtension, Result};

use crate::blocks::{Blocks, Marks};
use crate::lives::{self, Later};
use crate::offsets::Offsets;
use crate::pack::Unpacker;
use crate::shared::Shared;
use crate::slices::{self, Head};
use crate::{sql, unsql};

/// Entries that are scanned in one go.
const SCAN: u64 = 1_024;

/// Lives of one event that are read one by one; beyond it the latest is asked for.
const LIVES: u32 = 8;

/// Prices, in entries scanned: all of them take a quarter of a microsecond or a little more.
mod price {
    /// Looking into a slice, and at the marks of its block.
    pub(super) const SLICE: u64 = 80;
    /// Asking what is known of one event: its lives, its state, its row.
    pub(super) const EVENT: u64 = 16;
}

/// What is asked for; empty lists and missing values ask for everything.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) app: AppId,
    pub(crate) states: Vec<State>,
    pub(crate) kinds: Vec<EventKind>,
    pub(crate) file: Option<FileId>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

impl Filter {
    /// Whether an event of that kind, stated at that time, is asked for.
    pub(crate) fn wants(&self, kind: EventKind, stated: Timestamp) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind)) && self.covers(stated, stated)
    }

    pub(crate) fn wants_state(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// Whether all of that time is asked for.
    fn covers(&self, from: Timestamp, to: Timestamp) -> bool {
        self.since.is_none_or(|since| from >= since) && self.until.is_none_or(|until| to < until)
    }

    /// Whether some of that time is asked for.
    fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        from <= to
            && self.since.is_none_or(|since| to >= since)
            && self.until.is_none_or(|until| from < until)
    }
}

/// How a stretch is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// By the slice of its block.
    Slice,
    /// Entry by entry.
    Scan,
    /// Later lives only.
    Later,
}

/// A stretch of the log and what was found in it: entries that show events that match, and perhaps
/// some that only look like it.
#[derive(Debug)]
pub(crate) struct Found {
    /// The first entry of the stretch, and the first behind it.
    pub(crate) from: Seq,
    pub(crate) to: Seq,
    hits: Offsets,
}

impl Found {
    /// The entries found, oldest first.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = Seq> {
        self.hits.iter(ledger::block_of(self.from))
    }
}

/// One search, within one snapshot of the log.
pub(crate) struct Search<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) shared: &'a Shared,
    pub(crate) filter: &'a Filter,
    pub(crate) blocks: Blocks,
    /// The first entry that no slice knows.
    tail: Seq,
    /// Behind the last entry.
    pub(crate) end: Seq,
    budget: u64,
    /// Which blocks are there, as far as that was asked.
    there: HashMap<u64, bool>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(db: &'a Connection, shared: &'a Shared, filter: &'a Filter) -> Result<Self> {
        let select = "SELECT max(seq) FROM entry";
        let last: Option<i64> = db.prepare_cached(select)?.query_row([], |row| row.get(0))?;
        Ok(Self {
            db,
            shared,
            filter,
            blocks: Blocks::default(),
            tail: Seq(slices::tail(db)? * limits::BLOCK_ENTRIES),
            end: Seq(last.map_or(0, |last| unsql(last) + 1)),
            budget: limits::HISTORY_SCAN_MAX,
            there: HashMap::new(),
        })
    }

    fn spend(&mut self, price: u64) {
        self.budget = self.budget.saturating_sub(price);
    }

    /// Whether it has looked at as much as one call may.
    pub(crate) fn is_spent(&self) -> bool {
        self.budget == 0
    }

    /// Looks at the next stretch before an entry; none: there is nothing more.
    pub(crate) fn before(&mut self, seq: Seq) -> Result<Option<Found>> {
        let mut to = seq.min(self.end);
        if to > self.tail {
            // what was restored from a backup goes on far ahead
            let select = "SELECT max(seq) FROM entry WHERE seq < ?1";
            to = self.entry(select, to)?.map_or(Seq(0), Seq::next);
        }
        if to > self.tail {
            let from = Seq((to.0 - 1) / SCAN * SCAN).max(self.tail);
            return self.look(from, to, Look::Scan, None).map(Some);
        }
        let Some(last) = to.0.checked_sub(1) else { return Ok(None) };
        let select = "SELECT no, oldest, newest, earliest FROM slice WHERE no <= ?1
                      AND ((oldest < ?3 AND newest >= ?2) OR earliest IS NOT NULL)
                      ORDER BY no DESC LIMIT 1";
        let Some(head) = self.head(select, ledger::block_of(Seq(last)))? else { return Ok(None) };
        let first = head.number * limits::BLOCK_ENTRIES;
        let to = to.min(Seq(first + limits::BLOCK_ENTRIES));
        let how = self.how(&head);
        let from = if how == Look::Scan { (to.0 - 1) / SCAN * SCAN } else { first };
        self.look(Seq(from), to, how, Some(&head)).map(Some)
    }

    /// Looks at the next stretch from an entry on, up to another; none: there is nothing more.
    pub(crate) fn after(&mut self, seq: Seq, end: Seq) -> Result<Option<Found>> {
        let end = end.min(self.end);
        let select = "SELECT no, oldest, newest, earliest FROM slice WHERE no >= ?1
                      AND ((oldest < ?3 AND newest >= ?2) OR earliest IS NOT NULL)
                      ORDER BY no LIMIT 1";
        let head = if seq < self.tail { self.head(select, ledger::block_of(seq))? } else { None };
        let (from, behind, how) = if let Some(head) = &head {
            let first = head.number * limits::BLOCK_ENTRIES;
            (seq.max(Seq(first)), first + limits::BLOCK_ENTRIES, self.how(head))
        } else {
            let select = "SELECT min(seq) FROM entry WHERE seq >= ?1";
            let next = self.entry(select, seq.max(self.tail))?;
            (next.unwrap_or(end), u64::MAX, Look::Scan)
        };
        let next_scan = (from.0 / SCAN).saturating_add(1).saturating_mul(SCAN);
        let to = if how == Look::Scan { next_scan } else { behind };
        let to = Seq(to).min(end);
        if from >= to { Ok(None) } else { self.look(from, to, how, head.as_ref()).map(Some) }
    }

    fn entry(&self, select: &str, bound: Seq) -> Result<Option<Seq>> {
        let seq: Option<i64> =
            self.db.prepare_cached(select)?.query_row([sql(bound.0)], |row| row.get(0))?;
        Ok(seq.map(|seq| Seq(unsql(seq))))
    }

    fn head(&self, select: &str, number: u64) -> Result<Option<Head>> {
        let since = self.filter.since.map_or(i64::MIN, |since| since.0);
        let until = self.filter.until.map_or(i64::MAX, |until| until.0);
        let mut statement = self.db.prepare_cached(select)?;
        statement.query_row((sql(number), since, until), slices::head).optional()
    }

    fn how(&self, head: &Head) -> Look {
        let (oldest, newest) = (Timestamp(head.oldest), Timestamp(head.newest));
        if !self.filter.touches(oldest, newest) {
            return Look::Later;
        }
        if self.filter.covers(oldest, newest) { Look::Slice } else { Look::Scan }
    }

    fn look(&mut self, from: Seq, to: Seq, how: Look, head: Option<&Head>) -> Result<Found> {
        let number = ledger::block_of(from);
        let later = self.later_lives(from, to, how, head)?;
        let mut hits = match how {
            Look::Slice => self.in_slice(number)?,
            Look::Scan => self.scan(from, to, &later)?,
            Look::Later => Offsets::default(),
        };
        self.spend(price::SLICE);
        hits.keep(from, to);
        if !self.filter.states.is_empty() && !hits.is_empty() {
            self.in_states(from, to, &mut hits)?;
        }
        for (seq, later) in later {
            if self.is_shown(seq, &later)? {
                self.spend(price::EVENT);
                if self.matches(seq, &later)? {
                    hits.insert(seq);
                }
            }
        }
        Ok(Found { from, to, hits })
    }

    fn in_slice(&self, number: u64) -> Result<Offsets> {
        let Filter { app, ref kinds, file, .. } = *self.filter;
        let Some(file) = file else { return slices::parts(self.db, number, app, kinds) };
        let mut hits = slices::of_file(self.db, number, file)?;
        if !hits.is_empty() {
            hits.meet(&slices::parts(self.db, number, app, kinds)?);
        }
        Ok(hits)
    }

    fn scan(&mut self, from: Seq, to: Seq, later: &BTreeMap<Seq, Later>) -> Result<Offsets> {
        self.spend(to.0 - from.0);
        let mut hits = Offsets::default();
        let select = "SELECT seq, kind, at, files FROM entry
                      WHERE seq >= ?1 AND seq < ?2 AND app = ?3";
        let mut statement = self.db.prepare_cached(select)?;
        let mut rows = statement.query((sql(from.0), sql(to.0), sql(self.filter.app.0)))?;
        while let Some(row) = rows.next()? {
            let seq = Seq(unsql(row.get(0)?));
            let kind = EventKind::from_code(row.get(1)?);
            let stated = Timestamp(row.get(2)?);
            let mut files = Unpacker::new(row.get_ref(3)?.as_blob()?);
            let speaks_of = |file: FileId| std::iter::from_fn(|| files.get()).any(|f| f == file.0);
            if kind.is_some_and(|kind| self.filter.wants(kind, stated))
                && self.filter.file.is_none_or(speaks_of)
                && !later.contains_key(&seq)
            {
                hits.insert(seq);
            }
        }
        Ok(hits)
    }

    /// Keeps the first lives whose events are in a state that is asked for.
    fn in_states(&mut self, from: Seq, to: Seq, hits: &mut Offsets) -> Result<()> {
        let number = ledger::block_of(from);
        let marks = Marks::of_states(&self.filter.states);
        let mut kept = self.blocks.marked(self.db, self.shared, number, marks)?;
        kept.meet(hits);
        self.open_in_states(number, &mut kept)?;
        // an event that has later lives is in the state of the latest
        for (first, latest) in self.replayed(from, to)? {
            if hits.contains(first) {
                self.spend(1);
                let state = self.blocks.state(self.db, self.shared, latest)?;
                let state = state.map_or(State::Ready, |(state, _)| state);
                if self.filter.wants_state(state) { kept.insert(first) } else { kept.remove(first) }
            }
        }
        *hits = kept;
        Ok(())
    }

    /// First lives of a stretch that have later ones, each with its latest.
    fn replayed(&mut self, from: Seq, to: Seq) -> Result<Vec<(Seq, Seq)>> {
        let select = "SELECT first, seq FROM life WHERE first >= ?1 AND first < ?2
                      ORDER BY first, seq";
        let db = self.db;
        let mut statement = db.prepare_cached(select)?;
        let mut found: Vec<(Seq, Seq)> = Vec::new();
        let mut next = from;
        'on: loop {
            let mut rows = statement.query((sql(next.0), sql(to.0)))?;
            let mut lives = 0;
            while let Some(row) = rows.next()? {
                self.spend(1);
                let (first, seq) = (Seq(unsql(row.get(0)?)), Seq(unsql(row.get(1)?)));
                match found.last_mut() {
                    Some((known, latest)) if *known == first => {
                        (*latest, lives) = (seq, lives + 1);
                        // one that was replayed without end is not to be read to its end
                        if lives > LIVES {
                            *latest = lives::latest(db, first)?;
                            self.spend(price::EVENT);
                            next = first.next();
                            continue 'on;
                        }
                    }
                    _ => {
                        lives = 1;
                        found.push((first, seq));
                    }
                }
            }
            return Ok(found);
        }
    }

    /// Marks do not tell the open states apart; the engine does.
    fn open_in_states(&mut self, number: u64, kept: &mut Offsets) -> Result<()> {
        let open = [State::Ready, State::Leased, State::Delayed];
        let all = open.iter().all(|state| self.filter.states.contains(state));
        let some = open.iter().any(|state| self.filter.states.contains(state));
        if all || !some || kept.is_empty() {
            return Ok(());
        }
        let mut doubtful = self.blocks.marked(self.db, self.shared, number, Marks::OPEN)?;
        doubtful.meet(kept);
        let engine = self.shared.engine();
        let (mut asked, states) = (0, &self.filter.states);
        for seq in doubtful.iter(number) {
            asked += 1;
            if engine.state(seq).is_some_and(|(state, _)| !states.contains(&state)) {
                kept.remove(seq);
            }
        }
        drop(engine);
        self.spend(asked);
        Ok(())
    }

    /// Entries of a stretch that are later lives and may be where their events are shown.
    fn later_lives(
        &mut self,
        from: Seq,
        to: Seq,
        how: Look,
        head: Option<&Head>,
    ) -> Result<BTreeMap<Seq, Later>> {
        if head.is_some_and(|head| head.earliest.is_none()) {
            return Ok(BTreeMap::new());
        }
        if how != Look::Scan
            && let Some(head) = head
            && let Some(earliest) = head.earliest
        {
            // none is shown while every block that may have an earlier life is there
            let select = "SELECT count(*) FROM slice WHERE no >= ?1 AND no < ?2";
            let range = (sql(earliest), sql(head.number));
            let there: i64 = self.db.prepare_cached(select)?.query_row(range, |row| row.get(0))?;
            if unsql(there) == head.number.saturating_sub(earliest) {
                return Ok(BTreeMap::new());
            }
        }
        let later = lives::within(self.db, from, to)?;
        self.spend(u64::try_from(later.len()).unwrap_or(u64::MAX));
        Ok(later)
    }

    /// Whether a later life is where its event is shown: no earlier one can be seen.
    fn is_shown(&mut self, seq: Seq, later: &Later) -> Result<bool> {
        let first = later.life.first;
        if self.is_there(first)? {
            return Ok(false);
        }
        let select = "SELECT seq FROM life WHERE first = ?1 AND seq < ?2 ORDER BY seq DESC";
        let mut statement = self.db.prepare_cached(select)?;
        let mut earlier = statement.query((sql(first.0), sql(seq.0)))?;
        while let Some(row) = earlier.next()? {
            if self.is_there(Seq(unsql(row.get(0)?)))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a search can come upon an entry.
    fn is_there(&mut self, seq: Seq) -> Result<bool> {
        if seq >= self.tail {
            let select = "SELECT EXISTS (SELECT 1 FROM entry WHERE seq = ?1)";
            return self.db.prepare_cached(select)?.query_row([sql(seq.0)], |row| row.get(0));
        }
        let number = ledger::block_of(seq);
        if let Some(there) = self.there.get(&number) {
            return Ok(*there);
        }
        let there = slices::is_there(self.db, number)?;
        self.there.insert(number, there);
        Ok(there)
    }

    /// Whether the event of a later life is asked for.
    fn matches(&mut self, seq: Seq, later: &Later) -> Result<bool> {
        let select = "SELECT kind FROM entry WHERE seq = ?1 AND app = ?2";
        let mut statement = self.db.prepare_cached(select)?;
        let kind = statement.query_row((sql(seq.0), sql(self.filter.app.0)), |row| row.get(0));
        let kind = kind.optional()?.and_then(EventKind::from_code);
        if !kind.is_some_and(|kind| self.filter.wants(kind, later.stated)) {
            return Ok(false);
        }
        if self.filter.states.is_empty() {
            return Ok(true);
        }
        let latest = lives::latest(self.db, later.life.first)?;
        let state = self.blocks.state(self.db, self.shared, latest)?;
        Ok(self.filter.wants_state(state.map_or(State::Ready, |(state, _)| state)))
    }
}
