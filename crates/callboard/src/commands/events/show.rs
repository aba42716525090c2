//! `callboard events show`: one event with its payload and every attempt to deliver it.

use model::EventKind;
use serde_json::{Value, json};

use super::super::terminal::{plain, say, table, word};
use super::super::{find, items, print, with_app};
use crate::args::ShowEvent;
use crate::config::Environment;
use crate::failure::Failure;

/// Lines of an answer's body that are shown; `--json` has all that was kept.
const BODY_LINES: usize = 5;
/// Characters of such a line.
const BODY_LINE_CHARS: usize = 160;

/// Runs the command.
pub(super) async fn run(args: &ShowEvent, environment: &Environment) -> Result<(), Failure> {
    let client = find::client(&args.target.server, environment)?;
    // of an EventHandle, the first part is the event
    let id = args.id.split_once('.').map_or(args.id.as_str(), |(id, _lease)| id);
    let params = with_app(json!({ "EventId": id }), args.target.app);
    let answer = client.call("DescribeEventDetail", params).await?;
    let event = answer.get("Event").unwrap_or(&Value::Null);
    if args.json {
        return print(event);
    }
    lines(event).iter().try_for_each(|line| say(line))
}

fn lines(event: &Value) -> Vec<String> {
    let reason = word(event, "Reason");
    let state = word(event, "State");
    let state = if reason.is_empty() { state } else { format!("{state} ({reason})") };
    let payload = event.get("Payload").unwrap_or(&Value::Null);
    let mut lines = vec![
        format!("Event     {}", word(event, "EventId")),
        format!("Type      {}", word(event, "EventType")),
        format!("State     {state}"),
        format!("Created   {}", word(event, "CreateTime")),
        format!("Files     {}", files(event, payload)),
        format!("Attempts  {}", word(event, "AttemptCount")),
    ];
    let replays = event.get("ReplayCount").and_then(Value::as_u64).unwrap_or_default();
    if replays > 0 {
        // the table below has the attempts of all lives
        lines.push(format!("Replays   {replays}"));
    }
    lines.push(String::new());
    let attempts = items(event, "AttemptSet");
    if !attempts.is_empty() {
        lines.extend(attempt_lines(attempts));
        lines.push(String::new());
    }
    let kind = event.get("EventType").and_then(Value::as_str).and_then(EventKind::from_name);
    lines.push(kind.map_or("Payload", wire::event::member).to_owned());
    // a Value always serialises
    let pretty = serde_json::to_string_pretty(payload).unwrap_or_default();
    lines.extend(pretty.lines().map(plain));
    lines
}

/// Every file that the payload names; the one of the list if it names none.
fn files(event: &Value, payload: &Value) -> String {
    let named = payload.as_object().map(wire::event::files).unwrap_or_default();
    if named.is_empty() {
        return word(event, "FileId");
    }
    named.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The table of attempts; below a failed one, the beginning of what was answered.
fn attempt_lines(attempts: &[Value]) -> Vec<String> {
    let rows: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            let status = Some(word(attempt, "Status")).filter(|status| status != "0");
            [
                word(attempt, "Time"),
                status.unwrap_or_else(|| "-".to_owned()),
                word(attempt, "DurationMs") + " ms",
                word(attempt, "Url"),
                word(attempt, "Error"),
            ]
        })
        .collect();
    let mut table = table(["ATTEMPTED", "STATUS", "TOOK", "URL", "ERROR"], &rows).into_iter();
    let mut lines: Vec<String> = table.next().into_iter().collect();
    for (line, attempt) in table.zip(attempts) {
        lines.push(line);
        if !word(attempt, "Error").is_empty() {
            lines.extend(answer_lines(attempt));
        }
    }
    lines
}

fn answer_lines(attempt: &Value) -> Vec<String> {
    let body = attempt.get("ResponseBody").and_then(Value::as_str).unwrap_or_default();
    let mut lines: Vec<String> = body
        .lines()
        .take(BODY_LINES)
        .map(|line| {
            let cut = if line.chars().nth(BODY_LINE_CHARS).is_some() { "…" } else { "" };
            let kept: String = line.chars().take(BODY_LINE_CHARS).collect();
            format!("    | {}{cut}", plain(&kept))
        })
        .collect();
    if body.lines().nth(BODY_LINES).is_some() {
        lines.push("    | … (--json shows the rest)".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_about_an_event_can_be_read() {
        let event = json!({
            "EventId": "9f2c61aa-42", "EventType": "FileDeleted", "State": "DEAD",
            "Reason": "AttemptsExhausted", "CreateTime": "2026-01-31T08:00:00Z", "AttemptCount": 2,
            "FileId": "1",
            "Payload": {"FileIdSet": ["1", "2"]},
            "AttemptSet": [
                {"Time": "2026-01-31T08:00:00Z", "Url": "http://a/b", "Status": 0, "DurationMs": 3,
                 "ResponseBody": "", "Error": "no connection"},
                {"Time": "2026-01-31T08:00:01Z", "Url": "http://a/b", "Status": 500,
                 "DurationMs": 12, "ResponseBody": "1\n\u{1b}[2J\n3\n4\n5\n6\n",
                 "Error": "the receiver answered 500"},
            ],
        });
        let want = "\
Event     9f2c61aa-42
Type      FileDeleted
State     DEAD (AttemptsExhausted)
Created   2026-01-31T08:00:00Z
Files     1 2
Attempts  2

ATTEMPTED             STATUS  TOOK   URL         ERROR
2026-01-31T08:00:00Z  -       3 ms   http://a/b  no connection
2026-01-31T08:00:01Z  500     12 ms  http://a/b  the receiver answered 500
    | 1
    | \\u{1b}[2J
    | 3
    | 4
    | 5
    | … (--json shows the rest)

FileDeleteEvent
{
  \"FileIdSet\": [
    \"1\",
    \"2\"
  ]
}";
        assert_eq!(lines(&event).join("\n"), want);
    }
}
