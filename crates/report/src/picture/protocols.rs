//! What is the traffic made of?

use super::{Chapter, Picture};
use crate::drawing::{Bars, Unit};
use crate::table::Block;
use crate::value::Value;

pub(super) struct Protocols;

impl Chapter for Protocols {
    fn name(&self) -> &'static str {
        "protocols"
    }

    fn title(&self) -> &'static str {
        "Protocols"
    }

    fn about(&self) -> &'static str {
        "What is the traffic made of?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let bars = |title: &str, of: &'static str, mut bars: Vec<(String, u64)>| {
            bars.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
            let bars: Vec<_> = bars.into_iter().map(|(name, bytes)| (Value::text(name), bytes)).collect();
            (!bars.is_empty()).then(|| {
                Block::Bars(Bars { title: title.into(), unit: Unit::Bytes, of, bars, notes: Vec::new() })
            })
        };
        let protocols = picture
            .protocols
            .iter()
            .map(|(protocol, (_, counts))| (protocol.name().into_owned(), counts.wire_bytes))
            .collect();
        let tunnels = picture.tunnels.iter().map(|(kind, of)| (kind.clone(), of.wire_bytes)).collect();
        [
            bars("Bytes on the wire by protocol", "protocol", protocols),
            bars("Inside tunnels", "tunnel", tunnels),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
