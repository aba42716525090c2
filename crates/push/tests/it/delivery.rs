//! What a well-behaved receiver sees, and how the schedule goes on when it says no.

use std::time::Duration;

use egress::Policy;
use model::{Mode, limits};
use push::Settings;
use queue::{Backend, ReplayRequest, Selection, State};
use sign::seal::{self, MasterKey, Purpose};
use sign::webhook::{self, SigningSecret};
use testkit::receiver::{Reaction, Received, Receiver};

use crate::bed::{APP, Bed, SIGN_KEY, START, master, sealed, settings};

fn last(receiver: &Receiver) -> Received {
    receiver.received().last().unwrap().clone()
}

#[tokio::test]
async fn a_callback_is_the_event_and_its_headers() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/hook?token=x")).await;
    let id = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Done);

    let seen = last(&receiver);
    assert_eq!(seen.target, "/hook?token=x");
    assert_eq!(seen.header("content-type"), "application/json");
    assert!(seen.header("user-agent").starts_with("Callboard/0."), "{}", seen.header("user-agent"));
    assert_eq!(seen.header("webhook-id"), id.to_string());
    assert_eq!(seen.header("webhook-timestamp"), START.seconds().to_string());
    assert_eq!(seen.header("x-callboard-attempt"), "1");
    assert_eq!(seen.header("x-callboard-replay"), "");
    assert_eq!(
        &seen.body[..],
        br#"{"EventType":"ProcedureStateChanged","ProcedureStateChangeEvent":{"TaskId":"0"}}"#
    );

    let attempts = bed.attempts(APP, id).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].at, attempts[0].status), (START, Some(200)));
    assert_eq!(attempts[0].url, receiver.url("/hook?token=x"));
    assert_eq!(attempts[0].error, "");
}

#[tokio::test]
async fn a_replay_is_the_same_event_and_says_that_it_is_one() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    let id = bed.publish(APP, 1).await[0];
    bed.drive().await;
    let mut bodies = vec![last(&receiver).body];
    for life in 1..3 {
        let select = Selection::Events(vec![id]);
        let request = ReplayRequest { app: APP, select, dry_run: false, limit: 1, cursor: None };
        assert_eq!(bed.store.replay(request).await.unwrap().count, 1);
        receiver.next([Reaction::status(500)]);
        bed.drive().await;
        bed.pass(1_000).await;
        bed.drive().await;
        assert_eq!(bed.state(APP, id).await, State::Done);
        let sent = receiver.received();
        for (seen, attempt) in sent[sent.len() - 2..].iter().zip(["1", "2"]) {
            assert_eq!(seen.header("webhook-id"), id.to_string());
            assert_eq!(seen.header("x-callboard-replay"), life.to_string());
            assert_eq!(seen.header("x-callboard-attempt"), attempt);
            bodies.push(seen.body.clone());
        }
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    let statuses: Vec<_> = bed.attempts(APP, id).await.iter().map(|a| a.status.unwrap()).collect();
    assert_eq!(statuses, [200, 500, 200, 500, 200]);
}

#[tokio::test]
async fn sign_and_t_are_made_anew_for_each_attempt() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    bed.configure(APP, |config| config.sign_key = Some(sealed(APP, &master()))).await;
    receiver.next([Reaction::status(500)]);
    let id = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Delayed);
    bed.pass(1_000).await;
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Done);

    let all = receiver.received();
    for (seen, (sent_s, number)) in all.iter().zip([(0, "1"), (1, "2")]) {
        let now = START.seconds() + sent_s;
        let body = seen.json();
        let t = body["T"].as_i64().unwrap();
        assert_eq!(t, now + limits::SIGN_LIFE_S);
        assert!(sign::callback::verify(SIGN_KEY, t, body["Sign"].as_str().unwrap(), now));
        assert_eq!(seen.header("x-callboard-attempt"), number);
        assert_eq!(seen.header("webhook-id"), id.to_string());
    }
    assert_ne!(all[0].json()["Sign"], all[1].json()["Sign"]);
}

#[tokio::test]
async fn a_stepped_wall_clock_moves_t_and_no_retry() {
    for step_s in [3_600, -3_600] {
        let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
        bed.point(APP, receiver.url("/")).await;
        bed.configure(APP, |config| config.sign_key = Some(sealed(APP, &master()))).await;
        receiver.next([Reaction::status(500)]);
        let id = bed.publish(APP, 1).await[0];
        bed.drive().await;
        bed.step(step_s * 1_000).await;
        bed.pass(999).await;
        bed.drive().await;
        assert_eq!(receiver.received().len(), 1, "too early");
        bed.pass(1).await;
        bed.drive().await;
        assert_eq!(bed.state(APP, id).await, State::Done, "not in time");

        let (seen, now) = (last(&receiver), START.seconds() + step_s + 1);
        let t = seen.json()["T"].as_i64().unwrap();
        assert_eq!(t, now + limits::SIGN_LIFE_S);
        let sign = seen.json()["Sign"].as_str().unwrap().to_owned();
        assert!(sign::callback::verify(SIGN_KEY, t, &sign, now));
        assert_eq!(seen.header("webhook-timestamp"), now.to_string());
        let at: Vec<_> = bed.attempts(APP, id).await.iter().map(|a| a.at.seconds()).collect();
        assert_eq!(at, [START.seconds(), now], "the first attempt is told as it was");
    }
}

#[tokio::test]
async fn nothing_is_sent_unsigned_when_the_key_cannot_be_opened() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    let other = MasterKey::from_bytes([8; 32]);
    bed.configure(APP, |config| config.sign_key = Some(sealed(APP, &other))).await;
    let id = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Delayed);
    let error = bed.attempts(APP, id).await.remove(0).error;
    assert!(error.contains("SignKey") && !error.contains(SIGN_KEY), "{error}");
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn unused_members_are_null_when_asked_for() {
    let settings = Settings { unused_members_null: true, ..settings() };
    let bed = Bed::with(settings, Policy { allow_loopback: true, ..Policy::default() });
    let receiver = Receiver::start().await.unwrap();
    bed.point(APP, receiver.url("/")).await;
    bed.publish(APP, 1).await;
    bed.drive().await;
    let body = last(&receiver).json();
    assert_eq!(body["ProcedureStateChangeEvent"]["TaskId"], "0");
    assert!(body.as_object().unwrap().contains_key("FileUploadEvent"));
    assert!(body["FileUploadEvent"].is_null());
    assert!(!body.as_object().unwrap().contains_key("EventHandle"));
}

#[tokio::test]
async fn the_schedule_is_followed_to_its_end() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::status(500));
    let id = bed.publish(APP, 1).await[0];
    bed.drive().await;
    let mut attempts = 1;
    let hours = 3_600_000;
    for delay_ms in [1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000, hours] {
        bed.pass(delay_ms - 1).await;
        bed.drive().await;
        assert_eq!(receiver.received().len(), attempts, "too early, {delay_ms}");
        bed.pass(1).await;
        bed.drive().await;
        attempts += 1;
        assert_eq!(receiver.received().len(), attempts, "not in time, {delay_ms}");
    }
    // 1 h 42 min 36 s have passed; 46 more hours do not reach the deadline, the 47th does
    for _ in 0..46 {
        bed.pass(hours).await;
        bed.drive().await;
        assert_eq!(bed.state(APP, id).await, State::Delayed);
    }
    bed.pass(hours).await;
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Dead);
    assert_eq!(bed.attempts(APP, id).await.len(), 8 + 47);
}

#[tokio::test]
async fn classic_takes_any_answer_and_sends_thrice() {
    let settings = Settings { attempt_ms: 1_000, ..Settings::classic() };
    let bed = Bed::with(settings, Policy { allow_loopback: true, ..Policy::default() });
    let receiver = Receiver::start().await.unwrap();
    bed.point(APP, receiver.url("/")).await;
    receiver.next([Reaction::status(500)]);
    let answered = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, answered).await, State::Done);

    receiver.script(|_| Reaction::Hang);
    let unanswered = bed.publish(APP, 1).await[0];
    for _ in 0..3 {
        bed.drive().await;
        bed.pass(10_000).await;
    }
    assert_eq!(bed.state(APP, unanswered).await, State::Dead);
    assert_eq!(receiver.received().len(), 4);
}

#[tokio::test]
async fn a_new_address_takes_what_waits_at_once() {
    let bed = Bed::new();
    let (old, new) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    bed.point(APP, old.url("/")).await;
    old.script(|_| Reaction::status(503));
    bed.publish(APP, 20).await;
    bed.drive().await;
    bed.drive().await;
    assert_eq!(old.received().len(), 16, "the circuit is open");
    assert!(new.received().is_empty());
    bed.point(APP, new.url("/")).await;
    bed.drive().await;
    bed.drive().await;
    assert_eq!(new.received().len(), 20);
}

#[tokio::test]
async fn pull_mode_and_no_address_send_nothing() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    let id = bed.publish(APP, 1).await[0];
    bed.configure(APP, |config| config.mode = Mode::Pull).await;
    bed.drive().await;
    bed.configure(APP, |config| config.mode = Mode::Push).await;
    bed.point(APP, "").await;
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Ready);
    bed.point(APP, receiver.url("/")).await;
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Done);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_failure_at_a_receiver_that_was_left_delays_nothing() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    receiver.script(|_| Reaction::Hang);
    let id = bed.publish(APP, 1).await[0];
    let leave = async {
        receiver.wait_for(1, Duration::from_secs(10)).await.unwrap();
        bed.configure(APP, |config| config.mode = Mode::Pull).await;
    };
    tokio::join!(bed.drive(), leave);
    assert_eq!(bed.attempts(APP, id).await.len(), 1);
    bed.store.tick().await.unwrap();
    assert_eq!(bed.state(APP, id).await, State::Ready);
}

#[tokio::test]
async fn every_signing_secret_signs_what_goes_out_newest_first() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    bed.configure(APP, |config| {
        config.sign_key = Some(sealed(APP, &master()));
        config.signing_secrets = vec![signing_secret("new", 2), signing_secret("old", 1)];
    })
    .await;
    let id = bed.publish(APP, 1).await[0].to_string();
    bed.drive().await;

    let seen = last(&receiver);
    assert_eq!(seen.header("webhook-id"), id);
    let signatures: Vec<&str> = seen.header("webhook-signature").split(' ').collect();
    assert_eq!(signatures.len(), 2);
    for (signature, byte) in signatures.into_iter().zip([2, 1]) {
        let secret = SigningSecret::from_bytes(&[byte; 32]).unwrap();
        let t = START.seconds();
        assert!(webhook::verify(&secret, &id, t, &seen.body, signature), "{signature}");
        let changed = seen.body.iter().copied().map(|b| if b == b'0' { b'1' } else { b });
        let changed: Vec<u8> = changed.collect();
        assert_ne!(changed, seen.body);
        assert!(!webhook::verify(&secret, &id, t, &changed, signature));
    }
    bed.configure(APP, |config| config.signing_secrets.clear()).await;
    bed.publish(APP, 1).await;
    bed.drive().await;
    assert_eq!(last(&receiver).header("webhook-signature"), "");
}

#[tokio::test]
async fn nothing_is_sent_when_a_signing_secret_cannot_be_opened() {
    let (bed, receiver) = (Bed::new(), Receiver::start().await.unwrap());
    bed.point(APP, receiver.url("/")).await;
    // sealed for another id
    let moved = model::SigningSecret { id: "new".to_owned(), ..signing_secret("old", 1) };
    bed.configure(APP, |config| config.signing_secrets = vec![moved]).await;
    let id = bed.publish(APP, 1).await[0];
    bed.drive().await;
    assert_eq!(bed.state(APP, id).await, State::Delayed);
    assert!(receiver.received().is_empty());
    let attempts = bed.attempts(APP, id).await;
    assert!(attempts[0].error.contains("signing secret new"), "{}", attempts[0].error);
}

fn signing_secret(id: &str, byte: u8) -> model::SigningSecret {
    let text = SigningSecret::from_bytes(&[byte; 32]).unwrap().reveal();
    let place = model::SigningSecret::place(APP, id);
    let purpose = Purpose::signing_secret(&place);
    let sealed = seal::seal_text(&master(), &[byte; 24], purpose, text.as_bytes());
    model::SigningSecret { id: id.to_owned(), secret: model::Sealed(sealed), created: START }
}
