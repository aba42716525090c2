//! What may happen to a store: the steps of a random life.

use ::model::{AppId, EventKind, Mode};
use proptest::prelude::*;
use queue::{Lessee, Reason, Resolution, State};

use crate::model::New;

/// The last of them may be destroyed.
pub(crate) const APPS: u64 = 3;
pub(crate) const HOUR: u64 = 3_600_000;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Publish(Vec<New>),
    Record {
        id: u8,
        expect: Option<bool>,
        delete: bool,
        event: Option<New>,
    },
    Lease {
        app: AppId,
        by: Lessee,
        max: usize,
        max_bytes: usize,
    },
    Settle(Vec<(usize, Resolution, bool)>),
    Purge {
        app: AppId,
        state: Option<State>,
        kind: Option<EventKind>,
    },
    /// By their names.
    Replay(Vec<usize>),
    ReplayMatching {
        app: AppId,
        state: Option<State>,
        kind: Option<EventKind>,
        limit: usize,
    },
    Configure(AppId, Change),
    Pass(u64),
    Tick,
    Restart {
        graceful: bool,
        down_ms: u64,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Mode(Mode),
    Url(&'static str),
    SignKey(Option<&'static str>),
    Delete(bool),
    Destroy,
}

fn app() -> impl Strategy<Value = AppId> {
    (0..=APPS).prop_map(|app| AppId(app.max(1)))
}

fn kind() -> impl Strategy<Value = EventKind> {
    prop_oneof![Just(EventKind::FileDeleted), Just(EventKind::PullComplete)]
}

fn new() -> impl Strategy<Value = New> {
    let key = prop::option::weighted(0.4, 0..3_u8);
    (app(), kind(), key, 0..3_u8).prop_map(|(app, kind, key, body)| New {
        app,
        kind,
        key,
        body: format!("body {body}"),
    })
}

fn resolution() -> impl Strategy<Value = Resolution> {
    prop_oneof![
        6 => Just(Resolution::Done),
        3 => prop_oneof![0..40_000_u64, 0..9 * HOUR]
            .prop_map(|after_ms| Resolution::Retry { after_ms }),
        1 => Just(Resolution::Dead(Reason::Exhausted)),
        1 => Just(Resolution::Return),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => prop_oneof![Just(Mode::Pull), Just(Mode::Push)].prop_map(Change::Mode),
        3 => prop_oneof![Just(""), Just("http://a/"), Just("http://b/")].prop_map(Change::Url),
        2 => prop_oneof![Just(None), Just(Some("x"))].prop_map(Change::SignKey),
        2 => any::<bool>().prop_map(Change::Delete),
        1 => Just(Change::Destroy),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let by = prop_oneof![3 => Just(Lessee::Pull), 1 => Just(Lessee::Push)];
    let bytes = prop_oneof![Just(usize::MAX), Just(15_usize)];
    let record = (0..3_u8, prop::option::of(any::<bool>()), any::<bool>(), prop::option::of(new()));
    let states = vec![State::Ready, State::Leased, State::Delayed];
    let ends = vec![State::Done, State::Dead, State::Ignored];
    let pass = prop_oneof![
        6 => 0..20_000_u64,
        2 => Just(30_000_u64),
        2 => Just(61_000_u64),
        1 => 0..30 * HOUR,
    ];
    let down = prop_oneof![0..1_000_u64, 0..2 * HOUR];
    prop_oneof![
        10 => prop::collection::vec(new(), 1..6).prop_map(Step::Publish),
        3 => record.prop_map(|(id, expect, delete, event)| {
            Step::Record { id, expect, delete, event }
        }),
        10 => (app(), by, 1..7_usize, bytes)
            .prop_map(|(app, by, max, max_bytes)| Step::Lease { app, by, max, max_bytes }),
        10 => prop::collection::vec((any::<usize>(), resolution(), prop::bool::weighted(0.1)), 1..6)
            .prop_map(Step::Settle),
        1 => (app(), prop::option::of(prop::sample::select(states)), prop::option::of(kind()))
            .prop_map(|(app, state, kind)| Step::Purge { app, state, kind }),
        3 => prop::collection::vec(any::<usize>(), 1..4).prop_map(Step::Replay),
        2 => (app(), prop::option::of(prop::sample::select(ends)), prop::option::of(kind()), 1..4_usize)
            .prop_map(|(app, state, kind, limit)| Step::ReplayMatching { app, state, kind, limit }),
        3 => (app(), change()).prop_map(|(app, change)| Step::Configure(app, change)),
        6 => pass.prop_map(Step::Pass),
        4 => Just(Step::Tick),
        3 => (any::<bool>(), down).prop_map(|(graceful, down_ms)| Step::Restart { graceful, down_ms }),
    ]
}
