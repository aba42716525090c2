//! An open entry, and how it is held while it is not READY.

use model::{EventKind, Handle, Seq};

use crate::state::State;
use crate::steady::Steady;

/// An open entry: 24 bytes, because there may be twenty million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub seq: Seq,
    born_s: u32,
    first_attempt_s: u32,
    /// Attempts of PUSH that were made.
    pub attempts: u16,
    /// The type of its event.
    pub kind: EventKind,
    /// Its place in the line of its application, while it is READY or leased; wraps around.
    pub(crate) turn: u32,
}

impl Entry {
    /// An entry without attempts.
    pub fn new(seq: Seq, kind: EventKind, born: Steady) -> Self {
        let born_s = seconds(born);
        Self { seq, born_s, first_attempt_s: 0, attempts: 0, kind, turn: 0 }
    }

    /// The entry after that many attempts, the first of them at `first`.
    #[must_use]
    pub fn with_attempts(self, attempts: u16, first: Option<Steady>) -> Self {
        let first_attempt_s = first.map_or(0, seconds);
        Self { first_attempt_s, attempts, ..self }
    }

    /// The entry after one more attempt.
    #[must_use]
    pub fn tried(self, at: Steady) -> Self {
        let first = self.first_attempt().unwrap_or(at);
        self.with_attempts(self.attempts.saturating_add(1), Some(first))
    }

    /// The entry at that place in its line.
    pub(crate) fn with_turn(self, turn: u32) -> Self {
        Self { turn, ..self }
    }

    /// When it was appended, to the second.
    pub fn born(&self) -> Steady {
        Steady(i64::from(self.born_s) * 1000)
    }

    /// When its first attempt was made, to the second.
    pub fn first_attempt(&self) -> Option<Steady> {
        (self.first_attempt_s != 0).then(|| Steady(i64::from(self.first_attempt_s) * 1000))
    }
}

/// Whole seconds, rounded down; 0 before 1970.
fn seconds(at: Steady) -> u32 {
    let seconds = at.0.div_euclid(1000).max(0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// An entry that is open but not READY.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) app: model::AppId,
    pub(crate) entry: Entry,
    pub(crate) hold: Hold,
}

/// How it is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hold {
    /// By a consumer.
    Leased { boot: u32, lease: u64, until: Steady },
    /// Until its next attempt.
    Delayed { due: Steady },
    /// By a change that is being written down.
    Claimed { was: Was },
}

/// What a claimed entry was, and is again if the change cannot be written down.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Was {
    Ready,
    Leased { boot: u32, lease: u64, until: Steady },
    Delayed { due: Steady },
}

impl Held {
    pub(crate) fn is_lease(&self, handle: Handle) -> bool {
        matches!(self.hold, Hold::Leased { boot, lease, .. }
            if boot == handle.boot && lease == handle.lease)
    }

    pub(crate) fn was_lease(&self, handle: Handle) -> bool {
        matches!(self.hold, Hold::Claimed { was: Was::Leased { boot, lease, .. } }
            if boot == handle.boot && lease == handle.lease)
    }
}

impl Hold {
    /// LEASED or DELAYED; none for a claim.
    pub(crate) const fn state(&self) -> Option<State> {
        match self {
            Self::Leased { .. } => Some(State::Leased),
            Self::Delayed { .. } => Some(State::Delayed),
            Self::Claimed { .. } => None,
        }
    }

    /// The time of the next attempt, of an entry that is or was delayed.
    pub(crate) const fn due(&self) -> Option<Steady> {
        match self {
            Self::Delayed { due } | Self::Claimed { was: Was::Delayed { due } } => Some(*due),
            Self::Leased { .. } | Self::Claimed { .. } => None,
        }
    }

    /// When the hold ends by itself.
    pub(crate) const fn timer(&self) -> Steady {
        match self {
            Self::Leased { until, .. } => *until,
            Self::Delayed { due } => *due,
            Self::Claimed { .. } => Steady(i64::MAX),
        }
    }

    /// What a claim of it remembers.
    pub(crate) const fn was(&self) -> Was {
        match *self {
            Self::Leased { boot, lease, until } => Was::Leased { boot, lease, until },
            Self::Delayed { due } => Was::Delayed { due },
            Self::Claimed { was } => was,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn attempts_remember_the_first() {
        let entry = Entry::new(Seq(1), EventKind::FileDeleted, Steady(5_999));
        assert_eq!((entry.born(), entry.first_attempt()), (Steady(5_000), None));
        let twice = entry.tried(Steady(7_000)).tried(Steady(9_000));
        assert_eq!((twice.attempts, twice.first_attempt()), (2, Some(Steady(7_000))));
    }
}
