//! A file that is elsewhere, as far as a probe needs it: a local file of the same length, with holes.
//!
//! Containers describe themselves at their beginning and at their end, and what is between is played,
//! not looked at; so a film of many gigabytes in a bucket costs a few megabytes of traffic. MP4 alone
//! may keep its description anywhere: its boxes are followed from one to the next. The local file has
//! no name, so that not even a crash leaves it behind. Absent: files on this machine, which are
//! looked at where they are.

use std::fs::File;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::Path;

use model::limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::input::Input;
use super::mp4;
use super::sniff::{self, Container, Kind};

/// Bytes of the beginning: what ffprobe itself looks at before it gives up (5 MB), with room.
const HEAD_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of the end: the tags, the index and the last time stamps.
const TAIL_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes fetched for the sake of one box's head: the rest is often the next box.
const STEP_BYTES: u64 = 4 * 1024;
/// Requests for boxes: half an hour in fragments of 2 s. A file that needs more is not understood,
/// which is better than half of its length.
const STEPS_MAX: usize = 1_000;

/// What a probe needs of a file of `size` bytes: an unnamed file in `directory`. `read` reads so many
/// bytes (its second argument) from an offset on. None: it would take too much.
///
/// # Errors
/// The file cannot be read, ends before `size`, or the excerpt cannot be written.
pub async fn excerpt<R, F>(
    directory: &Path,
    size: u64,
    read: impl Fn(u64, u64) -> F,
) -> io::Result<Option<File>>
where
    F: Future<Output = io::Result<R>>,
    R: AsyncRead + Unpin,
{
    let file = unnamed(directory).await?;
    file.set_len(size)?;
    let mut excerpt = Excerpt {
        file: tokio::fs::File::from_std(file),
        size,
        read,
        fetched: Vec::new(),
        budget: limits::PROBE_READ_BYTES_MAX,
    };
    excerpt.fetch(0..HEAD_BYTES).await?;
    excerpt.fetch(size.saturating_sub(TAIL_BYTES)..size).await?;
    if excerpt.kind().await? == Kind::Media(Container::Mp4) && !excerpt.follow_boxes().await? {
        return Ok(None);
    }
    excerpt.file.flush().await?;
    Ok(Some(excerpt.file.into_std().await))
}

/// A new empty file that is gone with its last handle.
///
/// # Errors
/// It cannot be made.
pub(crate) async fn unnamed(directory: &Path) -> io::Result<File> {
    let directory = directory.to_owned();
    let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(directory));
    made.await.map_err(io::Error::other)?
}

struct Excerpt<Read> {
    file: tokio::fs::File,
    size: u64,
    read: Read,
    /// What is no hole, in the order in which it came.
    fetched: Vec<Range<u64>>,
    /// Bytes that may still be fetched.
    budget: u64,
}

impl<Read, R, F> Excerpt<Read>
where
    Read: Fn(u64, u64) -> F,
    F: Future<Output = io::Result<R>>,
    R: AsyncRead + Unpin,
{
    /// Fetches what is not there yet of a range, as far as the file goes; false: it would be too much.
    async fn fetch(&mut self, range: Range<u64>) -> io::Result<bool> {
        let end = range.end.min(self.size);
        let mut at = range.start;
        while at < end {
            if let Some(there) = self.fetched.iter().find(|there| there.contains(&at)) {
                at = there.end;
                continue;
            }
            let next = self.fetched.iter().map(|there| there.start).filter(|start| *start > at);
            let until = next.min().unwrap_or(end).min(end);
            let len = until.saturating_sub(at);
            let Some(budget) = self.budget.checked_sub(len) else { return Ok(false) };
            self.budget = budget;
            self.file.seek(SeekFrom::Start(at)).await?;
            let mut reader = (self.read)(at, len).await?.take(len);
            if tokio::io::copy(&mut reader, &mut self.file).await? != len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.fetched.push(at..until);
            at = until;
        }
        Ok(true)
    }

    async fn kind(&mut self) -> io::Result<Kind> {
        self.file.flush().await?;
        let file = self.file.try_clone().await?.into_std().await;
        let sniffed = tokio::task::spawn_blocking(move || {
            sniff::sniff(&mut Input::new(file, limits::PROBE_READ_BYTES_MAX)?)
        });
        sniffed.await.map_err(io::Error::other)?
    }

    /// Fetches the boxes that describe the film; false: they are too many or too large.
    async fn follow_boxes(&mut self) -> io::Result<bool> {
        let mut at = 0;
        for _ in 0..STEPS_MAX {
            if at >= self.size {
                return Ok(true);
            }
            if !self.fetch(at..at.saturating_add(STEP_BYTES)).await? {
                return Ok(false);
            }
            let mut head = Vec::new();
            self.file.seek(SeekFrom::Start(at)).await?;
            (&mut self.file).take(16).read_to_end(&mut head).await?;
            let left = self.size.saturating_sub(at);
            // what is no box ends the boxes for every reader
            let Some((name, _, size)) = mp4::top_box(&head, left) else { return Ok(true) };
            let end = at.saturating_add(size);
            if matches!(&name, b"moov" | b"moof" | b"sidx") && !self.fetch(at..end).await? {
                return Ok(false);
            }
            at = end;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn bytes(len: u64) -> Vec<u8> {
        (0..len).map(|n| n.to_le_bytes()[1]).collect()
    }

    /// What an excerpt of `whole` holds, and how many bytes were read for it.
    async fn taken(whole: &[u8]) -> (Option<Vec<u8>>, u64) {
        let directory = tempfile::tempdir().unwrap();
        let fetched = AtomicU64::new(0);
        let read = async |start: u64, len: u64| {
            fetched.fetch_add(len, Ordering::Relaxed);
            let start = usize::try_from(start).unwrap();
            let piece = whole.get(start..start + usize::try_from(len).unwrap());
            piece.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
        };
        let size = u64::try_from(whole.len()).unwrap();
        let made = excerpt(directory.path(), size, read).await.unwrap();
        let held = made.map(|mut file| {
            let mut held = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut held).unwrap();
            held
        });
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "it has no name");
        (held, fetched.into_inner())
    }

    fn a_box(name: [u8; 4], len: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(len).unwrap().to_be_bytes().to_vec();
        bytes.extend(name);
        bytes.resize(len, 7);
        bytes
    }

    #[tokio::test]
    async fn a_small_file_is_there_whole_and_read_once() {
        for len in [0, 1, HEAD_BYTES, HEAD_BYTES + TAIL_BYTES] {
            let whole = bytes(len);
            let (held, fetched) = taken(&whole).await;
            assert!(held.unwrap() == whole, "{len}");
            assert_eq!(fetched, len);
        }
    }

    #[tokio::test]
    async fn of_a_large_file_the_ends_are_there() {
        let len = 3 * HEAD_BYTES;
        let whole = bytes(len);
        let (taken, fetched) = taken(&whole).await;
        let taken = taken.unwrap();
        assert_eq!(fetched, HEAD_BYTES + TAIL_BYTES);
        assert_eq!(taken.len(), whole.len());
        let (head, tail) =
            (usize::try_from(HEAD_BYTES).unwrap(), usize::try_from(TAIL_BYTES).unwrap());
        assert!(taken[..head] == whole[..head]);
        assert!(taken[whole.len() - tail..] == whole[whole.len() - tail..]);
        assert!(taken[head..whole.len() - tail].iter().all(|byte| *byte == 0));
    }

    #[tokio::test]
    async fn the_boxes_of_a_film_are_there_wherever_they_are() {
        let mib = 1024 * 1024;
        let whole = [
            a_box(*b"ftyp", 16),
            a_box(*b"mdat", 12 * mib),
            a_box(*b"moov", 5000),
            a_box(*b"mdat", 12 * mib),
            a_box(*b"moof", 9000),
            a_box(*b"mdat", 12 * mib),
        ]
        .concat();
        let (held, fetched) = taken(&whole).await;
        let held = held.unwrap();
        for (name, len) in [(b"moov", 5000), (b"moof", 9000)] {
            let at = whole.windows(4).position(|four| four == name).unwrap() - 4;
            assert!(held[at..at + len] == whole[at..at + len]);
        }
        assert!(fetched < HEAD_BYTES + TAIL_BYTES + 40_000, "{fetched}");
    }

    #[tokio::test]
    async fn what_would_take_too_much_is_not_taken() {
        let mut whole = a_box(*b"ftyp", 16);
        let mdat = a_box(*b"mdat", 16_000);
        for _ in 0..2_000 {
            whole.extend(&mdat);
        }
        assert_eq!(taken(&whole).await.0, None);
    }
}
