//! The signatures of real clients, byte for byte, and what must not pass for them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod captured;
mod cos;
mod data;
mod properties;
mod published;
