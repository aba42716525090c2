//! Sample entries: which codec, which size, which rate.
//!
//! Codecs get the names that ffprobe uses, because that is what the VOD API's samples show.
//! Absent: profiles, levels and the codecs' own headers, but for AAC, whose entry often states
//! half the rate.

use super::super::bits::Bits;
use super::super::input::be;
use super::super::meta::{AudioStream, DynamicRange, VideoStream, rounded};
use super::{Name, child, descend};

/// Child boxes of a video entry begin behind its fixed fields.
const VIDEO_FIELDS: usize = 78;

/// A video sample entry named `format`; none if its fixed fields are cut off.
pub(super) fn video(format: Name, body: &[u8]) -> Option<VideoStream> {
    let boxes = body.get(VIDEO_FIELDS..).unwrap_or_default();
    let codec = match &format {
        b"avc1" | b"avc3" => "h264",
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "hevc",
        b"av01" => "av1",
        b"vp08" => "vp8",
        b"vp09" => "vp9",
        b"mp4v" => esds(boxes).map_or("mpeg4", |(kind, _)| video_object(kind)),
        b"s263" | b"h263" | b"H263" => "h263",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "prores",
        b"jpeg" | b"mjpa" => "mjpeg",
        b"png " => "png",
        b"mx5p" | b"m2v1" => "mpeg2video",
        b"AVdn" | b"AVdh" => "dnxhd",
        _ => "",
    };
    let tag = if matches!(&format, b"hvc1" | b"hev1") { format.as_slice() } else { &[] };
    Some(VideoStream {
        bitrate: 0,
        width: u32::from(be::u16(body, 24)?),
        height: u32::from(be::u16(body, 26)?),
        codec: codec.to_owned(),
        fps: 0,
        codec_tag: String::from_utf8_lossy(tag).into_owned(),
        dynamic_range: transfer(boxes).map_or(DynamicRange::Sdr, DynamicRange::from_transfer),
    })
}

fn video_object(kind: u8) -> &'static str {
    match kind {
        0x20 => "mpeg4",
        0x21 => "h264",
        0x23 => "hevc",
        0x60..=0x65 => "mpeg2video",
        0x6a => "mpeg1video",
        0x6c => "mjpeg",
        _ => "",
    }
}

/// Transfer characteristics of the `colr` box.
fn transfer(boxes: &[u8]) -> Option<u64> {
    let colour = child(boxes, *b"colr")?;
    matches!(colour.get(..4)?, b"nclx" | b"nclc").then_some(())?;
    be::u16(colour, 6).map(u64::from)
}

/// An audio sample entry named `format`; none if its fixed fields are cut off.
pub(super) fn audio(format: Name, body: &[u8]) -> Option<AudioStream> {
    // QuickTime's versions 1 and 2 put more fixed fields before the boxes.
    let (fields, stated) = match be::u16(body, 8)? {
        1 => (44, u32::from(be::u16(body, 24)?)),
        2 => (64, rounded(f64::from_bits(be::u64(body, 32)?))),
        _ => (28, u32::from(be::u16(body, 24)?)),
    };
    let boxes = body.get(fields..).unwrap_or_default();
    let bits = be::u16(body, 18)?;
    let (codec, rate) = match &format {
        b"mp4a" => mpeg_audio(boxes, stated),
        b"Opus" => ("opus", 48_000),
        b".mp3" => ("mp3", stated),
        b"ac-3" => ("ac3", stated),
        b"ec-3" => ("eac3", stated),
        b"fLaC" => ("flac", stated),
        b"alac" => ("alac", stated),
        b"samr" => ("amr_nb", stated),
        b"sawb" => ("amr_wb", stated),
        b"dtsc" | b"dtsh" | b"dtsl" => ("dts", stated),
        b"sowt" => (if bits == 8 { "pcm_s8" } else { "pcm_s16le" }, stated),
        b"twos" => (if bits == 8 { "pcm_s8" } else { "pcm_s16be" }, stated),
        b"in24" => ("pcm_s24be", stated),
        b"alaw" => ("pcm_alaw", stated),
        b"ulaw" => ("pcm_mulaw", stated),
        _ => ("", stated),
    };
    Some(AudioStream { bitrate: 0, sampling_rate: rate, codec: codec.to_owned() })
}

fn mpeg_audio(boxes: &[u8], stated: u32) -> (&'static str, u32) {
    let Some((kind, config)) = esds(boxes) else { return ("aac", stated) };
    match kind {
        0x40 | 0x66..=0x68 => ("aac", aac_rate(config).unwrap_or(stated)),
        0x69 | 0x6b => ("mp3", stated),
        0xa5 => ("ac3", stated),
        0xa6 => ("eac3", stated),
        0xa9 => ("dts", stated),
        0xad => ("opus", 48_000),
        0xdd => ("vorbis", stated),
        _ => ("", stated),
    }
}

/// Object type and decoder configuration of the `esds` box, which QuickTime nests in `wave`.
fn esds(boxes: &[u8]) -> Option<(u8, &[u8])> {
    let esds = child(boxes, *b"esds").or_else(|| descend(boxes, &[*b"wave", *b"esds"]))?;
    let stream = descriptor(esds.get(4..)?, 3)?;
    let flags = be::u8(stream, 2)?;
    let mut skip = 3 + if flags & 0x80 == 0 { 0 } else { 2 };
    if flags & 0x40 != 0 {
        skip += 1 + usize::from(be::u8(stream, skip)?);
    }
    skip += if flags & 0x20 == 0 { 0 } else { 2 };
    let decoder = descriptor(stream.get(skip..)?, 4)?;
    let config = decoder.get(13..).and_then(|rest| descriptor(rest, 5)).unwrap_or_default();
    Some((be::u8(decoder, 0)?, config))
}

/// Contents of the descriptor that `bytes` begins with, if it has this tag.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    if *first != tag {
        return None;
    }
    let mut length = 0_usize;
    for (index, byte) in rest.iter().take(4).enumerate() {
        length = (length << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let body = rest.get(index + 1..)?;
            // Some writers count too far; what is there still counts.
            return body.get(..length.min(body.len()));
        }
    }
    None
}

/// Sampling rate of an AudioSpecificConfig; for HE-AAC the rate that is heard.
pub(in super::super) fn aac_rate(config: &[u8]) -> Option<u32> {
    let mut bits = Bits::new(config);
    let mut object = bits.take(5)?;
    if object == 31 {
        object = 32 + bits.take(6)?;
    }
    let stated = rate(&mut bits)?;
    bits.take(4)?;
    // 5 and 29 state a spectral band replication whose rate follows.
    if matches!(object, 5 | 29) { rate(&mut bits) } else { Some(stated) }
}

/// A rate by its index, or, for the index 15, by itself.
fn rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(4)? {
        15 => bits.take(24),
        index => sampling_rate(usize::try_from(index).ok()?),
    }
}

/// The sampling rate that AAC has a number for, in Hz.
pub(in super::super) fn sampling_rate(index: usize) -> Option<u32> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    RATES.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aac_states_the_rate_that_is_heard() {
        assert_eq!(aac_rate(&[0x12, 0x10]), Some(44_100));
        // HE-AAC: object type 5, 24 kHz, two channels, extended to 48 kHz.
        assert_eq!(aac_rate(&[0x2b, 0x11, 0x88]), Some(48_000));
        assert_eq!(aac_rate(&[0x12]), None);
    }

    #[test]
    fn a_descriptor_may_use_long_lengths() {
        assert_eq!(descriptor(&[3, 0x80, 0x80, 0x80, 2, 7, 8, 9], 3), Some(&[7, 8][..]));
        assert_eq!(descriptor(&[3, 0x80, 0x80, 0x80, 0x80, 2], 3), None);
        assert_eq!(descriptor(&[4, 0], 3), None);
    }
}
