//! Which segments of a playlist a span of seconds takes in. Pure: a playlist in, indexes out.
//!
//! Clips are made of whole segments, so a span is widened to the segments that it overlaps. Offsets
//! and the bounds of segments are compared in whole milliseconds: EXTINF is a decimal, its sums are
//! never exactly what a caller writes, and a microsecond must not cost or add a segment.

use std::ops::Range;
use std::time::Duration;

use crate::playlist::MediaPlaylist;

/// A span of a playlist in ms, as the API's offsets say it: a negative number counts from the end, an
/// `end_ms` of 0 is the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub start_ms: i64,
    pub end_ms: i64,
}

/// Whether the segment in which a span ends belongs to it (`ClipMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// StartInclusiveEndInclusive.
    Inclusive,
    /// StartInclusiveEndExclusive.
    Exclusive,
}

/// Why a span takes in nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// It begins before the first segment or after the last.
    Start,
    /// It ends before it begins.
    End,
    /// No whole segment ends in it.
    Nothing,
}

/// Seconds of the API in ms, rounded; none: more than any playlist has, or no number.
pub(crate) fn milliseconds(seconds: f64) -> Option<i64> {
    let ms = rounded_ms(Duration::try_from_secs_f64(seconds.abs()).ok()?);
    if seconds < 0.0 { ms.checked_neg() } else { Some(ms) }
}

/// The segments of `list` that `span` overlaps; never none.
///
/// An end after the last segment is the end: durations of playlists are sums that nobody knows to the
/// millisecond. A start there is a mistake.
pub(crate) fn choose(
    list: &MediaPlaylist,
    span: Span,
    ending: Ending,
) -> Result<Range<usize>, Outside> {
    let ends = ends_ms(list);
    let total = ends.last().copied().unwrap_or(0);
    let from_end = |ms: i64| if ms < 0 { total.saturating_add(ms) } else { ms };
    let start = from_end(span.start_ms);
    if start < 0 || start >= total {
        return Err(Outside::Start);
    }
    let end = if span.end_ms == 0 { total } else { from_end(span.end_ms).min(total) };
    if end <= start {
        return Err(Outside::End);
    }
    let first = ends.partition_point(|segment_end| *segment_end <= start);
    let behind = match ending {
        // a segment begins where the one before it ends
        Ending::Inclusive => ends.partition_point(|segment_end| *segment_end < end) + 1,
        Ending::Exclusive => ends.partition_point(|segment_end| *segment_end <= end),
    };
    if first < behind { Ok(first..behind) } else { Err(Outside::Nothing) }
}

/// Where each segment ends, in ms from the first.
pub(crate) fn ends_ms(list: &MediaPlaylist) -> Vec<i64> {
    let mut sum = Duration::ZERO;
    let add = |segment: &crate::playlist::Segment| {
        sum = sum.saturating_add(segment.duration);
        rounded_ms(sum)
    };
    list.segments.iter().map(add).collect()
}

fn rounded_ms(duration: Duration) -> i64 {
    let rounded = duration.saturating_add(Duration::from_micros(500));
    i64::try_from(rounded.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::playlist::{self, Playlist, path};

    fn list(durations: &[f64]) -> MediaPlaylist {
        let line = |(n, seconds): (usize, &f64)| format!("#EXTINF:{seconds:.6},\n{n}.ts\n");
        let lines: Vec<String> = durations.iter().enumerate().map(line).collect();
        let text = format!("#EXTM3U\n{}", lines.concat());
        match playlist::parse(&text, |uri: &str| path::inside("", uri)).unwrap() {
            Playlist::Media(list) => list,
            Playlist::Master(_) => panic!(),
        }
    }

    fn span(start: f64, end: f64) -> Span {
        Span { start_ms: milliseconds(start).unwrap(), end_ms: milliseconds(end).unwrap() }
    }

    #[test]
    fn a_span_is_widened_to_whole_segments() {
        let six = list(&[10.0, 10.0, 10.0, 10.0, 10.0, 5.4]);
        for (start, end, inclusive, exclusive) in [
            (0.0, 0.0, Ok(0..6), Ok(0..6)),
            (0.0, 10.0, Ok(0..1), Ok(0..1)),
            (0.0, 10.001, Ok(0..2), Ok(0..1)),
            (9.999, 20.0, Ok(0..2), Ok(0..2)),
            (10.0, 20.0, Ok(1..2), Ok(1..2)),
            (12.0, 38.4, Ok(1..4), Ok(1..3)),
            (12.0, 13.0, Ok(1..2), Err(Outside::Nothing)),
            (-10.0, 0.0, Ok(4..6), Ok(4..6)),
            (-15.4, -5.4, Ok(4..5), Ok(4..5)),
            (0.0, -50.0, Ok(0..1), Err(Outside::Nothing)),
            (50.0, 60.0, Ok(5..6), Ok(5..6)),
            (50.0, 1e12, Ok(5..6), Ok(5..6)),
            (55.4, 0.0, Err(Outside::Start), Err(Outside::Start)),
            (-55.5, 0.0, Err(Outside::Start), Err(Outside::Start)),
            (-55.4, 0.0, Ok(0..6), Ok(0..6)),
            (20.0, 20.0, Err(Outside::End), Err(Outside::End)),
            (20.0, 10.0, Err(Outside::End), Err(Outside::End)),
            (20.0, -50.0, Err(Outside::End), Err(Outside::End)),
        ] {
            let chosen = |ending| choose(&six, span(start, end), ending);
            assert_eq!(chosen(Ending::Inclusive), inclusive, "{start} {end}");
            assert_eq!(chosen(Ending::Exclusive), exclusive, "{start} {end}");
        }
        assert_eq!(choose(&list(&[]), Span::default(), Ending::Inclusive), Err(Outside::Start));
    }

    #[test]
    fn sums_of_decimals_cost_no_segment() {
        let thirds = list(&[3.333_333, 3.333_333, 3.333_334, 3.333_333]);
        assert_eq!(choose(&thirds, span(0.0, 10.0), Ending::Exclusive), Ok(0..3));
        assert_eq!(choose(&thirds, span(6.666_7, 10.0), Ending::Inclusive), Ok(2..3));
        assert_eq!(milliseconds(f64::NAN), None);
        assert_eq!(milliseconds(f64::INFINITY), None);
        assert_eq!(milliseconds(-1.2345), Some(-1_235));
    }

    proptest! {
        /// The naive model looks at every segment for itself.
        #[test]
        fn what_is_chosen_is_what_overlaps(
            lengths in prop::collection::vec(1_u32..12_000, 1..40),
            start in -200_000_i64..200_000,
            end in -200_000_i64..200_000,
        ) {
            let seconds: Vec<f64> = lengths.iter().map(|ms| f64::from(*ms) / 1000.0).collect();
            let list = list(&seconds);
            let total: i64 = lengths.iter().map(|ms| i64::from(*ms)).sum();
            let from = if start < 0 { total + start } else { start };
            let to = match end {
                0 => total,
                ..0 => total + end,
                _ => end.min(total),
            };
            let (mut overlaps, mut within) = (Vec::new(), Vec::new());
            let mut at = 0;
            for (index, ms) in lengths.iter().enumerate() {
                let (a, b) = (at, at + i64::from(*ms));
                at = b;
                if a < to && b > from {
                    overlaps.push(index);
                    if b <= to {
                        within.push(index);
                    }
                }
            }
            let span = Span { start_ms: start, end_ms: end };
            let legal = (0..total).contains(&from) && to > from;
            for (ending, expected) in [(Ending::Inclusive, overlaps), (Ending::Exclusive, within)] {
                match choose(&list, span, ending) {
                    Ok(range) => prop_assert!(legal && range.eq(expected)),
                    Err(Outside::Nothing) => prop_assert!(legal && expected.is_empty()),
                    Err(_) => prop_assert!(!legal),
                }
            }
        }
    }
}
