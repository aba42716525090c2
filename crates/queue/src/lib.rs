//! One queue, two consumers: the pure engine that both PUSH and PULL lease from, and the trait
//! [`Backend`] behind which its log is kept.
//!
//! ```text
//!                     append                  lease                     settle: done
//!   fact ─────────────────────▶ READY ─────────────────▶ LEASED ─────────────────────▶ DONE
//!     │                          ▲ ▲                      │  │ │
//!     │ nobody wants it          │ │  lease ends (30 s):  │  │ │ settle: give up
//!     └──────▶ IGNORED           │ └──behind what waits ──┘  │ └────────────────────▶ DEAD
//!                                │                           │ settle: retry at t
//!                                └────── due ─── DELAYED ◀───┘
//!   DONE, DEAD, IGNORED ── replay ──▶ a new life: a new READY entry at the tail, same event id
//!   READY, LEASED, DELAYED ── purge, destroy, unsettled 4 days after birth ──▶ DEAD
//! ```
//!
//! The engine does no I/O and reads no clock: `now` is an argument. Payloads are deliberately
//! absent; the engine knows entries by number and the store knows their bytes.

pub mod backend;
pub mod circuit;
pub mod engine;
pub mod entry;
pub mod history;
pub mod ledger;
pub mod listing;
pub mod observe;
mod recent;
pub mod record;
pub mod schedule;
pub mod state;
pub mod steady;
mod timers;
pub mod verdict;
mod waiting;

pub use backend::{
    Backend, BackendError, Commit, CommitError, Committed, Configured, Health, LeaseError,
    LeaseRequest, Leased, Lessee, Load, Published, PurgeRequest, ReplayError, ReplayRequest,
    Replayed, Resolution, Selection, Settled, Settlement,
};
pub use circuit::{Allowance, Circuit};
pub use engine::{Ask, Engine, EngineSettings, Grant, Life, Refusal, Route};
pub use entry::Entry;
pub use history::{Attempt, EventDetail, EventPage, EventQuery, EventRow};
pub use ledger::{Block, Ledger, Mark};
pub use listing::{Condition, Listing, Order, SearchPage, SearchQuery, Tally, TallyQuery};
pub use observe::{Observer, Silent};
pub use record::{
    DueQuery, Record, RecordKey, RecordKind, RecordPage, RecordPut, RecordQuery, Term,
};
pub use schedule::Schedule;
pub use state::{Reason, State};
pub use steady::{Anchor, Steady};
pub use verdict::{Outcome, Pulse, Verdict, judge};
