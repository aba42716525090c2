//! Dead receivers: their events wait without burning attempts, and nobody else waits with them.

use std::collections::BTreeMap;

use egress::Policy;
use model::{AppId, Mode};
use push::Settings;
use queue::{Backend, State};
use testkit::receiver::{Reaction, Receiver};

use crate::bed::{APP, Bed, settings};

#[tokio::test]
async fn an_open_circuit_burns_no_attempts_and_probes_at_growing_intervals() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::status(503));
    let ids = bed.publish(APP, 40).await;
    bed.drive().await;
    let burnt = receiver.received().len();
    assert_eq!(burnt, 16, "one round of what may be under way at once");

    let (mut probes, mut waited_s) = (0, 0);
    for interval_s in [1, 2, 4, 8, 16, 32, 60, 60] {
        bed.pass(interval_s * 1_000 - 1).await;
        bed.drive().await;
        assert_eq!(receiver.received().len(), burnt + probes, "before {interval_s} s");
        bed.pass(1).await;
        bed.drive().await;
        bed.drive().await;
        probes += 1;
        waited_s += interval_s;
        assert_eq!(receiver.received().len(), burnt + probes, "at {interval_s} s");
    }
    assert_eq!(waited_s, 183);
    assert_eq!(bed.attempts_in_all(APP, &ids).await, burnt + probes);
    let load = bed.store.load(Some(APP));
    assert_eq!(load.ready + load.delayed, 40);
}

#[tokio::test]
async fn when_the_receiver_is_back_the_flow_doubles_from_one() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::status(503));
    bed.publish(APP, 60).await;
    bed.drive().await;
    receiver.script(|_| Reaction::status(200));
    let mut seen = receiver.received().len();
    bed.pass(1_000).await;
    let mut rounds = Vec::new();
    for _ in 0..6 {
        bed.drive().await;
        rounds.push(receiver.received().len() - seen);
        seen = receiver.received().len();
    }
    // the probe, then the doubling cap
    assert_eq!(rounds, [1, 1, 2, 4, 8, 16]);
}

#[tokio::test]
async fn a_probe_takes_the_entry_with_the_fewest_attempts() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::status(503));
    bed.publish(APP, 16).await;
    bed.drive().await;
    bed.pass(2_000).await;
    let fresh = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.attempts(APP, fresh).await.len(), 1);
    assert_eq!(receiver.received().len(), 17);
}

#[tokio::test]
async fn retry_after_pauses_the_receiver() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    let retry_after = vec![("retry-after", "30".to_owned())];
    receiver.next([Reaction::Answer(503, retry_after, "busy".into())]);
    let first = bed.publish(APP, 1).await[0];
    bed.drive().await;
    let second = bed.publish(APP, 1).await[0];
    bed.pass(29_999).await;
    bed.drive().await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(bed.state(APP, second).await, State::Ready);
    bed.pass(1).await;
    bed.drive().await;
    assert_eq!(bed.state(APP, first).await, State::Done);
    assert_eq!(bed.state(APP, second).await, State::Done);
    assert_eq!(bed.attempts(APP, first).await[0].body, "busy");
}

#[tokio::test]
async fn a_dead_receiver_delays_no_other_application() {
    let bed = Bed::new();
    let (dead, alive) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    dead.script(|_| Reaction::Hang);
    bed.point(APP, dead.url("/")).await;
    bed.publish(APP, 200).await;
    let others: Vec<AppId> = (1..=20).map(|n| AppId(APP.0 + n)).collect();
    for &app in &others {
        bed.point(app, alive.url("/")).await;
        bed.publish(app, 3).await;
    }
    bed.drive().await;
    for app in others {
        let load = bed.store.load(Some(app));
        assert_eq!((load.ready, load.leased, load.delayed), (0, 0, 0));
    }
    assert_eq!(dead.received().len(), 16);
}

#[tokio::test]
async fn closed_by_hand_the_flow_doubles_from_one() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::status(503));
    bed.publish(APP, 40).await;
    bed.drive().await;
    let mut seen = receiver.received().len();
    bed.drive().await;
    assert_eq!(receiver.received().len(), seen, "it is open");
    receiver.script(|_| Reaction::status(200));
    bed.worker.resume(APP);
    let mut rounds = Vec::new();
    for _ in 0..4 {
        bed.drive().await;
        rounds.push(receiver.received().len() - seen);
        seen = receiver.received().len();
    }
    assert_eq!(rounds, [1, 2, 4, 8]);
}

#[tokio::test]
async fn a_circuit_is_counted_while_its_address_is_the_applications() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::status(503));
    bed.publish(APP, 5).await;
    bed.drive().await;
    assert_eq!(bed.worker.open_circuits(), 1);
    // nothing of the application waits that would go to the new address
    bed.store.purge(queue::PurgeRequest { app: APP, states: vec![], kinds: vec![] }).await.unwrap();
    bed.point(APP, receiver.url("/new")).await;
    bed.pass(10_000).await;
    bed.drive().await;
    assert_eq!(bed.worker.open_circuits(), 0);
}

#[tokio::test]
async fn a_visit_to_pull_resets_the_circuit_however_short() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::status(503));
    let ids = bed.publish(APP, 40).await;
    bed.drive().await;
    assert_eq!(bed.worker.open_circuits(), 1);
    // there and back, between two looks of the worker
    bed.configure(APP, |config| config.mode = Mode::Pull).await;
    bed.configure(APP, |config| config.mode = Mode::Push).await;
    receiver.script(|_| Reaction::status(200));
    for _ in 0..8 {
        bed.drive().await;
    }
    for id in ids {
        assert_eq!(bed.state(APP, id).await, State::Done);
    }
    assert_eq!(bed.worker.open_circuits(), 0);
}

#[tokio::test]
async fn no_more_is_under_way_than_is_configured() {
    let settings = Settings { per_application: 3, total: 8, ..settings() };
    let bed = Bed::with(settings, Policy { allow_loopback: true, ..Policy::default() });
    let receiver = Receiver::start().await.unwrap();
    receiver.script(|_| Reaction::Hang);
    let apps: Vec<AppId> = (0..10).map(|n| AppId(APP.0 + n)).collect();
    for app in apps {
        bed.point(app, receiver.url(&format!("/{app}"))).await;
        bed.publish(app, 5).await;
    }
    bed.drive().await;
    let mut each = BTreeMap::<String, usize>::new();
    for received in receiver.received() {
        *each.entry(received.target).or_default() += 1;
    }
    // two places are nobody's second
    assert_eq!(each.into_values().collect::<Vec<_>>(), [3, 1, 1, 1, 1, 1]);
}
