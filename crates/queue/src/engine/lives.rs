//! Lives after the first: an event that was replayed is a new entry, and keeps its identity.
//!
//! Few entries are one, so what an entry is beyond its number stands beside the entries and not in
//! them: each of twenty million would pay for it. Only open entries are known here; which life of an
//! event is the latest, once that has ended, is for the log to say.

use std::collections::HashMap;

use model::{EventId, Seq};

use super::Engine;

/// Which life of which event an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Life {
    /// The entry of the event's first life, which its id is made of.
    pub first: Seq,
    /// 2 for the first replay, one more with each.
    pub number: u32,
}

impl Life {
    /// How often the event had been replayed when this life began.
    #[must_use]
    pub const fn replays(self) -> u32 {
        self.number.saturating_sub(1)
    }
}

/// The open entries that are not their event's first life.
#[derive(Debug, Default)]
pub(super) struct Lives {
    entries: HashMap<Seq, Life>,
    /// The open life of an event, by its first one.
    open: HashMap<Seq, Seq>,
}

impl Lives {
    /// Forgets a life that has ended.
    pub(super) fn end(&mut self, seq: Seq) {
        if let Some(life) = self.entries.remove(&seq) {
            self.open.remove(&life.first);
        }
    }

    pub(super) fn get(&self, seq: Seq) -> Option<Life> {
        self.entries.get(&seq).copied()
    }

    /// The entry of the event's first life.
    pub(super) fn first(&self, seq: Seq) -> Seq {
        self.entries.get(&seq).map_or(seq, |life| life.first)
    }
}

impl Engine {
    /// Notes that an entry, which is about to be entered as open, is a later life of an event. None of
    /// its other lives is open.
    pub fn begin_life(&mut self, seq: Seq, life: Life) {
        self.lives.entries.insert(seq, life);
        self.lives.open.insert(life.first, seq);
    }

    /// Which life an open entry is; none: the first of its event.
    pub fn life(&self, seq: Seq) -> Option<Life> {
        self.lives.get(seq)
    }

    /// The entry that stands for an event while it is open: that of its open life, else of its first.
    pub fn entry_of(&self, event: EventId) -> Seq {
        self.lives.open.get(&event.first_seq).copied().unwrap_or(event.first_seq)
    }
}
