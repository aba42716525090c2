//! What the tests of several crates share: the real binary as a process, programs that talk to it,
//! receivers for its callbacks, a look at what it left on disk, counts for short and long runs. For
//! tests only.
//!
//! Everything waits for a state with a deadline; nothing sleeps for a fixed time or tries twice.
//! Harness functions return a [`Failure`], which a test unwraps whatever it is.

pub mod agreement;
pub mod background;
pub mod bucket;
pub mod certificate;
pub mod disk;
pub mod events;
pub mod process;
pub mod program;
pub mod receiver;
pub mod soak;
pub mod until;

use std::fmt;
use std::io;

/// Why a harness function could not do what a test wanted. Its `Debug` form is plain text with line
/// breaks, so that an unwrapped failure can be read; there is nothing to match on.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Self {
        Self(error.to_string())
    }
}

/// What harness functions return.
pub type Result<T> = std::result::Result<T, Failure>;
