//! What is known of events, so that only changes are told.

use std::collections::HashMap;

use serde_json::Value;

use super::OPEN;

/// Events that are remembered; beyond that only those of the last look are.
const KNOWN_MAX: usize = 10_000;

/// What is new about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// It was not known.
    pub(super) stated: bool,
    /// It has a new life, which is told with everything in it as if nothing of it were known.
    pub(super) replayed: bool,
    /// It is in another state, or new and already beyond READY.
    pub(super) state: bool,
    /// How many attempts of this life were known.
    pub(super) attempts_before: usize,
    /// How many attempts are new.
    pub(super) attempts: usize,
}

impl Change {
    /// Everything about an event, as if nothing of it were known.
    pub(super) fn all_of(row: &Value) -> Self {
        let Standing { state, attempts, replays } = standing(row);
        let (state, replayed) = (state != "READY", replays > 0);
        Self { stated: true, replayed, state, attempts_before: 0, attempts }
    }
}

#[derive(Debug)]
struct Known {
    state: String,
    attempts: usize,
    replays: u64,
    /// The look in which it was seen last.
    look: u64,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    events: HashMap<String, Known>,
    look: u64,
}

impl Watch {
    /// Begins another look.
    pub(super) const fn next_look(&mut self) {
        self.look += 1;
    }

    /// Whether the event of a row was seen before.
    pub(super) fn knows(&self, row: &Value) -> bool {
        self.events.contains_key(id(row))
    }

    /// Remembers that there is this event, and follows it no further.
    pub(super) fn pass(&mut self, row: &Value) {
        let known = Known { state: String::new(), attempts: 0, replays: 0, look: self.look };
        self.events.insert(id(row).to_owned(), known);
    }

    /// Takes a row in; what is new about it, if anything is.
    pub(super) fn compare(&mut self, row: &Value) -> Option<Change> {
        let Standing { state, attempts, replays } = standing(row);
        let known = Known { state: state.to_owned(), attempts, replays, look: self.look };
        let before = self.events.insert(id(row).to_owned(), known);
        let change = match before {
            None => Change::all_of(row),
            Some(before) if before.replays < replays => {
                Change { stated: false, ..Change::all_of(row) }
            }
            Some(before) => Change {
                stated: false,
                replayed: false,
                state: before.state != state,
                attempts_before: before.attempts,
                attempts: attempts.saturating_sub(before.attempts),
            },
        };
        (change.stated || change.replayed || change.state || change.attempts > 0).then_some(change)
    }

    /// Open events that this look has not come to, those first that were not seen for longest.
    pub(super) fn open_unseen(&self, most: usize) -> Vec<String> {
        let unseen = self
            .events
            .iter()
            .filter(|(_, known)| known.look < self.look && OPEN.contains(&known.state.as_str()));
        let mut unseen: Vec<_> = unseen.map(|(id, known)| (known.look, id)).collect();
        unseen.sort_unstable();
        unseen.into_iter().take(most).map(|(_, id)| id.clone()).collect()
    }

    /// Forgets an event that is gone.
    pub(super) fn forget(&mut self, id: &str) {
        self.events.remove(id);
    }

    /// Forgets what is settled and was not seen in this look.
    pub(super) fn prune(&mut self) {
        let full = self.events.len() > KNOWN_MAX;
        self.events.retain(|_, known| {
            known.look == self.look || !full && OPEN.contains(&known.state.as_str())
        });
    }
}

/// Where an event stands in its latest life.
struct Standing<'a> {
    state: &'a str,
    attempts: usize,
    replays: u64,
}

fn standing(row: &Value) -> Standing<'_> {
    let count = |name| row.get(name).and_then(Value::as_u64).unwrap_or_default();
    let state = row.get("State").and_then(Value::as_str).unwrap_or_default();
    let attempts = usize::try_from(count("AttemptCount")).unwrap_or(usize::MAX);
    Standing { state, attempts, replays: count("ReplayCount") }
}

fn id(row: &Value) -> &str {
    row.get("EventId").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(id: &str, state: &str, attempts: u64) -> Value {
        json!({"EventId": id, "State": state, "AttemptCount": attempts})
    }

    fn change(stated: bool, state: bool, attempts_before: usize, attempts: usize) -> Change {
        Change { stated, replayed: false, state, attempts_before, attempts }
    }

    #[test]
    fn only_changes_are_told() {
        let mut watch = Watch::default();
        watch.next_look();
        assert_eq!(watch.compare(&row("a", "READY", 0)), Some(change(true, false, 0, 0)));
        assert_eq!(watch.compare(&row("a", "READY", 0)), None);
        assert_eq!(watch.compare(&row("a", "DELAYED", 1)), Some(change(false, true, 0, 1)));
        assert_eq!(watch.compare(&row("a", "DELAYED", 3)), Some(change(false, false, 1, 2)));
        assert_eq!(watch.compare(&row("a", "DONE", 4)), Some(change(false, true, 3, 1)));
        assert_eq!(watch.compare(&row("b", "DONE", 1)), Some(change(true, true, 0, 1)));
    }

    #[test]
    fn a_new_life_is_told_from_its_beginning() {
        let life = |state, attempts, replays| json!({"EventId": "a", "State": state, "AttemptCount": attempts, "ReplayCount": replays});
        let replay =
            |state, attempts| Change { replayed: true, ..change(false, state, 0, attempts) };
        let mut watch = Watch::default();
        watch.next_look();
        assert_eq!(watch.compare(&life("DONE", 1, 0)), Some(change(true, true, 0, 1)));
        assert_eq!(watch.compare(&life("READY", 0, 1)), Some(replay(false, 0)));
        assert_eq!(watch.compare(&life("DONE", 1, 1)), Some(change(false, true, 0, 1)));
        assert_eq!(watch.compare(&life("DONE", 1, 2)), Some(replay(true, 1)), "between two looks");
        assert_eq!(watch.compare(&life("DONE", 1, 2)), None);
    }

    #[test]
    fn what_is_passed_is_known_and_not_followed() {
        let mut watch = Watch::default();
        watch.next_look();
        watch.pass(&row("a", "READY", 0));
        assert!(watch.knows(&row("a", "", 0)));
        watch.next_look();
        assert!(watch.open_unseen(9).is_empty());
        watch.prune();
        assert!(!watch.knows(&row("a", "", 0)));
    }

    #[test]
    fn open_events_are_followed_and_settled_ones_forgotten() {
        let mut watch = Watch::default();
        watch.next_look();
        for (id, state) in [("a", "DELAYED"), ("b", "DONE"), ("c", "READY")] {
            watch.compare(&row(id, state, 0));
        }
        watch.next_look();
        assert_eq!(watch.open_unseen(9), ["a", "c"]);
        watch.compare(&row("a", "DELAYED", 0));
        assert_eq!(watch.open_unseen(9), ["c"]);
        watch.prune();
        assert!(watch.knows(&row("c", "", 0)) && !watch.knows(&row("b", "", 0)));
        watch.next_look();
        assert_eq!(watch.open_unseen(1), ["c"], "the one that was not seen for longest");
    }
}
