//! The seats of a listener: how many connections it holds, and who gets up when others come.
//!
//! A connection costs its owner next to nothing, so their number alone protects nobody: whoever
//! opens all of them and keeps quiet would keep everybody else out. Hence a connection that waits for
//! its client can be closed to make room, the one that has waited longest first, and those that never
//! showed a valid key before those that did. One that is being answered is left alone. Nobody is
//! closed who has waited only a moment, so that a crowd of honest clients queues instead of pushing
//! each other out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The share of the seats that is cleared at once, so that a flood of new connections does not wait
/// for each single one.
const CLEARED_SHARE: usize = 64;
/// How long to wait before looking again when those that were asked are slow to leave, or all are being
/// answered.
const AGAIN: Duration = Duration::from_millis(100);

/// All seats of one listener.
#[derive(Debug)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    cleared: usize,
    age: Duration,
}

/// The connections that wait for their clients, those who began first at the front.
#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    /// How many were asked to leave and have not left yet.
    leaving: usize,
    strangers: BTreeMap<u64, Waiter>,
    known: BTreeMap<u64, Waiter>,
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    leave: CancellationToken,
}

impl Seats {
    /// So many seats; nobody who has waited for less than `age` has to leave.
    pub(crate) fn new(count: usize, age: Duration) -> Arc<Self> {
        let cleared = (count / CLEARED_SHARE).max(1);
        let (free, waiting) = (Arc::new(Semaphore::new(count)), Mutex::default());
        Arc::new(Self { free, waiting, cleared, age })
    }

    /// A seat for a new connection. If there is none, others are asked to leave, or waited for.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Seat, AcquireError> {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            let again = self.make_room();
            tokio::select! {
                permit = Arc::clone(&self.free).acquire_owned() => break permit?,
                () = sleep(again) => {}
            }
        };
        let seat = Seat(Arc::new(Inner {
            seats: Arc::clone(self),
            leave: CancellationToken::new(),
            busy: AtomicBool::new(false),
            serving: AtomicBool::new(false),
            known: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            excused: AtomicBool::new(false),
            place: Mutex::new(None),
            reader: Mutex::new(None),
            _permit: permit,
        }));
        seat.0.stand(true);
        Ok(seat)
    }

    /// Asks those to leave who have waited longest; how long until it is worth asking again.
    fn make_room(&self) -> Duration {
        let now = Instant::now();
        let mut waiting = self.lock();
        if waiting.leaving > 0 {
            return AGAIN;
        }
        let mut asked = 0;
        while asked < self.cleared
            && let Some(waiter) = self.oldest(&mut waiting.strangers, now)
        {
            waiter.leave.cancel();
            asked += 1;
        }
        // a stranger who has not waited long enough yet is waited for
        if waiting.strangers.is_empty()
            && asked == 0
            && let Some(waiter) = self.oldest(&mut waiting.known, now)
        {
            waiter.leave.cancel();
            asked = 1;
        }
        waiting.leaving = asked;
        if asked > 0 {
            return AGAIN;
        }
        let front = waiting.strangers.first_key_value().or(waiting.known.first_key_value());
        let next = front.map(|(_, waiter)| waiter.since + self.age);
        next.map_or(AGAIN, |next| next.duration_since(now))
    }

    /// Takes out the one at the front, if it has waited long enough.
    fn oldest(&self, queue: &mut BTreeMap<u64, Waiter>, now: Instant) -> Option<Waiter> {
        let front = queue.first_entry()?;
        (now.duration_since(front.get().since) >= self.age).then(|| front.remove())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's seat. It is free again when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Seat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seats: Arc<Seats>,
    leave: CancellationToken,
    busy: AtomicBool,
    serving: AtomicBool,
    known: AtomicBool,
    answered: AtomicBool,
    /// Whether it is waited for no longer, though it was asked to leave.
    excused: AtomicBool,
    /// Who reads on when a request has been answered.
    reader: Mutex<Option<Waker>>,
    /// Where it stands among those that wait.
    place: Mutex<Option<u64>>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// A request has come whole, but for its body: until the guard is dropped the connection is
    /// busy. A stranger's still counts as waiting, until [`Self::know`] or [`Self::serve`].
    pub(crate) fn begin(&self) -> Turn {
        self.0.busy.store(true, Ordering::Relaxed);
        self.0.serving.store(self.is_known(), Ordering::Relaxed);
        self.0.stand(!self.is_known());
        Turn(self.clone())
    }

    /// Its client has shown a valid key.
    pub(crate) fn know(&self) {
        self.0.known.store(true, Ordering::Relaxed);
        self.serve();
    }

    /// Nothing more is waited for: an answer is being made.
    pub(crate) fn serve(&self) {
        self.0.serving.store(true, Ordering::Relaxed);
        self.0.stand(false);
        // an answer may take as long as its client likes: others are asked instead
        self.0.excuse();
    }

    /// Whether a request is there, of which the body may be missing.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Relaxed)
    }

    /// Whether an answer is being made.
    pub(crate) fn is_serving(&self) -> bool {
        self.0.serving.load(Ordering::Relaxed)
    }

    /// Whether it has ever been given an answer, which may still be on its way.
    pub(crate) fn has_answer(&self) -> bool {
        self.0.answered.load(Ordering::Relaxed)
    }

    /// Wakes that task when the answering of the request has ended.
    pub(crate) fn wake_after(&self, reader: &Waker) {
        *self.0.reader() = Some(reader.clone());
    }

    /// Whether its client has ever shown a valid key on this connection.
    pub(crate) fn is_known(&self) -> bool {
        self.0.known.load(Ordering::Relaxed)
    }

    /// Returns when the connection has to go, to make room for others.
    pub(crate) async fn wanted(&self) {
        self.0.leave.cancelled().await;
    }
}

impl Inner {
    /// Joins those that wait, at the end, or leaves them.
    fn stand(&self, waits: bool) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.seats.lock();
        if let Some(place) = place.take()
            && waiting.strangers.remove(&place).is_none()
        {
            waiting.known.remove(&place);
        }
        if !waits || self.leave.is_cancelled() {
            return;
        }
        waiting.last += 1;
        let last = waiting.last;
        let waiter = Waiter { since: Instant::now(), leave: self.leave.clone() };
        let known = self.known.load(Ordering::Relaxed);
        let queue = if known { &mut waiting.known } else { &mut waiting.strangers };
        queue.insert(last, waiter);
        *place = Some(last);
    }

    /// Counts it no longer among those that were asked to leave and have not left yet.
    fn excuse(&self) {
        if self.leave.is_cancelled() && !self.excused.swap(true, Ordering::Relaxed) {
            let mut waiting = self.seats.lock();
            waiting.leaving = waiting.leaving.saturating_sub(1);
        }
    }

    fn reader(&self) -> MutexGuard<'_, Option<Waker>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stand(false);
        self.excuse();
    }
}

/// Ends the answering of a request when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Seat);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.busy.store(false, Ordering::Relaxed);
        self.0.0.serving.store(false, Ordering::Relaxed);
        self.0.0.answered.store(true, Ordering::Relaxed);
        self.0.0.stand(true);
        let reader = self.0.0.reader().take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(1);

    async fn seats(count: usize) -> (Arc<Seats>, Vec<Seat>) {
        let seats = Seats::new(count, AGE);
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(seats.take().await.unwrap());
        }
        (seats, taken)
    }

    /// Which of them have to go when one more comes.
    async fn leaving(seats: &Arc<Seats>, taken: &[Seat]) -> Vec<usize> {
        let wanted = async {
            loop {
                let gone =
                    |(index, seat): (usize, &Seat)| seat.0.leave.is_cancelled().then_some(index);
                let gone: Vec<_> = taken.iter().enumerate().filter_map(gone).collect();
                if !gone.is_empty() {
                    return gone;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            gone = wanted => gone,
            _ = seats.take() => panic!("there was a seat"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_waited_longest_goes_but_nobody_at_once() {
        let (seats, taken) = seats(3).await;
        let begun = Instant::now();
        drop(taken[0].begin());
        assert_eq!(leaving(&seats, &taken).await, [1], "the first was answered since");
        assert!(begun.elapsed() >= AGE);
        assert!(begun.elapsed() < AGE * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_go_before_those_who_have_shown_a_key() {
        let (seats, mut taken) = seats(3).await;
        for seat in &taken[..2] {
            let turn = seat.begin();
            seat.know();
            drop(turn);
        }
        sleep(AGE * 100).await;
        assert_eq!(leaving(&seats, &taken).await, [2]);
        taken.truncate(2);
        taken.push(seats.take().await.unwrap());
        let serving = taken[2].begin();
        taken[2].serve();
        assert_eq!(leaving(&seats, &taken).await, [0], "no stranger waits");
        drop(serving);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_who_has_just_come_goes_before_who_has_shown_a_key() {
        let seats = Seats::new(2, AGE);
        let known = seats.take().await.unwrap();
        let turn = known.begin();
        known.know();
        drop(turn);
        sleep(AGE / 2).await;
        let taken = [known, seats.take().await.unwrap()];
        let begun = Instant::now();
        assert_eq!(leaving(&seats, &taken).await, [1], "it is waited for until it may be asked");
        assert!(begun.elapsed() >= AGE);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_goes_who_is_being_answered() {
        let (seats, taken) = seats(2).await;
        let turns: Vec<_> = taken.iter().map(Seat::begin).collect();
        taken.iter().for_each(Seat::serve);
        let more = tokio::time::timeout(AGE * 100, seats.take());
        assert!(more.await.is_err());
        drop((turns, taken));
        assert!(seats.take().await.is_ok());
        assert!(seats.lock().strangers.is_empty() && seats.lock().known.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_answered_after_all_keeps_nobody_else_from_going() {
        let (seats, taken) = seats(2).await;
        assert_eq!(leaving(&seats, &taken).await, [0]);
        let slow = taken[0].begin();
        taken[0].serve();
        assert_eq!(leaving(&seats, &taken[1..]).await, [0], "the other one is asked too");
        drop(slow);
        drop(taken);
        assert_eq!(seats.lock().leaving, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_whose_body_does_not_come_goes_too() {
        let (seats, taken) = seats(2).await;
        let turns: Vec<_> = taken.iter().map(Seat::begin).collect();
        taken[0].serve();
        assert_eq!(leaving(&seats, &taken).await, [1]);
        drop(turns);
    }

    #[tokio::test(start_paused = true)]
    async fn many_strangers_go_at_once() {
        let (seats, taken) = seats(256).await;
        sleep(AGE).await;
        assert_eq!(leaving(&seats, &taken).await, [0, 1, 2, 3]);
    }
}
