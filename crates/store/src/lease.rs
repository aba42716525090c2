//! Leasing: first come, first served, and nothing is leased to somebody who has left.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use model::{AppId, Seq, Timestamp};
use queue::{Ask, Grant, LeaseError, LeaseRequest, Leased, Lessee, Refusal};
use rusqlite::OptionalExtension;
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::shared::{Shared, Turn};
use crate::sql;

/// Leases what is ready, after waiting for it if asked to.
pub(crate) async fn lease(
    shared: &Shared,
    request: LeaseRequest,
) -> Result<Vec<Leased>, LeaseError> {
    let turn = shared.turn(request.app);
    // kept to the end: what does not fit is given back before the next in line leases anything
    let mut line = None;
    let grants = wait(shared, &request, &turn, &mut line).await?;
    // if the caller leaves while the payloads are read, nothing was leased
    let mut unseen = Unseen { shared, app: request.app, grants };
    let bodies = bodies(shared, &unseen.grants).await?;
    let mut leased = Vec::with_capacity(bodies.len());
    let mut bytes = 0_usize;
    for (grant, (payload, born)) in unseen.grants.iter().zip(bodies) {
        bytes = bytes.saturating_add(payload.len());
        if bytes > request.max_bytes && !leased.is_empty() {
            break;
        }
        leased.push(describe(shared, grant, payload, born));
    }
    unseen.grants.drain(..leased.len());
    // in this order
    drop(unseen);
    drop(line);
    Ok(leased)
}

fn describe(shared: &Shared, grant: &Grant, payload: Bytes, born: Timestamp) -> Leased {
    let now = shared.steady();
    let first = grant.entry.first_attempt();
    Leased {
        handle: grant.handle,
        kind: grant.entry.kind,
        payload,
        attempts: u32::from(grant.entry.attempts),
        since_first_attempt_ms: first.map(|first| now.since_ms(first)),
        born,
        life: grant.life,
    }
}

/// Leases that nobody has seen yet; dropping it undoes them.
struct Unseen<'a> {
    shared: &'a Shared,
    app: AppId,
    grants: Vec<Grant>,
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        if self.grants.is_empty() {
            return;
        }
        let mut engine = self.shared.engine();
        engine.unlease(&self.grants);
        drop(engine);
        self.shared.wake(&BTreeSet::from([self.app]));
    }
}

/// Waits in line; who has the turn keeps it in `line`.
async fn wait<'a>(
    shared: &Shared,
    request: &LeaseRequest,
    turn: &'a Turn,
    line: &mut Option<MutexGuard<'a, ()>>,
) -> Result<Vec<Grant>, LeaseError> {
    let ask = Ask {
        app: request.app,
        by: request.by,
        max: request.max,
        hold_ms: u64::try_from(request.hold.as_millis()).unwrap_or(u64::MAX),
        fewest_attempts: request.fewest_attempts,
    };
    if request.by == Lessee::Push || request.wait.is_zero() {
        return take(shared, ask).map(|(grants, _)| grants);
    }
    let deadline = Instant::now() + request.wait;
    let Ok(turned) = timeout_at(deadline, turn.line.lock()).await else {
        return take(shared, ask).map(|(grants, _)| grants);
    };
    *line = Some(turned);
    in_turn(shared, ask, turn, deadline).await
}

/// Waits at the head of the line.
async fn in_turn(
    shared: &Shared,
    ask: Ask,
    turn: &Turn,
    deadline: Instant,
) -> Result<Vec<Grant>, LeaseError> {
    loop {
        // register before looking, so that what comes in between is not missed
        let notified = turn.ready.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        let (grants, timer) = take(shared, ask)?;
        let now = Instant::now();
        if !grants.is_empty() || now >= deadline {
            return Ok(grants);
        }
        let until =
            timer.map_or(deadline, |ms| deadline.min(now + Duration::from_millis(ms.max(1))));
        tokio::select! {
            () = notified => {}
            () = sleep_until(until) => {}
        }
    }
}

/// Leases what is ready now; and how many milliseconds until time makes something else of that
/// application ready. Those of others wake whoever waits for them.
fn take(shared: &Shared, ask: Ask) -> Result<(Vec<Grant>, Option<u64>), LeaseError> {
    let now = shared.steady();
    let mut engine = shared.engine();
    // with the lock held: a graceful stop writes down what is leased until then, and no more is
    shared.status.check()?;
    let woken = engine.advance(now);
    let grants = engine.lease(ask, now).map_err(|refusal| match refusal {
        Refusal::WrongMode => LeaseError::WrongMode,
        Refusal::Unknown => LeaseError::UnknownApplication(ask.app),
    });
    let timer = engine.next_timer_of(ask.app).map(|at| at.since_ms(now));
    drop(engine);
    shared.wake(&woken);
    Ok((grants?, timer))
}

/// Payload and time of each entry, in order.
async fn bodies(shared: &Shared, grants: &[Grant]) -> Result<Vec<(Bytes, Timestamp)>, LeaseError> {
    let mut bodies = Vec::with_capacity(grants.len());
    let mut missing = Vec::new();
    {
        let cache = shared.cache();
        for (index, grant) in grants.iter().enumerate() {
            let seq = grant.entry.seq;
            let cached = cache.get(seq);
            if cached.is_none() {
                missing.push((index, seq));
            }
            bodies.push((cached.unwrap_or_default(), grant.entry.born().into()));
        }
    }
    if missing.is_empty() {
        return Ok(bodies);
    }
    let read = shared.readers.read(move |db| {
        let mut read = Vec::with_capacity(missing.len());
        for (index, seq) in missing {
            let body: Option<Vec<u8>> = payload(db, seq)?;
            read.push((index, seq, body));
        }
        Ok(read)
    });
    for (index, seq, body) in read.await? {
        let lost = || shared.status.fail(&format!("the payload of open entry {seq} is missing"));
        let body = body.ok_or_else(lost)?;
        if let Some(slot) = bodies.get_mut(index) {
            slot.0 = Bytes::from(body);
        }
    }
    Ok(bodies)
}

fn payload(db: &rusqlite::Connection, seq: Seq) -> rusqlite::Result<Option<Vec<u8>>> {
    let select = "SELECT body FROM payload WHERE seq = ?1";
    db.prepare_cached(select)?.query_row([sql(seq.0)], |row| row.get(0)).optional()
}

/// Waits until time or somebody's change may have brought work for PUSH.
pub(crate) async fn hint(shared: &Shared) {
    let now = shared.steady();
    let timer = shared.engine().next_timer().map(|at| at.since_ms(now));
    let sleep = async {
        match timer {
            Some(ms) => sleep_until(Instant::now() + Duration::from_millis(ms.max(1))).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shared.push.notified() => {}
        () = sleep => {}
    }
    let woken = shared.engine().advance(shared.steady());
    shared.wake(&woken);
}
