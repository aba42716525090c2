//! Waiting for a state: a look now and then, and a deadline after which the test has failed.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// Longer than anything takes that is waited for, on a machine with other work too.
const DEADLINE: Duration = Duration::from_mins(1);

/// Waits until something holds.
///
/// # Panics
/// If it does not in a minute; `what` says what it was.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    until_some(what, async || holds().await.then_some(())).await;
}

/// Waits until something is there, and gives it.
///
/// # Panics
/// If it is not in a minute; `what` says what it was.
#[expect(clippy::panic, reason = "a state that does not come is a failed test")]
pub async fn until_some<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let found = async {
        loop {
            looks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    timeout(DEADLINE, found).await.unwrap_or_else(|_late| panic!("waited for {what}"))
}
