//! The sampling rate of sound, out of the first frame's header.

use super::super::input::be;
use super::super::mp4::sampling_rate;
use super::super::sniff::{adts_frame, mpeg_audio_frame};

/// ffprobe's name of the codec and the rate in Hz; none: no header came.
pub(super) fn audio(codec: &'static str, stream: &[u8]) -> Option<(&'static str, u32)> {
    match codec {
        "aac" => {
            let at = (0..stream.len()).find(|at| stream.get(*at..).is_some_and(is_adts))?;
            let index = be::u8(stream, at + 2)? >> 2 & 0x0f;
            Some((codec, sampling_rate(usize::from(index))?))
        }
        "mp3" => {
            let at = (0..stream.len()).find(|at| stream.get(*at..).is_some_and(is_mpeg))?;
            mpeg(be::u32(stream, at)?)
        }
        "opus" => Some((codec, 48_000)),
        _ => {
            let at = stream.windows(2).position(|two| two == b"\x0b\x77")?;
            dolby(codec, stream.get(at..)?)
        }
    }
}

fn is_adts(bytes: &[u8]) -> bool {
    adts_frame(bytes).is_some()
}

fn is_mpeg(bytes: &[u8]) -> bool {
    mpeg_audio_frame(bytes).is_some()
}

/// MPEG audio of layer II or III, whichever the table said.
fn mpeg(word: u32) -> Option<(&'static str, u32)> {
    let field = |shift: u32| usize::try_from(word >> shift & 3).ok();
    let layer = if field(17)? == 2 { "mp2" } else { "mp3" };
    let halves = match field(19)? {
        3 => 0,
        2 => 1,
        _ => 2,
    };
    Some((layer, [44_100_u32, 48_000, 32_000].get(field(10)?)? >> halves))
}

fn dolby(codec: &'static str, frame: &[u8]) -> Option<(&'static str, u32)> {
    let rate = be::u8(frame, 4)? >> 6;
    let whole = [48_000_u32, 44_100, 32_000];
    let rate = match whole.get(usize::from(rate)) {
        Some(rate) => *rate,
        // E-AC-3 has half of one of them
        None if codec == "eac3" => whole.get(usize::from(be::u8(frame, 4)? >> 4 & 3))? / 2,
        None => return None,
    };
    Some((codec, rate))
}
