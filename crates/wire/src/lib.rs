//! API 3.0 as seen from outside: spec, actions, replies, event payloads, errors.
//!
//! The only crate that knows JSON field names. Bytes come in as [`Params`], become an [`Action`],
//! and what is decided about it goes out as a [`Reply`] or an [`ApiError`] through [`envelope`].
//! Events leave through [`event`], by PULL and by PUSH alike. Everything here is pure: no I/O, no
//! clock, no randomness. HTTP, signatures and headers are deliberately absent.

pub mod action;
pub mod conformance;
pub mod envelope;
pub mod error;
pub mod event;
pub mod params;
pub mod reply;
pub mod spec;
mod task;
mod text;
pub mod ugc;
mod wording;

pub use action::{Action, ActionName, EventState};
pub use error::{ApiError, Code};
pub use params::Params;
pub use reply::Reply;
pub use task::TaskStatus;
pub use text::Secret;
pub use wording::Language;
