//! The engine: every open entry of a log in memory, and every transition between states.
//!
//! Nothing here is durable. A settlement passes through it twice: *claimed* before it is written
//! down, so that neither time nor another consumer can touch the entry meanwhile, and *finished*
//! after, or *released* if it could not be written. Appends are decided ([`Route::of`]) before
//! and entered after.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{
    AppId, Application, ApplicationStatus, EventConfig, EventId, EventKind, Handle, IgnoredReason,
    Mode, Seq,
};

use crate::backend::{Configured, Lessee, Load, Settled};
use crate::entry::{Entry, Held, Hold, Was};
use crate::ledger::{Ledger, Mark};
use crate::recent::Recent;
use crate::state::{Reason, State};
use crate::steady::Steady;
use crate::waiting::Waiting;

/// What an engine is told when it is made.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// The number of the log, for event ids.
    pub origin: u32,
    /// The start of the store, for handles.
    pub boot: u32,
    /// When that was.
    pub opened: Steady,
    /// Open entries of one application, at most.
    pub open_per_application: u64,
    /// Open entries in all, at most.
    pub open_total: u64,
    /// Milliseconds after its birth at which an entry is given up, …
    pub expiry_ms: u64,
    /// … but none is in so many milliseconds after `opened`: what became too old while nothing ran
    /// can still be had, and a wrong clock be noticed before it does harm.
    pub first_expiry_ms: u64,
    /// Milliseconds in which a confirmed handle is accepted again.
    pub repeat_ms: u64,
}

impl EngineSettings {
    /// Entries born then or before are too old; none: no entry is yet.
    fn expired(&self, now: Steady) -> Option<Steady> {
        let open = now.since_ms(self.opened) >= self.first_expiry_ms;
        open.then(|| now.minus_ms(self.expiry_ms))
    }
}

/// What is to become of an event that is about to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Into the queue.
    Ready,
    /// Kept, but not queued.
    Ignored(IgnoredReason),
}

impl Route {
    /// Decides where an event of that kind goes; none if the application is destroyed.
    pub fn of(application: &Application, kind: EventKind) -> Option<Self> {
        if application.status == ApplicationStatus::Destroyed {
            return None;
        }
        let config = &application.config;
        if kind.switch().is_some_and(|switch| !config.wants(switch)) {
            return Some(Self::Ignored(IgnoredReason::SwitchOff));
        }
        if config.mode == Mode::Push && config.notification_url.is_empty() {
            return Some(Self::Ignored(IgnoredReason::NoUrl));
        }
        Some(Self::Ready)
    }
}

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
}

/// All queues of one log.
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    leases: u64,
    queues: BTreeMap<AppId, Queue>,
    held: HashMap<Seq, Held>,
    /// Ends of leases and times of retries.
    timers: BTreeSet<(Steady, Seq)>,
    /// Entries found too old when somebody asked for them, not yet written down as DEAD.
    overdue: Vec<Seq>,
    /// Applications in PUSH mode that may have something READY.
    pushing: BTreeSet<AppId>,
    recent: Recent,
    /// What became of every entry in memory.
    pub ledger: Ledger,
    open: u64,
}

#[derive(Debug)]
struct Queue {
    configured: Configured,
    ready: Waiting,
    leased: u64,
    delayed: u64,
    /// Claimed: neither waiting nor leased, on the way to a final state.
    claimed: u64,
}

impl Queue {
    fn open(&self) -> u64 {
        self.ready.len() + self.leased + self.delayed + self.claimed
    }

    fn count(&mut self, hold: Hold) -> &mut u64 {
        match hold {
            Hold::Leased { .. } => &mut self.leased,
            Hold::Delayed { .. } => &mut self.delayed,
            Hold::Claimed { .. } => &mut self.claimed,
        }
    }
}

/// Whether events go somewhere else, or go signed otherwise, so that earlier failures say nothing.
fn leads_elsewhere(old: &EventConfig, new: &EventConfig) -> bool {
    let to_pull = old.mode == Mode::Push && new.mode == Mode::Pull;
    let readdressed =
        new.notification_url != old.notification_url && !new.notification_url.is_empty();
    to_pull || readdressed || old.sign_key != new.sign_key
}

impl Engine {
    /// An engine without applications and entries.
    pub fn new(settings: EngineSettings) -> Self {
        Self {
            settings,
            leases: 0,
            queues: BTreeMap::new(),
            held: HashMap::new(),
            timers: BTreeSet::new(),
            overdue: Vec::new(),
            pushing: BTreeSet::new(),
            recent: Recent::default(),
            ledger: Ledger::default(),
            open: 0,
        }
    }

    /// The identity of the event whose first life that entry is.
    pub fn event_id(&self, seq: Seq) -> EventId {
        EventId { origin: self.settings.origin, first_seq: seq }
    }

    /// Whether that event is of this log.
    pub fn owns(&self, id: EventId) -> bool {
        id.origin == self.settings.origin
    }

    // ---- applications -------------------------------------------------------------------------

    /// An application as it is configured.
    pub fn application(&self, app: AppId) -> Option<&Configured> {
        self.queues.get(&app).map(|queue| &queue.configured)
    }

    /// Every application, in the order of ids.
    pub fn applications(&self) -> impl Iterator<Item = &Configured> {
        self.queues.values().map(|queue| &queue.configured)
    }

    /// Takes up an application's new configuration. Where the new one leads elsewhere (another mode,
    /// address or key), what waited for a retry is due now.
    pub fn configure(&mut self, configured: Configured) {
        let app = configured.application.id;
        let Some(queue) = self.queues.get_mut(&app) else {
            let (leased, delayed, claimed) = (0, 0, 0);
            let queue = Queue { configured, ready: Waiting::default(), leased, delayed, claimed };
            self.queues.insert(app, queue);
            return;
        };
        let hastens =
            leads_elsewhere(&queue.configured.application.config, &configured.application.config);
        queue.configured = configured;
        if hastens {
            self.make_due(app);
        }
        self.pushing.insert(app);
    }

    /// Whether that configuration will make what waits for a retry due.
    pub fn hastens(&self, application: &Application) -> bool {
        let queue = self.queues.get(&application.id);
        queue.is_some_and(|queue| {
            leads_elsewhere(&queue.configured.application.config, &application.config)
        })
    }

    fn make_due(&mut self, app: AppId) {
        let due: Vec<(Steady, Seq)> = self
            .timers
            .iter()
            .filter(|(_, seq)| {
                let held = self.held.get(seq);
                held.is_some_and(|h| h.app == app && matches!(h.hold, Hold::Delayed { .. }))
            })
            .copied()
            .collect();
        for timer in due {
            self.timers.remove(&timer);
            self.ledger.touch(timer.1);
            self.ready_again(timer.1);
        }
    }

    // ---- appending ----------------------------------------------------------------------------

    /// Whether there is room for that many more open entries, `pending` (of the application, in all)
    /// being on the way.
    pub fn has_room(&self, app: AppId, more: u64, pending: (u64, u64)) -> bool {
        let open = self.queues.get(&app).map_or(0, Queue::open);
        open + pending.0 + more <= self.settings.open_per_application
            && self.open + pending.1 + more <= self.settings.open_total
    }

    /// Enters an entry that has been written down.
    pub fn append(&mut self, app: AppId, entry: Entry, route: Route) {
        let mark = match route {
            Route::Ready => Mark::Open,
            Route::Ignored(reason) => Mark::Closed(reason.into()),
        };
        self.ledger.enter(entry.seq, mark, entry.born());
        if mark == Mark::Open
            && let Some(queue) = self.queues.get_mut(&app)
        {
            self.open += 1;
            queue.ready.push_back(entry);
            self.pushing.insert(app);
        }
    }

    /// Enters an open entry as it was found on disk, its mark being in the ledger already: READY, or
    /// DELAYED until `due`.
    pub fn restore(&mut self, app: AppId, entry: Entry, due: Option<Steady>) {
        let Some(queue) = self.queues.get_mut(&app) else { return };
        self.open += 1;
        match due {
            None => queue.ready.push_back(entry),
            Some(due) => {
                queue.delayed += 1;
                self.timers.insert((due, entry.seq));
                self.held.insert(entry.seq, Held { app, entry, hold: Hold::Delayed { due } });
            }
        }
        self.pushing.insert(app);
    }

    /// Enters an open entry that a graceful stop found leased: the same handle, for the time that was
    /// left. Its mark is in the ledger already.
    pub fn restore_lease(&mut self, app: AppId, entry: Entry, token: (u32, u64), until: Steady) {
        let Some(queue) = self.queues.get_mut(&app) else { return };
        let (boot, lease) = token;
        self.open += 1;
        queue.leased += 1;
        let entry = entry.with_turn(queue.ready.take_turn());
        self.timers.insert((until, entry.seq));
        self.held.insert(entry.seq, Held { app, entry, hold: Hold::Leased { boot, lease, until } });
    }

    // ---- leasing ------------------------------------------------------------------------------

    /// Ends the leases and delays whose time has come; their entries are READY behind what waits.
    /// The applications that have more to do are returned.
    pub fn advance(&mut self, now: Steady) -> BTreeSet<AppId> {
        let mut woken = BTreeSet::new();
        while let Some(&(at, seq)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            woken.extend(self.ready_again(seq));
        }
        woken
    }

    /// When [`Engine::advance`] next has something to do.
    pub fn next_timer(&self) -> Option<Steady> {
        self.timers.first().map(|(at, _)| *at)
    }

    fn ready_again(&mut self, seq: Seq) -> Option<AppId> {
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
            self.timers.insert((until, entry.seq));
            self.held.insert(entry.seq, Held { app: ask.app, entry, hold });
            let event = EventId { origin: self.settings.origin, first_seq: entry.seq };
            grants.push(Grant { handle: Handle { event, boot, lease }, entry });
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
        let seq = handle.event.first_seq;
        if !self.held.get(&seq).is_some_and(|held| held.is_lease(handle)) {
            return false;
        }
        let Some(held) = self.held.remove(&seq) else { return false };
        if let Hold::Leased { until, .. } = held.hold {
            self.timers.remove(&(until, seq));
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

    // ---- settling -----------------------------------------------------------------------------

    /// Claims a lease for a settlement that is about to be written down. Only after
    /// [`Settled::Accepted`] must it be finished or released.
    pub fn claim(&mut self, app: AppId, handle: Handle, now: Steady) -> Settled {
        if !self.owns(handle.event) || handle.boot > self.settings.boot || handle.boot == 0 {
            return Settled::Unknown;
        }
        self.recent.forget(now.minus_ms(self.settings.repeat_ms));
        let seq = handle.event.first_seq;
        match self.held.get_mut(&seq) {
            Some(held) if held.app != app => return Settled::Unknown,
            Some(held) if held.is_lease(handle) => {
                let Hold::Leased { until, .. } = held.hold else { return Settled::Stale };
                if until <= now {
                    return Settled::Stale;
                }
                self.timers.remove(&(until, seq));
                held.hold = Hold::Claimed { was: held.hold.was() };
                if let Some(queue) = self.queues.get_mut(&app) {
                    queue.leased -= 1;
                    queue.claimed += 1;
                }
                return Settled::Accepted;
            }
            // confirmed twice within one group: the first is being written down right now
            Some(held) if held.was_lease(handle) => return Settled::Already,
            Some(_) => return Settled::Stale,
            None => {}
        }
        if self.recent.has(app, seq, handle) {
            return Settled::Already;
        }
        let earlier = handle.boot < self.settings.boot;
        let fresh = now.since_ms(self.settings.opened) < self.settings.repeat_ms;
        match self.ledger.mark(seq) {
            Some(Mark::None) => Settled::Unknown,
            // which handle confirmed it, and when, was lost with the stop; the client that repeats
            // a confirmation whose answer was lost with it is to hear that all is well
            Some(Mark::Done) if earlier && fresh => Settled::Already,
            _ if earlier || handle.lease <= self.leases => Settled::Stale,
            _ => Settled::Unknown,
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
            Was::Delayed { due } => Hold::Delayed { due },
        };
        *queue.count(held.hold) += 1;
        self.timers.insert((held.hold.timer(), seq));
    }

    /// Finishes a claim: the entry is DONE, DEAD or IGNORED, as the mark says.
    pub fn close(&mut self, seq: Seq, mark: Mark, now: Steady) {
        let Some(held) = self.held.remove(&seq) else { return };
        if let (Mark::Done, Hold::Claimed { was: Was::Leased { boot, lease, .. } }) =
            (mark, held.hold)
        {
            let handle = Handle { event: self.event_id(seq), boot, lease };
            self.recent.add(held.app, handle, now);
        }
        if let Some(queue) = self.queues.get_mut(&held.app) {
            *queue.count(held.hold) -= 1;
        }
        self.open -= 1;
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
        self.timers.insert((due, seq));
        self.ledger.touch(seq);
    }

    /// The entry behind a claim or lease.
    pub fn held(&self, seq: Seq) -> Option<Entry> {
        self.held.get(&seq).map(|held| held.entry)
    }

    // ---- giving up ----------------------------------------------------------------------------

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
            let state = held.hold.state();
            let matches = held.app == app && state.is_some_and(wanted) && of_kind(held.entry.kind);
            if claimed.len() >= max || !matches {
                continue;
            }
            claimed.push(*seq);
            *queue.count(held.hold) -= 1;
            queue.claimed += 1;
            self.timers.remove(&(held.hold.timer(), *seq));
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
        for (seq, held) in &mut self.held {
            let Hold::Delayed { due } = held.hold else { continue };
            if claimed.len() >= max || held.entry.born() > oldest {
                continue;
            }
            claimed.push(*seq);
            self.timers.remove(&(due, *seq));
            held.hold = Hold::Claimed { was: Was::Delayed { due } };
            if let Some(queue) = self.queues.get_mut(&held.app) {
                queue.delayed -= 1;
                queue.claimed += 1;
            }
        }
        claimed
    }

    // ---- asking -------------------------------------------------------------------------------

    /// The state of an entry whose block is in memory.
    pub fn state(&self, seq: Seq) -> Option<(State, Option<Reason>)> {
        let mark = self.ledger.mark(seq)?;
        if mark != Mark::Open {
            return mark.closed();
        }
        let held = self.held.get(&seq).and_then(|held| held.hold.state());
        Some((held.unwrap_or(State::Ready), None))
    }

    /// Applications after `after`, wrapping around, that PUSH has something to do for.
    pub fn runnable(&mut self, after: Option<AppId>, max: usize) -> Vec<AppId> {
        let queues = &self.queues;
        self.pushing.retain(|app| {
            queues.get(app).is_some_and(|queue| {
                let application = &queue.configured.application;
                application.status != ApplicationStatus::Destroyed
                    && application.config.pushes()
                    && queue.ready.len() > 0
            })
        });
        let start = after.map_or(AppId(0), |after| AppId(after.0.saturating_add(1)));
        let wrapped = self.pushing.range(..start);
        self.pushing.range(start..).chain(wrapped).take(max).copied().collect()
    }

    /// Whether anything of that application is open and can be claimed.
    pub fn has_open(&self, app: AppId) -> bool {
        self.queues.get(&app).is_some_and(|queue| queue.open() > queue.claimed)
    }

    /// What waits in one application or in all.
    pub fn load(&self, app: Option<AppId>) -> Load {
        let mut load = Load::default();
        let one = app.map(|app| self.queues.get(&app).into_iter());
        let all = app.is_none().then(|| self.queues.values());
        for queue in one.into_iter().flatten().chain(all.into_iter().flatten()) {
            load.ready += queue.ready.len();
            load.leased += queue.leased;
            load.delayed += queue.delayed;
            if let Some(front) = queue.ready.front() {
                let born = front.born().into();
                load.oldest = Some(load.oldest.map_or(born, |oldest| born.min(oldest)));
            }
        }
        load
    }

    /// Every open entry with its application and, if it waits for one, the time of its retry; leased
    /// and claimed ones count as READY, which is what they are after a crash.
    pub fn open_entries(&self) -> impl Iterator<Item = (AppId, Entry, Option<Steady>)> {
        let ready = self
            .queues
            .iter()
            .flat_map(|(&app, queue)| queue.ready.iter().map(move |entry| (app, entry, None)));
        ready.chain(self.held.values().map(|held| (held.app, held.entry, held.hold.due())))
    }
}
