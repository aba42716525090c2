//! Playlists that have been read, for clips that are not kept: such a clip is written anew for everybody
//! who asks, nobody need show a key for it, and to read its source's playlist costs more than all else.
//!
//! What is kept is found by the name of the object in the store, which is never used twice. So it is
//! never out of date, and it says nothing of what may be served: the records are looked at for every
//! request, and a change, a deletion or ForbidMediaDistribution are felt by the next.
//!
//! Deliberately absent: the written clips. Players of one source ask for different ones, and most are
//! short.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Fault;
use crate::playlist::{MediaPlaylist, Segment};

/// Bytes that even the shortest playlist counts as, which bounds how many there are.
const ENTRY_BYTES: usize = 16 * 1024;
/// How long a turn is waited for.
const WAIT: Duration = Duration::from_millis(limits::PART_LISTS_WAIT_MS);

/// The playlists that were asked for last.
#[derive(Debug)]
pub(crate) struct Lists {
    kept: Mutex<Kept>,
    reading: Arc<Semaphore>,
    writing: Arc<Semaphore>,
}

/// The turn of somebody who has shown no key. Whatever is done in it has a part of it: who hangs up
/// meanwhile does not end what a thread has begun.
#[derive(Clone, Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held for its end")] Arc<OwnedSemaphorePermit>);

#[derive(Debug, Default)]
struct Kept {
    lists: HashMap<String, Entry>,
    bytes: usize,
    /// How often anything was asked for.
    asked: u64,
}

#[derive(Debug)]
struct Entry {
    list: Arc<MediaPlaylist>,
    bytes: usize,
    /// When it was asked for last.
    asked: u64,
}

impl Default for Lists {
    fn default() -> Self {
        let turns = || Arc::new(Semaphore::new(limits::PART_LISTS_WRITTEN_MAX));
        Self { kept: Mutex::default(), reading: turns(), writing: turns() }
    }
}

impl Lists {
    /// A turn to read a playlist, which may take as long as a bucket does.
    pub(super) async fn reading(&self) -> Result<Turn, Fault> {
        turn(&self.reading, WAIT).await
    }

    /// A turn to write a clip. Who has it waits for no playlist.
    pub(crate) async fn writing(&self) -> Result<Turn, Fault> {
        turn(&self.writing, WAIT).await
    }

    /// The playlist that was read from the object of that name.
    pub(super) fn get(&self, stored: &str) -> Option<Arc<MediaPlaylist>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.asked += 1;
        let asked = kept.asked;
        let entry = kept.lists.get_mut(stored)?;
        entry.asked = asked;
        Some(Arc::clone(&entry.list))
    }

    /// Keeps what was read from `text_bytes` bytes, as long as nothing newer needs its room.
    pub(super) fn keep(&self, stored: &str, list: &Arc<MediaPlaylist>, text_bytes: usize) {
        // a reference stands as it is written and as it is resolved
        let segments = list.segments.len().saturating_mul(size_of::<Segment>());
        let bytes = ENTRY_BYTES.saturating_add(segments).saturating_add(2 * text_bytes);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.asked += 1;
        let asked = kept.asked;
        let entry = Entry { list: Arc::clone(list), bytes, asked };
        kept.bytes += bytes;
        if let Some(before) = kept.lists.insert(stored.to_owned(), entry) {
            kept.bytes = kept.bytes.saturating_sub(before.bytes);
        }
        while kept.bytes > limits::PART_LISTS_BYTES_MAX {
            let oldest = kept.lists.iter().min_by_key(|(_, entry)| entry.asked);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else { return };
            let gone = kept.lists.remove(&name).map_or(0, |entry| entry.bytes);
            kept.bytes = kept.bytes.saturating_sub(gone);
        }
    }
}

async fn turn(turns: &Arc<Semaphore>, wait: Duration) -> Result<Turn, Fault> {
    let permit = tokio::time::timeout(wait, Arc::clone(turns).acquire_owned()).await;
    let permit = permit.map_err(|_elapsed| Fault::Busy)?.map_err(|_closed| Fault::Busy)?;
    Ok(Turn(Arc::new(permit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::{self, Playlist, path};

    fn list(segments: usize) -> Arc<MediaPlaylist> {
        let text = format!("#EXTM3U\n{}", "#EXTINF:1,\na.ts\n".repeat(segments));
        match playlist::parse(&text, |uri: &str| path::inside("", uri)).unwrap() {
            Playlist::Media(list) => Arc::new(list),
            Playlist::Master(_) => panic!(),
        }
    }

    #[test]
    fn what_was_asked_for_last_stays() {
        let lists = Lists::default();
        let one = list(1);
        let fit = limits::PART_LISTS_BYTES_MAX / (ENTRY_BYTES + size_of::<Segment>());
        for nth in 0..fit {
            lists.keep(&nth.to_string(), &one, 0);
        }
        let count = || lists.kept.lock().unwrap().lists.len();
        assert_eq!(count(), fit);
        assert!(lists.get("0").is_some());
        lists.keep("0", &one, 0);
        assert_eq!(count(), fit, "it is there once");
        lists.keep("more", &one, 0);
        assert_eq!(count(), fit);
        assert!(lists.get("0").is_some() && lists.get("more").is_some());
        lists.keep("long", &list(limits::PLAYLIST_SEGMENTS_MAX), limits::PLAYLIST_BYTES_MAX);
        assert!(lists.get("long").is_some(), "the longest has room");
        lists.keep("too long", &one, limits::PART_LISTS_BYTES_MAX);
        assert_eq!((count(), lists.kept.lock().unwrap().bytes), (0, 0));
    }

    #[tokio::test]
    async fn no_more_take_their_turn_at_once_than_may() {
        let lists = Lists::default();
        let mut turns = Vec::new();
        for _ in 0..limits::PART_LISTS_WRITTEN_MAX {
            turns.push(lists.reading().await.unwrap());
        }
        let mut next = Box::pin(lists.reading());
        assert!(futures_util::poll!(&mut next).is_pending());
        let begun = turns[0].clone();
        turns.remove(0);
        assert!(futures_util::poll!(&mut next).is_pending(), "a thread has not ended");
        drop(begun);
        assert!(futures_util::poll!(&mut next).is_ready());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_so_and_who_has_read_need_not_wait() {
        let lists = Lists::default();
        let mut turns = Vec::new();
        for _ in 0..limits::PART_LISTS_WRITTEN_MAX {
            turns.push(lists.reading().await.unwrap());
        }
        let refused = turn(&lists.reading, Duration::ZERO).await;
        assert!(matches!(refused, Err(Fault::Busy)));
        assert!(lists.writing().await.is_ok());
    }
}
