//! The payloads that were appended last. Most events are leased moments after they were stated, and
//! then need no table.

use std::collections::VecDeque;

use bytes::Bytes;
use model::Seq;

/// Bytes of payloads that are kept: a second or so of the busiest load.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// What a payload takes besides its bytes: its place in the run, and what keeps the bytes.
const OVERHEAD: usize = 96;

/// A run of payloads in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    run: VecDeque<(Seq, Bytes)>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn put(&mut self, seq: Seq, payload: Bytes) {
        self.bytes += payload.len() + OVERHEAD;
        self.run.push_back((seq, payload));
        while self.bytes > BYTES_MAX
            && let Some((_, oldest)) = self.run.pop_front()
        {
            self.bytes -= oldest.len() + OVERHEAD;
        }
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<Bytes> {
        let index = self.run.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        self.run.get(index).map(|(_, payload)| payload.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_payloads_count_with_what_keeps_them() {
        let mut cache = Cache::default();
        let last = 1_000_000;
        for seq in 1..=last {
            cache.put(Seq(seq), Bytes::from_static(b"{}"));
        }
        assert!(cache.run.len() < 400_000, "{}", cache.run.len());
        assert_eq!(cache.get(Seq(1)), None);
        assert_eq!(cache.get(Seq(last)), Some(Bytes::from_static(b"{}")));
        cache.put(Seq(last + 1), Bytes::from(vec![b'x'; BYTES_MAX]));
        assert_eq!((cache.run.len(), cache.bytes), (0, 0));
    }
}
