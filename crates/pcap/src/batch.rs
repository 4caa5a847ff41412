//! Packets by the batch.

use crate::{LinkType, Timestamp};

/// Where one packet of a [`Batch`] lies, and what its record says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When the packet was captured; the epoch where the record has no time (pcapng simple packet block).
    pub timestamp: Timestamp,
    /// Where its bytes start in [`Batch::data`].
    pub start: u32,
    /// Bytes that were captured.
    pub captured_len: u32,
    /// Bytes it had on the wire. At least `captured_len` in sane files; taken as the file says.
    pub wire_len: u32,
    /// Index into [`Facts::interfaces`](crate::Facts::interfaces).
    pub interface: u32,
    /// What its bytes start with.
    pub link_type: LinkType,
    /// False where the record carries no time.
    pub has_time: bool,
}

impl Frame {
    /// Bytes the packet itself had on the wire and in the file, without a
    /// [pseudo-header](LinkType::pseudo_header_len).
    #[inline]
    pub fn lengths(&self) -> (u32, u32) {
        let pseudo = self.link_type.pseudo_header_len();
        (self.wire_len.saturating_sub(pseudo), self.captured_len.saturating_sub(pseudo))
    }
}

/// One packet, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What the record says.
    pub frame: Frame,
    /// The captured bytes, from the link layer on.
    pub data: &'a [u8],
}

/// A run of packets in file order, with the bytes they lie in.
///
/// Made to be filled again and again by [`Reader::next_batch`](crate::Reader::next_batch). Where one batch ends
/// and the next begins depends on the file alone.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The bytes: packets, the file's own headers between them, and in front of the first and behind the last one some
    /// that mean nothing.
    pub data: Vec<u8>,
    /// The packets in file order.
    pub frames: Vec<Frame>,
    /// Number of the first packet in the file, counted from 1 as Wireshark does.
    pub first_number: u64,
}

impl Batch {
    /// The bytes of a frame of this batch.
    #[inline]
    pub fn bytes(&self, frame: &Frame) -> &[u8] {
        let start = frame.start as usize;
        self.data.get(start..start + frame.captured_len as usize).unwrap_or_default()
    }

    /// The packets with their bytes.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        self.frames.iter().map(|frame| Packet { frame: *frame, data: self.bytes(frame) })
    }
}
