//! One application as the worker sees it: its circuit, and how many attempts are under way.

use model::Mono;
use queue::Configured;
use queue::circuit::{Allowance, Circuit, Rules};
use url::Url;

use crate::pace::Pace;

/// What may be leased for an application now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Entries, at least one.
    pub(crate) max: usize,
    /// The one is a probe of an open circuit.
    pub(crate) probe: bool,
    /// The course of the application at which this is allowed.
    pub(crate) course: u64,
}

/// Whether an application's events go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// They do: the circuit is closed.
    Closed,
    /// The receiver is down: the circuit is open, and only probes go out.
    Open,
    /// The receiver asked for a pause (`Retry-After`).
    Paused,
}

/// How an application's deliveries fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryState {
    /// Whether events go out.
    pub flow: Flow,
    /// Counted failures since the receiver was last found alive.
    pub failures: u32,
    /// When the next attempt may go out, if none may now; none while a probe is under way.
    pub next: Option<Mono>,
}

impl Default for DeliveryState {
    fn default() -> Self {
        Self { flow: Flow::Closed, failures: 0, next: None }
    }
}

/// The state of one application.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The application's course that the circuit stands for; an attempt of an earlier one tells it
    /// nothing.
    pub(crate) course: u64,
    /// Whom a line in the log names.
    pub(crate) address: String,
    pub(crate) circuit: Circuit,
    pub(crate) in_flight: usize,
    pub(crate) pace: Pace,
}

/// What holds for every lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) rules: Rules,
    /// Attempts a second; 0: no limit.
    pub(crate) per_second: u32,
}

impl Lane {
    pub(crate) fn new(configured: &Configured, terms: Terms) -> Self {
        let course = configured.course;
        let address = address(&configured.application.config.notification_url);
        let (circuit, pace) = (Circuit::new(terms.rules), Pace::new(terms.per_second));
        Self { course, address, circuit, in_flight: 0, pace }
    }

    /// Takes note of the configuration; a new course gets a new circuit. False: the configuration is
    /// an earlier one.
    pub(crate) fn follow(&mut self, configured: &Configured, terms: Terms) -> bool {
        if configured.course > self.course {
            let (in_flight, pace) = (self.in_flight, self.pace.clone());
            *self = Self { in_flight, pace, ..Self::new(configured, terms) };
        }
        configured.course == self.course
    }

    /// What may be leased, when at most `share` attempts are this application's.
    pub(crate) fn admission(&mut self, share: usize, now: Mono) -> Option<Admission> {
        let (max, probe) = match self.circuit.allowance(now) {
            Allowance::Flow(cap) => (cap.min(share).saturating_sub(self.in_flight), false),
            Allowance::Probe => (share.min(1), true),
            Allowance::Hold(_) => (0, false),
        };
        let max = self.pace.allowed(now).map_or(max, |allowed| max.min(allowed));
        (max > 0).then_some(Admission { max, probe, course: self.course })
    }

    /// How deliveries fare.
    pub(crate) fn delivery(&self, now: Mono) -> DeliveryState {
        let held = match self.circuit.allowance(now) {
            Allowance::Hold(until) => until,
            Allowance::Probe => Some(now),
            Allowance::Flow(_) => None,
        };
        let flow = if self.circuit.is_open() {
            Flow::Open
        } else if held.is_some() {
            Flow::Paused
        } else {
            Flow::Closed
        };
        DeliveryState { flow, failures: self.circuit.failures(), next: held }
    }

    /// Whether forgetting it would change nothing.
    pub(crate) fn is_idle(&mut self, terms: Terms, now: Mono) -> bool {
        self.in_flight == 0 && self.circuit == Circuit::new(terms.rules) && self.pace.is_full(now)
    }
}

/// Scheme, host and port: paths and queries of receivers carry tokens, which no log needs.
fn address(url: &str) -> String {
    Url::parse(url).map_or_else(|_no_url| String::new(), |url| url.origin().ascii_serialization())
}
