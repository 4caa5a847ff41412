//! A finished flow, as it is handed out.

use std::net::IpAddr;
use std::sync::Arc;

use capkeep_pcap::{Timestamp, TunnelKind};

use crate::apps::Apps;
use crate::community_id;
use crate::health::TcpHealth;

/// Both directions of one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRecord {
    /// Index into [`Analysis::captures`](crate::Analysis::captures) of the file its first packet lies in.
    pub capture: u32,
    /// Number of its first packet in that file, counted from 1.
    pub first_packet: u64,
    /// What the two ends speak.
    pub protocol: Protocol,
    /// The end that asked; see [`FlowRecord::client_by`] for how it was told.
    pub client: Endpoint,
    /// The end that was asked.
    pub server: Endpoint,
    /// How client and server were told apart.
    pub client_by: ClientBy,
    /// What went from client to server.
    pub from_client: Direction,
    /// What went from server to client.
    pub from_server: Direction,
    /// The tunnel the flow ran in (the innermost one).
    pub tunnel: Option<Box<Tunnel>>,
    /// Outermost VLAN id of its first packet.
    pub vlan: Option<u16>,
    /// Time of its earliest packet; the epoch if none of its packets has a time.
    pub first: Timestamp,
    /// Time of its latest packet; the epoch if none has one.
    pub last: Timestamp,
    /// Zeek's `history`.
    pub history: String,
    /// Zeek's `conn_state`.
    pub conn_state: ConnState,
    /// IP fragments among its packets.
    pub fragments: u64,
    /// ICMP or ICMPv6 errors that quote a packet of this flow.
    pub icmp_errors: u64,
    /// Type and code of its first packet (ICMP and ICMPv6 flows).
    pub icmp: Option<(u8, u8)>,
    /// The flow that its first error quotes (ICMP and ICMPv6 flows).
    pub quoted: Option<Box<Quoted>>,
    /// True if the same ends, ports and protocol had a flow before whose ports it took over.
    pub ports_reused: bool,
    /// Why it ended here.
    pub end: EndReason,
    /// Number of its last packet in the file that packet lies in.
    pub last_packet: u64,
    /// Smallest packet that ICMP errors about this flow say would have passed; bytes.
    pub path_mtu: Option<u32>,
    /// TCP health (TCP flows of which a header could be read).
    pub tcp: Option<Box<TcpHealth>>,
    /// What its application said, where that is known.
    pub apps: Option<Arc<Apps>>,
    /// Which hardware addresses the ends gave themselves (ARP flows), the first few.
    pub arp: Vec<ArpSender>,
}

impl FlowRecord {
    /// [Community ID](https://github.com/corelight/community-id-spec) version 1, seed 0; `None` for flows
    /// without IP addresses to speak of (ARP).
    pub fn community_id(&self) -> Option<String> {
        self.ends().community_id()
    }

    /// Its two ends.
    pub const fn ends(&self) -> Ends {
        Ends { protocol: self.protocol, client: self.client, server: self.server }
    }

    /// Packets in both directions.
    pub fn packets(&self) -> u64 {
        self.from_client.packets + self.from_server.packets
    }

    /// Bytes on the wire in both directions.
    pub fn wire_bytes(&self) -> u64 {
        self.from_client.wire_bytes + self.from_server.wire_bytes
    }

    /// True if nothing but the first packet says who is the server, and its port says no more: two ephemeral ports.
    pub(crate) const fn server_is_guessed(&self) -> bool {
        matches!(self.client_by, ClientBy::FirstPacket) && self.server.port >= 32_768
    }
}

/// The two ends of a flow: what its [Community ID](FlowRecord::community_id) is made of, and far cheaper to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ends {
    protocol: Protocol,
    client: Endpoint,
    server: Endpoint,
}

impl Ends {
    /// As [`FlowRecord::community_id`].
    pub fn community_id(&self) -> Option<String> {
        Some(community_id::of_ends(self.protocol.number()?, self.client, self.server))
    }
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port; 0 for protocols without ports and for fragments whose first part was never seen.
    pub port: u16,
}

/// One direction of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire, link layer and tunnel headers included (as `frame.len`).
    pub wire_bytes: u64,
    /// Bytes captured, the same way.
    pub captured_bytes: u64,
    /// Payload above TCP, UDP, UDP-Lite, DCCP or SCTP, by what the headers say (it need not have been captured). TCP
    /// packets whose header was cut before its length add nothing.
    pub payload_bytes: u64,
    /// TCP flags seen, or-ed: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub tcp_flags: u8,
    /// Time of the earliest packet.
    pub first: Option<Timestamp>,
    /// Time of the latest packet.
    pub last: Option<Timestamp>,
    /// Smallest TTL or hop limit.
    pub ttl_min: Option<u8>,
    /// Largest TTL or hop limit.
    pub ttl_max: Option<u8>,
    /// TCP initial sequence number, from the SYN.
    pub isn: Option<u32>,
    /// TCP maximum segment size, from the SYN; bytes.
    pub mss: Option<u16>,
    /// TCP window scale shift, from the SYN.
    pub window_scale: Option<u8>,
    /// True if the SYN permitted selective acknowledgements.
    pub sack_permitted: bool,
}

/// What the two ends of a flow speak: an IP protocol number, or ARP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// An IP protocol by its IANA number.
    Ip(u8),
    /// ARP, per pair of protocol addresses.
    Arp,
}

impl Protocol {
    /// Short lower-case name (`tcp`, `udp`, `icmp`, `icmp6`, `sctp`, `arp`, …, `ip_99` where there is none).
    pub fn name(self) -> std::borrow::Cow<'static, str> {
        use std::borrow::Cow;
        match self {
            Self::Arp => Cow::Borrowed("arp"),
            Self::Ip(number) => match capkeep_pcap::ip_protocol_name(number) {
                Some(name) => Cow::Borrowed(name),
                None => Cow::Owned(format!("ip_{number}")),
            },
        }
    }

    /// The IP protocol number, or `None` for ARP.
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::Ip(number) => Some(number),
            Self::Arp => None,
        }
    }
}

/// How client and server were told apart, strongest evidence first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientBy {
    /// A SYN without ACK: its sender is the client.
    Syn,
    /// A SYN-ACK: its sender is the server.
    SynAck,
    /// One port is a known service, the other is not.
    Port,
    /// ICMP request and reply types.
    Request,
    /// Nothing better: the sender of the first packet.
    FirstPacket,
}

impl ClientBy {
    /// Name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "syn_ack",
            Self::Port => "port",
            Self::Request => "request",
            Self::FirstPacket => "first_packet",
        }
    }
}

/// The tunnel around a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tunnel {
    /// Kind of the innermost tunnel.
    pub kind: TunnelKind,
    /// Its identifier: VNI, VSID, GRE key, session, TEID; `None` if it has none.
    pub id: Option<u32>,
    /// Outer address on the client's side.
    pub client_end: IpAddr,
    /// Outer address on the server's side.
    pub server_end: IpAddr,
    /// Tunnels around the flow, one in the other.
    pub depth: u8,
}

/// A hardware address that one end of an ARP flow gave itself (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpSender {
    /// True if it is the client's.
    pub is_client: bool,
    /// The hardware address.
    pub hardware: [u8; 6],
    /// Index of the file that the first packet with it lies in.
    pub capture: u32,
    /// Number of that packet.
    pub packet: u64,
    /// Time of the first packet with it.
    pub first: Timestamp,
    /// Time of the last packet with it.
    pub last: Timestamp,
}

/// The flow that an ICMP error quotes, seen from the packet that caused the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quoted {
    /// Protocol of the quoted packet.
    pub protocol: Protocol,
    /// Its source.
    pub source: Endpoint,
    /// Its destination.
    pub destination: Endpoint,
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// The input ended while it lived.
    EndOfInput,
    /// Silent for longer than the idle timeout.
    Idle,
    /// Closed by FIN or RST, and silent for [`Options::CLOSED_LINGER`](crate::Options::CLOSED_LINGER).
    Closed,
    /// Its ports were taken over by a new connection.
    PortsReused,
}

impl EndReason {
    /// Name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndOfInput => "end_of_input",
            Self::Idle => "idle",
            Self::Closed => "closed",
            Self::PortsReused => "ports_reused",
        }
    }
}

/// Zeek's `conn_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnState {
    /// Attempt seen, no reply.
    S0,
    /// Established, not terminated.
    S1,
    /// Normal establishment and termination.
    Sf,
    /// Attempt rejected.
    Rej,
    /// Established, close attempt by the client seen, no reply from the server.
    S2,
    /// Established, close attempt by the server seen, no reply from the client.
    S3,
    /// Established, client aborted.
    Rsto,
    /// Server aborted.
    Rstr,
    /// Client sent a SYN and then a RST, nothing seen from the server.
    Rstos0,
    /// Server sent a SYN-ACK and then a RST, no SYN seen from the client.
    Rstrh,
    /// Client sent a SYN and then a FIN, nothing seen from the server.
    Sh,
    /// Server sent a SYN-ACK and then a FIN, no SYN seen from the client.
    Shr,
    /// No SYN seen, midstream traffic.
    Oth,
}

impl ConnState {
    /// Every state, in Zeek's order.
    pub const ALL: &'static [Self] = &[
        Self::S0,
        Self::S1,
        Self::Sf,
        Self::Rej,
        Self::S2,
        Self::S3,
        Self::Rsto,
        Self::Rstr,
        Self::Rstos0,
        Self::Rstrh,
        Self::Sh,
        Self::Shr,
        Self::Oth,
    ];

    /// Zeek's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::Sf => "SF",
            Self::Rej => "REJ",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }
}
