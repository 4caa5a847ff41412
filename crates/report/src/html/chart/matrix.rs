//! Who has how much to do with whom.

use std::borrow::Cow;
use std::fmt::Write as _;

use plotters::prelude::{Color as _, Rectangle};
use serde_json::json;

use super::{Labels, color, legend, numbers, open, plot, shapes};
use crate::Matrix;
use crate::html::{escape, table};
use crate::terminal::visible;
use crate::value::counted;

/// Shades of the page for small to large.
const SHADES: usize = 5;
/// Units of the drawing for a cell (chosen: whole numbers finer than a pixel).
const UNITS: u32 = 20;
/// Pixels of a cell (chosen: a line of small print, and twice that where there are few).
const CELL: (usize, usize) = (16, 28);
/// Rows and columns up to which cells are large (chosen: two thirds of a page).
const FEW: usize = 24;
/// Pixels of a character of small print, rounded up (system fonts at 12 pixels).
const CHARACTER: usize = 7;
/// Most characters of a name beside a row, and above a column (chosen: an IPv6 address; as much as tells two apart).
const NAME: (usize, usize) = (39, 22);
/// Least characters of a name that there is room for (chosen: what the names are of stands in the corner).
const SHORTEST: usize = 10;

/// Rows and columns with a shaded cell where two have to do with each other.
pub(in crate::html) fn matrix(out: &mut String, matrix: &Matrix, id: &str) {
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    let cells: Vec<(usize, usize, u64)> = matrix
        .cells
        .iter()
        .copied()
        .filter(|&(row, column, n)| row < rows && column < columns && n > 0)
        .collect();
    let Some(most) = cells.iter().map(|cell| cell.2).max() else { return };
    let size = (UNITS * columns as u32, UNITS * rows as u32);
    let drawing = shapes(size, columns as f64, rows as f64, |plane| {
        for &(row, column, n) in &cells {
            let (x, y) = (column as f64, (rows - row) as f64);
            let corners = [(x + 0.05, y - 0.05), (x + 0.95, y - 0.95)];
            plane.draw(&Rectangle::new(corners, color(shade(n, most)).filled()))?;
        }
        Ok(())
    });
    let drawing = drawing.replace("class=\"s", "class=\"q");
    let about = format!(
        "{} of {} in rows, {} of {} in columns; {} have to do with each other. The largest come first in the numbers below.",
        rows,
        matrix.of.0,
        columns,
        matrix.of.1,
        counted(cells.len() as u64, "pair", "pairs")
    );
    let labels = Labels { id, title: &matrix.title, about };
    let is_dense = rows.max(columns) > FEW;
    open(out, if is_dense { "matrix dense" } else { "matrix" }, &labels);
    let cell = if is_dense { CELL.0 } else { CELL.1 };
    let longest = |names: &[String], limit: usize| {
        let most = names.iter().map(|name| visible(name).chars().count()).max().unwrap_or(0);
        most.min(limit).max(SHORTEST) * CHARACTER + 12
    };
    let (left, above) = (longest(&matrix.rows, NAME.0), longest(&matrix.columns, NAME.1));
    let _ = write!(
        out,
        "<div class=\"scroll sheet\" tabindex=\"0\" role=\"group\" aria-labelledby=\"{id}\"><div class=\"grid2\">\
         <p class=\"corner\">{} ↓<br>{} →</p>\
         <svg class=\"above\" width=\"{}\" height=\"{above}\" aria-hidden=\"true\">",
        escape::text(matrix.of.0),
        escape::text(matrix.of.1),
        columns * cell + above / 2,
    );
    for (n, name) in matrix.columns.iter().enumerate() {
        let x = n * cell + cell / 2 + 4;
        let _ = write!(
            out,
            "<text transform=\"translate({x} {}) rotate(-60)\">{}</text>",
            above - 4,
            cut(name, NAME.1)
        );
    }
    let _ = write!(
        out,
        "</svg><div class=\"left\"><svg width=\"{left}\" height=\"{}\" aria-hidden=\"true\">",
        rows * cell
    );
    for (n, name) in matrix.rows.iter().enumerate() {
        let y = n * cell + cell / 2 + 4;
        let _ = write!(out, "<text x=\"{}\" y=\"{y}\">{}</text>", left - 6, cut(name, NAME.0));
    }
    out.push_str("</svg></div>");
    let attributes = format!(" width=\"{}\" height=\"{}\"", columns * cell, rows * cell);
    plot(out, size, &labels, &attributes, &drawing);
    out.push_str("</div></div>");

    let words = |n: u64| matrix.unit.value(n).words().replace(".0 ", " ");
    let shades: Vec<usize> = (1..=SHADES).rev().filter(|shade| floor(*shade, most) > 0).collect();
    let lowest = shades.last().copied().unwrap_or(1);
    let ranges: Vec<(String, String)> = shades
        .iter()
        .map(|&shade| {
            // The lowest takes whatever is below the one above it.
            let is_rest = shade == lowest && shade < SHADES && floor(shade, most) > 1;
            let range = if is_rest {
                format!("below {}", words(floor(shade + 1, most)))
            } else {
                format!("from {}", words(floor(shade, most)))
            };
            (format!("q{shade}"), range)
        })
        .collect();
    legend(out, ranges.iter().map(|(class, range)| (class.clone(), range.as_str(), String::new())));
    table::notes(out, &matrix.notes);

    let behind = matrix.table();
    let heads: Vec<table::Head<'_>> =
        behind.columns.iter().map(|column| (Cow::Borrowed(column.name), column.align)).collect();
    numbers(out, id, "", &heads, &behind.rows);
    let data = json!({
        "rows": matrix.rows.iter().map(|name| visible(name)).collect::<Vec<_>>(),
        "columns": matrix.columns.iter().map(|name| visible(name)).collect::<Vec<_>>(),
        "cells": cells.iter().map(|&(row, column, n)| json!([row, column, words(n)])).collect::<Vec<_>>(),
        "units": UNITS,
    });
    let _ = write!(
        out,
        "<script type=\"application/json\" class=\"cells\">{}</script></figure>",
        escape::json(&data)
    );
}

/// A name of at most so many characters, cut in the middle.
fn cut(name: &str, limit: usize) -> String {
    let name: Vec<char> = visible(name).chars().collect();
    if name.len() <= limit {
        return escape::text(&name.iter().collect::<String>());
    }
    let head = name.iter().take(limit / 2 - 1);
    let tail = name.iter().skip(name.len() - limit / 2);
    escape::text(&head.chain(&['…']).chain(tail).collect::<String>())
}

/// The least number of a shade: a power of ten for each shade below the largest number's own.
fn floor(shade: usize, most: u64) -> u64 {
    let power = most.checked_ilog10().unwrap_or(0) as i32 - (SHADES - shade) as i32;
    u32::try_from(power).map_or(0, |power| 10u64.pow(power))
}

/// The shade of a number, 1 to [`SHADES`].
fn shade(n: u64, most: u64) -> usize {
    (1..=SHADES).rev().find(|shade| floor(*shade, most) > 0 && n >= floor(*shade, most)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_are_powers_of_ten_below_the_largest() {
        assert_eq!(shade(5_000_000, 5_000_000), 5);
        assert_eq!(shade(999_999, 5_000_000), 4);
        assert_eq!(shade(100_000, 5_000_000), 4);
        assert_eq!(shade(1, 5_000_000), 1);
        assert_eq!(shade(1, 1), 5);
        assert_eq!(shade(1, u64::MAX), 1);
    }

    #[test]
    fn a_long_name_keeps_its_ends() {
        assert_eq!(cut(&"a".repeat(38), 38), "a".repeat(38));
        let name = cut(&format!("begin{}end", "x".repeat(300)), 22);
        assert_eq!(name.chars().count(), 22);
        assert!(name.starts_with("begin") && name.ends_with("end") && name.contains('…'), "{name}");
    }
}
