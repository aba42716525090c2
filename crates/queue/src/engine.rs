//! The engine: every open entry of a log in memory, and every transition between states.
//!
//! Nothing here is durable. A settlement passes through it twice: *claimed* before it is written
//! down, so that neither time nor another consumer can touch the entry meanwhile, and *finished*
//! after, or *released* if it could not be written. Appends are decided ([`Route::of`]) before
//! and entered after.

mod claims;
mod leases;
mod lives;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use model::{
    AppId, Application, ApplicationStatus, EventConfig, EventId, EventKind, Handle, IgnoredReason,
    Mode, Seq,
};

use crate::backend::{Configured, Load};
use crate::entry::{Entry, Held, Hold};
use crate::ledger::{Ledger, Mark};
use crate::recent::Recent;
use crate::state::{Reason, State};
use crate::steady::Steady;
use crate::timers::Timers;
use crate::waiting::Waiting;

pub use self::leases::{Ask, Grant, Refusal};
pub use self::lives::Life;
use self::lives::Lives;

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

impl Engine {
    /// Whether anything may be given up or forgotten for its age alone.
    pub fn may_expire(&self, now: Steady) -> bool {
        self.settings.expired(now).is_some()
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

/// All queues of one log.
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    leases: u64,
    queues: BTreeMap<AppId, Queue>,
    held: HashMap<Seq, Held>,
    lives: Lives,
    /// Ends of leases and times of retries.
    timers: Timers,
    /// No DELAYED entry was born before this.
    delayed_since: Steady,
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
    /// The last lease that was given before the events were led elsewhere.
    led: u64,
}

impl Queue {
    fn open(&self) -> u64 {
        self.ready.len() + self.leased + self.delayed + self.claimed
    }

    /// Whether PUSH has something to do for it.
    fn pushes(&self) -> bool {
        let application = &self.configured.application;
        application.status != ApplicationStatus::Destroyed
            && application.config.pushes()
            && self.ready.len() > 0
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
            lives: Lives::default(),
            timers: Timers::default(),
            delayed_since: Steady(i64::MAX),
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

    /// The number of this start, which handles carry.
    pub const fn boot(&self) -> u32 {
        self.settings.boot
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
    /// address or key), a new course begins: what waited for a retry is due now.
    pub fn configure(&mut self, application: Arc<Application>, version: u64) {
        let app = application.id;
        let Some(queue) = self.queues.get_mut(&app) else {
            let configured = Configured { application, version, course: 0 };
            let ready = Waiting::default();
            let (leased, delayed, claimed, led) = (0, 0, 0, 0);
            let queue = Queue { configured, ready, leased, delayed, claimed, led };
            self.queues.insert(app, queue);
            return;
        };
        let old = &queue.configured;
        let elsewhere = leads_elsewhere(&old.application.config, &application.config);
        let course = old.course + u64::from(elsewhere);
        queue.configured = Configured { application, version, course };
        if elsewhere {
            queue.led = self.leases;
            self.make_due(app);
        }
        self.pushing.insert(app);
    }

    /// Whether the application's events were led elsewhere after that lease was given: a failure says
    /// nothing of where they go now.
    pub fn is_outdated(&self, app: AppId, handle: Handle) -> bool {
        let led = self.queues.get(&app).map_or(0, |queue| queue.led);
        handle.boot == self.settings.boot && handle.lease <= led
    }

    /// Whether that configuration will make what waits for a retry due.
    pub fn hastens(&self, application: &Application) -> bool {
        let queue = self.queues.get(&application.id);
        queue.is_some_and(|queue| {
            leads_elsewhere(&queue.configured.application.config, &application.config)
        })
    }

    fn make_due(&mut self, app: AppId) {
        let is_delayed = |seq: &Seq| {
            let held = self.held.get(seq);
            held.is_some_and(|held| matches!(held.hold, Hold::Delayed { .. }))
        };
        let due: Vec<_> = self.timers.of(app).filter(|(_, seq)| is_delayed(seq)).collect();
        for (at, seq) in due {
            self.timers.remove(app, at, seq);
            self.ledger.touch(seq);
            self.ready_again(seq);
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
                self.delayed_since = self.delayed_since.min(entry.born());
                self.timers.insert(app, due, entry.seq);
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
        self.timers.insert(app, until, entry.seq);
        self.held.insert(entry.seq, Held { app, entry, hold: Hold::Leased { boot, lease, until } });
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
        let start = after.map_or(AppId(0), |after| AppId(after.0.saturating_add(1)));
        let (mut runnable, mut idle) = (Vec::new(), Vec::new());
        // page by page, so that asking for the next one does not go through all of them again
        for app in self.pushing.range(start..).chain(self.pushing.range(..start)) {
            if runnable.len() >= max {
                break;
            }
            let works = self.queues.get(app).is_some_and(Queue::pushes);
            if works { runnable.push(*app) } else { idle.push(*app) }
        }
        for app in idle {
            self.pushing.remove(&app);
        }
        runnable
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
        }
        if app.is_none() {
            load.oldest = self.oldest().map(|entry| entry.born().into());
        }
        load
    }

    /// The open entry that comes first in the log.
    fn oldest(&self) -> Option<Entry> {
        let seq = self.ledger.first_open()?;
        let ready = || self.queues.values().map(|queue| &queue.ready);
        // READY, it is at the front of its line unless it was leased in vain
        let found = self
            .held(seq)
            .or_else(|| ready().filter_map(Waiting::front).find(|entry| entry.seq == seq).copied());
        found.or_else(|| ready().flat_map(Waiting::iter).find(|entry| entry.seq == seq))
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
