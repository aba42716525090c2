//! What the tests of several crates share: the real binary as a process, programs that talk to it,
//! receivers for its callbacks, counts for short and long runs. For tests only.
//!
//! Everything waits for a state with a deadline; nothing sleeps for a fixed time or tries twice.
//! Harness functions return [`std::io::Result`], because a test unwraps whatever goes wrong.

pub mod process;
pub mod program;
pub mod receiver;
pub mod soak;
