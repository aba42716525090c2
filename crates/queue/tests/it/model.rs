//! The naive model: a list of entries with their states, and code that is obviously what the design
//! says, however slow.
//!
//! It knows nothing of timers, lines, ledgers and claims. READY entries carry the turn they got when
//! they became READY; everything about order follows from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::model::{AppId, Application, ApplicationStatus, EventKind, Handle, IgnoredReason, Mode, Seq};
use queue::{Ask, Lessee, Reason, Refusal, Settled, State, Steady};

pub(crate) const EXPIRY_MS: u64 = 120_000;
pub(crate) const REPEAT_MS: u64 = 30_000;

/// How an entry stands, with what else there is to know in that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Waits its turn.
    Ready,
    /// READY, but found too old by somebody who asked for it: nobody gets it any more.
    Overdue,
    /// Held with that handle until that time.
    Leased(Handle, Steady),
    /// Until that time.
    Delayed(Steady),
    /// Confirmed with that handle at that time.
    Done(Handle, Steady),
    Dead(Reason),
    Ignored(Reason),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) app: AppId,
    pub(crate) seq: Seq,
    /// The entry of its event's first life, and which life it is.
    pub(crate) event: Seq,
    pub(crate) life: u32,
    pub(crate) kind: EventKind,
    /// To the second.
    pub(crate) born: Steady,
    pub(crate) attempts: u16,
    /// To the second.
    pub(crate) first: Option<Steady>,
    pub(crate) at: At,
    /// When it became READY, as a place among all that did.
    turn: u64,
}

impl Item {
    pub(crate) fn state(&self) -> (State, Option<Reason>) {
        match self.at {
            At::Ready | At::Overdue => (State::Ready, None),
            At::Leased(..) => (State::Leased, None),
            At::Delayed(_) => (State::Delayed, None),
            At::Done(..) => (State::Done, None),
            At::Dead(reason) => (State::Dead, Some(reason)),
            At::Ignored(reason) => (State::Ignored, Some(reason)),
        }
    }

    pub(crate) fn due(&self) -> Option<Steady> {
        if let At::Delayed(due) = self.at { Some(due) } else { None }
    }

    fn timer(&self) -> Option<Steady> {
        if let At::Leased(_, until) = self.at { Some(until) } else { self.due() }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state().0.is_open()
    }

    fn is_old(&self, now: Steady) -> bool {
        self.born <= now.minus_ms(EXPIRY_MS)
    }
}

/// A handle that was given out: of which entry, and in which start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    pub(crate) app: AppId,
    pub(crate) handle: Handle,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) items: Vec<Item>,
    pub(crate) apps: BTreeMap<AppId, Application>,
    pub(crate) given: Vec<Given>,
    seen: HashMap<(u32, u64), Seq>,
    turns: u64,
    opened: Steady,
}

pub(crate) fn second(at: Steady) -> Steady {
    Steady(at.0 / 1000 * 1000)
}

impl Model {
    pub(crate) fn new(opened: Steady) -> Self {
        Self { opened, ..Self::default() }
    }

    fn turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    pub(crate) fn item(&self, seq: Seq) -> Option<&Item> {
        self.items.iter().find(|item| item.seq == seq)
    }

    pub(crate) fn item_mut(&mut self, seq: Seq) -> &mut Item {
        self.items.iter_mut().find(|item| item.seq == seq).unwrap()
    }

    /// The latest life of an event.
    pub(crate) fn latest(&self, event: Seq) -> Option<&Item> {
        self.items.iter().rfind(|item| item.event == event)
    }

    /// The READY entries of an application in their order.
    pub(crate) fn line(&self, app: AppId) -> Vec<Item> {
        let ready = |item: &&Item| item.app == app && item.at == At::Ready;
        let mut line: Vec<Item> = self.items.iter().filter(ready).copied().collect();
        line.sort_by_key(|item| item.turn);
        line
    }

    fn ready_again(&mut self, seq: Seq) {
        let turn = self.turn();
        let item = self.item_mut(seq);
        (item.at, item.turn) = (At::Ready, turn);
    }

    // ---- what can happen ----------------------------------------------------------------------

    /// Design, "Routing": none if the application takes no events.
    pub(crate) fn route(&self, app: AppId, kind: EventKind) -> Option<At> {
        let application = self.apps.get(&app)?;
        let config = &application.config;
        let switches = [
            (EventKind::NewFileUpload, config.upload),
            (EventKind::FileDeleted, config.delete),
            (EventKind::PersistenceComplete, config.persistence),
        ];
        let wanted = switches.iter().all(|(switched, on)| kind != *switched || *on);
        if application.status == ApplicationStatus::Destroyed {
            None
        } else if !wanted {
            Some(At::Ignored(IgnoredReason::SwitchOff.into()))
        } else if config.mode == Mode::Push && config.notification_url.is_empty() {
            Some(At::Ignored(IgnoredReason::NoUrl.into()))
        } else {
            Some(At::Ready)
        }
    }

    pub(crate) fn append(&mut self, app: AppId, seq: Seq, kind: EventKind, born: Steady) {
        let at = self.route(app, kind).unwrap();
        let (turn, born) = (self.turn(), second(born));
        let (event, life, attempts, first) = (seq, 1, 0, None);
        self.items.push(Item { app, seq, event, life, kind, born, attempts, first, at, turn });
    }

    /// Design, "Replay": a new life at the tail, whatever the switch, unless one is open.
    pub(crate) fn replay(&mut self, event: Seq, seq: Seq, born: Steady) {
        let latest = *self.latest(event).unwrap();
        assert!(!latest.is_open());
        let (turn, born, at, life) = (self.turn(), second(born), At::Ready, latest.life + 1);
        self.items.push(Item { seq, life, born, attempts: 0, first: None, at, turn, ..latest });
    }

    /// Design, "PUSH → PULL, a new URL or a new SignKey: DELAYED becomes due now".
    pub(crate) fn configure(&mut self, application: Application) {
        let app = application.id;
        let old = self.apps.insert(app, application);
        let (Some(old), new) = (old.map(|old| old.config), &self.apps[&app].config) else { return };
        let to_pull = old.mode == Mode::Push && new.mode == Mode::Pull;
        let new_url =
            old.notification_url != new.notification_url && !new.notification_url.is_empty();
        if to_pull || new_url || old.sign_key != new.sign_key {
            let mine = self.items.iter().filter(|item| item.app == app);
            let due: BTreeSet<(Steady, Seq)> =
                mine.filter_map(|item| Some((item.due()?, item.seq))).collect();
            for (_, seq) in due {
                self.ready_again(seq);
            }
        }
    }

    fn timers(&self) -> BTreeSet<(Steady, Seq)> {
        self.items.iter().filter_map(|item| Some((item.timer()?, item.seq))).collect()
    }

    pub(crate) fn next_timer(&self) -> Option<Steady> {
        self.timers().first().map(|(at, _)| *at)
    }

    pub(crate) fn next_timer_of(&self, app: AppId) -> Option<Steady> {
        let mine = self.items.iter().filter(|item| item.app == app);
        mine.filter_map(Item::timer).min()
    }

    pub(crate) fn advance(&mut self, now: Steady) -> BTreeSet<AppId> {
        let over: Vec<Seq> =
            self.timers().into_iter().filter(|(at, _)| *at <= now).map(|(_, seq)| seq).collect();
        for seq in &over {
            self.ready_again(*seq);
        }
        over.iter().map(|seq| self.item(*seq).unwrap().app).collect()
    }

    /// Who would be leased, in order; those that are found too old are not.
    pub(crate) fn would_lease(&mut self, ask: Ask, now: Steady) -> Result<Vec<Item>, Refusal> {
        let Some(application) = self.apps.get(&ask.app) else { return Err(Refusal::Unknown) };
        if application.status == ApplicationStatus::Destroyed {
            return Err(Refusal::Unknown);
        }
        let config = &application.config;
        let theirs = match ask.by {
            Lessee::Pull => config.mode == Mode::Pull,
            Lessee::Push => config.mode == Mode::Push && !config.notification_url.is_empty(),
        };
        if !theirs {
            return Err(Refusal::WrongMode);
        }
        let mut line = self.line(ask.app);
        if ask.fewest_attempts {
            line.sort_by_key(|item| item.attempts);
        }
        let mut leased = Vec::new();
        for item in line {
            if leased.len() == ask.max {
                break;
            }
            if item.is_old(now) {
                self.item_mut(item.seq).at = At::Overdue;
            } else {
                leased.push(item);
            }
        }
        Ok(leased)
    }

    /// An entry was leased with that handle; no handle is ever given out twice.
    pub(crate) fn leased(&mut self, app: AppId, handle: Handle, until: Steady) {
        let seq = self.latest(handle.event.first_seq).unwrap().seq;
        assert_eq!(self.seen.insert((handle.boot, handle.lease), seq), None, "{handle} twice");
        self.given.push(Given { app, handle });
        let item = self.item_mut(seq);
        assert_eq!(item.at, At::Ready);
        item.at = At::Leased(handle, until);
    }

    /// A lease that was not used: READY again where it was.
    pub(crate) fn give_back(&mut self, handle: Handle) -> bool {
        let seq = self.latest(handle.event.first_seq).unwrap().seq;
        let item = self.item_mut(seq);
        let current = matches!(item.at, At::Leased(holder, _) if holder == handle);
        if current {
            item.at = At::Ready;
        }
        current
    }

    /// Design, "Handles": the answers that settling may get.
    pub(crate) fn settled(&self, app: AppId, handle: Handle, boot: u32, now: Steady) -> &[Settled] {
        use Settled::{Accepted, Already, Stale, Unknown};
        // both mean that the handle is no good; which it was may be forgotten
        let event = handle.event.first_seq;
        let Some(latest) = self.latest(event) else { return &[Unknown, Stale] };
        if handle.boot > boot {
            return &[Unknown];
        }
        // which handle it was is not known after a stop; that the event is DONE, is
        let earlier = handle.boot < boot && now < self.opened.plus_ms(REPEAT_MS);
        if matches!(latest.at, At::Done(..) if earlier) {
            return &[Already];
        }
        let seen = self.seen.get(&(handle.boot, handle.lease));
        let item = seen.and_then(|seq| self.item(*seq));
        let Some(item) = item.filter(|item| item.event == event && item.app == app) else {
            return &[Unknown, Stale];
        };
        match item.at {
            At::Leased(holder, until) if holder == handle && now < until => &[Accepted],
            // after a stop nobody knows any more who confirmed a life that is not the latest
            At::Done(by, at)
                if by == handle && at >= self.opened && now < at.plus_ms(REPEAT_MS) =>
            {
                &[Already]
            }
            At::Ready
            | At::Overdue
            | At::Leased(..)
            | At::Delayed(_)
            | At::Done(..)
            | At::Dead(_)
            | At::Ignored(_) => &[Stale],
        }
    }

    /// What may be given up on demand, in the order in which it is taken: the READY ones in theirs,
    /// then the others in any.
    pub(crate) fn waiting(
        &self,
        app: AppId,
        states: &[State],
        kinds: &[EventKind],
    ) -> (Vec<Seq>, BTreeSet<Seq>) {
        let wanted = |item: &Item| {
            (states.is_empty() || states.contains(&item.state().0))
                && (kinds.is_empty() || kinds.contains(&item.kind))
        };
        let ready = self.line(app).into_iter().filter(wanted).map(|item| item.seq).collect();
        let held = |item: &&Item| {
            item.app == app && matches!(item.at, At::Leased(..) | At::Delayed(_)) && wanted(item)
        };
        (ready, self.items.iter().filter(held).map(|item| item.seq).collect())
    }

    /// What has waited too long: found so before, READY, DELAYED.
    pub(crate) fn expired(&self, now: Steady) -> (BTreeSet<Seq>, BTreeSet<Seq>, BTreeSet<Seq>) {
        let seqs = |wanted: fn(&At) -> bool, old: bool| {
            let take = |item: &&Item| wanted(&item.at) && (item.is_old(now) || !old);
            self.items.iter().filter(take).map(|item| item.seq).collect()
        };
        (
            seqs(|at| *at == At::Overdue, false),
            seqs(|at| *at == At::Ready, true),
            seqs(|at| matches!(at, At::Delayed(_)), true),
        )
    }

    /// A start after a crash: leases are void and the events ready at once, in the order of the log.
    /// After a graceful stop (`keep`) leases go on for the time that was left.
    pub(crate) fn restart(&mut self, keep: bool, stopped: Steady, opened: Steady) {
        self.opened = opened;
        for index in 0..self.items.len() {
            let turn = self.turn();
            let item = &mut self.items[index];
            match item.at {
                At::Leased(handle, until) if keep => {
                    let left = until.since_ms(stopped);
                    (item.at, item.turn) = (At::Leased(handle, opened.plus_ms(left)), turn);
                }
                At::Ready | At::Overdue | At::Leased(..) => {
                    (item.at, item.turn) = (At::Ready, turn);
                }
                At::Delayed(_) | At::Done(..) | At::Dead(_) | At::Ignored(_) => {}
            }
        }
    }

    // ---- what can be asked --------------------------------------------------------------------

    pub(crate) fn count(&self, app: Option<AppId>, wanted: fn(&At) -> bool) -> u64 {
        let count = |item: &&Item| app.is_none_or(|app| item.app == app) && wanted(&item.at);
        self.items.iter().filter(count).count().try_into().unwrap()
    }

    /// The applications with PUSH, an address and something READY; those after `after` first.
    pub(crate) fn runnable(&self, after: Option<AppId>) -> Vec<AppId> {
        let runs = |app: &&Application| {
            app.status != ApplicationStatus::Destroyed
                && app.config.mode == Mode::Push
                && !app.config.notification_url.is_empty()
                && !self.line(app.id).is_empty()
        };
        let all: Vec<AppId> = self.apps.values().filter(runs).map(|app| app.id).collect();
        let (late, early): (Vec<AppId>, Vec<AppId>) =
            all.into_iter().partition(|app| after.is_none_or(|after| *app > after));
        [late, early].concat()
    }
}
