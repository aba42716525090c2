//! A realistic event of every type.

use model::EventKind;

use super::super::callback::Callback;
use super::super::case::{Case, Step, Text};

pub(super) fn cases() -> Vec<Case> {
    EventKind::ALL.iter().map(|&kind| case(kind)).collect()
}

fn case(kind: EventKind) -> Case {
    let text = Text {
        name: name(kind).into(),
        sent: format!("a realistic {} with {}", kind.name(), wire::event::member(kind)).into(),
        why: "what is not answered with 2xx is sent again for 48 hours and then given up",
        hint: "answer 2xx to every type, also to those that you do nothing with",
        more: "receivers.md#types-and-members",
    };
    Case::new(text, vec![Step::accepted(Callback::sample(kind))])
}

/// The name of the case of that type.
pub(in super::super) fn name(kind: EventKind) -> String {
    format!("type/{}", kind.name())
}
