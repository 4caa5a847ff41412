//! What is understood, what is refused and with what words, and what a few expressions find.

use std::net::IpAddr;

use super::Filter;
use crate::{Decoded, Fragment, Tcp, Transport, TunnelKind, TunnelLayer};

const ACCEPTED: &[&str] = &[
    "",
    "   ",
    "tcp",
    "ip6 and not icmp6",
    "host 10.0.0.1",
    "src 10.0.0.1",
    "src host 10.0.0.1 and dst 10.0.0.2",
    "ip host 10.0.0.1",
    "arp src host 10.0.0.1",
    "ip6 host 2001:db8::1",
    "host ::1",
    "dst host fe80::1:2 or ff02::1",
    "net 10",
    "net 10.1",
    "net 192.168.1",
    "net 192.168.1.0",
    "net 10.0.0.0/8",
    "net 10/8",
    "net 10.1/16 or 11.0.0.0/8",
    "net 2001:db8::/32 or ::/0",
    "net 0.0.0.0/0",
    "net 192.168.0.0 mask 255.255.0.0",
    "src net 10 mask 255.0.0.0 and port 80",
    "port 80 or 443",
    "port 80 or 443 and not 8080",
    "port (80 or 443)",
    "port not 80",
    "tcp port http or https",
    "udp src port domain",
    "sctp port 2905",
    "src or dst port 53",
    "dst or src port 53",
    "src and dst net 10.0.0.0/8",
    "dst and src port 123",
    "portrange 6000-6008",
    "tcp dst portrange 1024-65535",
    "portrange 90-80",
    "portrange ftp-data-ssh",
    "portrange 80",
    "port netbios-ns",
    "proto 6 or 17",
    "proto \\tcp",
    "ip proto icmp",
    "ip6 proto \\icmp6",
    "ip proto 0x59",
    "igmp or igrp or pim or vrrp or carp or esp or sctp",
    "vlan",
    "vlan 100 and port 80",
    "vlan 0x64",
    "tunnel",
    "tunnel vxlan",
    "tunnel 42",
    "tunnel vxlan 42 and host 10.0.0.1",
    "tunnel 6in4 or tunnel 4in6",
    "less 100 or greater 1000",
    "len > 100",
    "len >= 60 && len <= 1514",
    "(len) > 5",
    "(len - 14) % 4 = 0",
    "1 = 1",
    "- 1 = 0xffffffff",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[13] & 2 != 0",
    "(tcp[13] & 0x12) == 0x12",
    "((tcp[13] & 2) != 0) and port 80",
    "tcp[12+1] = 2",
    "tcp[0:2] = 80 or tcp[2:2] == 80",
    "tcp[4:4] > tcp[8:4]",
    "tcp[14:2] = 0",
    "udp[2:2] = 53",
    "icmp[icmptype] == icmp-echo",
    "icmp[0] != icmp-echo and icmp[icmptype] != icmp-echoreply",
    "icmp6[icmp6type] = icmp6-neighborsolicit",
    "icmp[icmptype] = icmp-unreach and icmp[icmpcode] = 3",
    "ip[8] < 5",
    "ip[9] = 6",
    "ip[12:4] = 0x0a000001",
    "ip6[7] = 255",
    "not (tcp or udp)",
    "!tcp && !udp",
    "not not tcp",
    "host 1.2.3.4 and (5.6.7.8 or 9.9.9.9)",
    "host 1.2.3.4 and not 5.6.7.8",
    "tcp\tport\n80",
];

/// Expression, position, and a part of the message.
const REFUSED: &[(&str, usize, &str)] = &[
    ("tcp prt 80", 4, "`and` or `or` is missing before `prt`"),
    ("prt 80", 0, "unknown word `prt`, perhaps `port`?"),
    ("hsot 10.0.0.1", 0, "unknown word `hsot`, perhaps `host`?"),
    ("TCP", 0, "perhaps `tcp`?"),
    ("quux", 0, "unknown word `quux`"),
    ("icmp[icmptyp] = 8", 5, "`icmptyp` is not a number, perhaps `icmptype`?"),
    ("10.0.0.1", 0, "write `host 10.0.0.1` or `net 10.0.0.1`"),
    ("80", 0, "write `host`, `net` or `port` before `80`"),
    ("ip 10.0.0.1", 3, "write `ip host 10.0.0.1`"),
    ("tcp 80", 4, "write `tcp port 80`"),
    ("tcp and 80", 8, "write `host`, `net` or `port` before `80`"),
    ("src 80", 4, "`80` is not an address; write `src port 80` or `dst port 80`"),
    ("http", 0, "`http` is a port; write `port http`"),
    ("vxlan", 0, "use `tunnel vxlan`"),
    ("erspan", 0, "`erspan` is a kind of tunnel; write `tunnel erspan`"),
    ("ospf", 0, "`ospf` is a protocol; write `proto ospf`"),
    ("host example.com", 5, "host names are not looked up; write the address of `example.com`"),
    ("host 10.1", 5, "`10.1` is not a whole address; write `net 10.1`"),
    ("host 10.0.0.256", 5, "`10.0.0.256` is not an address"),
    ("host 10.0.0.0/8", 5, "write `net 10.0.0.0/…`"),
    ("host 00:11:22:33:44:55", 5, "link-layer address"),
    ("host", 4, "`host` needs an address"),
    ("host and port 80", 5, "`host` needs an address"),
    ("host port 80", 5, "`host` needs an address before `port`"),
    ("ip host ::1", 8, "`ip` has no IPv6 addresses; write `ip6 host`"),
    ("ip6 net 10.0.0.0/8", 8, "`ip6` has no IPv4 addresses"),
    ("net 10.1.1.1/8", 4, "write `10.0.0.0/8`"),
    ("net 10.1.1.1 mask 255.0.0.0", 4, "write `10.0.0.0 mask 255.0.0.0`"),
    ("net 2001:db8::1/32", 4, "write `2001:db8::/32`"),
    ("net 10.0.0.0/33", 13, "it goes from 0 to 32"),
    ("net ::/129", 7, "it goes from 0 to 128"),
    ("net 10.0.0.0/", 13, "needs a prefix length"),
    ("net 1.2.3.4.5", 4, "is not a network"),
    ("net loopback", 4, "network names are not looked up"),
    ("net 10.0.0.0 mask x", 18, "`x` is not a mask"),
    ("mask 255.0.0.0", 0, "`mask` belongs behind"),
    ("port 65536", 5, "port 65536 is more than 65535"),
    ("port htpt", 5, "unknown port `htpt`, perhaps `http`?"),
    ("port 80-90", 5, "write `portrange 80-90`"),
    ("portrange 80-99999", 10, "is not a range of ports"),
    ("portrange", 9, "`portrange` needs a range"),
    ("ip port 80", 3, "`ip` and `port` do not go together; write `ip and port …`"),
    ("tcp host 1.2.3.4", 4, "write `tcp and host …`"),
    ("icmp host 1.2.3.4", 5, "write `icmp and host …`"),
    ("tcp proto 6", 4, "do not go together"),
    ("src proto 6", 0, "`proto` has no `src` or `dst`"),
    ("proto 256", 6, "protocol 256 is more than 255"),
    ("proto tpc", 6, "unknown protocol `tpc`, perhaps `tcp`?"),
    ("vlan 4096", 5, "VLAN 4096 is more than 4095"),
    ("vlan 5 or 6", 10, "write `host`, `net` or `port` before `6`"),
    ("tunnel vxlam", 7, "unknown kind of tunnel `vxlam`, perhaps `vxlan`?"),
    ("less", 4, "`less` needs a length"),
    ("greater x", 8, "`greater` needs a length in bytes, not `x`"),
    ("len", 3, "a comparison was expected"),
    ("len > ", 6, "the expression ends where a number was expected"),
    ("len > port", 6, "`port` is not a number"),
    ("len / 0 = 1", 6, "division by zero"),
    ("tcp[12] = 5", 0, "`tcp[12]` is not supported"),
    (
        "tcp and ip[8:2] = 5",
        8,
        "`ip[8:2]` is not supported, only some header fields are kept: of IPv4 there are",
    ),
    ("udp[4:2] > 100", 0, "use `len` for lengths"),
    ("ether[0] & 1 = 0", 0, "`ether[0]` is not supported"),
    ("tcp[13:3] = 2", 7, "the size behind `:` is 1, 2 or 4"),
    ("tcp[len] = 2", 0, "has to be a constant"),
    ("tcp[13 = 2", 7, "`]` was expected"),
    ("ether host 00:11:22:33:44:55", 0, "`ether` is not supported: link-layer addresses are not kept"),
    ("ether proto 0x88cc", 0, "`ip`, `ip6` or `arp`"),
    ("host 10.0.0.1 and ether src 00:11:22:33:44:55", 18, "`ether` is not supported"),
    ("gateway snup", 0, "`gateway` is not supported"),
    ("ip broadcast", 3, "`ip broadcast` is not supported: use `dst host 255.255.255.255`"),
    ("ip multicast", 3, "use `dst net 224.0.0.0/4`"),
    ("multicast", 0, "use `dst net 224.0.0.0/4`"),
    ("mpls 100", 0, "labels are taken off"),
    ("pppoes", 0, "PPPoE is taken off"),
    ("geneve 5", 0, "use `tunnel geneve`"),
    ("ip protochain 6", 3, "`protochain` is not supported: extension headers are always followed"),
    ("inbound", 0, "the direction is not kept"),
    ("stp", 0, "packets without IP addresses"),
    ("tcp inbound", 4, "`inbound` is not supported"),
    ("(tcp", 0, "`(` without `)`"),
    ("tcp)", 3, "`)` without `(`"),
    ("(tcp udp)", 5, "`and` or `or` is missing before `udp`"),
    ("()", 1, "a test was expected"),
    ("tcp and", 7, "the expression ends where a test was expected"),
    ("and tcp", 0, "a test was expected"),
    ("tcp # 80", 4, "unexpected character '#'"),
    ("tcp \\", 4, "a backslash without a word"),
    ("\\tcp", 0, "before `tcp`"),
    ("é tcp", 0, "unexpected character 'é'"),
    ("port 80 or é", 11, "unexpected character 'é'"),
];

#[test]
fn what_is_understood() {
    for expression in ACCEPTED {
        if let Err(error) = Filter::parse(expression) {
            panic!("{expression:?}: {error}");
        }
    }
}

#[test]
fn what_is_refused_says_where_and_why() {
    for (expression, position, message) in REFUSED {
        let Err(error) = Filter::parse(expression) else { panic!("{expression:?} was accepted") };
        assert_eq!(error.position, *position, "{expression:?}: {error}");
        assert!(error.what.contains(message), "{expression:?}: {error}");
        assert!(error.to_string().ends_with(&format!(" at position {position}")), "{error}");
    }
}

#[test]
fn positions_count_characters_not_bytes() {
    let error = Filter::parse("port \u{e9}").unwrap_err();
    assert_eq!(error.position, 5);
    let error = Filter::parse("\u{a0}").unwrap_err();
    assert_eq!(error.position, 0);
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = |n: usize, open: &str, close: &str| format!("{}tcp{}", open.repeat(n), close.repeat(n));
    assert!(Filter::parse(&deep(Filter::MAX_DEPTH, "(", ")")).is_ok());
    for (open, close) in [("(", ")"), ("not ", ""), ("!(", ")")] {
        let error = Filter::parse(&deep(Filter::MAX_DEPTH + 1, open, close)).unwrap_err();
        assert!(error.what.contains("inside each other"), "{error}");
    }
    assert!(Filter::parse(&format!("len > {}1", "-".repeat(100))).is_err());
    assert!(Filter::parse(&format!("{}len{} > 1", "(".repeat(10_000), ")".repeat(10_000))).is_err());
    // Operators that wait for an operand that never comes to an end.
    let sum = format!("len > {}len{}", "len | (".repeat(20), ")".repeat(20));
    assert!(Filter::parse(&sum).unwrap_err().what.contains("wait for their operator"));
    assert!(Filter::parse(&" ".repeat(Filter::MAX_LEN)).is_ok());
    assert!(Filter::parse(&" ".repeat(Filter::MAX_LEN + 1)).is_err());
}

#[test]
fn the_longest_expressions_neither_overflow_nor_forget() {
    // Alternating operators would be the deepest tree; there is none.
    let mut expression = "port 1".to_owned();
    for port in 2..4000 {
        expression += if port % 2 == 0 { " or port " } else { " and port " };
        expression += &port.to_string();
    }
    let filter = Filter::parse(&expression).unwrap();
    assert!(!filter.matches(&tcp(80, 443), 60));
    let hosts: Vec<String> = (0..3000).map(|n| format!("10.1.{}.{}", n / 250, n % 250)).collect();
    let filter = Filter::parse(&format!("host 10.0.0.2 or {}", hosts.join(" or "))).unwrap();
    assert!(filter.matches(&tcp(80, 443), 60));
    assert!(!filter.matches(&Decoded { source: 1, destination: 2, ..tcp(80, 443) }, 60));
    // A sum as long as an expression may be.
    let sum = format!("{} > 5", vec!["len"; Filter::MAX_LEN / 8].join(" + "));
    assert!(Filter::parse(&sum).unwrap().matches(&tcp(1, 2), 60));
}

#[test]
fn and_and_or_bind_alike_from_left_to_right() {
    for (left, right) in [
        ("tcp or udp and port 53", "(tcp or udp) and port 53"),
        ("tcp and port 53 or udp", "(tcp and port 53) or udp"),
        ("not tcp and port 53", "(not tcp) and port 53"),
        ("not tcp or udp", "(not tcp) or udp"),
        ("not (tcp or udp) or port 53", "(not (tcp or udp)) or port 53"),
        ("port 80 or 443", "port 80 or port 443"),
        ("tcp port 80 or 443", "tcp port 80 or tcp port 443"),
        ("host 10.0.0.1 and not 10.0.0.2", "host 10.0.0.1 and not host 10.0.0.2"),
        ("src port 80 or (443 or 53)", "src port 80 or src port 443 or src port 53"),
        ("port not 80", "not port 80"),
        ("src or dst port 80", "src port 80 or dst port 80"),
        ("src and dst port 80", "src port 80 and dst port 80"),
        ("len & 1 + 1 = 2", "(len & (1 + 1)) = 2"),
        ("2 + len * 3 > 100", "(2 + (len * 3)) > 100"),
        ("len - 10 - 5 = 45", "(len - 15) = 45"),
        ("1 | len & 6 = 5", "(1 | (len & 6)) = 5"),
        ("len % 7 << 1 = 8", "((len % 7) << 1) = 8"),
    ] {
        let (a, b) = (Filter::parse(left).unwrap(), Filter::parse(right).unwrap());
        for packet in packets() {
            for len in [40, 41, 60, 61, 99, 1500] {
                assert_eq!(
                    a.matches(&packet, len),
                    b.matches(&packet, len),
                    "{left} / {right}: {packet:?} {len}"
                );
            }
        }
    }
}

/// TCP from 10.0.0.1 to 10.0.0.2.
fn tcp(source_port: u16, destination_port: u16) -> Decoded {
    Decoded {
        source: 0x0a00_0001,
        destination: 0x0a00_0002,
        source_port,
        destination_port,
        protocol: 6,
        ttl: 64,
        transport: Transport::Whole,
        tcp: Tcp { seq: 1000, ack: 2000, window: 512, flags: Tcp::SYN, ..Tcp::default() },
        ..Decoded::default()
    }
}

fn packets() -> Vec<Decoded> {
    let mut packets = Vec::new();
    for protocol in [1, 6, 17, 132, 47] {
        for (source, destination) in [(80, 443), (53, 53), (80, 80), (1, 2)] {
            for is_v6 in [false, true] {
                packets.push(Decoded { is_v6, protocol, ..tcp(source, destination) });
            }
        }
    }
    packets.push(Decoded {
        is_arp: true,
        source: 0x0a00_0001,
        destination: 0x0a00_0002,
        ..Decoded::default()
    });
    packets
}

#[test]
fn what_expressions_find() {
    let v6 = Decoded { source: 1 | 0x2001_0db8 << 96, destination: 2, is_v6: true, ..tcp(50_000, 443) };
    let arp = Decoded { source: 0x0a00_0001, destination: 0x0a00_0002, is_arp: true, ..Decoded::default() };
    let echo = Decoded { icmp: Some((8, 0)), protocol: 1, source_port: 8, ..tcp(8, 0) };
    let solicit = Decoded { icmp: Some((135, 0)), protocol: 58, is_v6: true, ..tcp(135, 136) };
    let later = Decoded {
        source_port: 0,
        destination_port: 0,
        transport: Transport::None,
        fragment: Fragment::Later { id: 7, offset: 8 },
        tcp: Tcp::default(),
        ..tcp(0, 0)
    };
    let cut = Decoded { transport: Transport::Ports, tcp: Tcp::default(), ..tcp(80, 443) };
    let inside = Decoded {
        vlan: Some(100),
        tunnel: Some(TunnelLayer {
            kind: TunnelKind::Vxlan,
            id: Some(42),
            source: IpAddr::from([192, 0, 2, 1]),
            destination: IpAddr::from([192, 0, 2, 2]),
        }),
        tunnel_depth: 1,
        ..tcp(1234, 80)
    };
    for (expression, packet, wanted) in [
        ("", &arp, true),
        ("tcp", &v6, true),
        ("ip", &v6, false),
        ("ip6", &v6, true),
        ("ip or ip6", &arp, false),
        ("arp", &arp, true),
        ("proto 0", &arp, false),
        ("host 10.0.0.1", &arp, true),
        ("ip host 10.0.0.1", &arp, false),
        ("arp dst host 10.0.0.1", &arp, false),
        ("host 10.0.0.2", &inside, true),
        ("host 192.0.2.1", &inside, false),
        ("src net 10", &inside, true),
        ("src net 11", &inside, false),
        ("net 0.0.0.0/0", &v6, false),
        ("net ::/0", &v6, true),
        ("net ::/0", &inside, false),
        ("net 2001:db8::/32", &v6, true),
        ("src and dst net 2001:db8::/32", &v6, false),
        ("dst host ::2", &v6, true),
        ("net 10.0.0.0 mask 255.0.255.0", &inside, true),
        ("port 80", &inside, true),
        ("src port 80", &inside, false),
        ("portrange 81-90", &inside, false),
        ("portrange 90-80", &inside, true),
        ("udp port 80", &inside, false),
        ("port 0", &later, false),
        ("tcp", &later, true),
        ("port 8", &echo, false),
        ("port 135", &solicit, false),
        ("icmp[icmptype] == icmp-echo", &echo, true),
        ("icmp[icmptype] == icmp-echo", &solicit, false),
        ("icmp6[icmp6type] = icmp6-neighborsolicit", &solicit, true),
        ("icmp6", &solicit, true),
        ("vlan", &inside, true),
        ("vlan 100 and port 80", &inside, true),
        ("port 80 and vlan 101", &inside, false),
        ("not vlan", &v6, true),
        ("tunnel", &inside, true),
        ("tunnel", &v6, false),
        ("tunnel vxlan", &inside, true),
        ("tunnel geneve", &inside, false),
        ("tunnel 42", &inside, true),
        ("tunnel vxlan 43", &inside, false),
        ("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", &inside, true),
        ("tcp[13] = 2", &v6, true),
        ("tcp[13] & 2 != 0", &cut, false),
        ("not tcp[13] & 2 != 0", &cut, true),
        ("tcp[2:2] = 443", &cut, true),
        ("tcp[13] != 2", &echo, false),
        ("udp[0:2] = 80", &cut, false),
        ("ip[8] = 64", &cut, true),
        ("ip[8] = 64", &v6, false),
        ("ip[16:4] & 0xff = 2", &cut, true),
        ("less 60", &cut, true),
        ("greater 60", &cut, true),
        ("len < 60", &cut, false),
        ("len / (len - 60) = 1", &cut, false),
        ("not len / (len - 60) = 1", &cut, true),
    ] {
        assert_eq!(
            Filter::parse(expression).unwrap().matches(packet, 60),
            wanted,
            "{expression}: {packet:?}"
        );
    }
}

#[test]
fn any_text_is_a_filter_or_an_error() {
    // Words of the language and what may stand between them, in every order of three.
    let words = [
        "tcp", "[", "13", "]", "(", ")", "&", "!=", "port", "80", "not", "or", "net", "10", "/", "src",
        "len", "\\",
    ];
    for a in words {
        for b in words {
            for c in words {
                for gap in ["", " "] {
                    let text = [a, b, c].join(gap);
                    match Filter::parse(&text) {
                        Ok(filter) => _ = filter.matches(&tcp(80, 443), 60),
                        Err(error) => assert!(error.position <= text.chars().count(), "{text:?}: {error}"),
                    }
                }
            }
        }
    }
}

#[test]
fn every_name_is_known_and_none_twice() {
    for name in ["http", "https", "domain", "ssh", "ntp", "ms-wbt-server", "bootps"] {
        assert!(Filter::parse(&format!("port {name} or {name}")).is_ok(), "{name}");
    }
    for number in 0..=255u8 {
        if let Some(name) = crate::ip_protocol_name(number) {
            assert!(Filter::parse(&format!("proto \\{name}")).is_ok(), "{name}");
        }
    }
}
