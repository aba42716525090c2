//! The HTTP surface: API 3.0, the COS surface, media files.
//!
//! ```text
//! socket ─ server ─▶ http ─▶ auth ─▶ rate ─▶ wire (schema) ─▶ actions ─▶ Backend, Library
//!                      │      who        how often               what
//!                      ├─▶ cos     a request signed with an upload session's key
//!                      ├─▶ ugc     a call of an upload SDK that has a signature instead of a key
//!                      └─▶ files   /media/…
//! ```
//!
//! [`Gateway::dispatch`] is the whole of what Callboard can be asked; HTTP is one way to it and the
//! console another. Deliberately absent: JSON field names and error texts (`wire`), what signatures
//! are (`sign`), and how media are kept (`media`).

mod actions;
mod auth;
mod body;
pub mod bootstrap;
mod caller;
mod cors;
mod cos;
mod faults;
mod files;
mod gateway;
mod http;
mod keyring;
mod pairs;
mod params;
mod patience;
mod rate;
mod seats;
mod secret;
mod server;
mod settings;
mod spelling;
mod tls;
mod ugc;

pub use bootstrap::{Bootstrap, BootstrapError, ConfiguredApplication, RootKey};
pub use caller::Caller;
pub use cors::Origins;
pub use gateway::{Gateway, GatewayParts};
pub use rate::RateLimits;
pub use server::{serve, serve_router};
pub use settings::{PullEmpty, Settings, Transport};
pub use tls::{Tls, TlsError};
