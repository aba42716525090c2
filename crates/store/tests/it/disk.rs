//! A disk that is really full: a small one of the test's own. Each test runs itself again on it.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::{NewEvent, Timestamp};
use queue::{
    Attempt, Backend, BackendError, Commit, CommitError, EventQuery, Leased, RecordKey, RecordKind,
    RecordPut, Resolution, Settled, State,
};

use crate::harness::{APP, Bed, event, settlement};

const MIB: u64 = 1024 * 1024;
/// Bytes of the disk.
const SIZE: u64 = 96 * MIB;
/// Bytes that other files take at first.
const OTHERS: u64 = 48 * MIB;
/// As in real life no smaller than the log may be.
const RESERVE: u64 = 16 * MIB;

/// The small disk, in the inner run.
fn small_disk(test: &str) -> Option<PathBuf> {
    testkit::disk::small_disk(test, SIZE).unwrap()
}

/// A store on a disk that holds other files as well.
async fn bed(disk: &Path) -> Bed {
    take(disk, "others", OTHERS);
    Bed::within(disk, |options| options.reserve_bytes = RESERVE).await
}

/// Takes that many bytes of the disk, or all that are left.
fn take(disk: &Path, name: &str, bytes: u64) {
    let mut file = File::create(disk.join(name)).unwrap();
    let page = [1; 4096];
    for _ in 0..bytes / 4096 {
        if file.write_all(&page).is_err() {
            return;
        }
    }
}

/// Gives up other files.
fn make_room(disk: &Path) {
    std::fs::remove_file(disk.join("others")).unwrap();
}

fn large(n: usize) -> NewEvent {
    let mut event = event(&format!("{n} "));
    let mut payload = event.payload.to_vec();
    payload.resize(50_000, b'x');
    event.payload = Bytes::from(payload);
    event
}

fn is_full<T: std::fmt::Debug>(answer: &Result<T, CommitError>) -> bool {
    matches!(answer, Err(CommitError::Backend(BackendError::DiskFull)))
}

/// Publishes until the disk is full; how many events were accepted.
async fn fill(bed: &Bed) -> usize {
    for n in 0..1_000 {
        let published = bed.publish(vec![large(n)]).await;
        if published.is_err() {
            assert!(is_full(&published), "{published:?}");
            return n;
        }
    }
    panic!("the disk does not become full")
}

/// The number of an event that [`fill`] published.
fn number(leased: &Leased) -> usize {
    let text = std::str::from_utf8(&leased.payload).unwrap();
    text.split_once(' ').unwrap().0.parse().unwrap()
}

async fn in_history(bed: &Bed) -> usize {
    let (mut count, mut cursor) = (0, None);
    loop {
        let query = EventQuery {
            app: APP,
            states: vec![],
            kinds: vec![],
            file: None,
            since: None,
            until: None,
            limit: 100,
            cursor,
        };
        let page = bed.store.history(query).await.unwrap();
        count += page.events.len();
        let Some(next) = page.cursor else { return count };
        cursor = Some(next);
    }
}

fn record(id: &str) -> RecordPut {
    let key = RecordKey { kind: RecordKind::Media, app: APP, id: id.to_owned() };
    RecordPut { key, body: Bytes::from_static(b"{}"), terms: vec![], listing: None }
}

fn says_full(bed: &Bed) -> bool {
    let health = bed.store.health();
    assert!(!health.failed, "{health:?}");
    health.problems.iter().any(|problem| problem.contains("disk is full"))
}

#[tokio::test]
async fn a_full_disk_refuses_events_and_confirms_go_on() {
    let name = "disk::a_full_disk_refuses_events_and_confirms_go_on";
    let Some(disk) = small_disk(name) else { return };
    let bed = bed(&disk).await;
    assert!(!says_full(&bed));
    let accepted = fill(&bed).await;
    assert!(accepted > 50, "{accepted}");
    assert!(says_full(&bed));
    // nothing of the refused commit is there, and it is refused whole
    let mut mixed = Commit { events: vec![event("small")], ..Commit::default() };
    mixed.put.push(record("refused"));
    assert!(is_full(&bed.store.commit(mixed).await));
    assert_eq!(bed.store.get(vec![record("refused").key]).await.unwrap(), [None]);
    assert_eq!(in_history(&bed).await, accepted);
    assert_eq!(bed.store.load(None).ready, u64::try_from(accepted).unwrap());
    // a tick finds no room
    bed.store.tick().await.unwrap();
    assert!(says_full(&bed));
    // consumers go on, one call at a time
    let mut confirmed = 0;
    while confirmed < accepted - 10 {
        let leased = bed.pull(1).await;
        assert_eq!(number(&leased[0]), confirmed);
        assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Accepted]);
        confirmed += 1;
    }
    // what frees the disk is let through
    let frees =
        Commit { put: vec![record("freed")], garbage: vec!["o".into()], ..Commit::default() };
    bed.store.commit(frees).await.unwrap();
    assert!(is_full(&bed.publish(vec![event("small")]).await));
    make_room(&disk);
    bed.store.tick().await.unwrap();
    assert!(!says_full(&bed));
    bed.publish(vec![large(accepted)]).await.unwrap();
    let bed = bed.crash();
    let left = bed.pull(1_000).await;
    let left: Vec<usize> = left.iter().map(number).collect();
    assert_eq!(left, (confirmed..=accepted).collect::<Vec<_>>());
    assert!(bed.store.get(vec![record("freed").key]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn when_the_reserve_is_used_up_confirms_are_refused_and_nothing_breaks() {
    let name = "disk::when_the_reserve_is_used_up_confirms_are_refused_and_nothing_breaks";
    let Some(disk) = small_disk(name) else { return };
    let bed = bed(&disk).await;
    let accepted = fill(&bed).await;
    let mut settled = 0;
    let refused = loop {
        let mut request = Bed::request(1);
        request.max_bytes = 1;
        let leased = bed.store.lease(request).await.unwrap();
        let mut failed = settlement(&leased[0], Resolution::Dead(queue::Reason::Exhausted));
        failed.attempt = Some(Attempt {
            at: Timestamp(1),
            url: "http://127.0.0.1:1/".to_owned(),
            status: Some(500),
            duration_ms: 1,
            // far more than is kept, to come to the end of the reserve
            body: Bytes::from(vec![b'x'; 500_000]),
            error: String::new(),
        });
        match bed.store.settle(vec![failed]).await {
            Ok(answers) => assert_eq!(answers, [Settled::Accepted]),
            Err(BackendError::DiskFull) => break leased,
            Err(other) => panic!("{other}"),
        }
        settled += 1;
        assert!(settled < accepted, "the reserve has no end");
    };
    assert!(settled >= 8, "{settled}");
    assert!(says_full(&bed));
    // the lease stands, and the answer is the same
    assert_eq!(bed.store.load(None).leased, 1);
    let states = bed.store.event(APP, refused[0].handle.event).await.unwrap().unwrap();
    assert_eq!((states.row.state, states.attempts.len()), (State::Leased, 0));
    make_room(&disk);
    bed.store.tick().await.unwrap();
    assert_eq!(bed.settle(&refused, Resolution::Done).await, [Settled::Accepted]);
    assert!(!says_full(&bed));
    let bed = bed.crash();
    assert_eq!(bed.pull(1_000).await.len(), accepted - settled - 1);
}

#[tokio::test]
async fn a_crash_on_a_full_disk_recovers() {
    let Some(disk) = small_disk("disk::a_crash_on_a_full_disk_recovers") else { return };
    let bed = bed(&disk).await;
    let accepted = fill(&bed).await;
    let leased = bed.pull(10).await;
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Accepted; 10]);
    // somebody else takes every byte that is left
    take(&disk, "rest", SIZE);
    let bed = bed.crash();
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Already; 10]);
    let left = bed.pull(1_000).await;
    assert_eq!(left.iter().map(number).collect::<Vec<_>>(), (10..accepted).collect::<Vec<_>>());
    let answers = bed.settle(&left, Resolution::Done).await;
    assert!(answers.iter().all(|answer| *answer == Settled::Accepted));
    assert!(is_full(&bed.publish(vec![large(0)]).await));
    assert!(says_full(&bed));
    let bed = bed.restart().await;
    make_room(&disk);
    bed.store.tick().await.unwrap();
    bed.publish(vec![large(0)]).await.unwrap();
    assert!(!says_full(&bed));
    assert_eq!(bed.pull(16).await.len(), 1);
}
