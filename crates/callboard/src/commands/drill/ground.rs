//! What everything else stands on: a right callback is answered, here and in time, with 2xx.
//!
//! A receiver that fails here is told so once; dozens of cases that fail for the same reason would
//! say nothing more, and refusals would prove nothing.

use model::EventKind;

use super::callback::{Callback, Keys};
use super::case::{Case, Step, Text};
use super::judge::{Answer, REDIRECT_HINT, SLOW_HINT, Seen, Verdict, judge};

const IN_TIME: &str = "ground/in-time";
const NO_REDIRECT: &str = "ground/no-redirect";
const ACCEPTED: &str = "ground/accepted";

/// The names of the cases of the ground.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [IN_TIME, NO_REDIRECT, ACCEPTED].into_iter()
}

/// The cases of the ground, made with that kind.
pub(super) fn cases(kind: EventKind) -> [Case; 3] {
    let sent = format!("a realistic {}, right in every way", kind.name());
    let text = |name: &'static str, why, hint| Text {
        name: name.into(),
        sent: sent.clone().into(),
        why,
        hint,
        more: "receivers.md#answers",
    };
    let failed = "PUSH waits 5 seconds and then counts a failed attempt";
    let here = "a redirect is an answer that is not 2xx; it could lead anywhere";
    let genuine = "what is not answered with 2xx is sent again for 48 hours and then given up";
    let key = "look into the receiver's log";
    [
        text(IN_TIME, failed, SLOW_HINT),
        text(NO_REDIRECT, here, REDIRECT_HINT),
        text(ACCEPTED, genuine, key),
    ]
    .map(|text| Case::new(text, vec![Step::accepted(Callback::sample(kind))]))
}

/// Whether another kind may be accepted where this one was not.
pub(super) fn is_about_the_kind(answer: &Answer) -> bool {
    matches!(answer, Answer::Status(400.. | ..200))
}

/// The verdicts on [`cases`], in their order.
pub(super) fn verdicts(cases: &[Case; 3], seen: &Seen, keys: &Keys, timeout: &str) -> [Verdict; 3] {
    let pass = || Verdict::Pass(String::new());
    let skip = |name: &str| Verdict::Skip(format!("see {name}"));
    let [in_time, no_redirect, accepted] = cases;
    match &seen.answer {
        Answer::TimedOut => {
            [judge(in_time, std::slice::from_ref(seen), timeout), skip(IN_TIME), skip(IN_TIME)]
        }
        Answer::Status(300..400) => {
            [pass(), judge(no_redirect, std::slice::from_ref(seen), timeout), skip(NO_REDIRECT)]
        }
        answer @ (Answer::Status(_) | Answer::Ended(_) | Answer::Unreached(_) | Answer::CutOff) => {
            let mut verdict = judge(accepted, std::slice::from_ref(seen), timeout);
            if let (Verdict::Fail { hint, .. }, Answer::Status(400..500)) = (&mut verdict, answer) {
                key_hint(keys).clone_into(hint);
            }
            [pass(), pass(), verdict]
        }
    }
}

/// What a refusal of a right callback most likely comes from.
const fn key_hint(keys: &Keys) -> &'static str {
    match (&keys.sign_key, &keys.secret) {
        (None, None) => {
            "is it the right address? If your receiver checks signatures, give the drill its keys: \
             --sign-key, --signing-secret"
        }
        (Some(_), None) => {
            "is --sign-key the key that your receiver has, and its clock right? If it checks \
             Webhook-Signature, give --signing-secret, too"
        }
        (None, Some(_)) => {
            "is --signing-secret the secret that your receiver has, and its clock right? If it \
             checks Sign, give --sign-key, too"
        }
        (Some(_), Some(_)) => {
            "are these the key and the secret that your receiver has, and is its clock right?"
        }
    }
}
