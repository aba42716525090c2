//! When leases and delays end: the next one of all, and the next one of each application.
//!
//! Each application's are kept by themselves, so that whoever waits for events of one application
//! wakes for no other's, and making one's delays due looks at no other's.

use std::collections::{BTreeSet, HashMap};

use model::{AppId, Seq};

use crate::steady::Steady;

/// A time, and the entry that is READY then.
type Timer = (Steady, Seq);

/// The ends of all leases and delays.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Those of each application that has any.
    each: HashMap<AppId, BTreeSet<Timer>>,
    /// The first one of each.
    first: BTreeSet<(Timer, AppId)>,
}

impl Timers {
    pub(crate) fn insert(&mut self, app: AppId, at: Steady, seq: Seq) {
        self.change(app, |timers| timers.insert((at, seq)));
    }

    pub(crate) fn remove(&mut self, app: AppId, at: Steady, seq: Seq) {
        self.change(app, |timers| timers.remove(&(at, seq)));
    }

    /// Takes out the first one of all whose time has come.
    pub(crate) fn pop_due(&mut self, now: Steady) -> Option<Seq> {
        let &((at, seq), app) = self.first.first()?;
        if at > now {
            return None;
        }
        self.remove(app, at, seq);
        Some(seq)
    }

    /// When the first one of all ends.
    pub(crate) fn next(&self) -> Option<Steady> {
        self.first.first().map(|((at, _), _)| *at)
    }

    /// When the first one of an application ends.
    pub(crate) fn next_of(&self, app: AppId) -> Option<Steady> {
        self.of(app).next().map(|(at, _)| at)
    }

    /// Those of an application, in the order of their ends.
    pub(crate) fn of(&self, app: AppId) -> impl Iterator<Item = Timer> {
        self.each.get(&app).into_iter().flatten().copied()
    }

    fn change(&mut self, app: AppId, change: impl FnOnce(&mut BTreeSet<Timer>) -> bool) {
        let timers = self.each.entry(app).or_default();
        let before = timers.first().copied();
        change(timers);
        let after = timers.first().copied();
        if after.is_none() {
            self.each.remove(&app);
        }
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.first.remove(&(before, app));
        }
        if let Some(after) = after {
            self.first.insert((after, app));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_all_and_of_each() {
        let (one, two) = (AppId(1), AppId(2));
        let mut timers = Timers::default();
        assert_eq!((timers.next(), timers.next_of(one)), (None, None));
        for (app, at, seq) in [(one, 30, 1), (two, 20, 2), (one, 10, 3), (two, 20, 4)] {
            timers.insert(app, Steady(at), Seq(seq));
        }
        assert_eq!(timers.next(), Some(Steady(10)));
        assert_eq!(timers.next_of(two), Some(Steady(20)));
        assert_eq!(timers.pop_due(Steady(9)), None);
        timers.remove(one, Steady(10), Seq(3));
        timers.remove(one, Steady(11), Seq(9));
        assert_eq!((timers.next(), timers.next_of(one)), (Some(Steady(20)), Some(Steady(30))));
        let due: Vec<u64> =
            std::iter::from_fn(|| timers.pop_due(Steady(30))).map(|seq| seq.0).collect();
        assert_eq!(due, [2, 4, 1], "by time, then by place in the log");
        assert!(timers.next().is_none() && timers.each.is_empty());
    }
}
