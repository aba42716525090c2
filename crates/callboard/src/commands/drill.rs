//! `callboard drill`: tries somebody's receiver with right and wrong callbacks, and says what it
//! handled and what it got wrong.
//!
//! It talks to no server and changes none: it is a sender of its own, and what it sends is data
//! (`cases`). It sees answers and nothing else, so it says what it could not see. The address is
//! one that the user of this machine wrote on the command line, so private ones are allowed.

mod callback;
mod case;
mod cases;
mod ground;
mod judge;
mod report;
mod sender;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use egress::Trust;
use model::EventKind;
use tokio::time::{Instant, sleep};

use self::callback::{Callback, Keys};
use self::case::{Case, Step};
use self::judge::{Answer, Seen, Verdict, judge};
use self::report::Report;
use self::sender::Sender;
use super::outward;
use super::terminal::say;
use crate::args::Drill;
use crate::failure::{Exit, Failure};

/// How long a receiver that stopped answering has to come back: a supervisor starts it again within
/// a few seconds.
const AWAY: Duration = Duration::from_secs(5);
/// The pause between two looks whether it is back.
const LOOK: Duration = Duration::from_millis(250);
/// Webhook-Ids that are kept for one case.
const IDS_PER_CASE: u64 = 100;

/// Runs the command.
pub async fn run(args: &Drill) -> Result<(), Failure> {
    check_only(&args.only)?;
    let Some(url) = args.url.as_deref().filter(|_| !args.list) else { return list(&args.only) };
    let start = Instant::now();
    let sender = Arc::new(sender(args, url)?);
    let report = Report::new(args.json, args.timeout.to_string());
    let mut session = Session {
        args,
        sender: Arc::clone(&sender),
        report,
        next_id: 1,
        gone: None,
        accepted: HashSet::new(),
    };
    session.drill().await?;
    let failed = session.report.failed();
    let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    session.report.end(&sender, ms)?;
    // the report has said it all
    if failed == 0 { Ok(()) } else { Err(Failure::new(Exit::Refused, "")) }
}

fn sender(args: &Drill, url: &str) -> Result<Sender, Failure> {
    let mut trust = Trust::default();
    if let Some(file) = &args.ca_file {
        let pem = std::fs::read(file).map_err(|error| Failure::io(file.display(), &error))?;
        trust
            .add_pem(&pem)
            .map_err(|error| Failure::new(Exit::Data, format!("{}: {error}", file.display())))?;
    }
    let (client, url) = outward::receiver("URL", url, trust)?;
    let mut origin = [0; 4];
    getrandom::fill(&mut origin)
        .map_err(|error| Failure::new(Exit::Io, format!("no random numbers: {error}")))?;
    let keys = Keys { sign_key: args.sign_key.clone(), secret: args.signing_secret.clone() };
    let (timeout, origin) = (args.timeout.duration(), u32::from_le_bytes(origin));
    Ok(Sender { client, url, keys, timeout, origin })
}

/// Every case as it would be tried with the most common kind.
fn known() -> Vec<Case> {
    let kind = EventKind::NewFileUpload;
    ground::cases(kind).into_iter().chain(cases::all(kind)).collect()
}

fn check_only(only: &[String]) -> Result<(), Failure> {
    let known = known();
    match only.iter().find(|wanted| !known.iter().any(|case| case.is(wanted))) {
        None => Ok(()),
        Some(wanted) => {
            let hint = "is no case and no group; callboard drill --list shows them";
            Err(Failure::new(Exit::Usage, format!("--only `{wanted}` {hint}")))
        }
    }
}

fn list(only: &[String]) -> Result<(), Failure> {
    for case in known().iter().filter(|case| is_wanted(case, only)) {
        let (text, expected) = (&case.text, case.expected());
        say(&text.name)?;
        say(&format!("    sends {}", text.sent))?;
        say(&format!("    expects {expected}: {}", text.why))?;
    }
    Ok(())
}

fn is_wanted(case: &Case, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|wanted| case.is(wanted))
}

struct Session<'a> {
    args: &'a Drill,
    sender: Arc<Sender>,
    report: Report,
    next_id: u64,
    /// The case after which the receiver was gone.
    gone: Option<String>,
    /// Types that were accepted.
    accepted: HashSet<EventKind>,
}

impl Session<'_> {
    async fn drill(&mut self) -> Result<(), Failure> {
        let ground = self.ground().await?;
        let kind = ground.unwrap_or(EventKind::NewFileUpload);
        for case in cases::all(kind) {
            if !is_wanted(&case, &self.args.only) {
                continue;
            }
            let (seen, verdict) = match self.obstacle(ground, &case).await {
                Some(reason) => (Vec::new(), Verdict::Skip(reason)),
                None => self.try_case(&case, kind).await?,
            };
            self.report.tell(&case, &seen, &verdict)?;
        }
        Ok(())
    }

    /// Seeks a kind that the receiver accepts, and tells of the ground.
    async fn ground(&mut self) -> Result<Option<EventKind>, Failure> {
        let mut first = None;
        for kind in cases::COMMON {
            let seen = self.sample(ground_name(), kind).await;
            if let Answer::Unreached(error) = &seen.answer {
                let url = &self.sender.url;
                return Err(Failure::new(Exit::Io, format!("cannot reach {url}: {error}")));
            }
            let accepted = matches!(seen.answer, Answer::Status(200..300));
            if accepted || !ground::is_about_the_kind(&seen.answer) {
                self.tell_ground(kind, &seen)?;
                return Ok(accepted.then_some(kind));
            }
            first.get_or_insert((kind, seen));
        }
        if let Some((kind, seen)) = first {
            self.tell_ground(kind, &seen)?;
        }
        Ok(None)
    }

    fn tell_ground(&mut self, kind: EventKind, seen: &Seen) -> Result<(), Failure> {
        let cases = ground::cases(kind);
        let timeout = self.args.timeout.to_string();
        let verdicts = ground::verdicts(&cases, seen, &self.sender.keys, &timeout);
        for (case, verdict) in cases.iter().zip(&verdicts) {
            self.report.tell(case, std::slice::from_ref(seen), verdict)?;
        }
        Ok(())
    }

    async fn sample(&mut self, case: &str, kind: EventKind) -> Seen {
        let step = Step::accepted(Callback::sample(kind));
        let first_id = self.ids();
        self.sender.send(case, &step, first_id).await
    }

    const fn ids(&mut self) -> u64 {
        let first = self.next_id;
        self.next_id = first.saturating_add(IDS_PER_CASE);
        first
    }

    /// Why a case cannot be tried.
    async fn obstacle(&mut self, ground: Option<EventKind>, case: &Case) -> Option<String> {
        if ground.is_none() {
            return Some("not tried: no right callback was accepted".to_owned());
        }
        if let Some(name) = &self.gone {
            return Some(format!("not tried: the receiver was gone after {name}"));
        }
        let (needs, keys) = (&case.needs, &self.sender.keys);
        if needs.sign_key && keys.sign_key.is_none() {
            return Some("no --sign-key".to_owned());
        }
        if needs.secret && keys.secret.is_none() {
            return Some("no --signing-secret".to_owned());
        }
        for &kind in &needs.kinds {
            if !self.accepts(kind).await {
                return Some(format!("see {}", cases::type_name(kind)));
            }
        }
        None
    }

    /// Whether the receiver accepts a type, which `--only` may have left untried.
    async fn accepts(&mut self, kind: EventKind) -> bool {
        if self.accepted.contains(&kind) {
            return true;
        }
        let seen = self.sample(&cases::type_name(kind), kind).await;
        let accepted = matches!(seen.answer, Answer::Status(200..300));
        if accepted {
            self.accepted.insert(kind);
        }
        accepted
    }

    async fn try_case(
        &mut self,
        case: &Case,
        kind: EventKind,
    ) -> Result<(Vec<Seen>, Verdict), Failure> {
        let first_id = self.ids();
        let sender = Arc::clone(&self.sender);
        let name = case.text.name.as_ref();
        let seen = sender.send_all(name, &case.steps, first_id, case.at_once).await?;
        let verdict = judge(case, &seen, &self.args.timeout.to_string());
        if seen.iter().any(|seen| seen.answer.is_silence()) && !self.comes_back(kind).await {
            self.gone = Some(name.to_owned());
        }
        if let (Some(kind), Verdict::Pass(_)) = (cases::type_of(name), &verdict) {
            self.accepted.insert(kind);
        }
        Ok((seen, verdict))
    }

    /// Waits until the receiver accepts a right callback again; whether it does.
    async fn comes_back(&mut self, kind: EventKind) -> bool {
        let end = Instant::now() + AWAY;
        loop {
            let seen = self.sample(ground_name(), kind).await;
            if matches!(seen.answer, Answer::Status(200..300)) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep(LOOK).await;
        }
    }
}

/// What callbacks that find out how the receiver is are named in X-Callboard-Drill.
fn ground_name() -> &'static str {
    ground::names().last().unwrap_or_default()
}
