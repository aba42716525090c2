//! Claims: what happens to an entry while a settlement, or its giving up, is being written down.

use model::{AppId, ApplicationStatus, EventKind, Handle, Seq};

use super::Engine;
use crate::backend::Settled;
use crate::entry::{Entry, Held, Hold, Was};
use crate::ledger::Mark;
use crate::state::State;
use crate::steady::Steady;

impl Engine {
    /// Claims a lease for a settlement that is about to be written down. Only after
    /// [`Settled::Accepted`] must it be finished or released.
    ///
    /// `latest` is the entry of the event's latest life as the log has it. It matters only for a
    /// handle of an earlier start; for others the first entry will do.
    pub fn claim(&mut self, app: AppId, handle: Handle, latest: Seq, now: Steady) -> Settled {
        let earlier = handle.boot < self.settings.boot;
        let given = (earlier && handle.boot > 0)
            || (handle.boot == self.settings.boot && handle.lease <= self.leases);
        if !self.owns(handle.event) || !given || handle.lease == 0 {
            return Settled::Unknown;
        }
        self.recent.forget(now.minus_ms(self.settings.repeat_ms));
        let seq = self.entry_of(handle.event);
        let gone = self.application(app).is_some_and(|configured| {
            configured.application.status == ApplicationStatus::Destroyed
        });
        match self.held.get_mut(&seq) {
            Some(held) if held.app != app => return Settled::Unknown,
            Some(held) if held.is_lease(handle) => {
                let Hold::Leased { until, .. } = held.hold else { return Settled::Stale };
                if until <= now || gone {
                    return Settled::Stale;
                }
                self.timers.remove(app, until, seq);
                held.hold = Hold::Claimed { was: held.hold.was() };
                if let Some(queue) = self.queues.get_mut(&app) {
                    queue.leased -= 1;
                    queue.claimed += 1;
                }
                return Settled::Accepted;
            }
            // confirmed twice within one group: the first is being written down right now
            Some(held) if held.was_lease(handle) => return Settled::Already,
            Some(_) | None => {}
        }
        // before the state of the event is asked: it may have been replayed since
        if self.recent.has(app, handle) {
            return Settled::Already;
        }
        if self.held.contains_key(&seq) {
            return Settled::Stale;
        }
        let latest = if seq == handle.event.first_seq { latest } else { seq };
        let fresh = now.since_ms(self.settings.opened) < self.settings.repeat_ms;
        match self.ledger.mark(latest) {
            Some(Mark::None) => Settled::Unknown,
            // which handle confirmed it, and when, was lost with the stop; the client that repeats
            // a confirmation whose answer was lost with it is to hear that all is well
            Some(Mark::Done) if earlier && fresh => Settled::Already,
            _ => Settled::Stale,
        }
    }

    /// Takes a claim back: the settlement could not be written down, and the entry is what it was.
    pub fn release(&mut self, seq: Seq) {
        let Some(held) = self.held.get_mut(&seq) else { return };
        let Hold::Claimed { was } = held.hold else { return };
        let Some(queue) = self.queues.get_mut(&held.app) else { return };
        queue.claimed -= 1;
        held.hold = match was {
            Was::Ready => {
                queue.ready.put_back(held.entry);
                self.pushing.insert(held.app);
                self.held.remove(&seq);
                return;
            }
            Was::Leased { boot, lease, until } => Hold::Leased { boot, lease, until },
            Was::Delayed { due } => {
                self.delayed_since = self.delayed_since.min(held.entry.born());
                Hold::Delayed { due }
            }
        };
        *queue.count(held.hold) += 1;
        self.timers.insert(held.app, held.hold.timer(), seq);
    }

    /// Finishes a claim: the entry is DONE, DEAD or IGNORED, as the mark says.
    pub fn close(&mut self, seq: Seq, mark: Mark, now: Steady) {
        let Some(held) = self.held.remove(&seq) else { return };
        if let (Mark::Done, Hold::Claimed { was: Was::Leased { boot, lease, .. } }) =
            (mark, held.hold)
        {
            let event = self.event_id(self.lives.first(seq));
            let handle = Handle { event, boot, lease };
            self.recent.add(held.app, handle, now);
        }
        if let Some(queue) = self.queues.get_mut(&held.app) {
            *queue.count(held.hold) -= 1;
        }
        self.open -= 1;
        self.lives.end(seq);
        self.ledger.change(seq, mark);
    }

    /// Finishes a claim: the entry waits for its next attempt at `due`.
    pub fn delay(&mut self, seq: Seq, entry: Entry, due: Steady) {
        let Some(held) = self.held.get_mut(&seq) else { return };
        let before = held.hold;
        held.entry = entry;
        held.hold = Hold::Delayed { due };
        if let Some(queue) = self.queues.get_mut(&held.app) {
            *queue.count(before) -= 1;
            queue.delayed += 1;
        }
        self.delayed_since = self.delayed_since.min(entry.born());
        self.timers.insert(held.app, due, seq);
        self.ledger.touch(seq);
    }

    /// The entry behind a claim or lease.
    pub fn held(&self, seq: Seq) -> Option<Entry> {
        self.held.get(&seq).map(|held| held.entry)
    }

    /// Claims up to `max` waiting entries of an application, to be given up: those in one of the
    /// states (empty: any) and of one of the kinds (empty: any).
    pub fn claim_waiting(
        &mut self,
        app: AppId,
        states: &[State],
        kinds: &[EventKind],
        max: usize,
    ) -> Vec<Seq> {
        let wanted = |state| states.is_empty() || states.contains(&state);
        let of_kind = |kind: EventKind| kinds.is_empty() || kinds.contains(&kind);
        let mut claimed = Vec::new();
        let Some(queue) = self.queues.get_mut(&app) else { return claimed };
        if wanted(State::Ready) {
            let taken = queue.ready.extract(max, |entry| of_kind(entry.kind));
            for entry in taken {
                claimed.push(entry.seq);
                queue.claimed += 1;
                self.held.insert(
                    entry.seq,
                    Held { app, entry, hold: Hold::Claimed { was: Was::Ready } },
                );
            }
        }
        for (seq, held) in &mut self.held {
            if claimed.len() >= max {
                break;
            }
            let state = held.hold.state();
            let matches = held.app == app && state.is_some_and(wanted) && of_kind(held.entry.kind);
            if !matches {
                continue;
            }
            claimed.push(*seq);
            *queue.count(held.hold) -= 1;
            queue.claimed += 1;
            self.timers.remove(app, held.hold.timer(), *seq);
            held.hold = Hold::Claimed { was: held.hold.was() };
        }
        claimed
    }

    /// Claims up to `max` READY or DELAYED entries that are too old, to be given up as expired.
    pub fn claim_expired(&mut self, now: Steady, max: usize) -> Vec<Seq> {
        let Some(oldest) = self.settings.expired(now) else { return Vec::new() };
        let mut claimed = std::mem::take(&mut self.overdue);
        for (&app, queue) in &mut self.queues {
            let room = max.saturating_sub(claimed.len());
            if room == 0 {
                break;
            }
            for entry in queue.ready.extract_born_before(oldest, room) {
                claimed.push(entry.seq);
                queue.claimed += 1;
                self.held.insert(
                    entry.seq,
                    Held { app, entry, hold: Hold::Claimed { was: Was::Ready } },
                );
            }
        }
        self.claim_delayed(oldest, max, &mut claimed);
        claimed
    }

    /// Claims DELAYED entries born at or before `oldest`. Looks at what is held only if there may be
    /// one: this is asked with every tick, and a dead receiver may have millions.
    fn claim_delayed(&mut self, oldest: Steady, max: usize, claimed: &mut Vec<Seq>) {
        if self.delayed_since > oldest {
            return;
        }
        let mut since = Steady(i64::MAX);
        for (seq, held) in &mut self.held {
            let Hold::Delayed { due } = held.hold else { continue };
            if claimed.len() >= max || held.entry.born() > oldest {
                since = since.min(held.entry.born());
                continue;
            }
            claimed.push(*seq);
            self.timers.remove(held.app, due, *seq);
            held.hold = Hold::Claimed { was: Was::Delayed { due } };
            if let Some(queue) = self.queues.get_mut(&held.app) {
                queue.delayed -= 1;
                queue.claimed += 1;
            }
        }
        self.delayed_since = since;
    }
}
