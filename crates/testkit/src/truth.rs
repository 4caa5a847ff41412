//! What is in a capture, known because it was put there.

use std::{fmt, net::IpAddr};

use crate::packet::Packet;

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP (IPv4).
    Icmp,
    /// ICMPv6.
    Icmp6,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Number in the IP header.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Icmp => 1,
            Self::Icmp6 => 58,
            Self::Sctp => 132,
        }
    }

    /// Lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmp6 => "icmp6",
            Self::Sctp => "sctp",
        }
    }
}

/// How a connection went, in the words of Zeek's conn record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnState {
    /// Attempt seen, no reply.
    S0,
    /// Established, not ended.
    S1,
    /// Established, client closed its half, nothing from the server.
    S2,
    /// Established, server closed its half, nothing from the client.
    S3,
    /// Established and ended in order. Of UDP: both sides spoke.
    Sf,
    /// Attempt rejected.
    Rej,
    /// Established, client aborted.
    Rsto,
    /// Established, server aborted.
    Rstr,
    /// Anything else. ICMP.
    Oth,
}

impl ConnState {
    /// Name as Zeek writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Sf => "SF",
            Self::Rej => "REJ",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Oth => "OTH",
        }
    }
}

/// Counters of one direction of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectionTruth {
    /// Packets.
    pub packets: u64,
    /// Bytes of those packets on the wire, from the outermost header of the record on.
    pub wire_bytes: u64,
    /// Bytes above the transport header; see [`Origin::payload_len`](crate::Origin::payload_len).
    pub payload_bytes: u64,
    /// All TCP flags bytes or-ed together.
    pub tcp_flags: u8,
    /// Initial sequence number; `None` without a SYN.
    pub initial_sequence: Option<u32>,
}

/// One bidirectional flow.
///
/// ICMP echo flows have the ports that Community ID 1.0 gives them: type of the request on the client's side and
/// of the reply on the server's, so 8 and 0 for ICMP, 128 and 129 for ICMPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowTruth {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Who opened it.
    pub client: IpAddr,
    /// Port of the client.
    pub client_port: u16,
    /// Who was asked.
    pub server: IpAddr,
    /// Port of the server.
    pub server_port: u16,
    /// Client to server.
    pub to_server: DirectionTruth,
    /// Server to client.
    pub to_client: DirectionTruth,
    /// Earliest packet, nanoseconds since the epoch.
    pub first_ns: i64,
    /// Latest packet, nanoseconds since the epoch.
    pub last_ns: i64,
    /// What Zeek would say of it.
    pub conn_state: ConnState,
}

impl FlowTruth {
    /// Packets of both directions.
    pub const fn packets(&self) -> u64 {
        self.to_server.packets + self.to_client.packets
    }

    /// Payload bytes of both directions.
    pub const fn payload_bytes(&self) -> u64 {
        self.to_server.payload_bytes + self.to_client.payload_bytes
    }

    /// The flow as a number, for [`Truth::digest`]: FNV-1a (64 bits) of its [`Display`](fmt::Display) text.
    pub fn digest(&self) -> u64 {
        let mut hash = Fnv::default();
        // Writing into a hash does not fail.
        let _ = fmt::Write::write_fmt(&mut hash, format_args!("{self}"));
        hash.0
    }

    /// Forgets the counters, keeps who and how.
    pub(crate) const fn cleared(mut self) -> Self {
        let (a, b) = (self.to_server.initial_sequence, self.to_client.initial_sequence);
        let empty = DirectionTruth {
            packets: 0,
            wire_bytes: 0,
            payload_bytes: 0,
            tcp_flags: 0,
            initial_sequence: None,
        };
        self.to_server = DirectionTruth { initial_sequence: a, ..empty };
        self.to_client = DirectionTruth { initial_sequence: b, ..empty };
        self.first_ns = i64::MAX;
        self.last_ns = i64::MIN;
        self
    }

    /// Counts a packet of this flow. `payload` and flags are taken from the packet's origin.
    pub(crate) fn count(&mut self, packet: &Packet) {
        let Some(origin) = packet.origin else { return };
        let direction = if origin.from_client { &mut self.to_server } else { &mut self.to_client };
        direction.packets += 1;
        direction.wire_bytes += u64::from(packet.wire_len);
        direction.payload_bytes += u64::from(origin.payload_len);
        direction.tcp_flags |= origin.tcp_flags;
        self.first_ns = self.first_ns.min(packet.time_ns);
        self.last_ns = self.last_ns.max(packet.time_ns);
    }
}

impl fmt::Display for FlowTruth {
    /// One line: `protocol client port server port`, `packets wire payload flags` of either direction, first and
    /// last nanosecond, state. `tcp 10.1.0.1 32768 192.0.2.9 443 6 412 80 27 5 1000 640 27 17000 42000 SF`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {}",
            self.protocol.name(),
            self.client,
            self.client_port,
            self.server,
            self.server_port
        )?;
        for d in [&self.to_server, &self.to_client] {
            write!(f, " {} {} {} {}", d.packets, d.wire_bytes, d.payload_bytes, d.tcp_flags)?;
        }
        write!(f, " {} {} {}", self.first_ns, self.last_ns, self.conn_state.name())
    }
}

/// Fowler, Noll and Vo's hash, variant 1a.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

/// Totals over a whole capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Packets of every kind.
    pub packets: u64,
    /// Their bytes on the wire.
    pub wire_bytes: u64,
    /// Bytes above the transport headers.
    pub payload_bytes: u64,
    /// Time of the earliest packet, nanoseconds since the epoch; `None` without packets.
    pub first_ns: Option<i64>,
    /// Time of the latest packet.
    pub last_ns: Option<i64>,
    /// Flows.
    pub flows: u64,
    /// Packets that belong to no flow (ARP).
    pub without_flow: u64,
    /// Most flows that were between their first and last packet at one time.
    pub most_live: u64,
    /// Wrapping sum of [`FlowTruth::digest`] over all flows: the same in any order.
    pub digest: u64,
    /// Every flow in the order they ended, where the traffic was told to keep them.
    pub table: Option<Vec<FlowTruth>>,
}

impl Truth {
    /// Counts a packet into the totals.
    pub(crate) fn count(&mut self, packet: &Packet) {
        self.packets += 1;
        self.wire_bytes += u64::from(packet.wire_len);
        match packet.origin {
            Some(origin) => self.payload_bytes += u64::from(origin.payload_len),
            None => self.without_flow += 1,
        }
        self.first_ns = Some(self.first_ns.map_or(packet.time_ns, |t| t.min(packet.time_ns)));
        self.last_ns = Some(self.last_ns.map_or(packet.time_ns, |t| t.max(packet.time_ns)));
    }

    /// Takes in a flow that has ended.
    pub(crate) fn close(&mut self, flow: FlowTruth) {
        self.flows += 1;
        self.digest = self.digest.wrapping_add(flow.digest());
        if let Some(table) = &mut self.table {
            table.push(flow);
        }
    }
}
