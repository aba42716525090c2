//! Removes what nobody needs: garbage objects, sessions past their time, parts without a session,
//! with [`crate::destroyed`] what belonged to destroyed applications, with [`crate::expiry`] files
//! past their end.
//!
//! What cannot be removed or read is passed over and told of at the end: one bad record or file must
//! not keep everything else on the disk.
//!
//! A session is removed when it has been past its time for an hour ([`crate::hindsight`]): a step of the
//! wall clock must not cost anybody an upload.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use model::{Mono, Now, Timestamp};
use queue::{Commit, RecordKey, RecordKind, RecordQuery};

use crate::error::{Fault, Refusal};
use crate::hindsight::Hindsight;
use crate::library::Library;
use crate::objects::Leftovers;
use crate::record::{self, Object, Session};
use crate::staging::Upload;

/// How long a session stays after its time, in ms.
const OVERDUE_MS: u64 = 3_600_000;
/// Least time between two looks at all sessions, in ms: a look reads each of them.
const SESSIONS_MS: u64 = 600_000;
/// Garbage on a page, removed in one commit.
const GARBAGE_PAGE: usize = 256;
/// Sessions on a page.
const SESSION_PAGE: usize = 500;

/// When sessions were last looked at, and what their time is measured by.
#[derive(Debug)]
pub(crate) struct Sessions {
    hindsight: Hindsight,
    looked: Option<Mono>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { hindsight: Hindsight::new(OVERDUE_MS), looked: None }
    }
}

impl Library {
    /// Does what time and crashes have left to do. Call it before serving and then every half minute
    /// or so; calls do not overlap. All of it is tried; the error is the first of what failed, and
    /// no reason not to serve.
    pub async fn tick(&self) -> Result<(), Fault> {
        let mut first = FirstError::default();
        if !self.objects.is_checked() {
            first.note(self.check_objects().await.map_err(Fault::from));
        }
        first.note(self.sweep_destroyed().await);
        first.note(self.sweep_expired().await);
        first.note(self.sweep_sessions().await);
        first.note(self.sweep_spent().await);
        first.note(self.sweep_staging().await);
        first.note(self.sweep_tasks().await);
        first.note(self.sweep_partials().await);
        first.note(self.sweep_holds().await);
        first.note(self.sweep_garbage().await);
        first.into()
    }

    /// Removes garbage objects from the disk, past those that cannot be removed.
    pub(crate) async fn sweep_garbage(&self) -> Result<(), Fault> {
        let _one_at_a_time = self.sweeping.lock().await;
        // what becomes garbage from now on may not be seen
        self.sweep_waits.store(false, Ordering::SeqCst);
        // what is not there in the wrong place would count as removed
        self.objects.require_checked()?;
        let mut first = FirstError::default();
        self.writing.sweep_begins();
        let leftovers = self.objects.sweep_begins(self.clock.now().mono).await?;
        let mut after = None;
        loop {
            let names = self.backend.garbage(after, GARBAGE_PAGE).await?;
            self.remove_garbage(&names, &leftovers, &mut first).await?;
            if names.len() < GARBAGE_PAGE {
                break;
            }
            after = names.into_iter().last();
        }
        self.objects.sweep_ends(&leftovers, first.is_none());
        first.into()
    }

    /// Removes objects, and then their names from the list; passes over what is being written.
    async fn remove_garbage(
        &self,
        names: &[String],
        leftovers: &Leftovers,
        first: &mut FirstError,
    ) -> Result<(), Fault> {
        let is_due = |name: &&String| !self.writing.is_spared(name) && self.objects.is_due(name);
        let mut swept: Vec<String> = names.iter().filter(is_due).cloned().collect();
        for (name, source) in self.objects.remove(&swept, leftovers).await {
            swept.retain(|removed| *removed != name);
            first.note(Err(Fault::Unswept { what: format!("the object {name}"), source }));
        }
        swept.retain(|name| self.objects.is_settled(name));
        if swept.is_empty() {
            return Ok(());
        }
        self.commit(Commit { swept, ..Commit::default() }).await.map_err(Refusal::give_up)
    }

    /// Removes sessions that are long past their time, with what was uploaded and never committed.
    async fn sweep_sessions(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let Some(past) = self.time_for_sessions(now) else { return Ok(()) };
        let mut first = FirstError::default();
        let mut query = RecordQuery {
            kind: RecordKind::Session,
            app: None,
            term: None,
            after: None,
            limit: SESSION_PAGE,
        };
        loop {
            let page = self.backend.find(query.clone()).await?;
            query.after = page.records.last().map(|record| record.key.clone());
            for found in page.records {
                let session: Session = match record::read(&found) {
                    Ok(session) => session,
                    Err(error) => {
                        first.note(Err(error.into()));
                        continue;
                    }
                };
                if session.expires <= past {
                    first.note(self.end_session(found.key, found.version, &session).await);
                }
            }
            if !page.more {
                break;
            }
        }
        // a look that a fault ended above is made again soon; one bad record is no reason to
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).looked = Some(now.mono);
        first.into()
    }

    /// The moment that has been past for long enough, if it is time to look at all sessions.
    fn time_for_sessions(&self, now: Now) -> Option<Timestamp> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let past = sessions.hindsight.look(now)?;
        let looked = sessions.looked;
        if looked.is_some_and(|looked| now.mono.since_ms(looked) < SESSIONS_MS) {
            return None;
        }
        Some(past)
    }

    /// Removes a session; of a committed one the objects are the media's and stay.
    async fn end_session(
        &self,
        key: RecordKey,
        version: u64,
        session: &Session,
    ) -> Result<(), Fault> {
        let objects = if session.committed {
            Vec::new()
        } else {
            self.objects_of(key.app, session.file).await?
        };
        let (mut delete, garbage): (Vec<_>, Vec<_>) =
            objects.into_iter().map(|(key, object)| (key, object.stored)).unzip();
        delete.push(key.clone());
        if !session.committed {
            delete.extend(session.paths(key.app));
        }
        let expect = vec![(key, Some(version))];
        match self.commit(Commit { expect, delete, garbage, ..Commit::default() }).await {
            // somebody was faster; the next tick looks again
            Ok(()) | Err(Refusal::Conflict) => Ok(()),
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    /// Removes staged parts whose session is gone or committed, or whose object is there already.
    async fn sweep_staging(&self) -> Result<(), Fault> {
        let mut first = FirstError::default();
        for upload in self.staging.all() {
            first.note(self.sweep_upload(&upload).await);
        }
        first.into()
    }

    async fn sweep_upload(&self, upload: &Arc<Upload>) -> Result<(), Fault> {
        if self.is_needed(upload).await? {
            return Ok(());
        }
        let mut parts = upload.parts.lock().await;
        if parts.closed {
            return Ok(());
        }
        let removed = self.staging.remove(upload, &mut parts).await;
        removed
            .map_err(|source| Fault::Unswept { what: format!("the upload {}", upload.id), source })
    }

    async fn is_needed(&self, upload: &Arc<Upload>) -> Result<bool, Fault> {
        let head = &upload.head;
        let session = record::session_key(head.app, &head.session);
        let session: Option<(Session, u64)> = self.one(session).await?;
        if session.is_none_or(|(session, _)| session.committed) {
            return Ok(false);
        }
        let object: Option<(Object, u64)> =
            self.one(record::object_key(head.app, &head.key)).await?;
        Ok(object.is_none_or(|(object, _)| object.upload.as_ref() != Some(&upload.id)))
    }
}

/// The first error of many things that are tried each on its own.
#[derive(Debug, Default)]
pub(crate) struct FirstError(Option<Fault>);

impl FirstError {
    const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn note(&mut self, outcome: Result<(), Fault>) {
        if let Err(fault) = outcome {
            self.0.get_or_insert(fault);
        }
    }
}

impl From<FirstError> for Result<(), Fault> {
    fn from(first: FirstError) -> Self {
        first.0.map_or(Ok(()), Err)
    }
}
