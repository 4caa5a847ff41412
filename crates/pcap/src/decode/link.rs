//! Link layers: everything in front of the network layer.

use super::{Arp, Cursor, Decoded, SkipReason, ip, juniper, ppp, wlan, wrapped};
use crate::LinkType;

type Done = Result<(), SkipReason>;

/// Ethernet II or IEEE 802.3.
#[inline]
pub(super) fn ethernet(at: Cursor<'_>, out: &mut Decoded) -> Done {
    out.descend()?;
    let kind = at.u16(12)?;
    let rest = at.skip(14);
    // The two that matter, without a jump through the table.
    match kind {
        0x0800 => ip::v4(rest, out),
        0x86dd => ip::v6(rest, out),
        0..0x0600 if wrapped::is_isl(at) => wrapped::isl(at, out),
        _ => ether_payload(kind, rest, out),
    }
}

/// What follows an Ethernet type or length field.
pub(super) fn ether_payload(kind: u16, at: Cursor<'_>, out: &mut Decoded) -> Done {
    if kind >= 0x0600 {
        return ether_type(kind, at, out);
    }
    let frame = if kind == 0 { at } else { at.trim(usize::from(kind)) };
    // Novell put IPX straight behind the length; its checksum field is always all ones.
    if frame.bytes.starts_with(&[0xff, 0xff]) {
        return Err(SkipReason::EtherType(0x8137));
    }
    llc(frame, out)
}

/// What follows an `EtherType`.
pub(super) fn ether_type(kind: u16, at: Cursor<'_>, out: &mut Decoded) -> Done {
    out.descend()?;
    match kind {
        0x0800 => ip::v4(at, out),
        0x86dd => ip::v6(at, out),
        0x0806 => arp(at, out),
        // 802.1Q, 802.1ad, and what was used before it was a standard.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
            let tag = at.u16(0)?;
            out.vlan.get_or_insert(tag & 0x0fff);
            ether_payload(at.u16(2)?, at.skip(4), out)
        }
        0x8847 | 0x8848 => mpls(at, out),
        0x8864 => {
            // PPPoE session (RFC 2516): version and type, code, session, length.
            let length = usize::from(at.u16(4)?);
            ppp::protocol(at.skip(6).trim(length), out)
        }
        0x880b => ppp::frame(at, out),
        0x6558 => ethernet(at, out),
        // Cisco VN-tag, high-availability ring (IEC 62439-3): tag, then the real type.
        0x8926 | 0x892f => ether_payload(at.u16(4)?, at.skip(6), out),
        // IEEE 802.1BR E-tag; Cisco metadata: version, length, option, tag.
        0x893f | 0x8909 => ether_payload(at.u16(6)?, at.skip(8), out),
        // IEEE 802.1Qau congestion notification tag.
        0x22e9 => ether_payload(at.u16(2)?, at.skip(4), out),
        // Cisco FabricPath: tag, then the frame; the outer addresses are the switches'.
        0x8903 => ethernet(at.skip(2), out),
        // IEEE 802.1ah: service tag, then the customer's frame.
        0x88e7 => ethernet(at.skip(4), out),
        // TRILL (RFC 6325): options length in 4-byte words in bits 6..11 of the first word.
        0x22f3 => {
            let words = usize::from((at.u16(0)? >> 6) & 0x1f);
            ethernet(at.skip(6 + 4 * words), out)
        }
        0x894f => nsh(at, out),
        0x88e5 => macsec(at, out),
        _ => Err(SkipReason::EtherType(kind)),
    }
}

/// Network service header (RFC 8300).
pub(super) fn nsh(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let length = usize::from(at.u16(0)? & 0x3f) * 4;
    let rest = at.skip(length.max(8));
    match at.u8(3)? {
        1 => ip::v4(rest, out),
        2 => ip::v6(rest, out),
        3 => ethernet(rest, out),
        5 => mpls(rest, out),
        _ => Err(SkipReason::EtherType(0x894f)),
    }
}

/// `MACsec` (IEEE 802.1AE): readable only where it authenticates without encrypting.
fn macsec(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let control = at.u8(0)?;
    if control & 0x0c != 0 {
        return Err(SkipReason::Encrypted);
    }
    let tag = if control & 0x20 != 0 { 14 } else { 6 };
    ether_payload(at.u16(tag)?, at.skip(tag + 2), out)
}

/// IEEE 802.2, with or without SNAP.
pub(super) fn llc(at: Cursor<'_>, out: &mut Decoded) -> Done {
    out.descend()?;
    let [dsap, _ssap, control] = at.array(0)?;
    // Unnumbered frames have one control byte, the others two.
    let header = if control & 3 == 3 { 3 } else { 4 };
    let rest = at.skip(header);
    match dsap & 0xfe {
        0xaa if control & 3 == 3 => snap(rest, out),
        0x06 => ip::any(rest, out),
        _ => Err(SkipReason::Llc(dsap)),
    }
}

/// The five bytes of SNAP: organisation and protocol.
pub(super) fn snap(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let [a, b, c] = at.array(0)?;
    let protocol = at.u16(3)?;
    let rest = at.skip(5);
    match (a, b, c) {
        // EtherTypes, and 802.1H bridge tunnels.
        (0, 0, 0 | 0xf8) => ether_type(protocol, rest, out),
        // RFC 2684 bridged frames: Ethernet behind two bytes of padding (FCS kept or not).
        (0, 0x80, 0xc2) if matches!(protocol, 1 | 7) => ethernet(rest.skip(2), out),
        (0, 0x80, 0xc2) if matches!(protocol, 0x04 | 0x0a) => llc(rest.skip(15), out),
        _ => Err(SkipReason::Llc(0xaa)),
    }
}

/// An MPLS label stack (RFC 3032). Nothing says what is below; the first nibble tells IP, and a pseudowire carries
/// Ethernet behind a zero control word (RFC 4385) or without one.
pub(super) fn mpls(at: Cursor<'_>, out: &mut Decoded) -> Done {
    /// Label that marks maintenance cells (ITU-T Y.1711) instead of a packet.
    const OAM_ALERT: u32 = 14;
    let mut rest = at;
    loop {
        out.descend()?;
        let entry = rest.u32(0)?;
        if entry >> 12 == OAM_ALERT {
            return Err(SkipReason::EtherType(0x8847));
        }
        rest = rest.skip(4);
        if entry & 0x100 != 0 {
            break;
        }
    }
    match rest.u8(0)? >> 4 {
        4 => ip::v4(rest, out),
        6 => ip::v6(rest, out),
        nibble => {
            let before = *out;
            if nibble == 0 && ethernet(rest.skip(4), out).is_ok() {
                return Ok(());
            }
            *out = before;
            if ethernet(rest, out).is_ok() {
                return Ok(());
            }
            *out = before;
            Err(SkipReason::EtherType(0x8847))
        }
    }
}

/// ARP (RFC 826) over any hardware, for IPv4.
fn arp(at: Cursor<'_>, out: &mut Decoded) -> Done {
    /// Hardware type of ARP over ATM (RFC 2225), whose lengths mean something else.
    const ATM: u16 = 19;
    let hardware_len = usize::from(at.u8(4)?);
    if at.u16(0)? == ATM || at.u16(2)? != 0x0800 || at.u8(5)? != 4 {
        return Err(SkipReason::EtherType(0x0806));
    }
    let operation = at.u16(6)?;
    let hardware = if hardware_len == 6 { Some(at.array(8)?) } else { None };
    let sender = at.u32(8 + hardware_len)?;
    let target = at.u32(8 + 2 * hardware_len + 4)?;
    *out = Decoded {
        source: u128::from(sender),
        destination: u128::from(target),
        is_arp: true,
        arp: Some(Arp { operation, sender: hardware }),
        vlan: out.vlan,
        tunnel: out.tunnel,
        tunnel_depth: out.tunnel_depth,
        scope: out.scope,
        depth: out.depth,
        ..Decoded::default()
    };
    Ok(())
}

/// Any link type of the registry.
#[cold]
pub(super) fn any(link: LinkType, at: Cursor<'_>, out: &mut Decoded) -> Done {
    out.descend()?;
    match link {
        LinkType::ETHERNET => ethernet(at, out),
        LinkType::NULL => null(at, out),
        LinkType::LOOP => family(at.u32(0)?, at.skip(4), out),
        // 12 and 14 are raw IP where systems wrote their own number into the file.
        LinkType::RAW | LinkType(12 | 14) => ip::any(at, out),
        LinkType::IPV4 => ip::v4(at, out),
        LinkType::IPV6 => ip::v6(at, out),
        LinkType::LINUX_SLL => cooked(at.u16(14)?, at.u16(2)?, at.skip(16), out),
        LinkType::LINUX_SLL2 => cooked(at.u16(0)?, at.u16(8)?, at.skip(20), out),
        LinkType::PPP | LinkType::PPP_HDLC => ppp::frame(at, out),
        // The direction stands where the address byte would; the control byte follows.
        LinkType::PPP_PPPD => ppp::protocol(at.skip(2), out),
        LinkType::PPP_WITH_DIR => ppp::frame(at.skip(1), out),
        LinkType::PPP_ETHER => {
            let length = usize::from(at.u16(4)?);
            ppp::protocol(at.skip(6).trim(length), out)
        }
        LinkType::C_HDLC => ppp::cisco_hdlc(at, out),
        LinkType::C_HDLC_WITH_DIR => ppp::cisco_hdlc(at.skip(1), out),
        LinkType::FRELAY => frame_relay(at, out),
        LinkType::FRELAY_WITH_DIR => frame_relay(at.skip(1), out),
        LinkType::SLIP => ip::any(at.skip(16), out),
        LinkType::MPLS => mpls(at, out),
        LinkType::ATM_RFC1483 => llc(at, out),
        LinkType::SUNATM => match at.u8(0)? & 0x0f {
            2 => llc(at.skip(4), out),
            _ => Err(SkipReason::LinkControl),
        },
        LinkType::FDDI => match at.u8(0)? {
            0x50..=0x5f | 0xd0..=0xd7 => llc(at.skip(13), out),
            _ => Err(SkipReason::LinkControl),
        },
        LinkType::TOKEN_RING => token_ring(at, out),
        LinkType::ARCNET_BSD => arcnet(at.u8(2)?, at.skip(3), out),
        LinkType::ARCNET_LINUX => arcnet(at.u8(4)?, at.skip(5), out),
        // RFC 2625: two 8-byte addresses, then LLC.
        LinkType::IP_OVER_FC => llc(at.skip(16), out),
        LinkType::APPLE_IP_OVER_IEEE1394 => ether_type(at.u16(16)?, at.skip(18), out),
        LinkType::ENC => {
            // OpenBSD's host byte order is not recorded; the family is a small number.
            let first = at.u32_le(0)?;
            let value = if first > 0xffff { first.swap_bytes() } else { first };
            family(value, at.skip(12), out)
        }
        LinkType::PFLOG => {
            let length = usize::from(at.u8(0)?);
            let family_byte = at.u8(1)?;
            family(u32::from(family_byte), at.skip((length + 3) & !3), out)
        }
        LinkType::NFLOG => nflog(at, out),
        LinkType::EPON => ethernet(at.skip(8), out),
        LinkType::ETHERNET_MPACKET => wrapped::mpacket(at, out),
        LinkType::ERF => wrapped::erf(at, out),
        LinkType::DOCSIS => wrapped::docsis(at, out),
        LinkType::SYMANTEC_FIREWALL => wrapped::symantec(at, out),
        LinkType::MFR => multilink_frame_relay(at, out),
        // Classical IP over ATM.
        LinkType::ATM_CLIP => classical_ip(at, out),
        // Solaris: version, family, type, lengths and interface numbers.
        LinkType::IPNET => family(u32::from(at.u8(1)?), at.skip(24), out),
        LinkType(130..=137 | 164 | 167 | 168 | 178..=181) => juniper::any(link, at, out),
        LinkType::PKTAP => {
            let length = at.u32_le(0)? as usize;
            let inner = LinkType(at.u32_le(8)? as u16);
            any(inner, at.skip(length.max(12)), out)
        }
        LinkType::PPI => {
            let length = usize::from(at.u16_le(2)?);
            let inner = LinkType(at.u32_le(4)? as u16);
            any(inner, at.skip(length.max(8)), out)
        }
        // A switch tag stands where the EtherType would, four bytes long.
        LinkType::DSA_TAG_DSA | LinkType::DSA_TAG_BRCM => ether_payload(at.u16(16)?, at.skip(18), out),
        LinkType::DSA_TAG_EDSA => ether_payload(at.u16(20)?, at.skip(22), out),
        LinkType::DSA_TAG_BRCM_PREPEND | LinkType::NETANALYZER => ethernet(at.skip(4), out),
        LinkType::IEEE802_11 => wlan::frame(at, false, out),
        LinkType::IEEE802_11_RADIOTAP => wlan::radiotap(at, out),
        LinkType::IEEE802_11_PRISM => wlan::prism(at, out),
        LinkType::IEEE802_11_AVS => wlan::frame(at.skip(at.u32(4)? as usize), false, out),
        LinkType::IPOIB => ether_type(at.u16(40)?, at.skip(44), out),
        _ => Err(SkipReason::LinkType(link)),
    }
}

/// Classical IP over ATM (RFC 2225): with LLC and SNAP, or without anything.
fn classical_ip(at: Cursor<'_>, out: &mut Decoded) -> Done {
    if at.bytes.starts_with(&[0xaa, 0xaa, 0x03]) { llc(at, out) } else { ip::any(at, out) }
}

/// BSD loopback: the address family in the byte order of whoever captured.
fn null(at: Cursor<'_>, out: &mut Decoded) -> Done {
    if at.bytes.starts_with(&[0xff, 0x03]) {
        return ppp::frame(at, out);
    }
    let value = at.u32(0)?;
    // Families are below 256: the order that makes the number small is the right one. Some systems used only the
    // first two bytes, others put an EtherType into the last two.
    let swapped = value.swap_bytes();
    match (value, swapped) {
        (0..=0xffff, _) => family(value, at.skip(4), out),
        (_, 0..=0xffff) if swapped & 0xff != 0 || swapped >= 0x0600 => family(swapped, at.skip(4), out),
        _ if value.trailing_zeros() >= 16 => family(value >> 16, at.skip(4), out),
        _ => family(value & 0xffff, at.skip(4), out),
    }
}

/// An address family number of some BSD, Linux, Solaris or Windows, or an `EtherType` in its place.
fn family(value: u32, at: Cursor<'_>, out: &mut Decoded) -> Done {
    match value {
        2 => ip::v4(at, out),
        10 | 23 | 24 | 26 | 28 | 30 => ip::v6(at, out),
        0x0600..=0xffff => ether_type(value as u16, at, out),
        _ => Err(SkipReason::LinkControl),
    }
}

/// Behind a Linux cooked header: the protocol, and the hardware type that gives it its meaning.
fn cooked(protocol: u16, hardware: u16, at: Cursor<'_>, out: &mut Decoded) -> Done {
    match (hardware, protocol) {
        // ARPHRD_NETLINK: the protocol is a netlink family.
        (824, _) => Err(SkipReason::LinkType(LinkType::NETLINK)),
        // ARPHRD_FRAD: frame relay.
        (770, _) => frame_relay(at, out),
        // ARPHRD_IEEE80211, with and without headers.
        (801, _) => wlan::frame(at, false, out),
        (803, _) => wlan::radiotap(at, out),
        // LINUX_SLL_P_802_3: IPX without LLC; LINUX_SLL_P_802_2: LLC.
        (_, 0x0001) => Err(SkipReason::EtherType(0x8137)),
        (_, 0x0004) => llc(at, out),
        (_, 0x0007 | 0x0009) => ppp::frame(at, out),
        (_, 0x0000..0x0600) => Err(SkipReason::LinkControl),
        _ => ether_type(protocol, at, out),
    }
}

/// Frame Relay (RFC 2427), or Cisco's own encapsulation.
pub(super) fn frame_relay(at: Cursor<'_>, out: &mut Decoded) -> Done {
    // The last byte of the address has its lowest bit set; two, three or four bytes are legal.
    let length = at.bytes.iter().take(4).position(|b| b & 1 == 1).ok_or(SkipReason::TooShort)? + 1;
    let rest = at.skip(length);
    if rest.u8(0)? != 0x03 {
        return ether_type(rest.u16(0)?, rest.skip(2), out);
    }
    // A zero byte of padding may stand before the NLPID.
    nlpid(if rest.u8(1)? == 0 { rest.skip(2) } else { rest.skip(1) }, out)
}

/// What follows a network layer protocol identifier (ISO/IEC TR 9577).
pub(super) fn nlpid(rest: Cursor<'_>, out: &mut Decoded) -> Done {
    let inner = rest.skip(1);
    match rest.u8(0)? {
        0xcc => ip::v4(inner, out),
        0x8e => ip::v6(inner, out),
        0x80 => snap(inner, out),
        0xcf => ppp::protocol(inner, out),
        0x08 => Err(SkipReason::LinkControl),
        nlpid => Err(SkipReason::Llc(nlpid)),
    }
}

/// Multilink Frame Relay (FRF.16): two bytes in front of frames that are whole.
pub(super) fn multilink_frame_relay(at: Cursor<'_>, out: &mut Decoded) -> Done {
    // Begin, end, control.
    if at.u8(0)? & 0xe0 != 0xc0 {
        return Err(SkipReason::LinkControl);
    }
    frame_relay(at.skip(2), out)
}

/// IEEE 802.5.
fn token_ring(at: Cursor<'_>, out: &mut Decoded) -> Done {
    // Frame control 01xxxxxx is LLC; the rest is ring management.
    if at.u8(1)? & 0xc0 != 0x40 {
        return Err(SkipReason::LinkControl);
    }
    // The highest bit of the source address says that routing information follows.
    let routing = if at.u8(8)? & 0x80 != 0 { usize::from(at.u8(14)? & 0x1f) } else { 0 };
    llc(at.skip(14 + routing), out)
}

/// ARCNET: RFC 1051 puts the packet behind the protocol byte, RFC 1201 puts fragmentation fields between.
fn arcnet(protocol: u8, at: Cursor<'_>, out: &mut Decoded) -> Done {
    let kind = match protocol {
        240 => return ether_type(0x0800, at, out),
        241 => return ether_type(0x0806, at, out),
        212 => 0x0800,
        213 => 0x0806,
        196 => 0x86dd,
        _ => return Err(SkipReason::LinkControl),
    };
    // An exception packet repeats the header behind four bytes.
    let rest = if at.u8(0)? == 0xff { at.skip(4) } else { at };
    // Split flag 0: whole packet; odd: first fragment; even: a later one.
    let flag = rest.u8(0)?;
    if flag != 0 && flag & 1 == 0 {
        return Err(SkipReason::LinkControl);
    }
    ether_type(kind, rest.skip(3), out)
}

/// Linux netfilter log: a family and attributes, one of which is the packet.
fn nflog(at: Cursor<'_>, out: &mut Decoded) -> Done {
    /// `NFULA_PAYLOAD`.
    const PAYLOAD: u16 = 9;
    let family_byte = at.u8(0)?;
    let mut rest = at.skip(4);
    while let (Ok(length), Ok(kind)) = (rest.u16_le(0), rest.u16_le(2)) {
        let length = usize::from(length);
        if length < 4 {
            break;
        }
        if kind & 0x7fff == PAYLOAD {
            return family(u32::from(family_byte), rest.trim(length).skip(4), out);
        }
        rest = rest.skip((length + 3) & !3);
    }
    Err(SkipReason::TooShort)
}
