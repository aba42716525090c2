//! How many pulls of an application wait or are under way: at most so many, however many ask at once.
//!
//! A place is taken in memory before the task is committed and given back if it is not, so of two calls
//! for the last place one is refused. The count begins with what the records say when an application
//! pulls for the first time since the start; meanwhile none of its tasks is made, because each needs the
//! count, and none ends, because of a lock.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::AppId;
use queue::Commit;

use super::PullUploadError;
use crate::error::{Fault, Refusal};
use crate::library::Library;
use crate::task::{self, TaskType};

/// Records on a page.
const PAGE: usize = 500;

/// The open tasks of the applications that were counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Open(Arc<Mutex<HashMap<AppId, usize>>>);

/// One place among them: given back when dropped, unless its task was committed.
#[derive(Debug)]
pub(super) struct Opening {
    open: Open,
    app: AppId,
    kept: bool,
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<AppId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them.
    pub(super) fn total(&self) -> u64 {
        u64::try_from(self.lock().values().sum::<usize>()).unwrap_or(u64::MAX)
    }

    fn give_back(&self, app: AppId) {
        if let Some(count) = self.lock().get_mut(&app) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.kept {
            self.open.give_back(self.app);
        }
    }
}

impl Library {
    /// Takes a place for one task more.
    pub(super) async fn take_place(&self, app: AppId) -> Result<Opening, PullUploadError> {
        let (open, max) = (&self.pulling.open, self.settings.pull.open);
        if !open.lock().contains_key(&app) {
            self.count_open(app).await?;
        }
        let mut counts = open.lock();
        let count = counts.entry(app).or_default();
        if *count >= max {
            return Err(PullUploadError::TooMany(max));
        }
        *count += 1;
        Ok(Opening { open: open.clone(), app, kept: false })
    }

    /// Counts the open tasks of an application, unless that is done.
    pub(super) async fn count_open(&self, app: AppId) -> Result<(), Fault> {
        let _none_ends = self.pulling.ending.write().await;
        let mut query = task::open_tasks(TaskType::PullUpload, Some(app), None, PAGE);
        let mut count = 0;
        if self.pulling.open.lock().contains_key(&app) {
            return Ok(());
        }
        loop {
            let page = self.backend.find(query.clone()).await?;
            count += page.records.len();
            query.after = page.records.last().map(|record| record.key.clone());
            if !page.more {
                self.pulling.open.lock().insert(app, count);
                return Ok(());
            }
        }
    }

    /// Gives back the places of an application that is destroyed, and whose tasks are removed.
    pub(crate) async fn forget_open(&self, app: AppId) {
        // a count that began before they were removed must be over
        let _not_while_counting = self.pulling.ending.read().await;
        self.pulling.open.lock().remove(&app);
    }

    /// Commits a new task, to its end even if the caller is gone; what came of it, and the place.
    pub(super) async fn commit_open(
        &self,
        commit: Commit,
        mut opening: Opening,
    ) -> Result<(Result<(), Refusal>, Opening), Fault> {
        let backend = Arc::clone(&self.backend);
        let work = async move {
            let committed = backend.commit(commit).await;
            opening.kept = committed.is_ok();
            (committed.map(drop).map_err(Refusal::from), opening)
        };
        Ok(self.tracker.spawn(work).await.map_err(io::Error::other)?)
    }

    /// Commits the end of a task.
    pub(super) async fn commit_end(&self, app: AppId, commit: Commit) -> Result<(), Refusal> {
        let _not_while_counting = self.pulling.ending.read().await;
        self.commit(commit).await?;
        self.pulling.open.give_back(app);
        Ok(())
    }
}
