//! The gateway over real sockets and the real store: every trap of the API 3.0 wire, the order of
//! the checks, hostile clients, and every action's answer held against the spec.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

mod again;
mod applications;
mod clock;
mod configuration;
mod consumers;
mod cos;
mod delivery;
mod files;
mod hostile;
mod keys;
mod language;
mod library;
mod manifest;
mod message;
mod order;
mod pages;
mod publish;
mod pull;
mod pull_upload;
mod rates;
mod replay;
mod round;
mod server;
mod signing;
mod start;
mod traps;
mod types;
mod ugc;
