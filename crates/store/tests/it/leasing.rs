//! One queue, two consumers.

use std::sync::Arc;
use std::time::Duration;

use model::{AppId, EventKind, Mode};
use queue::{Backend, LeaseError, LeaseRequest, Lessee, Load, Resolution, Settled, State};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::harness::{APP, Bed, bodies, event, settlement};

#[tokio::test]
async fn events_come_in_order_and_are_settled_once() {
    let bed = Bed::new().await;
    let published = bed.events(["1", "2", "3"]).await;
    assert!(published.iter().all(|event| event.state == State::Ready));
    let leased = bed.pull(2).await;
    assert_eq!(bodies(&leased), ["1", "2"]);
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Accepted; 2]);
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Already; 2]);
    assert_eq!(bodies(&bed.pull(16).await), ["3"]);
    assert!(bed.pull(16).await.is_empty());
}

#[tokio::test]
async fn a_lease_ends_behind_what_waits_and_its_handle_is_stale() {
    let bed = Bed::new().await;
    bed.events(["1"]).await;
    let first = bed.pull(1).await;
    bed.hands.pass(29_999);
    assert!(bed.pull(1).await.is_empty());
    bed.events(["2"]).await;
    bed.hands.pass(1);
    assert_eq!(bed.settle(&first, Resolution::Done).await, [Settled::Stale]);
    let again = bed.pull(16).await;
    assert_eq!(bodies(&again), ["2", "1"]);
    assert_eq!(bed.settle(&first, Resolution::Done).await, [Settled::Stale]);
    assert_eq!(bed.settle(&again, Resolution::Done).await, [Settled::Accepted; 2]);
    bed.hands.pass(30_001);
    assert_eq!(bed.settle(&again, Resolution::Done).await, [Settled::Stale; 2]);
}

#[tokio::test]
async fn handles_of_others_are_unknown() {
    let bed = Bed::new().await;
    bed.configure(AppId(2), |_| {}).await;
    bed.events(["1"]).await;
    let leased = bed.pull(1).await;
    let mut theirs = settlement(&leased[0], Resolution::Done);
    theirs.app = AppId(2);
    let mut invented = settlement(&leased[0], Resolution::Done);
    invented.handle.lease += 1;
    let mut elsewhere = settlement(&leased[0], Resolution::Done);
    elsewhere.handle.event.origin ^= 1;
    let answers = bed.store.settle(vec![theirs, invented, elsewhere]).await.unwrap();
    assert_eq!(answers, [Settled::Unknown; 3]);
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Accepted]);
}

#[tokio::test]
async fn a_repeat_within_one_call_is_answered_like_the_first() {
    let bed = Bed::new().await;
    bed.events(["1"]).await;
    let leased = bed.pull(1).await;
    let twice = [leased[0].clone(), leased[0].clone()];
    let answers = bed.settle(&twice, Resolution::Done).await;
    assert_eq!(answers, [Settled::Accepted, Settled::Already]);
}

#[tokio::test]
async fn retries_wait_and_count_attempts() {
    let bed = Bed::new().await;
    bed.events(["1", "2"]).await;
    let leased = bed.pull(1).await;
    bed.settle(&leased, Resolution::Retry { after_ms: 5_000 }).await;
    let load = bed.store.load(Some(APP));
    assert_eq!((load.ready, load.delayed, load.leased), (1, 1, 0));
    assert_eq!(bodies(&bed.pull(16).await), ["2"]);
    bed.hands.pass(5_000);
    let again = bed.pull(16).await;
    assert_eq!((bodies(&again), again[0].attempts), (vec!["1"], 1));
    assert_eq!(again[0].since_first_attempt_ms, Some(5_000));
}

#[tokio::test]
async fn a_lease_given_back_goes_to_the_front() {
    let bed = Bed::new().await;
    bed.events(["1", "2"]).await;
    let leased = bed.pull(1).await;
    assert_eq!(bed.settle(&leased, Resolution::Return).await, [Settled::Accepted]);
    assert_eq!(bodies(&bed.pull(16).await), ["1", "2"]);
}

#[tokio::test]
async fn max_bytes_leaves_the_rest_in_place() {
    let bed = Bed::new().await;
    bed.events(["12345", "67890", "x"]).await;
    let mut request = Bed::request(16);
    request.max_bytes = 9;
    let leased = bed.store.lease(request.clone()).await.unwrap();
    assert_eq!(bodies(&leased), ["12345"]);
    request.max_bytes = 1;
    assert_eq!(bodies(&bed.store.lease(request).await.unwrap()), ["67890"]);
}

#[tokio::test]
async fn the_mode_says_whose_queue_it_is() {
    let bed = Bed::new().await;
    bed.events(["1"]).await;
    assert!(bed.store.runnable(None, 10).is_empty());
    bed.configure(APP, |app| {
        app.config.mode = Mode::Push;
        app.config.notification_url = "http://127.0.0.1:1/".to_owned();
    })
    .await;
    assert!(matches!(bed.try_pull(1).await, Err(LeaseError::WrongMode)));
    assert_eq!(bed.store.runnable(None, 10), [APP]);
    let mut request = Bed::request(1);
    request.by = Lessee::Push;
    let leased = bed.store.lease(request).await.unwrap();
    bed.settle(&leased, Resolution::Retry { after_ms: 3_600_000 }).await;
    bed.configure(APP, |app| app.config.mode = Mode::Pull).await;
    let due = bed.pull(1).await;
    assert_eq!((bodies(&due), due[0].attempts), (vec!["1"], 1));
}

#[tokio::test]
async fn runnable_goes_round() {
    let bed = Bed::new().await;
    for app in [1, 2, 3] {
        bed.configure(AppId(app), |app| {
            app.config.mode = Mode::Push;
            app.config.notification_url = "http://127.0.0.1:1/".to_owned();
        })
        .await;
        let mut event = event("x");
        event.app = AppId(app);
        bed.publish(vec![event]).await.unwrap();
    }
    assert_eq!(bed.store.runnable(None, 2), [AppId(1), AppId(2)]);
    assert_eq!(bed.store.runnable(Some(AppId(2)), 9), [AppId(3), AppId(1), AppId(2)]);
}

#[tokio::test]
async fn a_poll_waits_for_an_event_and_polls_are_served_in_turn() {
    let bed = Arc::new(Bed::new().await);
    let (tracker, mut polls) = (TaskTracker::new(), Vec::new());
    for _ in 0..3 {
        let (bed, (entered, seen)) = (Arc::clone(&bed), tokio::sync::oneshot::channel());
        polls.push(tracker.spawn(async move {
            let mut request = Bed::request(1);
            request.wait = Duration::from_mins(1);
            let lease = bed.store.lease(request);
            entered.send(()).unwrap();
            lease.await.unwrap()
        }));
        seen.await.unwrap();
        tokio::task::yield_now().await;
    }
    bed.events(["1", "2", "3"]).await;
    let mut got = Vec::new();
    for poll in polls {
        got.push(bodies(&poll.await.unwrap()).concat());
    }
    assert_eq!(got, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_poll_that_hangs_up_takes_nothing() {
    let bed = Bed::new().await;
    let mut request = Bed::request(16);
    request.wait = Duration::from_mins(1);
    let poll = timeout(Duration::ZERO, bed.store.lease(request));
    assert!(poll.await.is_err());
    bed.events(["1"]).await;
    assert_eq!(bodies(&bed.pull(16).await), ["1"]);
}

#[tokio::test]
async fn a_waiting_poll_learns_of_a_mode_switch() {
    let bed = Arc::new(Bed::new().await);
    let waiting = Arc::clone(&bed);
    let poll = TaskTracker::new().spawn(async move {
        let mut request = Bed::request(1);
        request.wait = Duration::from_mins(1);
        waiting.store.lease(request).await
    });
    tokio::task::yield_now().await;
    bed.configure(APP, |app| app.config.mode = Mode::Push).await;
    assert!(matches!(poll.await.unwrap(), Err(LeaseError::WrongMode)));
}

#[tokio::test]
async fn what_nobody_wants_is_ignored_with_its_reason() {
    let bed = Bed::new().await;
    bed.configure(APP, |app| app.config.delete = false).await;
    let ignored = bed.events(["1"]).await;
    assert_eq!(ignored[0].state, State::Ignored);
    assert_eq!(ignored[0].reason.unwrap().name(), "SwitchOff");
    bed.configure(APP, |app| app.config.mode = Mode::Push).await;
    let mut other = event("2");
    other.kind = EventKind::PullComplete;
    let ignored = bed.publish(vec![other]).await.unwrap();
    assert_eq!(ignored[0].reason.unwrap().name(), "NoNotificationUrl");
    assert_eq!(bed.store.load(Some(APP)), Load::default());
}

#[tokio::test]
async fn a_waiting_poll_gets_what_push_gives_back() {
    let bed = Bed::new().await;
    bed.configure(APP, |app| {
        app.config.mode = Mode::Push;
        app.config.notification_url = "http://a/".to_owned();
    })
    .await;
    bed.events(["1"]).await;
    let push = LeaseRequest { by: Lessee::Push, ..Bed::request(1) };
    let leased = bed.store.lease(push).await.unwrap();
    bed.configure(APP, |app| app.config.mode = Mode::Pull).await;
    let wait = LeaseRequest { wait: Duration::from_secs(25), ..Bed::request(1) };
    let mut waiting = bed.store.lease(wait);
    assert!(timeout(Duration::ZERO, waiting.as_mut()).await.is_err(), "there is nothing yet");
    bed.settle(&leased, Resolution::Return).await;
    let pulled = timeout(Duration::from_secs(10), waiting).await.expect("nobody was told");
    assert_eq!(bodies(&pulled.unwrap()), ["1"]);
}

/// A poll that may not have all it was about to lease gives the rest back before the next in line
/// leases anything.
#[tokio::test]
async fn first_leases_keep_their_order_whatever_fits() {
    let many: Vec<String> = (1..=20).map(|n| format!("{n:02}")).collect();
    for _ in 0..8 {
        let bed = Bed::new().await;
        bed.events(many.iter().map(String::as_str)).await;
        // what is not in memory takes a moment to read, in which the next in line must wait
        let bed = bed.crash();
        let wait = Duration::from_secs(20);
        let small = LeaseRequest { wait, max_bytes: 5, ..Bed::request(16) };
        let rest = LeaseRequest { wait, ..Bed::request(16) };
        let (first, second) = tokio::join!(bed.store.lease(small), bed.store.lease(rest.clone()));
        let got = [first, second, bed.store.lease(rest).await].map(Result::unwrap);
        let [first, second, third] = got.each_ref().map(|leased| bodies(leased));
        assert_eq!((first.as_slice(), second.len()), (&["01", "02"][..], 16));
        assert_eq!([first, second, third].concat(), many);
    }
}

/// The answer of a receiver that the application has meanwhile left says nothing about where its
/// events go now, even if the change came between the attempt and its settlement.
#[tokio::test]
async fn an_attempt_from_before_a_change_delays_nothing_after_it() {
    let hour = Resolution::Retry { after_ms: 3_600_000 };
    let last = Resolution::Dead(queue::Reason::Exhausted);
    for resolution in [hour, last] {
        let bed = Bed::new().await;
        bed.configure(APP, |app| {
            app.config.mode = Mode::Push;
            app.config.notification_url = "http://a/".to_owned();
        })
        .await;
        bed.events(["1", "2"]).await;
        let push = LeaseRequest { by: Lessee::Push, ..Bed::request(1) };
        let leased = bed.store.lease(push.clone()).await.unwrap();
        bed.configure(APP, |app| app.config.mode = Mode::Pull).await;
        assert_eq!(bed.settle(&leased, resolution).await, [Settled::Accepted]);
        let pulled = bed.pull(16).await;
        assert_eq!(bodies(&pulled), ["2", "1"], "{resolution:?}");
        assert_eq!(pulled[1].attempts, 1, "it counts as one");
        bed.settle(&pulled, Resolution::Return).await;

        // an attempt that began after the change is what it is
        bed.configure(APP, |app| app.config.mode = Mode::Push).await;
        let leased = bed.store.lease(push).await.unwrap();
        bed.settle(&leased, resolution).await;
        assert_eq!(bed.store.load(Some(APP)).ready, 1);
        bed.crash();
    }
}
