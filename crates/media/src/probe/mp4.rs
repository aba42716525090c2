//! MP4 and QuickTime: the boxes that describe the movie, without the media in it.
//!
//! A reader of our own, because the contents come from anyone: the crates that read MP4 build
//! sample tables whose size a few declared bytes decide (a file of 2 KB can ask for
//! gigabytes, and a failed allocation ends the process), stop with a panic on inconsistent tables
//! or give up a whole file over one optional box. Here nothing is allocated by declaration, the
//! depth is fixed by the code, and tables are summed, not kept. `mdat` is never read. Absent:
//! edit lists, compressed `moov`, subtitles and the other tracks that are neither audio nor video.

use std::collections::BTreeMap;

use super::input::{Input, be};
use super::meta::{AudioFinding, Finding, VideoFinding, bits_per_second, rounded_rate, ticks};
pub(super) use entry::{aac_rate, sampling_rate};
use track::{Media, Track};

mod entry;
mod track;

/// Ten hours at 60 frames a second need some 30 MB of tables.
const MOOV_BYTES_MAX: usize = 48 * 1024 * 1024;
/// A fragment is some seconds long; its tables are a few KB.
const MOOF_BYTES_MAX: usize = 1024 * 1024;
/// Boxes on the top level: 14 hours in fragments of 1 s with an index each.
const TOP_BOXES_MAX: usize = 150_000;
/// Real files have fewer than ten.
const TRACKS_MAX: usize = 64;

/// What the file says about itself; none when no `moov` can be read.
pub(super) fn read(input: &mut Input) -> Option<Finding> {
    let mut movie = None;
    let mut fragments = BTreeMap::new();
    let mut at = 0_u64;
    for _ in 0..TOP_BOXES_MAX {
        let Ok(head) = input.some_at(at, 16) else { break };
        let Some((name, header, size)) = top_box(&head, input.len().saturating_sub(at)) else {
            break;
        };
        let body = (at.saturating_add(header), size.saturating_sub(header));
        match &name {
            b"moov" if movie.is_none() => {
                movie = Some(Movie::read(&input.all_at(body.0, body.1, MOOV_BYTES_MAX)?)?);
            }
            b"moof" => {
                let (Some(movie), Some(bytes)) =
                    (&movie, input.all_at(body.0, body.1, MOOF_BYTES_MAX))
                else {
                    break;
                };
                track::add_fragment(&bytes, &movie.defaults, &mut fragments);
            }
            _ => {}
        }
        // A plain movie has all its samples in moov; only fragments make it worth going on.
        if movie.as_ref().is_some_and(|movie| movie.defaults.is_empty()) {
            break;
        }
        at = at.saturating_add(size);
    }
    Some(movie?.finding(&fragments))
}

/// Whether the description of the movie ends behind the end of the file: half of it would be taken
/// for the whole by ffprobe.
pub(super) fn is_cut(input: &mut Input) -> bool {
    let mut at = 0_u64;
    for _ in 0..TOP_BOXES_MAX {
        let left = input.len().saturating_sub(at);
        let Ok(head) = input.some_at(at, 16) else { break };
        let Some((name, _, size)) = top_box(&head, left) else { break };
        if &name == b"moov" {
            return size > left;
        }
        at = at.saturating_add(size);
    }
    false
}

/// Name, header length and whole length of the box that begins with `head`.
pub(super) fn top_box(head: &[u8], left: u64) -> Option<(Name, u64, u64)> {
    let name = be::array(head, 4)?;
    match be::u32(head, 0)? {
        0 => Some((name, 8, left)),
        1 => be::u64(head, 8).filter(|size| *size >= 16).map(|size| (name, 16, size)),
        size => Some(u64::from(size)).filter(|size| *size >= 8).map(|size| (name, 8, size)),
    }
}

/// The name of a box or of a sample entry.
pub(super) type Name = [u8; 4];

/// The boxes inside a box; ends at the first that does not fit.
pub(super) struct Boxes<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = (Name, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let left = u64::try_from(self.0.len()).ok()?;
        let (name, header, size) = top_box(self.0, left)?;
        let (header, size) = (usize::try_from(header).ok()?, usize::try_from(size).ok()?);
        let body = self.0.get(header..size)?;
        self.0 = self.0.get(size..)?;
        Some((name, body))
    }
}

/// The first box of that name.
pub(super) fn child(bytes: &[u8], name: Name) -> Option<&[u8]> {
    Boxes(bytes).find(|(found, _)| *found == name).map(|(_, body)| body)
}

/// The box at the end of a path of names.
fn descend<'a>(bytes: &'a [u8], path: &[Name]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, name| child(bytes, *name))
}

/// `moov`.
struct Movie {
    timescale: u64,
    duration: u64,
    tracks: Vec<Track>,
    /// Duration and size of a sample that a fragment does not describe, by track.
    defaults: BTreeMap<u32, (u32, u32)>,
}

impl Movie {
    fn read(moov: &[u8]) -> Option<Self> {
        let header = child(moov, *b"mvhd")?;
        let (timescale, duration) = track::scale_and_duration(header)?;
        let tracks = Boxes(moov)
            .filter(|(name, _)| name == b"trak")
            .take(TRACKS_MAX)
            .filter_map(|(_, trak)| Track::read(trak))
            .collect();
        let defaults = Boxes(child(moov, *b"mvex").unwrap_or_default())
            .filter(|(name, _)| name == b"trex")
            .take(TRACKS_MAX)
            .filter_map(|(_, trex)| {
                Some((be::u32(trex, 4)?, (be::u32(trex, 12)?, be::u32(trex, 16)?)))
            })
            .collect();
        Some(Self { timescale, duration, tracks, defaults })
    }

    fn finding(self, fragments: &BTreeMap<u32, track::Samples>) -> Finding {
        let mut finding =
            Finding { duration: ticks(self.duration, self.timescale), ..Finding::default() };
        for track in self.tracks {
            let mut samples = track.samples;
            if let Some(more) = fragments.get(&track.id) {
                samples.add(more);
            }
            let length = if samples.ticks > 0 { samples.ticks } else { track.duration };
            let duration = ticks(length, track.timescale);
            let bitrate = bits_per_second(samples.bytes, duration);
            match track.media {
                Media::Video(mut stream) => {
                    stream.fps =
                        rounded_rate(samples.count.saturating_mul(track.timescale), samples.ticks);
                    let rotate = track.rotate;
                    finding.video.push(VideoFinding { stream, bitrate, duration, rotate });
                }
                Media::Audio(stream) => {
                    finding.audio.push(AudioFinding { stream, bitrate, duration });
                }
            }
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_end_where_they_do_not_fit() {
        let bytes = b"\0\0\0\x09free\x01\0\0\0\x08skip\0\0\0\x7fmoov";
        let names: Vec<_> = Boxes(bytes).map(|(name, body)| (name, body.len())).collect();
        assert_eq!(names, [(*b"free", 1), (*b"skip", 0)]);
        assert_eq!(Boxes(b"\0\0\0\x07free").next(), None);
        assert_eq!(Boxes(b"\0\0\0\x00free123").next(), Some((*b"free", &b"123"[..])));
    }
}
