//! Removes tasks and SessionIds three days after their end.

use std::sync::PoisonError;

use queue::{Commit, Record, RecordKind, RecordQuery};

use super::{SessionIdUse, Task};
use crate::error::{Fault, Refusal};
use crate::library::Library;
use crate::record::{self, RecordError};
use crate::sweep::FirstError;

/// Least time between two looks, in ms: a look reads every task, and one that has ended is no longer
/// shown anyway.
const LOOK_MS: u64 = 3_600_000;
/// Records on a page, and removed in one commit.
const PAGE: usize = 500;

impl Library {
    /// Removes what is past its time; does nothing if it has just done so.
    pub(crate) async fn sweep_tasks(&self) -> Result<(), Fault> {
        let now = self.clock.now().mono;
        let looked = *self.tasks_swept.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_some_and(|looked| now.since_ms(looked) < LOOK_MS) {
            return Ok(());
        }
        let mut first = FirstError::default();
        for kind in [RecordKind::Task, RecordKind::SessionId] {
            let mut query = RecordQuery { kind, app: None, term: None, after: None, limit: PAGE };
            loop {
                let page = self.backend.find(query.clone()).await?;
                query.after = page.records.last().map(|record| record.key.clone());
                let mut commit = Commit::default();
                for found in page.records {
                    match self.is_past(&found) {
                        Ok(true) => {
                            commit.expect.push((found.key.clone(), Some(found.version)));
                            commit.delete.push(found.key);
                        }
                        Ok(false) => {}
                        Err(error) => first.note(Err(error.into())),
                    }
                }
                if !commit.delete.is_empty() {
                    match self.commit(commit).await {
                        // a SessionId was used anew; the next look sees to the others
                        Ok(()) | Err(Refusal::Conflict) => {}
                        Err(Refusal::Fault(fault)) => return Err(fault),
                    }
                }
                if !page.more {
                    break;
                }
            }
        }
        // a look that a fault ended above is made again soon; one bad record is no reason to
        *self.tasks_swept.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        first.into()
    }

    fn is_past(&self, found: &Record) -> Result<bool, RecordError> {
        let now = self.now();
        if found.key.kind == RecordKind::Task {
            return Ok(!record::read::<Task>(found)?.is_kept(now));
        }
        Ok(!record::read::<SessionIdUse>(found)?.holds(now))
    }
}
