//! The statistics that Matroska muxers write as text tags, read by both readers.
//!
//! ffprobe passes them on instead of stream fields that the container does not have. Absent:
//! every other tag; what people write into tags is none of our business.

use std::time::Duration;

/// Is this the name of the tag with a stream's length? mkvmerge may append a language.
pub(super) fn is_duration(name: &str) -> bool {
    name == "DURATION" || name.starts_with("DURATION-")
}

/// Is this the name of the tag with a stream's bitrate? mkvmerge may append a language.
pub(super) fn is_bitrate(name: &str) -> bool {
    name == "BPS" || name.starts_with("BPS-")
}

/// `00:01:02.500000000` as a length of time.
pub(super) fn clock_time(text: &str) -> Option<Duration> {
    let mut fields = text.trim().split(':');
    let hours: u32 = fields.next()?.parse().ok()?;
    let minutes: u32 = fields.next()?.parse().ok()?;
    let seconds: f64 = fields.next()?.parse().ok()?;
    if fields.next().is_some() {
        return None;
    }
    let whole = Duration::from_secs(u64::from(hours) * 3600 + u64::from(minutes) * 60);
    whole.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_times() {
        assert_eq!(clock_time("01:01:02.500000000"), Some(Duration::from_millis(3_662_500)));
        for bad in ["", "5", "00:00", "00:00:nan", "00:00:-1", "0:0:0:0"] {
            assert_eq!(clock_time(bad), None, "{bad}");
        }
    }
}
