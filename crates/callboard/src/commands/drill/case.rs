//! What a case is: callbacks in an order, and what each must come to.

use std::borrow::Cow;

use model::EventKind;

use super::callback::Callback;

/// What a case says of itself.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// `group/name`; stable, because reports and `--only` go by it.
    pub(super) name: Cow<'static, str>,
    /// What is sent.
    pub(super) sent: Cow<'static, str>,
    /// Why the receiver must come to what is expected.
    pub(super) why: &'static str,
    /// What to do about a failure.
    pub(super) hint: &'static str,
    /// The place in docs/ that says more.
    pub(super) more: &'static str,
}

/// A case of the drill.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) text: Text,
    /// What it cannot be tried without.
    pub(super) needs: Needs,
    /// What is sent.
    pub(super) steps: Vec<Step>,
    /// Whether all of it is sent at the same time.
    pub(super) at_once: bool,
}

/// What a case cannot be tried without.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    pub(super) sign_key: bool,
    pub(super) secret: bool,
    /// Types that the receiver must have accepted.
    pub(super) kinds: Vec<EventKind>,
}

/// A callback, the way it is sent, and what must come of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) callback: Callback,
    pub(super) how: How,
    pub(super) expect: Expect,
}

/// The way a callback is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// As PUSH does.
    AtOnce,
    /// In 8 pieces within a second; `chunked` leaves the length unsaid.
    InPieces { chunked: bool },
    /// Half of the body, then the connection is closed.
    CutOff,
}

/// What must come of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// 2xx.
    Accepted,
    /// 2xx, or 411: the receiver wants to know the length first.
    AcceptedOrLengthRequired,
    /// An answer that is not 2xx.
    Refused,
    /// 4xx: whoever sent it was wrong.
    ClientError,
    /// Anything but 2xx, no answer included.
    NotAccepted,
    /// Nothing: nobody waits for an answer.
    Nothing,
}

impl Expect {
    /// In words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Accepted => "2xx",
            Self::AcceptedOrLengthRequired => "2xx, or 411",
            Self::Refused => "an answer other than 2xx, such as 401",
            Self::ClientError => "4xx",
            Self::NotAccepted => "anything but 2xx",
            Self::Nothing => "no answer",
        }
    }
}

impl Step {
    /// A callback that must be accepted.
    pub(super) const fn accepted(callback: Callback) -> Self {
        Self { callback, how: How::AtOnce, expect: Expect::Accepted }
    }

    /// A callback that must be refused.
    pub(super) const fn refused(callback: Callback) -> Self {
        Self { callback, how: How::AtOnce, expect: Expect::Refused }
    }
}

impl Case {
    /// A case that needs nothing.
    pub(super) fn new(text: Text, steps: Vec<Step>) -> Self {
        Self { text, needs: Needs::default(), steps, at_once: false }
    }

    /// What is expected of all its steps, in words.
    pub(super) fn expected(&self) -> String {
        let mut words: Vec<&str> = Vec::new();
        for step in &self.steps {
            if words.last() != Some(&step.expect.words()) {
                words.push(step.expect.words());
            }
        }
        match words.as_slice() {
            [one] if self.steps.len() > 1 => format!("{one}, each"),
            several => several.join(", then "),
        }
    }

    /// Whether `wanted` names this case or its group.
    pub(super) fn is(&self, wanted: &str) -> bool {
        let rest = self.text.name.strip_prefix(wanted);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
