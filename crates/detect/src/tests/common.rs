//! Flows made by hand.

use std::net::IpAddr;

use capkeep_flow::{
    Analysis, Capture, ClientBy, ConnState, Direction, EndReason, Endpoint, FlowRecord, Handshake, Mark,
    MarkKind, Protocol, TcpHealth,
};
use capkeep_pcap::Timestamp;

use crate::{Detection, Finding, Findings, Settings};

/// When everything begins.
pub(super) const START: i64 = 1_700_000_000_000_000_000;
pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const TCP: Protocol = Protocol::Ip(6);
pub(super) const UDP: Protocol = Protocol::Ip(17);

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// So many nanoseconds after the start.
pub(super) fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(START + nanos)
}

fn direction(packets: u64, payload_bytes: u64, flags: u8) -> Direction {
    Direction {
        packets,
        wire_bytes: packets * 60 + payload_bytes,
        captured_bytes: packets * 60 + payload_bytes,
        payload_bytes,
        tcp_flags: flags,
        ttl_min: Some(64),
        ttl_max: Some(64),
        mss: Some(1_460),
        ..Direction::default()
    }
}

/// A TCP connection of 10.0.0.4 to a server, established and closed, with a request and an answer. It starts so many
/// nanoseconds after the start and lasts 200 ms.
pub(super) fn tcp(server: &str, port: u16, start: i64) -> FlowRecord {
    let health = TcpHealth {
        handshake: Handshake { syns: 1, server_rtt: Some(1_000_000), client_rtt: Some(20_000) },
        completeness: 31,
        first_byte: Some(5_000_000),
        ..TcpHealth::default()
    };
    let mut flow = FlowRecord {
        capture: 0,
        first_packet: u64::try_from(start / 1_000_000).unwrap() + 1,
        protocol: TCP,
        client: Endpoint { ip: ip("10.0.0.4"), port: 40_000 + (start / SECOND % 20_000) as u16 },
        server: Endpoint { ip: ip(server), port },
        client_by: ClientBy::Syn,
        from_client: direction(6, 500, 0x1b),
        from_server: direction(6, 2_000, 0x1b),
        tunnel: None,
        vlan: None,
        first: at(start),
        last: at(start + SECOND / 5),
        history: "ShADadFf".into(),
        conn_state: ConnState::Sf,
        fragments: 0,
        icmp_errors: 0,
        icmp: None,
        quoted: None,
        ports_reused: false,
        end: EndReason::Closed,
        last_packet: 0,
        path_mtu: None,
        tcp: Some(Box::new(health)),
        apps: None,
        arp: Vec::new(),
    };
    health_of(&mut flow).from_client.data_segments = 1;
    health_of(&mut flow).from_server.data_segments = 2;
    flow
}

/// An attempt that nobody answers.
pub(super) fn unanswered(server: &str, port: u16, start: i64) -> FlowRecord {
    let mut flow = tcp(server, port, start);
    flow.conn_state = ConnState::S0;
    flow.history = "S".into();
    flow.from_client = direction(1, 0, 2);
    flow.from_server = Direction::default();
    let health = health_of(&mut flow);
    *health = TcpHealth::default();
    health.handshake.syns = 1;
    health.completeness = 1;
    flow
}

/// An attempt that is refused.
pub(super) fn refused(server: &str, port: u16, start: i64) -> FlowRecord {
    let mut flow = unanswered(server, port, start);
    flow.conn_state = ConnState::Rej;
    flow.history = "Sr".into();
    flow.from_server = direction(1, 0, 0x14);
    health_of(&mut flow).completeness = 33;
    health_of(&mut flow).from_server.resets = 1;
    flow
}

pub(super) fn health_of(flow: &mut FlowRecord) -> &mut TcpHealth {
    flow.tcp.as_mut().unwrap()
}

/// Marks a packet.
pub(super) fn mark(flow: &mut FlowRecord, kind: MarkKind, from_client: bool, packet: u64, nanos: i64) {
    let mark = Mark { kind, from_client, capture: 0, packet, at: at(nanos), payload_bytes: 1_460, ttl: 64 };
    health_of(flow).marks.push(mark);
}

/// What all detectors say of flows.
pub(super) fn findings(flows: &[FlowRecord]) -> Findings {
    findings_with(flows, Settings::default(), &Analysis::default())
}

pub(super) fn findings_with(flows: &[FlowRecord], settings: Settings, analysis: &Analysis) -> Findings {
    let mut detection = Detection::new(settings);
    detection.observe(flows);
    detection.finish(analysis)
}

/// The findings of one detector.
pub(super) fn found(id: &str, flows: &[FlowRecord]) -> Vec<Finding> {
    assert!(crate::DETECTORS.iter().any(|detector| detector.id() == id), "{id}");
    let list = findings(flows).list;
    list.into_iter().filter(|finding| finding.detector == id).collect()
}

/// An analysis of one capture.
pub(super) fn analysis(capture: Capture) -> Analysis {
    Analysis { captures: vec![capture], ..Analysis::default() }
}
