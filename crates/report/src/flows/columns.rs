//! The columns of a flow file.

use std::fmt::Write as _;
use std::path::Path;

use capkeep_flow::{
    Apps, Direction, Endpoint, FlowRecord, Protocol, TcpHealth, service_name, tls_version_name,
};
use capkeep_pcap::Timestamp;

/// A flow and what is known of the capture it begins in.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The flow.
    pub flow: &'a FlowRecord,
    /// Path of its capture, as it was named.
    pub path: Option<&'a str>,
    /// Session of its capture.
    pub session: Option<u32>,
}

/// How a column gets its value, and so its type.
#[derive(Clone, Copy, Debug)]
pub enum Get {
    /// A 64-bit signed integer.
    Int(fn(Row<'_>) -> Option<i64>),
    /// True or false.
    Bool(fn(Row<'_>) -> Option<bool>),
    /// Text, written into the string; false if there is none.
    Text(fn(Row<'_>, &mut String) -> bool),
}

impl Get {
    /// Name of the type in documentation.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Int(_) => "int64",
            Self::Bool(_) => "bool",
            Self::Text(_) => "string",
        }
    }
}

/// A column of a flow file.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Unit of its values; empty where they have none.
    pub unit: &'static str,
    /// True if a value can be missing.
    pub nullable: bool,
    /// True if its text may come from outside: names that strangers chose.
    pub from_outside: bool,
    /// What a value says.
    pub meaning: &'static str,
    /// Its value and type.
    pub get: Get,
}

const fn int(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    get: fn(Row<'_>) -> Option<i64>,
) -> Column {
    Column { name, unit, nullable: false, from_outside: false, meaning, get: Get::Int(get) }
}

const fn text(name: &'static str, meaning: &'static str, get: fn(Row<'_>, &mut String) -> bool) -> Column {
    Column { name, unit: "", nullable: false, from_outside: false, meaning, get: Get::Text(get) }
}

const fn flag(name: &'static str, meaning: &'static str, get: fn(Row<'_>) -> Option<bool>) -> Column {
    Column { name, unit: "", nullable: false, from_outside: false, meaning, get: Get::Bool(get) }
}

impl Column {
    const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }

    const fn chosen_outside(self) -> Self {
        Self { from_outside: true, ..self }
    }
}

/// Counters are 64-bit unsigned where they are counted; no capture holds 2^63 of anything.
#[expect(clippy::unnecessary_wraps, reason = "the columns want an option")]
fn wide(n: u64) -> Option<i64> {
    Some(i64::try_from(n).unwrap_or(i64::MAX))
}

fn nanos(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::nanos)
}

fn put(out: &mut String, value: impl std::fmt::Display) -> bool {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
    true
}

fn put_some(out: &mut String, value: Option<impl std::fmt::Display>) -> bool {
    value.is_some_and(|value| put(out, value))
}

/// ICMP flows have no ports: theirs are null, so that port 0 is a port.
fn port(row: Row<'_>, end: Endpoint) -> Option<i64> {
    has_ports(row.flow.protocol).then_some(end.port.into())
}

/// TCP, UDP, DCCP, SCTP, UDP-Lite.
const fn has_ports(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Ip(6 | 17 | 33 | 132 | 136))
}

const fn is_tcp(row: Row<'_>) -> bool {
    matches!(row.flow.protocol, Protocol::Ip(6))
}

fn tcp(row: Row<'_>, direction: &Direction, of: fn(&Direction) -> Option<i64>) -> Option<i64> {
    if is_tcp(row) { of(direction) } else { None }
}

fn health(row: Row<'_>, of: fn(&TcpHealth) -> Option<i64>) -> Option<i64> {
    row.flow.tcp.as_deref().and_then(of)
}

/// Every column, in the order of the file: the only description of the schema there is.
pub const COLUMNS: &[Column] = &[
    text("capture", "Path of the capture its first packet lies in, as it was named.", |r, out| {
        put_some(out, r.path)
    })
    .or_null()
    .chosen_outside(),
    int("capture_index", "", "Number of that capture in `captures[]` of the JSON summary, from 0.", |r| {
        Some(r.flow.capture.into())
    }),
    int("session", "", "Captures of the same session share their flows; from 0.", |r| {
        r.session.map(i64::from)
    })
    .or_null(),
    int("first_packet", "", "Number of its first packet in that capture, from 1.", |r| {
        wide(r.flow.first_packet)
    }),
    text("protocol", "Lower-case name: `tcp`, `udp`, `icmp`, `icmp6`, `sctp`, `arp`, …, `ip_N`.", |r, out| {
        put(out, r.flow.protocol.name())
    }),
    int("protocol_number", "", "IP protocol number; null for ARP.", |r| {
        r.flow.protocol.number().map(i64::from)
    })
    .or_null(),
    text("client_ip", "Address of the end that asked.", |r, out| put(out, r.flow.client.ip)),
    int("client_port", "", "Its port; null for protocols without ports.", |r| port(r, r.flow.client)).or_null(),
    text("server_ip", "Address of the end that was asked.", |r, out| put(out, r.flow.server.ip)),
    int("server_port", "", "Its port; null for protocols without ports.", |r| port(r, r.flow.server)).or_null(),
    text(
        "client_by",
        "How client and server were told apart: `syn`, `syn_ack`, `port`, `request` or `first_packet`.",
        |r, out| put(out, r.flow.client_by.name()),
    ),
    text("service", "What the server port is for, by its number; null if it has no name.", |r, out| {
        put_some(out, service_name(r.flow.protocol, r.flow.server.port))
    })
    .or_null(),
    int("client_packets", "packets", "Packets from the client.", |r| wide(r.flow.from_client.packets)),
    int("server_packets", "packets", "Packets from the server.", |r| wide(r.flow.from_server.packets)),
    int("client_wire_bytes", "bytes", "Bytes on the wire from the client, link layer and tunnels included.", |r| {
        wide(r.flow.from_client.wire_bytes)
    }),
    int("server_wire_bytes", "bytes", "Bytes on the wire from the server, likewise.", |r| {
        wide(r.flow.from_server.wire_bytes)
    }),
    int("client_captured_bytes", "bytes", "Bytes of them in the capture.", |r| {
        wide(r.flow.from_client.captured_bytes)
    }),
    int("server_captured_bytes", "bytes", "Bytes of them in the capture.", |r| {
        wide(r.flow.from_server.captured_bytes)
    }),
    int(
        "client_payload_bytes",
        "bytes",
        "Payload above TCP, UDP or SCTP from the client, by what the headers say.",
        |r| wide(r.flow.from_client.payload_bytes),
    ),
    int("server_payload_bytes", "bytes", "Payload from the server, likewise.", |r| {
        wide(r.flow.from_server.payload_bytes)
    }),
    int(
        "client_tcp_flags",
        "",
        "TCP flags the client sent, or-ed: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128; null unless TCP.",
        |r| tcp(r, &r.flow.from_client, |d| Some(d.tcp_flags.into())),
    )
    .or_null(),
    int("server_tcp_flags", "", "TCP flags the server sent, likewise.", |r| {
        tcp(r, &r.flow.from_server, |d| Some(d.tcp_flags.into()))
    })
    .or_null(),
    int("client_ttl_min", "hops", "Smallest TTL or hop limit from the client; null without packets.", |r| {
        r.flow.from_client.ttl_min.map(i64::from)
    })
    .or_null(),
    int("client_ttl_max", "hops", "Largest TTL or hop limit from the client.", |r| {
        r.flow.from_client.ttl_max.map(i64::from)
    })
    .or_null(),
    int("server_ttl_min", "hops", "Smallest TTL or hop limit from the server; null without packets.", |r| {
        r.flow.from_server.ttl_min.map(i64::from)
    })
    .or_null(),
    int("server_ttl_max", "hops", "Largest TTL or hop limit from the server.", |r| {
        r.flow.from_server.ttl_max.map(i64::from)
    })
    .or_null(),
    int("first_ns", "ns", "Time of its earliest packet since 1970-01-01T00:00:00Z.", |r| {
        Some(r.flow.first.nanos())
    }),
    int("last_ns", "ns", "Time of its latest packet.", |r| Some(r.flow.last.nanos())),
    int("duration_ns", "ns", "From the earliest to the latest packet.", |r| {
        Some(r.flow.last.since(r.flow.first))
    }),
    int("client_first_ns", "ns", "Time of the earliest packet from the client; null without one.", |r| {
        nanos(r.flow.from_client.first)
    })
    .or_null(),
    int("client_last_ns", "ns", "Time of the latest packet from the client.", |r| {
        nanos(r.flow.from_client.last)
    })
    .or_null(),
    int("server_first_ns", "ns", "Time of the earliest packet from the server; null without one.", |r| {
        nanos(r.flow.from_server.first)
    })
    .or_null(),
    int("server_last_ns", "ns", "Time of the latest packet from the server.", |r| {
        nanos(r.flow.from_server.last)
    })
    .or_null(),
    int("client_isn", "", "TCP initial sequence number of the client; null if its SYN was not seen.", |r| {
        tcp(r, &r.flow.from_client, |d| d.isn.map(i64::from))
    })
    .or_null(),
    int("server_isn", "", "TCP initial sequence number of the server, likewise.", |r| {
        tcp(r, &r.flow.from_server, |d| d.isn.map(i64::from))
    })
    .or_null(),
    int("client_mss", "bytes", "TCP maximum segment size in the client's SYN.", |r| {
        tcp(r, &r.flow.from_client, |d| d.mss.map(i64::from))
    })
    .or_null(),
    int("server_mss", "bytes", "TCP maximum segment size in the server's SYN.", |r| {
        tcp(r, &r.flow.from_server, |d| d.mss.map(i64::from))
    })
    .or_null(),
    int("client_window_scale", "", "TCP window scale shift in the client's SYN.", |r| {
        tcp(r, &r.flow.from_client, |d| d.window_scale.map(i64::from))
    })
    .or_null(),
    int("server_window_scale", "", "TCP window scale shift in the server's SYN.", |r| {
        tcp(r, &r.flow.from_server, |d| d.window_scale.map(i64::from))
    })
    .or_null(),
    flag("client_sack_permitted", "True if the client's SYN permitted SACK; null unless TCP.", |r| {
        is_tcp(r).then_some(r.flow.from_client.sack_permitted)
    })
    .or_null(),
    flag("server_sack_permitted", "True if the server's SYN permitted SACK; null unless TCP.", |r| {
        is_tcp(r).then_some(r.flow.from_server.sack_permitted)
    })
    .or_null(),
    text("history", "Zeek's `history`: what happened, in order, as letters; null if nothing did.", |r, out| {
        !r.flow.history.is_empty() && put(out, &r.flow.history)
    })
    .or_null(),
    text("conn_state", "Zeek's `conn_state`; null for ARP.", |r, out| {
        r.flow.protocol != Protocol::Arp && put(out, r.flow.conn_state.name())
    })
    .or_null(),
    int("vlan", "", "Outermost VLAN id of its first packet; null without a tag.", |r| {
        r.flow.vlan.map(i64::from)
    })
    .or_null(),
    text("tunnel_kind", "Innermost tunnel it ran in; null without one.", |r, out| {
        put_some(out, r.flow.tunnel.as_ref().map(|tunnel| tunnel.kind.name()))
    })
    .or_null(),
    int("tunnel_id", "", "Identifier of that tunnel (VNI, VSID, key, session, TEID).", |r| {
        r.flow.tunnel.as_ref().and_then(|tunnel| tunnel.id.map(i64::from))
    })
    .or_null(),
    text("tunnel_client_ip", "Outer address on the client's side.", |r, out| {
        put_some(out, r.flow.tunnel.as_ref().map(|tunnel| tunnel.client_end))
    })
    .or_null(),
    text("tunnel_server_ip", "Outer address on the server's side.", |r, out| {
        put_some(out, r.flow.tunnel.as_ref().map(|tunnel| tunnel.server_end))
    })
    .or_null(),
    int("tunnel_depth", "tunnels", "Tunnels around it, one in the other; 0 without one.", |r| {
        Some(r.flow.tunnel.as_ref().map_or(0, |tunnel| tunnel.depth.into()))
    }),
    int("fragments", "packets", "IP fragments among its packets.", |r| wide(r.flow.fragments)),
    int("icmp_type", "", "Type of its first packet; null unless ICMP or ICMPv6.", |r| {
        r.flow.icmp.map(|(kind, _)| kind.into())
    })
    .or_null(),
    int("icmp_code", "", "Code of its first packet; null unless ICMP or ICMPv6.", |r| {
        r.flow.icmp.map(|(_, code)| code.into())
    })
    .or_null(),
    int("icmp_errors", "packets", "ICMP errors that quote a packet of this flow.", |r| {
        wide(r.flow.icmp_errors)
    }),
    text("quoted_protocol", "Protocol of the flow its first ICMP error quotes.", |r, out| {
        put_some(out, r.flow.quoted.as_ref().map(|quoted| quoted.protocol.name()))
    })
    .or_null(),
    text("quoted_source_ip", "Source of the quoted packet.", |r, out| {
        put_some(out, r.flow.quoted.as_ref().map(|quoted| quoted.source.ip))
    })
    .or_null(),
    int("quoted_source_port", "", "Its source port.", |r| {
        r.flow.quoted.as_ref().filter(|q| has_ports(q.protocol)).map(|quoted| quoted.source.port.into())
    })
    .or_null(),
    text("quoted_destination_ip", "Destination of the quoted packet.", |r, out| {
        put_some(out, r.flow.quoted.as_ref().map(|quoted| quoted.destination.ip))
    })
    .or_null(),
    int("quoted_destination_port", "", "Its destination port.", |r| {
        r.flow.quoted.as_ref().filter(|q| has_ports(q.protocol)).map(|quoted| quoted.destination.port.into())
    })
    .or_null(),
    flag("ports_reused", "True if the same ends, ports and protocol had a flow before.", |r| {
        Some(r.flow.ports_reused)
    }),
    text("end_reason", "Why it ended: `end_of_input`, `idle`, `closed` or `ports_reused`.", |r, out| {
        put(out, r.flow.end.name())
    }),
    text("community_id", "Community ID version 1, seed 0; null for ARP.", |r, out| {
        put_some(out, r.flow.community_id())
    })
    .or_null(),
    int("client_data_segments", "segments", "Segments with payload from the client; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.data_segments))
    })
    .or_null(),
    int("client_retransmissions", "segments", "Sent again by the client, for whatever reason; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.all_retransmissions()))
    })
    .or_null(),
    int("client_fast_retransmissions", "segments", "Of those, sent after duplicate acknowledgements; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.fast_retransmissions))
    })
    .or_null(),
    int("client_spurious_retransmissions", "segments", "Of those, sent although acknowledged; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.spurious_retransmissions))
    })
    .or_null(),
    int("client_timeouts", "segments", "Of those, sent by the retransmission timer; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.timeouts))
    })
    .or_null(),
    int("client_out_of_order", "segments", "Segments of the client that came late and were not sent again; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.out_of_order))
    })
    .or_null(),
    int("client_lost_before", "segments", "Segments of the client before which bytes are missing that did not merely come late; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.lost_before))
    })
    .or_null(),
    int("client_acked_unseen", "segments", "Acknowledgements of the client of bytes that are not in the capture; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.acked_unseen))
    })
    .or_null(),
    int("client_duplicate_acks", "segments", "Duplicate acknowledgements of the client; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.duplicate_acks))
    })
    .or_null(),
    int("client_zero_windows", "segments", "Segments of the client that announce a window of zero; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.zero_windows))
    })
    .or_null(),
    int("client_resets", "segments", "Resets of the client; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.resets))
    })
    .or_null(),
    int("client_copies", "packets", "Packets of the client that the capture holds twice; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_client.copies))
    })
    .or_null(),
    int("client_zero_window_ns", "ns", "How long the client took nothing.", |r| {
        health(r, |tcp| Some(tcp.from_client.zero_window_nanos))
    })
    .or_null(),
    int("client_rtt_min_ns", "ns", "Shortest time from bytes of the client to their acknowledgement.", |r| {
        health(r, |tcp| tcp.from_client.rtt.map(|rtt| rtt.min))
    })
    .or_null(),
    int("client_rtt_median_ns", "ns", "Median of the same.", |r| {
        health(r, |tcp| tcp.from_client.rtt.map(|rtt| rtt.median))
    })
    .or_null(),
    int("client_rtt_p95_ns", "ns", "95th percentile of the same.", |r| {
        health(r, |tcp| tcp.from_client.rtt.map(|rtt| rtt.p95))
    })
    .or_null(),
    int("server_data_segments", "segments", "Segments with payload from the server; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.data_segments))
    })
    .or_null(),
    int("server_retransmissions", "segments", "Sent again by the server, for whatever reason; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.all_retransmissions()))
    })
    .or_null(),
    int("server_fast_retransmissions", "segments", "Of those, sent after duplicate acknowledgements; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.fast_retransmissions))
    })
    .or_null(),
    int("server_spurious_retransmissions", "segments", "Of those, sent although acknowledged; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.spurious_retransmissions))
    })
    .or_null(),
    int("server_timeouts", "segments", "Of those, sent by the retransmission timer; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.timeouts))
    })
    .or_null(),
    int("server_out_of_order", "segments", "Segments of the server that came late and were not sent again; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.out_of_order))
    })
    .or_null(),
    int("server_lost_before", "segments", "Segments of the server before which bytes are missing that did not merely come late; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.lost_before))
    })
    .or_null(),
    int("server_acked_unseen", "segments", "Acknowledgements of the server of bytes that are not in the capture; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.acked_unseen))
    })
    .or_null(),
    int("server_duplicate_acks", "segments", "Duplicate acknowledgements of the server; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.duplicate_acks))
    })
    .or_null(),
    int("server_zero_windows", "segments", "Segments of the server that announce a window of zero; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.zero_windows))
    })
    .or_null(),
    int("server_resets", "segments", "Resets of the server; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.resets))
    })
    .or_null(),
    int("server_copies", "packets", "Packets of the server that the capture holds twice; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.from_server.copies))
    })
    .or_null(),
    int("server_zero_window_ns", "ns", "How long the server took nothing.", |r| {
        health(r, |tcp| Some(tcp.from_server.zero_window_nanos))
    })
    .or_null(),
    int("server_rtt_min_ns", "ns", "Shortest time from bytes of the server to their acknowledgement.", |r| {
        health(r, |tcp| tcp.from_server.rtt.map(|rtt| rtt.min))
    })
    .or_null(),
    int("server_rtt_median_ns", "ns", "Median of the same.", |r| {
        health(r, |tcp| tcp.from_server.rtt.map(|rtt| rtt.median))
    })
    .or_null(),
    int("server_rtt_p95_ns", "ns", "95th percentile of the same.", |r| {
        health(r, |tcp| tcp.from_server.rtt.map(|rtt| rtt.p95))
    })
    .or_null(),
    int("syns", "segments", "SYNs of the client; null unless TCP.", |r| {
        health(r, |tcp| wide(tcp.handshake.syns))
    })
    .or_null(),
    int("handshake_server_rtt_ns", "ns", "From the SYN to the SYN-ACK, at the place of capture.", |r| {
        health(r, |tcp| tcp.handshake.server_rtt)
    })
    .or_null(),
    int("handshake_client_rtt_ns", "ns", "From the SYN-ACK to its acknowledgement, at the place of capture.", |r| {
        health(r, |tcp| tcp.handshake.client_rtt)
    })
    .or_null(),
    int("first_byte_ns", "ns", "From the first payload of the client to that of the server.", |r| {
        health(r, |tcp| tcp.first_byte)
    })
    .or_null(),
    int("longest_silence_ns", "ns", "Longest time without a packet.", |r| {
        health(r, |tcp| tcp.longest_silence.map(|silence| silence.nanos))
    })
    .or_null(),
    int(
        "completeness",
        "",
        "What of a connection was seen, or-ed: SYN 1, SYN-ACK 2, ACK 4, data 8, FIN 16, RST 32; null unless TCP.",
        |r| health(r, |tcp| Some(tcp.completeness.into())),
    )
    .or_null(),
    text("application", "What its ends spoke, by what they said; null if nothing known.", |r, out| {
        put_some(out, r.flow.apps.as_deref().and_then(Apps::service))
    })
    .or_null(),
    text("server_name", "Name that the client asked for: the SNI of TLS or QUIC, else the first HTTP host.", |r, out| {
        let apps = r.flow.apps.as_deref();
        let sni = apps.and_then(|apps| apps.tls.as_ref()?.sni.as_deref());
        let host = || apps.and_then(|apps| Some(&*apps.http.as_ref()?.hosts.first()?.0));
        put_some(out, sni.or_else(host))
    })
    .or_null()
    .chosen_outside(),
    text("tls_version", "TLS version that the server chose.", |r, out| {
        let version = r.flow.apps.as_deref().and_then(|apps| apps.tls.as_ref()?.version);
        version.is_some_and(|version| match tls_version_name(version) {
            Some(name) => put(out, name),
            None => put(out, format_args!("0x{version:04x}")),
        })
    })
    .or_null(),
    text("ja4", "JA4 of the client hello.", |r, out| {
        put_some(out, r.flow.apps.as_deref().and_then(|apps| apps.tls.as_ref()?.ja4.as_deref()))
    })
    .or_null(),
    text("dns_name", "First name that was asked for.", |r, out| {
        put_some(out, r.flow.apps.as_deref().and_then(|apps| Some(&*apps.dns.as_ref()?.lookups.first()?.name)))
    })
    .or_null()
    .chosen_outside(),
];

/// The columns as a Markdown table.
pub fn markdown() -> String {
    let mut out = String::from("| column | type | unit | null | meaning |\n|---|---|---|---|---|\n");
    for column in COLUMNS {
        let null = if column.nullable { "yes" } else { "" };
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {null} | {} |",
            column.name,
            column.get.type_name(),
            column.unit,
            column.meaning
        );
    }
    out
}

/// Path of a capture as it is written into flow files.
pub(crate) fn path_text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn columns_have_unique_names_and_are_documented() {
        let mut seen = HashSet::new();
        for column in COLUMNS {
            assert!(seen.insert(column.name), "{} twice", column.name);
            assert!(column.meaning.ends_with('.'), "{}", column.name);
            assert!(
                column.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "{}",
                column.name
            );
            assert_eq!(column.name.ends_with("_ns"), column.unit == "ns", "{}", column.name);
            assert_eq!(
                column.name.ends_with("_bytes") || column.name.ends_with("_mss"),
                column.unit == "bytes"
            );
        }
        assert_eq!(markdown().lines().count(), COLUMNS.len() + 2);
    }
}
