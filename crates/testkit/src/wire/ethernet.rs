//! Ethernet II and 802.1Q.

use std::net::{IpAddr, Ipv4Addr};

use super::put16;

/// Bytes of an Ethernet header without tags.
pub(crate) const HEADER_LEN: usize = 14;
/// Ethertype of IPv4.
pub(crate) const IPV4: u16 = 0x0800;
/// Ethertype of ARP.
pub(crate) const ARP: u16 = 0x0806;
/// Ethertype of an 802.1Q tag.
pub(crate) const VLAN: u16 = 0x8100;
/// Ethertype of IPv6.
pub(crate) const IPV6: u16 = 0x86dd;

/// Ethertype that belongs to an address.
pub(crate) const fn ethertype(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => IPV4,
        IpAddr::V6(_) => IPV6,
    }
}

/// A locally administered address (RFC 9542 section 2.1) made from the last four bytes of an IP address.
pub(crate) fn mac(address: IpAddr) -> [u8; 6] {
    let last = match address {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => {
            let o = ip.octets();
            [o[12], o[13], o[14], o[15]]
        }
    };
    [0x02, 0x0d, last[0], last[1], last[2], last[3]]
}

/// Appends an Ethernet header, with a tag where `vlan` is given.
pub(crate) fn push_header(out: &mut Vec<u8>, source: IpAddr, target: IpAddr, vlan: Option<u16>) {
    out.extend_from_slice(&mac(target));
    out.extend_from_slice(&mac(source));
    if let Some(vlan) = vlan {
        put16(out, VLAN);
        put16(out, vlan & 0x0fff);
    }
    put16(out, ethertype(source));
}

/// An ARP frame (RFC 826), padded to 60 bytes as adapters do: who has `target`, or `source` is here.
pub(crate) fn arp(source: Ipv4Addr, target: Ipv4Addr, is_reply: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(60);
    let (source_mac, target_mac) = (mac(source.into()), mac(target.into()));
    out.extend_from_slice(if is_reply { &target_mac } else { &[0xff; 6] });
    out.extend_from_slice(&source_mac);
    put16(&mut out, ARP);
    out.extend_from_slice(&[0, 1, 0x08, 0, 6, 4]);
    put16(&mut out, 1 + u16::from(is_reply));
    out.extend_from_slice(&source_mac);
    out.extend_from_slice(&source.octets());
    out.extend_from_slice(if is_reply { &target_mac } else { &[0; 6] });
    out.extend_from_slice(&target.octets());
    out.resize(60, 0);
    out
}
