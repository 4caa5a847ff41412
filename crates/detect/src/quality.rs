//! How far the capture can be trusted: it is measured first, because every other judgement rests on it.

use capkeep_flow::{FlowRecord, Protocol, TcpSide};

use crate::finding::Confidence;
use crate::words::share;

/// Quality of what was captured, counted over all TCP flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// TCP flows.
    pub tcp_flows: u64,
    /// TCP flows that got further than an attempt, or that the capture shows no attempt of.
    pub progressing: u64,
    /// Of those, the ones of which one direction is absent.
    pub one_sided: u64,
    /// TCP packets.
    pub tcp_packets: u64,
    /// Of those, copies that the capture made.
    pub copies: u64,
    /// Acknowledgements of bytes that are not in the capture.
    pub acked_unseen: u64,
    /// Segments before which bytes were missing that did not come late.
    pub lost_before: u64,
}

impl Quality {
    /// Share of the capture's TCP packets that are copies.
    pub fn copied_share(&self) -> f64 {
        share(self.copies, self.tcp_packets)
    }

    /// Share of progressing TCP flows of which one direction is absent.
    pub fn one_sided_share(&self) -> f64 {
        share(self.one_sided, self.progressing)
    }

    /// Share of acknowledgements of bytes that are not in the capture.
    pub fn unseen_share(&self) -> f64 {
        share(self.acked_unseen, self.tcp_packets.saturating_sub(self.copies))
    }

    /// Adds a flow.
    pub(crate) fn add(&mut self, flow: &FlowRecord) {
        if flow.protocol != Protocol::Ip(6) {
            return;
        }
        self.tcp_flows += 1;
        self.tcp_packets += flow.packets();
        let one_sided = is_one_sided(flow);
        self.one_sided += u64::from(one_sided);
        self.progressing +=
            u64::from(one_sided || (flow.from_client.packets > 0 && flow.from_server.packets > 0));
        if let Some(tcp) = &flow.tcp {
            let sum = |of: fn(&TcpSide) -> u64| of(&tcp.from_client) + of(&tcp.from_server);
            self.copies += sum(|side| side.copies);
            self.acked_unseen += sum(|side| side.acked_unseen);
            self.lost_before += sum(|side| side.lost_before);
        }
    }

    /// What is left of a confidence that rests on seeing both directions and every packet.
    pub(crate) fn tempered(&self, confidence: Confidence) -> Confidence {
        let shaky = self.one_sided_share() > SHAKY || self.unseen_share() > SHAKY;
        if shaky { confidence.lowered() } else { confidence }
    }

    /// True if "nobody answered" may only mean that answers were not captured.
    pub(crate) fn hides_answers(&self) -> bool {
        self.one_sided_share() > BLIND
    }
}

/// Share of one-sided flows or of acknowledgements of unseen bytes from which on findings are less sure (chosen: as
/// Zeek's notice of capture loss).
const SHAKY: f64 = 0.1;
/// Share of one-sided flows from which on a missing answer says nothing (chosen).
const BLIND: f64 = 0.3;

/// True for a TCP flow that went on although one of its directions was not captured.
pub(crate) fn is_one_sided(flow: &FlowRecord) -> bool {
    const ACK: u8 = 16;
    let goes_on = |side: &capkeep_flow::Direction| {
        side.payload_bytes > 0 || (side.packets > 1 && side.tcp_flags & ACK != 0)
    };
    match (flow.from_client.packets, flow.from_server.packets) {
        (_, 0) => goes_on(&flow.from_client),
        (0, _) => goes_on(&flow.from_server),
        _ => false,
    }
}
