//! What a gateway may be told at start: numbers and switches, each with a runnable default.
//!
//! Deliberately absent: everything that users change at run time, which is data in the backend.

use std::time::Duration;

use model::{AppId, limits};
use wire::Secret;

use crate::cors::Origins;
use crate::rate::RateLimits;

/// What PullEvents answers when nothing came (`pull.empty`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PullEmpty {
    /// `ResourceNotFound`, message `no event`, as clients of the real service expect.
    #[default]
    Error,
    /// `EventSet: []`.
    List,
}

/// The settings of a gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The default application, meant by SubAppId absent or 0; the account's AppId.
    pub default_app: AppId,
    /// Refuse calls that name no application (`require_sub_app_id`).
    pub require_sub_app_id: bool,
    /// Host names under which clients may have signed besides the one they sent, such as
    /// `vod.tencentcloudapi.com` behind a gateway.
    pub host_aliases: Vec<String>,
    /// Length of a PULL lease in ms (`pull.lease`).
    pub pull_lease_ms: u64,
    /// How long PullEvents waits for the first event in ms (`pull.wait`).
    pub pull_wait_ms: u64,
    /// What PullEvents answers when nothing came.
    pub pull_empty: PullEmpty,
    /// Calls a second, by action.
    pub rates: RateLimits,
    /// Web pages that may read media (`media.cors_origins`).
    pub media_origins: Origins,
    /// The key that must have signed the address of a media file (`media.signing_key`); none: all are
    /// served.
    pub media_signing_key: Option<Secret>,
    /// Web pages that may upload (`media.upload_cors_origins`).
    pub upload_origins: Origins,
    /// What one connection and one request may cost.
    pub transport: Transport,
}

/// What one connection and one request may cost. The defaults are those of [`model::limits`];
/// tests shorten the deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Until a request's header block must be complete, from its first byte; of the first request,
    /// from the connection's beginning.
    pub header_read: Duration,
    /// How long a connection is kept for the next request of a client that has shown a valid key.
    pub keep_alive: Duration,
    /// The same for any other client.
    pub keep_alive_of_stranger: Duration,
    /// How long a connection may wait for its client before it can be closed to make room.
    pub make_room_after: Duration,
    /// Until an API request's body must be complete.
    pub body_read: Duration,
    /// How long a client may take no byte of an answer that waits for it.
    pub write_stall: Duration,
    /// How long is waited, in all, for a client to take [`limits::ANSWER_PIECE_BYTES`].
    pub write_crawl: Duration,
    /// How long a graceful stop waits for the requests under way.
    pub drain: Duration,
    /// Connections held at once. When more come, those go that have waited longest for their clients;
    /// while none can go, new ones wait.
    pub connections: usize,
    /// Bytes of large API bodies in memory at once, all connections together; one body may go beyond.
    pub bodies_in_flight_bytes: usize,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            header_read: Duration::from_millis(limits::HEADER_READ_MS),
            keep_alive: Duration::from_millis(limits::KEEP_ALIVE_MS),
            keep_alive_of_stranger: Duration::from_millis(limits::STRANGER_KEEP_ALIVE_MS),
            make_room_after: Duration::from_millis(limits::MAKE_ROOM_AFTER_MS),
            body_read: Duration::from_millis(limits::BODY_READ_MS),
            write_stall: Duration::from_millis(limits::OBJECT_IDLE_MS),
            write_crawl: Duration::from_millis(limits::ANSWER_PIECE_MS),
            drain: Duration::from_millis(limits::SHUTDOWN_MS - 2_000),
            connections: limits::CONNECTIONS_MAX,
            bodies_in_flight_bytes: limits::BODIES_IN_FLIGHT_BYTES_MAX,
        }
    }
}

impl Settings {
    /// The defaults for an account with that AppId.
    pub fn new(default_app: AppId) -> Self {
        Self {
            default_app,
            require_sub_app_id: false,
            host_aliases: Vec::new(),
            pull_lease_ms: limits::PULL_LEASE_MS,
            pull_wait_ms: limits::PULL_WAIT_MS,
            pull_empty: PullEmpty::default(),
            rates: RateLimits::default(),
            media_origins: Origins::default(),
            media_signing_key: None,
            upload_origins: Origins::default(),
            transport: Transport::default(),
        }
    }
}
