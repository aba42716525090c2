//! Days in the life of receivers, on clocks that the tests move: the real store, the real client and
//! real sockets, with a minute or an hour passing between two looks.

use std::collections::BTreeSet;
use std::time::Duration;

use egress::Policy;
use model::{AppId, EventId, EventKind, Mode, NewEvent};
use push::Settings;
use queue::{
    Backend, Commit, LeaseRequest, Lessee, Reason, Resolution, Settled, Settlement, State,
};
use testkit::receiver::{Reaction, Received, Receiver};

use crate::bed::{APP, Bed, SIGN_KEY, master, sealed, settings};
use crate::running::running;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

fn ids(received: &[Received]) -> BTreeSet<String> {
    received.iter().map(|received| received.header("webhook-id").to_owned()).collect()
}

impl Bed {
    /// States one event of that kind.
    pub(crate) async fn state_a_fact(&self, kind: EventKind, payload: &'static str) -> EventId {
        let event = NewEvent { app: APP, kind, key: None, files: vec![], payload: payload.into() };
        let commit = Commit { events: vec![event], ..Commit::default() };
        self.store.commit(commit).await.unwrap().events[0].id
    }

    pub(crate) async fn reason(&self, id: EventId) -> Option<Reason> {
        self.store.event(APP, id).await.unwrap().unwrap().row.reason
    }

    fn open(&self) -> u64 {
        let load = self.store.load(Some(APP));
        load.ready + load.leased + load.delayed
    }
}

#[tokio::test]
async fn one_poison_event_of_a_quiet_application_dies_alone() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    // the gateway before the receiver gives up on it, which counts against the receiver
    receiver.script(|received| {
        let poison = String::from_utf8_lossy(&received.body).contains("poison");
        Reaction::status(if poison { 504 } else { 200 })
    });
    let poison = bed.state_a_fact(EventKind::ProcedureStateChanged, r#"{"TaskId":"poison"}"#).await;
    let mut others = Vec::new();
    for hour in 0..50 {
        if hour % 6 == 1 {
            others.push(bed.publish(APP, 1).await[0]);
        }
        for _ in 0..60 {
            bed.drive().await;
            bed.pass(MINUTE).await;
        }
        // whatever the poison did to the circuit, the rest is there within the hour
        for &other in &others {
            assert_eq!(bed.state(APP, other).await, State::Done, "hour {hour}");
        }
    }
    assert_eq!(bed.state(APP, poison).await, State::Dead);
    assert_eq!(bed.reason(poison).await, Some(Reason::Exhausted));
    let attempts = bed.attempts(APP, poison).await.len();
    assert!((40..=56).contains(&attempts), "{attempts} attempts: the schedule, not the probes");
    assert_eq!(bed.open(), 0);
}

#[tokio::test]
async fn a_receiver_that_was_dead_for_72_hours_gets_everything_and_is_not_stormed() {
    const EVENTS: usize = 10_000;
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::status(503));
    bed.publish(APP, EVENTS).await;
    for _ in 0..72 * 60 {
        bed.drive().await;
        bed.pass(MINUTE).await;
    }
    let tried = receiver.received().len();
    assert!((4_000..=16 + 72 * 60).contains(&tried), "{tried} attempts: one probe a minute");
    assert_eq!(bed.open(), u64::try_from(EVENTS).unwrap(), "nothing is given up");

    receiver.script(|_| Reaction::status(200));
    bed.pass(MINUTE).await;
    let (mut seen, mut rounds) = (tried, Vec::new());
    while bed.open() > 0 {
        bed.drive().await;
        let now = receiver.received().len();
        // the pauses of the probes are over: nothing holds the worker but what the circuit allows
        rounds.push(now - seen);
        seen = now;
        assert!(rounds.len() < 2_000, "it does not end: {} open", bed.open());
    }
    assert_eq!(rounds[..6], [1, 1, 2, 4, 8, 16], "the flow doubles from one");
    assert!(rounds.iter().all(|at_once| *at_once <= 16), "never more at once than allowed");
    let arrived = receiver.received().split_off(tried);
    assert_eq!(ids(&arrived).len(), EVENTS, "all arrive");
    assert_eq!(arrived.len(), EVENTS, "each once");
}

#[tokio::test]
async fn a_type_that_is_answered_500_walks_to_dead_while_the_rest_flows() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|received| {
        let bad = received.json()["EventType"] == "PullComplete";
        Reaction::status(if bad { 500 } else { 200 })
    });
    let mut bad = Vec::new();
    for _ in 0..20 {
        bad.push(bed.state_a_fact(EventKind::PullComplete, r#"{"TaskId":"1"}"#).await);
    }
    for hour in 0..50 {
        let good = bed.publish(APP, 5).await;
        for _ in 0..6 {
            bed.drive().await;
        }
        for id in good {
            assert_eq!(bed.state(APP, id).await, State::Done, "hour {hour}");
        }
        assert_eq!(bed.worker.open_circuits(), 0, "the receiver is alive");
        for _ in 0..6 {
            bed.pass(10 * MINUTE).await;
            bed.drive().await;
            bed.drive().await;
        }
    }
    for id in bad {
        assert_eq!(bed.state(APP, id).await, State::Dead);
        assert_eq!(bed.reason(id).await, Some(Reason::Exhausted));
    }
    assert_eq!(bed.open(), 0);
}

#[tokio::test]
async fn three_days_of_pull_become_push_and_nothing_is_lost() {
    const EVENTS: usize = 1_000;
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    let url = receiver.url("/");
    bed.configure(APP, |config| {
        config.mode = Mode::Pull;
        config.notification_url = url;
    })
    .await;
    let ids_of_all = bed.publish(APP, EVENTS).await;
    bed.pass(72 * HOUR).await;
    let request = LeaseRequest {
        app: APP,
        by: Lessee::Pull,
        max: 16,
        max_bytes: usize::MAX,
        wait: Duration::ZERO,
        hold: Duration::from_secs(30),
        fewest_attempts: false,
    };
    let held = bed.store.lease(request).await.unwrap();
    assert_eq!(held.len(), 16);
    bed.configure(APP, |config| config.mode = Mode::Push).await;
    for _ in 0..100 {
        bed.drive().await;
    }
    let load = bed.store.load(Some(APP));
    assert_eq!((load.leased, load.ready, load.delayed), (16, 0, 0), "held leases stay valid");
    assert_eq!(receiver.received().len(), EVENTS - 16);
    // half of them are confirmed in time, the other half goes out when their leases end
    let done = |leased: &queue::Leased| Settlement {
        handle: leased.handle,
        app: APP,
        resolution: Resolution::Done,
        attempt: None,
    };
    let settled = bed.store.settle(held[..8].iter().map(done).collect()).await.unwrap();
    assert_eq!(settled, [Settled::Accepted; 8]);
    bed.pass(30 * SECOND).await;
    bed.drive().await;
    bed.drive().await;
    assert_eq!(ids(&receiver.received()).len(), EVENTS - 8);
    for id in ids_of_all {
        assert_eq!(bed.state(APP, id).await, State::Done);
    }
}

#[tokio::test]
async fn a_new_address_and_key_take_over_what_is_delayed() {
    let (bed, old, new) =
        (Bed::new(), Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    bed.point(APP, old.url("/")).await;
    old.script(|_| Reaction::status(500));
    let ids_of_all = bed.publish(APP, 10).await;
    for wait in [0, 1, 5, 30, 120] {
        bed.pass(wait * SECOND).await;
        bed.drive().await;
    }
    assert_eq!(bed.store.load(Some(APP)).delayed, 10, "the next attempt is minutes away");
    let (tried, url) = (old.received().len(), new.url("/new"));
    bed.configure(APP, |config| {
        config.notification_url = url;
        config.sign_key = Some(sealed(APP, &master()));
    })
    .await;
    bed.drive().await;
    assert_eq!(old.received().len(), tried, "the old address hears no more");
    let received = new.received();
    assert_eq!(received.len(), 10, "due at once");
    for received in &received {
        let (body, t) = (received.json(), received.json()["T"].as_i64().unwrap());
        let sign = sign::callback::sign(SIGN_KEY, t);
        assert_eq!(body["Sign"], sign.as_str(), "signed with the new key");
        assert_eq!(received.header("x-callboard-attempt"), "6", "the same life goes on");
    }
    for id in ids_of_all {
        assert_eq!(bed.state(APP, id).await, State::Done);
    }
}

#[tokio::test]
async fn an_application_goes_at_its_pace_and_no_other_waits_for_it() {
    let policy = Policy { allow_loopback: true, ..Policy::default() };
    let bed = Bed::with(Settings { per_second: 2, ..settings() }, policy);
    let (receiver, other) = (Receiver::start().await.unwrap(), AppId(APP.0 + 1));
    bed.point(APP, receiver.url("/slowly")).await;
    bed.point(other, receiver.url("/other")).await;
    bed.publish(APP, 8).await;
    let sent = |path: &str| receiver.received().iter().filter(|r| r.target == path).count();
    for (pass_ms, expected) in [(0, 2), (0, 2), (499, 2), (1, 3), (10_000, 5), (1_000, 7)] {
        bed.pass(pass_ms).await;
        bed.drive().await;
        bed.drive().await;
        assert_eq!(sent("/slowly"), expected, "after {pass_ms} ms more");
    }
    bed.publish(other, 2).await;
    bed.drive().await;
    assert_eq!(sent("/other"), 2);
}

#[tokio::test]
async fn whom_its_pace_holds_back_goes_on_without_a_hint() {
    let bed = Bed::going(Settings { per_second: 20, ..settings() });
    let receiver = Receiver::start().await.unwrap();
    bed.point(APP, receiver.url("/")).await;
    let _running = running(&bed);
    bed.publish(APP, 30).await;
    bed.wait_settled(APP, Duration::from_secs(20)).await;
    assert_eq!(receiver.received().len(), 30);
}
