//! Reading API bodies into memory without letting anybody fill it.
//!
//! Three bounds: bytes of one body, time for all of it, and bytes of all large bodies together. The
//! first few KiB of each body are outside the common budget, so that ordinary calls go on while
//! somebody occupies it with large ones; at the most connections that comes to a bounded sum. The
//! budget is spent as bytes come, so that nobody occupies what was only announced. When it is spent,
//! one body at a time may go beyond it: else bodies that each hold a part and wait for more would wait
//! for each other until all of them were out of time.
//! Bodies of objects (the COS surface) do not come through here: they are streamed to disk.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Bytes of each body that the common budget does not count: 8,192 connections times this is
/// 128 MiB.
const FREE_BYTES: usize = 16 * 1024;
/// Bytes of a refused body that are read and thrown away, so that its sender gets to see the answer
/// instead of a reset connection.
const DISCARD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long that may take.
const DISCARD_MS: u64 = 5_000;

/// What all large bodies together may take: so many bytes, and one body beyond them.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: Semaphore,
    turn: Semaphore,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes: Semaphore::new(bytes), turn: Semaphore::new(1) }
    }

    /// That many bytes, or the turn to go beyond all of them, whichever is there first.
    async fn more(&self, bytes: u32) -> Result<More<'_>, AcquireError> {
        tokio::select! {
            biased;
            permit = self.bytes.acquire_many(bytes) => permit.map(More::Bytes),
            permit = self.turn.acquire() => permit.map(More::Turn),
        }
    }
}

enum More<'a> {
    Bytes(SemaphorePermit<'a>),
    Turn(SemaphorePermit<'a>),
}

/// A body in memory; its share of the budget is returned with it.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    pub(crate) bytes: Bytes,
    _share: Share<'a>,
}

/// What one body has of the budget.
#[derive(Debug, Default)]
struct Share<'a> {
    bytes: Option<SemaphorePermit<'a>>,
    turn: Option<SemaphorePermit<'a>>,
}

impl<'a> Share<'a> {
    /// How many bytes a body of `length` lacks.
    fn lacks(&self, length: usize) -> u32 {
        let held = self.bytes.as_ref().map_or(0, SemaphorePermit::num_permits);
        let lacks = length.saturating_sub(FREE_BYTES).saturating_sub(held);
        if self.turn.is_some() { 0 } else { u32::try_from(lacks).unwrap_or(u32::MAX) }
    }

    fn add(&mut self, more: More<'a>) {
        match (more, &mut self.bytes) {
            (More::Bytes(permit), Some(bytes)) => bytes.merge(permit),
            (More::Bytes(permit), none) => *none = Some(permit),
            (More::Turn(permit), _) => self.turn = Some(permit),
        }
    }
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is longer than allowed. What came of it was thrown away.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// It was not complete in time.
    #[error("the body was not complete after {0:?}")]
    TooSlow(Duration),
    /// The connection or the encoding broke.
    #[error("the body could not be read")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Reads a body of at most `max` bytes within `time`.
pub(crate) async fn read<B>(
    mut body: B,
    max: usize,
    time: Duration,
    budget: &Budget,
) -> Result<Held<'_>, BodyError>
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let deadline = Instant::now() + time;
    let max_u64 = u64::try_from(max).unwrap_or(u64::MAX);
    if body.size_hint().lower() > max_u64 {
        discard(body).await;
        return Err(BodyError::TooLarge(max));
    }
    let mut bytes = BytesMut::new();
    let mut share = Share::default();
    loop {
        let frame = timeout_at(deadline, body.frame())
            .await
            .map_err(|_elapsed| BodyError::TooSlow(time))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > max {
            drop((bytes, share));
            discard(body).await;
            return Err(BodyError::TooLarge(max));
        }
        let lacks = share.lacks(length);
        if lacks > 0 {
            let more = timeout_at(deadline, budget.more(lacks))
                .await
                .map_err(|_elapsed| BodyError::TooSlow(time))?
                .map_err(|closed| BodyError::Broken(closed.into()))?;
            share.add(more);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Held { bytes: bytes.freeze(), _share: share })
}

/// Reads on without keeping anything, within bounds.
pub(crate) async fn discard<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = DISCARD_BYTES_MAX;
    let drain = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let end = Instant::now() + Duration::from_millis(DISCARD_MS);
    if timeout_at(end, drain).await.is_err() {
        tracing::debug!("gave up reading a body that was refused");
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::{Frame, SizeHint};
    use http_body_util::Full;

    use super::*;

    const TIME: Duration = Duration::from_secs(3);

    #[tokio::test(start_paused = true)]
    async fn large_bodies_share_a_budget_and_small_ones_do_not_wait() {
        let budget = Budget::new(100 * 1024);
        let large = || Full::new(Bytes::from(vec![1; 100 * 1024]));
        let first = read(large(), 1 << 20, TIME, &budget).await.unwrap();
        assert_eq!(budget.bytes.available_permits(), FREE_BYTES);
        let second = read(large(), 1 << 20, TIME, &budget).await.unwrap();
        assert_eq!(budget.bytes.available_permits(), FREE_BYTES, "it went beyond");
        let third = read(large(), 1 << 20, TIME, &budget).await;
        assert!(matches!(third, Err(BodyError::TooSlow(_))));
        let small = Full::new(Bytes::from(vec![1; FREE_BYTES]));
        assert_eq!(read(small, 1 << 20, TIME, &budget).await.unwrap().bytes.len(), FREE_BYTES);
        drop((first, second));
        assert_eq!(budget.bytes.available_permits(), 100 * 1024);
        assert!(read(large(), 1 << 20, TIME, &budget).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_come_at_once_do_not_wait_for_each_other() {
        let budget = Budget::new(256 * 1024);
        for declared in [true, false] {
            let one = async || {
                let body = Piecewise { left: 10, declared, ready: false };
                read(body, 10 * PIECE, TIME, &budget).await.map(|held| held.bytes.len())
            };
            let (a, b, c) = tokio::join!(one(), one(), one());
            for length in [a, b, c] {
                assert_eq!(length.unwrap(), 10 * PIECE, "declared: {declared}");
            }
            assert_eq!(budget.bytes.available_permits(), 256 * 1024);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_only_announced_occupies_nothing() {
        let budget = Budget::new(512 * 1024);
        let stuck = async || read(Announced { sent: false }, 10 * PIECE, TIME, &budget).await;
        let honest = async {
            let begun = Instant::now();
            let body = Piecewise { left: 10, declared: true, ready: false };
            assert!(read(body, 10 * PIECE, TIME, &budget).await.is_ok());
            begun.elapsed()
        };
        let (a, b, c, d, elapsed) = tokio::join!(stuck(), stuck(), stuck(), stuck(), honest);
        assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
        for outcome in [a, b, c, d] {
            assert!(matches!(outcome, Err(BodyError::TooSlow(_))));
        }
    }

    /// A body that announces ten pieces and sends two.
    struct Announced {
        sent: bool,
    }

    impl Body for Announced {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            if std::mem::replace(&mut self.sent, true) {
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![1; 2 * PIECE])))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(u64::try_from(10 * PIECE).unwrap())
        }
    }

    const PIECE: usize = 16 * 1024;

    /// A body that comes in pieces, so that several of them come at the same time.
    struct Piecewise {
        left: usize,
        declared: bool,
        ready: bool,
    }

    impl Body for Piecewise {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            self.ready = !self.ready;
            if self.ready {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(self.left.checked_sub(1).map(|left| {
                self.left = left;
                Ok(Frame::data(Bytes::from(vec![1; PIECE])))
            }))
        }

        fn size_hint(&self) -> SizeHint {
            let left = u64::try_from(self.left * PIECE).unwrap();
            if self.declared { SizeHint::with_exact(left) } else { SizeHint::new() }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn length_and_time_are_bounded() {
        let budget = Budget::new(1 << 20);
        let long = Full::new(Bytes::from(vec![1; 11]));
        let refused = read(long, 10, TIME, &budget).await;
        assert!(matches!(refused, Err(BodyError::TooLarge(10))));
        let slow = read(Silent, 10, TIME, &budget).await;
        assert!(matches!(slow, Err(BodyError::TooSlow(_))));
    }

    /// A body that never ends and never says anything.
    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            Poll::Pending
        }
    }
}
