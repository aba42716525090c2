//! A connection that counts what it reads, and stops reading at a limit.
//!
//! The count tells whether a reused connection died before the first byte of an answer, which
//! decides whether the request may be sent again. The limit ends what hyper would read on and on:
//! endless interim answers (1xx) and headers.
//!
//! Nothing is read before the first byte is written: some receivers answer as soon as they are
//! connected to, and hyper takes an answer that it finds before it has sent the request for a fault.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection can be: TCP, or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The count and the limit of one connection, shared between the connection, which hyper owns, and
/// the exchange.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    read: AtomicU64,
    limit: AtomicU64,
}

impl Meter {
    /// Bytes read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Lets that many more bytes be read from here on.
    pub(crate) fn grant(&self, bytes: u64) {
        self.limit.store(self.read().saturating_add(bytes), Ordering::Relaxed);
    }

    /// Whether nothing more may be read.
    pub(crate) fn exhausted(&self) -> bool {
        self.read() >= self.limit.load(Ordering::Relaxed)
    }
}

/// A stream under a [`Meter`].
pub(crate) struct Metered {
    inner: Box<dyn Stream>,
    meter: Arc<Meter>,
    written: bool,
    /// Who wants to read and may not yet.
    reader: Option<Waker>,
}

impl Metered {
    pub(crate) fn new(inner: Box<dyn Stream>, meter: Arc<Meter>) -> Self {
        Self { inner, meter, written: false, reader: None }
    }

    /// Lets reading begin, whatever came of the write: an error is to be found by the reader too.
    fn written(&mut self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            self.written = true;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        outcome
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.meter.exhausted() {
            return Poll::Ready(Err(io::Error::other("the answer is too large")));
        }
        if !self.written {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let grown = buf.filled().len().saturating_sub(before);
        self.meter.read.fetch_add(u64::try_from(grown).unwrap_or(u64::MAX), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_there_before_the_request_is_its_answer() {
        let (near, mut far) = tokio::io::duplex(4096);
        far.write_all(b"HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        let meter = Arc::new(Meter::default());
        meter.grant(4096);
        let io = TokioIo::new(Metered::new(Box::new(near), meter));
        let (mut sender, driver) = http1::handshake::<_, Full<Bytes>>(io).await.unwrap();
        let driving = tokio_util::task::TaskTracker::new().spawn(driver);
        let request = http::Request::post("/").body(Full::from("{}")).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), 202);
        drop(sender);
        driving.await.unwrap().unwrap();
        let mut sent = String::new();
        far.read_to_string(&mut sent).await.unwrap();
        assert!(sent.ends_with("{}"), "{sent}");
    }
}
