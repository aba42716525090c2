//! `kill -9` under mixed load: what was acknowledged is there afterwards.
//!
//! Two applications are published to, pulled from, confirmed and pushed from while the process is
//! killed at an arbitrary moment and started again on the same data, over and over. Whether a call
//! that was cut off took effect is not known and not asked; whether an acknowledged one did, is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::{CallError, Client};
use serde_json::{Value, json};
use testkit::process::Server;
use testkit::receiver::{Reaction, Receiver};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::launch;
use crate::ledger::Ledger;

const PULL_APP: u64 = 1_500_000_001;
const PUSH_APP: u64 = 1_500_000_002;
const DEADLINE: Duration = Duration::from_mins(1);
/// Acknowledged events between two kills, at least.
const EVENTS_MIN: usize = 300;

/// Leases and retries are short, so that what a crash or a consumer left comes back within the test;
/// nothing is rate limited.
fn config(receiver: &Receiver) -> String {
    let url = receiver.url("/");
    format!(
        r#"
[pull]
wait = "500ms"
lease = "1s"

[push]
schedule = ["100ms"]
repeat = "300ms"

[limits.per_second]
PullEvents = 0
ConfirmEvents = 0
DescribeEventsState = 0

[[application]]
id = {PULL_APP}
name = "pull"
mode = "PULL"

[[application]]
id = {PUSH_APP}
name = "push"
mode = "PUSH"
notification_url = "{url}"
"#
    )
}

/// What all tasks of the test share.
#[derive(Clone, Debug, Default)]
struct Shared {
    ledger: Arc<Mutex<Ledger>>,
    /// Set once a kill is on its way: from then on, calls may fail.
    dying: watch::Sender<bool>,
    progress: watch::Sender<(usize, usize)>,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how far it has come.
    fn report(&self) {
        let ledger = self.ledger();
        self.progress.send_replace((ledger.published_count(), ledger.confirmed_count()));
    }

    /// Whether a call failed because the server was killed. Any other failure is one of the test.
    fn cut_off(&self, error: &CallError) -> bool {
        assert!(error.code().is_none() && *self.dying.borrow(), "a call failed: {error}");
        true
    }
}

/// Publishes, a few events at a time, until the server is gone.
async fn publish(shared: Shared, client: Client, app: u64, prefix: &str) {
    for turn in 0_usize.. {
        let marks: Vec<String> = (0..=turn % 4).map(|_| shared.ledger().mark(prefix)).collect();
        let events: Vec<Value> = marks
            .iter()
            .map(|mark| {
                let task = json!({ "TaskId": mark, "Status": "FINISH" });
                json!({ "EventType": "ProcedureStateChanged", "ProcedureStateChangeEvent": task })
            })
            .collect();
        match client.call("PublishEvents", json!({ "SubAppId": app, "Events": events })).await {
            Ok(answer) => {
                let mut ledger = shared.ledger();
                for (mark, row) in marks.iter().zip(answer["EventSet"].as_array().unwrap()) {
                    ledger.published(mark, row["EventId"].as_str().unwrap());
                }
            }
            Err(error) => {
                shared.cut_off(&error);
                return;
            }
        }
        shared.report();
    }
}

/// Pulls once; pairs of mark and handle. `None` if the server is gone.
async fn pull(shared: &Shared, client: &Client) -> Option<Vec<(String, String)>> {
    let sent = shared.ledger().moment();
    let answer = match client.call("PullEvents", json!({ "SubAppId": PULL_APP })).await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("ResourceNotFound") => return Some(Vec::new()),
        Err(error) => {
            shared.cut_off(&error);
            return None;
        }
    };
    let mut ledger = shared.ledger();
    let events = answer["EventSet"].as_array().unwrap().iter();
    let pairs = events.map(|event| {
        let mark = event["ProcedureStateChangeEvent"]["TaskId"].as_str().unwrap();
        let handle = event["EventHandle"].as_str().unwrap();
        ledger.pulled(mark, handle, sent);
        (mark.to_owned(), handle.to_owned())
    });
    Some(pairs.collect())
}

/// Confirms; `None` if the server is gone.
async fn confirm(shared: &Shared, client: &Client, pairs: &[(String, String)]) -> Option<()> {
    let handles: Vec<&String> = pairs.iter().map(|(_, handle)| handle).collect();
    let params = json!({ "SubAppId": PULL_APP, "EventHandles": handles });
    match client.call("ConfirmEvents", params).await {
        Ok(_) => {
            let mut ledger = shared.ledger();
            for (mark, handle) in pairs {
                ledger.confirmed(mark, handle);
            }
        }
        // One of the leases has ended on a busy machine: which ones were settled is not known.
        Err(error) if error.code() == Some("InvalidParameterValue") => {}
        Err(error) => {
            shared.cut_off(&error);
            return None;
        }
    }
    shared.report();
    Some(())
}

/// Pulls and confirms until the server is gone; leaves one event in five to its lease.
async fn consume(shared: Shared, client: Client) {
    let mut seen = 0_u64;
    while let Some(mut pairs) = pull(&shared, &client).await {
        pairs.retain(|_| {
            seen += 1;
            !seen.is_multiple_of(5)
        });
        if !pairs.is_empty() && confirm(&shared, &client, &pairs).await.is_none() {
            return;
        }
    }
}

/// Loads the server until enough has been acknowledged, and kills it in the middle of it.
async fn load_and_kill(shared: &Shared, server: &mut Server, enough: usize) {
    shared.dying.send_replace(false);
    let (client, mut tasks) = (server.client().unwrap(), JoinSet::new());
    for _ in 0..3 {
        tasks.spawn(publish(shared.clone(), client.clone(), PULL_APP, "pull"));
        tasks.spawn(consume(shared.clone(), client.clone()));
    }
    tasks.spawn(publish(shared.clone(), client, PUSH_APP, "push"));

    let (published, confirmed) = *shared.progress.borrow();
    let mut progress = shared.progress.subscribe();
    let wait = progress.wait_for(|(p, c)| *p >= published + enough && *c >= confirmed + enough / 4);
    tokio::select! {
        reached = timeout(DEADLINE, wait) => { reached.expect("the load goes on").unwrap(); }
        ended = tasks.join_next() => ended.unwrap().unwrap(),
    }
    shared.dying.send_replace(true);
    server.kill9().await.unwrap();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// What was acknowledged just before the kill is there, and what was confirmed stays confirmed.
async fn check_the_last(shared: &Shared, server: &Server) {
    let client = server.client().unwrap();
    for (app, prefix) in [(PULL_APP, "pull"), (PUSH_APP, "push")] {
        let ids = shared.ledger().last_published(prefix, 20);
        for id in ids {
            let params = json!({ "SubAppId": app, "EventId": id });
            let detail = client.call("DescribeEventDetail", params).await.unwrap();
            assert_eq!(detail["Event"]["EventId"], id);
        }
    }
    // The answer to a confirmation may have been lost: it may be repeated, after a crash too.
    let handles = shared.ledger().last_confirmed(16).to_vec();
    let params = json!({ "SubAppId": PULL_APP, "EventHandles": handles });
    client.call("ConfirmEvents", params).await.unwrap();
}

/// Takes everything that is left.
async fn drain(shared: &Shared, server: &Server) {
    let client = server.client().unwrap();
    loop {
        let pairs = pull(shared, &client).await.unwrap();
        if !pairs.is_empty() {
            confirm(shared, &client, &pairs).await.unwrap();
            continue;
        }
        let params = json!({ "SubAppId": PULL_APP });
        let state = client.call("DescribeEventsState", params).await.unwrap();
        let leased = json!({ "SubAppId": PULL_APP, "States": ["LEASED"] });
        let leased = client.call("DescribeEvents", leased).await.unwrap();
        let leased = leased["EventSet"].as_array().unwrap().len();
        if state["CountOfEventsToPull"] == 0 && leased == 0 {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let kills = testkit::soak::count("kills", 5, 200);
    let shared = Shared::default();
    let receiver = Receiver::start().await.unwrap();
    let ledger = Arc::clone(&shared.ledger);
    receiver.script(move |callback| {
        // 500 says that the receiver is alive, so that no circuit opens and hides what is tested.
        let id: u32 = callback.header("webhook-id").bytes().map(u32::from).sum();
        if id.is_multiple_of(5) && callback.header("x-callboard-attempt") == "1" {
            return Reaction::status(500);
        }
        ledger.lock().unwrap_or_else(PoisonError::into_inner).pushed(callback);
        Reaction::status(200)
    });

    let mut server = launch(config(&receiver)).start().await.unwrap();
    for kill in 0..kills {
        let enough = EVENTS_MIN + usize::try_from(kill % 7).unwrap() * 97;
        load_and_kill(&shared, &mut server, enough).await;
        server.restart().await.unwrap();
        check_the_last(&shared, &server).await;
    }

    timeout(DEADLINE, drain(&shared, &server)).await.expect("the queue empties");
    assert_eq!(shared.ledger().missing("pull"), Vec::<&String>::new(), "acknowledged and lost");
    let all_pushed = |_: &[_]| shared.ledger().missing("push").is_empty();
    receiver.wait_until(DEADLINE, all_pushed).await.unwrap();
    assert!(server.stop().await.unwrap().success());
}
