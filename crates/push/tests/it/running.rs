//! The driver: hints, retries by themselves, fairness under load, and a graceful stop.

use std::time::Duration;

use model::{AppId, limits};
use push::Settings;
use queue::{Backend, State};
use testkit::receiver::{Reaction, Receiver};
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::bed::{APP, Bed, settings};

const SOON: Duration = Duration::from_secs(20);

/// Runs the worker, and the store's clockwork, until dropped.
pub(crate) fn running(bed: &Bed) -> [AbortOnDropHandle<()>; 2] {
    let (worker, stop) = (bed.worker.clone(), bed.stop.clone());
    let tracker = bed.tracker.clone();
    let run = async move { worker.run(tracker, stop).await };
    let store = std::sync::Arc::clone(&bed.store);
    let clockwork = async move {
        while store.tick().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    [bed.tracker.spawn(run), bed.tracker.spawn(clockwork)].map(AbortOnDropHandle::new)
}

#[tokio::test]
async fn what_is_stated_is_sent_and_what_fails_is_sent_again() {
    let (bed, receiver) = (Bed::going(settings()), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    let _running = running(&bed);
    bed.publish(APP, 100).await;
    bed.wait_settled(APP, SOON).await;
    receiver.next([Reaction::status(500), Reaction::Close]);
    bed.publish(APP, 2).await;
    bed.wait_settled(APP, SOON).await;
    assert_eq!(receiver.received().len(), 104);
}

#[tokio::test]
async fn skewed_load_starves_nobody() {
    let settings = Settings { total: 32, per_application: 8, ..settings() };
    let (bed, receiver) = (Bed::going(settings), Receiver::start().await.unwrap());
    let hanging = Receiver::start().await.unwrap();
    hanging.script(|_| Reaction::Hang);
    let apps: Vec<AppId> = (0..50).map(|n| AppId(APP.0 + n)).collect();
    for (n, &app) in apps.iter().enumerate() {
        let dead = n % 10 == 0;
        bed.point(app, if dead { hanging.url("/") } else { receiver.url("/") }).await;
        bed.publish(app, if n == 1 { 500 } else { 5 }).await;
    }
    let _running = running(&bed);
    for (n, &app) in apps.iter().enumerate() {
        if n % 10 != 0 {
            bed.wait_settled(app, SOON).await;
        }
    }
    assert_eq!(receiver.received().len(), 44 * 5 + 500);
}

#[tokio::test]
async fn a_stop_waits_for_the_attempts_under_way() {
    let (bed, receiver) = (Bed::going(settings()), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::Late(Duration::from_millis(200)));
    let id = bed.publish(APP, 1).await[0];
    let [run, _clockwork] = running(&bed);
    receiver.wait_for(1, SOON).await.unwrap();
    bed.stop.cancel();
    timeout(SOON, run).await.unwrap().unwrap();
    assert_eq!(bed.state(APP, id).await, State::Done);
}

#[tokio::test]
async fn a_stop_gives_back_what_takes_too_long() {
    let settings = Settings { attempt_ms: 60_000, ..settings() };
    let (bed, receiver) = (Bed::going(settings), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::Hang);
    let id = bed.publish(APP, 1).await[0];
    let [run, _clockwork] = running(&bed);
    receiver.wait_for(1, SOON).await.unwrap();
    let start = Instant::now();
    bed.stop.cancel();
    timeout(SOON, run).await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_millis(limits::SHUTDOWN_MS));
    assert_eq!(bed.state(APP, id).await, State::Ready);
    assert!(bed.attempts(APP, id).await.is_empty());
}

#[tokio::test]
async fn after_a_stop_nothing_is_sent() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    let id = bed.publish(APP, 1).await[0];
    bed.stop.cancel();
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Ready);
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_store_that_is_closed_stops_the_leasing() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    bed.publish(APP, 1).await;
    bed.store.close().await.unwrap();
    bed.drive().await;
    bed.drive().await;
    assert!(receiver.received().is_empty());
}
