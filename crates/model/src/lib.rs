//! The nouns of Callboard, shared by every crate: ids, time, configuration, events and limits.
//!
//! Nothing here does I/O, reads a clock or draws a random number; whatever depends on those takes
//! the value as an argument. JSON field names are deliberately absent: only `wire` knows them. The
//! `serde` derives here belong to what the store keeps on disk (see `docs/format.md`).

pub mod application;
pub mod clock;
pub mod event;
pub mod ids;
pub mod key;
pub mod limits;
pub mod time;

pub use application::{
    Application, ApplicationStatus, EventConfig, Mode, Naming, Sealed, SigningSecret,
};
pub use clock::{Clock, Mono, Now};
pub use event::{EventKind, IgnoredReason, NewEvent, Switch};
pub use ids::{AppId, EventId, FileId, Handle, Seq};
pub use key::{ApiKey, Policy};
pub use time::Timestamp;
