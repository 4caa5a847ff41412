//! What an analysis found.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use capkeep_pcap::{Facts, LinkType, SkipReason, Timestamp};

use crate::names::Names;
use crate::record::{ConnState, Protocol};
use crate::tcp_totals::TcpTotals;
use crate::timeline::Timeline;
use crate::top::Top;
use crate::traffic::Traffic;

/// The result of [`analyze`](crate::analyze): exact counts over everything that was read.
#[derive(Debug, Default)]
pub struct Analysis {
    /// One entry per input file, in the order they were read.
    pub captures: Vec<Capture>,
    /// Everything together.
    pub totals: Totals,
    /// Packets and bytes by protocol.
    pub protocols: BTreeMap<Protocol, Counts>,
    /// Packets and bytes by tunnel kind (only packets that were inside one).
    pub tunnels: BTreeMap<&'static str, Counts>,
    /// Flows by protocol.
    pub flows_by_protocol: BTreeMap<Protocol, u64>,
    /// What TCP flows show together.
    pub tcp: TcpTotals,
    /// TCP flows by Zeek's `conn_state`.
    pub conn_states: BTreeMap<ConnState, u64>,
    /// Hosts by address.
    pub hosts: Top<IpAddr, HostCounts>,
    /// Pairs of hosts, the lower address first.
    pub conversations: Top<(IpAddr, IpAddr), ConversationCounts>,
    /// Services by protocol and server port.
    pub services: Top<(Protocol, u16), ServiceCounts>,
    /// What was spoken there, as [`Apps::service`](crate::Apps::service) calls it: of the flows of a service those that
    /// said something known.
    pub spoken: Top<(Protocol, u16, &'static str), ServiceCounts>,
    /// Names of addresses, by what flows say.
    pub names: Names,
    /// Packets and bytes over time.
    pub timeline: Timeline,
    /// The same by kind of traffic; kinds that did not occur are absent.
    pub series: BTreeMap<Traffic, Timeline>,
}

/// One input file.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// As it was named.
    pub path: PathBuf,
    /// Index of the session it belongs to: files with the same index share their flows.
    pub session: u32,
    /// Size of the file, if it is one.
    pub file_bytes: Option<u64>,
    /// What the file says of itself.
    pub facts: Facts,
    /// Packets by link type.
    pub link_types: BTreeMap<LinkType, u64>,
    /// Packets read.
    pub packets: u64,
    /// Bytes they had on the wire.
    pub wire_bytes: u64,
    /// Bytes of them in the file.
    pub captured_bytes: u64,
    /// Packets that were cut by the snap length.
    pub truncated_packets: u64,
    /// Earliest time of a packet.
    pub first: Option<Timestamp>,
    /// Latest time of a packet.
    pub last: Option<Timestamp>,
    /// Packets whose time lies before that of the packet before them.
    pub time_goes_back: u64,
    /// Of those, packets whose time lies more than [`Capture::JUMP`] before: the clock was set.
    pub clock_jumps: u64,
    /// Longest time between a packet and the next one in the file; nanoseconds.
    pub longest_silence: i64,
    /// Packets longer than an Ethernet frame: what segmentation offload hands to the capture, or jumbo frames.
    pub oversized: u64,
    /// Packets that are in no flow, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Why it could not be read to its end.
    pub error: Option<CaptureError>,
}

impl Capture {
    /// A clock that goes back further than this was set: 1 s (chosen: queues of several cores disorder packets by
    /// milliseconds).
    pub const JUMP: i64 = 1_000_000_000;
    /// Longest Ethernet frame with two tags, without its checksum: 1,522 bytes (IEEE 802.3, 802.1ad).
    pub const FRAME: u32 = 1_522;
}

/// Why a file could not be read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureError {
    /// The whole reason, causes included.
    pub message: String,
    /// What happened and where, in a few words.
    pub brief: String,
    /// Byte offset in the (uncompressed) capture.
    pub offset: Option<u64>,
}

/// Sums over all captures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets read.
    pub packets: u64,
    /// Bytes on the wire.
    pub wire_bytes: u64,
    /// Bytes captured.
    pub captured_bytes: u64,
    /// Packets in flows.
    pub packets_in_flows: u64,
    /// Packets in no flow.
    pub skipped: u64,
    /// Flows.
    pub flows: u64,
    /// Most flows held in memory at the end of a round: what memory is bounded by. Ended flows that were not swept out
    /// yet are among them, so it is not the number of connections open at a time.
    pub peak_live_flows: u64,
    /// Earliest time.
    pub first: Option<Timestamp>,
    /// Latest time.
    pub last: Option<Timestamp>,
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub wire_bytes: u64,
}

impl Counts {
    /// Adds another's.
    pub(crate) fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.wire_bytes += other.wire_bytes;
    }
}

/// What one host did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostCounts {
    /// Flows it took part in.
    pub flows: u64,
    /// Flows in which it was the client.
    pub as_client: u64,
    /// Packets it sent.
    pub sent_packets: u64,
    /// Packets it received.
    pub received_packets: u64,
    /// Bytes on the wire it sent.
    pub sent_wire_bytes: u64,
    /// Bytes on the wire it received.
    pub received_wire_bytes: u64,
}

/// What two hosts exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConversationCounts {
    /// Flows between them.
    pub flows: u64,
    /// Packets from the lower to the higher address.
    pub up_packets: u64,
    /// Packets from the higher to the lower address.
    pub down_packets: u64,
    /// Bytes on the wire from the lower to the higher address.
    pub up_wire_bytes: u64,
    /// Bytes on the wire from the higher to the lower address.
    pub down_wire_bytes: u64,
}

/// What one service port saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    /// Flows.
    pub flows: u64,
    /// Packets in both directions.
    pub packets: u64,
    /// Bytes on the wire in both directions.
    pub wire_bytes: u64,
    /// Payload bytes in both directions.
    pub payload_bytes: u64,
}
