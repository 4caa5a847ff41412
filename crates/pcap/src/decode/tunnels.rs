//! Tunnels over IP and UDP: each is one arm, each ends in a layer that is already known.

use super::{Cursor, Decoded, SkipReason, TunnelKind, TunnelLayer, ip, link, ppp, wlan};

type Done = Result<(), SkipReason>;

/// VXLAN (RFC 7348), its generic extension, Linux's VXLAN from before the number was assigned, Geneve, GTP-U,
/// Teredo, L2TP, GTP version 0, GRE in UDP (RFC 8086), MPLS in UDP, AYIYA, CAPWAP data, LISP data.
pub(super) const fn is_udp_tunnel(source: u16, destination: u16) -> bool {
    is_tunnel_port(destination) || is_tunnel_port(source)
}

const fn is_tunnel_port(port: u16) -> bool {
    matches!(port, 4789 | 4790 | 8472 | 6081 | 2152 | 3386 | 4754 | 3544 | 1701 | 6635 | 5072 | 5247 | 4341)
}

/// Tries the inside of a UDP datagram to or from a tunnel's port; leaves the packet as it was if it has none.
#[cold]
pub(super) fn over_udp(at: Cursor<'_>, out: &mut Decoded) {
    let outer = *out;
    let mut try_port = |port: u16| {
        let result = match port {
            4789 | 8472 => vxlan(at, out),
            4790 => vxlan_gpe(at, out),
            6081 => geneve(at, out),
            2152 => gtp(at, out),
            3386 => gtp_v0(at, out),
            4754 => gre(at, out),
            3544 => teredo(at, out),
            1701 => l2tp(at, out),
            6635 => enter(out, TunnelKind::Mpls, None).and_then(|()| link::mpls(at, out)),
            5072 => ayiya(at, out),
            5247 => capwap(at, out),
            4341 => enter(out, TunnelKind::Lisp, None).and_then(|()| ip::any(at.skip(8), out)),
            _ => Err(SkipReason::LinkControl),
        };
        if result.is_err() {
            *out = outer;
        }
        result.is_ok()
    };
    let _ = try_port(outer.destination_port) || try_port(outer.source_port);
}

/// Tries the inside of an IP packet of a tunnelling protocol; leaves the packet as it was if it has none.
#[cold]
pub(super) fn over_ip(at: Cursor<'_>, out: &mut Decoded) {
    let outer = *out;
    let kind = match (out.is_v6, out.protocol) {
        (false, 4 | 94) => TunnelKind::IpInIp,
        (false, 41) => TunnelKind::SixInFour,
        (true, 4 | 94) => TunnelKind::FourInSix,
        (true, 41) => TunnelKind::SixInSix,
        (_, 97) => TunnelKind::EtherIp,
        (_, 137) => TunnelKind::Mpls,
        _ => TunnelKind::Gre,
    };
    let result = match out.protocol {
        4 | 94 => enter(out, kind, None).and_then(|()| ip::v4(at, out)),
        41 => enter(out, kind, None).and_then(|()| ip::v6(at, out)),
        97 => enter(out, kind, None).and_then(|()| link::ethernet(at.skip(2), out)),
        137 => enter(out, kind, None).and_then(|()| link::mpls(at, out)),
        115 => l2tp_v3(at, out),
        _ => gre(at, out),
    };
    if result.is_err() {
        *out = outer;
    }
}

/// Notes the tunnel whose outer addresses `out` holds, and forgets what belonged to the outer packet.
fn enter(out: &mut Decoded, kind: TunnelKind, id: Option<u32>) -> Done {
    out.descend()?;
    let layer = TunnelLayer { kind, id, source: out.source_ip(), destination: out.destination_ip() };
    let scope_id = if kind.id_scopes_addresses() { id.map_or(0, |id| id + 1) } else { 0 };
    // The innermost tunnel in the low half as it is, the ones around it folded into the high half.
    let outer = (out.scope ^ (out.scope >> 32)).wrapping_mul(0x9e37_79b9) << 32;
    *out = Decoded {
        vlan: out.vlan,
        scope: outer ^ (u64::from(kind as u8) << 25) ^ u64::from(scope_id),
        tunnel: Some(layer),
        tunnel_depth: out.tunnel_depth.saturating_add(1),
        depth: out.depth,
        ..Decoded::default()
    };
    Ok(())
}

/// VXLAN (RFC 7348): a flag that must be set, a 24-bit network identifier, Ethernet.
fn vxlan(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let flags = at.u8(0)?;
    if flags & 0x08 == 0 {
        return Err(SkipReason::LinkControl);
    }
    let id = at.u32(4)? >> 8;
    enter(out, TunnelKind::Vxlan, Some(id))?;
    link::ethernet(at.skip(8), out)
}

/// VXLAN generic protocol extension: as VXLAN, with a next protocol.
fn vxlan_gpe(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let flags = at.u8(0)?;
    let next = if flags & 0x04 == 0 { 3 } else { at.u8(3)? };
    let id = at.u32(4)? >> 8;
    enter(out, TunnelKind::Vxlan, Some(id))?;
    let rest = at.skip(8);
    match next {
        1 => ip::v4(rest, out),
        2 => ip::v6(rest, out),
        3 => link::ethernet(rest, out),
        4 => link::nsh(rest, out),
        5 => link::mpls(rest, out),
        _ => Err(SkipReason::LinkControl),
    }
}

/// Geneve (RFC 8926).
fn geneve(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let first = at.u8(0)?;
    if first >> 6 != 0 {
        return Err(SkipReason::LinkControl);
    }
    let options = usize::from(first & 0x3f) * 4;
    let protocol = at.u16(2)?;
    let id = at.u32(4)? >> 8;
    enter(out, TunnelKind::Geneve, Some(id))?;
    link::ether_type(protocol, at.skip(8 + options), out)
}

/// GRE: version 0 (RFC 2784, 2890), version 1 for PPTP (RFC 2637).
fn gre(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let flags = at.u16(0)?;
    let protocol = at.u16(2)?;
    let version = flags & 7;
    let mut header = 4;
    // Checksum, or routing: both bring checksum and offset.
    if flags & 0xc000 != 0 {
        header += 4;
    }
    let mut key = None;
    if flags & 0x2000 != 0 {
        key = Some(at.u32(header)?);
        header += 4;
    }
    let sequence = flags & 0x1000 != 0;
    if sequence {
        header += 4;
    }
    if version == 1 && flags & 0x0080 != 0 {
        header += 4;
    }
    if version == 0 && flags & 0x4000 != 0 {
        // Source route entries (RFC 1701): family, offset, length; a zero length ends them.
        loop {
            let length = usize::from(at.u8(header + 3)?);
            header += 4 + length;
            if length == 0 {
                break;
            }
        }
    }
    let rest = at.skip(header);
    match protocol {
        0x88be | 0x22eb => erspan(protocol, sequence, rest, out),
        0x6558 if key.is_some() => {
            enter(out, TunnelKind::Nvgre, key.map(|key| key >> 8))?;
            link::ethernet(rest, out)
        }
        0x880b => {
            enter(out, TunnelKind::Gre, key.map(|key| if version == 1 { key & 0xffff } else { key }))?;
            ppp::frame(rest, out)
        }
        // WCCP: four bytes of its own may stand before the packet.
        0x883e => {
            enter(out, TunnelKind::Gre, key)?;
            if rest.u8(0)? >> 4 == 4 { ip::v4(rest, out) } else { ip::v4(rest.skip(4), out) }
        }
        // Aruba access points send 802.11 frames to their controllers.
        0x8200..=0x83ff => {
            enter(out, TunnelKind::Gre, key)?;
            wlan::frame(rest, false, out)
        }
        _ => {
            enter(out, TunnelKind::Gre, key)?;
            link::ether_type(protocol, rest, out)
        }
    }
}

/// ERSPAN: type I has no header of its own, II has eight bytes, III has twelve and perhaps eight more.
fn erspan(protocol: u16, sequence: bool, at: Cursor<'_>, out: &mut Decoded) -> Done {
    if protocol == 0x88be && !sequence {
        enter(out, TunnelKind::Erspan, None)?;
        return link::ethernet(at, out);
    }
    let session = u32::from(at.u16(2)? & 0x03ff);
    // Type III says what it carries: 2 is IP, without a link layer.
    let is_ip = protocol == 0x22eb && (at.u16(10)? >> 10) & 0x1f == 2;
    let header = if protocol == 0x22eb {
        let optional = at.u8(11)? & 1 != 0;
        if optional { 20 } else { 12 }
    } else {
        8
    };
    enter(out, TunnelKind::Erspan, Some(session))?;
    if is_ip { ip::any(at.skip(header), out) } else { link::ethernet(at.skip(header), out) }
}

/// GTP-U (3GPP TS 29.281): user data only; signalling stays with the outer addresses.
fn gtp(at: Cursor<'_>, out: &mut Decoded) -> Done {
    /// Message type of user data.
    const G_PDU: u8 = 255;
    let [flags, message] = at.array(0)?;
    if flags >> 5 != 1 || flags & 0x10 == 0 || message != G_PDU {
        return Err(SkipReason::LinkControl);
    }
    let id = at.u32(4)?;
    let mut header = 8;
    if flags & 0x07 != 0 {
        let mut next = at.u8(11)?;
        header = 12;
        while flags & 0x04 != 0 && next != 0 {
            // Extension headers: length in 4-byte words, the next type in the last byte.
            let length = usize::from(at.u8(header)?) * 4;
            if length == 0 {
                return Err(SkipReason::LinkControl);
            }
            next = at.u8(header + length - 1)?;
            header += length;
        }
    }
    enter(out, TunnelKind::Gtp, Some(id))?;
    ip::any(at.skip(header), out)
}

/// GTP version 0 (3GPP TS 09.60): a header of 20 bytes, user data only.
fn gtp_v0(at: Cursor<'_>, out: &mut Decoded) -> Done {
    /// Message type of user data.
    const T_PDU: u8 = 255;
    let [flags, message] = at.array(0)?;
    // Version 0, not the charging protocol.
    if flags >> 5 != 0 || flags & 0x10 == 0 || message != T_PDU {
        return Err(SkipReason::LinkControl);
    }
    let id = u32::from(at.u16(6)?);
    enter(out, TunnelKind::Gtp, Some(id))?;
    ip::any(at.skip(20), out)
}

/// Teredo (RFC 4380): IPv6 behind optional authentication and origin indications.
fn teredo(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let mut rest = at;
    if rest.u16(0)? == 0x0001 {
        let (client, auth) = (usize::from(rest.u8(2)?), usize::from(rest.u8(3)?));
        rest = rest.skip(13 + client + auth);
    }
    if rest.u16(0)? == 0x0000 {
        rest = rest.skip(8);
    }
    enter(out, TunnelKind::Teredo, None)?;
    ip::v6(rest, out)
}

/// L2TP version 2 over UDP (RFC 2661): data messages carry PPP.
fn l2tp(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let flags = at.u16(0)?;
    if flags & 0x000f != 2 || flags & 0x8000 != 0 {
        return Err(SkipReason::LinkControl);
    }
    let mut header = 2;
    if flags & 0x4000 != 0 {
        header += 2;
    }
    let id = at.u32(header)?;
    header += 4;
    if flags & 0x0800 != 0 {
        header += 4;
    }
    if flags & 0x0200 != 0 {
        header += 2 + usize::from(at.u16(header)?);
    }
    enter(out, TunnelKind::L2tp, Some(id))?;
    ppp::frame(at.skip(header), out)
}

/// L2TP version 3 over IP (RFC 3931): a session id, then Ethernet as Linux sends it (with or without the four bytes
/// of its default sublayer).
fn l2tp_v3(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let id = at.u32(0)?;
    if id == 0 {
        return Err(SkipReason::LinkControl);
    }
    enter(out, TunnelKind::L2tp, Some(id))?;
    let before = *out;
    if link::ethernet(at.skip(8), out).is_ok() {
        return Ok(());
    }
    *out = before;
    link::ethernet(at.skip(4), out)
}

/// AYIYA: identity and signature lengths in the first bytes, then IPv6.
fn ayiya(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let [first, second, third, next] = at.array(0)?;
    let identity = 1usize << (first >> 4);
    let signature = usize::from(second >> 4) * 4;
    // Operation 1 forwards a packet.
    if third & 0x0f != 1 {
        return Err(SkipReason::LinkControl);
    }
    enter(out, TunnelKind::Ayiya, None)?;
    let rest = at.skip(8 + identity + signature);
    match next {
        4 => ip::v4(rest, out),
        41 => ip::v6(rest, out),
        _ => Err(SkipReason::LinkControl),
    }
}

/// CAPWAP data (RFC 5415): a header of given length, then 802.11 or 802.3.
fn capwap(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let first = at.u32(0)?;
    // Version 0, not encrypted, not a fragment, not a keep-alive.
    if first >> 24 != 0 || first & 0x88 != 0 {
        return Err(SkipReason::Encrypted);
    }
    let header = ((first >> 19) & 0x1f) as usize * 4;
    let native = first & 0x100 != 0;
    enter(out, TunnelKind::Capwap, None)?;
    let rest = at.skip(header);
    if native { wlan::swapped_frame(rest, out) } else { link::ethernet(rest, out) }
}
