//! AAC in ADTS frames: counted, because nothing says how many there are.
//!
//! ffprobe estimates the length from the bitrate; counting costs one pass and is right. Absent:
//! decoding, so that sound whose upper half is added by the decoder (HE-AAC) has half of its rate.

use super::input::{Input, be};
use super::meta::{AudioFinding, AudioStream, Finding, bits_per_second, ticks};
use super::mp4::sampling_rate;
use super::sniff::adts_frame;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes that are counted: half an hour at 128 kbit/s. What is behind them is taken to be like them.
const COUNTED_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Samples of a block; a frame has one to four.
const BLOCK_SAMPLES: u64 = 1_024;

/// What the file says about itself; none without a frame.
pub(super) fn read(mut input: Input) -> Option<Finding> {
    let (mut at, mut samples) = (0_u64, 0_u64);
    let rate = sampling_rate(usize::from(be::u8(&input.some_at(0, 7).ok()?, 2)? >> 2 & 0x0f))?;
    'file: while at < COUNTED_BYTES_MAX {
        let chunk = input.some_at(at, CHUNK_BYTES).ok()?;
        let mut rest = chunk.as_slice();
        while let Some(frame) = rest.get(..7) {
            let Some(length) = adts_frame(frame) else { break 'file };
            // the last frame may be cut off
            samples += BLOCK_SAMPLES * (u64::from(be::u8(frame, 6)? & 3) + 1);
            at += u64::try_from(length).ok()?;
            rest = rest.get(length..).unwrap_or_default();
        }
        if chunk.len() < CHUNK_BYTES {
            break;
        }
    }
    let uncounted = at >= COUNTED_BYTES_MAX;
    let samples = if uncounted {
        let whole = u128::from(samples) * u128::from(input.len()) / u128::from(at);
        u64::try_from(whole).ok()?
    } else {
        samples
    };
    let duration = ticks(samples, rate.into()).filter(|duration| !duration.is_zero())?;
    let bitrate = bits_per_second(if uncounted { input.len() } else { at }, Some(duration));
    let stream = AudioStream { bitrate: 0, sampling_rate: rate, codec: "aac".to_owned() };
    let audio = vec![AudioFinding { stream, bitrate, duration: Some(duration) }];
    Some(Finding { duration: Some(duration), bitrate, audio, ..Finding::default() })
}
