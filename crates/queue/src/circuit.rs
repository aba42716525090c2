//! The circuit of one receiver: when a dead address is left alone, and how it is tried again.
//!
//! ```text
//!            5 failures in a row, over 3 events or a minute
//!   CLOSED ────────────────────────────────────────────────▶ OPEN ──┐ probe failed: the interval
//!      ▲                                                      │     │ doubles, 1 s → 1 min
//!      │   any answer but 429, 502, 503, 504                  │ ◀───┘
//!      └──── in flight: 1, 2, 4 … up to the maximum ◀─────────┘
//! ```
//!
//! While it is open, waiting events burn no attempts; only a probe goes out. Pure and on the
//! monotonic clock. One circuit stands for one application and one address: whoever holds it makes
//! a new one when the address, the mode or the key changes. What is deliberately absent: percentages
//! and windows, which tell less than a row of failures when traffic is thin.

use model::{EventId, Mono};

/// When a circuit opens and how it is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Counted failures in a row that open it.
    pub failures: u32,
    /// Over at least that many different events (at most 8 are told apart), …
    pub events: usize,
    /// … or over at least that many milliseconds, when fewer events wait.
    pub spell_ms: u64,
    /// Milliseconds from opening to the first probe.
    pub probe_first_ms: u64,
    /// The longest interval between probes in milliseconds.
    pub probe_max_ms: u64,
    /// Attempts under way at once while it is closed.
    pub in_flight_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            failures: 5,
            events: 3,
            spell_ms: 60_000,
            probe_first_ms: 1_000,
            probe_max_ms: 60_000,
            in_flight_max: model::limits::PUSH_IN_FLIGHT_PER_APPLICATION,
        }
    }
}

/// What may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// Up to that many attempts under way at once.
    Flow(usize),
    /// One attempt, to be announced with [`Circuit::probe_started`].
    Probe,
    /// Nothing before that moment; none: until the probe under way has ended.
    Hold(Option<Mono>),
}

/// Whether attempts flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// They do: `cap` at once, `answers` of which have come since the cap last grew.
    Closed { cap: usize, answers: usize },
    /// They do not: the next probe is due, or under way.
    Open { probe_at: Mono, interval_ms: u64, probing: bool },
}

/// Failures in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Run {
    failures: u32,
    since: Mono,
    events: Vec<EventId>,
}

/// The state of one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circuit {
    rules: Rules,
    phase: Phase,
    run: Run,
    paused_until: Mono,
}

impl Circuit {
    /// A closed circuit that knows of no failure.
    pub fn new(rules: Rules) -> Self {
        let phase = Phase::Closed { cap: rules.in_flight_max.max(1), answers: 0 };
        Self { rules, phase, run: Run::default(), paused_until: Mono(0) }
    }

    /// What may be sent now.
    pub fn allowance(&self, now: Mono) -> Allowance {
        if now < self.paused_until {
            return Allowance::Hold(Some(self.paused_until));
        }
        match self.phase {
            Phase::Closed { cap, .. } => Allowance::Flow(cap),
            Phase::Open { probing: true, .. } => Allowance::Hold(None),
            Phase::Open { probe_at, .. } if now < probe_at => Allowance::Hold(Some(probe_at)),
            Phase::Open { .. } => Allowance::Probe,
        }
    }

    /// A probe is under way; no second one is allowed until its end is told.
    pub const fn probe_started(&mut self) {
        if let Phase::Open { probing, .. } = &mut self.phase {
            *probing = true;
        }
    }

    /// The probe was not sent after all (nothing was there to send, or the process stops).
    pub const fn probe_returned(&mut self) {
        if let Phase::Open { probing, .. } = &mut self.phase {
            *probing = false;
        }
    }

    /// An attempt found the receiver alive.
    pub fn alive(&mut self) {
        self.run = Run::default();
        self.phase = match self.phase {
            Phase::Open { .. } => Phase::Closed { cap: 1, answers: 0 },
            // doubling once a round, not once an answer: a receiver that has just come back is
            // not met with the whole backlog
            Phase::Closed { cap, answers } if answers + 1 >= cap => {
                let cap = cap.saturating_mul(2).min(self.rules.in_flight_max.max(1));
                Phase::Closed { cap, answers: 0 }
            }
            Phase::Closed { cap, answers } => Phase::Closed { cap, answers: answers + 1 },
        };
    }

    /// An attempt for that event counts against the receiver. `probe`: it was one.
    pub fn failed(&mut self, event: EventId, probe: bool, now: Mono) {
        if self.run.failures == 0 {
            self.run.since = now;
        }
        self.run.failures = self.run.failures.saturating_add(1);
        if self.run.events.len() < 8 && !self.run.events.contains(&event) {
            self.run.events.push(event);
        }
        match self.phase {
            Phase::Closed { cap, .. } if !self.must_open(now) => {
                self.phase = Phase::Closed { cap, answers: 0 };
            }
            Phase::Closed { .. } => self.open(self.rules.probe_first_ms, now),
            Phase::Open { interval_ms, .. } if probe => {
                self.open(interval_ms.saturating_mul(2).min(self.rules.probe_max_ms), now);
            }
            // sent before it opened; says nothing new
            Phase::Open { .. } => {}
        }
    }

    /// The receiver asked for a pause until that moment. A shorter one never cuts a longer one.
    pub fn pause(&mut self, until: Mono) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Lets attempts flow again, because somebody says that the receiver is well: the run of
    /// failures and a pause are forgotten. What was open flows as if a probe had been answered.
    pub fn resume(&mut self) {
        self.run = Run::default();
        self.paused_until = Mono(0);
        if self.is_open() {
            self.phase = Phase::Closed { cap: 1, answers: 0 };
        }
    }

    /// Whether it is open.
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Counted failures since the receiver was last found alive.
    pub const fn failures(&self) -> u32 {
        self.run.failures
    }

    fn must_open(&self, now: Mono) -> bool {
        let many = self.run.events.len() >= self.rules.events;
        let long = now.since_ms(self.run.since) >= self.rules.spell_ms;
        self.run.failures >= self.rules.failures && (many || long)
    }

    const fn open(&mut self, interval_ms: u64, now: Mono) {
        self.phase =
            Phase::Open { probe_at: now.plus_ms(interval_ms), interval_ms, probing: false };
    }
}

#[cfg(test)]
mod tests {
    use model::Seq;
    use proptest::prelude::*;

    use super::*;

    fn event(n: u64) -> EventId {
        EventId { origin: 1, first_seq: Seq(n) }
    }

    fn opened(now: Mono) -> Circuit {
        let mut circuit = Circuit::new(Rules::default());
        for n in 1..=5 {
            circuit.failed(event(n), false, now);
        }
        assert!(circuit.is_open());
        circuit
    }

    #[test]
    fn five_failures_over_three_events_open_it() {
        let mut circuit = Circuit::new(Rules::default());
        for n in [1, 1, 2, 2] {
            circuit.failed(event(n), false, Mono(0));
        }
        assert_eq!(circuit.allowance(Mono(0)), Allowance::Flow(16));
        circuit.failed(event(3), false, Mono(10));
        assert_eq!(circuit.allowance(Mono(10)), Allowance::Hold(Some(Mono(1_010))));
        assert_eq!(circuit.failures(), 5);
    }

    #[test]
    fn one_lonely_event_opens_it_after_a_minute() {
        let mut circuit = Circuit::new(Rules::default());
        for at in [0, 6_000, 11_000, 46_000, 59_999] {
            circuit.failed(event(1), false, Mono(at));
            assert!(!circuit.is_open(), "{at}");
        }
        circuit.failed(event(1), false, Mono(60_000));
        assert!(circuit.is_open());
    }

    #[test]
    fn an_answer_breaks_the_row() {
        let mut circuit = Circuit::new(Rules::default());
        for round in 0..10 {
            for n in 1..=4 {
                circuit.failed(event(n), false, Mono(round));
            }
            circuit.alive();
        }
        assert_eq!(circuit.failures(), 0);
        assert!(!circuit.is_open());
    }

    #[test]
    fn probes_go_out_one_at_a_time_at_growing_intervals() {
        let mut now = Mono(100);
        let mut circuit = opened(now);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let due = now.plus_ms(seconds * 1_000);
            assert_eq!(circuit.allowance(Mono(due.0 - 1)), Allowance::Hold(Some(due)));
            assert_eq!(circuit.allowance(due), Allowance::Probe);
            circuit.probe_started();
            assert_eq!(circuit.allowance(due), Allowance::Hold(None));
            circuit.failed(event(9), false, due);
            assert_eq!(
                circuit.allowance(due),
                Allowance::Hold(None),
                "a straggler changes nothing"
            );
            now = due.plus_ms(5_000);
            circuit.failed(event(1), true, now);
        }
    }

    #[test]
    fn a_probe_that_found_nothing_to_send_is_due_still() {
        let mut circuit = opened(Mono(0));
        circuit.probe_started();
        circuit.probe_returned();
        assert_eq!(circuit.allowance(Mono(1_000)), Allowance::Probe);
    }

    #[test]
    fn on_closing_the_cap_doubles_a_round() {
        let mut circuit = opened(Mono(0));
        circuit.probe_started();
        circuit.alive();
        let mut caps = Vec::new();
        for _ in 0..20 {
            caps.push(circuit.allowance(Mono(0)));
            circuit.alive();
        }
        let expected = [1, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 16];
        assert_eq!(caps, expected.map(Allowance::Flow));
    }

    #[test]
    fn a_pause_holds_open_and_closed_circuits() {
        let mut closed = Circuit::new(Rules::default());
        closed.pause(Mono(30_000));
        closed.pause(Mono(10_000));
        assert_eq!(closed.allowance(Mono(29_999)), Allowance::Hold(Some(Mono(30_000))));
        assert_eq!(closed.allowance(Mono(30_000)), Allowance::Flow(16));
        let mut open = opened(Mono(0));
        open.pause(Mono(30_000));
        assert_eq!(open.allowance(Mono(2_000)), Allowance::Hold(Some(Mono(30_000))));
        assert_eq!(open.allowance(Mono(30_000)), Allowance::Probe);
    }

    #[test]
    fn resuming_ends_what_holds_attempts_back() {
        let mut open = opened(Mono(0));
        open.pause(Mono(30_000));
        open.resume();
        assert_eq!(open.allowance(Mono(1)), Allowance::Flow(1));
        assert_eq!(open.failures(), 0);
        // a probe that was under way then is one failure like any other
        open.failed(event(1), true, Mono(2));
        assert_eq!(open.allowance(Mono(2)), Allowance::Flow(1));
        let mut paused = Circuit::new(Rules::default());
        paused.pause(Mono(30_000));
        paused.resume();
        assert_eq!(paused.allowance(Mono(1)), Allowance::Flow(16));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Alive,
        Failed { event: u64, probe: bool },
        Wait(u64),
        Pause(u64),
        Probe,
        Return,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            Just(Step::Alive),
            (0u64..6, any::<bool>()).prop_map(|(event, probe)| Step::Failed { event, probe }),
            (0u64..90_000).prop_map(Step::Wait),
            (0u64..90_000).prop_map(Step::Pause),
            Just(Step::Probe),
            Just(Step::Return),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn it_is_open_only_after_a_row_of_failures_and_never_for_good(steps in steps()) {
            let mut circuit = Circuit::new(Rules::default());
            let (mut now, mut row) = (Mono(0), 0u32);
            for step in steps {
                match step {
                    Step::Alive => { circuit.alive(); row = 0; }
                    Step::Failed { event: n, probe } => { circuit.failed(event(n), probe, now); row += 1; }
                    Step::Wait(ms) => now = now.plus_ms(ms),
                    Step::Pause(ms) => circuit.pause(now.plus_ms(ms)),
                    Step::Probe => circuit.probe_started(),
                    Step::Return => circuit.probe_returned(),
                }
                prop_assert_eq!(circuit.failures(), row);
                prop_assert!(!circuit.is_open() || row >= 5);
                match circuit.allowance(now) {
                    Allowance::Flow(cap) => prop_assert!((1..=16).contains(&cap)),
                    Allowance::Probe => prop_assert!(circuit.is_open()),
                    Allowance::Hold(Some(until)) => prop_assert!(until > now && until.since_ms(now) <= 90_000),
                    Allowance::Hold(None) => prop_assert!(circuit.is_open()),
                }
            }
            circuit.probe_returned();
            let later = now.plus_ms(200_000);
            prop_assert!(!matches!(circuit.allowance(later), Allowance::Hold(_)));
        }
    }
}
