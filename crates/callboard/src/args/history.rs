//! The commands that look at events, follow them or carry them on: `events`, `listen`, `tail`.

use clap::{Args, Subcommand};
use sign::webhook::SigningSecret;
use wire::EventState;

use super::Target;

const EVENTS_HELP: &str = "\
Examples:
  callboard events list                                  the latest 20
  callboard events list --state DEAD --since 2h
  callboard events list --type NewFileUpload --type FileDeleted --json | jq .EventId
  callboard events list --file 5285890784273533167       what became of one file
  callboard events show 9f2c61aa-42                      payload and every attempt";

/// `callboard events`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EVENTS_HELP)]
pub struct Events {
    /// What to do.
    #[command(subcommand)]
    pub command: EventsCommand,
}

/// How events can be looked at.
#[derive(Clone, Debug, Subcommand)]
pub enum EventsCommand {
    /// List events, the newest first
    List(ListEvents),
    /// Show one event: where it stands, every attempt to deliver it, its payload
    Show(ShowEvent),
}

const LIST_HELP: &str = "\
States: READY (waits), DELAYED (waits for its next attempt), LEASED (is with a consumer), DONE
(delivered or confirmed), DEAD (given up), IGNORED (nobody wanted it). REASON says why an event was
ignored or given up. Times are UTC.

Examples:
  callboard events list --state READY --state DELAYED    what waits
  callboard events list --state IGNORED                  why did no callback come?
  callboard events list --since 2026-01-31T08:00:00Z --until 2026-01-31T09:00:00Z --limit 1000";

/// `callboard events list`.
#[derive(Clone, Debug, Args)]
#[command(after_help = LIST_HELP)]
pub struct ListEvents {
    /// From where.
    #[command(flatten)]
    pub target: Target,
    /// Only events in this state; may be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    pub states: Vec<String>,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub kinds: Vec<String>,
    /// Only events that speak of this file
    #[arg(long = "file", value_name = "FILEID")]
    pub file_id: Option<String>,
    /// Only events stated at or after this: a time such as 2026-01-31T08:00:00Z, or how long ago,
    /// such as 90s, 15m, 2h, 3d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events stated before this, written the same way
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// One JSON object a line instead of a table
    #[arg(long)]
    pub json: bool,
}

const SHOW_HELP: &str = "\
The ID is what `callboard publish` and `callboard events list` print, what receivers see in
Webhook-Id, and the first part of an EventHandle. A whole EventHandle may be given too.

Examples:
  callboard events show 9f2c61aa-42
  callboard events show 9f2c61aa-42 --json | jq .AttemptSet";

/// `callboard events show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = SHOW_HELP)]
pub struct ShowEvent {
    /// From where.
    #[command(flatten)]
    pub target: Target,
    /// The event
    pub id: String,
    /// One JSON object, as DescribeEventDetail answers it
    #[arg(long)]
    pub json: bool,
}

const LISTEN_HELP: &str = "\
Pulls the application's events and posts each to your receiver as PUSH would: the same body, headers
and, with --sign-key or --signing-secret, signatures. So the receiver that you write needs no public
address, and the Callboard may be another machine's. 2xx confirms an event; with any other answer,
or none within 5 seconds, it comes again when its lease has ended (30 seconds). Ctrl-C lets what is
under way finish.

Needs Mode=PULL; --pull sets that while listening and restores it at the end. Other consumers of the
same application take events away: give a developer an application of his own.

Examples:
  callboard listen --forward http://localhost:3000/hook --pull
  callboard listen --forward http://localhost:3000/hook --pull --sign-key a1b2c3 --app 1250000001
  CALLBOARD_SECRET_ID=id CALLBOARD_SECRET_KEY=key \\
      callboard listen --endpoint http://callboard.example:8800 --forward http://localhost:3000/hook";

/// `callboard listen`.
#[derive(Clone, Debug, Args)]
#[command(after_help = LISTEN_HELP)]
pub struct Listen {
    /// From where.
    #[command(flatten)]
    pub target: Target,
    /// The receiver, http or https
    #[arg(long, value_name = "URL")]
    pub forward: String,
    /// Add Sign and T, made with this key: letters and digits, at most 32
    #[arg(long, value_name = "KEY", value_parser = sign_key)]
    pub sign_key: Option<String>,
    /// Add Webhook-Signature, made with this secret: what CreateSigningSecret answered
    #[arg(long, value_name = "whsec_…", value_parser = SigningSecret::parse)]
    pub signing_secret: Option<SigningSecret>,
    /// Set Mode=PULL if it is not, and restore it at the end
    #[arg(long)]
    pub pull: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// A state in any case.
fn state(text: &str) -> Result<String, String> {
    let upper = text.to_uppercase();
    if EventState::from_name(&upper).is_some() {
        return Ok(upper);
    }
    let names: Vec<_> = EventState::ALL.iter().map(|state| state.as_str()).collect();
    Err(format!("there are {}", names.join(", ")))
}

/// What ModifyEventConfig takes as SignKey.
pub(super) fn sign_key(text: &str) -> Result<String, &'static str> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let fits = (1..=32).contains(&text.len()) && plain;
    if fits { Ok(text.to_owned()) } else { Err("letters and digits, at most 32") }
}

const TAIL_HELP: &str = "\
Shows the latest events and then every change: an event that was stated or replayed, an attempt of
PUSH with its status, a new state. Of a replayed event the attempts of its latest life are told; a
replay is seen if the event is among the latest 100. It looks once a second, so a state that lasts
less is not always seen. It goes on when the server is started again; Ctrl-C ends it.

Examples:
  callboard tail
  callboard tail --type NewFileUpload --app 1250000001
  callboard tail --state DEAD --last 0                   only what is given up from now on
  callboard tail --json | jq 'select(.Change == \"ATTEMPT\" and .Status != 200)'

With --json each line has Time, Change (STATED, REPLAYED, ATTEMPT or STATE), EventId, EventType,
State, Reason, FileId and ReplayCount; an ATTEMPT also Attempt, Url, Status, DurationMs,
ResponseBody and Error.";

/// `callboard tail`.
#[derive(Clone, Debug, Args)]
#[command(after_help = TAIL_HELP)]
pub struct Tail {
    /// From where.
    #[command(flatten)]
    pub target: Target,
    /// Only changes of events that are now in this state; may be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    pub states: Vec<String>,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub kinds: Vec<String>,
    /// Begin with so many of the latest events, at most 100
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub last: usize,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}
