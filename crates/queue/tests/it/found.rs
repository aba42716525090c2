//! What the model has found, each as the shortest story that shows it.

use ::model::{AppId, ApplicationStatus, EventKind, Mode, Seq};
use queue::{Lessee, Mark, Reason, State};

use crate::bench::{Bench, Change, End, ask};

/// An application in PULL mode.
const APP: AppId = AppId(2);

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.append(APP, EventKind::PullComplete, 6);
    bench
}

fn line(bench: &Bench) -> Vec<Seq> {
    bench.compare();
    bench.model.line(APP).iter().map(|item| item.seq).collect()
}

#[test]
fn leases_that_nobody_saw_return_in_append_order_whoever_had_them() {
    let mut bench = bench();
    let before = line(&bench);
    bench.lease(ask(APP, Lessee::Pull, 2, false), false);
    bench.lease(ask(APP, Lessee::Pull, 2, false), false);
    bench.unlease(0);
    bench.unlease(0);
    assert_eq!(line(&bench), before);
    bench.drain();
}

#[test]
fn a_purge_that_could_not_be_written_changes_no_order() {
    let mut bench = bench();
    let before = line(&bench);
    bench.purge(APP, (&[], &[]), 3, None);
    assert_eq!(line(&bench), before);
    bench.drain();
}

#[test]
fn a_retry_keeps_its_time_when_giving_up_could_not_be_written() {
    let mut bench = bench();
    bench.lease(ask(APP, Lessee::Pull, 1, false), true);
    bench.settle(0, End::Retry(20_000), false);
    bench.purge(APP, (&[State::Delayed], &[]), 1, None);
    assert_eq!(line(&bench).len(), 5);
    bench.purge(APP, (&[State::Delayed], &[]), 1, Some(Reason::Purged));
    bench.drain();
}

#[test]
fn a_confirmed_handle_is_accepted_for_thirty_seconds_and_no_longer() {
    let mut bench = bench();
    bench.lease(ask(APP, Lessee::Pull, 1, false), true);
    bench.settle(0, End::Close(Mark::Done), false);
    bench.pass(29_999);
    bench.settle(0, End::Close(Mark::Done), false);
    bench.pass(1);
    bench.settle(0, End::Close(Mark::Done), false);
}

#[test]
fn a_confirmed_handle_is_accepted_again_after_any_stop() {
    for graceful in [false, true] {
        let mut bench = bench();
        bench.lease(ask(APP, Lessee::Pull, 1, false), true);
        bench.settle(0, End::Close(Mark::Done), false);
        bench.restart(graceful, 1_000);
        bench.settle(0, End::Close(Mark::Done), false);
        bench.pass(30_000);
        bench.settle(0, End::Close(Mark::Done), false);
    }
}

#[test]
fn a_confirmation_whose_answer_was_lost_is_accepted_though_the_event_was_replayed() {
    let mut bench = bench();
    bench.lease(ask(APP, Lessee::Pull, 1, false), true);
    bench.settle(0, End::Close(Mark::Done), false);
    bench.replay(0);
    bench.settle(0, End::Close(Mark::Done), false);
    bench.lease(ask(APP, Lessee::Pull, 6, false), true);
    bench.settle(0, End::Close(Mark::Done), false);
    assert_eq!(line(&bench).len(), 0);
    bench.settle(17, End::Close(Mark::Done), true);
    bench.settle(0, End::Close(Mark::Done), false);
    bench.compare();
}

#[test]
fn a_new_address_makes_retries_due_in_either_mode() {
    for mode in [Mode::Pull, Mode::Push] {
        let mut bench = bench();
        bench.configure(APP, Change::Mode(mode));
        let by = if mode == Mode::Pull { Lessee::Pull } else { Lessee::Push };
        bench.lease(ask(APP, by, 1, false), true);
        bench.settle(0, End::Retry(20_000), false);
        bench.configure(APP, Change::Url("http://b/"));
        assert_eq!(line(&bench).len(), 6);
    }
}

#[test]
fn a_course_ends_where_events_are_led_elsewhere() {
    let mut bench = bench();
    bench.configure(APP, Change::Mode(Mode::Push));
    let start = bench.course(APP);
    for (change, elsewhere) in [
        (Change::Switches(true, true, true), 0),
        (Change::Url("http://b/"), 1),
        (Change::Url("http://b/"), 0),
        // nothing is sent, and nothing is learnt
        (Change::Url(""), 0),
        (Change::Url("http://b/"), 1),
        (Change::SignKey(Some("k")), 1),
        (Change::Mode(Mode::Pull), 1),
        (Change::Mode(Mode::Push), 0),
        (Change::Status(ApplicationStatus::Off), 0),
    ] {
        let before = bench.course(APP);
        bench.configure(APP, change);
        assert_eq!(bench.course(APP) - before, elsewhere, "{change:?}");
    }
    assert_eq!(bench.course(APP) - start, 4);
}
