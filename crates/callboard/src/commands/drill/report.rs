//! The report: lines for people as the drill goes on, one JSON object for programs at its end.
//!
//! The object's shape is documented in docs/receivers.md and is stable: members are added, never
//! renamed or removed while `Drill` stays 1.

use serde_json::{Value, json};

use super::super::print;
use super::super::terminal::{plain, say};
use super::case::Case;
use super::judge::{Seen, Verdict};
use super::sender::Sender;
use crate::failure::Failure;
use crate::out;

/// Width of the column of names: the longest, of a type, are longer and push the rest aside.
const NAME_WIDTH: usize = 34;
/// What a drill cannot see, so that nobody takes a good report for more than it is.
const NOT_SEEN: [&str; 2] = [
    "whether a repeated event had no second effect: look for the WebhookId of repeat/duplicate and \
     repeat/replay in your receiver's data",
    "whether your receiver had done, or written down, its work before it answered 2xx",
];
const BODY_NOT_SEEN: &str = "whether a changed body is noticed: Sign does not cover the body; make \
                             a signing secret, check Webhook-Signature, and give --signing-secret";

/// What is told as the drill goes on.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    timeout: String,
    cases: Vec<Value>,
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Report {
    /// An empty report; with `json` standard output is kept for the object.
    pub(super) const fn new(json: bool, timeout: String) -> Self {
        Self { json, timeout, cases: Vec::new(), passed: 0, failed: 0, skipped: 0 }
    }

    /// How many cases failed.
    pub(super) const fn failed(&self) -> u64 {
        self.failed
    }

    /// Takes in what a case came to, and tells it.
    pub(super) fn tell(
        &mut self,
        case: &Case,
        seen: &[Seen],
        verdict: &Verdict,
    ) -> Result<(), Failure> {
        let text = &case.text;
        let (word, reason, hint) = match verdict {
            Verdict::Pass(remark) => ("pass", remark.as_str(), ""),
            Verdict::Fail { reason, hint } => ("fail", reason.as_str(), hint.as_str()),
            Verdict::Skip(reason) => ("skip", reason.as_str(), ""),
        };
        let count = match verdict {
            Verdict::Pass(_) => &mut self.passed,
            Verdict::Fail { .. } => &mut self.failed,
            Verdict::Skip(_) => &mut self.skipped,
        };
        *count += 1;
        let more = if hint.is_empty() { String::new() } else { format!("docs/{}", text.more) };
        let each: Vec<_> = seen.iter().map(|seen| self.object(seen)).collect();
        self.cases.push(json!({
            "Name": text.name,
            "Verdict": word,
            "Sent": text.sent,
            "Expected": case.expected(),
            "Why": text.why,
            "Seen": each,
            "Reason": reason,
            "Hint": hint,
            "More": more,
        }));
        self.lines(case, seen, verdict)
    }

    fn object(&self, seen: &Seen) -> Value {
        json!({
            "WebhookId": seen.id,
            "Status": seen.answer.status(),
            "DurationMs": seen.ms,
            "Error": seen.answer.error(&self.timeout),
            "Excerpt": seen.excerpt,
            "KeptConnection": seen.reused,
        })
    }

    fn lines(&self, case: &Case, seen: &[Seen], verdict: &Verdict) -> Result<(), Failure> {
        let name = &case.text.name;
        match verdict {
            Verdict::Pass(remark) => {
                let remark = if remark.is_empty() { String::new() } else { format!("  {remark}") };
                self.line(&format!("ok    {name:<NAME_WIDTH$}  {}{remark}", summary(seen)))
            }
            Verdict::Skip(reason) => self.line(&format!("skip  {name:<NAME_WIDTH$}  {reason}")),
            Verdict::Fail { reason, hint } => {
                self.line(&format!("FAIL  {name:<NAME_WIDTH$}  {}", summary(seen)))?;
                self.line(&format!("      sent: {}", case.text.sent))?;
                self.line(&format!("      seen: {}", plain(reason)))?;
                if let Some(said) = seen.iter().rev().find(|seen| !seen.excerpt.is_empty()) {
                    let excerpt: String = plain(&said.excerpt).chars().take(200).collect();
                    self.line(&format!("      it said: {excerpt}"))?;
                }
                self.line(&format!("      why: {}", case.text.why))?;
                self.line(&format!("      do: {hint}; see docs/{}", case.text.more))
            }
        }
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        if self.json {
            out::note(text);
            return Ok(());
        }
        say(text)
    }

    /// The end: the sum, what was not seen, and for programs the whole.
    pub(super) fn end(self, sender: &Sender, ms: u64) -> Result<(), Failure> {
        let (passed, failed, skipped) = (self.passed, self.failed, self.skipped);
        self.line("")?;
        self.line(&format!("{passed} right, {failed} wrong, {skipped} skipped"))?;
        let body = sender.keys.secret.is_none().then_some(BODY_NOT_SEEN);
        let not_seen: Vec<_> = NOT_SEEN.into_iter().chain(body).collect();
        for text in &not_seen {
            self.line(&format!("Not seen: {text}."))?;
        }
        if !self.json {
            return Ok(());
        }
        print(&json!({
            "Drill": 1,
            "Url": sender.url.as_str(),
            "Verdict": if failed == 0 { "pass" } else { "fail" },
            "Signed": {
                "Sign": sender.keys.sign_key.is_some(),
                "WebhookSignature": sender.keys.secret.is_some(),
            },
            "TimeoutMs": u64::try_from(sender.timeout.as_millis()).unwrap_or(u64::MAX),
            "DurationMs": ms,
            "Passed": passed,
            "Failed": failed,
            "Skipped": skipped,
            "NotSeen": not_seen,
            "Cases": self.cases,
        }))
    }
}

/// The answers of a case on one line: the statuses, each once, and the slowest.
fn summary(seen: &[Seen]) -> String {
    let mut statuses: Vec<String> = Vec::new();
    for seen in seen {
        let status =
            seen.answer.status().map_or_else(|| "---".to_owned(), |status| status.to_string());
        if statuses.last() != Some(&status) {
            statuses.push(status);
        }
    }
    let slowest = seen.iter().map(|seen| seen.ms).max().unwrap_or(0);
    format!("{} {slowest:>5} ms", statuses.join(" "))
}
