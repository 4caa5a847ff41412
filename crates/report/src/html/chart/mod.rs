//! Charts as inline SVG.
//!
//! `plotters` maps values to places and draws the shapes, which then take their colours from the page's style, so that
//! they follow light and dark. Words stand beside the drawing and not in it: the drawing stretches with the page, and
//! words keep their size.

mod axis;
mod histogram;
mod matrix;
mod time;

use std::fmt::Write as _;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{Cartesian2d, DrawingArea, IntoDrawingArea, RGBColor, SVGBackend};

use super::escape;
use super::table::{self, Head};
use crate::Value;

pub(super) use histogram::histogram;
pub(super) use matrix::matrix;
pub(super) use time::{chart, stack};

/// Colours of the page for the layers of a chart; what goes beyond is one more layer.
const COLORS: usize = 8;

type Plane<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn<'a> = Result<(), plotters::drawing::DrawingAreaErrorKind<std::io::Error>>;

/// The n-th colour of the page. It stands for a class until the drawing is done.
fn color(n: usize) -> RGBColor {
    RGBColor(0, 0, u8::try_from(n).unwrap_or(u8::MAX))
}

/// Shapes on a plane of this size in units of the drawing, in which x goes to `right` and y upwards to `top`.
fn shapes(
    size: (u32, u32),
    right: f64,
    top: f64,
    draw: impl for<'a> FnOnce(&Plane<'a>) -> Drawn<'a>,
) -> String {
    let mut svg = String::new();
    {
        let area: DrawingArea<_, Shift> = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let places = (0..size.0 as i32, size.1 as i32..0);
        let plane = area.apply_coord_spec(Cartesian2d::new(0.0..right, 0.0..top, places));
        // Writing to a string does not fail.
        let _ = draw(&plane).and_then(|()| plane.present());
    }
    // What is left is between the tags of the backend's own element.
    let inside = svg.split_once('>').map_or("", |(_, rest)| rest);
    let inside = inside.rsplit_once("</svg>").map_or(inside, |(inside, _)| inside);
    let mut inside = inside.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "").replace(['\n'], "");
    for n in 0..=COLORS {
        let RGBColor(r, g, b) = color(n);
        inside = inside.replace(&format!("fill=\"#{r:02X}{g:02X}{b:02X}\""), &format!("class=\"s{n}\""));
    }
    inside.replace(" \"", "\"")
}

/// Title of a chart, and the words that say what it shows to those who do not see it.
struct Labels<'a> {
    id: &'a str,
    title: &'a str,
    about: String,
}

/// Begins a chart.
fn open(out: &mut String, class: &str, labels: &Labels<'_>) {
    let _ = write!(
        out,
        "<figure class=\"block chart {class}\"><figcaption><h3 id=\"{}\">{}</h3></figcaption>",
        labels.id,
        escape::text(labels.title)
    );
}

/// The drawing itself, that stretches in both directions.
fn plot(out: &mut String, size: (u32, u32), labels: &Labels<'_>, attributes: &str, shapes: &str) {
    let Labels { id, title, about } = labels;
    let _ = write!(
        out,
        "<svg class=\"plot\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" viewBox=\"0 0 {} {}\" \
         preserveAspectRatio=\"none\"{attributes}><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>{shapes}</svg>",
        size.0,
        size.1,
        escape::text(title),
        escape::text(about)
    );
}

/// The numbers behind a chart, folded away.
fn numbers(out: &mut String, id: &str, said: &str, heads: &[Head<'_>], rows: &[Vec<Value>]) {
    let _ = write!(
        out,
        "<details class=\"numbers\"><summary id=\"{id}-n\">The numbers{}</summary>",
        escape::text(said)
    );
    table::rows(out, heads, rows, &format!("{id}-n"));
    out.push_str("</details>");
}

/// What the colours mean.
fn legend<'a>(out: &mut String, entries: impl Iterator<Item = (String, &'a str, String)>) {
    out.push_str("<ul class=\"legend\">");
    for (class, name, more) in entries {
        let _ = write!(
            out,
            "<li><svg class=\"swatch\" viewBox=\"0 0 1 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect class=\"{class}\" width=\"1\" height=\"1\"/></svg><span>{}</span> <span class=\"dim\">{}</span></li>",
            escape::text(name),
            escape::text(&more)
        );
    }
    out.push_str("</ul>");
}
