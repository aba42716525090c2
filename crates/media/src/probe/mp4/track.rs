//! One track: its clock, its kind and the sums over its samples.
//!
//! Tables are added up where they lie. Absent: sample positions and times, which only a player
//! needs.

use std::collections::BTreeMap;

use super::super::input::be;
use super::super::meta::{AudioStream, VideoStream, rounded};
use super::{Boxes, child, descend, entry};

/// The sums over a track's samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Samples {
    pub count: u64,
    /// Length in units of the track's timescale.
    pub ticks: u64,
    pub bytes: u64,
}

impl Samples {
    pub(super) fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.ticks = self.ticks.saturating_add(other.ticks);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// What a track carries.
pub(super) enum Media {
    Video(VideoStream),
    Audio(AudioStream),
}

/// `trak`.
pub(super) struct Track {
    pub id: u32,
    pub timescale: u64,
    pub duration: u64,
    pub rotate: u32,
    pub media: Media,
    pub samples: Samples,
}

impl Track {
    /// None for tracks that are neither audio nor video, or whose required boxes are broken.
    pub(super) fn read(trak: &[u8]) -> Option<Self> {
        let header = child(trak, *b"tkhd")?;
        let wide = be::u8(header, 0)? == 1;
        let id = be::u32(header, if wide { 20 } else { 12 })?;
        let (timescale, duration) = scale_and_duration(descend(trak, &[*b"mdia", *b"mdhd"])?)?;
        let handler: [u8; 4] = be::array(descend(trak, &[*b"mdia", *b"hdlr"])?, 8)?;
        let tables = descend(trak, &[*b"mdia", *b"minf", *b"stbl"])?;
        let (format, body) = Boxes(child(tables, *b"stsd")?.get(8..)?).next()?;
        let media = match &handler {
            b"vide" => Media::Video(entry::video(format, body)?),
            b"soun" => Media::Audio(entry::audio(format, body)?),
            _ => return None,
        };
        Some(Self {
            id,
            timescale,
            duration,
            rotate: rotation(header, if wide { 52 } else { 40 }).unwrap_or(0),
            media,
            samples: samples(tables),
        })
    }
}

/// Timescale and duration of `mvhd` and `mdhd`, which begin alike.
pub(super) fn scale_and_duration(header: &[u8]) -> Option<(u64, u64)> {
    if be::u8(header, 0)? == 1 {
        // All ones mean "not known".
        let duration = be::u64(header, 24)?;
        let duration = if duration == u64::MAX { 0 } else { duration };
        Some((u64::from(be::u32(header, 20)?), duration))
    } else {
        let duration = be::u32(header, 16)?;
        let duration = if duration == u32::MAX { 0 } else { duration };
        Some((u64::from(be::u32(header, 12)?), u64::from(duration)))
    }
}

/// Clockwise turn of the display matrix at `at`, in degrees.
fn rotation(header: &[u8], at: usize) -> Option<u32> {
    let a = be::u32(header, at)?.cast_signed();
    let b = be::u32(header, at + 4)?.cast_signed();
    let degrees = f64::from(b).atan2(f64::from(a)).to_degrees();
    Some(rounded(degrees.rem_euclid(360.0)) % 360)
}

fn samples(tables: &[u8]) -> Samples {
    let mut sums = Samples::default();
    let runs = child(tables, *b"stts").and_then(|stts| stts.get(8..)).unwrap_or_default();
    for run in runs.chunks_exact(8) {
        let (Some(count), Some(delta)) = (be::u32(run, 0), be::u32(run, 4)) else { break };
        let (count, delta) = (u64::from(count), u64::from(delta));
        sums.add(&Samples { count, ticks: count * delta, bytes: 0 });
    }
    sums.bytes = child(tables, *b"stsz").and_then(sample_bytes).unwrap_or(0);
    sums
}

fn sample_bytes(stsz: &[u8]) -> Option<u64> {
    let (each, count) = (be::u32(stsz, 4)?, be::u32(stsz, 8)?);
    if each > 0 {
        return Some(u64::from(each) * u64::from(count));
    }
    let count = usize::try_from(count).ok()?;
    let sizes = stsz.get(12..)?.chunks_exact(4).take(count);
    Some(sizes.filter_map(|size| be::u32(size, 0)).fold(0, |sum, size| sum + u64::from(size)))
}

/// Adds the samples of one `moof` to the sums of their tracks.
pub(super) fn add_fragment(
    moof: &[u8],
    defaults: &BTreeMap<u32, (u32, u32)>,
    sums: &mut BTreeMap<u32, Samples>,
) {
    for (_, traf) in Boxes(moof).filter(|(name, _)| name == b"traf") {
        let Some((id, own)) = child(traf, *b"tfhd").and_then(fragment_header) else { continue };
        let Some(default) = defaults.get(&id) else { continue };
        let each = (own.0.unwrap_or(default.0), own.1.unwrap_or(default.1));
        for (_, trun) in Boxes(traf).filter(|(name, _)| name == b"trun") {
            if let Some(run) = run_samples(trun, each) {
                sums.entry(id).or_default().add(&run);
            }
        }
    }
}

/// Duration and size of a sample, as far as a fragment's header gives them.
type OwnDefaults = (Option<u32>, Option<u32>);

/// Track and the default duration and size of a sample, as far as the header gives them.
fn fragment_header(tfhd: &[u8]) -> Option<(u32, OwnDefaults)> {
    let flags = be::u32(tfhd, 0)?;
    let mut at = 8;
    let mut field = |flag: u32, len: usize| {
        let here = at;
        let present = flags & flag != 0;
        at += if present { len } else { 0 };
        present.then_some(here)
    };
    field(0x1, 8);
    field(0x2, 4);
    let duration = field(0x8, 4).and_then(|at| be::u32(tfhd, at));
    let size = field(0x10, 4).and_then(|at| be::u32(tfhd, at));
    Some((be::u32(tfhd, 4)?, (duration, size)))
}

fn run_samples(trun: &[u8], each: (u32, u32)) -> Option<Samples> {
    let flags = be::u32(trun, 0)?;
    let count = be::u32(trun, 4)?;
    let has = |flag: u32| usize::from(flags & flag != 0);
    let first = 8 + 4 * (has(0x1) + has(0x4));
    let width = 4 * (has(0x100) + has(0x200) + has(0x400) + has(0x800));
    let (duration, size) = (u64::from(each.0), u64::from(each.1));
    let all = u64::from(count);
    if width == 0 {
        return Some(Samples { count: all, ticks: all * duration, bytes: all * size });
    }
    let mut sums = Samples::default();
    for row in trun.get(first..)?.chunks_exact(width).take(usize::try_from(count).ok()?) {
        let own = |flag: u32, at: usize| be::u32(row, at).filter(|_| flags & flag != 0);
        let size_at = 4 * has(0x100);
        sums.add(&Samples {
            count: 1,
            ticks: own(0x100, 0).map_or(duration, u64::from),
            bytes: own(0x200, size_at).map_or(size, u64::from),
        });
    }
    Some(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn declared_counts_cost_nothing() {
        let stsz = words(&[0, 0, u32::MAX, 7, 8]);
        assert_eq!(sample_bytes(&stsz), Some(15));
        let fixed = words(&[0, 1000, u32::MAX]);
        assert_eq!(sample_bytes(&fixed), Some(1000 * u64::from(u32::MAX)));
        let run = run_samples(&words(&[0, u32::MAX]), (u32::MAX, 1)).unwrap();
        assert_eq!(run.count, u64::from(u32::MAX));
        let run = run_samples(&words(&[0x300, u32::MAX, 5, 6, 7, 8]), (1, 1)).unwrap();
        assert_eq!(run, Samples { count: 2, ticks: 12, bytes: 14 });
    }

    #[test]
    fn a_phone_held_upright_turns_by_90() {
        let matrix = words(&[0, 0x10000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000]);
        assert_eq!(rotation(&matrix, 0), Some(90));
        let matrix = words(&[0xffff_0000, 0, 0, 0, 0xffff_0000, 0, 0, 0, 0x4000_0000]);
        assert_eq!(rotation(&matrix, 0), Some(180));
        let matrix = words(&[0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000]);
        assert_eq!(rotation(&matrix, 0), Some(0));
    }

    #[test]
    fn a_fragment_header_gives_what_its_flags_say() {
        let tfhd = words(&[0x12, 3, 1, 99]);
        assert_eq!(fragment_header(&tfhd), Some((3, (None, Some(99)))));
        let tfhd = words(&[0x9, 3, 0, 0, 512]);
        assert_eq!(fragment_header(&tfhd), Some((3, (Some(512), None))));
    }
}
