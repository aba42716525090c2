//! Removes what tasks that are over have left of files that had come in part: what a crash in their last
//! moments left, and what belonged to an application that was destroyed.

use wire::TaskStatus;

use crate::error::Fault;
use crate::library::Library;
use crate::sweep::FirstError;
use crate::task::{self, Task};

impl Library {
    /// Removes what no task needs any more.
    pub(crate) async fn sweep_partials(&self) -> Result<(), Fault> {
        let mut first = FirstError::default();
        for task in self.partials.tasks()? {
            first.note(self.sweep_partial(&task).await);
        }
        first.into()
    }

    async fn sweep_partial(&self, id: &str) -> Result<(), Fault> {
        if let Some(app) = task::application_of(id) {
            let task: Option<(Task, u64)> = self.one(task::task_key(app, id)).await?;
            if task.is_some_and(|(task, _)| task.status != TaskStatus::Finish) {
                return Ok(());
            }
        }
        self.partials
            .remove_all(id)
            .map_err(|source| Fault::Unswept { what: format!("what was fetched for {id}"), source })
    }
}
