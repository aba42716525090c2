//! Times on the command line: one of the clock, or how long ago it was.

use model::Timestamp;

use crate::config::span::Span;
use crate::failure::{Exit, Failure};

/// The time that a flag means, as the API takes it: ISO 8601, or a span such as `2h` before `now`.
pub fn moment(flag: &str, text: Option<&str>, now: Timestamp) -> Result<Option<String>, Failure> {
    let Some(text) = text else { return Ok(None) };
    if let Ok(ago) = text.parse::<Span>() {
        let ms = i64::try_from(ago.ms()).unwrap_or(i64::MAX);
        return Ok(Some(now.plus_ms(ms.saturating_neg()).to_string()));
    }
    let parsed = Timestamp::parse_iso(text).map(|_a_time| Some(text.to_owned()));
    parsed.ok_or_else(|| {
        let words = "is no time: write 2026-01-31T08:00:00Z, or how long ago, such as 15m, 2h, 3d";
        Failure::new(Exit::Usage, format!("{flag} `{text}` {words}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_said_both_ways() {
        let now = Timestamp::from_seconds(1_767_225_600);
        let means = |text| moment("--since", Some(text), now);
        assert_eq!(means("2h").unwrap().unwrap(), "2025-12-31T22:00:00Z");
        let written = "2026-01-31T08:00:00+08:00";
        assert_eq!(means(written).unwrap().unwrap(), written);
        assert_eq!(moment("--since", None, now).unwrap(), None);
        for text in ["", "yesterday", "2026-01-31", "2 h", "-2h"] {
            assert_eq!(means(text).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }
}
