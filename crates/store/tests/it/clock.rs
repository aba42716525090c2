//! The wall clock is stepped by an hour while the store is open: what waits goes by the other clock,
//! to the millisecond, and what was is left as it was.

use queue::{Backend, EventDetail, Published, Resolution, Settled, State};

use crate::harness::{APP, Bed, bodies};

const HOUR_MS: i64 = 3_600_000;

async fn details(bed: &Bed, events: &[Published]) -> Vec<EventDetail> {
    let mut details = Vec::new();
    for event in events {
        details.push(bed.store.event(APP, event.id).await.unwrap().unwrap());
    }
    details
}

/// Steps the wall clock and lets the store notice it.
async fn step(bed: &Bed, ms: i64) {
    bed.hands.step(ms);
    bed.store.tick().await.unwrap();
}

#[tokio::test]
async fn what_waits_goes_on_as_if_the_wall_clock_had_not_been_stepped() {
    for hour in [HOUR_MS, -HOUR_MS] {
        let bed = Bed::new().await;
        let events = bed.events(["done", "delayed", "held"]).await;
        let done = bed.pull(1).await;
        bed.settle(&done, Resolution::Done).await;
        let delayed = bed.pull(1).await;
        bed.settle(&delayed, Resolution::Retry { after_ms: 20_000 }).await;
        let held = bed.pull(1).await;
        assert_eq!(bodies(&held), ["held"]);
        let before = details(&bed, &events).await;
        let states: Vec<State> = before.iter().map(|detail| detail.row.state).collect();
        assert_eq!(states, [State::Done, State::Delayed, State::Leased]);

        step(&bed, hour).await;
        bed.hands.pass(19_999);
        bed.store.tick().await.unwrap();
        assert!(bed.pull(16).await.is_empty(), "the retry is not due");
        assert_eq!(details(&bed, &events).await, before);

        bed.hands.pass(1);
        let again = bed.pull(16).await;
        assert_eq!((bodies(&again), again[0].attempts), (vec!["delayed"], 1));
        assert_eq!(again[0].since_first_attempt_ms, Some(20_000), "no hour more, no hour less");
        assert_eq!(bed.settle(&again, Resolution::Done).await, [Settled::Accepted]);

        step(&bed, -2 * hour).await;
        bed.hands.pass(9_999);
        bed.store.tick().await.unwrap();
        assert!(bed.pull(16).await.is_empty(), "the lease goes on");
        bed.hands.pass(1);
        let again = bed.pull(16).await;
        assert_eq!(bodies(&again), ["held"]);
        assert_eq!(bed.settle(&held, Resolution::Done).await, [Settled::Stale]);
        assert_eq!(bed.settle(&again, Resolution::Done).await, [Settled::Accepted]);

        let after = details(&bed, &events).await;
        assert_eq!(after[0], before[0], "history is left alone");
        for (now, then) in after.iter().zip(&before) {
            assert_eq!((now.row.state, now.row.created), (State::Done, then.row.created));
        }
    }
}
