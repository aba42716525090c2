//! Client upload signatures for one use: that each is used once, whatever crashes in between.
//!
//! Using one up is a record of its own, committed before the upload begins, so the worst that a crash can
//! do is to cost the client a new signature. The record stays until the signature would have expired
//! anyway. It names the session that the signature opened, because the apps' SDKs end an upload with the
//! signature that they began it with.

use std::sync::{Mutex, PoisonError};

use model::{AppId, Timestamp};
use queue::{Commit, DueQuery, RecordKey, RecordKind, RecordPut, Term};
use serde::{Deserialize, Serialize};

use crate::error::{Fault, Refusal};
use crate::hindsight::Hindsight;
use crate::library::Library;
use crate::record;

/// How long a signature is remembered after its end, in ms.
const GRACE_MS: u64 = 3_600_000;
/// Records on a page, removed in one commit.
const PAGE: usize = 500;
/// Pages of one tick.
const PAGES_MAX: usize = 10;

/// A used signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Spent {
    /// When it ends anyway.
    expires: Timestamp,
    /// The session that it opened; none: not yet.
    session: Option<String>,
}

impl Spent {
    fn put(&self, key: RecordKey) -> RecordPut {
        let terms = vec![Term { name: record::EXPIRE, value: record::moment(self.expires) }];
        RecordPut { key, body: record::body(self), terms, listing: None }
    }
}

impl Library {
    /// Uses a signature up; false: somebody has before. `digest` tells it from every other, `expires` is
    /// when it ends by itself.
    pub async fn spend(&self, app: AppId, digest: &str, expires: Timestamp) -> Result<bool, Fault> {
        let key = key(app, digest);
        let spent = Spent { expires, session: None };
        let commit = Commit {
            expect: vec![(key.clone(), None)],
            put: vec![spent.put(key)],
            ..Commit::default()
        };
        match self.commit(commit).await {
            Ok(()) => Ok(true),
            Err(Refusal::Conflict) => Ok(false),
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    /// Notes which session a signature that was just used up has opened.
    pub async fn spent_on(&self, app: AppId, digest: &str, session: &str) -> Result<(), Fault> {
        let key = key(app, digest);
        let found: Option<(Spent, u64)> = self.one(key.clone()).await?;
        // it has expired and was swept: then it is good for nothing any more
        let Some((spent, version)) = found else { return Ok(()) };
        let spent = Spent { session: Some(session.to_owned()), ..spent };
        let commit = Commit {
            expect: vec![(key.clone(), Some(version))],
            put: vec![spent.put(key)],
            ..Commit::default()
        };
        match self.commit(commit).await {
            Ok(()) | Err(Refusal::Conflict) => Ok(()),
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    /// Whether that signature opened that session.
    pub async fn was_spent_on(
        &self,
        app: AppId,
        digest: &str,
        session: &str,
    ) -> Result<bool, Fault> {
        let found: Option<(Spent, u64)> = self.one(key(app, digest)).await?;
        Ok(found.is_some_and(|(spent, _)| spent.session.as_deref() == Some(session)))
    }

    /// Forgets signatures that have expired by themselves, for as long as a clock that is set right again
    /// would need to bring them back ([`crate::hindsight`]).
    pub(crate) async fn sweep_spent(&self) -> Result<(), Fault> {
        let past = {
            let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
            spent.look(self.clock.now())
        };
        let Some(past) = past.filter(|_| !self.backend.health().clock_in_doubt) else {
            return Ok(());
        };
        let (kind, upto) = (RecordKind::Signature, record::moment(past));
        let mut query = DueQuery { kind, term: record::EXPIRE, upto, after: None, limit: PAGE };
        for _ in 0..PAGES_MAX {
            let page = self.backend.due(query.clone()).await?;
            let is_last = page.len() < query.limit;
            query.after = page.last().map(|(value, found)| (value.clone(), found.key.clone()));
            let delete: Vec<_> = page.into_iter().map(|(_, found)| found.key).collect();
            if !delete.is_empty() {
                match self.commit(Commit { delete, ..Commit::default() }).await {
                    Ok(()) | Err(Refusal::Conflict) => {}
                    Err(Refusal::Fault(fault)) => return Err(fault),
                }
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

/// What the time of signatures is measured by.
pub(crate) const fn hindsight() -> Mutex<Hindsight> {
    Mutex::new(Hindsight::new(GRACE_MS))
}

fn key(app: AppId, digest: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Signature, app, id: digest.to_owned() }
}
