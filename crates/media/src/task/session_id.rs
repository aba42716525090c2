//! SessionId: a request that repeats one of the last three days is refused.
//!
//! The use of a SessionId is a record that the commit of its task expects not to be there, so of two
//! requests at once one is refused. It stays whatever becomes of the task, as documented.

use model::{AppId, Timestamp, limits};
use queue::{RecordKey, RecordKind, RecordPut};
use serde::{Deserialize, Serialize};

use super::TaskType;
use crate::error::Fault;
use crate::library::Library;
use crate::record;

/// That a SessionId was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionIdUse {
    /// The task that it was used for.
    pub task: String,
    /// When.
    pub at: Timestamp,
}

/// What a commit must expect and write to use a SessionId.
#[derive(Debug)]
pub(crate) struct Claim {
    pub expect: (RecordKey, Option<u64>),
    pub put: RecordPut,
}

impl SessionIdUse {
    /// Whether it still stands in the way of another.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        now.since_ms(self.at) < limits::TASK_KEPT_MS
    }
}

impl Library {
    /// How a task comes by a SessionId; none: it was used in the last three days.
    pub(crate) async fn claim_session_id(
        &self,
        (app, of): (AppId, TaskType),
        session_id: &str,
        task: &str,
    ) -> Result<Option<Claim>, Fault> {
        let id = format!("{}/{session_id}", of.name());
        let key = RecordKey { kind: RecordKind::SessionId, app, id };
        let now = self.now();
        let known: Option<(SessionIdUse, u64)> = self.one(key.clone()).await?;
        if known.as_ref().is_some_and(|(known, _)| known.holds(now)) {
            return Ok(None);
        }
        let used = SessionIdUse { task: task.to_owned(), at: now };
        let put = RecordPut {
            key: key.clone(),
            body: record::body(&used),
            terms: Vec::new(),
            listing: None,
        };
        Ok(Some(Claim { expect: (key, known.map(|(_, version)| version)), put }))
    }
}
