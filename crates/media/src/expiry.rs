//! Removes files past their ExpireTime, as DeleteMedia would, and FileDeleted says so.
//!
//! A file with an end has a term for it, so a look costs what is due and not what is kept. It goes
//! when its time has been past for a grace period ([`crate::hindsight`]), and not while the clock is in
//! doubt: nothing brings a file back. Each goes by a commit of its own that expects it as it was read, so
//! it goes once, whatever crashes, and stays if it was given a later end meanwhile.
//!
//! Deliberately absent: hiding a file between its end and its removal. It is served as long as it is
//! there.

use std::sync::{Mutex, PoisonError};

use model::FileId;
use queue::{DueQuery, RecordKey, RecordKind};

use crate::delete::Cause;
use crate::error::Fault;
use crate::hindsight::Hindsight;
use crate::library::Library;
use crate::record;
use crate::sweep::FirstError;

/// Files on a page.
const PAGE: usize = 250;
/// Files removed in one tick: with a commit each, some seconds of a slow disk.
const TICK_MAX: usize = 500;
/// Files looked at in one tick, those that could not be removed included.
const LOOK_MAX: usize = 2_500;

/// How far the looks have come.
#[derive(Debug)]
pub(crate) struct Expiry {
    hindsight: Hindsight,
    /// Where the next look goes on; none: from the earliest end.
    after: Option<(String, RecordKey)>,
}

impl Expiry {
    pub(crate) const fn new(grace_ms: u64) -> Mutex<Self> {
        Mutex::new(Self { hindsight: Hindsight::new(grace_ms), after: None })
    }
}

impl Library {
    /// Removes files whose time is over.
    pub(crate) async fn sweep_expired(&self) -> Result<(), Fault> {
        let (past, after) = {
            let mut expiry = self.expiry.lock().unwrap_or_else(PoisonError::into_inner);
            (expiry.hindsight.look(self.clock.now()), expiry.after.take())
        };
        let Some(past) = past else { return Ok(()) };
        if self.backend.health().clock_in_doubt {
            return Ok(());
        }
        let mut first = FirstError::default();
        let (mut removed, mut seen) = (0, 0);
        let upto = record::moment(past);
        let (kind, term, limit) = (RecordKind::Media, record::EXPIRE, PAGE);
        let mut query = DueQuery { kind, term, upto, after, limit };
        while removed < TICK_MAX && seen < LOOK_MAX {
            let page = self.backend.due(query.clone()).await?;
            let is_last = page.len() < query.limit;
            seen += page.len();
            query.after = page.last().map(|(value, found)| (value.clone(), found.key.clone()));
            for (_, found) in page {
                match self.expire(&found.key, Cause::Expired(past)).await {
                    Ok(gone) => removed += usize::from(gone),
                    Err(fault) => first.note(Err(fault)),
                }
            }
            if is_last {
                return first.into();
            }
        }
        self.expiry.lock().unwrap_or_else(PoisonError::into_inner).after = query.after;
        first.into()
    }

    /// Removes one file, unless it is not what it was found as; whether it did.
    async fn expire(&self, key: &RecordKey, cause: Cause) -> Result<bool, Fault> {
        let Ok(file) = key.id.parse::<FileId>() else { return Ok(false) };
        // whatever belongs to a destroyed application goes without events
        if !self.exists(key.app).await? {
            return Ok(false);
        }
        self.remove(key.app, file, &[], cause).await
    }
}
