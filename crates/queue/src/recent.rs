//! Handles that were confirmed a moment ago: the answer to a confirmation may have been lost, and the
//! client that repeats it is to hear that all is well.

use std::collections::{HashMap, VecDeque};

use model::{AppId, Handle};

use crate::steady::Steady;

/// Confirmed leases, oldest first. Each is confirmed once; an event may be more than once, in
/// different lives.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    order: VecDeque<(Steady, Handle)>,
    leases: HashMap<Handle, AppId>,
}

impl Recent {
    pub(crate) fn add(&mut self, app: AppId, handle: Handle, at: Steady) {
        self.order.push_back((at, handle));
        self.leases.insert(handle, app);
    }

    pub(crate) fn has(&self, app: AppId, handle: Handle) -> bool {
        self.leases.get(&handle) == Some(&app)
    }

    /// Forgets what was confirmed at `oldest` or before.
    pub(crate) fn forget(&mut self, oldest: Steady) {
        while let Some(&(at, handle)) = self.order.front()
            && at <= oldest
        {
            self.order.pop_front();
            self.leases.remove(&handle);
        }
    }
}
