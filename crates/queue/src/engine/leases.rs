//! Leases: who may have what, until when, and what time makes READY again.

use std::collections::BTreeSet;

use model::{AppId, ApplicationStatus, EventId, Handle, Mode, Seq};

use super::Engine;
use crate::backend::Lessee;
use crate::entry::{Entry, Held, Hold, Was};
use crate::steady::Steady;

/// Why a lease is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The application is in the other mode.
    WrongMode,
    /// There is no such application.
    Unknown,
}

/// How to lease.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Whose queue.
    pub app: AppId,
    /// For whom.
    pub by: Lessee,
    /// At most this many.
    pub max: usize,
    /// Milliseconds that the lease lasts.
    pub hold_ms: u64,
    /// One entry, the one with the fewest attempts.
    pub fewest_attempts: bool,
}

/// An entry that was leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The token to settle with.
    pub handle: Handle,
    /// The entry.
    pub entry: Entry,
    /// Which life of its event it is, from 1.
    pub life: u32,
}

impl Engine {
    /// Ends the leases and delays whose time has come; their entries are READY behind what waits.
    /// The applications that have more to do are returned.
    pub fn advance(&mut self, now: Steady) -> BTreeSet<AppId> {
        let mut woken = BTreeSet::new();
        while let Some(seq) = self.timers.pop_due(now) {
            woken.extend(self.ready_again(seq));
        }
        woken
    }

    /// When [`Engine::advance`] next has something to do.
    pub fn next_timer(&self) -> Option<Steady> {
        self.timers.next()
    }

    /// When it next has something to do for that application.
    pub fn next_timer_of(&self, app: AppId) -> Option<Steady> {
        self.timers.next_of(app)
    }

    pub(super) fn ready_again(&mut self, seq: Seq) -> Option<AppId> {
        let held = self.held.remove(&seq)?;
        let queue = self.queues.get_mut(&held.app)?;
        *queue.count(held.hold) -= 1;
        queue.ready.push_back(held.entry);
        self.pushing.insert(held.app);
        Some(held.app)
    }

    /// Leases what is READY, oldest first.
    pub fn lease(&mut self, ask: Ask, now: Steady) -> Result<Vec<Grant>, Refusal> {
        let Some(queue) = self.queues.get_mut(&ask.app) else { return Err(Refusal::Unknown) };
        let application = &queue.configured.application;
        if application.status == ApplicationStatus::Destroyed {
            return Err(Refusal::Unknown);
        }
        let config = &application.config;
        let theirs = match ask.by {
            Lessee::Pull => config.mode == Mode::Pull,
            Lessee::Push => config.pushes(),
        };
        if !theirs {
            return Err(Refusal::WrongMode);
        }
        let oldest = self.settings.expired(now);
        let mut grants = Vec::with_capacity(ask.max.min(queue.ready.size()));
        while grants.len() < ask.max
            && let Some(entry) = queue.ready.next(ask.fewest_attempts)
        {
            if oldest.is_some_and(|oldest| entry.born() <= oldest) {
                let hold = Hold::Claimed { was: Was::Ready };
                queue.claimed += 1;
                self.held.insert(entry.seq, Held { app: ask.app, entry, hold });
                self.overdue.push(entry.seq);
                continue;
            }
            self.leases += 1;
            let (boot, lease) = (self.settings.boot, self.leases);
            let until = now.plus_ms(ask.hold_ms);
            let hold = Hold::Leased { boot, lease, until };
            queue.leased += 1;
            self.timers.insert(ask.app, until, entry.seq);
            self.held.insert(entry.seq, Held { app: ask.app, entry, hold });
            let (first_seq, life) =
                self.lives.get(entry.seq).map_or((entry.seq, 1), |life| (life.first, life.number));
            let event = EventId { origin: self.settings.origin, first_seq };
            grants.push(Grant { handle: Handle { event, boot, lease }, entry, life });
        }
        Ok(grants)
    }

    /// Undoes leases that nobody saw: READY again, each where it was.
    pub fn unlease(&mut self, grants: &[Grant]) {
        for grant in grants {
            self.give_back(grant.handle);
        }
    }

    /// Gives a lease back untried: READY again, where it was. False if the lease has ended.
    pub fn give_back(&mut self, handle: Handle) -> bool {
        let seq = self.entry_of(handle.event);
        if !self.held.get(&seq).is_some_and(|held| held.is_lease(handle)) {
            return false;
        }
        let Some(held) = self.held.remove(&seq) else { return false };
        if let Hold::Leased { until, .. } = held.hold {
            self.timers.remove(held.app, until, seq);
        }
        let Some(queue) = self.queues.get_mut(&held.app) else { return false };
        queue.leased -= 1;
        queue.ready.put_back(held.entry);
        self.pushing.insert(held.app);
        true
    }

    /// Every lease that is held, for a graceful stop to write down.
    pub fn leases(&self) -> impl Iterator<Item = (AppId, Seq, (u32, u64), Steady)> {
        self.held.iter().filter_map(|(seq, held)| match held.hold {
            Hold::Leased { boot, lease, until } => Some((held.app, *seq, (boot, lease), until)),
            Hold::Delayed { .. } | Hold::Claimed { .. } => None,
        })
    }
}
