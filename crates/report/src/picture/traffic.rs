//! How much traffic was there, and when?

use capkeep_pcap::Timestamp;

use super::{Chapter, Picture};
use crate::drawing::{Layer, Stack, Unit};
use crate::table::Block;
use crate::unit::Series;
use crate::value::counted;

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
        let mut eras: Vec<(&i64, &Series)> =
            picture.eras.iter().filter(|(_, series)| !series.is_empty()).collect();
        // The era with the most traffic first.
        eras.sort_by(|one, other| weight(other.1).cmp(&weight(one.1)).then(one.0.cmp(other.0)));
        let mut blocks: Vec<Block> =
            eras.iter().take(CHARTS).map(|(_, series)| Block::Stack(stack(series))).collect();
        let more = eras.len().saturating_sub(CHARTS) as u64;
        if more > 0 {
            let times = counted(more, "time", "times");
            blocks.push(Block::Words(format!("Captures from {times} far from these are not drawn.")));
        }
        if picture.timeless > 0 {
            let captures = counted(picture.timeless, "capture", "captures");
            blocks.push(Block::Words(format!(
                "Not drawn: {captures} that seem to last for months, by a clock that was set."
            )));
        }
        blocks
    }
}

/// Most charts (chosen: captures of one job lie in one or two).
const CHARTS: usize = 2;

fn sum(values: &[u64]) -> u64 {
    values.iter().fold(0, |a, b| a.saturating_add(*b))
}

fn weight(series: &Series) -> u64 {
    series.lanes.values().map(|lane| sum(&lane.wire_bytes)).fold(0, u64::saturating_add)
}

fn stack(series: &Series) -> Stack {
    let mut lanes: Vec<_> = series.lanes.iter().collect();
    // The most at the bottom.
    lanes
        .sort_by(|one, other| sum(&other.1.wire_bytes).cmp(&sum(&one.1.wire_bytes)).then(one.0.cmp(other.0)));
    let layers =
        lanes.into_iter().map(|(name, lane)| Layer { name: name.clone(), values: lane.wire_bytes.clone() });
    Stack {
        title: "Bytes on the wire".into(),
        unit: Unit::Bytes,
        start: Timestamp::from_nanos(series.start_ns(0)),
        step: series.bucket_ns(),
        layers: layers.collect(),
        notes: Vec::new(),
    }
}
