//! The only code that connects to addresses that users chose: PUSH targets, and media to be fetched.
//!
//! [`Client::exchange`] sends one HTTP/1.1 request and reads the beginning of the answer. On the way:
//! the URL is checked against the [`Policy`], its host is resolved, every resolved address is
//! checked, and the connection goes to an address that was checked; nothing is resolved twice. One
//! deadline covers all of it, and every byte that a hostile receiver may make us hold is bounded.
//!
//! [`Client::download`] fetches a file in the same way, and as a stream.
//!
//! Deliberately absent: redirects of an exchange (a receiver could send us inside; a download follows
//! a few, each checked anew), proxies from the environment, cookies, decompression, HTTP/2.

pub mod address;
pub mod cidr;
pub mod client;
mod connect;
mod download;
mod flights;
pub mod handshake;
mod meter;
mod pace;
pub mod policy;
mod pool;
mod proxy;
pub mod resolve;
pub mod tls;
pub mod trust;

pub use address::{Class, classify};
pub use cidr::{Cidr, CidrError};
pub use client::{Client, Exchange, ExchangeError, Limits, Request};
pub use download::{Download, Fetch, FetchError, Patience, Resume};
pub use handshake::TlsFailure;
pub use pace::Pace;
pub use policy::{Policy, Refusal};
pub use proxy::{Proxy, ProxyError};
pub use resolve::{Query, Resolve, SystemResolver};
pub use tls::{OwnError, Tls};
pub use trust::{Trust, TrustError};
