//! How much traffic was there, and when?

use capkeep_pcap::Timestamp;

use super::{Chapter, Picture};
use crate::drawing::{Layer, Stack, Unit};
use crate::table::Block;

pub(super) struct Traffic;

impl Chapter for Traffic {
    fn name(&self) -> &'static str {
        "traffic"
    }

    fn title(&self) -> &'static str {
        "Traffic over time"
    }

    fn about(&self) -> &'static str {
        "How much traffic was there, and when?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let series = &picture.series;
        if series.is_empty() {
            return Vec::new();
        }
        let mut lanes: Vec<_> = series.lanes.iter().collect();
        let sum = |values: &[u64]| values.iter().fold(0u64, |a, b| a.saturating_add(*b));
        // The most at the bottom.
        lanes.sort_by(|one, other| {
            sum(&other.1.wire_bytes).cmp(&sum(&one.1.wire_bytes)).then(one.0.cmp(other.0))
        });
        let layers = lanes
            .into_iter()
            .map(|(name, lane)| Layer { name: name.clone(), values: lane.wire_bytes.clone() });
        vec![Block::Stack(Stack {
            title: "Bytes on the wire".into(),
            unit: Unit::Bytes,
            start: Timestamp::from_nanos(series.start_ns(0)),
            step: series.bucket_ns(),
            layers: layers.collect(),
            notes: Vec::new(),
        })]
    }
}
