//! Time that stands still for everything, the deadlines of the client included, and moves when a
//! test says so: the only way to wait two days for a receiver that never answers.

use std::sync::mpsc;
use std::time::Duration;

use egress::Policy;
use model::EventKind;
use push::Settings;
use queue::{Reason, State};
use testkit::receiver::{Reaction, Received, Receiver};
use tokio::time::{advance, pause};

use crate::bed::{APP, Bed};

/// Never passes, unless time goes again by itself.
const DEADLINE: Duration = Duration::from_hours(1);

/// Keeps tokio's clock from moving by itself. Paused, it skips to the next timer whenever nothing
/// runs, and so ends the deadline of a request whose bytes the kernel still carries; but not while
/// a blocking task runs.
struct Frozen {
    _thawed_when_dropped: mpsc::Sender<()>,
}

impl Frozen {
    fn time() -> Self {
        pause();
        let (sender, dropped) = mpsc::channel::<()>();
        // a test that waits for what does not come fails when this ends: then its deadlines pass
        tokio::task::spawn_blocking(move || dropped.recv_timeout(Duration::from_mins(2)));
        Self { _thawed_when_dropped: sender }
    }
}

fn is_poison(received: &Received) -> bool {
    String::from_utf8_lossy(&received.body).contains("poison")
}

fn poison(received: &[Received]) -> usize {
    received.iter().filter(|received| is_poison(received)).count()
}

/// Lets time pass: on the clocks of the store and the worker, and on tokio's.
async fn pass(bed: &Bed, ms: u64) {
    bed.pass(ms).await;
    advance(Duration::from_millis(ms)).await;
}

/// Begins what may begin and waits until it has ended; an attempt at the poison has timed out then.
async fn drive(bed: &Bed, receiver: &Receiver) {
    let before = poison(&receiver.received());
    bed.worker.tick(&bed.tracker, &bed.stop).await;
    bed.tracker.close();
    tokio::select! {
        () = bed.tracker.wait() => {}
        hung = receiver.wait_until(DEADLINE, |all| poison(all) > before) => {
            hung.unwrap();
            while bed.tracker.len() > 1 {
                tokio::task::yield_now().await;
            }
            // timers count whole milliseconds
            pass(bed, 5_001).await;
            bed.tracker.wait().await;
        }
    }
    bed.tracker.reopen();
}

#[tokio::test]
async fn a_poison_event_that_is_never_answered_dies_alone() {
    let policy = Policy { allow_loopback: true, ..Policy::default() };
    let (bed, receiver) =
        (Bed::with(Settings::default(), policy), Receiver::start().await.unwrap());
    receiver.script(
        |received| {
            if is_poison(received) { Reaction::Hang } else { Reaction::status(200) }
        },
    );
    bed.point(APP, receiver.url("/")).await;
    let _frozen = Frozen::time();
    let first = bed.state_a_fact(EventKind::PullComplete, r#"{"TaskId":"poison"}"#).await;
    let mut opened = false;
    for minute in 0..50 * 60 {
        drive(&bed, &receiver).await;
        opened |= bed.worker.open_circuits() == 1;
        // four times a day there are other events: the next probe takes one and lets the rest flow
        if minute % 360 == 100 {
            let others = bed.publish(APP, 3).await;
            for _ in 0..4 {
                pass(&bed, 20_000).await;
                drive(&bed, &receiver).await;
            }
            for other in others {
                assert_eq!(bed.state(APP, other).await, State::Done, "minute {minute}");
            }
            assert_eq!(bed.worker.open_circuits(), 0);
        }
        pass(&bed, 60_000).await;
    }
    assert!(opened, "one event that times out for a minute opens the circuit");
    assert_eq!(bed.state(APP, first).await, State::Dead);
    assert_eq!(bed.reason(first).await, Some(Reason::Exhausted));
    let attempts = bed.attempts(APP, first).await;
    assert!((40..=56).contains(&attempts.len()), "{} attempts", attempts.len());
    assert!(attempts.iter().all(|attempt| attempt.duration_ms == 5_001));
}
