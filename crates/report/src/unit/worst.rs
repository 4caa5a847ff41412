//! The worst flows.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use capkeep_flow::{Apps, FlowRecord, TcpSide, service_name};
use serde::{Deserialize, Serialize};

use super::distributions::positive;

/// What flows are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Data segments sent again because they were lost.
    Lost,
    /// Median round trip, the longer one of both directions; nanoseconds.
    RoundTrip,
    /// Handshake; nanoseconds.
    Handshake,
    /// Time to the first byte of the answer; nanoseconds.
    FirstByte,
    /// Time in which a side took nothing; nanoseconds.
    ZeroWindow,
    /// Bytes on the wire.
    Bytes,
}

impl Measure {
    /// Every measure, in the order in which they are shown.
    pub const ALL: &'static [Self] =
        &[Self::Lost, Self::RoundTrip, Self::Handshake, Self::FirstByte, Self::ZeroWindow, Self::Bytes];

    /// Name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::RoundTrip => "round_trip",
            Self::Handshake => "handshake",
            Self::FirstByte => "first_byte",
            Self::ZeroWindow => "zero_window",
            Self::Bytes => "bytes",
        }
    }

    /// Unit of its values.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Lost => "segments",
            Self::RoundTrip | Self::Handshake | Self::FirstByte | Self::ZeroWindow => "ns",
            Self::Bytes => "bytes",
        }
    }

    /// What a flow measures; 0 keeps it out.
    fn of(self, flow: &FlowRecord) -> u64 {
        let tcp = flow.tcp.as_deref();
        match self {
            Self::Lost => tcp.map_or(0, |tcp| tcp.from_client.lost() + tcp.from_server.lost()),
            Self::RoundTrip => rtt(flow).map_or(0, positive),
            Self::Handshake => handshake(flow).map_or(0, positive),
            Self::FirstByte => tcp.and_then(|tcp| tcp.first_byte).map_or(0, positive),
            Self::ZeroWindow => positive(zero_window(flow)),
            Self::Bytes => flow.wire_bytes(),
        }
    }
}

fn rtt(flow: &FlowRecord) -> Option<i64> {
    let tcp = flow.tcp.as_deref()?;
    [tcp.from_client.rtt, tcp.from_server.rtt].into_iter().flatten().map(|rtt| rtt.median).max()
}

fn handshake(flow: &FlowRecord) -> Option<i64> {
    let handshake = flow.tcp.as_deref()?.handshake;
    Some(handshake.server_rtt?.saturating_add(handshake.client_rtt?))
}

fn zero_window(flow: &FlowRecord) -> i64 {
    flow.tcp
        .as_deref()
        .map_or(0, |tcp| tcp.from_client.zero_window_nanos.saturating_add(tcp.from_server.zero_window_nanos))
}

/// A flow that stands out, with the numbers behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorstFlow {
    /// What it is ranked by.
    pub value: u64,
    /// Session it belongs to.
    pub session: String,
    /// Index of the file its first packet lies in.
    pub capture: u32,
    /// Number of that packet.
    pub first_packet: u64,
    /// IP protocol number; `None` for ARP.
    pub number: Option<u8>,
    /// Address of the client.
    pub client_ip: IpAddr,
    /// Port of the client; 0 for protocols without.
    pub client_port: u16,
    /// Address of the server.
    pub server_ip: IpAddr,
    /// Port of the server; 0 for protocols without.
    pub server_port: u16,
    /// What the server port is for.
    pub service: Option<String>,
    /// What the ends spoke.
    pub application: Option<String>,
    /// Community ID.
    pub community_id: Option<String>,
    /// Time of its earliest packet; nanoseconds since the epoch.
    pub first_ns: i64,
    /// Time of its latest packet.
    pub last_ns: i64,
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub wire_bytes: u64,
    /// Segments with payload.
    pub data_segments: u64,
    /// Segments sent again because they were lost.
    pub lost: u64,
    /// Segments sent again for whatever reason.
    pub retransmissions: u64,
    /// Of those, sent by the retransmission timer.
    pub timeouts: u64,
    /// Median round trip, the longer one of both directions.
    pub rtt_median_ns: Option<i64>,
    /// Handshake.
    pub handshake_ns: Option<i64>,
    /// Time to the first byte of the answer.
    pub first_byte_ns: Option<i64>,
    /// Time in which a side took nothing.
    pub zero_window_ns: i64,
    /// Zeek's `conn_state`.
    pub conn_state: String,
}

impl WorstFlow {
    /// Largest value first, then by time and place: no two flows are equal.
    fn order(&self) -> impl Ord + '_ {
        (Reverse(self.value), self.first_ns, &self.session, self.capture, self.first_packet, self.ends())
    }

    const fn ends(&self) -> (Option<u8>, IpAddr, u16, IpAddr, u16) {
        (self.number, self.client_ip, self.client_port, self.server_ip, self.server_port)
    }

    fn new(value: u64, session: &str, flow: &FlowRecord) -> Self {
        let tcp = flow.tcp.as_deref();
        let sum = |of: fn(&TcpSide) -> u64| tcp.map_or(0, |tcp| of(&tcp.from_client) + of(&tcp.from_server));
        Self {
            value,
            session: session.into(),
            capture: flow.capture,
            first_packet: flow.first_packet,
            number: flow.protocol.number(),
            client_ip: flow.client.ip,
            client_port: flow.client.port,
            server_ip: flow.server.ip,
            server_port: flow.server.port,
            service: service_name(flow.protocol, flow.server.port).map(Into::into),
            application: flow.apps.as_deref().and_then(Apps::service).map(Into::into),
            community_id: flow.community_id(),
            first_ns: flow.first.nanos(),
            last_ns: flow.last.nanos(),
            packets: flow.packets(),
            wire_bytes: flow.wire_bytes(),
            data_segments: sum(|side| side.data_segments),
            lost: sum(TcpSide::lost),
            retransmissions: sum(TcpSide::all_retransmissions),
            timeouts: sum(|side| side.timeouts),
            rtt_median_ns: rtt(flow),
            handshake_ns: handshake(flow),
            first_byte_ns: tcp.and_then(|tcp| tcp.first_byte),
            zero_window_ns: zero_window(flow),
            conn_state: flow.conn_state.name().into(),
        }
    }
}

/// The worst flows by each measure, worst first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worst {
    /// The lists; a measure that no flow has is absent.
    pub lists: BTreeMap<Measure, Vec<WorstFlow>>,
}

impl Worst {
    /// Flows in a list (chosen: a table that is still read).
    pub const MOST: usize = 25;

    pub(super) fn add(&mut self, session: &str, flow: &FlowRecord) {
        for measure in Measure::ALL {
            let value = measure.of(flow);
            if value == 0 {
                continue;
            }
            let list = self.lists.entry(*measure).or_default();
            let is_full = list.len() >= Self::MOST;
            if is_full && list.last().is_some_and(|last| last.value > value) {
                continue;
            }
            insert(list, WorstFlow::new(value, session, flow));
        }
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        for (measure, flows) in &other.lists {
            let list = self.lists.entry(*measure).or_default();
            for flow in flows {
                insert(list, flow.clone());
            }
        }
    }

    /// The worst flows by a measure.
    pub fn by(&self, measure: Measure) -> &[WorstFlow] {
        self.lists.get(&measure).map_or(&[], Vec::as_slice)
    }
}

fn insert(list: &mut Vec<WorstFlow>, flow: WorstFlow) {
    let place = list.partition_point(|other| other.order() <= flow.order());
    if place < Worst::MOST {
        list.insert(place, flow);
        list.truncate(Worst::MOST);
    }
}
