//! How long the periods of a manifest are, in seconds.

use super::xml::Node;

/// One for each Period; none where nothing says it.
pub(super) fn of_periods(root: &Node) -> Vec<Option<f64>> {
    let seconds = |node: &Node, name: &str| node.attribute(name).and_then(read);
    let whole = seconds(root, "mediaPresentationDuration");
    let periods: Vec<&Node> = root.children("Period").collect();
    let starts: Vec<Option<f64>> = periods.iter().map(|period| seconds(period, "start")).collect();
    // a period without a start begins where the one before it ends
    let mut begin = Some(0.0);
    let mut lengths = Vec::with_capacity(periods.len());
    for (index, period) in periods.iter().enumerate() {
        let start = starts.get(index).copied().flatten().or(begin);
        let next = starts.get(index + 1).copied().flatten();
        let is_last = index + 1 == periods.len();
        let until = next.or(if is_last { whole } else { None });
        let length = seconds(period, "duration").or_else(|| Some(until? - start?));
        begin = start.and_then(|start| Some(start + length?));
        lengths.push(length);
    }
    lengths
}

/// `P1DT1H2M3.5S` of XML; years and months have no fixed length and are not read.
pub(super) fn read(text: &str) -> Option<f64> {
    let (days, time) = match text.trim().strip_prefix('P')?.split_once('T') {
        Some((days, time)) => (days, time),
        None => (text.trim().strip_prefix('P')?, ""),
    };
    let mut sum = match days {
        "" => 0.0,
        days => days.strip_suffix('D')?.parse::<f64>().ok()? * 86_400.0,
    };
    let mut rest = time;
    for (unit, seconds) in [('H', 3_600.0), ('M', 60.0), ('S', 1.0)] {
        if let Some((number, behind)) = rest.split_once(unit) {
            sum += number.parse::<f64>().ok()? * seconds;
            rest = behind;
        }
    }
    (rest.is_empty() && sum.is_finite() && sum >= 0.0).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_seconds() {
        for (text, seconds) in [
            ("PT3.5S", Some(3.5)),
            ("PT1H2M3S", Some(3_723.0)),
            ("P1DT1S", Some(86_401.0)),
            ("PT0H10M0.000S", Some(600.0)),
            ("P2D", Some(172_800.0)),
            ("P1Y", None),
            ("P1M", None),
            ("PT1S1H", None),
            ("-PT1S", None),
            ("PT-1S", None),
            ("PTinfS", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(read(text), seconds, "{text}");
        }
    }
}
