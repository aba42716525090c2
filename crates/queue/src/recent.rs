//! Handles that were confirmed a moment ago: the answer to a confirmation may have been lost, and the
//! client that repeats it is to hear that all is well.

use std::collections::{HashMap, VecDeque};

use model::{AppId, Handle, Seq};

use crate::steady::Steady;

/// Confirmed leases, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    order: VecDeque<(Steady, Seq)>,
    leases: HashMap<Seq, Confirmed>,
}

#[derive(Clone, Copy, Debug)]
struct Confirmed {
    app: AppId,
    at: Steady,
    /// The lease.
    token: (u32, u64),
}

impl Recent {
    pub(crate) fn add(&mut self, app: AppId, handle: Handle, at: Steady) {
        let (seq, token) = (handle.event.first_seq, (handle.boot, handle.lease));
        self.order.push_back((at, seq));
        self.leases.insert(seq, Confirmed { app, at, token });
    }

    pub(crate) fn has(&self, app: AppId, seq: Seq, handle: Handle) -> bool {
        self.leases.get(&seq).is_some_and(|confirmed| {
            confirmed.app == app && confirmed.token == (handle.boot, handle.lease)
        })
    }

    /// Forgets what was confirmed at `oldest` or before.
    pub(crate) fn forget(&mut self, oldest: Steady) {
        while let Some(&(at, seq)) = self.order.front()
            && at <= oldest
        {
            self.order.pop_front();
            if self.leases.get(&seq).is_some_and(|confirmed| confirmed.at == at) {
                self.leases.remove(&seq);
            }
        }
    }
}
