//! The machine's clocks: the one place of the server where the wall clock is read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::{Clock, Mono, Now, Timestamp};
use tokio::time::Instant;

/// The wall clock of the machine, and a monotonic one that counts from its creation.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading is 0 now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

/// The wall clock now.
#[expect(clippy::disallowed_methods, reason = "this is model::Clock over the machine's clock")]
pub fn wall() -> Timestamp {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp(ms(since)),
        Err(before) => Timestamp(-ms(before.duration())),
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let elapsed = self.started.elapsed().as_millis();
        Now { wall: wall(), mono: Mono(u64::try_from(elapsed).unwrap_or(u64::MAX)) }
    }
}
