//! What the parts of a running server report as they work, for metrics.
//!
//! One trait with empty defaults, so that a part can report without knowing who listens, and tests
//! need no listener. Reports are cheap and never fail.

use std::fmt::Debug;

use model::EventKind;

use crate::state::State;

/// Listens to what happens.
pub trait Observer: Debug + Send + Sync {
    /// An API call was answered; `code` is `OK` or the error code.
    fn request(&self, _action: &'static str, _code: &'static str, _seconds: f64) {}
    /// An event was stated and is in that state.
    fn event(&self, _kind: EventKind, _state: State) {}
    /// An attempt of PUSH ended: `success`, `status`, `timeout`, `connection`, `refused`.
    fn attempt(&self, _outcome: &'static str, _seconds: f64) {}
    /// A group of commands was made durable.
    fn batch(&self, _commands: usize, _seconds: f64) {}
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
