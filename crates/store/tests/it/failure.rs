//! What must not be hidden: a store whose writer is gone.

use std::sync::Arc;

use model::EventKind;
use queue::{Backend as _, BackendError, CommitError, Observer, Silent, State};
use store::{Options, Store};

use crate::harness::{Bed, event};

/// A defect on the writer's thread.
#[derive(Debug)]
struct Defect;

impl Observer for Defect {
    fn event(&self, _kind: EventKind, _state: State) {
        panic!("a defect");
    }
}

#[tokio::test]
async fn a_writer_that_panics_is_a_failure_for_good() {
    let bed = Bed::new().await;
    bed.store.close().await.unwrap();
    let (options, hands): (Options, _) = (bed.options.clone(), bed.hands.clone());
    drop(Arc::into_inner(bed.store).expect("nobody else holds it"));
    let store = Store::open(&options, hands.clone(), Arc::new(Defect)).unwrap();
    let commit = queue::Commit { events: vec![event("1")], ..queue::Commit::default() };
    let failed = store.commit(commit).await;
    assert!(
        matches!(failed, Err(CommitError::Backend(BackendError::Failed(_)))),
        "its fate is not known: {failed:?}"
    );
    let health = store.health();
    assert!(health.failed && health.problems.len() == 1, "{health:?}");
    drop(Arc::into_inner(store).expect("nobody else holds it"));
    let store = Store::open(&options, hands, Arc::new(Silent)).unwrap();
    assert_eq!(store.load(None).ready, 1, "it was on disk");
}
