//! Traffic over time.

use capkeep_flow::Analysis;

use super::{Section, View};
use crate::table::{Block, Chart};

pub(super) struct Timeline;

impl Section for Timeline {
    fn name(&self) -> &'static str {
        "timeline"
    }

    fn about(&self) -> &'static str {
        "when was there traffic, and how much at its peak?"
    }

    fn blocks(&self, analysis: &Analysis, _view: &View) -> Vec<Block> {
        let (_, buckets) = analysis.timeline.buckets();
        // One bucket is no shape.
        let (Some(first), Some(last)) = (analysis.totals.first, analysis.totals.last) else {
            return Vec::new();
        };
        if buckets.len() < 2 {
            return Vec::new();
        }
        vec![Block::Chart(Chart {
            title: "Traffic over time".into(),
            first,
            last,
            step: analysis.timeline.bucket_nanos(),
            steps: buckets.iter().map(|counts| (counts.packets, counts.wire_bytes)).collect(),
        })]
    }
}
