//! Traffic over time.

use capkeep_flow::Analysis;
use capkeep_pcap::Timestamp;

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

    fn blocks(&self, analysis: &Analysis, _view: &View<'_>) -> Vec<Block> {
        let (start, buckets) = analysis.timeline.buckets();
        // One bucket is no shape.
        let (Some(first), Some(last)) = (analysis.totals.first, analysis.totals.last) else {
            return Vec::new();
        };
        if buckets.len() < 2 {
            return Vec::new();
        }
        // The chart shows what was counted: packets left out by time or filter do not stretch its axis.
        let width = analysis.timeline.bucket_nanos().saturating_mul(buckets.len() as i64);
        let first = first.max(start);
        let last = last.min(Timestamp::from_nanos(start.nanos().saturating_add(width)));
        vec![Block::Chart(Chart {
            title: "Traffic over time".into(),
            first,
            last,
            step: analysis.timeline.bucket_nanos(),
            steps: buckets.iter().map(|counts| (counts.packets, counts.wire_bytes)).collect(),
        })]
    }
}
