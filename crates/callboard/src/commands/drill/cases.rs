//! The list of cases, in the order in which they are tried.
//!
//! All but the types and the orders are made with one kind that the receiver is known to accept, so
//! that a receiver which wants nothing but that kind fails where its fault is and nowhere else.

mod broken;
mod content;
mod repeats;
mod sending;
mod signatures;
mod types;

use model::EventKind;
use serde_json::{Map, Value};

use super::callback::{Callback, event};
use super::case::Case;

/// The kinds that the ground is sought with, the most common first.
pub(super) const COMMON: [EventKind; 3] =
    [EventKind::NewFileUpload, EventKind::ProcedureStateChanged, EventKind::FileDeleted];

/// Every case, made with that kind.
pub(super) fn all(kind: EventKind) -> Vec<Case> {
    let mut cases = types::cases();
    cases.extend(signatures::cases(kind));
    cases.extend(repeats::cases(kind));
    cases.extend(content::cases(kind));
    cases.extend(sending::cases(kind));
    cases.extend(broken::cases(kind));
    cases
}

/// The name of the case of a type.
pub(super) fn type_name(kind: EventKind) -> String {
    types::name(kind)
}

/// The type whose case has that name.
pub(super) fn type_of(name: &str) -> Option<EventKind> {
    EventKind::from_name(name.strip_prefix("type/")?)
}

/// The sample of that kind with other values in its member.
fn changed(kind: EventKind, change: impl FnOnce(&mut Map<String, Value>)) -> Callback {
    let mut payload = wire::event::sample(kind).clone();
    if let Some(members) = payload.as_object_mut() {
        change(members);
    }
    Callback::event(event(kind, &payload))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::ground;
    use super::*;

    #[test]
    fn names_are_unique_and_each_case_tells_itself() {
        let mut names = HashSet::new();
        for kind in COMMON {
            names.clear();
            for case in all(kind) {
                let text = &case.text;
                assert!(names.insert(text.name.clone()), "{} stands twice", text.name);
                assert_eq!(text.name.split('/').count(), 2, "{}", text.name);
                for words in [text.sent.as_ref(), text.why, text.hint] {
                    assert!(!words.is_empty() && !words.ends_with('.'), "{}: {words}", text.name);
                }
                assert!(!case.steps.is_empty());
            }
        }
        assert!(ground::names().all(|name| !names.contains(name)));
        assert!(names.len() > 37 + 30, "{}", names.len());
    }
}
