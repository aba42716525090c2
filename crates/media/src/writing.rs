//! Which objects are just being written, so that the sweeper lets them be.
//!
//! An object is garbage of the backend from before its first byte until the commit that refers to it
//! (see `queue::Commit::garbage`). After a crash that is exactly right; while the process lives, the
//! sweeper must tell the two apart. It reads the list of garbage some time before it acts on it, so
//! what was being written at any moment in between is spared until the next sweep.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The names in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writing(Arc<Mutex<Names>>);

#[derive(Debug, Default)]
struct Names {
    active: HashSet<String>,
    /// Everything active at some moment of the sweep under way.
    spared: Option<HashSet<String>>,
}

/// Keeps a name from being swept until dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    name: String,
    writing: Writing,
}

impl Writing {
    /// Reserves a name; to be done before it becomes garbage.
    pub(crate) fn reserve(&self, name: String) -> Reserved {
        let mut names = self.lock();
        names.active.insert(name.clone());
        if let Some(spared) = &mut names.spared {
            spared.insert(name.clone());
        }
        drop(names);
        Reserved { name, writing: self.clone() }
    }

    /// Begins a sweep; to be called before the list of garbage is read. One at a time.
    pub(crate) fn sweep_begins(&self) {
        let mut names = self.lock();
        names.spared = Some(names.active.clone());
    }

    /// Whether the sweep under way must let this name be.
    pub(crate) fn is_spared(&self, name: &str) -> bool {
        self.lock().spared.as_ref().is_none_or(|spared| spared.contains(name))
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.writing.lock().active.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_written_during_a_sweep_is_spared_by_it() {
        let writing = Writing::default();
        assert!(writing.is_spared("any"), "without a sweep nothing may be removed");
        let before = writing.reserve("before".to_owned());
        writing.sweep_begins();
        drop(before);
        drop(writing.reserve("within".to_owned()));
        assert!(writing.is_spared("before") && writing.is_spared("within"));
        assert!(!writing.is_spared("garbage"));
        writing.sweep_begins();
        assert!(!writing.is_spared("before") && !writing.is_spared("within"));
    }
}
