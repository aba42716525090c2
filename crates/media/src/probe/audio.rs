//! MP3, WAV, FLAC and Ogg through symphonia's format readers.
//!
//! The reader is chosen by what was sniffed, and starts behind an ID3v2 tag, which is not parsed. Absent: decoding; pictures in Ogg.

use std::time::Duration;

use symphonia::core::codecs::audio::well_known as codecs;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::formats::{FlacReader, MpaReader, OggReader, WavReader};

use super::input::{Input, be};
use super::meta::{AudioFinding, AudioStream, Finding, bits_per_second};

/// The formats read here.
#[derive(Debug, Clone, Copy)]
pub(super) enum Format {
    Mp3,
    Wav,
    Flac,
    Ogg,
}

/// What the file says about itself; an error where symphonia cannot read it.
pub(super) fn read(input: Input, format: Format) -> Result<Finding, Error> {
    let bytes = input.len();
    let stream = MediaSourceStream::new(Box::new(input), MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    let reader: Box<dyn FormatReader + '_> = match format {
        Format::Mp3 => Box::new(MpaReader::try_new(stream, options)?),
        Format::Wav => Box::new(WavReader::try_new(stream, options)?),
        Format::Flac => Box::new(FlacReader::try_new(stream, options)?),
        Format::Ogg => Box::new(OggReader::try_new(stream, options)?),
    };
    let audio: Vec<_> = reader.tracks().iter().filter_map(finding).collect();
    let duration = audio.iter().filter_map(|track| track.duration).max();
    Ok(Finding { duration, bitrate: bits_per_second(bytes, duration), audio, ..Finding::default() })
}

fn finding(track: &Track) -> Option<AudioFinding> {
    let parameters = track.codec_params.as_ref()?.audio()?;
    let length = track.time_base.zip(track.duration);
    let duration = length
        .and_then(|(base, duration)| base.calc_duration(duration))
        .and_then(|time| Duration::try_from_secs_f64(time.as_secs_f64()).ok());
    let codec = codec(parameters.codec);
    // An empty sampling rate means that the header makes no sense.
    let sampling_rate = parameters.sample_rate.filter(|rate| *rate > 0)?;
    Some(AudioFinding {
        stream: AudioStream { bitrate: 0, sampling_rate, codec: codec.to_owned() },
        bitrate: bitrate(codec, parameters),
        duration,
    })
}

/// The bitrate that the codec states or implies; the average is worked out elsewhere.
fn bitrate(codec: &str, parameters: &AudioCodecParameters) -> Option<u64> {
    if codec.starts_with("pcm_") {
        let channels = u64::try_from(parameters.channels.as_ref()?.count()).ok()?;
        let bits = parameters.bits_per_coded_sample.or(parameters.bits_per_sample)?;
        return Some(u64::from(parameters.sample_rate?) * channels * u64::from(bits));
    }
    if codec == "vorbis" {
        // The nominal rate of the identification header, which comes first.
        let header = parameters.extra_data.as_deref()?;
        let nominal = i32::from_le_bytes(be::array(header, 20)?);
        return u64::try_from(nominal).ok().filter(|rate| *rate > 0);
    }
    None
}

/// ffprobe's name for symphonia's codec.
fn codec(codec: AudioCodecId) -> &'static str {
    match codec {
        codecs::CODEC_ID_MP3 => "mp3",
        codecs::CODEC_ID_MP2 => "mp2",
        codecs::CODEC_ID_FLAC => "flac",
        codecs::CODEC_ID_VORBIS => "vorbis",
        codecs::CODEC_ID_OPUS => "opus",
        codecs::CODEC_ID_PCM_U8 => "pcm_u8",
        codecs::CODEC_ID_PCM_S16LE => "pcm_s16le",
        codecs::CODEC_ID_PCM_S24LE => "pcm_s24le",
        codecs::CODEC_ID_PCM_S32LE => "pcm_s32le",
        codecs::CODEC_ID_PCM_F32LE => "pcm_f32le",
        codecs::CODEC_ID_PCM_F64LE => "pcm_f64le",
        codecs::CODEC_ID_PCM_ALAW => "pcm_alaw",
        codecs::CODEC_ID_PCM_MULAW => "pcm_mulaw",
        codecs::CODEC_ID_ADPCM_MS => "adpcm_ms",
        codecs::CODEC_ID_ADPCM_IMA_WAV => "adpcm_ima_wav",
        _ => "",
    }
}
