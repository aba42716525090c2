//! Signatures and sealing: bytes in, verdict out.
//!
//! Everything here is a pure function: no socket, no clock, no randomness. The time and every nonce are
//! arguments, so that each rule can be tested with the bytes of a real client at the second it sent them.
//! Verification is generous about *how* a client spelled what it signed (nine official SDKs disagree on
//! the host, the content type and the order of a query) and strict about *what* it signed.
//!
//! Deliberately absent: HTTP types (the crate borrows plain slices), key storage, error codes of the API,
//! and the decision who may do what.

pub mod callback;
pub mod cos;
pub mod hotlink;
pub mod seal;
pub mod tc3;
pub mod upload;
pub mod v1;
pub mod webhook;
pub mod window;

mod encoding;
mod mac;
mod request;

pub use request::SignedRequest;
