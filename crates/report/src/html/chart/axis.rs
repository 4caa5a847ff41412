//! Ticks at round values.

use std::fmt::Write as _;

use capkeep_pcap::Timestamp;

use crate::Unit;
use crate::time;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Widths between ticks on an axis of time, in nanoseconds (chosen: what clocks and calendars count in).
const WIDTHS: &[i64] = &[
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    60 * SECOND,
    120 * SECOND,
    300 * SECOND,
    600 * SECOND,
    900 * SECOND,
    1_800 * SECOND,
    3_600 * SECOND,
    7_200 * SECOND,
    10_800 * SECOND,
    21_600 * SECOND,
    43_200 * SECOND,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
    730 * DAY,
    1_825 * DAY,
    3_650 * DAY,
    7_300 * DAY,
    18_250 * DAY,
];
/// Most ticks of an axis of time (chosen: dates with times stay apart on 700 pixels).
const TIMES: i64 = 7;

/// Height of the drawing on the page in pixels; the style says the same.
pub(super) const HEIGHT: f64 = 200.0;

/// A step between ticks and the top of an axis that holds `most`: 1, 2 or 5 times a power of ten, at most five steps.
pub(super) fn scale(most: f64) -> (f64, f64) {
    if !most.is_finite() || most <= 0.0 {
        return (1.0, 1.0);
    }
    let rough = most / 4.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    (step, step * (most / step).ceil())
}

/// Lines across and their words, from the bottom to the top.
pub(super) fn upwards(out: &mut String, step: f64, top: f64, words: impl Fn(f64) -> String) {
    let ticks = (top / step).round() as usize;
    let place = |tick: usize| HEIGHT * (1.0 - tick as f64 / ticks.max(1) as f64);
    out.push_str("<svg class=\"ys\" aria-hidden=\"true\">");
    for tick in 0..=ticks {
        let _ = write!(
            out,
            "<text x=\"100%\" y=\"{:.1}\">{}</text>",
            place(tick) + 12.0,
            words(tick as f64 * step)
        );
    }
    out.push_str("</svg><div class=\"canvas\"><svg class=\"grid\" aria-hidden=\"true\">");
    for tick in 0..=ticks {
        let y = place(tick) + 8.0;
        let _ = write!(out, "<line x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    }
    out.push_str("</svg>");
}

/// Words of a tick: a rate of bytes in bits, things with a prefix.
pub(super) fn rate(unit: Unit, n: f64) -> String {
    let is_bytes = unit == Unit::Bytes;
    let mut n = if is_bytes { n * 8.0 } else { n };
    let mut prefix = "";
    for next in ["k", "M", "G", "T", "P"] {
        if n < 1_000.0 {
            break;
        }
        n /= 1_000.0;
        prefix = next;
    }
    let number = format!("{n:.3}");
    let number = number.trim_end_matches('0').trim_end_matches('.');
    match (is_bytes, prefix) {
        (true, _) => format!("{number} {prefix}bit/s"),
        (false, "") => number.to_owned(),
        (false, _) => format!("{number} {prefix}"),
    }
}

/// Ticks at round times between two instants: where, from 0 to 1, and its words.
pub(super) fn times(start: Timestamp, nanos: i64) -> Vec<(f64, String)> {
    let nanos = nanos.max(1);
    let width = WIDTHS.iter().copied().find(|width| nanos / width < TIMES).unwrap_or(nanos);
    let mut at = i128::from(start.nanos());
    let end = at + i128::from(nanos);
    at += (-at).rem_euclid(i128::from(width));
    let mut out = Vec::new();
    while at < end && out.len() <= TIMES as usize {
        let instant = Timestamp::from_nanos(at as i64);
        let place = (at - i128::from(start.nanos())) as f64 / nanos as f64;
        out.push((place, words(instant, width, nanos)));
        at += i128::from(width);
    }
    out
}

/// As much of an instant as tells ticks of this width apart.
fn words(at: Timestamp, width: i64, nanos: i64) -> String {
    let text = time::utc(at);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let clock = match width {
        DAY.. => return part(0, 10).to_owned(),
        60_000_000_000.. => part(11, 16),
        SECOND.. => part(11, 19),
        _ => part(11, 23),
    };
    if nanos > DAY { format!("{} {clock}", part(5, 10)) } else { clock.to_owned() }
}

/// Words along the bottom, at parts of its width; every other one gives way where there is little room.
pub(super) fn along(out: &mut String, ticks: &[(f64, String)]) {
    out.push_str("<svg class=\"xs\" aria-hidden=\"true\">");
    for (n, (place, words)) in ticks.iter().enumerate() {
        let side = match place {
            ..0.04 => " class=\"first\"",
            0.96.. => " class=\"last\"",
            _ => "",
        };
        let more = if n % 2 == 1 { "<g class=\"alt\">" } else { "<g>" };
        let x = place * 100.0;
        let _ = write!(
            out,
            "{more}<line x1=\"{x:.2}%\" x2=\"{x:.2}%\" y2=\"4\"/><text x=\"{x:.2}%\" y=\"16\"{side}>{words}</text></g>"
        );
    }
    out.push_str("</svg></div>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_value_above_the_most() {
        assert_eq!(scale(0.0), (1.0, 1.0));
        assert_eq!(scale(4.0), (1.0, 4.0));
        assert_eq!(scale(4.1), (2.0, 6.0));
        assert_eq!(scale(93.0), (50.0, 100.0));
        for most in [1e-9, 0.3, 7.0, 1_234.0, 1e19] {
            let (step, top) = scale(most);
            assert!(top >= most && (1.0..=5.0).contains(&(top / step).round()), "{most}: {step} {top}");
        }
    }

    #[test]
    fn ticks_of_time_are_round_and_few() {
        let start = Timestamp::from_parts(1_700_000_000, 0);
        for nanos in [1, 1_000, 3 * SECOND, 307 * SECOND, 5 * 3_600 * SECOND, 9 * DAY, 4_000 * DAY] {
            let ticks = times(start, nanos);
            assert!(ticks.len() <= 8, "{nanos}: {ticks:?}");
            assert!(ticks.iter().all(|(place, _)| (0.0..1.0).contains(place)), "{ticks:?}");
        }
        assert_eq!(times(start, 307 * SECOND).first().unwrap().1, "22:14");
        assert_eq!(times(start, 3 * DAY).first().unwrap().1, "11-15 00:00");
        assert_eq!(times(Timestamp::from_nanos(i64::MAX - 5), 5).len(), 0);
    }

    #[test]
    fn rates_are_short() {
        assert_eq!(rate(Unit::Bytes, 2_500_000.0), "20 Mbit/s");
        assert_eq!(rate(Unit::Things("packets"), 1_500.0), "1.5 k");
        assert_eq!(rate(Unit::Things("packets"), 0.25), "0.25");
    }
}
