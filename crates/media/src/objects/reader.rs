//! Bytes of an object on their way out.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf, Take};
use tokio_util::io::StreamReader;

use super::bucket::Bucket;
use super::counts::Counts;

/// Bytes of an object.
pub struct ObjectReader {
    source: Source,
    counts: Arc<Counts>,
}

enum Source {
    File(Take<tokio::fs::File>),
    Bucket(Box<StreamReader<BucketStream, Bytes>>, Arc<Bucket>),
}

/// What the bucket sends.
pub(super) type BucketStream = BoxStream<'static, object_store::Result<Bytes>>;

impl ObjectReader {
    pub(super) fn of_file(file: tokio::fs::File, len: u64, counts: Arc<Counts>) -> Self {
        Self { source: Source::File(file.take(len)), counts }
    }

    pub(super) fn of_bucket(stream: BucketStream, bucket: &Arc<Bucket>) -> Self {
        let source = Source::Bucket(Box::new(StreamReader::new(stream)), Arc::clone(bucket));
        Self { source, counts: Arc::clone(bucket.counts()) }
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").finish_non_exhaustive()
    }
}

impl AsyncRead for ObjectReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match &mut self.source {
            Source::File(file) => ready!(Pin::new(file).poll_read(cx, buf))?,
            Source::Bucket(stream, bucket) => ready!(Pin::new(stream).poll_read(cx, buf))
                .map_err(|error| bucket.explain_read(error))?,
        }
        self.counts.read_bytes(buf.filled().len().saturating_sub(before));
        Poll::Ready(Ok(()))
    }
}
