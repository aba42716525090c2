//! `callboard publish`: states events from a file or standard input, or a sample.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use model::EventKind;
use serde_json::{Map, Value, json};

use super::{find, print, terminal};
use crate::args::Publish;
use crate::config::Environment;
use crate::failure::{Exit, Failure};

/// Runs the command.
pub async fn run(args: &Publish, environment: &Environment) -> Result<(), Failure> {
    let key = args.key.as_deref();
    if let Some(sample) = args.sample.as_deref().filter(|_| args.print) {
        let event = self::sample(sample, key)?;
        return terminal::say(&format!("{event:#}"));
    }
    let client = find::client(&args.target.server, environment)?;
    let events = match args.sample.as_deref() {
        Some(sample) => vec![self::sample(sample, key)?],
        None => events(&read(args.file.as_deref())?, args.kind.as_deref(), key)?,
    };
    let params = super::with_app(json!({ "Events": events }), args.target.app);
    let answer = client.call("PublishEvents", params).await?;
    for event in super::items(&answer, "EventSet") {
        print(event)?;
    }
    Ok(())
}

fn read(file: Option<&Path>) -> Result<String, Failure> {
    if let Some(path) = file {
        return fs::read_to_string(path).map_err(|error| Failure::io(path.display(), &error));
    }
    let mut text = String::new();
    match io::stdin().read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::io("standard input", &error)),
    }
}

/// What PublishEvents takes, from what people write.
fn events(text: &str, kind: Option<&str>, key: Option<&str>) -> Result<Vec<Value>, Failure> {
    let bad = |reason: String| Failure::new(Exit::Data, reason);
    let known = kind.map(known).transpose()?;
    let value: Value = serde_json::from_str(text)
        .map_err(|error| bad(format!("the input is no JSON: {error}")))?;
    match (known, value) {
        (None, Value::Array(events)) => Ok(events),
        (None, event @ Value::Object(_)) => Ok(vec![event]),
        (None, _) => Err(bad("the input is neither an event nor a list of events".to_owned())),
        (Some(kind), member @ Value::Object(_)) => Ok(vec![event(kind, key, member)]),
        (Some(kind), _) => Err(bad(format!(
            "the input is no object; with --type {} it is the object of its {}",
            kind.name(),
            wire::event::member(kind)
        ))),
    }
}

/// A realistic event of that type.
fn sample(kind: &str, key: Option<&str>) -> Result<Value, Failure> {
    let kind = known(kind)?;
    Ok(event(kind, key, wire::event::sample(kind).clone()))
}

/// A member in its event.
fn event(kind: EventKind, key: Option<&str>, member: Value) -> Value {
    let mut event = Map::new();
    event.insert("EventType".to_owned(), json!(kind.name()));
    if let Some(key) = key {
        event.insert("EventKey".to_owned(), json!(key));
    }
    event.insert(wire::event::member(kind).to_owned(), member);
    Value::Object(event)
}

fn known(kind: &str) -> Result<EventKind, Failure> {
    EventKind::from_name(kind).ok_or_else(|| Failure::new(Exit::Usage, unknown_type(kind)))
}

fn unknown_type(kind: &str) -> String {
    let names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
    format!("there is no event type `{kind}`; there are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_a_member_in_its_event() {
        let got = events("{\"FileIdSet\": []}", Some("FileDeleted"), Some("k")).unwrap();
        let want = json!([{"EventType": "FileDeleted", "EventKey": "k",
            "FileDeleteEvent": {"FileIdSet": []}}]);
        assert_eq!(json!(got), want);
    }

    #[test]
    fn takes_one_event_or_a_list() {
        assert_eq!(events("{}", None, None).unwrap().len(), 1);
        assert_eq!(events("[{}, {}]", None, None).unwrap().len(), 2);
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, kind, exit) in [
            ("{", None, Exit::Data),
            ("3", None, Exit::Data),
            ("[]", Some("FileDeleted"), Exit::Data),
            ("{}", Some("FileGone"), Exit::Usage),
        ] {
            assert_eq!(events(text, kind, None).unwrap_err().exit, exit, "{text}");
        }
    }
}
