//! Events whose content is right and not what the receiver has seen so far.

use model::EventKind;
use serde_json::{Map, Value, json};

use super::super::callback::{Callback, Content, Layout, event};
use super::super::case::{Case, Needs, Step, Text};
use super::changed;

const MORE: &str = "receivers.md#types-and-members";
/// A text whose characters take one to four bytes, some of them turning the direction of writing.
const WORDS: &str = "视频 「港の夜明け」 – naïve ✓ 🎬👩\u{200d}🚀 مرحبا \u{202e}";
/// The results of a large event: with the rest still below the 256 KiB that can be published.
const LARGE_BYTES: usize = 250 * 1024;

pub(super) fn cases(kind: EventKind) -> Vec<Case> {
    let mut cases = members(kind);
    cases.extend(nulls(kind));
    cases.extend(writing(kind));
    cases
}

fn members(kind: EventKind) -> Vec<Case> {
    let mut known = changed(kind, |_| {});
    if let Content::Event(event) = &mut known.content {
        add_unknown(event, 0);
    }
    let unknown = json!({
        "EventType": "DrillHappened",
        "DrillHappenedEvent": { "TaskId": "1250000000-Drill-1", "Status": "FINISH" },
    });
    let unknown = unknown.as_object().cloned().unwrap_or_default();
    vec![
        Case::new(
            Text {
                name: "content/unknown-members".into(),
                sent: "members that the specification does not have, at every level".into(),
                why: "the API grows: members are added without notice",
                hint: "pass over members that you do not know",
                more: MORE,
            },
            vec![Step::accepted(known)],
        ),
        Case::new(
            Text {
                name: "content/unknown-type".into(),
                sent: "an EventType that the specification does not have".into(),
                why: "the API grows: a new type that is not answered with 2xx is sent again for 48 \
                      hours and then given up",
                hint: "answer 2xx to types that you do not know, and do nothing",
                more: MORE,
            },
            vec![Step::accepted(Callback::event(unknown))],
        ),
    ]
}

fn nulls(kind: EventKind) -> Vec<Case> {
    let case = |name: &'static str, sent: &'static str, why, event| {
        let hint = "look whether a member is there and not null before going into it";
        let text = Text { name: name.into(), sent: sent.into(), why, hint, more: MORE };
        Case::new(text, vec![Step::accepted(Callback::event(event))])
    };
    let sample = event(kind, wire::event::sample(kind));
    let mut unused = Map::new();
    for member in EventKind::ALL.iter().map(|&other| wire::event::member(other)) {
        unused.insert(member.to_owned(), Value::Null);
    }
    unused.extend(sample.clone());
    let keys = ["FileId", "FileIdSet", "TaskId", "Status"];
    let mut least = wire::event::sample(kind).clone();
    if let Some(members) = least.as_object_mut() {
        members.retain(|name, _| keys.contains(&name.as_str()));
    }
    vec![
        case(
            "content/unused-null",
            "the members of all other types as null",
            "the cloud very likely writes them, and so does push.unused_members = \"null\"",
            unused,
        ),
        case(
            "content/nulls",
            "everything null that may be null, but ids and states",
            "the specification lets these members be null, as when a file cannot be probed",
            event(kind, &least),
        ),
        case(
            "content/nulls-omitted",
            "every member that is null left out",
            "the samples of the cloud's documentation leave them out",
            without_nulls(sample),
        ),
    ]
}

fn writing(kind: EventKind) -> Vec<Case> {
    let case = |name: &'static str, sent: &'static str, why, hint, callback| {
        let text = Text { name: name.into(), sent: sent.into(), why, hint, more: MORE };
        Case::new(text, vec![Step::accepted(callback)])
    };
    let of = |kind, case| Case { needs: Needs { kinds: vec![kind], ..Needs::default() }, ..case };
    let foreign = || changed(EventKind::NewFileUpload, |members| rename(members, WORDS));
    let names = "names of files and people are in every script";
    let bytes = "take the body as bytes, and its length in bytes; JSON is UTF-8";
    let escaped = Callback { layout: Layout::Escaped, ..foreign() };
    let spread = Callback { layout: Layout::Spread, ..Callback::sample(kind) };
    let library = "let a JSON library read the body";
    vec![
        of(
            EventKind::NewFileUpload,
            case(
                "content/non-ascii",
                "names in several scripts, as UTF-8",
                names,
                bytes,
                foreign(),
            ),
        ),
        of(
            EventKind::NewFileUpload,
            case(
                "content/escaped",
                "the same names as \\u escapes",
                "JSON may be written either way",
                library,
                escaped,
            ),
        ),
        case(
            "content/layout",
            "the members in another order, on many lines",
            "neither order nor white space means anything in JSON",
            library,
            spread,
        ),
        of(
            EventKind::ProcedureStateChanged,
            case(
                "content/large",
                "a ProcedureStateChanged with results of 250 KiB",
                "an event may be that large when it has many results",
                "accept bodies of 512 KiB; the limit of body parsers is often 100 KiB (Express: \
                 express.raw({ limit: \"512kb\" }))",
                large(),
            ),
        ),
    ]
}

/// The sample with so many results that it just stays below the size that can be published.
fn large() -> Callback {
    changed(EventKind::ProcedureStateChanged, |members| {
        let results = members.get_mut("MediaProcessResultSet").and_then(Value::as_array_mut);
        let Some(results) = results else { return };
        let Some(one) = results.first().cloned() else { return };
        // rendering adds members that are null, so the size is tried and not computed
        let size = |count: usize| {
            let payload = json!({ "MediaProcessResultSet": vec![one.clone(); count] });
            let rendered = wire::event::render(EventKind::ProcedureStateChanged, Some(&payload));
            rendered.map(|bytes| bytes.len()).unwrap_or_default()
        };
        let (none, each) = (size(0), size(1).saturating_sub(size(0)));
        let room = LARGE_BYTES.saturating_sub(none);
        results.extend(vec![one; room / each.max(1)]);
    })
}

/// Adds a member to every object.
fn add_unknown(members: &mut Map<String, Value>, depth: u64) {
    for value in members.values_mut() {
        match value {
            Value::Object(inner) => add_unknown(inner, depth + 1),
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(|inner| {
                    add_unknown(inner, depth + 1);
                });
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let unknown = [json!("text"), json!({ "Inner": [1, null] }), json!(depth)];
    for (name, value) in ["DrillText", "DrillObject", "DrillDepth"].into_iter().zip(unknown) {
        members.insert(name.to_owned(), value);
    }
}

fn without_nulls(members: Map<String, Value>) -> Map<String, Value> {
    let kept = members.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(name, value)| (name, deep_without_nulls(value))).collect()
}

fn deep_without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(without_nulls(members)),
        Value::Array(items) => items.into_iter().map(deep_without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Puts that text wherever the sample has a name or a path that people chose.
fn rename(members: &mut Map<String, Value>, words: &str) {
    for (name, value) in members {
        if let Value::Object(inner) = value {
            rename(inner, words);
        } else if value.is_string() && ["Name", "FileName", "Description"].contains(&name.as_str())
        {
            *value = json!(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::limits::PAYLOAD_BYTES_MAX;

    use super::*;

    #[test]
    fn a_large_event_is_large_and_can_be_published() {
        let Content::Event(event) = large().content else { panic!("it is an event") };
        let bytes = event["ProcedureStateChangeEvent"].to_string().len();
        assert!((240 * 1024..=PAYLOAD_BYTES_MAX).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn nulls_are_there_and_are_not() {
        let cases = nulls(EventKind::NewFileUpload);
        let texts = cases.iter().map(|case| match &case.steps[0].callback.content {
            Content::Event(event) => Value::Object(event.clone()),
            Content::Bytes(_) => panic!("it is an event"),
        });
        let [unused, all, omitted] = texts.collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(unused.as_object().unwrap().len(), EventKind::ALL.len() + 1);
        assert!(unused["FileUploadEvent"].is_object() && unused["FileDeleteEvent"].is_null());
        assert!(all["FileUploadEvent"]["MetaData"].is_null());
        assert!(all["FileUploadEvent"]["FileId"].is_string());
        assert!(!omitted.to_string().contains("null"), "{omitted}");
    }
}
