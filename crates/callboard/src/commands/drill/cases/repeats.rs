//! Events that come again, and events that come in another order.

use model::EventKind;
use serde_json::json;

use super::super::callback::Callback;
use super::super::case::{Case, Needs, Step, Text};
use super::changed;

const FILE: &str = "5285890784273599901";
const TASK: &str = "1250000000-Procedure-0d1e11d0d1e11d0d1e11d0d1e11d0d1et0";
const ORDER: &str = "an event that is retried arrives after younger ones";
const ORDER_HINT: &str = "answer 2xx whatever came before: make the record that is missing, or note \
                          that it is gone, or look the file up";
const MORE: &str = "receivers.md#repeats-and-order";

pub(super) fn cases(kind: EventKind) -> Vec<Case> {
    let mut cases = again(kind);
    cases.extend(orders());
    cases
}

fn again(kind: EventKind) -> Vec<Case> {
    let first = || Callback::sample(kind);
    let case = |name: &'static str, sent: &'static str, why, second| {
        let hint = "answer 2xx to an event that you have already handled, and do nothing else: it \
                    is told by its Webhook-Id";
        let text = Text { name: name.into(), sent: sent.into(), why, hint, more: MORE };
        Case::new(text, vec![Step::accepted(first()), Step::accepted(second)])
    };
    vec![
        case(
            "repeat/duplicate",
            "the same event twice, the second time as attempt 2",
            "delivery is at least once: an answer can be lost on its way back",
            Callback { attempt: 2, ..first() },
        ),
        case(
            "repeat/replay",
            "the same event twice, the second time as a replay",
            "events are replayed after a repair, under the same Webhook-Id",
            Callback { replay: 1, ..first() },
        ),
    ]
}

fn orders() -> Vec<Case> {
    let upload = || {
        changed(EventKind::NewFileUpload, |members| {
            members.insert("FileId".to_owned(), json!(FILE));
        })
    };
    let deletion = || {
        changed(EventKind::FileDeleted, |members| {
            members.insert("FileIdSet".to_owned(), json!([FILE]));
            members.insert("FileDeleteResultInfo".to_owned(), json!([]));
        })
    };
    let task = |status: &'static str| {
        changed(EventKind::ProcedureStateChanged, |members| {
            members.insert("TaskId".to_owned(), json!(TASK));
            members.insert("FileId".to_owned(), json!(FILE));
            members.insert("Status".to_owned(), json!(status));
        })
    };
    let case = |name: &'static str,
                sent: &'static str,
                kinds: Vec<EventKind>,
                events: [Callback; 2]| {
        let text =
            Text { name: name.into(), sent: sent.into(), why: ORDER, hint: ORDER_HINT, more: MORE };
        let steps = (0..)
            .zip(events)
            .map(|(event, callback)| Step::accepted(Callback { event, ..callback }));
        Case { needs: Needs { kinds, ..Needs::default() }, ..Case::new(text, steps.collect()) }
    };
    vec![
        case(
            "order/deleted-first",
            "FileDeleted of a file, then its NewFileUpload",
            vec![EventKind::FileDeleted, EventKind::NewFileUpload],
            [deletion(), upload()],
        ),
        case(
            "order/procedure-first",
            "ProcedureStateChanged of a file, then its NewFileUpload",
            vec![EventKind::ProcedureStateChanged, EventKind::NewFileUpload],
            [task("FINISH"), upload()],
        ),
        case(
            "order/states-reversed",
            "ProcedureStateChanged with FINISH, then the same task with PROCESSING",
            vec![EventKind::ProcedureStateChanged],
            [task("FINISH"), task("PROCESSING")],
        ),
    ]
}
