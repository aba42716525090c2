//! Client upload signatures for one use: that each is used once, whatever crashes in between.
//!
//! Using one up is a record of its own, committed before the upload begins, so the worst that a crash can
//! do is to cost the client a new signature. The record stays until the signature would have expired
//! anyway. It names the session that the signature opened, because the apps' SDKs end an upload with the
//! signature that they began it with.

use std::sync::PoisonError;

use model::{AppId, Mono, Timestamp};
use queue::{Commit, RecordKey, RecordKind, RecordPut, RecordQuery};
use serde::{Deserialize, Serialize};

use crate::error::{Fault, Refusal};
use crate::library::Library;
use crate::record;

/// Least time between two looks at all of them, in ms: a look reads each.
const LOOK_MS: u64 = 600_000;
/// Records on a page.
const PAGE: usize = 500;

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
        RecordPut { key, body: record::body(self), terms: Vec::new(), listing: None }
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

    /// Forgets signatures that have expired by themselves.
    pub(crate) async fn sweep_spent(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        if !self.is_time_for_spent(now.mono) {
            return Ok(());
        }
        let mut query = RecordQuery {
            kind: RecordKind::Signature,
            app: None,
            term: None,
            after: None,
            limit: PAGE,
        };
        loop {
            let page = self.backend.find(query.clone()).await?;
            query.after = page.records.last().map(|record| record.key.clone());
            let mut delete = Vec::new();
            for found in page.records {
                let spent: Spent = record::read(&found)?;
                // an hour more, because the wall clock may have been set forward and back
                if spent.expires.plus_ms(3_600_000) < now.wall {
                    delete.push(found.key);
                }
            }
            if !delete.is_empty() {
                match self.commit(Commit { delete, ..Commit::default() }).await {
                    Ok(()) | Err(Refusal::Conflict) => {}
                    Err(Refusal::Fault(fault)) => return Err(fault),
                }
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    fn is_time_for_spent(&self, now: Mono) -> bool {
        let mut looked = self.looked_at_spent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = looked.is_none_or(|looked| now.since_ms(looked) >= LOOK_MS);
        if is_time {
            *looked = Some(now);
        }
        is_time
    }
}

fn key(app: AppId, digest: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Signature, app, id: digest.to_owned() }
}
