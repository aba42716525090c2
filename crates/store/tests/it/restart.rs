//! Crashes and graceful stops: nothing acknowledged is lost, no number is given out twice.

use std::collections::HashSet;

use model::Seq;
use queue::{Backend, BackendError, Resolution, Settled, State};
use store::{LockError, OpenError, Store};

use crate::harness::{APP, Bed, bodies};

#[tokio::test]
async fn a_crash_keeps_what_was_answered_and_voids_leases() {
    let bed = Bed::new().await;
    let published = bed.events(["1", "2", "3", "4"]).await;
    let leased = bed.pull(3).await;
    bed.settle(&leased[..1], Resolution::Done).await;
    bed.settle(&leased[1..2], Resolution::Retry { after_ms: 60_000 }).await;
    let bed = bed.crash();
    // the answer may have been lost: the confirmed handle is accepted again, the void one is not
    let answers = bed.settle(&leased, Resolution::Done).await;
    assert_eq!(answers, [Settled::Already, Settled::Stale, Settled::Stale]);
    let again = bed.pull(16).await;
    assert_eq!(bodies(&again), ["3", "4"]);
    assert!(again.iter().all(|a| leased.iter().all(|b| a.handle != b.handle)));
    bed.hands.pass(60_000);
    let retried = bed.pull(16).await;
    assert!(bodies(&retried).contains(&"2"));
    assert_eq!(retried.iter().find(|l| l.payload == "2").unwrap().attempts, 1);
    let later = bed.events(["5"]).await;
    let ids: HashSet<Seq> = published.iter().chain(&later).map(|p| p.id.first_seq).collect();
    assert_eq!(ids.len(), 5);
    bed.hands.pass(31_000);
    let answers = bed.settle(&leased[..1], Resolution::Done).await;
    assert_eq!(answers, [Settled::Stale]);
}

#[tokio::test]
async fn a_graceful_stop_keeps_leases_with_their_handles() {
    let bed = Bed::new().await;
    bed.events(["1", "2"]).await;
    let leased = bed.pull(1).await;
    bed.hands.pass(10_000);
    let bed = bed.restart().await;
    assert_eq!(bodies(&bed.pull(16).await), ["2"]);
    bed.hands.pass(19_999);
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Accepted]);
    // they were read and emptied: the next crash voids nothing that is not there
    let bed = bed.crash();
    assert_eq!(bed.store.load(Some(APP)).leased, 0);
}

#[tokio::test]
async fn a_kept_lease_ends_when_it_would_have() {
    let bed = Bed::new().await;
    bed.events(["1"]).await;
    let leased = bed.pull(1).await;
    bed.hands.pass(10_000);
    let bed = bed.restart().await;
    bed.hands.pass(20_000);
    assert_eq!(bed.settle(&leased, Resolution::Done).await, [Settled::Stale]);
    assert_eq!(bodies(&bed.pull(1).await), ["1"]);
}

#[tokio::test]
async fn checkpoints_and_tail_make_one_state() {
    let mut bed = Bed::new().await;
    let mut rng = 7_u64;
    let mut open: HashSet<String> = HashSet::new();
    for round in 0..12_u32 {
        let names: Vec<String> = (0..40).map(|n| format!("{round}-{n}")).collect();
        bed.events(names.iter().map(String::as_str)).await;
        open.extend(names);
        let leased = bed.pull(30).await;
        for lease in &leased {
            rng =
                rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let resolution = match (rng >> 33) % 3 {
                0 => Resolution::Done,
                1 => Resolution::Dead(queue::Reason::Exhausted),
                _ => Resolution::Retry { after_ms: rng >> 44 },
            };
            bed.settle(std::slice::from_ref(lease), resolution).await;
            if !matches!(resolution, Resolution::Retry { .. }) {
                open.remove(std::str::from_utf8(&lease.payload).unwrap());
            }
        }
        if round % 3 == 0 {
            bed.hands.pass(60_000);
            bed.store.tick().await.unwrap();
        }
        bed = if round % 4 == 3 { bed.restart().await } else { bed.crash() };
    }
    bed.hands.pass(3_600_000);
    let left = bed.pull(10_000).await;
    let left: HashSet<String> = bodies(&left).into_iter().map(str::to_owned).collect();
    assert_eq!(left, open);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let bed = Bed::new().await;
    let second = Store::open(&bed.options, bed.hands.clone(), std::sync::Arc::new(queue::Silent));
    assert!(matches!(second, Err(OpenError::Lock(LockError::Held(_)))));
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let bed = Bed::new().await;
    bed.events(["1"]).await;
    bed.store.close().await.unwrap();
    let refused = bed.publish(vec![crate::harness::event("2")]).await;
    assert!(matches!(refused, Err(queue::CommitError::Backend(BackendError::Closed))));
    assert!(bed.try_pull(1).await.is_err());
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let bed = Bed::new().await;
    bed.store.close().await.unwrap();
    let (options, hands) = (bed.options.clone(), bed.hands.clone());
    let file = options.dir.join("callboard.db");
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    drop(std::sync::Arc::into_inner(bed.store));
    let refused = Store::open(&options, hands, std::sync::Arc::new(queue::Silent));
    assert!(matches!(refused, Err(OpenError::Newer { found: 99, .. })));
}

#[tokio::test]
async fn a_backup_is_a_store() {
    let bed = Bed::new().await;
    let published = bed.events(["1", "2"]).await;
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join("callboard.db");
    let part = copy.path().join("callboard.db.part");
    std::fs::write(&part, "what a backup that was cut short left").unwrap();
    let report = store::backup(&bed.options.dir, &to).unwrap();
    assert_eq!(report.bytes, std::fs::metadata(&to).unwrap().len());
    assert!(!part.exists(), "a whole copy has its name");
    assert!(matches!(store::backup(&bed.options.dir, &to), Err(store::BackupError::Exists(_))));
    let mut options = bed.options.clone();
    options.dir = copy.path().to_owned();
    let second =
        Store::open(&options, bed.hands.clone(), std::sync::Arc::new(queue::Silent)).unwrap();
    let detail = second.event(APP, published[1].id).await.unwrap().unwrap();
    assert_eq!((detail.row.state, &detail.payload[..]), (State::Ready, &b"2"[..]));
    // what both state from now on must not be taken for each other by receivers
    bed.events(["3"]).await;
    let mut theirs = bed.pull(16).await;
    let third = Bed::over(second);
    third.events(["3"]).await;
    theirs.extend(third.pull(16).await);
    let ids: HashSet<Seq> = theirs.iter().map(|leased| leased.handle.event.first_seq).collect();
    assert_eq!(ids.len(), 4, "two are shared, two are new");
    let handles: HashSet<String> = theirs.iter().map(|leased| leased.handle.to_string()).collect();
    assert_eq!(handles.len(), 6);
}

#[tokio::test]
async fn a_confirmed_handle_is_accepted_again_after_a_checkpoint_and_any_stop() {
    for graceful in [false, true] {
        let bed = Bed::new().await;
        bed.events(["1", "2"]).await;
        bed.hands.pass(59_000);
        let leased = bed.pull(2).await;
        bed.settle(&leased[..1], Resolution::Done).await;
        bed.hands.pass(1_000);
        bed.store.tick().await.unwrap();
        let bed = if graceful { bed.restart().await } else { bed.crash() };
        let answers = bed.settle(&leased, Resolution::Done).await;
        let second = if graceful { Settled::Accepted } else { Settled::Stale };
        assert_eq!(answers, [Settled::Already, second]);
        bed.hands.pass(30_000);
        assert_eq!(bed.settle(&leased[..1], Resolution::Done).await, [Settled::Stale]);
    }
}

#[tokio::test]
async fn what_a_new_address_made_due_is_due_after_a_crash_too() {
    for checkpoint in [false, true] {
        let bed = Bed::new().await;
        bed.events(["1", "2"]).await;
        let before = bed.pull(1).await;
        bed.settle(&before, Resolution::Retry { after_ms: 3_600_000 }).await;
        bed.configure(APP, |app| app.config.notification_url = "http://b/".to_owned()).await;
        let after = bed.pull(1).await;
        bed.settle(&after, Resolution::Retry { after_ms: 3_600_000 }).await;
        if checkpoint {
            bed.hands.pass(60_000);
            bed.store.tick().await.unwrap();
        }
        let bed = bed.crash();
        let load = bed.store.load(Some(APP));
        assert_eq!((load.ready, load.delayed), (1, 1));
        let due = bed.pull(16).await;
        assert_eq!((bodies(&due), due[0].attempts), (vec!["1"], 1));
    }
}
