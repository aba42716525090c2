//! SegmentTemplate: addresses made of a pattern and a count.

use model::limits;

use super::xml::Node;
use super::{MpdError, Role, short};
use crate::playlist::path;

/// A template with what it inherits; members of an inner element replace those of the outer one.
#[derive(Clone, Default)]
pub(super) struct Template<'a> {
    media: Option<&'a str>,
    initialization: Option<&'a str>,
    index: Option<&'a str>,
    timeline: Option<&'a Node>,
    start_number: Option<u64>,
    end_number: Option<u64>,
    timescale: Option<u64>,
    duration: Option<u64>,
    is_some: bool,
}

/// What a representation puts into its templates.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) id: &'a str,
    pub(super) bandwidth: &'a str,
}

/// A segment's place.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    time: u64,
}

impl<'a> Template<'a> {
    pub(super) const fn is_some(&self) -> bool {
        self.is_some
    }

    /// This template under an inner element.
    pub(super) fn overridden(&self, node: &'a Node) -> Result<Self, MpdError> {
        Ok(Self {
            media: node.attribute("media").or(self.media),
            initialization: node.attribute("initialization").or(self.initialization),
            index: node.attribute("index").or(self.index),
            timeline: node.child("SegmentTimeline").or(self.timeline),
            start_number: number(node, "startNumber")?.or(self.start_number),
            end_number: number(node, "endNumber")?.or(self.end_number),
            timescale: number(node, "timescale")?.or(self.timescale),
            duration: number(node, "duration")?.or(self.duration),
            is_some: true,
        })
    }

    /// Its patterns that a query can be put behind: the attribute, the pattern, and one of its addresses. Where
    /// the number or the time of a segment stands in a directory, no address tells the directory of all.
    pub(super) fn patterns(
        &self,
        values: Values<'_>,
    ) -> Result<Vec<(&'static str, &'a str, String)>, MpdError> {
        let named =
            [("initialization", self.initialization), ("media", self.media), ("index", self.index)];
        let mut patterns = Vec::new();
        for (name, pattern) in named {
            let Some(pattern) = pattern else { continue };
            let first = fill(pattern, values, Place { number: 0, time: 0 })?;
            let other = fill(pattern, values, Place { number: 1, time: 1 })?;
            if path::directory(&first) == path::directory(&other) {
                patterns.push((name, pattern, first));
            }
        }
        Ok(patterns)
    }

    /// Tells `add` every address of a representation in a period of that many seconds.
    pub(super) fn list(
        &self,
        values: Values<'_>,
        length: Option<f64>,
        mut add: impl FnMut(Role, &str) -> Result<(), MpdError>,
    ) -> Result<(), MpdError> {
        let first = Place { number: self.start_number.unwrap_or(1), time: 0 };
        if let Some(pattern) = self.initialization {
            add(Role::Initialization, &fill(pattern, values, first)?)?;
        }
        if self.media.is_none() && self.index.is_none() {
            return Ok(());
        }
        for place in self.places(length)? {
            for (pattern, role) in [(self.media, Role::Media), (self.index, Role::Other)] {
                if let Some(pattern) = pattern {
                    add(role, &fill(pattern, values, place)?)?;
                }
            }
        }
        Ok(())
    }

    fn places(&self, length: Option<f64>) -> Result<Vec<Place>, MpdError> {
        let first = self.start_number.unwrap_or(1);
        let timescale = self.timescale.filter(|scale| *scale > 0).unwrap_or(1);
        if let Some(timeline) = self.timeline {
            return timed(timeline, first, length.and_then(|length| ticks(length, timescale)));
        }
        let count = match (self.end_number, self.duration) {
            (Some(last), _) => last.saturating_add(1).saturating_sub(first),
            (None, Some(duration)) => {
                let whole = length.and_then(|length| ticks(length, timescale));
                let whole = whole.ok_or(MpdError::Endless)?;
                if duration == 0 {
                    return Err(MpdError::Value("SegmentTemplate@duration"));
                }
                whole.div_ceil(duration)
            }
            // one segment for the whole period
            (None, None) => 1,
        };
        check_count(count)?;
        let step = self.duration.unwrap_or(0);
        let place = |index: u64| Place {
            number: first.saturating_add(index),
            time: index.saturating_mul(step),
        };
        Ok((0..count).map(place).collect())
    }
}

/// The segments of a timeline: S@t where it begins, S@d how long, S@r how often again (-1: until the
/// next one or the end).
fn timed(timeline: &Node, first: u64, whole: Option<u64>) -> Result<Vec<Place>, MpdError> {
    let entries: Vec<&Node> = timeline.children("S").collect();
    let mut places = Vec::new();
    let mut time = 0_u64;
    let mut number_of = first;
    let mut until = entries.iter().skip(1);
    for entry in &entries {
        time = number(entry, "t")?.unwrap_or(time);
        let step = number(entry, "d")?.filter(|step| *step > 0).ok_or(MpdError::Value("S@d"))?;
        let next = until.next().map(|next| number(next, "t")).transpose()?.flatten();
        let again: i64 = match entry.attribute("r") {
            Some(text) => text.trim().parse().map_err(|_bad| MpdError::Value("S@r"))?,
            None => 0,
        };
        let count = match u64::try_from(again) {
            Ok(again) => again.saturating_add(1),
            Err(_until_the_next) => {
                let end = next.or(whole).ok_or(MpdError::Endless)?;
                end.saturating_sub(time).div_ceil(step)
            }
        };
        check_count(count.saturating_add(u64::try_from(places.len()).unwrap_or(u64::MAX)))?;
        for _ in 0..count {
            places.push(Place { number: number_of, time });
            number_of = number_of.saturating_add(1);
            time = time.saturating_add(step);
        }
    }
    Ok(places)
}

fn check_count(count: u64) -> Result<(), MpdError> {
    match usize::try_from(count) {
        Ok(count) if count <= limits::PLAYLIST_SEGMENTS_MAX => Ok(()),
        _ => Err(MpdError::TooMany),
    }
}

fn number(node: &Node, name: &'static str) -> Result<Option<u64>, MpdError> {
    let read = |text: &str| text.trim().parse().map_err(|_bad| MpdError::Value(name));
    node.attribute(name).map(read).transpose()
}

/// Whole ticks in some seconds; none for a length that no file has.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no TryFrom from f64 exists; the range is checked first"
)]
fn ticks(seconds: f64, timescale: u64) -> Option<u64> {
    // a period's length is rounded where it is written, which must not make one segment more
    const SLACK: f64 = 1e-6;
    let ticks = (seconds * (timescale as f64) * (1.0 - SLACK)).ceil();
    (0.0..1e15).contains(&ticks).then_some(ticks as u64)
}

/// Fills `$RepresentationID$`, `$Bandwidth$`, `$Number$`, `$Time$`, also `$Number%05d$`, and `$$`.
fn fill(pattern: &str, values: Values<'_>, place: Place) -> Result<String, MpdError> {
    const BAD: MpdError = MpdError::Value("the template of an address");
    let mut filled = String::with_capacity(pattern.len());
    let mut rest = short(pattern)?;
    while let Some((before, behind)) = rest.split_once('$') {
        let (name, behind) = behind.split_once('$').ok_or(BAD)?;
        filled.push_str(before);
        rest = behind;
        let (name, width) = match name.split_once("%0") {
            Some((name, format)) => {
                let width = format.strip_suffix('d').and_then(|width| width.parse().ok());
                (name, width.filter(|width| *width <= 20_usize).ok_or(BAD)?)
            }
            None => (name, 0),
        };
        let value = match name {
            "" => "$".to_owned(),
            "RepresentationID" => short(values.id)?.to_owned(),
            "Bandwidth" => format!("{:0>width$}", short(values.bandwidth)?),
            "Number" => format!("{:0width$}", place.number),
            "Time" => format!("{:0width$}", place.time),
            _ => return Err(BAD),
        };
        filled.push_str(&value);
        short(&filled)?;
    }
    filled.push_str(rest);
    short(filled)
}
