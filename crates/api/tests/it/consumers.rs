//! Many consumers on one queue, over real connections: nothing is lost, nothing is with two of them
//! at once, nobody who has left is served, and nobody who never confirms stands in the others' way.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Handle;
use queue::Load;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::message::{Message, code, message};
use crate::server::{Connection, NOW_S, ROOT, Server};

const CONSUMERS: usize = 32;
const DEADLINE: Duration = Duration::from_mins(1);

async fn pulling(wait: Duration, lease: Duration) -> Arc<Server> {
    let server = Server::with(|settings| {
        settings.pull_wait_ms = u64::try_from(wait.as_millis()).unwrap();
        settings.pull_lease_ms = u64::try_from(lease.as_millis()).unwrap();
        settings.rates = api::RateLimits::none();
    })
    .await;
    server.call("ModifyEventConfig", json!({"Mode": "PULL"})).await;
    Arc::new(server)
}

async fn stop(server: Arc<Server>) {
    Arc::into_inner(server).expect("every task has ended").stop().await;
}

/// One client on one kept connection.
struct Client(Connection);

impl Client {
    async fn connect(server: &Server) -> Self {
        Self(server.connect().await)
    }

    async fn send(&mut self, action: &str, params: &Value) {
        let message = Message::post(action, params.to_string(), NOW_S).signed(ROOT);
        self.0.send(&message.bytes()).await;
    }

    async fn answer(&mut self) -> Value {
        self.0.answer().await.expect("an answer").response()
    }

    async fn call(&mut self, action: &str, params: Value) -> Value {
        self.send(action, &params).await;
        self.answer().await
    }

    async fn publish(&mut self, kind: &str, count: usize) {
        let events = vec![json!({ "EventType": kind }); count];
        let published = self.call("PublishEvents", json!({ "Events": events })).await;
        assert_eq!(code(&published), "OK", "{published}");
    }

    /// What one poll brings.
    async fn pull(&mut self) -> Vec<Item> {
        let pulled = self.call("PullEvents", json!({})).await;
        items(&pulled)
    }

    async fn confirm(&mut self, items: &[Item]) -> Value {
        let handles: Vec<String> = items.iter().map(|item| item.handle.to_string()).collect();
        self.call("ConfirmEvents", json!({ "EventHandles": handles })).await
    }
}

/// An event as it was pulled.
#[derive(Clone, Debug)]
struct Item {
    handle: Handle,
    kind: String,
}

fn items(pulled: &Value) -> Vec<Item> {
    if let "ResourceNotFound" = code(pulled).as_str() {
        return Vec::new();
    }
    let item = |event: &Value| Item {
        handle: event["EventHandle"].as_str().unwrap().parse().unwrap(),
        kind: event["EventType"].as_str().unwrap().to_owned(),
    };
    pulled["EventSet"].as_array().unwrap().iter().map(item).collect()
}

/// What all consumers of a test have seen.
#[derive(Debug, Default)]
struct Seen {
    /// Of each event, until when it is surely held by whoever got it last.
    held: HashMap<u64, Instant>,
    /// Of each event, its first lease.
    first: BTreeMap<u64, u64>,
    leases: HashSet<u64>,
    confirmed: HashMap<u64, Instant>,
}

#[derive(Clone, Debug, Default)]
struct Shared {
    seen: Arc<Mutex<Seen>>,
    confirmed: watch::Sender<usize>,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A poll that was sent at `sent` has just been answered with these.
    fn pulled(&self, items: &[Item], sent: Instant, lease: Duration) {
        let mut seen = self.seen();
        // the server counts whole milliseconds
        let (now, held) = (Instant::now(), sent + lease - Duration::from_millis(1));
        assert!(items.len() <= 16);
        for Item { handle, .. } in items {
            let event = handle.event.first_seq.0;
            assert!(seen.leases.insert(handle.lease), "{handle} was given out twice");
            if let Some(confirmed) = seen.confirmed.get(&event) {
                assert!(*confirmed > sent, "{handle} came after it was confirmed");
            }
            if let Some(other) = seen.held.insert(event, held) {
                assert!(now >= other, "{handle} came while somebody else held it");
            }
            let first = seen.first.entry(event).or_insert(handle.lease);
            *first = (*first).min(handle.lease);
        }
    }

    fn confirmed(&self, items: &[Item]) {
        let mut seen = self.seen();
        let now = Instant::now();
        for item in items {
            seen.confirmed.entry(item.handle.event.first_seq.0).or_insert(now);
        }
        self.confirmed.send_replace(seen.confirmed.len());
    }

    async fn wait_for(&self, count: usize) {
        let mut confirmed = self.confirmed.subscribe();
        let all = confirmed.wait_for(|confirmed| *confirmed >= count);
        let reached = timeout(DEADLINE, all).await.is_ok();
        assert!(reached, "{} of {count} were confirmed", *self.confirmed.borrow());
    }
}

/// Pulls and confirms until it is stopped. Of five batches, one is confirmed in part and one not at
/// all; what is left comes again when its lease has ended.
async fn consume(server: Arc<Server>, shared: Shared, lease: Duration, consumer: usize) {
    let mut client = Client::connect(&server).await;
    for turn in consumer.. {
        let sent = Instant::now();
        let mut pulled = client.pull().await;
        shared.pulled(&pulled, sent, lease);
        match turn % 5 {
            0 => pulled.clear(),
            1 => pulled.truncate(pulled.len() / 2),
            _ => {}
        }
        if pulled.is_empty() {
            continue;
        }
        let confirmed = client.confirm(&pulled).await;
        if code(&confirmed) != "OK" {
            // on a busy machine a lease may have ended; then the event comes again
            assert_eq!(code(&confirmed), "InvalidParameterValue", "{confirmed}");
            let told = message(&confirmed);
            assert!(told.contains("has expired") && !told.contains("is unknown"), "{told}");
            pulled.retain(|item| !told.contains(&format!("`{}` has expired", item.handle)));
        }
        shared.confirmed(&pulled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_consumers_share_a_queue() {
    const EVENTS: usize = 4 * 50 * 10;
    let lease = Duration::from_millis(700);
    let server = pulling(Duration::from_secs(2), lease).await;
    let shared = Shared::default();
    let mut consumers = JoinSet::new();
    for consumer in 0..CONSUMERS {
        consumers.spawn(consume(Arc::clone(&server), shared.clone(), lease, consumer));
    }
    let mut publishers = JoinSet::new();
    for _ in 0..4 {
        let server = Arc::clone(&server);
        publishers.spawn(async move {
            let mut client = Client::connect(&server).await;
            for _ in 0..50 {
                client.publish("PullComplete", 10).await;
            }
        });
    }
    while let Some(published) = publishers.join_next().await {
        published.unwrap();
    }
    tokio::select! {
        () = shared.wait_for(EVENTS) => {}
        ended = consumers.join_next() => ended.unwrap().unwrap(),
    }
    consumers.shutdown().await;
    let seen = std::mem::take(&mut *shared.seen());
    assert_eq!(seen.confirmed.len(), EVENTS);
    assert!(seen.leases.len() > EVENTS, "some came again");
    let firsts: Vec<u64> = seen.first.into_values().collect();
    assert!(firsts.is_sorted(), "first leases follow the order of the log");
    assert_eq!(server.backend.load(None), Load::default());
    stop(server).await;
}

/// Each poll is answered with the one event that was published when it was first in line.
#[tokio::test]
async fn waiting_polls_are_served_first_come_first_served() {
    let server = pulling(Duration::from_secs(15), Duration::from_secs(30)).await;
    let mut other = Client::connect(&server).await;
    let mut polls = Vec::new();
    for _ in 0..CONSUMERS {
        let mut poll = Client::connect(&server).await;
        poll.call("DescribeEventConfig", json!({})).await;
        poll.send("PullEvents", &json!({})).await;
        // one thread serves all connections in the order of their requests, so that two round trips
        // later the poll stands in line
        for _ in 0..2 {
            other.call("DescribeEventConfig", json!({})).await;
        }
        polls.push(poll);
    }
    for (turn, mut poll) in polls.into_iter().enumerate() {
        other.publish("PullComplete", 1).await;
        let pulled = items(&poll.answer().await);
        assert_eq!(pulled.len(), 1, "poll {turn} is first in line");
    }
    stop(server).await;
}

/// Thousands of polls hang up: first while nothing comes, so that none of them may have taken
/// anything, then while events come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_that_hang_up_cost_nothing() {
    const EVENTS: usize = 300;
    let server = pulling(Duration::from_secs(15), Duration::from_millis(500)).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut honest = Client::connect(&server).await;
    honest.call("DescribeEventConfig", json!({})).await;
    let before = tasks();
    for _ in 0..20 {
        let mut gone = Vec::new();
        for _ in 0..100 {
            let mut client = Client::connect(&server).await;
            client.send("PullEvents", &json!({})).await;
            gone.push(client);
        }
    }
    let gone = async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("who hung up leaves no task behind");
    assert_eq!(server.backend.load(None), Load::default());
    honest.publish("PullComplete", 1).await;
    assert_eq!(server.backend.load(None).leased, 0);
    assert_eq!(honest.pull().await.len(), 1, "nobody else has taken it");

    let shared = Shared::default();
    let mut consumers = JoinSet::new();
    for _ in 0..4 {
        let (server, shared) = (Arc::clone(&server), shared.clone());
        consumers.spawn(async move {
            let mut client = Client::connect(&server).await;
            loop {
                let pulled = client.pull().await;
                if !pulled.is_empty() && code(&client.confirm(&pulled).await) == "OK" {
                    shared.confirmed(&pulled);
                }
            }
        });
    }
    let mut hasty = JoinSet::new();
    for hurry in 0..4 {
        let server = Arc::clone(&server);
        hasty.spawn(async move {
            for turn in 0..250_u64 {
                let mut client = Client::connect(&server).await;
                client.send("PullEvents", &json!({})).await;
                let patience = Duration::from_micros((turn * 37 + hurry * 11) % 900);
                // whether an answer came or not, nothing is confirmed
                let _left = timeout(patience, client.answer()).await;
            }
        });
    }
    for _ in 0..EVENTS / 10 {
        honest.publish("PullComplete", 10).await;
    }
    while let Some(ended) = hasty.join_next().await {
        ended.unwrap();
    }
    shared.wait_for(EVENTS + 1).await;
    consumers.shutdown().await;
    assert_eq!(server.backend.load(None), Load::default());
    stop(server).await;
}

/// An answer that is cut off leaves its events to the lease: not lost, and with nobody else before.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_in_an_answer_loses_nothing() {
    let server = pulling(Duration::from_secs(10), Duration::from_secs(2)).await;
    let mut client = Client::connect(&server).await;
    client.publish("PullComplete", 16).await;
    let mut broken = Client::connect(&server).await;
    let sent = Instant::now();
    broken.send("PullEvents", &json!({})).await;
    assert_eq!(broken.0.line().await, "HTTP/1.1 200 OK");
    drop(broken);
    assert_eq!(server.backend.load(None).leased, 16);
    let pulled = client.pull().await;
    assert!(sent.elapsed() >= Duration::from_millis(1_999), "{:?}", sent.elapsed());
    assert_eq!(pulled.len(), 16);
    let events: Vec<u64> = pulled.iter().map(|item| item.handle.event.first_seq.0).collect();
    assert!(events.is_sorted(), "{events:?}");
    assert_eq!(code(&client.confirm(&pulled).await), "OK");
    stop(server).await;
}

/// More events of a kind that nobody confirms than fit into two batches, all older than the rest.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_confirmed_blocks_nothing_else() {
    const POISON: usize = 40;
    const GOOD: usize = 100;
    let server = pulling(Duration::from_secs(2), Duration::from_millis(300)).await;
    let mut client = Client::connect(&server).await;
    client.publish("EditMediaComplete", POISON).await;
    client.publish("PullComplete", GOOD).await;
    let (mut seen, mut confirmed) = (HashSet::new(), HashSet::new());
    let mut batches = 0;
    while confirmed.len() < GOOD {
        let mut pulled = client.pull().await;
        batches += usize::from(!pulled.is_empty());
        pulled.retain(|item| item.kind == "PullComplete");
        seen.extend(pulled.iter().map(|item| item.handle.event));
        if batches == (POISON + GOOD).div_ceil(16) {
            assert_eq!(seen.len(), GOOD, "whatever comes again is behind what has not come yet");
        }
        if !pulled.is_empty() && code(&client.confirm(&pulled).await) == "OK" {
            confirmed.extend(pulled.iter().map(|item| item.handle.event));
        }
    }
    // the others are not lost for it
    let mut left = HashSet::new();
    while left.len() < POISON {
        left.extend(client.pull().await.into_iter().map(|item| item.handle.event));
    }
    assert!(left.is_disjoint(&confirmed));
    stop(server).await;
}

/// A call with everything that a handle may be: current, twice, ended, invented, another log's,
/// another application's, no handle at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_confirmed_and_the_rest_is_named() {
    let server = pulling(Duration::from_secs(2), Duration::from_secs(30)).await;
    let mut client = Client::connect(&server).await;
    let other = client.call("CreateSubAppId", json!({"Name": "other"})).await["SubAppId"].clone();
    client.call("ModifyEventConfig", json!({"SubAppId": other, "Mode": "PULL"})).await;
    let theirs = json!({"SubAppId": other, "Events": [{"EventType": "PullComplete"}]});
    client.call("PublishEvents", theirs).await;
    let theirs = items(&client.call("PullEvents", json!({"SubAppId": other})).await).remove(0);

    client.publish("EditMediaComplete", 2).await;
    client.publish("PullComplete", 14).await;
    let pulled = client.pull().await;
    assert_eq!(pulled.len(), 16);
    let (purged, current) = pulled.split_at(2);
    client.call("PurgeEvents", json!({"EventTypes": ["EditMediaComplete"]})).await;

    let handle = current[0].handle;
    let invented = Handle { lease: handle.lease + 1_000, ..current[6].handle };
    let mut elsewhere = handle;
    elsewhere.event.origin ^= 1;
    let expired = [purged[0].handle.to_string(), purged[1].handle.to_string()];
    let unknown = ["no handle".to_owned(), elsewhere.to_string(), theirs.handle.to_string()];
    let mut all: Vec<String> = current[..5].iter().map(|item| item.handle.to_string()).collect();
    all.extend([all[1].clone(), expired[0].clone(), unknown[0].clone(), unknown[1].clone()]);
    all.extend([invented.to_string(), all[1].clone(), expired[1].clone(), unknown[2].clone()]);
    let told = format!(
        "The value specified in the parameter `EventHandles` is not valid: `{}` has expired, `{}` is \
         unknown, `{}` is unknown, `{invented}` is unknown, `{}` has expired, `{}` is unknown. All \
         others are confirmed.",
        expired[0], unknown[0], unknown[1], expired[1], unknown[2]
    );
    // the second call repeats the first, whose answer may have been lost
    for _ in 0..2 {
        let refused = client.call("ConfirmEvents", json!({ "EventHandles": all })).await;
        assert_eq!((&*code(&refused), &*message(&refused)), ("InvalidParameterValue", &*told));
        let listed = client.call("DescribeEvents", json!({"States": ["DONE"]})).await;
        assert_eq!(listed["EventSet"].as_array().unwrap().len(), 5);
    }
    assert_eq!(code(&client.confirm(&current[5..]).await), "OK");
    assert_eq!(code(&client.confirm(current).await), "OK", "repeated, alone or among others");
    assert_eq!(code(&client.confirm(&current[..1]).await), "OK");
    let theirs = json!({"SubAppId": other, "EventHandles": [theirs.handle.to_string()]});
    assert_eq!(code(&client.call("ConfirmEvents", theirs).await), "OK", "nobody else confirmed it");
    assert_eq!(server.backend.load(None), Load::default());
    stop(server).await;
}
