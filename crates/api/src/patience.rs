//! A stream that waits for its client only so long.
//!
//! Three things can be waited for: the head of a request (a slow drip of bytes must not hold a
//! connection), the next request on a connection that is kept open (real consumers poll every 10 or
//! 60 seconds, and a connection that ends just then costs them an error), and room to write (a
//! client that asks and never reads would hold its answer in memory). hyper has one deadline for the
//! first two together and none for the third. A client that reads a byte now and then would never end
//! it, so there is a least rate, too; only time in which the client is waited for counts. What happens
//! between head and answer is bounded where it happens; here it is not interrupted. Who never showed a
//! key is waited for less long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use model::limits;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::seats::{Seat, Turn};

/// How long each is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// The whole head of a request, from its first byte; of the first one, from the connection's
    /// beginning.
    pub(crate) head: Duration,
    /// The first byte of the next request, of a client that has shown a valid key.
    pub(crate) next: Duration,
    /// The same of any other.
    pub(crate) next_of_stranger: Duration,
    /// One byte of progress while writing.
    pub(crate) write: Duration,
    /// [`limits::ANSWER_PIECE_BYTES`] of progress, in all.
    pub(crate) crawl: Duration,
}

/// An answer's body that keeps its connection busy until it has been taken.
#[derive(Debug)]
pub(crate) struct Guarded {
    body: Body,
    _turn: Turn,
}

impl Guarded {
    pub(crate) fn new(body: Body, turn: Turn) -> Self {
        Self { body, _turn: turn }
    }
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the stream waits for from its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The rest of a head.
    Head,
    /// A head's first byte.
    Next,
    /// Nothing: a request is being answered.
    Nothing,
}

/// The stream; fails with `TimedOut` when its patience ends.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    stream: S,
    patience: Patience,
    seat: Seat,
    awaited: Awaited,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Writing>,
    /// Bytes that were written since the client took the last piece, and how long it was waited for since.
    piece: (u64, Duration),
}

/// A write that waits for room.
#[derive(Debug)]
struct Writing {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, patience: Patience, seat: Seat) -> Self {
        let reading = Some(Box::pin(sleep(patience.head)));
        Self {
            stream,
            patience,
            seat,
            awaited: Awaited::Head,
            reading,
            writing: None,
            piece: Default::default(),
        }
    }

    /// Follows what happens above: a head that is complete makes the connection busy, and an answer
    /// that has been taken makes it wait for the next head.
    fn follow(&mut self) {
        match (self.seat.is_busy(), self.awaited) {
            (true, Awaited::Head | Awaited::Next) => {
                self.awaited = Awaited::Nothing;
                self.reading = None;
            }
            (false, Awaited::Nothing) => {
                self.awaited = Awaited::Next;
                let Patience { next, next_of_stranger, .. } = self.patience;
                let patience = if self.seat.is_known() { next } else { next_of_stranger };
                self.reading = Some(Box::pin(sleep(patience)));
            }
            (true, Awaited::Nothing) | (false, Awaited::Head | Awaited::Next) => {}
        }
    }

    /// What comes of a write; `written` tells how many bytes went.
    fn wrote<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        written: impl FnOnce(&T) -> usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(outcome) = outcome {
            let (bytes, waited) = &mut self.piece;
            let now = self.writing.take().map_or(Duration::ZERO, |one| one.since.elapsed());
            *waited = waited.saturating_add(now);
            let more = outcome.as_ref().map_or(0, written);
            *bytes = bytes.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
            if *bytes >= limits::ANSWER_PIECE_BYTES {
                self.piece = (0, Duration::ZERO);
            }
            return Poll::Ready(outcome);
        }
        let left = self.patience.crawl.saturating_sub(self.piece.1);
        let patience = self.patience.write.min(left);
        let begin = || Writing { since: Instant::now(), end: Box::pin(sleep(patience)) };
        ready!(self.writing.get_or_insert_with(begin).end.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.follow();
        // before the read, so that a drip of ready bytes cannot outrun it
        if self.reading.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if self.awaited == Awaited::Nothing {
            // hyper does not read again by itself when an answer is done, and the wait would not end
            self.seat.wake_after(cx.waker());
        }
        let before = buf.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if self.awaited == Awaited::Next && buf.filled().len() > before {
            self.awaited = Awaited::Head;
            self.reading = Some(Box::pin(sleep(self.patience.head)));
        }
        Poll::Ready(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(outcome, |written| *written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.wrote(outcome, |()| 0, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wrote(outcome, |()| 0, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(outcome, |written| *written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::seats::Seats;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        next: Duration::from_secs(75),
        next_of_stranger: Duration::from_secs(15),
        write: Duration::from_mins(1),
        crawl: Duration::from_mins(5),
    };

    async fn pair() -> (Patient<DuplexStream>, DuplexStream, Seat) {
        let (near, far) = tokio::io::duplex(4);
        let seat = Seats::new(1, Duration::ZERO).take().await.unwrap();
        (Patient::new(near, PATIENCE, seat.clone()), far, seat)
    }

    async fn gives_up_after(near: &mut Patient<DuplexStream>, seconds: u64) {
        let begun = Instant::now();
        let outcome = near.read_u8().await;
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), seconds);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_one_deadline_however_it_drips() {
        let (mut near, mut far, _seat) = pair().await;
        let drip = async {
            for _ in 0..20 {
                sleep(Duration::from_millis(900)).await;
                far.write_u8(1).await.unwrap();
            }
        };
        let read = async {
            let begun = Instant::now();
            while near.read_u8().await.is_ok() {}
            assert_eq!(begun.elapsed().as_secs(), 10);
        };
        tokio::select! {
            () = read => {}
            () = drip => panic!("the drip was read to its end"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_request_may_come_late_and_an_answer_later() {
        let (mut near, mut far, seat) = pair().await;
        far.write_u8(1).await.unwrap();
        near.read_u8().await.unwrap();
        let turn = seat.begin();
        seat.know();
        let long = tokio::time::timeout(Duration::from_secs(9_999), near.read_u8());
        assert!(long.await.is_err(), "nothing is awaited while an answer is made");
        drop(turn);
        gives_up_after(&mut near, 75).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_waited_for_less_long() {
        let (mut near, _far, seat) = pair().await;
        let turn = seat.begin();
        near.follow();
        drop(turn);
        gives_up_after(&mut near, 15).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_head_begins_with_its_first_byte() {
        let (mut near, mut far, seat) = pair().await;
        drop(seat.begin());
        near.follow();
        let turn = seat.begin();
        seat.know();
        near.follow();
        drop(turn);
        let late = async {
            sleep(Duration::from_secs(70)).await;
            far.write_u8(1).await.unwrap();
        };
        let (byte, ()) = tokio::join!(near.read_u8(), late);
        assert_eq!(byte.unwrap(), 1);
        gives_up_after(&mut near, 10).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_ends_the_stream() {
        let (mut near, mut far, _seat) = pair().await;
        let slow = async {
            let mut piece = [0; 2];
            for _ in 0..3 {
                sleep(Duration::from_secs(50)).await;
                far.read_exact(&mut piece).await.unwrap();
            }
            far
        };
        let begun = Instant::now();
        let (outcome, _far) = tokio::join!(near.write_all(&[7; 64]), slow);
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 50 * 3 + 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_ends_the_stream_too() {
        let (mut near, mut far, _seat) = pair().await;
        let slow = async {
            loop {
                sleep(Duration::from_secs(50)).await;
                far.read_u8().await.unwrap();
            }
        };
        let begun = Instant::now();
        let answer = [7; 64];
        let outcome = tokio::select! {
            outcome = near.write_all(&answer) => outcome,
            () = slow => panic!("it reads for ever"),
        };
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), PATIENCE.crawl);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_takes_all_of_a_long_answer() {
        let (near, mut far) = tokio::io::duplex(4_096);
        let seat = Seats::new(1, Duration::ZERO).take().await.unwrap();
        let mut near = Patient::new(near, PATIENCE, seat);
        let answer = vec![7; 4 * 1024 * 1024];
        // 64 kbit/s, after which nothing comes for a while
        let slow = async {
            let mut second = [0; 8_000];
            for _ in 0..answer.len() / second.len() {
                sleep(Duration::from_secs(1)).await;
                far.read_exact(&mut second).await.unwrap();
            }
            sleep(Duration::from_secs(50)).await;
            far.read_exact(&mut second[..answer.len() % 8_000]).await.unwrap();
        };
        let begun = Instant::now();
        let (outcome, ()) = tokio::join!(near.write_all(&answer), slow);
        outcome.unwrap();
        assert!(begun.elapsed() > PATIENCE.crawl);
    }
}
