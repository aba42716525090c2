//! Objects that may still appear in the bucket although nobody waits for them any more.
//!
//! A request that had no answer, or only one of something on the way, may be carried out later: the
//! store had all of it, or a proxy did. So an object that is removed may come back, and its name must
//! not be forgotten before that has become impossible: it stays garbage, is removed now, and once more
//! when it can no longer come. What a crash cut off had no answer either, so at the first sweep of a
//! process all garbage is in doubt.
//!
//! Deliberately absent: listing the bucket for what no record knows. A prefix that another program uses
//! by mistake would be emptied.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Uri};
use model::{Mono, limits};

/// The names in doubt, by their hash, because a crash in the middle of a great deletion leaves a great
/// many. Two names of one hash are both waited for.
#[derive(Debug)]
pub(super) struct Doubts {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    by_name: HashMap<u64, Doubt>,
    /// Whether no sweep has seen all garbage yet.
    first_sweep: bool,
}

#[derive(Debug, Default)]
struct Doubt {
    /// When it ends; none: no sweep has seen it yet.
    until: Option<Mono>,
    /// Whether what was there then is removed.
    removed: bool,
}

impl Default for Doubts {
    fn default() -> Self {
        let state = State { by_name: HashMap::new(), first_sweep: true };
        Self { hasher: RandomState::new(), state: Mutex::new(state) }
    }
}

impl Doubts {
    /// A write of that object had no answer.
    pub(super) fn note(&self, name: &str) {
        let hash = self.hash(name);
        self.lock().by_name.insert(hash, Doubt::default());
    }

    /// Begins a sweep. Returns whether some doubt has ended.
    pub(super) fn sweep_begins(&self, now: Mono) -> bool {
        let mut state = self.lock();
        let before = state.by_name.len();
        state
            .by_name
            .retain(|_, doubt| *doubt.until.get_or_insert(now.plus_ms(limits::S3_LATE_MS)) > now);
        state.by_name.len() < before
    }

    /// Whether an object of the garbage is to be removed now; not, if it was and may still come back.
    pub(super) fn is_due(&self, name: &str) -> bool {
        let hash = self.hash(name);
        let mut state = self.lock();
        if state.first_sweep {
            state.by_name.entry(hash).or_default();
        }
        state.by_name.get(&hash).is_none_or(|doubt| !doubt.removed)
    }

    /// Notes that an object was removed. Returns whether it is gone for good.
    pub(super) fn is_settled(&self, name: &str) -> bool {
        let hash = self.hash(name);
        let mut state = self.lock();
        match state.by_name.get_mut(&hash) {
            Some(doubt) => {
                doubt.removed = true;
                false
            }
            None => true,
        }
    }

    /// Ends a sweep that has seen all garbage.
    pub(super) fn sweep_ends(&self) {
        self.lock().first_sweep = false;
    }

    fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that has no answer yet. What it writes is in doubt unless it is answered before this is
/// dropped.
#[derive(Debug)]
pub(super) struct Unanswered {
    doubts: Arc<Doubts>,
    /// What it writes; none: nothing.
    name: Option<String>,
}

impl Unanswered {
    pub(super) fn new(doubts: &Arc<Doubts>, method: &Method, uri: &Uri) -> Self {
        Self { doubts: Arc::clone(doubts), name: written(method, uri) }
    }

    /// The request was answered, or was never sent.
    pub(super) fn answered(mut self) -> Answered {
        Answered { doubts: Arc::clone(&self.doubts), name: self.name.take() }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.doubts.note(name);
        }
    }
}

/// A request whose answer has begun.
#[derive(Debug)]
pub(super) struct Answered {
    doubts: Arc<Doubts>,
    name: Option<String>,
}

impl Answered {
    /// Its end did not come; S3 begins to answer a Complete or a copy before the outcome is known.
    pub(super) fn breaks_off(&self) {
        if let Some(name) = &self.name {
            self.doubts.note(name);
        }
    }
}

/// The name of the object that a request writes, if it writes one. Names have two segments of
/// characters that no URI encodes; what stands before them is the bucket and the prefix.
fn written(method: &Method, uri: &Uri) -> Option<String> {
    let removes = uri.query().is_some_and(|query| query.starts_with("delete"));
    if !matches!(*method, Method::PUT | Method::POST) || removes {
        return None;
    }
    let mut segments = uri.path().rsplit('/');
    let (last, directory) = (segments.next()?, segments.next()?);
    Some(format!("{directory}/{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: u64 = limits::S3_LATE_MS;

    /// What a sweep does with a name: whether it removes it, and whether it forgets it.
    fn swept(doubts: &Doubts, name: &str) -> (bool, bool) {
        let due = doubts.is_due(name);
        (due, due && doubts.is_settled(name))
    }

    #[test]
    fn what_an_earlier_process_left_is_removed_twice() {
        let doubts = Doubts::default();
        assert!(!doubts.sweep_begins(Mono(0)));
        assert_eq!(swept(&doubts, "left"), (true, false));
        // a sweep that did not come to its end does not change what the next one is
        assert!(!doubts.sweep_begins(Mono(1)));
        assert_eq!(swept(&doubts, "left"), (false, false));
        assert_eq!(swept(&doubts, "left too"), (true, false));
        doubts.sweep_ends();
        assert!(!doubts.sweep_begins(Mono(2)));
        assert_eq!(swept(&doubts, "deleted since"), (true, true));
        assert!(doubts.sweep_begins(Mono(1 + LATE)));
        assert_eq!(swept(&doubts, "left"), (true, true));
        assert_eq!(swept(&doubts, "left too"), (false, false));
        assert!(doubts.sweep_begins(Mono(2 + LATE)));
        assert_eq!(swept(&doubts, "left too"), (true, true));
    }

    #[test]
    fn a_write_is_known_by_its_uri() {
        let written = |method, uri: &str| written(&method, &uri.parse().unwrap());
        let name = Some("5f/5285890012345678901-abc".to_owned());
        for uri in [
            "http://127.0.0.1:9000/media/some/where/5f/5285890012345678901-abc",
            "https://media.s3.example/5f/5285890012345678901-abc?partNumber=1&uploadId=x",
            "https://s3.example/media/%C3%A4/5f/5285890012345678901-abc?uploads",
        ] {
            assert_eq!(written(Method::PUT, uri), name);
            assert_eq!(written(Method::POST, uri), name);
            assert_eq!(written(Method::DELETE, uri), None);
        }
        assert_eq!(written(Method::POST, "http://127.0.0.1:9000/media/x?delete"), None);
        assert_eq!(written(Method::GET, "http://127.0.0.1:9000/media/5f/5-a"), None);
    }

    #[test]
    fn what_had_no_answer_is_removed_twice_and_what_failed_is_tried_again() {
        let doubts = Doubts::default();
        doubts.sweep_begins(Mono(0));
        doubts.sweep_ends();
        doubts.note("lost");
        assert!(!doubts.sweep_begins(Mono(5)));
        assert!(doubts.is_due("lost") && doubts.is_due("lost"), "it could not be removed");
        assert_eq!(swept(&doubts, "lost"), (true, false));
        assert_eq!(swept(&doubts, "lost"), (false, false));
        // lost once more
        doubts.note("lost");
        assert_eq!(swept(&doubts, "lost"), (true, false));
        assert!(!doubts.sweep_begins(Mono(5 + LATE)));
        assert!(doubts.sweep_begins(Mono(5 + 2 * LATE)));
        assert_eq!(swept(&doubts, "lost"), (true, true));
    }
}
