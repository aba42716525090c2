//! The command that tries a receiver: `drill`.

use std::path::PathBuf;

use clap::Args;
use sign::webhook::SigningSecret;

use super::history::sign_key;
use crate::config::span::Span;

const DRILL_HELP: &str = "\
Posts signed callbacks to your receiver as PUSH would, right ones and wrong ones: every event type,
repeats, events out of order, forged and expired signatures, members it does not know, nulls, slow
and large bodies, many at once, and bodies that are no JSON. Then it says what the receiver handled,
what it got wrong and what to do about it. It needs no running Callboard, and the receiver may be on
this machine or a private network. To your receiver the right ones are genuine: drill a test
instance, not the one that works for customers.

Give it the keys that the receiver checks. What needs a key that is not given is skipped, and said.

Examples:
  callboard drill http://localhost:3000/vod --sign-key a1b2c3
  callboard drill http://localhost:3000/vod --sign-key a1b2c3 --signing-secret whsec_…
  callboard drill http://localhost:3000/vod --only sign --only type/NewFileUpload
  callboard drill http://localhost:3000/vod --sign-key a1b2c3 --json >drill.json    for CI
  callboard drill --list                                 what it tries, and why

Exit codes: 0 nothing wrong, 1 the receiver got something wrong, 64 wrong call, 74 not reachable.";

/// `callboard drill`.
#[derive(Clone, Debug, Args)]
#[command(after_help = DRILL_HELP)]
pub struct Drill {
    /// The receiver, http or https
    #[arg(required_unless_present = "list")]
    pub url: Option<String>,
    /// The SignKey that the receiver checks Sign and T with: letters and digits, at most 32
    #[arg(long, value_name = "KEY", value_parser = sign_key)]
    pub sign_key: Option<String>,
    /// The signing secret that the receiver checks Webhook-Signature with
    #[arg(long, value_name = "whsec_…", value_parser = SigningSecret::parse)]
    pub signing_secret: Option<SigningSecret>,
    /// How long an answer may take, from 100ms to 60s; PUSH waits 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = timeout)]
    pub timeout: Span,
    /// Only this case or group, such as sign/expired or sign; may be repeated
    #[arg(long, value_name = "CASE")]
    pub only: Vec<String>,
    /// Certificates (PEM) of an authority to trust besides the public ones
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Send nothing: list the cases
    #[arg(long)]
    pub list: bool,
    /// Report as one JSON object on standard output; what people read goes to standard error
    #[arg(long)]
    pub json: bool,
}

fn timeout(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error| format!("{error}"))?;
    let fits = (100..=60_000).contains(&span.ms());
    if fits { Ok(span) } else { Err("from 100ms to 60s".to_owned()) }
}
