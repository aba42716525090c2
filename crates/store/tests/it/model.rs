//! What a store is to know: a list of events, what was acknowledged about each, and the records.
//!
//! Time does its work in a store when somebody asks (a lease, a tick); so an event whose lease or
//! delay is over may be seen in either state until then.

use std::collections::{BTreeMap, HashMap, HashSet};

use ::model::{AppId, Application, ApplicationStatus, EventKind, Handle, Mode, Seq};
use queue::{Reason, Resolution, Settled, State};

pub(crate) const EXPIRY_MS: i64 = 4 * 24 * 3600 * 1000;
const REPEAT_MS: i64 = 30_000;
const KEY_MS: i64 = 24 * 3600 * 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Ready,
    Leased(Handle, i64),
    Delayed(i64),
    Done(Handle, i64),
    Closed(State, Reason),
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) app: AppId,
    pub(crate) seq: Seq,
    pub(crate) kind: EventKind,
    pub(crate) body: String,
    /// To the second.
    pub(crate) born: i64,
    /// Of this life.
    pub(crate) attempts: u32,
    /// Of all before.
    pub(crate) attempts_before: u32,
    pub(crate) at: At,
    /// Whether it was ever leased in this life.
    pub(crate) leased: bool,
    pub(crate) life: u32,
    /// The place of this life among all that were ever begun.
    pub(crate) place: u64,
}

impl Item {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.at, At::Ready | At::Leased(..) | At::Delayed(_))
    }

    /// The states that it may be seen in.
    pub(crate) fn states(&self, now: i64) -> Vec<(State, Option<Reason>)> {
        match self.at {
            At::Ready => vec![(State::Ready, None)],
            At::Leased(_, until) if until <= now => {
                vec![(State::Leased, None), (State::Ready, None)]
            }
            At::Leased(..) => vec![(State::Leased, None)],
            At::Delayed(due) if due <= now => vec![(State::Delayed, None), (State::Ready, None)],
            At::Delayed(_) => vec![(State::Delayed, None)],
            At::Done(..) => vec![(State::Done, None)],
            At::Closed(state, reason) => vec![(state, Some(reason))],
        }
    }
}

/// An event as it is to be published.
#[derive(Clone, Debug)]
pub(crate) struct New {
    pub(crate) app: AppId,
    pub(crate) kind: EventKind,
    pub(crate) key: Option<u8>,
    pub(crate) body: String,
}

/// What is to become of a commit's events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A new event in that state.
    New(State, Option<Reason>),
    /// The event that this key already names.
    Earlier(Seq),
    /// The same event as the one at this place in the same commit.
    Same(usize),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Unknown(AppId),
    KeyReused(usize),
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) items: BTreeMap<Seq, Item>,
    pub(crate) apps: BTreeMap<AppId, Application>,
    /// Versions and bodies.
    pub(crate) records: BTreeMap<String, (u64, String)>,
    pub(crate) handles: Vec<(AppId, Handle)>,
    keys: BTreeMap<(AppId, u8), (String, EventKind, Seq, i64)>,
    given: HashSet<(u32, u64)>,
    confirmed: HashMap<Handle, i64>,
    /// Leases that were held when their events were led elsewhere.
    outdated: HashSet<Handle>,
    places: u64,
    boot: u32,
    opened: i64,
}

impl Model {
    pub(crate) fn started(&mut self, now: i64) {
        self.boot += 1;
        self.opened = now;
        self.outdated.clear();
    }

    fn route(&self, new: &New) -> Option<(State, Option<Reason>)> {
        let app = self.apps.get(&new.app)?;
        if app.status == ApplicationStatus::Destroyed {
            return None;
        }
        if new.kind == EventKind::FileDeleted && !app.config.delete {
            return Some((State::Ignored, Some(Reason::SwitchOff)));
        }
        if app.config.mode == Mode::Push && app.config.notification_url.is_empty() {
            return Some((State::Ignored, Some(Reason::NoUrl)));
        }
        Some((State::Ready, None))
    }

    pub(crate) fn fates(&self, events: &[New], now: i64) -> Result<Vec<Fate>, Refused> {
        let mut fates: Vec<Fate> = Vec::new();
        for (index, new) in events.iter().enumerate() {
            let same_key = |other: &&New| other.app == new.app && other.key == new.key;
            let here = events[..index].iter().position(|other| same_key(&other));
            let known = new.key.and_then(|key| self.keys.get(&(new.app, key)));
            let known = known.filter(|(.., born)| *born > now - KEY_MS);
            let fate = match (new.key, known, here) {
                (Some(_), Some((body, kind, seq, _)), _) => {
                    (*body == new.body && *kind == new.kind).then_some(Fate::Earlier(*seq))
                }
                (Some(_), None, Some(first)) => {
                    let first_event = &events[first];
                    (first_event.body == new.body && first_event.kind == new.kind)
                        .then_some(Fate::Same(first))
                }
                _ => {
                    let (state, reason) = self.route(new).ok_or(Refused::Unknown(new.app))?;
                    Some(Fate::New(state, reason))
                }
            };
            fates.push(fate.ok_or(Refused::KeyReused(index))?);
        }
        Ok(fates)
    }

    /// An event has this number, which nothing before it had.
    pub(crate) fn stated(&mut self, new: &New, seq: Seq, fate: &Fate, now: i64) {
        assert!(self.items.keys().all(|earlier| *earlier < seq), "{seq} was used before");
        let at = match *fate {
            Fate::New(state, Some(reason)) => At::Closed(state, reason),
            Fate::New(_, None) | Fate::Earlier(_) | Fate::Same(_) => At::Ready,
        };
        let New { app, kind, key, body } = new.clone();
        if let Some(key) = key {
            self.keys.insert((app, key), (body.clone(), kind, seq, now));
        }
        let born = now / 1000 * 1000;
        let (attempts, attempts_before, leased, life, place) = (0, 0, false, 1, self.place());
        let item =
            Item { app, seq, kind, body, born, attempts, attempts_before, at, leased, life, place };
        self.items.insert(seq, item);
    }

    fn place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    /// Whether anybody would get an application's events; what is said if not.
    pub(crate) fn refuses_replays(&self, app: AppId) -> Option<&'static str> {
        let application = &self.apps[&app];
        let config = &application.config;
        if application.status == ApplicationStatus::Destroyed {
            return Some("destroyed");
        }
        (config.mode == Mode::Push && config.notification_url.is_empty()).then_some("no address")
    }

    /// The events of an application that have ended so, oldest first.
    pub(crate) fn ended(
        &self,
        app: AppId,
        state: Option<State>,
        kind: Option<EventKind>,
    ) -> Vec<Seq> {
        let ended = |item: &&Item| {
            let now = match item.at {
                At::Done(..) => State::Done,
                At::Closed(state, _) => state,
                At::Ready | At::Leased(..) | At::Delayed(_) => return false,
            };
            item.app == app
                && state.is_none_or(|state| state == now)
                && kind.is_none_or(|kind| kind == item.kind)
        };
        self.items.values().filter(ended).map(|item| item.seq).collect()
    }

    /// Design, "Replay": a new life at the tail, READY whatever the switch, same event id.
    pub(crate) fn replayed(&mut self, seq: Seq, now: i64) {
        let place = self.place();
        let item = self.items.get_mut(&seq).unwrap();
        assert!(!item.is_open());
        item.attempts_before += item.attempts;
        (item.attempts, item.leased, item.at) = (0, false, At::Ready);
        (item.born, item.place) = (now / 1000 * 1000, place);
        item.life += 1;
    }

    /// Design, "PUSH → PULL, a new URL or a new SignKey: DELAYED becomes due now".
    pub(crate) fn configured(&mut self, application: Application) {
        let app = application.id;
        let destroyed = application.status == ApplicationStatus::Destroyed;
        let old = self.apps.insert(app, application).map(|old| old.config);
        let new = &self.apps[&app].config;
        let due = old.is_some_and(|old| {
            (old.mode == Mode::Push && new.mode == Mode::Pull)
                || (old.notification_url != new.notification_url
                    && !new.notification_url.is_empty())
                || old.sign_key != new.sign_key
        });
        for item in self.items.values_mut().filter(|item| item.app == app && item.is_open()) {
            if let At::Leased(handle, _) = item.at
                && due
                && handle.boot == self.boot
            {
                self.outdated.insert(handle);
            }
            if destroyed {
                item.at = At::Closed(State::Dead, Reason::Destroyed);
            } else if due && matches!(item.at, At::Delayed(_)) {
                item.at = At::Ready;
            }
        }
    }

    /// Ends leases and delays.
    pub(crate) fn advance(&mut self, now: i64) {
        for item in self.items.values_mut() {
            if matches!(item.at, At::Leased(_, over) | At::Delayed(over) if over <= now) {
                item.at = At::Ready;
            }
        }
    }

    pub(crate) fn ticked(&mut self, now: i64) {
        self.advance(now);
        for item in self.items.values_mut() {
            let waits = matches!(item.at, At::Ready | At::Delayed(_));
            if waits && item.born <= now - EXPIRY_MS {
                item.at = At::Closed(State::Dead, Reason::Expired);
            }
        }
    }

    pub(crate) fn something_is_old(&self, now: i64) -> bool {
        self.items.values().any(|item| item.is_open() && item.born <= now - EXPIRY_MS)
    }

    pub(crate) fn ready(&self, app: AppId) -> Vec<&Item> {
        let ready = |item: &&Item| item.app == app && item.at == At::Ready;
        let mut ready: Vec<&Item> = self.items.values().filter(ready).collect();
        ready.sort_by_key(|item| item.place);
        ready
    }

    pub(crate) fn leased(&mut self, app: AppId, handle: Handle, until: i64) {
        assert!(self.given.insert((handle.boot, handle.lease)), "{handle} was used before");
        assert_eq!(handle.boot, self.boot);
        self.handles.push((app, handle));
        let item = self.items.get_mut(&handle.event.first_seq).unwrap();
        assert_eq!((item.app, item.at), (app, At::Ready), "{handle}");
        (item.at, item.leased) = (At::Leased(handle, until), true);
    }

    /// Settles one handle; the answers that it may get. `claimed`: what this call settled before.
    pub(crate) fn settle(
        &mut self,
        (app, handle): (AppId, Handle),
        resolution: Resolution,
        claimed: &mut HashSet<Handle>,
        now: i64,
    ) -> Vec<Settled> {
        let (boot, opened) = (self.boot, self.opened);
        let item = self.items.get_mut(&handle.event.first_seq).unwrap();
        // after a stop it is enough that the event is DONE; whose it was is not looked up
        let earlier = handle.boot < boot && now < opened + REPEAT_MS;
        if let At::Done(_, at) = item.at
            && earlier
            && resolution != Resolution::Return
        {
            let before = at < opened || (item.app == app && claimed.contains(&handle));
            let any = vec![Settled::Already, Settled::Stale, Settled::Unknown];
            return if before { vec![Settled::Already] } else { any };
        }
        if item.app != app {
            return vec![Settled::Unknown, Settled::Stale];
        }
        if resolution == Resolution::Return {
            if !matches!(item.at, At::Leased(current, _) if current == handle) {
                return vec![Settled::Stale];
            }
            item.at = At::Ready;
            return vec![Settled::Accepted];
        }
        // also if it was replayed since
        let recent = |at: &i64| *at >= opened && now < at + REPEAT_MS;
        if claimed.contains(&handle) || self.confirmed.get(&handle).is_some_and(recent) {
            return vec![Settled::Already];
        }
        match item.at {
            At::Leased(current, until) if current == handle && now < until => {
                claimed.insert(handle);
                if resolution == Resolution::Done {
                    self.confirmed.insert(handle, now);
                }
                item.at = match resolution {
                    Resolution::Dead(Reason::Exhausted) | Resolution::Retry { .. }
                        if self.outdated.contains(&handle) =>
                    {
                        At::Delayed(now)
                    }
                    Resolution::Dead(reason) => At::Closed(State::Dead, reason),
                    Resolution::Retry { after_ms } => {
                        At::Delayed(now + i64::try_from(after_ms).unwrap())
                    }
                    Resolution::Done | Resolution::Return => At::Done(handle, now),
                };
                item.attempts += u32::from(resolution != Resolution::Done);
                vec![Settled::Accepted]
            }
            At::Done(by, at) if by == handle && now < at + REPEAT_MS => vec![Settled::Already],
            At::Ready | At::Leased(..) | At::Delayed(_) | At::Done(..) | At::Closed(..) => {
                vec![Settled::Stale]
            }
        }
    }

    /// Gives up what waits; how much may have been found in these states.
    pub(crate) fn purged(
        &mut self,
        app: AppId,
        state: Option<State>,
        kind: Option<EventKind>,
    ) -> u64 {
        let mut purged = 0;
        for item in self.items.values_mut() {
            let now = match item.at {
                At::Ready => State::Ready,
                At::Leased(..) => State::Leased,
                At::Delayed(_) => State::Delayed,
                At::Done(..) | At::Closed(..) => continue,
            };
            let wanted = item.app == app
                && state.is_none_or(|state| state == now)
                && kind.is_none_or(|kind| kind == item.kind);
            if wanted {
                item.at = At::Closed(State::Dead, Reason::Purged);
                purged += 1;
            }
        }
        purged
    }

    pub(crate) fn restarted(&mut self, graceful: bool, stopped: i64, now: i64) {
        self.started(now);
        for item in self.items.values_mut() {
            if let At::Leased(handle, until) = item.at {
                let left = (until - stopped).max(0);
                item.at = if graceful { At::Leased(handle, now + left) } else { At::Ready };
            }
        }
    }
}
