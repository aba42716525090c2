//! Room for answers that are made in memory: playlists of clips that are not kept, and what is signed for
//! whoever asks.
//!
//! Such an answer is held until its client has taken it, and a client may take minutes for each piece. So
//! all long ones share a bound, whatever they are; who would go beyond it is told to come again. Short ones
//! are outside of it: at the most connections they come to a bounded sum, and they go on while others hold
//! the long ones.
//!
//! Deliberately absent: objects, which are read as they are taken.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media::Fault;
use model::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Bytes of each answer that are not counted.
const FREE_BYTES: usize = 16 * 1024;
/// How long room is waited for.
const WAIT: Duration = Duration::from_millis(limits::ANSWER_TEXTS_WAIT_MS);

/// The room that is left, in bytes.
#[derive(Debug)]
pub(crate) struct Texts(Arc<Semaphore>);

/// A text that gives its room back when the last of it is gone.
struct Kept {
    text: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(limits::ANSWER_TEXTS_BYTES)))
    }
}

impl Texts {
    /// The same text, counted as long as any part of it is in use.
    ///
    /// # Errors
    /// [`Fault::Busy`] if there is no room for it in time.
    pub(super) async fn kept(&self, text: Bytes) -> Result<Bytes, Fault> {
        let counted = text.len().saturating_sub(FREE_BYTES);
        if counted == 0 {
            return Ok(text);
        }
        let counted = u32::try_from(counted).map_err(|_too_long| Fault::Busy)?;
        let room = timeout(WAIT, Arc::clone(&self.0).acquire_many_owned(counted)).await;
        let room = room.map_err(|_elapsed| Fault::Busy)?.map_err(|_closed| Fault::Busy)?;
        Ok(Bytes::from_owner(Kept { text, _room: room }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn long_ones_share_a_bound_and_short_ones_do_not() {
        let texts = Texts::default();
        let text = |len: usize| Bytes::from(vec![7; len]);
        let largest = text(limits::SIGNED_MANIFEST_BYTES_MAX + FREE_BYTES);
        let mut held = Vec::new();
        for _ in 0..limits::ANSWER_TEXTS_BYTES / limits::SIGNED_MANIFEST_BYTES_MAX {
            held.push(texts.kept(largest.clone()).await.unwrap());
        }
        assert!(matches!(texts.kept(text(FREE_BYTES + 1)).await, Err(Fault::Busy)));
        assert_eq!(texts.kept(text(FREE_BYTES)).await.unwrap().len(), FREE_BYTES);
        let rest = held[0].slice(..1);
        held.clear();
        assert!(texts.kept(largest.clone()).await.is_ok(), "those that are gone give room back");
        let room = limits::ANSWER_TEXTS_BYTES - limits::SIGNED_MANIFEST_BYTES_MAX;
        assert_eq!(texts.0.available_permits(), room, "a part keeps all of it");
        drop(rest);
        assert_eq!(texts.0.available_permits(), limits::ANSWER_TEXTS_BYTES);
    }
}
