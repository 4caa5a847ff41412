//! Where to look: the packets in which something happened.

use capkeep_pcap::Timestamp;

/// A packet in which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What happened.
    pub kind: MarkKind,
    /// True if the client sent it.
    pub from_client: bool,
    /// Index of its file.
    pub capture: u32,
    /// Number of the packet in its file, from 1.
    pub packet: u64,
    /// Its time.
    pub at: Timestamp,
    /// Bytes of payload that it carries.
    pub payload_bytes: u32,
    /// Its TTL or hop limit.
    pub ttl: u8,
}

/// What happened in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkKind {
    /// Bytes were sent again.
    Retransmission,
    /// Bytes came late that were sent in order.
    OutOfOrder,
    /// Bytes before it are missing.
    LostBefore,
    /// It acknowledges bytes that are not in the capture.
    AckedUnseen,
    /// It acknowledges the same again.
    DuplicateAck,
    /// Its sender takes nothing more.
    ZeroWindow,
    /// It asks whether the other end takes something again.
    ZeroWindowProbe,
    /// It fills what the other end takes.
    WindowFull,
    /// It takes something again after a window of zero.
    WindowOpened,
    /// It asks whether the other end is alive.
    KeepAlive,
    /// A connection attempt.
    Syn,
    /// It aborts a connection that was established (or carried data).
    Reset,
    /// The copy of another packet.
    Copy,
}

impl MarkKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Retransmission,
        Self::OutOfOrder,
        Self::LostBefore,
        Self::AckedUnseen,
        Self::DuplicateAck,
        Self::ZeroWindow,
        Self::ZeroWindowProbe,
        Self::WindowFull,
        Self::WindowOpened,
        Self::KeepAlive,
        Self::Syn,
        Self::Reset,
        Self::Copy,
    ];

    /// Name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::OutOfOrder => "out_of_order",
            Self::LostBefore => "lost_before",
            Self::AckedUnseen => "acked_unseen",
            Self::DuplicateAck => "duplicate_ack",
            Self::ZeroWindow => "zero_window",
            Self::ZeroWindowProbe => "zero_window_probe",
            Self::WindowFull => "window_full",
            Self::WindowOpened => "window_opened",
            Self::KeepAlive => "keep_alive",
            Self::Syn => "syn",
            Self::Reset => "reset",
            Self::Copy => "copy",
        }
    }
}

/// Marks of a flow: the first few of each kind and direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(Vec<Mark>);

impl Marks {
    /// Most marks of a kind and direction (chosen: as many as somebody looks at; the counts say how many there were).
    const MOST: usize = 16;

    pub(crate) fn add(&mut self, mark: Mark) {
        let alike = |known: &&Mark| known.kind == mark.kind && known.from_client == mark.from_client;
        if self.0.iter().filter(alike).count() < Self::MOST {
            self.0.push(mark);
        }
    }

    pub(crate) fn as_slice(&self) -> &[Mark] {
        &self.0
    }
}
