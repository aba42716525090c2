//! The embedded store: one SQLite file that holds a log of events and the tables of the library.
//!
//! ```text
//!   command ─▶ decide ─▶ facts ─▶ write (one transaction a group) ─▶ fsync ─▶ apply to the engine ─▶ answer
//! ```
//!
//! One thread writes ([`writer`]); it takes every command that waits, writes them in one transaction
//! and answers them all after one fsync. The hot path only appends: entries, payloads, settlements.
//! Every open entry is in the engine's memory, so leasing touches no table but the payloads'.
//! A cluster replaces the step in the middle: facts go to a replicated log first, and every node
//! writes and applies what comes back; [`facts`] is that seam.
//!
//! Deliberately absent: an in-memory mode (`--ephemeral` uses a real file without fsync, so that
//! tests meet the real thing) and any knowledge of what an event says.

mod backup;
mod blocks;
mod cache;
mod checkpoint;
mod decide;
mod facts;
mod give_up;
mod history;
mod lease;
mod listings;
mod lives;
mod lock;
mod offsets;
mod pack;
mod readers;
mod records;
mod recover;
mod replay;
mod reserve;
mod retention;
mod schema;
mod search;
mod shared;
mod slices;
mod store;
mod tables;
mod wal;
mod writer;

pub use backup::{BackupError, BackupReport, backup};
pub use lock::LockError;
pub use schema::FORMAT;
pub use store::{OpenError, Options, Store};

/// A number as SQLite keeps it. Ids and sequence numbers stay far below the limit.
pub(crate) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was before SQLite kept it.
pub(crate) fn unsql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
