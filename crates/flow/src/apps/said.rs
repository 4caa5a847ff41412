//! What a packet says, and how much of what was said may be kept.

use capkeep_pcap::Timestamp;

use super::PacketRef;

/// The payload of a packet, with what is needed of the packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    /// What was captured of it; not empty.
    pub(crate) payload: &'a [u8],
    /// Bytes that the capture cut off its end.
    pub(crate) cut: u32,
    /// TCP sequence number of its first byte.
    pub(crate) seq: u32,
    /// TCP acknowledgement number, where the segment acknowledges.
    pub(crate) ack: Option<u32>,
    pub(crate) at: Timestamp,
    /// Where the packet lies.
    pub(crate) packet: PacketRef,
    /// Sender: 0 the lower end, 1 the higher.
    pub(crate) from: usize,
    /// Ports of the sender and the receiver.
    pub(crate) ports: (u16, u16),
    pub(crate) is_tcp: bool,
}

impl Said<'_> {
    /// True if one of its ports is this one.
    pub(super) const fn has_port(&self, port: u16) -> bool {
        self.ports.0 == port || self.ports.1 == port
    }
}

/// What the flows of a shard may keep. Which shard a flow is in differs from run to run, so what is allowed follows
/// from sums over all shards, made between rounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    /// Bytes kept of messages, about.
    pub(crate) kept: u64,
    /// Bytes that wait for the rest of a message.
    pub(crate) waiting: u64,
    /// True if only the first few messages of a flow may be kept.
    pub(crate) is_scarce: bool,
}

impl Room {
    /// Bytes of kept messages from which on only the first few of each flow are kept (chosen: some 400,000 messages
    /// in live flows).
    pub(crate) const KEPT: u64 = 128 << 20;
    /// Bytes that may wait at the end of a round (chosen: 40,000 halves of a hello).
    pub(crate) const WAITING: u64 = 64 << 20;

    /// How many of at most `most` things of a flow may be kept.
    pub(super) fn allows(&self, most: usize) -> usize {
        if self.is_scarce { most.min(Self::FEW) } else { most }
    }

    /// What is kept of a flow when room is scarce (chosen: a question and its answer with a repeat each).
    const FEW: usize = 4;
}
