//! Random interleavings of everything that can happen to an engine.

use ::model::{AppId, ApplicationStatus, EventKind, Mode};
use proptest::prelude::*;
use queue::{Ask, Lessee, Mark, Reason, State};

use crate::bench::{APPS, Bench, Change, End, ask};

#[derive(Clone, Debug)]
enum Step {
    Append { app: AppId, kind: EventKind, count: u64 },
    Replay(usize),
    Lease { ask: Ask, seen: bool },
    Unlease(usize),
    GiveBack(usize),
    Settle { pick: usize, end: End, twice: bool },
    Pass(u64),
    PassToTimer(i64),
    Advance,
    Configure(AppId, Change),
    Purge { app: AppId, states: Vec<State>, kinds: Vec<EventKind>, max: usize, written: bool },
    Expire { max: usize, written: bool },
    Restart { graceful: bool, down_ms: u64 },
    Runnable(Option<AppId>, usize),
}

const KINDS: [EventKind; 4] = [
    EventKind::NewFileUpload,
    EventKind::FileDeleted,
    EventKind::PersistenceComplete,
    EventKind::PullComplete,
];

/// One application twice as often as the others.
fn app() -> impl Strategy<Value = AppId> {
    (0..=APPS).prop_map(|app| AppId(app.max(1)))
}

fn lease() -> impl Strategy<Value = Step> {
    let by = prop_oneof![Just(Lessee::Pull), Just(Lessee::Push)];
    let hold = prop_oneof![Just(30_000_u64), 1..60_000_u64];
    (app(), by, 0..7_usize, any::<bool>(), hold, prop::bool::weighted(0.8)).prop_map(
        |(app, by, max, fewest, hold_ms, seen)| {
            let ask = Ask { hold_ms, ..ask(app, by, max, fewest) };
            Step::Lease { ask, seen }
        },
    )
}

fn settle() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Close(Mark::Done)),
        1 => Just(End::Close(Mark::Closed(Reason::Exhausted))),
        4 => (0..40_000_u64).prop_map(End::Retry),
        1 => Just(End::Release),
    ];
    (any::<usize>(), end, any::<bool>()).prop_map(|(pick, end, twice)| Step::Settle {
        pick,
        end,
        twice,
    })
}

fn change() -> impl Strategy<Value = Change> {
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    prop_oneof![
        4 => prop_oneof![Just(Mode::Pull), Just(Mode::Push)].prop_map(Change::Mode),
        3 => prop_oneof![Just(""), Just("http://a/"), Just("http://b/")].prop_map(Change::Url),
        2 => prop_oneof![Just(None), Just(Some("x")), Just(Some("y"))].prop_map(Change::SignKey),
        2 => switches.prop_map(|(u, d, p)| Change::Switches(u, d, p)),
        1 => prop_oneof![Just(ApplicationStatus::On), Just(ApplicationStatus::Off)]
            .prop_map(Change::Status),
        1 => Just(Change::Status(ApplicationStatus::Destroyed)),
    ]
}

fn purge() -> impl Strategy<Value = Step> {
    let states = prop::sample::subsequence(vec![State::Ready, State::Leased, State::Delayed], 0..3);
    let kinds = prop::sample::subsequence(KINDS.to_vec(), 0..3);
    (app(), states, kinds, 0..6_usize, any::<bool>()).prop_map(
        |(app, states, kinds, max, written)| Step::Purge { app, states, kinds, max, written },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(KINDS.to_vec());
    let after = prop::option::of((0..=APPS + 1).prop_map(AppId));
    prop_oneof![
        16 => (app(), kind, 1..5_u64)
            .prop_map(|(app, kind, count)| Step::Append { app, kind, count }),
        6 => any::<usize>().prop_map(Step::Replay),
        16 => lease(),
        4 => any::<usize>().prop_map(Step::Unlease),
        3 => any::<usize>().prop_map(Step::GiveBack),
        20 => settle(),
        8 => (0..20_000_u64).prop_map(Step::Pass),
        8 => (-1..=1_i64).prop_map(Step::PassToTimer),
        8 => Just(Step::Advance),
        6 => (app(), change()).prop_map(|(app, change)| Step::Configure(app, change)),
        2 => purge(),
        4 => (0..6_usize, any::<bool>()).prop_map(|(max, written)| Step::Expire { max, written }),
        2 => (any::<bool>(), 0..20_000_u64)
            .prop_map(|(graceful, down_ms)| Step::Restart { graceful, down_ms }),
        4 => (after, 0..6_usize).prop_map(|(after, max)| Step::Runnable(after, max)),
    ]
}

fn take(bench: &mut Bench, step: Step) {
    match step {
        Step::Append { app, kind, count } => bench.append(app, kind, count),
        Step::Replay(pick) => bench.replay(pick),
        Step::Lease { ask, seen } => bench.lease(ask, seen),
        Step::Unlease(pick) => bench.unlease(pick),
        Step::GiveBack(pick) => bench.give_back(pick),
        Step::Settle { pick, end, twice } => bench.settle(pick, end, twice),
        Step::Pass(ms) => bench.pass(ms),
        Step::PassToTimer(off) => bench.pass_to_timer(off),
        Step::Advance => bench.advance(),
        Step::Configure(app, change) => bench.configure(app, change),
        Step::Purge { app, states, kinds, max, written } => {
            bench.purge(app, (&states, &kinds), max, written.then_some(Reason::Purged));
        }
        Step::Expire { max, written } => bench.expire(max, written),
        Step::Restart { graceful, down_ms } => bench.restart(graceful, down_ms),
        Step::Runnable(after, max) => bench.compare_runnable(after, max),
    }
}

/// Four times as many as `PROPTEST_CASES` says, which is 256 by default: they are cheap.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.saturating_mul(4), ..config }
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn the_engine_does_what_the_model_does(steps in prop::collection::vec(step(), 1..300)) {
        let mut bench = Bench::new();
        for step in steps {
            take(&mut bench, step);
            bench.compare();
        }
        bench.drain();
    }
}
