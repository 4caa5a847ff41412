//! Layers over time.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use plotters::prelude::{Color as _, Polygon};
use serde_json::json;

use super::{COLORS, Labels, axis, color, legend, numbers, open, plot, shapes};
use crate::html::{escape, table};
use crate::terminal::visible;
use crate::value::{counted, rated, span};
use crate::{Align, Chart, Layer, Stack, Unit, Value, time};

/// Most steps that are drawn (chosen: about two pixels each on a desktop, and half a minute of an afternoon).
const STEPS: usize = 600;
/// Most rows of the numbers behind a chart (chosen: two screens; the script reads each step where the pointer is).
const ROWS: usize = 60;
/// Width of a step and height of the drawing in its own units (chosen: whole numbers that stay finer than a pixel when
/// a hundredth is looked at).
const UNITS: (u32, u32) = (4, 2_000);

/// Packets and bytes over time: bits are drawn, packets stand in the numbers.
pub(in crate::html) fn chart(out: &mut String, chart: &Chart, id: &str) {
    let stack = Stack {
        title: chart.title.clone(),
        unit: Unit::Bytes,
        // The first value lies in the first step; where in it is not told.
        start: chart.first,
        step: chart.step,
        layers: vec![Layer { name: "bytes".into(), values: chart.steps.iter().map(|step| step.1).collect() }],
        notes: Vec::new(),
    };
    let packets = Layer { name: "packets".into(), values: chart.steps.iter().map(|step| step.0).collect() };
    draw(out, &stack, Some(packets), id);
}

/// Layers over time, one upon the other.
pub(in crate::html) fn stack(out: &mut String, stack: &Stack, id: &str) {
    draw(out, stack, None, id);
}

/// The layers beyond the colours as one.
fn folded(stack: &Stack) -> Stack {
    let mut out = stack.narrowed(STEPS);
    if out.layers.len() > COLORS {
        let rest = out.layers.split_off(COLORS - 1);
        let name = format!("{} more", rest.len());
        let mut values =
            vec![0u64; out.steps().max(rest.iter().map(|layer| layer.values.len()).max().unwrap_or(0))];
        for layer in &rest {
            for (sum, value) in values.iter_mut().zip(&layer.values) {
                *sum = sum.saturating_add(*value);
            }
        }
        out.layers.push(Layer { name, values });
    }
    out
}

fn draw(out: &mut String, whole: &Stack, beside: Option<Layer>, id: &str) {
    let stack = folded(whole);
    let steps = stack.steps();
    if steps == 0 {
        return;
    }
    let per_second = 1e9 / stack.step.max(1) as f64;
    let at = |layer: &Layer, step: usize| layer.values.get(step).copied().unwrap_or(0);
    let sums: Vec<f64> =
        (0..steps).map(|step| stack.layers.iter().map(|layer| at(layer, step) as f64).sum()).collect();
    let most = sums.iter().copied().fold(0.0, f64::max);
    let (tick, top) = axis::scale(most * per_second * if stack.unit == Unit::Bytes { 8.0 } else { 1.0 });
    let (tick, top) = if stack.unit == Unit::Bytes { (tick / 8.0, top / 8.0) } else { (tick, top) };
    let size = (UNITS.0 * steps as u32, UNITS.1);

    let drawing = shapes(size, steps as f64, top, |plane| {
        let mut tops: Vec<Vec<f64>> = Vec::new();
        for layer in &stack.layers {
            let height = |step: usize| tops.last().and_then(|below| below.get(step)).copied().unwrap_or(0.0);
            let top = (0..steps).map(|step| height(step) + at(layer, step) as f64 * per_second).collect();
            tops.push(top);
        }
        // From the ground up to the top of each layer; what is below is drawn upon it.
        for (n, (layer, top)) in stack.layers.iter().zip(&tops).enumerate().rev() {
            for run in runs(layer, steps) {
                let ground = [(run.end as f64, 0.0), (run.start as f64, 0.0)];
                let mut edge = outline(top, run);
                edge.extend(ground);
                plane.draw(&Polygon::new(edge, color(n).filled()))?;
            }
        }
        Ok(())
    });

    let end = stack.instant(steps);
    let nanos = end.nanos().saturating_sub(stack.start.nanos());
    let sum = |layer: &Layer| layer.values.iter().fold(0u64, |a, b| a.saturating_add(*b));
    let peak = sums
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)))
        .map_or(0, |peak| peak.0);
    let label = Labels { id, title: &stack.title, about: about(&stack, most * per_second, peak, nanos) };
    open(out, "time", &label);
    out.push_str("<div class=\"frame\">");
    axis::upwards(out, tick, top, |n| axis::rate(stack.unit, n));
    plot(out, size, &label, "", &drawing);
    axis::along(out, &axis::times(stack.start, nanos));
    out.push_str("</div>");
    let unit = match stack.unit {
        Unit::Bytes => "bits per second".to_owned(),
        unit => format!("{} per second", unit.name()),
    };
    let _ = write!(
        out,
        "<p class=\"span\">{unit}, <time>{}</time> to <time>{}</time>, each step {}</p>",
        time::utc_seconds(stack.start),
        time::utc_seconds(end),
        short_span(stack.step)
    );
    if stack.layers.len() > 1 {
        let entries =
            stack.layers.iter().enumerate().map(|(n, layer)| {
                (format!("s{n}"), layer.name.as_str(), stack.unit.value(sum(layer)).words())
            });
        legend(out, entries);
    }
    table::notes(out, &stack.notes);

    let few = stack.narrowed(ROWS);
    let beside = beside.map(|layer| Stack { layers: vec![layer], ..whole.clone() });
    let few_beside = beside.as_ref().map(|beside| beside.narrowed(ROWS.min(few.steps())));
    let columns: Vec<&Layer> =
        few.layers.iter().chain(few_beside.iter().flat_map(|beside| &beside.layers)).collect();
    let mut heads = vec![(Cow::Borrowed("from"), Align::Left)];
    heads.extend(columns.iter().map(|layer| (Cow::Borrowed(layer.name.as_str()), Align::Right)));
    let rows: Vec<Vec<Value>> = (0..few.steps())
        .map(|step| {
            let values = columns.iter().enumerate().map(|(n, layer)| {
                let value = at(layer, step);
                if n < few.layers.len() { stack.unit.value(value) } else { Value::Count(value) }
            });
            [Value::Time(few.instant(step))].into_iter().chain(values).collect()
        })
        .collect();
    numbers(out, id, &format!(", {} each", short_span(few.step)), &heads, &rows);

    let data = json!({
        // Milliseconds, as the script counts time.
        "start": stack.start.nanos() as f64 / 1e6,
        "step": stack.step as f64 / 1e6,
        "steps": steps,
        "bytes": stack.unit == Unit::Bytes,
        "of": stack.unit.name(),
        "units": [UNITS.0, UNITS.1],
        "top": top,
        "names": stack.layers.iter().map(|layer| visible(&layer.name)).collect::<Vec<_>>(),
        "values": stack.layers.iter().map(|layer| &layer.values).collect::<Vec<_>>(),
        "packets": beside.map(|beside| beside.narrowed(STEPS).layers.into_iter().map(|layer| layer.values).next()),
    });
    let _ = write!(
        out,
        "<script type=\"application/json\" class=\"steps\">{}</script></figure>",
        escape::json(&data)
    );
}

/// Where a layer is: steps side by side in which it has something.
fn runs(layer: &Layer, steps: usize) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for (step, _) in layer.values.iter().enumerate().take(steps).filter(|(_, value)| **value > 0) {
        match out.last_mut() {
            Some(last) if last.end == step => last.end = step + 1,
            _ => out.push(step..step + 1),
        }
    }
    out
}

/// The upper edge of steps of these heights, without points between steps that are equally high.
fn outline(heights: &[f64], run: Range<usize>) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    for (step, y) in heights.iter().enumerate().take(run.end).skip(run.start) {
        let x = step as f64;
        match out.last_mut() {
            Some(last) if last.1.to_bits() == y.to_bits() => last.0 = x + 1.0,
            _ => out.extend([(x, *y), (x + 1.0, *y)]),
        }
    }
    out
}

/// `30 s` and `4 min`, where a table would say `30.0 s` and `4 min 0 s`.
fn short_span(nanos: i64) -> String {
    let words = span(nanos).replace(".0 ", " ");
    let short = [" 0 s", " 0 min", " 0 h"].into_iter().find_map(|end| words.strip_suffix(end));
    short.map_or_else(|| words.clone(), str::to_owned)
}

fn about(stack: &Stack, most: f64, peak: usize, nanos: i64) -> String {
    let most = match stack.unit {
        Unit::Bytes => Value::ByteRate(most).words(),
        unit => format!("{} {} per second", rated(most), unit.name()),
    };
    let mut out = format!(
        "{} over {}; at most {most}, at {}.",
        counted(stack.layers.len() as u64, "layer", "layers"),
        span(nanos),
        time::utc_seconds(stack.instant(peak))
    );
    for layer in &stack.layers {
        let sum = layer.values.iter().fold(0u64, |a, b| a.saturating_add(*b));
        let words = match stack.unit {
            Unit::Things(name) => format!("{} {name}", stack.unit.value(sum).words()),
            unit => unit.value(sum).words(),
        };
        let _ = write!(out, " {}: {words}.", layer.name);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use capkeep_pcap::Timestamp;

    fn layers(count: usize, steps: usize) -> Stack {
        Stack {
            title: "Traffic".into(),
            unit: Unit::Bytes,
            start: Timestamp::from_parts(1_700_000_000, 0),
            step: 1_000_000_000,
            layers: (0..count)
                .map(|n| Layer {
                    name: format!("layer {n}"),
                    values: (0..steps).map(|step| (step * (n + 1)) as u64).collect(),
                })
                .collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn layers_beyond_the_colours_become_one() {
        let many = layers(20, 50);
        let few = folded(&many);
        assert_eq!(few.layers.len(), COLORS);
        assert_eq!(few.layers.last().unwrap().name, "13 more");
        let sum = |stack: &Stack| stack.layers.iter().flat_map(|layer| &layer.values).sum::<u64>();
        assert_eq!(sum(&few), sum(&many));
    }

    #[test]
    fn a_long_time_is_drawn_in_few_steps() {
        let mut out = String::new();
        stack(&mut out, &layers(8, 100_000), "c");
        assert!(out.len() < 200_000, "{}", out.len());
        assert!(out.contains("class=\"s7\"") && !out.contains("fill=\"#"), "colours are classes");
    }

    #[test]
    fn a_layer_that_stays_equal_has_four_corners() {
        assert_eq!(outline(&[1.0; 100], 0..100), [(0.0, 1.0), (100.0, 1.0)]);
        assert_eq!(outline(&[1.0, 2.0, 3.0], 0..2), [(0.0, 1.0), (1.0, 1.0), (1.0, 2.0), (2.0, 2.0)]);
    }

    #[test]
    fn a_layer_is_drawn_where_it_is_and_nowhere_else() {
        let layer = Layer { name: String::new(), values: vec![0, 1, 2, 0, 0, 3] };
        assert_eq!(runs(&layer, 6), [1..3, 5..6]);
        assert_eq!(runs(&layer, 2).first(), Some(&(1..2)));
    }

    #[test]
    fn nothing_over_no_time_is_not_drawn() {
        let mut out = String::new();
        stack(&mut out, &layers(0, 0), "c");
        stack(&mut out, &layers(2, 0), "c");
        assert_eq!(out, "");
    }
}
