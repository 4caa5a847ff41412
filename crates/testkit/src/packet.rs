//! One record of a capture file, and where it comes from.

/// A captured packet with its truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it was captured: nanoseconds since the epoch.
    pub time_ns: i64,
    /// Bytes it had on the wire; at least `data.len()`.
    pub wire_len: u32,
    /// The captured bytes, from the link layer on.
    pub data: Vec<u8>,
    /// The flow it is a part of; `None` for what belongs to none, such as ARP.
    pub origin: Option<Origin>,
}

/// What a packet is to its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Number of the flow, from 0 in the order of first packets.
    pub flow: u64,
    /// True for packets from client to server.
    pub from_client: bool,
    /// Bytes above the transport header, as the IP header counts them (no Ethernet padding): after the TCP header
    /// with its options, after the 8 bytes of UDP and ICMP, after the 12-byte common header of SCTP.
    pub payload_len: u32,
    /// Flags byte of the TCP header (`CWR ECE URG ACK PSH RST SYN FIN` from the top); 0 for other protocols.
    pub tcp_flags: u8,
}

impl Packet {
    /// A packet captured whole.
    pub(crate) fn whole(time_ns: i64, data: Vec<u8>, origin: Option<Origin>) -> Self {
        Self { time_ns, wire_len: data.len() as u32, data, origin }
    }
}
