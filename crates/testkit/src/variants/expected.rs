//! What a reader has to find in a file.

use crate::{
    packet::{Origin, Packet},
    truth::{ConnState, FlowTruth, Protocol},
    wire::tcp::{ACK, FIN, RST, SYN},
};

/// How reading ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// At the end of the file, without complaint.
    #[default]
    Complete,
    /// The file ends inside a record: an error, after all packets that [`Expected::packets`] counts.
    Cut,
    /// The compressed stream ends early: an error, after all packets that [`Expected::packets`] counts.
    CompressedCut,
    /// The file has no byte: an error at once.
    EmptyFile,
}

impl Ending {
    /// Short name: `none`, `cut`, `compressed cut`, `empty file`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "none",
            Self::Cut => "cut",
            Self::CompressedCut => "compressed cut",
            Self::EmptyFile => "empty file",
        }
    }
}

/// How much of a packet was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// All headers: everything in [`Expected`] can be known.
    #[default]
    Headers,
    /// Up to the ports. Of TCP over IPv6, neither flags nor payload length; nothing is missing over IPv4.
    Ports,
    /// Up to the IPv4 addresses. Flows have ports 0 and are one per protocol and pair of hosts, payload and TCP
    /// flags are unknown; IPv6 packets have not even addresses and are in [`Expected::without_flow`].
    Addresses,
}

/// What is in a file, as a reader has to find it.
///
/// `packets` = the packets of all `flows` + `without_flow`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Packets.
    pub packets: u64,
    /// Bytes they had on the wire, link layer and tunnels included.
    pub wire_bytes: u64,
    /// Bytes of them that are in the file.
    pub captured_bytes: u64,
    /// Time of the earliest packet as the file's resolution gives it, nanoseconds since the epoch; `None` without
    /// packets, or where records carry no time (the flows' times are 0 then).
    pub first_ns: Option<i64>,
    /// Time of the latest packet.
    pub last_ns: Option<i64>,
    /// The flows inside all tunnels, in the order of the generator. Payload is what the base set had; wire bytes are
    /// those of the records in this file. `conn_state` supposes packets are looked at in file order.
    pub flows: Vec<FlowTruth>,
    /// Packets that belong to none of `flows`.
    pub without_flow: u64,
    /// Those among them that are ICMP errors and quote a packet of one of the `flows`.
    pub icmp_errors: u64,
    /// Comments in the file (pcapng).
    pub comments: u64,
    /// How reading ends.
    pub ending: Ending,
    /// Whether a reader may cut a true flow into several, because time or order has been destroyed. Sums over all
    /// flows hold all the same; `conn_state` does not.
    pub splits_allowed: bool,
    /// How much there is to know.
    pub detail: Detail,
}

impl Expected {
    /// Counts `packets` into `flows`, whose own counters are ignored. Flows without packets are left out.
    pub(crate) fn of(packets: &[Packet], flows: &[FlowTruth]) -> Self {
        let mut expected = Self::default();
        let mut found: Vec<_> = flows.iter().map(|flow| (flow.cleared(), Handshake::default())).collect();
        for packet in packets {
            expected.packets += 1;
            expected.wire_bytes += u64::from(packet.wire_len);
            expected.captured_bytes += packet.data.len() as u64;
            let place = packet.origin.and_then(|o| Some((o, found.get_mut(usize::try_from(o.flow).ok()?)?)));
            match place {
                Some((origin, (flow, handshake))) => {
                    flow.count(packet);
                    handshake.see(origin);
                }
                None => expected.without_flow += 1,
            }
        }
        expected.first_ns = packets.iter().map(|p| p.time_ns).min();
        expected.last_ns = packets.iter().map(|p| p.time_ns).max();
        for (mut flow, handshake) in found {
            if flow.packets() > 0 {
                flow.conn_state = handshake.state(&flow);
                expected.flows.push(flow);
            }
        }
        expected
    }
}

/// What decides on the state of a TCP connection.
#[derive(Clone, Copy, Debug, Default)]
struct Handshake {
    /// SYN without ACK from the client.
    is_tried: bool,
    /// SYN with ACK from the server.
    is_accepted: bool,
    /// FIN from client, from server.
    is_closed: [bool; 2],
    /// Who sent the first RST.
    reset_by_client: Option<bool>,
}

impl Handshake {
    fn see(&mut self, origin: Origin) {
        let flags = origin.tcp_flags;
        self.is_tried |= origin.from_client && flags & (SYN | ACK) == SYN;
        self.is_accepted |= !origin.from_client && flags & (SYN | ACK) == SYN | ACK;
        self.is_closed[usize::from(!origin.from_client)] |= flags & FIN != 0;
        if flags & RST != 0 {
            self.reset_by_client.get_or_insert(origin.from_client);
        }
    }

    /// Zeek's `conn_state`, for the cases that can arise here.
    fn state(self, flow: &FlowTruth) -> ConnState {
        match flow.protocol {
            Protocol::Udp if flow.to_client.packets > 0 && flow.to_server.packets > 0 => ConnState::Sf,
            Protocol::Udp if flow.to_server.packets > 0 => ConnState::S0,
            Protocol::Tcp if self.is_tried => {
                match (self.is_accepted, self.reset_by_client, self.is_closed) {
                    (true, Some(true), _) => ConnState::Rsto,
                    (true, Some(false), _) => ConnState::Rstr,
                    (true, None, [true, true]) => ConnState::Sf,
                    (true, None, [true, false]) => ConnState::S2,
                    (true, None, [false, true]) => ConnState::S3,
                    (true, None, [false, false]) => ConnState::S1,
                    (false, Some(false), _) => ConnState::Rej,
                    (false, None, _) if flow.to_client.packets == 0 => ConnState::S0,
                    (false, ..) => ConnState::Oth,
                }
            }
            _ => ConnState::Oth,
        }
    }
}
