//! The way of unmodified programs to Callboard: a proxy on this machine that takes the place of
//! Tencent's hosts, and the local authority that lets it speak TLS in their names.
//!
//! The upload clients for servers and browsers compute their host names (`bucket.cos.region.
//! myqcloud.com`) and speak TLS only, so no endpoint setting leads them here; a proxy setting does
//! (facts/media.md section 1.3). What arrives for Tencent's names goes to the server byte for byte,
//! `Host` included, so that signatures hold. The server does all checking; nothing is trusted because
//! it came this way.
//!
//! Three bounds on what a local authority could do to the machine that trusts it: its certificate
//! allows Tencent's names only, its key never leaves the data directory, and the proxy listens on
//! loopback addresses only.
//!
//! Deliberately absent: reading or changing what passes, WebSocket, HTTP/2, authentication (whoever
//! can reach the loopback address can reach the server, which asks for signatures).

mod answer;
pub mod authority;
mod certificates;
mod elsewhere;
mod forward;
pub mod names;
pub mod proxy;
mod server;
mod tunnel;

pub use authority::{Authority, AuthorityError};
pub use names::covers;
pub use proxy::{BindError, Deadlines, Note, Proxy, Settings, refusal};
pub use server::{FindAgain, Server};
