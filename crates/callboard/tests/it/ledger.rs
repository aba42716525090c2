//! What a test has been promised, and what it has seen: the memory that outlives a killed server.
//!
//! Every published event carries a mark of its own, so that an event is recognised whatever its
//! number. A breach of a promise panics at once, where it is seen.

use std::collections::{HashMap, HashSet};

use testkit::receiver::Received;

/// Promises and sights, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Counts entries of the ledger: what was known before a call was sent?
    moment: u64,
    /// Marks given out.
    marks: u64,
    /// Acknowledged events: mark to EventId.
    published: HashMap<String, String>,
    /// Every EventId ever seen, acknowledged or delivered, and the mark it belongs to.
    ids: HashMap<String, String>,
    /// Every handle ever seen.
    handles: HashSet<String>,
    /// Marks that have been pulled.
    pulled: HashSet<String>,
    /// Marks that a receiver has taken.
    pushed: HashSet<String>,
    /// Marks whose confirmation was acknowledged, and when.
    confirmed: HashMap<String, u64>,
    /// Their handles, the last one last.
    confirmed_handles: Vec<String>,
}

impl Ledger {
    /// A mark that no event has had. Marks of PUSH and PULL differ by their prefix.
    pub(crate) fn mark(&mut self, prefix: &str) -> String {
        self.marks += 1;
        format!("{prefix}-{}", self.marks)
    }

    /// Now, for [`Ledger::pulled`].
    pub(crate) const fn moment(&self) -> u64 {
        self.moment
    }

    /// An event was acknowledged under that id.
    pub(crate) fn published(&mut self, mark: &str, id: &str) {
        self.moment += 1;
        self.identify(id, mark);
        let before = self.published.insert(mark.to_owned(), id.to_owned());
        assert_eq!(before, None, "{mark} was published once");
    }

    /// How many events have been acknowledged.
    pub(crate) fn published_count(&self) -> usize {
        self.published.len()
    }

    /// EventIds of the last acknowledged events.
    pub(crate) fn last_published(&self, prefix: &str, count: usize) -> Vec<String> {
        let mut numbered: Vec<(u64, &String)> = self
            .published
            .iter()
            .filter_map(|(mark, id)| {
                let number = mark.strip_prefix(prefix)?.strip_prefix('-')?.parse().ok()?;
                Some((number, id))
            })
            .collect();
        numbered.sort_unstable_by(|a, b| b.cmp(a));
        numbered.into_iter().take(count).map(|(_, id)| id.clone()).collect()
    }

    /// An event came by PullEvents, in answer to a call that was sent at `sent`.
    pub(crate) fn pulled(&mut self, mark: &str, handle: &str, sent: u64) {
        self.moment += 1;
        let id = handle.split('.').next().unwrap();
        self.identify(id, mark);
        assert!(self.handles.insert(handle.to_owned()), "handle {handle} was given out twice");
        if let Some(at) = self.confirmed.get(mark) {
            assert!(*at > sent, "{mark} was confirmed and came again as {handle}");
        }
        self.pulled.insert(mark.to_owned());
    }

    /// A confirmation was acknowledged.
    pub(crate) fn confirmed(&mut self, mark: &str, handle: &str) {
        self.moment += 1;
        self.confirmed.entry(mark.to_owned()).or_insert(self.moment);
        self.confirmed_handles.push(handle.to_owned());
    }

    /// How many confirmations have been acknowledged.
    pub(crate) fn confirmed_count(&self) -> usize {
        self.confirmed.len()
    }

    /// The handles of the last acknowledged confirmations.
    pub(crate) fn last_confirmed(&self, count: usize) -> &[String] {
        let from = self.confirmed_handles.len().saturating_sub(count);
        &self.confirmed_handles[from..]
    }

    /// A receiver took an event.
    pub(crate) fn pushed(&mut self, callback: &Received) {
        self.moment += 1;
        let body = callback.json();
        let mark = body["ProcedureStateChangeEvent"]["TaskId"].as_str().unwrap();
        self.identify(callback.header("webhook-id"), mark);
        self.pushed.insert(mark.to_owned());
    }

    /// Acknowledged events of that prefix that have not come yet.
    pub(crate) fn missing(&self, prefix: &str) -> Vec<&String> {
        let seen = |mark: &String| self.pulled.contains(mark) || self.pushed.contains(mark);
        self.published.keys().filter(|mark| mark.starts_with(prefix) && !seen(mark)).collect()
    }

    /// One id, one event: a number used again would carry another mark.
    fn identify(&mut self, id: &str, mark: &str) {
        let known = self.ids.entry(id.to_owned()).or_insert_with(|| mark.to_owned());
        assert_eq!(known, mark, "EventId {id} names two events");
    }
}
