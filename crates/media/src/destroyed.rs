//! Sweeps what destroyed applications leave: sessions, tasks, live streams, media, objects, classes.
//!
//! Nothing of a destroyed application can be reached any more, and destroying is for good, so its
//! bytes would only fill the disk. Sessions, tasks, live streams and media go first, because they are
//! what lets an upload, a pull, a recorder or a clip record an object; after them nothing is added.
//! Every step is a commit of one page and a tick takes few of them, so that an application of a million
//! files delays neither a start nor the queue.
//!
//! Deliberately absent: events. FileDeleted would be for an application that no longer exists.

use std::sync::PoisonError;

use model::{AppId, ApplicationStatus};
use queue::{Commit, Record, RecordKind, RecordQuery};

use crate::error::{Fault, Refusal};
use crate::library::Library;
use crate::record::{self, Object};
use crate::sweep::FirstError;

/// What is swept, in this order.
const KINDS: [RecordKind; 10] = [
    RecordKind::Session,
    RecordKind::Task,
    RecordKind::Stream,
    RecordKind::SessionId,
    RecordKind::Media,
    RecordKind::Object,
    RecordKind::Path,
    RecordKind::Hold,
    RecordKind::Footage,
    RecordKind::Class,
];
/// Records removed in one commit.
const PAGE: usize = 500;
/// Records removed in one tick; a page that is looked at counts as one more.
const TICK_MAX: usize = 4_000;

impl Library {
    /// Removes records of destroyed applications; their objects become garbage.
    pub(crate) async fn sweep_destroyed(&self) -> Result<(), Fault> {
        let mut first = FirstError::default();
        let mut left = TICK_MAX;
        for configured in self.backend.applications().await? {
            let app = configured.application.id;
            let is_destroyed = configured.application.status == ApplicationStatus::Destroyed;
            if !is_destroyed || self.is_empty(app) {
                continue;
            }
            if left == 0 {
                break;
            }
            first.note(self.empty(app, &mut left).await);
        }
        first.into()
    }

    /// Removes the records of one application as far as `left` goes.
    async fn empty(&self, app: AppId, left: &mut usize) -> Result<(), Fault> {
        let mut first = FirstError::default();
        for kind in KINDS {
            let mut query = RecordQuery { kind, app: Some(app), term: None, after: None, limit: 0 };
            loop {
                query.limit = PAGE.min(*left);
                if query.limit == 0 {
                    return first.into();
                }
                let page = self.backend.find(query.clone()).await?;
                *left = left.saturating_sub(page.records.len() + 1);
                query.after = page.records.last().map(|record| record.key.clone());
                match self.commit(removal(page.records, &mut first)).await {
                    Ok(()) => {}
                    // an upload was faster; the next tick looks again
                    Err(Refusal::Conflict) => return first.into(),
                    Err(Refusal::Fault(fault)) => return Err(fault),
                }
                if !page.more {
                    break;
                }
            }
            if kind == RecordKind::Task {
                self.forget_open(app).await;
            }
        }
        self.emptied.lock().unwrap_or_else(PoisonError::into_inner).insert(app);
        first.into()
    }

    fn is_empty(&self, app: AppId) -> bool {
        self.emptied.lock().unwrap_or_else(PoisonError::into_inner).contains(&app)
    }
}

/// Removes these records as they stand. An object whose record cannot be read keeps it: nothing else
/// tells that its bytes are there.
fn removal(records: Vec<Record>, first: &mut FirstError) -> Commit {
    let mut commit = Commit::default();
    for found in records {
        if found.key.kind == RecordKind::Object {
            match record::read::<Object>(&found) {
                Ok(object) => commit.garbage.push(object.stored),
                Err(error) => {
                    first.note(Err(error.into()));
                    continue;
                }
            }
        }
        commit.expect.push((found.key.clone(), Some(found.version)));
        commit.delete.push(found.key);
    }
    commit
}
