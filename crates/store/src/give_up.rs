//! Giving up: entries that become DEAD without having been leased or confirmed. Expiry, purges and the
//! end of an application all come here, a bounded number of entries in one transaction.

use model::{AppId, Seq};
use queue::{BackendError, Mark, PurgeRequest, Reason};

use crate::facts::Fact;
use crate::writer::Writer;

/// Entries that are given up in one transaction.
pub(crate) const GIVE_UP_MAX: usize = 10_000;

impl Writer {
    /// Gives up claimed entries; they are released if that cannot be written.
    pub(crate) fn give_up(&mut self, claimed: &[Seq], reason: Reason) -> Result<(), BackendError> {
        let mark = Mark::Closed(reason);
        let facts: Vec<Fact> = claimed.iter().map(|&seq| Fact::Close { seq, mark }).collect();
        let wrote = self.transaction(&facts, |_| Ok(()));
        if wrote.is_ok() {
            self.apply(facts);
        } else {
            let mut engine = self.shared.engine();
            for seq in claimed {
                engine.release(*seq);
            }
        }
        wrote
    }

    /// Gives up one slice of what a destroyed application has open. The rest is left to upkeep: nobody
    /// can lease or settle it any more, and others are not to wait for millions of entries.
    pub(crate) fn bury(&mut self, app: AppId) -> Result<(), BackendError> {
        let claimed = self.shared.engine().claim_waiting(app, &[], &[], GIVE_UP_MAX);
        if claimed.is_empty() { Ok(()) } else { self.give_up(&claimed, Reason::Destroyed) }
    }

    /// Gives up one slice of what a purge names; how many entries that were.
    pub(crate) fn purge(&mut self, request: &PurgeRequest) -> Result<u64, BackendError> {
        let (states, kinds) = (&request.states, &request.kinds);
        let claimed = self.shared.engine().claim_waiting(request.app, states, kinds, GIVE_UP_MAX);
        if claimed.is_empty() {
            return Ok(0);
        }
        self.give_up(&claimed, Reason::Purged)?;
        Ok(u64::try_from(claimed.len()).unwrap_or(u64::MAX))
    }
}
