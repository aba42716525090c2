//! Matroska and WebM: the segment's Info, Tracks and Tags, without the clusters.
//!
//! A reader of our own, because the contents come from anyone: the crates that read Matroska
//! allocate by declared sizes and use assertions on the file's structure. Here each element is
//! bounded before it is read, and the depth is fixed by the code. Absent: clusters, cues,
//! chapters, attachments.

use std::collections::BTreeMap;
use std::time::Duration;

use super::input::{Input, be};
use super::meta::{
    AudioFinding, AudioStream, DynamicRange, Finding, VideoFinding, VideoStream, rounded,
    rounded_rate,
};
use super::tags;

mod id {
    pub(super) const EBML: u32 = 0x1A45_DFA3;
    pub(super) const DOC_TYPE: u32 = 0x4282;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const CLUSTER: u32 = 0x1F43_B675;
    pub(super) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(super) const SEEK: u32 = 0x4DBB;
    pub(super) const SEEK_ID: u32 = 0x53AB;
    pub(super) const SEEK_POSITION: u32 = 0x53AC;
    pub(super) const INFO: u32 = 0x1549_A966;
    pub(super) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(super) const DURATION: u32 = 0x4489;
    pub(super) const TRACKS: u32 = 0x1654_AE6B;
    pub(super) const TRACK_ENTRY: u32 = 0xAE;
    pub(super) const TRACK_UID: u32 = 0x73C5;
    pub(super) const TRACK_TYPE: u32 = 0x83;
    pub(super) const CODEC_ID: u32 = 0x86;
    pub(super) const DEFAULT_DURATION: u32 = 0x23_E383;
    pub(super) const VIDEO: u32 = 0xE0;
    pub(super) const PIXEL_WIDTH: u32 = 0xB0;
    pub(super) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(super) const COLOUR: u32 = 0x55B0;
    pub(super) const TRANSFER: u32 = 0x55BA;
    pub(super) const AUDIO: u32 = 0xE1;
    pub(super) const SAMPLING_FREQUENCY: u32 = 0xB5;
    pub(super) const OUTPUT_FREQUENCY: u32 = 0x78B5;
    pub(super) const BIT_DEPTH: u32 = 0x6264;
    pub(super) const TAGS: u32 = 0x1254_C367;
    pub(super) const TAG: u32 = 0x7373;
    pub(super) const TARGETS: u32 = 0x63C0;
    pub(super) const TAG_TRACK_UID: u32 = 0x63C5;
    pub(super) const SIMPLE_TAG: u32 = 0x67C8;
    pub(super) const TAG_NAME: u32 = 0x45A3;
    pub(super) const TAG_STRING: u32 = 0x4487;
}

/// Descriptions are a few KB; Tags may carry lyrics and the like.
const ELEMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Elements on the top level before the first cluster.
const TOP_ELEMENTS_MAX: usize = 1_000;
/// Real files have fewer than forty.
const TRACKS_MAX: usize = 128;

/// What the file says about itself; none when it has no readable Tracks.
pub(super) fn read(input: &mut Input) -> Option<Finding> {
    let (ebml, body, size) = header_at(input, 0)?;
    let head = input.all_at(body, size?, ELEMENT_BYTES_MAX)?;
    let doc_type = child(&head, id::DOC_TYPE).map(text)?;
    if ebml != id::EBML || !matches!(doc_type.as_str(), "matroska" | "webm") {
        return None;
    }
    let (segment, start, _) = header_at(input, body.checked_add(size?)?)?;
    if segment != id::SEGMENT {
        return None;
    }
    let parts = parts(input, start);
    let tracks = parts.get(&id::TRACKS)?;
    let info = parts.get(&id::INFO).map(Vec::as_slice).unwrap_or_default();
    let tags = parts.get(&id::TAGS).map(|tags| tag_values(tags)).unwrap_or_default();

    let mut finding = Finding { duration: duration(info), ..Finding::default() };
    for entry in Elements(tracks).filter(|e| e.0 == id::TRACK_ENTRY).take(TRACKS_MAX) {
        add_track(entry.1, &tags, &mut finding);
    }
    Some(finding)
}

/// The wanted top-level elements: those before the first cluster, and those the seek head names.
fn parts(input: &mut Input, start: u64) -> BTreeMap<u32, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut seeks = Vec::new();
    let mut at = start;
    for _ in 0..TOP_ELEMENTS_MAX {
        let Some((element, body, Some(size))) = header_at(input, at) else { break };
        match element {
            id::CLUSTER => break,
            id::SEEK_HEAD => {
                let Some(bytes) = input.all_at(body, size, ELEMENT_BYTES_MAX) else { break };
                seeks.extend(seek_positions(&bytes));
            }
            id::INFO | id::TRACKS | id::TAGS => {
                if let Some(bytes) = input.all_at(body, size, ELEMENT_BYTES_MAX) {
                    found.entry(element).or_insert(bytes);
                }
            }
            _ => {}
        }
        let Some(next) = body.checked_add(size) else { break };
        at = next;
    }
    for (wanted, offset) in seeks.into_iter().take(TOP_ELEMENTS_MAX) {
        if matches!(wanted, id::INFO | id::TRACKS | id::TAGS) && !found.contains_key(&wanted) {
            let element = start.checked_add(offset).and_then(|at| header_at(input, at));
            if let Some((there, body, Some(size))) = element
                && there == wanted
                && let Some(bytes) = input.all_at(body, size, ELEMENT_BYTES_MAX)
            {
                found.insert(wanted, bytes);
            }
        }
    }
    found
}

/// Identifier, position of the body and size (none: unknown) of the element at `at`.
fn header_at(input: &mut Input, at: u64) -> Option<(u32, u64, Option<u64>)> {
    let head = input.some_at(at, 12).ok()?;
    let (element, size, length) = header(&head)?;
    Some((element, at.checked_add(u64::try_from(length).ok()?)?, size))
}

/// Identifier, size (none: unknown) and length of an element's header.
fn header(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let id_len = vint_len(bytes, 4)?;
    let element = bytes.get(..id_len)?.iter().fold(0, |id, byte| (id << 8) | u32::from(*byte));
    let rest = bytes.get(id_len..)?;
    let size_len = vint_len(rest, 8)?;
    let raw = rest.get(..size_len)?.iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
    let mask = (1_u64 << (7 * size_len)) - 1;
    let size = raw & mask;
    Some((element, (size != mask).then_some(size), id_len + size_len))
}

fn vint_len(bytes: &[u8], most: u32) -> Option<usize> {
    let length = be::u8(bytes, 0)?.leading_zeros() + 1;
    if length > most { None } else { usize::try_from(length).ok() }
}

/// The elements inside an element; ends at the first that does not fit.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (element, size, length) = header(self.0)?;
        let end = length.checked_add(usize::try_from(size?).ok()?)?;
        let body = self.0.get(length..end)?;
        self.0 = self.0.get(end..)?;
        Some((element, body))
    }
}

fn child(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    Elements(bytes).find(|(element, _)| *element == wanted).map(|(_, body)| body)
}

fn unsigned(body: &[u8]) -> Option<u64> {
    (body.len() <= 8).then(|| body.iter().fold(0, |n, byte| (n << 8) | u64::from(*byte)))
}

fn float(body: &[u8]) -> Option<f64> {
    match body.len() {
        4 => be::u32(body, 0).map(|bits| f64::from(f32::from_bits(bits))),
        8 => be::u64(body, 0).map(f64::from_bits),
        _ => None,
    }
}

/// Text ends at its first NUL.
fn text(body: &[u8]) -> String {
    let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    String::from_utf8_lossy(body.get(..end).unwrap_or_default()).into_owned()
}

fn seek_positions(seek_head: &[u8]) -> Vec<(u32, u64)> {
    Elements(seek_head)
        .filter(|(element, _)| *element == id::SEEK)
        .filter_map(|(_, seek)| {
            let wanted = child(seek, id::SEEK_ID).and_then(unsigned)?;
            let offset = child(seek, id::SEEK_POSITION).and_then(unsigned)?;
            Some((u32::try_from(wanted).ok()?, offset))
        })
        .collect()
}

fn duration(info: &[u8]) -> Option<Duration> {
    let scale = child(info, id::TIMESTAMP_SCALE).and_then(unsigned).unwrap_or(1_000_000);
    let units = child(info, id::DURATION).and_then(float)?;
    let seconds = units * f64::from(u32::try_from(scale).ok()?) / 1e9;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Per track: the length and the bitrate that a muxer measured and wrote as tags.
type TagValues = BTreeMap<u64, (Option<Duration>, Option<u64>)>;

fn tag_values(tags: &[u8]) -> TagValues {
    let mut values = TagValues::new();
    for (_, tag) in Elements(tags).filter(|(element, _)| *element == id::TAG) {
        let target = child(tag, id::TARGETS)
            .and_then(|targets| child(targets, id::TAG_TRACK_UID))
            .and_then(unsigned);
        let Some(track) = target else { continue };
        let value = values.entry(track).or_default();
        for (_, simple) in Elements(tag).filter(|(element, _)| *element == id::SIMPLE_TAG) {
            let name = child(simple, id::TAG_NAME).map(text).unwrap_or_default();
            let string = child(simple, id::TAG_STRING).map(text).unwrap_or_default();
            if tags::is_duration(&name) {
                value.0 = tags::clock_time(&string);
            } else if tags::is_bitrate(&name) {
                value.1 = string.trim().parse().ok();
            }
        }
    }
    values
}

fn add_track(entry: &[u8], tags: &TagValues, finding: &mut Finding) {
    let uid = child(entry, id::TRACK_UID).and_then(unsigned).unwrap_or(0);
    let (duration, bitrate) = tags.get(&uid).copied().unwrap_or_default();
    let codec_id = child(entry, id::CODEC_ID).map(text).unwrap_or_default();
    match child(entry, id::TRACK_TYPE).and_then(unsigned) {
        Some(1) => {
            let video = child(entry, id::VIDEO).unwrap_or_default();
            let frame = child(entry, id::DEFAULT_DURATION).and_then(unsigned).unwrap_or(0);
            let stream = VideoStream {
                bitrate: 0,
                height: number(video, id::PIXEL_HEIGHT),
                width: number(video, id::PIXEL_WIDTH),
                codec: codec(&codec_id, 0).to_owned(),
                fps: rounded_rate(1_000_000_000, frame),
                codec_tag: String::new(),
                dynamic_range: child(video, id::COLOUR)
                    .and_then(|colour| child(colour, id::TRANSFER))
                    .and_then(unsigned)
                    .map_or(DynamicRange::Sdr, DynamicRange::from_transfer),
            };
            finding.video.push(VideoFinding { stream, bitrate, duration, rotate: 0 });
        }
        Some(2) => {
            let audio = child(entry, id::AUDIO).unwrap_or_default();
            let rate = child(audio, id::OUTPUT_FREQUENCY)
                .or_else(|| child(audio, id::SAMPLING_FREQUENCY))
                .and_then(float)
                .unwrap_or(8000.0);
            let stream = AudioStream {
                bitrate: 0,
                sampling_rate: rounded(rate),
                codec: codec(&codec_id, number(audio, id::BIT_DEPTH)).to_owned(),
            };
            finding.audio.push(AudioFinding { stream, bitrate, duration });
        }
        _ => {}
    }
}

fn number(bytes: &[u8], wanted: u32) -> u32 {
    child(bytes, wanted).and_then(unsigned).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

/// ffprobe's name for a Matroska codec identifier.
fn codec(codec_id: &str, bits: u32) -> &'static str {
    match codec_id {
        "V_MPEG4/ISO/AVC" => "h264",
        "V_MPEGH/ISO/HEVC" => "hevc",
        "V_AV1" => "av1",
        "V_VP8" => "vp8",
        "V_VP9" => "vp9",
        "V_MPEG2" => "mpeg2video",
        "V_MPEG1" => "mpeg1video",
        "V_THEORA" => "theora",
        "V_PRORES" => "prores",
        "V_MJPEG" => "mjpeg",
        "V_FFV1" => "ffv1",
        "A_OPUS" => "opus",
        "A_VORBIS" => "vorbis",
        "A_FLAC" => "flac",
        "A_ALAC" => "alac",
        "A_AC3" => "ac3",
        "A_EAC3" => "eac3",
        "A_TRUEHD" => "truehd",
        "A_MPEG/L3" => "mp3",
        "A_MPEG/L2" => "mp2",
        "A_PCM/FLOAT/IEEE" => {
            if bits == 64 {
                "pcm_f64le"
            } else {
                "pcm_f32le"
            }
        }
        "A_PCM/INT/LIT" => match bits {
            8 => "pcm_u8",
            16 => "pcm_s16le",
            24 => "pcm_s24le",
            32 => "pcm_s32le",
            _ => "",
        },
        _ if codec_id.starts_with("V_MPEG4/ISO/") => "mpeg4",
        _ if codec_id.starts_with("A_AAC") => "aac",
        _ if codec_id.starts_with("A_DTS") => "dts",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_state_their_size_or_that_it_is_unknown() {
        assert_eq!(header(&[0xAE, 0x82, 0, 0]), Some((0xAE, Some(2), 2)));
        assert_eq!(header(&[0x42, 0x82, 0x40, 0x02]), Some((0x4282, Some(2), 4)));
        assert_eq!(header(&[0xAE, 0xFF]), Some((0xAE, None, 2)));
        let unknown = [0xAE, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(header(&unknown), Some((0xAE, None, 9)));
        assert_eq!(header(&[0x00, 0x81]), None);
        assert_eq!(header(&[0xAE, 0x00]), None);
    }

    #[test]
    fn a_duration_in_units_of_the_scale() {
        let mut info = vec![0x2A, 0xD7, 0xB1, 0x83, 0x0F, 0x42, 0x40, 0x44, 0x89, 0x88];
        info.extend_from_slice(&3008.0_f64.to_be_bytes());
        assert_eq!(duration(&info), Some(Duration::from_millis(3008)));
        let last = info.len() - 8;
        info[last..].copy_from_slice(&f64::NAN.to_be_bytes());
        assert_eq!(duration(&info), None);
    }
}
