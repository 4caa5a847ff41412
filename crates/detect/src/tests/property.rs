//! Whatever the flows are, nothing panics, and the bounds hold.

use capkeep_flow::{
    ArpSender, ConnState, Direction, FlowRecord, Handshake, Mark, MarkKind, Protocol, Silence, TcpHealth,
    TcpSide,
};
use capkeep_pcap::Timestamp;
use proptest::prelude::*;

use super::common::{findings, ip, tcp};
use crate::{Findings, Flows, Packets, Settings};

fn number() -> impl Strategy<Value = u64> {
    // Sums of as many as there are stay below the largest number: packets are not that many.
    prop_oneof![0..5u64, 0..200u64, 0..u64::MAX >> 24]
}

fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0i64), 0..1_000_000_000_000i64, any::<i64>()]
}

fn address() -> impl Strategy<Value = std::net::IpAddr> {
    prop_oneof![
        (0..4u8).prop_map(|n| ip(&format!("10.0.0.{n}"))),
        Just(ip("168.63.129.16")),
        Just(ip("169.254.169.254")),
        Just(ip("203.0.113.9")),
        Just(ip("::")),
        any::<u128>().prop_map(|n| std::net::IpAddr::V6(n.into())),
        any::<u32>().prop_map(|n| std::net::IpAddr::V4(n.into())),
    ]
}

prop_compose! {
    fn side()(a in number(), b in number(), c in number(), d in number(), e in instant()) -> TcpSide {
        TcpSide {
            data_segments: a, retransmissions: b, fast_retransmissions: c, timeouts: b, acked_unseen: d, copies: c,
            zero_windows: d, zero_window_nanos: e, resets: d.min(3), lost_before: b, ..TcpSide::default()
        }
    }
}

prop_compose! {
    fn direction()(
        packets in number(), payload_bytes in number(), tcp_flags in any::<u8>(),
        ttl in proptest::option::of((any::<u8>(), any::<u8>())), mss in proptest::option::of(any::<u16>()),
    ) -> Direction {
        Direction {
            packets, payload_bytes, tcp_flags, mss, wire_bytes: payload_bytes,
            ttl_min: ttl.map(|(a, b)| a.min(b)), ttl_max: ttl.map(|(a, b)| a.max(b)), ..Direction::default()
        }
    }
}

prop_compose! {
    fn mark()(kind in 0..MarkKind::ALL.len(), from_client in any::<bool>(), packet in number(), at in instant(), ttl in any::<u8>()) -> Mark {
        Mark {
            kind: MarkKind::ALL[kind], from_client, capture: 0, packet, at: Timestamp::from_nanos(at),
            payload_bytes: 1_400, ttl,
        }
    }
}

prop_compose! {
    fn health()(
        from_client in side(), from_server in side(), syns in number(), rtt in proptest::option::of(instant()),
        completeness in any::<u8>(), silence in proptest::option::of((instant(), instant())),
        marks in proptest::collection::vec(mark(), 0..5),
    ) -> TcpHealth {
        TcpHealth {
            from_client, from_server, completeness, marks,
            handshake: Handshake { syns, server_rtt: rtt, client_rtt: rtt },
            first_byte: rtt,
            longest_silence: silence.map(|(nanos, end)| Silence { nanos, packet: 1, end: Timestamp::from_nanos(end) }),
        }
    }
}

prop_compose! {
    fn flow()(
        ends in (address(), address(), prop_oneof![Just(22u16), Just(80), Just(53), any::<u16>()]),
        protocol in prop_oneof![Just(Protocol::Ip(6)), Just(Protocol::Ip(17)), Just(Protocol::Arp), any::<u8>().prop_map(Protocol::Ip)],
        from_client in direction(), from_server in direction(),
        times in (instant(), instant()), state in 0..ConnState::ALL.len(),
        tcp_health in proptest::option::of(health()), packet in number(), path_mtu in proptest::option::of(any::<u32>()),
        errors in number(), hardware in any::<[u8; 6]>(),
    ) -> FlowRecord {
        let mut flow = tcp("10.0.0.9", 443, 0);
        (flow.client.ip, flow.server.ip, flow.server.port) = ends;
        (flow.first, flow.last) = (Timestamp::from_nanos(times.0), Timestamp::from_nanos(times.1));
        (flow.protocol, flow.from_client, flow.from_server) = (protocol, from_client, from_server);
        (flow.conn_state, flow.first_packet, flow.path_mtu) = (ConnState::ALL[state], packet, path_mtu);
        flow.icmp_errors = errors;
        flow.tcp = tcp_health.map(Box::new);
        let (first, last) = (flow.first, flow.last);
        flow.arp = vec![ArpSender { is_client: true, hardware, capture: 0, packet, first, last }];
        flow
    }
}

pub(super) fn is_bounded(found: &Findings) -> bool {
    found.list.iter().all(|finding| {
        let named: usize = finding.packets.numbers.values().map(std::collections::BTreeSet::len).sum();
        finding.flows.ids.len() <= Flows::MOST
            && named <= Packets::MOST
            && finding.packets.count >= named as u64
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_flows_never_panic(flows in proptest::collection::vec(flow(), 0..60)) {
        let found = findings(&flows);
        prop_assert!(is_bounded(&found));
        prop_assert_eq!(&found, &findings(&flows));
        for finding in &found.list {
            prop_assert!(!finding.sentence.is_empty());
            prop_assert!(finding.numbers.iter().all(|number| number.value.is_finite()));
        }
    }

    #[test]
    fn the_same_odd_flow_many_times_never_panics(flow in flow(), times in 1..300usize) {
        let flows = vec![flow; times];
        prop_assert!(is_bounded(&findings(&flows)));
    }

    #[test]
    fn no_text_makes_reading_thresholds_panic(text in "\\PC*") {
        let _ = Settings::from_toml(&text);
    }
}
