//! The Mode is switched to and fro under load: an event belongs to the queue and not to a mode, so
//! none is lost, whoever gets it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::{CallError, Client};
use serde_json::{Value, json};
use testkit::events::states;
use testkit::receiver::{Reaction, Receiver};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::launch;
use crate::ledger::Ledger;

const APP: u64 = 1_500_000_001;
const PUBLISHERS: usize = 3;
const CONSUMERS: usize = 4;
const DEADLINE: Duration = Duration::from_mins(1);
/// Events that come to each consumer of the mode before it is switched again, at least.
const EVENTS_MIN: usize = 40;

/// Leases and retries are short, so that what is left to them comes back within the test; the
/// schedule is far longer than it, so that nothing is given up.
const CONFIG: &str = r#"
[pull]
wait = "500ms"
lease = "1s"

[push]
schedule = ["100ms"]
repeat = "300ms"

[limits.per_second]
PullEvents = 0
ConfirmEvents = 0
ModifyEventConfig = 0

[[application]]
id = 1500000001
name = "flips"
mode = "PULL"
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Push,
    Pull,
}

/// What all tasks of the test share.
#[derive(Clone, Debug)]
struct Shared {
    ledger: Arc<Mutex<Ledger>>,
    mode: watch::Sender<Mode>,
    /// Events that were confirmed, and events that the receiver took.
    progress: watch::Sender<(usize, usize)>,
    done: watch::Sender<bool>,
}

impl Shared {
    fn new() -> Self {
        Self {
            ledger: Arc::default(),
            mode: watch::Sender::new(Mode::Pull),
            progress: watch::Sender::default(),
            done: watch::Sender::new(false),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_done(&self) -> bool {
        *self.done.borrow()
    }
}

/// Publishes until the last switch. Nothing may be ignored: in either mode somebody wants it.
async fn publish(shared: Shared, client: Client) {
    while !shared.is_done() {
        let marks: Vec<String> = (0..3).map(|_| shared.ledger().mark("e")).collect();
        let event = |mark: &String| {
            let task = json!({ "TaskId": mark });
            json!({ "EventType": "ProcedureStateChanged", "ProcedureStateChangeEvent": task })
        };
        let events: Vec<Value> = marks.iter().map(event).collect();
        let params = json!({ "SubAppId": APP, "Events": events });
        let answer = client.call("PublishEvents", params).await.unwrap();
        for (mark, row) in marks.iter().zip(answer["EventSet"].as_array().unwrap()) {
            assert_eq!(row["State"], "READY");
            shared.ledger().published(mark, row["EventId"].as_str().unwrap());
        }
    }
}

/// One poll; pairs of mark and handle.
async fn pull(shared: &Shared, client: &Client) -> Result<Vec<(String, String)>, CallError> {
    let sent = shared.ledger().moment();
    let answer = match client.call("PullEvents", json!({ "SubAppId": APP })).await {
        Err(error) if error.code() == Some("ResourceNotFound") => return Ok(Vec::new()),
        answer => answer?,
    };
    let mut ledger = shared.ledger();
    let events = answer["EventSet"].as_array().unwrap().iter();
    let pairs = events.map(|event| {
        let mark = event["ProcedureStateChangeEvent"]["TaskId"].as_str().unwrap();
        let handle = event["EventHandle"].as_str().unwrap();
        ledger.pulled(mark, handle, sent);
        (mark.to_owned(), handle.to_owned())
    });
    Ok(pairs.collect())
}

/// Confirms, whatever the Mode is by now: a lease is good until it ends.
async fn confirm(shared: &Shared, client: &Client, pairs: &[(String, String)]) {
    let handles: Vec<&String> = pairs.iter().map(|(_, handle)| handle).collect();
    let params = json!({ "SubAppId": APP, "EventHandles": handles });
    let told = match client.call("ConfirmEvents", params).await {
        Ok(_) => String::new(),
        // a lease may have ended on a busy machine
        Err(CallError::Api { code, message, .. }) if code == "InvalidParameterValue" => message,
        Err(error) => panic!("{error}"),
    };
    assert!(!told.contains("is unknown"), "{told}");
    let mut ledger = shared.ledger();
    for (mark, handle) in pairs.iter().filter(|(_, handle)| !told.contains(&**handle)) {
        ledger.confirmed(mark, handle);
    }
    drop(ledger);
    shared.progress.send_modify(|(confirmed, _)| *confirmed += pairs.len());
}

/// Pulls and confirms while the Mode is PULL; leaves one event in six to its lease.
async fn consume(shared: Shared, client: Client) {
    let mut mode = shared.mode.subscribe();
    let mut seen = 0_u64;
    loop {
        mode.wait_for(|mode| *mode == Mode::Pull).await.unwrap();
        let mut pairs = match pull(&shared, &client).await {
            Ok(pairs) => pairs,
            Err(error) => {
                assert_eq!(error.code(), Some("FailedOperation"), "{error}");
                // it was switched; unless that is old news, the next poll would be refused too
                let _switched = timeout(Duration::from_millis(100), mode.changed()).await;
                continue;
            }
        };
        pairs.retain(|_| {
            seen += 1;
            !seen.is_multiple_of(6)
        });
        if !pairs.is_empty() {
            confirm(&shared, &client, &pairs).await;
        }
    }
}

/// Switches the Mode whenever the consumers of the current one have had their share.
async fn flip(shared: &Shared, client: &Client, url: &str, times: u64) {
    let mut progress = shared.progress.subscribe();
    for _ in 0..times {
        let mode = *shared.mode.borrow();
        let (confirmed, taken) = *progress.borrow_and_update();
        let share = progress.wait_for(|(c, t)| match mode {
            Mode::Pull => *c >= confirmed + EVENTS_MIN,
            Mode::Push => *t >= taken + EVENTS_MIN,
        });
        timeout(DEADLINE, share).await.expect("whoever has the turn gets events").unwrap();
        let (next, params) = match mode {
            Mode::Pull => (Mode::Push, json!({ "Mode": "PUSH", "NotificationUrl": url })),
            Mode::Push => (Mode::Pull, json!({ "Mode": "PULL" })),
        };
        let mut params = params;
        params["SubAppId"] = json!(APP);
        client.call("ModifyEventConfig", params).await.unwrap();
        shared.mode.send_replace(next);
    }
}

/// A receiver that refuses each event's first attempt with 500 if its number is a multiple of 5.
fn refuse_some(receiver: &Receiver, shared: &Shared) {
    let shared = shared.clone();
    receiver.script(move |callback| {
        let id = callback.header("webhook-id");
        let number: u64 = id.rsplit('-').next().unwrap().parse().unwrap();
        if number.is_multiple_of(5) && callback.header("x-callboard-attempt") == "1" {
            return Reaction::status(500);
        }
        shared.ledger().pushed(callback);
        shared.progress.send_modify(|(_, taken)| *taken += 1);
        Reaction::status(200)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mode_is_switched_under_load() {
    let flips = testkit::soak::count("flips", 30, 1_000);
    let shared = Shared::new();
    let receiver = Receiver::start().await.unwrap();
    refuse_some(&receiver, &shared);
    let mut server = launch(CONFIG).start().await.unwrap();
    let client = server.client().unwrap();

    let (mut publishers, mut consumers) = (JoinSet::new(), JoinSet::new());
    for _ in 0..PUBLISHERS {
        publishers.spawn(publish(shared.clone(), client.clone()));
    }
    for _ in 0..CONSUMERS {
        consumers.spawn(consume(shared.clone(), client.clone()));
    }
    let url = receiver.url("/");
    tokio::select! {
        () = flip(&shared, &client, &url, flips) => {}
        ended = publishers.join_next() => ended.unwrap().unwrap(),
        ended = consumers.join_next() => ended.unwrap().unwrap(),
    }
    shared.done.send_replace(true);
    while let Some(ended) = publishers.join_next().await {
        ended.unwrap();
    }
    // an even number of switches: the consumers have the turn, and take what is left
    let begun = Instant::now();
    loop {
        let states = states(&client, APP).await.unwrap();
        let open = states.values().filter(|state| *state != "DONE").count();
        assert!(states.values().all(|state| state != "DEAD" && state != "IGNORED"));
        if open == 0 {
            assert_eq!(states.len(), shared.ledger().published_count());
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "{open} events are still open");
        if let Some(ended) = consumers.try_join_next() {
            ended.unwrap();
        }
    }
    consumers.shutdown().await;
    assert_eq!(shared.ledger().missing("e"), Vec::<&String>::new(), "acknowledged and lost");
    assert!(server.stop().await.unwrap().success());
}
