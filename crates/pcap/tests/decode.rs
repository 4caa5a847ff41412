//! Every link layer, tag and tunnel, by hand: what is inside is found, cut or damaged bytes never do harm.

use std::net::IpAddr;

use capkeep_pcap::{Decoded, Fragment, LinkType, SkipReason, Tcp, Transport, TunnelKind, decode};

/// What the innermost packet carries.
const DATA: &[u8] = b"inner";
const CLIENT: [u8; 4] = [10, 1, 2, 3];
const SERVER: [u8; 4] = [10, 4, 5, 6];
const CLIENT6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3];
const SERVER6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6];

macro_rules! join {
    ($($part:expr),* $(,)?) => {{
        let mut all: Vec<u8> = Vec::new();
        $(all.extend_from_slice(&$part[..]);)*
        all
    }};
}

fn be(number: usize) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

/// TCP from port 1234 to 443, a SYN with options.
fn tcp() -> Vec<u8> {
    let options = [2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0];
    join![be(1234), be(443), [0, 0, 0, 9], [0, 0, 0, 8], [0x80, 0x02, 1, 0], [0; 4], options, DATA]
}

fn udp(source: usize, destination: usize, inside: &[u8]) -> Vec<u8> {
    join![be(source), be(destination), be(8 + inside.len()), [0, 0], inside]
}

fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, inside: &[u8]) -> Vec<u8> {
    join![[0x45, 0], be(20 + inside.len()), [0, 7, 0, 0, 64, protocol, 0, 0], source, destination, inside]
}

fn ipv6(protocol: u8, inside: &[u8]) -> Vec<u8> {
    join![[0x60, 0, 0, 0], be(inside.len()), [protocol, 64], CLIENT6, SERVER6, inside]
}

/// The innermost packet.
fn inner() -> Vec<u8> {
    ipv4(CLIENT, SERVER, 6, &tcp())
}

fn inner6() -> Vec<u8> {
    ipv6(6, &tcp())
}

/// An outer IPv4 packet.
fn outer(protocol: u8, inside: &[u8]) -> Vec<u8> {
    ipv4([192, 0, 2, 1], [192, 0, 2, 2], protocol, inside)
}

fn ethernet(kind: usize, inside: &[u8]) -> Vec<u8> {
    join![[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], be(kind), inside]
}

/// Ethernet, IPv4, UDP.
fn over_udp(port: usize, inside: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &outer(17, &udp(50_000, port, inside)))
}

fn over_ip(protocol: u8, inside: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &outer(protocol, inside))
}

fn frame() -> Vec<u8> {
    ethernet(0x0800, &inner())
}

const SNAP_IP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

type Case = (&'static str, LinkType, Vec<u8>, Option<(TunnelKind, Option<u32>)>);

/// Link layers that hold the packet without a tunnel.
#[rustfmt::skip]
fn links() -> Vec<Case> {
    let case = |name, link, bytes| (name, link, bytes, None);
    let snap = join![SNAP_IP, inner()];
    let dot11 = |control: [u8; 2], header: &[u8]| join![control, [0, 0], [2; 18], [0, 0], header, snap];
    let juniper = |inside: &[u8]| join![[0x4d, 0x47, 0x43, 0x01], inside];
    let ppp = join![[0xff, 3, 0, 0x21], inner()];
    vec![
        case("ethernet", LinkType::ETHERNET, frame()),
        case("null, little", LinkType::NULL, join![[2, 0, 0, 0], inner()]),
        case("null, big", LinkType::NULL, join![[0, 0, 0, 2], inner()]),
        case("null, FreeBSD IPv6", LinkType::NULL, join![[28, 0, 0, 0], inner6()]),
        case("loop", LinkType::LOOP, join![[0, 0, 0, 2], inner()]),
        case("raw", LinkType::RAW, inner()),
        case("raw 6", LinkType::RAW, inner6()),
        case("raw, BSD", LinkType(12), inner()),
        case("raw, OpenBSD", LinkType(14), inner()),
        case("ipv4", LinkType::IPV4, inner()),
        case("ipv6", LinkType::IPV6, inner6()),
        case("sll", LinkType::LINUX_SLL, join![[0; 14], be(0x0800), inner()]),
        case("sll, vlan", LinkType::LINUX_SLL, join![[0; 14], be(0x8100), be(5), be(0x0800), inner()]),
        case("sll, 802.2", LinkType::LINUX_SLL, join![[0; 14], be(4), snap]),
        case("sll2", LinkType::LINUX_SLL2, join![be(0x86dd), [0; 18], inner6()]),
        case("ppp", LinkType::PPP, ppp.clone()),
        case("ppp, compressed", LinkType::PPP, join![[0x21], inner()]),
        case("ppp, short", LinkType::PPP, join![[0, 0x57], inner6()]),
        case("ppp, multilink", LinkType::PPP, join![[0xff, 3, 0, 0x3d, 0xc0, 0, 0, 9, 0, 0x21], inner()]),
        case("ppp hdlc", LinkType::PPP_HDLC, ppp.clone()),
        case("ppp hdlc, cisco", LinkType::PPP_HDLC, join![[0x0f, 0, 8, 0], inner()]),
        case("ppp with direction", LinkType::PPP_WITH_DIR, join![[1], ppp]),
        case("ppp of pppd", LinkType::PPP_PPPD, join![[0, 3, 0, 0x21], inner()]),
        case("pppoe", LinkType::PPP_ETHER, join![[0x11, 0, 0, 1], be(inner().len() + 2), [0, 0x21], inner()]),
        case("cisco hdlc", LinkType::C_HDLC, join![[0x0f, 0, 8, 0], inner()]),
        case("cisco hdlc with direction", LinkType::C_HDLC_WITH_DIR, join![[0, 0x0f, 0, 8, 0], inner()]),
        case("frame relay, cisco", LinkType::FRELAY, join![[0x18, 0x41, 8, 0], inner()]),
        case("frame relay, nlpid", LinkType::FRELAY, join![[0x18, 0x41, 3, 0xcc], inner()]),
        case("frame relay, padded", LinkType::FRELAY, join![[0x18, 0x41, 3, 0, 0xcc], inner()]),
        case("frame relay, snap", LinkType::FRELAY, join![[0x18, 0x41, 3, 0x80, 0, 0, 0, 8, 0], inner()]),
        case("frame relay, ppp", LinkType::FRELAY, join![[0x18, 0x41, 3, 0xcf, 0, 0x21], inner()]),
        case("frame relay, long address", LinkType::FRELAY, join![[0x18, 0x40, 0x40, 0x41, 3, 0x8e], inner6()]),
        case("frame relay with direction", LinkType::FRELAY_WITH_DIR, join![[0, 0x18, 0x41, 3, 0xcc], inner()]),
        case("multilink frame relay", LinkType::MFR, join![[0xc0, 0, 0x18, 0x41, 3, 0xcc], inner()]),
        case("slip", LinkType::SLIP, join![[0; 16], inner()]),
        case("mpls", LinkType::MPLS, join![[0, 1, 0x01, 64], inner()]),
        case("atm rfc 1483", LinkType::ATM_RFC1483, snap.clone()),
        case("atm rfc 1483, bridged", LinkType::ATM_RFC1483, join![[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0], frame()]),
        case("classical ip", LinkType::ATM_CLIP, snap.clone()),
        case("classical ip, bare", LinkType::ATM_CLIP, inner()),
        case("sunatm", LinkType::SUNATM, join![[2, 0, 0, 0], snap]),
        case("fddi", LinkType::FDDI, join![[0x50], [2; 12], snap]),
        case("token ring", LinkType::TOKEN_RING, join![[0, 0x40], [2; 12], snap]),
        case("token ring, routed", LinkType::TOKEN_RING, join![[0, 0x40], [2; 6], [0x82; 6], [4, 0, 0, 0], snap]),
        case("arcnet, rfc 1051", LinkType::ARCNET_BSD, join![[1, 2, 240], inner()]),
        case("arcnet, rfc 1201", LinkType::ARCNET_BSD, join![[1, 2, 212, 0, 0, 1], inner()]),
        case("arcnet, exception", LinkType::ARCNET_BSD, join![[1, 2, 212, 0xff, 0xff, 0xff, 0xff, 0, 0, 1], inner()]),
        case("arcnet, linux", LinkType::ARCNET_LINUX, join![[1, 2, 0, 0, 212, 0, 0, 1], inner()]),
        case("fibre channel", LinkType::IP_OVER_FC, join![[0; 16], snap]),
        case("ieee 1394", LinkType::APPLE_IP_OVER_IEEE1394, join![[0; 16], be(0x0800), inner()]),
        case("enc", LinkType::ENC, join![[2, 0, 0, 0], [0; 8], inner()]),
        case("enc, big", LinkType::ENC, join![[0, 0, 0, 24], [0; 8], inner6()]),
        case("pflog", LinkType::PFLOG, join![[61, 2], [0; 62], inner()]),
        case("nflog", LinkType::NFLOG, join![
            [2, 0, 0, 0], [5, 0, 10, 0, 0x41, 0, 0, 0],
            ((inner().len() + 4) as u16).to_le_bytes(), [9, 0], inner()]),
        case("epon", LinkType::EPON, join![[0x55; 8], frame()]),
        case("pktap", LinkType::PKTAP, join![[12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], frame()]),
        case("ppi", LinkType::PPI, join![[0, 0, 8, 0, 1, 0, 0, 0], frame()]),
        case("dsa", LinkType::DSA_TAG_DSA, join![[2; 12], [0; 4], be(0x0800), inner()]),
        case("edsa", LinkType::DSA_TAG_EDSA, join![[2; 12], [0xda, 0xda, 0, 0, 0, 0, 0, 0], be(0x0800), inner()]),
        case("brcm", LinkType::DSA_TAG_BRCM, join![[2; 12], [0; 4], be(0x0800), inner()]),
        case("brcm, prepended", LinkType::DSA_TAG_BRCM_PREPEND, join![[0; 4], frame()]),
        case("netanalyzer", LinkType::NETANALYZER, join![[0; 4], frame()]),
        case("802.11", LinkType::IEEE802_11, dot11([0x08, 0x01], &[])),
        case("802.11, QoS", LinkType::IEEE802_11, dot11([0x88, 0x01], &[0, 0])),
        case("802.11, QoS and HT", LinkType::IEEE802_11, dot11([0x88, 0x81], &[0, 0, 0, 0, 0, 0])),
        case("802.11, between stations of two cells", LinkType::IEEE802_11, dot11([0x08, 0x03], &[2; 6])),
        case("802.11, aggregated", LinkType::IEEE802_11, dot11([0x88, 0x01], &join![[0x80, 0], [2; 12], [0, 60]])),
        case("radiotap", LinkType::IEEE802_11_RADIOTAP, join![[0, 0, 8, 0, 0, 0, 0, 0], dot11([0x08, 0x01], &[])]),
        case("radiotap, padded", LinkType::IEEE802_11_RADIOTAP,
            join![[0, 0, 9, 0, 2, 0, 0, 0, 0x20], dot11([0x88, 0x01], &[0, 0, 0, 0])]),
        case("radiotap, two bitmaps and a clock", LinkType::IEEE802_11_RADIOTAP,
            join![[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0], [0; 8], [0x20], dot11([0x88, 0x01], &[0, 0, 0, 0])]),
        case("prism", LinkType::IEEE802_11_PRISM, join![[0, 0, 0, 0x44, 144, 0, 0, 0], [0; 136], dot11([0x08, 0x01], &[])]),
        case("avs for prism", LinkType::IEEE802_11_PRISM, join![[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], [0; 56], dot11([0x08, 0x01], &[])]),
        case("avs", LinkType::IEEE802_11_AVS, join![[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], [0; 56], dot11([0x08, 0x01], &[])]),
        case("ipoib", LinkType::IPOIB, join![[0; 40], be(0x0800), [0, 0], inner()]),
        case("ipnet", LinkType::IPNET, join![[1, 26], [0; 22], inner6()]),
        case("symantec", LinkType::SYMANTEC_FIREWALL, join![[0; 6], be(0x0800), [0; 36], inner()]),
        case("mpacket", LinkType::ETHERNET_MPACKET, join![[0x55; 7], [0xd5], frame()]),
        case("erf", LinkType::ERF, join![[0; 8], [2], [0; 7], [0, 0], frame()]),
        case("erf, extended", LinkType::ERF, join![[0; 8], [0x82], [0; 7], [0x80, 0, 0, 0, 0, 0, 0, 0], [0; 8], [0, 0], frame()]),
        case("erf, hdlc", LinkType::ERF, join![[0; 8], [1], [0; 7], ppp]),
        case("erf, ip", LinkType::ERF, join![[0; 8], [23], [0; 7], inner6()]),
        case("docsis", LinkType::DOCSIS, join![[0, 0], [0, 100], [0, 0], frame()]),
        case("docsis, extended", LinkType::DOCSIS, join![[1, 3], [0, 100], [0x42, 0, 0], [0, 0], frame()]),
        case("juniper ethernet", LinkType::JUNIPER_ETHER, juniper(&frame())),
        case("juniper, extensions", LinkType::JUNIPER_ETHER, join![[0x4d, 0x47, 0x43, 0x80, 0, 4, 1, 2, 3, 4], frame()]),
        case("juniper, no link layer", LinkType::JUNIPER_ETHER, join![[0x4d, 0x47, 0x43, 0x02, 0, 0, 0, 0], inner()]),
        case("juniper ppp", LinkType::JUNIPER_PPP, juniper(&ppp)),
        case("juniper frame relay", LinkType::JUNIPER_FRELAY, juniper(&join![[0x18, 0x41, 3, 0xcc], inner()])),
        case("juniper cisco hdlc", LinkType::JUNIPER_CHDLC, juniper(&join![[0x0f, 0, 8, 0], inner()])),
        case("juniper pppoe", LinkType::JUNIPER_PPPOE, juniper(&frame())),
        case("juniper pppoe atm", LinkType::JUNIPER_PPPOE_ATM, juniper(&join![be(0x0800), inner()])),
        case("juniper ggsn", LinkType::JUNIPER_GGSN, juniper(&join![[0; 8], inner()])),
        case("juniper monitor", LinkType::JUNIPER_MONITOR, juniper(&join![[0; 8], inner6()])),
        case("juniper services", LinkType::JUNIPER_SERVICES, juniper(&join![[0; 8], inner()])),
        case("juniper es", LinkType::JUNIPER_ES, juniper(&join![[0, 0, 0, 2], [0; 12], inner()])),
        case("juniper mlppp", LinkType::JUNIPER_MLPPP, juniper(&join![[0, 0x21], inner()])),
        case("juniper mlppp, services", LinkType::JUNIPER_MLPPP, juniper(&join![[0x47, 0, 0, 0, 0, 0, 0, 0], inner()])),
        case("juniper mlfr", LinkType::JUNIPER_MLFR, juniper(&join![[0; 8], [3, 0xcc], inner()])),
        case("juniper mfr", LinkType::JUNIPER_MFR, juniper(&join![[0xc0, 0, 0x18, 0x41, 3, 0xcc], inner()])),
        case("juniper atm1", LinkType::JUNIPER_ATM1, juniper(&join![[0; 4], snap])),
        case("juniper atm2", LinkType::JUNIPER_ATM2, juniper(&join![[0; 8], [0xfe, 0xfe, 3, 0xcc], inner()])),
        case("juniper atm2, bare", LinkType::JUNIPER_ATM2, juniper(&join![[0; 8], inner()])),
    ]
}

/// Tags and shims inside Ethernet.
#[rustfmt::skip]
fn tags() -> Vec<Case> {
    let case = |name, bytes| (name, LinkType::ETHERNET, bytes, None);
    let vlan = |id: usize, kind: usize| join![be(id), be(kind)];
    let pppoe = join![[0x11, 0, 0, 1], be(inner().len() + 2), [0, 0x21], inner()];
    vec![
        case("vlan", ethernet(0x8100, &join![vlan(5, 0x0800), inner()])),
        case("vlan with priority", ethernet(0x8100, &join![vlan(0xe005, 0x86dd), inner6()])),
        case("qinq", ethernet(0x88a8, &join![vlan(5, 0x8100), vlan(6, 0x0800), inner()])),
        case("three tags", ethernet(0x9100, &join![vlan(5, 0x88a8), vlan(6, 0x8100), vlan(7, 0x0800), inner()])),
        case("802.3 snap", ethernet(8 + inner().len(), &join![SNAP_IP, inner()])),
        case("802.3 ip", ethernet(3 + inner().len(), &join![[6, 6, 3], inner()])),
        case("802.3, length 0", ethernet(0, &join![SNAP_IP, inner()])),
        case("mpls", ethernet(0x8847, &join![[0, 1, 1, 64], inner()])),
        case("mpls, two labels, multicast", ethernet(0x8848, &join![[0, 1, 0, 64, 0, 2, 1, 64], inner6()])),
        case("mpls pseudowire", ethernet(0x8847, &join![[0, 1, 1, 64, 0, 0, 0, 0], frame()])),
        case("mpls pseudowire without control word", ethernet(0x8847, &join![[0, 1, 1, 64], frame()])),
        case("pppoe", ethernet(0x8864, &pppoe)),
        case("pppoe in qinq", ethernet(0x88a8, &join![vlan(5, 0x8100), vlan(6, 0x8864), pppoe])),
        case("ppp", ethernet(0x880b, &join![[0, 0x21], inner()])),
        case("vn-tag", ethernet(0x8926, &join![[0; 4], be(0x0800), inner()])),
        case("hsr", ethernet(0x892f, &join![[0; 4], be(0x0800), inner()])),
        case("e-tag", ethernet(0x893f, &join![[0; 6], be(0x0800), inner()])),
        case("cisco metadata", ethernet(0x8909, &join![[1, 1, 0, 1, 0, 9], be(0x0800), inner()])),
        case("congestion tag", ethernet(0x22e9, &join![[0, 0], be(0x0800), inner()])),
        case("fabricpath", ethernet(0x8903, &join![[0, 0], frame()])),
        case("provider backbone", ethernet(0x88e7, &join![[0; 4], frame()])),
        case("trill", ethernet(0x22f3, &join![[0, 0, 0, 1, 0, 2], frame()])),
        case("trill with options", ethernet(0x22f3, &join![[0, 0x40, 0, 1, 0, 2], [0; 4], frame()])),
        case("nsh", ethernet(0x894f, &join![[0x0f, 0xc2, 1, 1, 0, 0, 1, 255], inner()])),
        case("nsh, ethernet", ethernet(0x894f, &join![[0x0f, 0xc6, 1, 3, 0, 0, 1, 255], [0; 16], frame()])),
        case("macsec, not encrypted", ethernet(0x88e5, &join![[0x20, 0], [0; 12], be(0x0800), inner()])),
        case("isl", join![[1, 0, 0x0c, 0, 0, 0], [2; 6], be(100), [0xaa, 0xaa, 3, 0, 0, 0], be(5 << 1), [0; 4], frame()]),
        case("ether in ether", ethernet(0x6558, &frame())),
        case("ipv4 type, ipv6 packet", ethernet(0x0800, &inner6())),
    ]
}

/// Tunnels, with their ids.
#[rustfmt::skip]
fn tunnels() -> Vec<Case> {
    let case = |name, bytes, kind, id| (name, LinkType::ETHERNET, bytes, Some((kind, id)));
    let gre = |flags: [u8; 2], kind: usize, rest: &[u8]| over_ip(47, &join![flags, be(kind), rest]);
    let vni = [0, 0, 42, 0];
    let teredo = |head: &[u8]| over_udp(3544, &join![head, inner6()]);
    let ppp = join![[0xff, 3, 0, 0x21], inner()];
    vec![
        case("vxlan", over_udp(4789, &join![[8, 0, 0, 0], vni, frame()]), TunnelKind::Vxlan, Some(42)),
        case("vxlan, old port", over_udp(8472, &join![[8, 0, 0, 0], vni, frame()]), TunnelKind::Vxlan, Some(42)),
        case("vxlan-gpe", over_udp(4790, &join![[0x0c, 0, 0, 1], vni, inner()]), TunnelKind::Vxlan, Some(42)),
        case("vxlan-gpe, nsh", over_udp(4790, &join![[0x0c, 0, 0, 4], vni, [0x0f, 0xc2, 1, 1, 0, 0, 1, 255], inner()]), TunnelKind::Vxlan, Some(42)),
        case("geneve", over_udp(6081, &join![[0, 0], be(0x6558), vni, frame()]), TunnelKind::Geneve, Some(42)),
        case("geneve, options", over_udp(6081, &join![[3, 0], be(0x6558), vni, [0; 12], frame()]), TunnelKind::Geneve, Some(42)),
        case("geneve, ip", over_udp(6081, &join![[0, 0], be(0x86dd), vni, inner6()]), TunnelKind::Geneve, Some(42)),
        case("gre", gre([0, 0], 0x0800, &inner()), TunnelKind::Gre, None),
        case("gre, key", gre([0x20, 0], 0x0800, &join![[0, 0, 0, 9], inner()]), TunnelKind::Gre, Some(9)),
        case("gre, checksum", gre([0x80, 0], 0x86dd, &join![[0; 4], inner6()]), TunnelKind::Gre, None),
        case("gre, everything", gre([0xb0, 0], 0x0800, &join![[0; 4], [0, 0, 0, 9], [0; 4], inner()]), TunnelKind::Gre, Some(9)),
        case("gre, source route", gre([0x40, 0], 0x0800, &join![[0; 4], [0, 0, 0, 4, 1, 2, 3, 4], [0; 4], inner()]), TunnelKind::Gre, None),
        case("gre, ethernet", gre([0, 0], 0x6558, &frame()), TunnelKind::Gre, None),
        case("gre, mpls", gre([0, 0], 0x8847, &join![[0, 1, 1, 64], inner()]), TunnelKind::Gre, None),
        case("gre, wccp", gre([0, 0], 0x883e, &join![[0, 0, 0, 0], inner()]), TunnelKind::Gre, None),
        case("gre, wireless", gre([0, 0], 0x8200, &join![[8, 1, 0, 0], [2; 18], [0, 0], SNAP_IP, inner()]), TunnelKind::Gre, None),
        case("gre in udp", over_udp(4754, &join![[0, 0], be(0x0800), inner()]), TunnelKind::Gre, None),
        case("pptp", gre([0x30, 1], 0x880b, &join![[0, 0, 0, 7], [0; 4], ppp]), TunnelKind::Gre, Some(7)),
        case("pptp, acknowledging", gre([0x30, 0x81], 0x880b, &join![[0, 0, 0, 7], [0; 8], ppp]), TunnelKind::Gre, Some(7)),
        case("nvgre", gre([0x20, 0], 0x6558, &join![vni, frame()]), TunnelKind::Nvgre, Some(42)),
        case("erspan I", gre([0, 0], 0x88be, &frame()), TunnelKind::Erspan, None),
        case("erspan II", gre([0x10, 0], 0x88be, &join![[0; 4], [0x10, 5, 0, 100, 0, 0, 0, 1], frame()]), TunnelKind::Erspan, Some(100)),
        case("erspan III", gre([0x10, 0], 0x22eb, &join![[0; 4], [0x20, 5, 0, 100], [0; 8], frame()]), TunnelKind::Erspan, Some(100)),
        case("erspan III, optional header", gre([0x10, 0], 0x22eb, &join![[0; 4], [0x20, 5, 0, 100], [0; 7], [1], [0; 8], frame()]), TunnelKind::Erspan, Some(100)),
        case("erspan III, ip", gre([0x10, 0], 0x22eb, &join![[0; 4], [0x20, 5, 0, 100], [0; 6], [2 << 2, 0], inner()]), TunnelKind::Erspan, Some(100)),
        case("ipip", over_ip(4, &inner()), TunnelKind::IpInIp, None),
        case("6in4", over_ip(41, &inner6()), TunnelKind::SixInFour, None),
        case("4in6", ethernet(0x86dd, &ipv6(4, &inner())), TunnelKind::FourInSix, None),
        case("6in6", ethernet(0x86dd, &ipv6(41, &inner6())), TunnelKind::SixInSix, None),
        case("6in6 behind options", ethernet(0x86dd, &ipv6(60, &join![[41, 0], [1, 4, 0, 0, 0, 0], inner6()])), TunnelKind::SixInSix, None),
        case("gtp", over_udp(2152, &join![[0x30, 255], be(0), [0, 0, 0, 8], inner()]), TunnelKind::Gtp, Some(8)),
        case("gtp, sequence", over_udp(2152, &join![[0x32, 255], be(0), [0, 0, 0, 8, 0, 1, 0, 0], inner()]), TunnelKind::Gtp, Some(8)),
        case("gtp, extension headers", over_udp(2152, &join![[0x34, 255], be(0), [0, 0, 0, 8, 0, 0, 0, 0x85], [1, 0, 0, 0x40], [1, 0, 0, 0], inner()]), TunnelKind::Gtp, Some(8)),
        case("gtp version 0", over_udp(3386, &join![[0x1e, 255], be(0), [0, 1, 0, 8], [0; 12], inner()]), TunnelKind::Gtp, Some(8)),
        case("teredo", teredo(&[]), TunnelKind::Teredo, None),
        case("teredo, origin", teredo(&[0, 0, 1, 2, 3, 4, 5, 6]), TunnelKind::Teredo, None),
        case("teredo, authentication", teredo(&join![[0, 1, 2, 3], [0; 5], [0; 9]]), TunnelKind::Teredo, None),
        case("teredo, both", teredo(&join![[0, 1, 0, 0], [0; 9], [0, 0, 1, 2, 3, 4, 5, 6]]), TunnelKind::Teredo, None),
        case("l2tp", over_udp(1701, &join![[0, 2], [0, 1, 0, 2], ppp]), TunnelKind::L2tp, Some(0x1_0002)),
        case("l2tp, everything", over_udp(1701, &join![[0x4a, 2], [0, 0], [0, 1, 0, 2], [0; 4], [0, 3, 9, 9, 9], ppp]), TunnelKind::L2tp, Some(0x1_0002)),
        case("l2tp version 3", over_ip(115, &join![[0, 0, 0, 9], [0; 4], frame()]), TunnelKind::L2tp, Some(9)),
        case("l2tp version 3, no sublayer", over_ip(115, &join![[0, 0, 0, 9], frame()]), TunnelKind::L2tp, Some(9)),
        case("mpls in udp", over_udp(6635, &join![[0, 1, 1, 64], inner()]), TunnelKind::Mpls, None),
        case("mpls in ip", over_ip(137, &join![[0, 1, 1, 64], inner()]), TunnelKind::Mpls, None),
        case("ayiya", over_udp(5072, &join![[0x44, 0x52, 0x11, 41, 0, 0, 0, 0], [0; 16], [0; 20], inner6()]), TunnelKind::Ayiya, None),
        case("etherip", over_ip(97, &join![[0x30, 0], frame()]), TunnelKind::EtherIp, None),
        case("capwap", over_udp(5247, &join![[0, 0x10, 0, 0, 0, 0, 0, 0], frame()]), TunnelKind::Capwap, None),
        case("capwap, wireless", over_udp(5247, &join![[0, 0x10, 1, 0, 0, 0, 0, 0], [8, 1, 0, 0], [2; 18], [0, 0], SNAP_IP, inner()]), TunnelKind::Capwap, None),
        case("capwap, wireless, swapped", over_udp(5247, &join![[0, 0x10, 1, 0, 0, 0, 0, 0], [1, 8, 0, 0], [2; 18], [0, 0], SNAP_IP, inner()]), TunnelKind::Capwap, None),
        case("lisp", over_udp(4341, &join![[0; 8], inner6()]), TunnelKind::Lisp, None),
    ]
}

fn cases() -> Vec<Case> {
    let mut all = links();
    all.extend(tags());
    all.extend(tunnels());
    all
}

fn is_inner(packet: &Decoded) -> bool {
    let (source, destination): (IpAddr, IpAddr) =
        if packet.is_v6 { (CLIENT6.into(), SERVER6.into()) } else { (CLIENT.into(), SERVER.into()) };
    (packet.source_ip(), packet.destination_ip()) == (source, destination)
}

#[test]
fn the_innermost_packet_is_found_in_every_layer() {
    for (name, link, bytes, tunnel) in cases() {
        let packet =
            decode(link, &bytes, bytes.len() as u32).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        assert!(is_inner(&packet), "{name}: {packet:?}");
        assert_eq!((packet.source_port, packet.destination_port, packet.protocol), (1234, 443, 6), "{name}");
        assert_eq!((packet.payload_len, packet.payload_captured), (5, 5), "{name}");
        assert_eq!(
            (packet.transport, packet.ttl, packet.fragment),
            (Transport::Whole, 64, Fragment::No),
            "{name}"
        );
        assert_eq!(packet.tcp.flags, Tcp::SYN, "{name}");
        assert_eq!(
            (packet.tcp.mss, packet.tcp.window_scale, packet.tcp.sack_permitted),
            (Some(1460), Some(7), true)
        );
        assert_eq!(packet.tunnel.map(|layer| (layer.kind, layer.id)), tunnel, "{name}");
        assert_eq!(packet.tunnel_depth, u8::from(tunnel.is_some()), "{name}");
        if let Some(layer) = packet.tunnel {
            let v6_outside = matches!(layer.kind, TunnelKind::FourInSix | TunnelKind::SixInSix);
            assert_eq!(layer.source.is_ipv6(), v6_outside, "{name}");
        }
        let tagged =
            ["vlan", "vlan with priority", "qinq", "three tags", "pppoe in qinq", "isl", "sll, vlan"];
        assert_eq!(packet.vlan, tagged.contains(&name).then_some(5), "{name}: the outermost tag");
    }
}

#[test]
fn padding_and_trailers_are_no_payload() {
    for (name, link, bytes, _) in cases() {
        // Where only the link layer knows the length, there is no telling.
        let padded = join![bytes, [0xee; 9]];
        let packet = decode(link, &padded, padded.len() as u32).unwrap();
        assert_eq!((packet.payload_len, packet.payload_captured), (5, 5), "{name}");
    }
}

#[test]
fn a_cut_packet_tells_less_but_nothing_else() {
    for (name, link, bytes, tunnel) in cases() {
        let wire_len = bytes.len() as u32;
        let whole = decode(link, &bytes, wire_len).unwrap();
        let mut before: Option<Decoded> = None;
        for len in 0..=bytes.len() {
            let Ok(packet) = decode(link, &bytes[..len], wire_len) else {
                assert!(before.is_none(), "{name} at {len}: lost what was known");
                continue;
            };
            if let Some(before) = before {
                assert!(packet.tunnel_depth >= before.tunnel_depth, "{name} at {len}");
                if packet.tunnel_depth == before.tunnel_depth && packet.protocol == before.protocol {
                    assert!(
                        packet.payload_captured >= before.payload_captured
                            || packet.transport != before.transport,
                        "{name} at {len}"
                    );
                    assert!(packet.transport as u8 >= before.transport as u8, "{name} at {len}");
                }
            }
            if packet.tunnel_depth == whole.tunnel_depth && tunnel.is_some() || tunnel.is_none() {
                assert!(is_inner(&packet), "{name} at {len}: {packet:?}");
                assert_eq!(packet.vlan, whole.vlan);
                match packet.transport {
                    Transport::None => {
                        assert_eq!((packet.source_port, packet.destination_port), (0, 0), "{name} at {len}");
                    }
                    Transport::Ports => assert_eq!(
                        (packet.source_port, packet.destination_port),
                        (1234, 443),
                        "{name} at {len}"
                    ),
                    Transport::Whole => {
                        assert_eq!(
                            (packet.source_port, packet.destination_port),
                            (1234, 443),
                            "{name} at {len}"
                        );
                        assert_eq!(packet.payload_len, 5, "{name} at {len}");
                        assert_eq!(
                            packet.payload_captured as usize,
                            5usize.saturating_sub(bytes.len() - len),
                            "{name} at {len}"
                        );
                    }
                }
            } else {
                assert!(packet.tunnel.is_none(), "{name} at {len}");
                assert!(packet.payload_captured <= packet.payload_len, "{name} at {len}");
            }
            before = Some(packet);
        }
        assert_eq!(before, Some(whole), "{name}");
    }
}

#[test]
fn no_damaged_byte_does_harm() {
    for (name, link, mut bytes, _) in cases() {
        let wire_len = bytes.len() as u32;
        for at in 0..bytes.len() {
            let good = bytes[at];
            for bad in 0..=255 {
                bytes[at] = bad;
                for wire_len in [0, wire_len, u32::MAX] {
                    if let Ok(packet) = decode(link, &bytes, wire_len) {
                        assert!(packet.payload_captured <= packet.payload_len, "{name}: byte {at} = {bad}");
                        assert!(packet.payload_captured as usize <= bytes.len());
                    }
                }
            }
            bytes[at] = good;
        }
    }
}

#[test]
fn every_link_type_takes_any_bytes() {
    // Every link type there may be, on bytes that look like something.
    for number in 0..=400 {
        for (name, _, bytes, _) in cases() {
            for wire_len in [bytes.len() as u32, 0] {
                if let Ok(packet) = decode(LinkType(number), &bytes, wire_len) {
                    assert!(packet.payload_captured <= packet.payload_len, "{name} as {number}");
                }
            }
        }
        for byte in [0, 0x45, 0x60, 0x88, 0xff] {
            for len in [0, 1, 2, 3, 7, 40, 200] {
                let bytes = vec![byte; len];
                _ = decode(LinkType(number), &bytes, len as u32);
            }
        }
    }
}

#[test]
fn depth_is_bounded() {
    let mut bytes = inner();
    for _ in 0..200 {
        bytes = ipv4([1, 1, 1, 1], [2, 2, 2, 2], 4, &bytes);
    }
    let packet = decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap();
    assert!(packet.tunnel_depth > 0 && packet.tunnel_depth < 32);
    assert_eq!(packet.source_ip(), IpAddr::from([1, 1, 1, 1]));
    let tags = ethernet(0x8100, &[0, 5, 0x81, 0].repeat(500));
    assert_eq!(decode(LinkType::ETHERNET, &tags, tags.len() as u32), Err(SkipReason::TooDeep));
    let labels = ethernet(0x8847, &[0; 4000]);
    assert_eq!(decode(LinkType::ETHERNET, &labels, labels.len() as u32), Err(SkipReason::TooDeep));
    let options = ethernet(0x86dd, &ipv6(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(200)));
    assert!(decode(LinkType::ETHERNET, &options, options.len() as u32).is_err());
}

#[test]
fn tunnels_inside_tunnels_keep_the_innermost_and_tell_address_spaces_apart() {
    let vxlan = |vni: u8, inside: &[u8]| over_udp(4789, &join![[8, 0, 0, 0, 0, 0, vni, 0], inside]);
    let decode = |bytes: Vec<u8>| decode(LinkType::ETHERNET, &bytes, bytes.len() as u32).unwrap();
    let one = decode(vxlan(1, &frame()));
    let two = decode(vxlan(2, &frame()));
    let nested = decode(vxlan(1, &vxlan(2, &frame())));
    let other = decode(vxlan(3, &vxlan(2, &frame())));
    assert_eq!((nested.tunnel_depth, nested.tunnel.unwrap().id), (2, Some(2)));
    let scopes = [0, one.scope, two.scope, nested.scope, other.scope];
    for (index, scope) in scopes.iter().enumerate() {
        assert!(!scopes[..index].contains(scope), "{scopes:?}");
    }
}

#[test]
fn what_is_no_packet_has_its_reason() {
    let beacon = join![[0x80, 0, 0, 0], [2; 20], [0; 12]];
    let secret = join![[8, 0x41, 0, 0], [2; 20], [0; 12]];
    for (link, bytes, reason) in [
        (LinkType::ETHERNET, ethernet(0x88cc, &[0; 46]), SkipReason::EtherType(0x88cc)),
        (LinkType::ETHERNET, ethernet(0x8100, &[0, 5, 0x88, 0xcc, 0, 0]), SkipReason::EtherType(0x88cc)),
        (LinkType::ETHERNET, ethernet(38, &join![[0x42, 0x42, 3], [0; 43]]), SkipReason::Llc(0x42)),
        (LinkType::ETHERNET, ethernet(38, &[0xff; 46]), SkipReason::EtherType(0x8137)),
        (
            LinkType::ETHERNET,
            ethernet(0x8864, &[0x11, 0, 0, 1, 0, 8, 0xc0, 0x21, 1, 1, 0, 4]),
            SkipReason::Ppp(0xc021),
        ),
        (LinkType::ETHERNET, ethernet(0x8847, &[0, 0, 0xe1, 64, 1, 0, 0, 0]), SkipReason::EtherType(0x8847)),
        (LinkType::ETHERNET, ethernet(0x88e5, &[0x0c; 60]), SkipReason::Encrypted),
        (LinkType::ETHERNET, vec![0; 13], SkipReason::TooShort),
        (LinkType::ETHERNET, ethernet(0x0800, &[0x55; 40]), SkipReason::BadIpHeader),
        (LinkType::ETHERNET, ethernet(0x0800, &[0x44; 40]), SkipReason::BadIpHeader),
        (LinkType::ETHERNET, ethernet(0x86dd, &[0x45; 60]), SkipReason::BadIpHeader),
        // A total length that is shorter than the header, and one shorter than its options.
        (LinkType::ETHERNET, ethernet(0x0800, &join![[0x45, 0, 0, 19], [0; 30]]), SkipReason::BadIpHeader),
        (LinkType::ETHERNET, ethernet(0x0800, &join![[0x46, 0, 0, 23], [0; 16]]), SkipReason::BadIpHeader),
        (
            LinkType::ETHERNET,
            ethernet(0x0806, &join![be(19), be(0x0800), [0, 4, 0, 1], [0; 30]]),
            SkipReason::EtherType(0x0806),
        ),
        (LinkType::IEEE802_11, beacon, SkipReason::LinkControl),
        (LinkType::IEEE802_11, secret, SkipReason::Encrypted),
        (LinkType::DOCSIS, vec![0xc2; 60], SkipReason::LinkControl),
        (
            LinkType::DOCSIS,
            join![[1, 5], [0, 100], [0x44, 0x10, 0x80, 0, 0], [0, 0], frame()],
            SkipReason::Encrypted,
        ),
        (LinkType::USB_LINUX, vec![0; 64], SkipReason::LinkType(LinkType::USB_LINUX)),
    ] {
        assert_eq!(decode(link, &bytes, bytes.len() as u32), Err(reason), "{link} {bytes:02x?}");
    }
}

#[test]
fn a_tunnel_that_can_not_be_read_leaves_the_outer_packet() {
    let lldp = ethernet(0x88cc, &[0; 46]);
    for (bytes, protocol) in [
        (over_udp(4789, &join![[8, 0, 0, 0, 0, 0, 42, 0], lldp]), 17),
        (over_udp(4789, b"no vxlan at all"), 17),
        (over_udp(2152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]), 17),
        (over_udp(3544, &[0; 10]), 17),
        (over_udp(1701, &[0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0]), 17),
        (over_ip(47, &[0, 0, 0x20, 0, 1, 2, 3, 4]), 47),
        (over_ip(4, &[0xff; 30]), 4),
    ] {
        let packet = decode(LinkType::ETHERNET, &bytes, bytes.len() as u32).unwrap();
        assert_eq!(
            (packet.protocol, packet.tunnel, packet.tunnel_depth, packet.scope),
            (protocol, None, 0, 0)
        );
        assert_eq!(packet.source_ip(), IpAddr::from([192, 0, 2, 1]));
        if protocol == 17 {
            assert_eq!((packet.source_port, packet.transport), (50_000, Transport::Whole));
        }
    }
}

#[test]
fn lengths_come_from_the_headers() {
    let decode = |bytes: &[u8], wire_len: usize| decode(LinkType::RAW, bytes, wire_len as u32).unwrap();
    // Segmentation offload: the total length is 0, all that was on the wire counts.
    let mut offloaded = ipv4(CLIENT, SERVER, 6, &join![tcp(), [7; 1000]]);
    offloaded[2..4].fill(0);
    let packet = decode(&offloaded, 90_000);
    assert_eq!((packet.payload_len, packet.payload_captured), (90_000 - 20 - 32, 1005));
    // The same for IPv6, and for a UDP datagram without length.
    let mut jumbo = ipv6(6, &join![tcp(), [7; 1000]]);
    jumbo[4..6].fill(0);
    assert_eq!(decode(&jumbo, jumbo.len()).payload_len, 1005);
    let mut datagram = ipv4(CLIENT, SERVER, 17, &udp(1, 2, &[7; 100]));
    datagram[24..26].fill(0);
    assert_eq!(decode(&datagram, datagram.len()).payload_len, 100);
    // A UDP length that is shorter than the IP payload wins; one that is longer does not.
    let mut datagram = ipv4(CLIENT, SERVER, 17, &udp(1, 2, &[7; 100]));
    datagram[24..26].copy_from_slice(&be(50));
    assert_eq!(decode(&datagram, datagram.len()).payload_len, 42);
    datagram[24..26].copy_from_slice(&be(5000));
    assert_eq!(decode(&datagram, datagram.len()).payload_len, 100);
    // A TCP header longer than the packet leaves no payload.
    let mut header = ipv4(CLIENT, SERVER, 6, &tcp());
    header[32] = 0xf0;
    assert_eq!(
        (decode(&header, header.len()).payload_len, decode(&header, header.len()).source_port),
        (0, 1234)
    );
    header[32] = 0x10;
    assert_eq!(
        (decode(&header, header.len()).payload_len, decode(&header, header.len()).transport),
        (0, Transport::Ports)
    );
    // Options of IPv4 are no payload.
    let options = join![
        [0x46, 0],
        be(24 + tcp().len()),
        [0, 7, 0, 0, 64, 6, 0, 0],
        CLIENT,
        SERVER,
        [1, 1, 1, 0],
        tcp()
    ];
    assert_eq!(
        (decode(&options, options.len()).payload_len, decode(&options, options.len()).source_port),
        (5, 1234)
    );
}

#[test]
fn snap_lengths_of_34_and_64_bytes_keep_what_they_hold() {
    let long = ethernet(0x0800, &ipv4(CLIENT, SERVER, 6, &join![tcp(), [7; 1000]]));
    let wire_len = long.len() as u32;
    let packet = decode(LinkType::ETHERNET, &long[..34], wire_len).unwrap();
    assert!(is_inner(&packet));
    assert_eq!((packet.transport, packet.source_port, packet.protocol), (Transport::None, 0, 6));
    // How long the header is was not captured, so neither is where the payload starts.
    assert_eq!((packet.payload_len, packet.payload_captured), (0, 0));
    // With 64 bytes the TCP header is there, its options are cut.
    let packet = decode(LinkType::ETHERNET, &long[..64], wire_len).unwrap();
    assert_eq!(
        (packet.transport, packet.source_port, packet.destination_port),
        (Transport::Whole, 1234, 443)
    );
    assert_eq!((packet.payload_len, packet.payload_captured), (1005, 0));
    let datagram = ethernet(0x86dd, &ipv6(17, &udp(1, 2, &[7; 1000])));
    let packet = decode(LinkType::ETHERNET, &datagram[..64], datagram.len() as u32).unwrap();
    assert_eq!((packet.payload_len, packet.payload_captured, packet.source_port), (1000, 2, 1));
    // VXLAN cut inside the inner header leaves the outer packet.
    let tunnel = over_udp(4789, &join![[8, 0, 0, 0, 0, 0, 42, 0], frame()]);
    let packet = decode(LinkType::ETHERNET, &tunnel[..64], tunnel.len() as u32).unwrap();
    assert_eq!((packet.tunnel, packet.destination_port), (None, 4789));
}

#[test]
fn fragments_of_ipv4() {
    let mut first = ipv4(CLIENT, SERVER, 17, &udp(1, 2, &[7; 24]));
    first[6..8].copy_from_slice(&[0x20, 0]);
    first[24..26].copy_from_slice(&be(5000));
    let packet = decode(LinkType::RAW, &first, first.len() as u32).unwrap();
    assert_eq!((packet.fragment, packet.source_port, packet.payload_len), (Fragment::First(7), 1, 24));
    let mut later = first.clone();
    later[6..8].copy_from_slice(&[0x20, 4]);
    let packet = decode(LinkType::RAW, &later, later.len() as u32).unwrap();
    assert_eq!(packet.fragment, Fragment::Later { id: 7, offset: 32 });
    assert_eq!(
        (packet.transport, packet.source_port, packet.protocol, packet.payload_len),
        (Transport::None, 0, 17, 32)
    );
    // "Don't fragment" is no fragment.
    let mut whole = first.clone();
    whole[6..8].copy_from_slice(&[0x40, 0]);
    assert_eq!(decode(LinkType::RAW, &whole, whole.len() as u32).unwrap().fragment, Fragment::No);
    // The first fragment of a tunnelled packet is not taken apart: the rest of it could not be.
    for mut tunnel in
        [outer(17, &udp(50_000, 4789, &join![[8, 0, 0, 0, 0, 0, 42, 0], frame()])), outer(4, &inner())]
    {
        tunnel[6..8].copy_from_slice(&[0x20, 0]);
        assert_eq!(decode(LinkType::RAW, &tunnel, tunnel.len() as u32).unwrap().tunnel, None);
    }
}

#[test]
fn fragments_of_ipv6() {
    let fragment = |offset: [u8; 2], inside: &[u8]| ipv6(44, &join![[17, 0], offset, [0, 0, 0, 9], inside]);
    let bytes = fragment([0, 1], &udp(1, 2, &[7; 24]));
    let packet = decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap();
    assert_eq!((packet.fragment, packet.source_port, packet.payload_len), (Fragment::First(9), 1, 24));
    let bytes = fragment([0, 32], &[7; 24]);
    let packet = decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap();
    assert_eq!(packet.fragment, Fragment::Later { id: 9, offset: 32 });
    assert_eq!((packet.source_port, packet.protocol, packet.payload_len), (0, 17, 24));
    // An atomic fragment (RFC 6946) is a whole packet.
    let bytes = fragment([0, 0], &udp(1, 2, &[7; 24]));
    let packet = decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap();
    assert_eq!((packet.fragment, packet.source_port, packet.payload_len), (Fragment::No, 1, 24));
}

#[test]
fn extension_headers_are_followed() {
    let options = [6, 0, 1, 4, 0, 0, 0, 0];
    for (name, bytes) in [
        ("hop by hop", ipv6(0, &join![options, tcp()])),
        ("destination", ipv6(60, &join![options, tcp()])),
        ("routing", ipv6(43, &join![[6, 2, 0, 1, 0, 0, 0, 0], [0; 16], tcp()])),
        ("mobility", ipv6(135, &join![options, tcp()])),
        ("authentication", ipv6(51, &join![[6, 4, 0, 0], [0; 20], tcp()])),
        (
            "chain",
            ipv6(
                0,
                &join![[60, 0, 1, 4, 0, 0, 0, 0], [44, 0, 1, 4, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0, 1], tcp()],
            ),
        ),
        ("ipv4 authentication", ipv4(CLIENT, SERVER, 51, &join![[6, 4, 0, 0], [0; 20], tcp()])),
    ] {
        let packet = decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap();
        assert_eq!((packet.protocol, packet.source_port, packet.payload_len), (6, 1234, 5), "{name}");
    }
}

#[test]
fn icmp_errors_quote_their_cause() {
    let ask = udp(4000, 53, b"who?");
    let quoted = ipv4(CLIENT, SERVER, 17, &ask);
    let unreachable = outer(1, &join![[3, 3, 0, 0, 0, 0, 0, 0], quoted]);
    let packet = decode(LinkType::RAW, &unreachable, unreachable.len() as u32).unwrap();
    assert_eq!((packet.icmp, packet.source_port, packet.destination_port), (Some((3, 3)), 3, 3));
    let quote = packet.quoted.unwrap();
    assert_eq!(
        (quote.source_port, quote.destination_port, quote.protocol, quote.is_v6),
        (4000, 53, 17, false)
    );
    assert_eq!(
        (quote.source, quote.destination),
        (u128::from(u32::from_be_bytes(CLIENT)), u128::from(u32::from_be_bytes(SERVER)))
    );
    // The quote is never mistaken for the packet, at any length.
    for len in 20..unreachable.len() {
        let packet = decode(LinkType::RAW, &unreachable[..len], unreachable.len() as u32).unwrap();
        assert_eq!(packet.source_ip(), IpAddr::from([192, 0, 2, 1]));
        if let Some(quote) = packet.quoted {
            assert_eq!((quote.source, quote.protocol), (u128::from(u32::from_be_bytes(CLIENT)), 17));
        }
    }
    // A later fragment is quoted without ports.
    let mut later = quoted.clone();
    later[6..8].copy_from_slice(&[0, 4]);
    let bytes = outer(1, &join![[11, 0, 0, 0, 0, 0, 0, 0], later]);
    assert_eq!(decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap().quoted.unwrap().source_port, 0);
    // An echo quotes nothing, whatever it carries; its ports are its type and the type that answers it.
    let echo = outer(1, &join![[8, 0, 0, 0, 0, 1, 0, 1], quoted]);
    let packet = decode(LinkType::RAW, &echo, echo.len() as u32).unwrap();
    assert_eq!((packet.quoted, packet.source_port, packet.destination_port), (None, 8, 0));
    assert_eq!(packet.payload_len as usize, quoted.len());
    // ICMPv6, with an extension header inside the quote.
    let quoted = ipv6(60, &join![[17, 0, 1, 4, 0, 0, 0, 0], ask]);
    let bytes = ipv6(58, &join![[1, 4, 0, 0, 0, 0, 0, 0], quoted]);
    let quote = decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap().quoted.unwrap();
    assert_eq!((quote.source_port, quote.protocol, quote.is_v6), (4000, 17, true));
    // A fragment is quoted by what it is a fragment of; only the first one has ports.
    for (offset, port) in [(1, 4000), (0x00b8, 0)] {
        let quoted = ipv6(44, &join![[17, 0], be(offset), [0, 0, 0, 9], ask]);
        let bytes = ipv6(58, &join![[2, 0, 0, 0, 0, 0, 5, 0], quoted]);
        let quote = decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap().quoted.unwrap();
        assert_eq!((quote.source_port, quote.protocol, quote.is_v6), (port, 17, true));
    }
}

#[test]
fn arp_has_protocol_addresses() {
    let arp = |hardware: u8| {
        let filler = vec![2; usize::from(hardware)];
        ethernet(0x0806, &join![be(1), be(0x0800), [hardware, 4], be(1), filler, CLIENT, filler, SERVER])
    };
    for hardware in [0, 6, 8, 20] {
        let bytes = arp(hardware);
        let packet = decode(LinkType::ETHERNET, &bytes, bytes.len() as u32).unwrap();
        assert!(packet.is_arp && is_inner(&packet), "{packet:?}");
        assert_eq!((packet.protocol, packet.transport, packet.payload_len), (0, Transport::None, 0));
        for len in 0..bytes.len() {
            assert!(decode(LinkType::ETHERNET, &bytes[..len], bytes.len() as u32).is_err());
        }
    }
}

#[test]
fn ports_of_the_other_transports() {
    for (protocol, header) in [(132, 12), (33, 12), (136, 8)] {
        let bytes = ipv4(CLIENT, SERVER, protocol, &join![be(1234), be(443), vec![0; header - 4], DATA]);
        let packet = decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap();
        assert_eq!(
            (packet.source_port, packet.destination_port, packet.payload_len),
            (1234, 443, 5),
            "{protocol}"
        );
        assert_ne!(packet.transport, Transport::None);
    }
}

#[test]
fn syn_options_are_read_whatever_stands_between_them() {
    let syn = |options: &[u8]| {
        let mut options = options.to_vec();
        options.resize(options.len().next_multiple_of(4), 0);
        let words = (5 + options.len() / 4) as u8;
        let bytes =
            ipv4(CLIENT, SERVER, 6, &join![be(1), be(2), [0; 8], [words << 4, 2, 1, 0], [0; 4], options]);
        decode(LinkType::RAW, &bytes, bytes.len() as u32).unwrap().tcp
    };
    let all = syn(&[34, 2, 30, 4, 0, 0, 1, 2, 4, 5, 0xb4, 4, 2, 3, 3, 7]);
    assert_eq!((all.mss, all.sack_permitted, all.window_scale), (Some(1460), true, Some(7)));
    for broken in [&[2, 0, 5, 0xb4][..], &[2, 40, 5, 0xb4], &[3, 1], &[0, 4, 2]] {
        let none = syn(broken);
        assert_eq!((none.mss, none.sack_permitted, none.window_scale), (None, false, None), "{broken:?}");
    }
}
