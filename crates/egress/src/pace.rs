//! How a request's body leaves: at once, or slowly and in pieces.
//!
//! PUSH always sends at once, with `Content-Length`. Whoever tries a receiver wants to know whether
//! it also reads to the end what a slow network or a proxy brings in pieces.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// The pace of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes of one piece; 0 is taken as 1.
    pub piece_bytes: usize,
    /// The pause after each piece but the last.
    pub pause: Duration,
    /// Whether the length is left unsaid (`Transfer-Encoding: chunked`), each piece a chunk.
    pub chunked: bool,
}

/// A body on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: Bytes,
    pace: Option<Pace>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Outgoing {
    pub(crate) const fn new(body: Bytes, pace: Option<Pace>) -> Self {
        Self { rest: body, pace, pause: None }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let most = self.pace.map_or(usize::MAX, |pace| pace.piece_bytes.max(1));
        let end = self.rest.len().min(most);
        let piece = self.rest.split_to(end);
        if let Some(pace) = self.pace.filter(|_| !self.rest.is_empty()) {
            self.pause = Some(Box::pin(sleep(pace.pause)));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.pace.is_some_and(|pace| pace.chunked) {
            return SizeHint::default();
        }
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}
