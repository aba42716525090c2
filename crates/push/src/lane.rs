//! One application as the worker sees it: its circuit, and how many attempts are under way.

use model::{EventConfig, Mono, Sealed};
use queue::circuit::{Allowance, Circuit, Rules};

/// What a circuit stands for; when it changes, what was learnt about the old one is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    url: String,
    sign_key: Option<Sealed>,
}

impl Target {
    fn of(config: &EventConfig) -> Self {
        Self { url: config.notification_url.clone(), sign_key: config.sign_key.clone() }
    }

    fn is(&self, config: &EventConfig) -> bool {
        self.url == config.notification_url && self.sign_key == config.sign_key
    }
}

/// What may be leased for an application now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Entries, at least one.
    pub(crate) max: usize,
    /// The one is a probe of an open circuit.
    pub(crate) probe: bool,
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
    target: Target,
    /// Counts the circuits of this lane, so that an attempt at an old target tells the new circuit
    /// nothing.
    pub(crate) epoch: u64,
    pub(crate) circuit: Circuit,
    pub(crate) in_flight: usize,
}

impl Lane {
    pub(crate) fn new(config: &EventConfig, epoch: u64, rules: Rules) -> Self {
        Self { target: Target::of(config), epoch, circuit: Circuit::new(rules), in_flight: 0 }
    }

    /// Takes note of the configuration; a new address or key gets a new circuit of that epoch.
    pub(crate) fn follow(&mut self, config: &EventConfig, epoch: u64, rules: Rules) {
        if !self.target.is(config) {
            *self = Self { in_flight: self.in_flight, ..Self::new(config, epoch, rules) };
        }
    }

    /// What may be leased, when at most `share` attempts are this application's.
    pub(crate) fn admission(&self, share: usize, now: Mono) -> Option<Admission> {
        let (max, probe) = match self.circuit.allowance(now) {
            Allowance::Flow(cap) => (cap.min(share).saturating_sub(self.in_flight), false),
            Allowance::Probe => (share.min(1), true),
            Allowance::Hold(_) => (0, false),
        };
        (max > 0).then_some(Admission { max, probe })
    }

    /// Whether it stands for where that configuration leads.
    pub(crate) fn leads_to(&self, config: &EventConfig) -> bool {
        self.target.is(config)
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
    pub(crate) fn is_idle(&self, rules: Rules) -> bool {
        self.in_flight == 0 && self.circuit == Circuit::new(rules)
    }
}
