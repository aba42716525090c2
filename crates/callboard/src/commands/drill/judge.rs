//! What was seen against what was expected. Pure.

use super::case::{Case, Expect};

/// What came of one callback.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Its Webhook-Id.
    pub(super) id: String,
    /// The answer.
    pub(super) answer: Answer,
    /// How long it took.
    pub(super) ms: u64,
    /// The beginning of the answer's body.
    pub(super) excerpt: String,
    /// Whether it went over a connection that an earlier one had left open.
    pub(super) reused: bool,
}

/// An answer, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// An answer with that status.
    Status(u16),
    /// The deadline passed.
    TimedOut,
    /// The connection ended, or what came was no HTTP.
    Ended(String),
    /// No connection.
    Unreached(String),
    /// The drill itself closed the connection.
    CutOff,
}

impl Answer {
    /// The status; none: there is no answer.
    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(*status),
            Self::TimedOut | Self::Ended(_) | Self::Unreached(_) | Self::CutOff => None,
        }
    }

    /// Why there is no answer; empty: there is one, or none was waited for.
    pub(super) fn error(&self, timeout: &str) -> String {
        match self {
            Self::Status(_) => String::new(),
            Self::TimedOut => format!("no answer within {timeout}"),
            Self::Ended(error) | Self::Unreached(error) => error.clone(),
            Self::CutOff => "cut off, as meant".to_owned(),
        }
    }

    /// Whether the receiver may be gone.
    pub(super) const fn is_silence(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Ended(_) | Self::Unreached(_))
    }

    fn words(&self, timeout: &str) -> String {
        match self {
            Self::Status(status) => format!("answered {status}"),
            Self::TimedOut | Self::CutOff => self.error(timeout),
            Self::Ended(error) => format!("ended the connection without an answer ({error})"),
            Self::Unreached(error) => format!("could not be reached: {error}"),
        }
    }
}

/// What a case came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The receiver handled it; the text is a remark, mostly empty.
    Pass(String),
    /// It got it wrong.
    Fail {
        /// What it did.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// It was not tried, and why.
    Skip(String),
}

/// The hints for what can go wrong with any callback.
pub(super) const SLOW_HINT: &str = "answer first and do long work afterwards: PUSH waits 5 seconds, \
                                    the work included, and then counts a failed attempt";
pub(super) const REDIRECT_HINT: &str = "answer at the address itself, or configure the address \
                                        that the redirect leads to: redirects are not followed";
pub(super) const CRASH_HINT: &str = "the handler most likely crashed: look into its log, where \
                                     X-Callboard-Drill names this case, and catch the error";

/// The verdict on a case.
pub(super) fn judge(case: &Case, seen: &[Seen], timeout: &str) -> Verdict {
    let total = case.steps.len();
    let mut failure = None;
    let mut remarks: Vec<String> = Vec::new();
    for (number, (step, seen)) in (1_usize..).zip(case.steps.iter().zip(seen)) {
        if !meets(step.expect, &seen.answer) {
            failure.get_or_insert((number, step.expect, &seen.answer));
        } else if let Some(remark) = remark(step.expect, &seen.answer) {
            remarks.push(remark);
        }
    }
    let Some((number, expect, answer)) = failure else {
        remarks.dedup();
        return Verdict::Pass(remarks.join("; "));
    };
    let which = if total > 1 { format!("callback {number} of {total}: ") } else { String::new() };
    let (words, expected) = (answer.words(timeout), expect.words());
    let reason = format!("{which}your receiver {words}; {expected} was expected");
    let hint = general_hint(expect, answer).unwrap_or(case.text.hint);
    Verdict::Fail { reason, hint: hint.to_owned() }
}

fn meets(expect: Expect, answer: &Answer) -> bool {
    let status = answer.status().unwrap_or(0);
    let accepted = (200..300).contains(&status);
    match expect {
        Expect::Accepted => accepted,
        Expect::AcceptedOrLengthRequired => accepted || status == 411,
        Expect::Refused => status != 0 && !accepted,
        Expect::ClientError => (400..500).contains(&status),
        Expect::NotAccepted => !accepted && !matches!(answer, Answer::Unreached(_)),
        Expect::Nothing => true,
    }
}

/// What is worth saying about an answer that will do.
fn remark(expect: Expect, answer: &Answer) -> Option<String> {
    match (expect, answer.status()?) {
        (Expect::AcceptedOrLengthRequired, 411) => {
            Some("it wants Content-Length, which Callboard always sends".to_owned())
        }
        (Expect::Refused, status @ (300..400 | 500..)) => {
            Some(format!("refused with {status}; 401 would say that the sender is wrong"))
        }
        _ => None,
    }
}

/// The hint for what has nothing to do with the case.
fn general_hint(expect: Expect, answer: &Answer) -> Option<&'static str> {
    match answer {
        Answer::TimedOut => Some(SLOW_HINT),
        Answer::Ended(_) | Answer::Unreached(_) => Some(CRASH_HINT),
        Answer::Status(300..400) => Some(REDIRECT_HINT),
        Answer::Status(500..) if expect != Expect::Refused => Some(CRASH_HINT),
        Answer::Status(_) | Answer::CutOff => None,
    }
}
