//! The states of an entry, and why it is in a final one.

use model::IgnoredReason;

/// Where an entry stands; it is in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits to be leased.
    Ready,
    /// Held by a consumer until its lease ends.
    Leased,
    /// Waits for the time of its next attempt.
    Delayed,
    /// Confirmed, or accepted by the receiver.
    Done,
    /// Given up; [`Reason`] says why.
    Dead,
    /// Nobody wanted it when it was stated.
    Ignored,
}

impl State {
    /// Every state, in the order of the life of an entry.
    pub const ALL: [Self; 6] =
        [Self::Ready, Self::Leased, Self::Delayed, Self::Done, Self::Dead, Self::Ignored];

    /// The name in the API, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Leased => "LEASED",
            Self::Delayed => "DELAYED",
            Self::Done => "DONE",
            Self::Dead => "DEAD",
            Self::Ignored => "IGNORED",
        }
    }

    /// The state with that name, matched exactly.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether the entry still waits to be settled.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Ready | Self::Leased | Self::Delayed)
    }
}

/// Why an entry was ignored or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// IGNORED: the switch of its kind was OFF.
    SwitchOff,
    /// IGNORED: PUSH mode without an address.
    NoUrl,
    /// DEAD: the schedule ended with a failed attempt.
    Exhausted,
    /// DEAD: not settled within four days of its birth.
    Expired,
    /// DEAD: PurgeEvents.
    Purged,
    /// DEAD: its application was destroyed.
    Destroyed,
}

impl Reason {
    /// Every reason, in the order of its stored code.
    pub const ALL: [Self; 6] = [
        Self::SwitchOff,
        Self::NoUrl,
        Self::Exhausted,
        Self::Expired,
        Self::Purged,
        Self::Destroyed,
    ];

    /// The word in the API and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SwitchOff => "SwitchOff",
            Self::NoUrl => "NoNotificationUrl",
            Self::Exhausted => "AttemptsExhausted",
            Self::Expired => "Expired",
            Self::Purged => "Purged",
            Self::Destroyed => "ApplicationDestroyed",
        }
    }
}

impl From<IgnoredReason> for Reason {
    fn from(reason: IgnoredReason) -> Self {
        match reason {
            IgnoredReason::SwitchOff => Self::SwitchOff,
            IgnoredReason::NoUrl => Self::NoUrl,
        }
    }
}
