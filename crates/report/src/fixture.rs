//! An analysis made by hand, with something of everything.

use std::net::IpAddr;
use std::time::Duration;

use capkeep_flow::{
    Analysis, Capture, CaptureError, ClientBy, ConnState, ConversationCounts, Counts, Direction, EndReason,
    Endpoint, FlowRecord, Handshake, HostCounts, Protocol, Quoted, ServiceCounts, Silence, Spread, TcpHealth,
    TcpSide, TcpTotals, Totals, Tunnel,
};
use capkeep_pcap::{
    Compression, Drops, Facts, Format, Interface, LinkType, SkipReason, Timestamp, TunnelKind,
};

pub(crate) const START: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn analysis() -> Analysis {
    let tcp = Protocol::Ip(6);
    let udp = Protocol::Ip(17);
    let last = Timestamp::from_nanos(START.nanos() + Duration::from_secs(307).as_nanos() as i64);
    let mut out = Analysis {
        captures: vec![Capture {
            path: "captures/2024/edge.pcapng".into(),
            session: 0,
            file_bytes: Some(512_345_678),
            facts: Facts {
                format: Some(Format::PcapNg),
                compression: Some(Compression::Gzip),
                interfaces: vec![
                    Interface {
                        link_type: LinkType::ETHERNET,
                        snap_len: 262_144,
                        name: Some("eth0".into()),
                        description: None,
                        filter: Some("tcp or udp".into()),
                        packets: 1_002_000,
                        drops: Drops {
                            received: Some(1_002_100),
                            by_interface: Some(39),
                            ..Drops::default()
                        },
                    },
                    Interface { link_type: LinkType::RAW, packets: 61, ..Interface::default() },
                ],
                sections: 1,
                hardware: Some("x86_64".into()),
                os: Some("Linux 6.1".into()),
                application: Some("Dumpcap 4.0.17".into()),
                comments: vec!["taken at the edge, while it was slow".into()],
                comment_count: 1,
                other_records: vec![("name resolution".into(), 1), ("custom".into(), 12)],
                without_time: 3,
            },
            link_types: [(LinkType::ETHERNET, 1_002_000), (LinkType::RAW, 61)].into(),
            packets: 1_002_061,
            wire_bytes: 520_123_456,
            captured_bytes: 506_234_567,
            truncated_packets: 12,
            first: Some(START),
            last: Some(last),
            time_goes_back: 4,
            clock_jumps: 1,
            longest_silence: 2_000_000_000,
            oversized: 17,
            skipped: [(SkipReason::EtherType(0x88cc), 61), (SkipReason::TooShort, 2)].into(),
            error: Some(CaptureError {
                message: "file is cut short at byte 4096: packet record needs 16 bytes, 3 are left".into(),
                brief: "cut short at byte 4096".into(),
                offset: Some(4_096),
            }),
        }],
        totals: Totals {
            packets: 1_002_061,
            wire_bytes: 520_123_456,
            captured_bytes: 506_234_567,
            packets_in_flows: 1_001_998,
            skipped: 63,
            flows: 49_973,
            peak_live_flows: 12_345,
            first: Some(START),
            last: Some(last),
        },
        protocols: [
            (tcp, Counts { packets: 900_000, wire_bytes: 500_000_000 }),
            (udp, Counts { packets: 101_000, wire_bytes: 20_000_000 }),
            (Protocol::Ip(1), Counts { packets: 990, wire_bytes: 99_000 }),
            (Protocol::Arp, Counts { packets: 8, wire_bytes: 480 }),
        ]
        .into(),
        tunnels: [("vxlan", Counts { packets: 1_000, wire_bytes: 1_100_000 })].into(),
        flows_by_protocol: [(tcp, 40_000), (udp, 9_900), (Protocol::Ip(1), 70), (Protocol::Arp, 3)].into(),
        conn_states: [(ConnState::Sf, 39_000), (ConnState::S0, 700), (ConnState::Rej, 300)].into(),
        tcp: TcpTotals {
            flows: 40_000,
            one_sided: 12,
            data_segments: 600_000,
            acks: 880_000,
            retransmissions: 1_234,
            timeouts: 34,
            spurious: 5,
            out_of_order: 88,
            ambiguous: 3,
            lost_before: 900,
            acked_unseen: 7,
            duplicate_acks: 3_000,
            zero_windows: 6,
            zero_window_nanos: 2_500_000_000,
            window_full: 9,
            keep_alives: 40,
            resets: 320,
            copies: 50,
        },
        ..Analysis::default()
    };
    let hosts = ["10.0.0.4", "2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234:5678:9abc:def0:1234:1"];
    for (i, host) in hosts.iter().enumerate() {
        let n = 1_000_000 * (i as u64 + 1);
        let counts = HostCounts {
            flows: n / 100,
            as_client: n / 200,
            sent_packets: n,
            received_packets: n / 2,
            sent_wire_bytes: n * 50,
            received_wire_bytes: n * 60,
        };
        out.hosts.add(ip(host), &counts);
        out.conversations.add(
            (ip("10.0.0.4"), ip(host)),
            &ConversationCounts {
                flows: n / 100,
                up_packets: n,
                down_packets: n / 2,
                up_wire_bytes: n * 50,
                down_wire_bytes: n * 60,
            },
        );
    }
    out.conversations.add(
        (ip(hosts[2]), ip(hosts[1])),
        &ConversationCounts { flows: 9, up_wire_bytes: 300_000_000, ..ConversationCounts::default() },
    );
    for (protocol, port, n) in [(tcp, 443, 400_000_000), (udp, 53, 19_000_000), (tcp, 50_123, 7)] {
        out.services.add(
            (protocol, port),
            &ServiceCounts { flows: n / 10_000, packets: n / 500, wire_bytes: n, payload_bytes: n / 2 },
        );
    }
    for (protocol, port, name, n) in
        [(tcp, 443, "tls", 390_000_000), (tcp, 443, "ssh", 10_000), (udp, 53, "dns", 19_000_000)]
    {
        out.spoken.add(
            (protocol, port, name),
            &ServiceCounts { flows: n / 10_000, packets: n / 500, wire_bytes: n, payload_bytes: n / 2 },
        );
    }
    out.names.add(ip("10.0.0.4"), "edge.example.net", 12);
    out.names.add(ip("10.0.0.4"), "www.example.net", 3);
    out.names.add(ip(hosts[1]), "a-name-that-is-far-too-long-for-any-table.of.a.customer.example.com", 1);
    for i in 0..307u64 {
        let at = Timestamp::from_nanos(START.nanos() + i as i64 * 1_000_000_000);
        for _ in 0..=(i % 40) {
            out.timeline.add(at, 1_500);
        }
    }
    out
}

/// A TCP flow with everything set.
pub(crate) fn tcp_flow() -> FlowRecord {
    let direction = |packets: u64| Direction {
        packets,
        wire_bytes: packets * 100,
        captured_bytes: packets * 90,
        payload_bytes: packets * 40,
        tcp_flags: 0x1b,
        first: Some(START),
        last: Some(Timestamp::from_nanos(START.nanos() + 5_000)),
        ttl_min: Some(63),
        ttl_max: Some(64),
        isn: Some(u32::MAX),
        mss: Some(1_460),
        window_scale: Some(7),
        sack_permitted: true,
    };
    FlowRecord {
        capture: 0,
        first_packet: 1,
        protocol: Protocol::Ip(6),
        client: Endpoint { ip: ip("10.0.0.4"), port: 50_000 },
        server: Endpoint { ip: ip("2001:db8::1"), port: 443 },
        client_by: ClientBy::Syn,
        from_client: direction(10),
        from_server: direction(12),
        tunnel: Some(Box::new(Tunnel {
            kind: TunnelKind::Vxlan,
            id: Some(42),
            client_end: ip("192.0.2.1"),
            server_end: ip("192.0.2.2"),
            depth: 1,
        })),
        vlan: Some(100),
        first: START,
        last: Timestamp::from_nanos(START.nanos() + 5_000),
        history: "ShADadFf".into(),
        conn_state: ConnState::Sf,
        fragments: 0,
        icmp_errors: 1,
        icmp: None,
        quoted: None,
        ports_reused: false,
        end: EndReason::Closed,
        last_packet: 22,
        path_mtu: Some(1_400),
        apps: None,
        tcp: Some(Box::new(TcpHealth {
            from_client: TcpSide {
                data_segments: 9,
                acks: 9,
                retransmissions: 2,
                timeouts: 1,
                duplicate_acks: 3,
                rtt: Some(Spread { count: 4, min: 1_000, median: 2_000, p95: 3_000, max: 4_000 }),
                ..TcpSide::default()
            },
            from_server: TcpSide { zero_windows: 1, zero_window_nanos: 700, copies: 2, ..TcpSide::default() },
            handshake: Handshake { syns: 1, server_rtt: Some(800), client_rtt: Some(200) },
            completeness: 31,
            first_byte: Some(900),
            longest_silence: Some(Silence { nanos: 1_500, packet: 7, end: START }),
            marks: Vec::new(),
        })),
        arp: Vec::new(),
    }
}

/// An ICMP error with a quoted flow.
pub(crate) fn icmp_flow() -> FlowRecord {
    FlowRecord {
        capture: 1,
        protocol: Protocol::Ip(1),
        client: Endpoint { ip: ip("10.0.0.1"), port: 0 },
        server: Endpoint { ip: ip("10.0.0.4"), port: 0 },
        client_by: ClientBy::FirstPacket,
        from_client: Direction { packets: 1, wire_bytes: 70, captured_bytes: 70, ..Direction::default() },
        from_server: Direction::default(),
        tunnel: None,
        vlan: None,
        history: String::new(),
        conn_state: ConnState::Oth,
        icmp: Some((3, 1)),
        quoted: Some(Box::new(Quoted {
            protocol: Protocol::Ip(17),
            source: Endpoint { ip: ip("10.0.0.4"), port: 40_000 },
            destination: Endpoint { ip: ip("198.51.100.7"), port: 53 },
        })),
        end: EndReason::EndOfInput,
        path_mtu: None,
        apps: None,
        tcp: None,
        ..tcp_flow()
    }
}

/// An ARP flow of a capture nobody was told of.
pub(crate) fn arp_flow() -> FlowRecord {
    FlowRecord {
        capture: 7,
        protocol: Protocol::Arp,
        icmp: None,
        quoted: None,
        client_by: ClientBy::Request,
        ..icmp_flow()
    }
}
