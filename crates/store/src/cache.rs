//! The payloads that were appended last. Most events are leased moments after they were stated, and
//! then need no table.

use std::collections::VecDeque;

use bytes::Bytes;
use model::Seq;

/// Bytes of payloads that are kept: a second or so of the busiest load.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// A run of payloads in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    run: VecDeque<(Seq, Bytes)>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn put(&mut self, seq: Seq, payload: Bytes) {
        self.bytes += payload.len();
        self.run.push_back((seq, payload));
        while self.bytes > BYTES_MAX
            && let Some((_, oldest)) = self.run.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<Bytes> {
        let index = self.run.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        self.run.get(index).map(|(_, payload)| payload.clone())
    }
}
