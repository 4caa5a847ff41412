//! How often values fell between fixed edges.

use std::borrow::Cow;
use std::fmt::Write as _;

use plotters::prelude::{Color as _, Rectangle};

use super::{Labels, axis, color, numbers, open, plot, shapes};
use crate::html::{escape, table};
use crate::value::count;
use crate::{Align, Histogram, Unit, Value};

/// Width of a bucket and height of the drawing in its own units (chosen: whole numbers finer than a pixel).
const UNITS: (u32, u32) = (100, 2_000);
/// Part of a bucket's width that stays empty on each side (chosen).
const GAP: f64 = 0.05;
/// Pixels along the bottom that words share, and pixels of a character with its part of the gap between them (chosen: half
/// a page on a small desktop).
const WORDS: (usize, usize) = (430, 9);

/// Buckets side by side, equally wide whatever their edges are.
pub(in crate::html) fn histogram(out: &mut String, histogram: &Histogram, id: &str) {
    let buckets: Vec<(u64, Option<u64>, u64)> = histogram.filled().collect();
    if buckets.is_empty() {
        let _ = write!(
            out,
            "<div class=\"block half\"><h3>{}</h3><p class=\"none\">none</p></div>",
            escape::text(&histogram.title)
        );
        return;
    }
    let most = buckets.iter().map(|bucket| bucket.2).max().unwrap_or(0);
    let all = buckets.iter().fold(0u64, |sum, bucket| sum.saturating_add(bucket.2));
    let (tick, top) = axis::scale((most as f64).max(1.0));
    // A thing is not counted in parts.
    let (tick, top) = if tick < 1.0 { (1.0, top.ceil()) } else { (tick, top) };
    let width = buckets.len();
    let size = (UNITS.0 * width as u32, UNITS.1);
    let mut drawing = shapes(size, width as f64, top, |plane| {
        for (n, bucket) in buckets.iter().enumerate().filter(|(_, bucket)| bucket.2 > 0) {
            let x = n as f64;
            // What is there is never invisible.
            let y = (bucket.2 as f64).max(top / 150.0);
            let corners = [(x + GAP, y), (x + 1.0 - GAP, 0.0)];
            plane.draw(&Rectangle::new(corners, color(0).filled()))?;
        }
        Ok(())
    });
    let marks: Vec<(f64, &str, u64)> = histogram
        .marks
        .iter()
        .filter_map(|(name, value)| Some((place(&buckets, *value)?, *name, *value)))
        .collect();
    for (n, (x, ..)) in marks.iter().enumerate() {
        let x = x * f64::from(UNITS.0);
        let _ = write!(
            drawing,
            "<line class=\"mark m{n}\" x1=\"{x:.0}\" x2=\"{x:.0}\" y1=\"0\" y2=\"{}\"/>",
            UNITS.1
        );
    }

    let words = |value: u64| histogram.unit.value(value).words();
    let mut about = format!("{} {} in {width} buckets", count(all), histogram.of);
    if let Some((from, to, n)) = buckets.iter().max_by_key(|bucket| bucket.2) {
        let to = to.map_or_else(|| "and more".into(), |to| format!("to {}", words(to)));
        let _ = write!(about, "; most, {}, from {} {to}", count(*n), words(*from));
    }
    about.push('.');
    let labels = Labels { id, title: &histogram.title, about };
    open(out, "half histogram", &labels);
    out.push_str("<div class=\"frame\">");
    axis::upwards(out, tick, top, |n| axis::rate(Unit::Things(""), n));
    plot(out, size, &labels, "", &drawing);
    let edges: Vec<Option<String>> = buckets
        .iter()
        .map(|bucket| Some(bucket.0))
        .chain([buckets.last().and_then(|last| last.1)])
        .map(|edge| edge.map(|edge| short(&words(edge))))
        .collect();
    let longest = edges.iter().flatten().map(|words| words.chars().count()).max().unwrap_or(0) + 1;
    let fit = (WORDS.0 / (WORDS.1 * longest)).max(2);
    let every = edges.len().div_ceil(fit).max(1);
    let ticks: Vec<(f64, String)> = edges
        .into_iter()
        .enumerate()
        .step_by(every)
        .filter_map(|(n, edge)| Some((n as f64 / width as f64, edge?)))
        .collect();
    axis::along(out, &ticks);
    out.push_str("</div>");
    let _ = write!(out, "<p class=\"span\">{} {}", count(all), escape::text(histogram.of));
    for (n, (_, name, value)) in marks.iter().enumerate() {
        let _ = write!(
            out,
            "<span class=\"dot\"> · </span><svg class=\"swatch\" viewBox=\"0 0 16 10\" aria-hidden=\"true\">\
             <line class=\"mark m{n}\" x2=\"16\" y1=\"5\" y2=\"5\"/></svg>{} {}",
            escape::text(name),
            words(*value)
        );
    }
    out.push_str("</p>");
    table::notes(out, &histogram.notes);
    let heads = [
        (Cow::Borrowed("from"), Align::Right),
        (Cow::Borrowed("to"), Align::Right),
        (Cow::Borrowed(histogram.of), Align::Right),
        (Cow::Borrowed("share"), Align::Right),
    ];
    let rows: Vec<Vec<Value>> = buckets
        .iter()
        .map(|(from, to, n)| {
            let to = to.map_or(Value::Nothing, |to| histogram.unit.value(to));
            vec![histogram.unit.value(*from), to, Value::Count(*n), Value::share(*n, all)]
        })
        .collect();
    numbers(out, id, "", &heads, &rows);
    out.push_str("</figure>");
}

/// `1.0 ms` is `1 ms` at an edge.
fn short(words: &str) -> String {
    words.replace(".0 ", " ")
}

/// Where a value lies, in buckets from the left; within a bucket evenly.
fn place(buckets: &[(u64, Option<u64>, u64)], value: u64) -> Option<f64> {
    let n = buckets.iter().rposition(|bucket| bucket.0 <= value)?;
    let (from, to, _) = buckets.get(n)?;
    let within = match to {
        Some(to) if value < *to => (value - from) as f64 / (to - from) as f64,
        Some(_) => return None,
        None => 0.5,
    };
    Some(n as f64 + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_where_its_value_lies() {
        let buckets = [(10, Some(20), 1), (20, Some(40), 0), (40, None, 5)];
        assert_eq!(place(&buckets, 9), None);
        assert_eq!(place(&buckets, 15), Some(0.5));
        assert_eq!(place(&buckets, 30), Some(1.5));
        assert_eq!(place(&buckets, 4_000), Some(2.5));
    }

    #[test]
    fn a_histogram_of_nothing_says_so() {
        let nothing = Histogram {
            title: "Round trips".into(),
            unit: Unit::Nanos,
            of: "flows",
            buckets: vec![(0, 0), (10, 0)],
            end: None,
            marks: vec![("median", 3)],
            notes: Vec::new(),
        };
        let mut out = String::new();
        histogram(&mut out, &nothing, "c");
        assert!(out.contains("none") && !out.contains("NaN"), "{out}");
    }
}
