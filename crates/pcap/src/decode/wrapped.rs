//! Link layers in a wrapping of the equipment that captured them.

use super::{Cursor, Decoded, SkipReason, ip, link, ppp};

type Done = Result<(), SkipReason>;

/// Endace's extensible record format: a record header, perhaps extensions, then what its type says.
pub(super) fn erf(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let kind = at.u8(8)?;
    let mut rest = at.skip(16);
    let mut more = kind & 0x80 != 0;
    while more {
        more = rest.u8(0)? & 0x80 != 0;
        rest = rest.skip(8);
    }
    match kind & 0x7f {
        // HDLC, plain and with colours or hashes in the header; multi-channel has four bytes more.
        1 | 10 | 15 | 19 => ppp::frame(rest, out),
        5 | 12 => ppp::frame(rest.skip(4), out),
        // Ethernet, behind two bytes that align it.
        2 | 11 | 16 | 20 => link::ethernet(rest.skip(2), out),
        22 => ip::v4(rest, out),
        23 => ip::v6(rest, out),
        _ => Err(SkipReason::LinkControl),
    }
}

/// DOCSIS MAC frames (`CableLabs` MULPI): frame control, extended header, check sequence, then Ethernet.
pub(super) fn docsis(at: Cursor<'_>, out: &mut Decoded) -> Done {
    let [control, extended] = at.array(0)?;
    // Types 0 and 2 are packets; 1 was ATM, 3 is management.
    if control & 0x40 != 0 {
        return Err(SkipReason::LinkControl);
    }
    let header = if control & 1 != 0 { usize::from(extended) } else { 0 };
    // Elements of the extended header: type and length in one byte. 3 and 4 are baseline privacy.
    let mut element = 4;
    while element < 4 + header {
        let first = at.u8(element)?;
        if matches!(first >> 4, 3 | 4) && at.u8(element + 2)? & 0x80 != 0 {
            return Err(SkipReason::Encrypted);
        }
        element += 1 + usize::from(first & 0x0f);
    }
    link::ethernet(at.skip(6 + header), out)
}

/// Ethernet with the preamble in front (IEEE 802.3br): whole frames, and the first fragments of preempted ones.
pub(super) fn mpacket(at: Cursor<'_>, out: &mut Decoded) -> Done {
    match at.u8(7)? {
        0xd5 | 0xe6 | 0x4c | 0x7f | 0xb3 => link::ethernet(at.skip(8), out),
        _ => Err(SkipReason::LinkControl),
    }
}

/// Symantec's firewall: the length of its header differs by version, and with it the place of the `EtherType`.
pub(super) fn symantec(at: Cursor<'_>, out: &mut Decoded) -> Done {
    for (place, header) in [(6, 44), (20, 56), (18, 64)] {
        let kind = at.u16(place)?;
        if matches!(kind, 0x0800 | 0x86dd | 0x0806) {
            return link::ether_type(kind, at.skip(header), out);
        }
    }
    Err(SkipReason::LinkControl)
}

/// Cisco's inter-switch link: 26 bytes in front of the frame. Returns false for anything else.
pub(super) fn is_isl(at: Cursor<'_>) -> bool {
    matches!(at.bytes, [0x01 | 0x0c, 0x00, 0x0c, 0x00, 0x00, ..])
        && matches!(at.bytes.get(14..17), Some([0xaa, 0xaa, 0x03]))
}

/// A frame behind an inter-switch link header.
pub(super) fn isl(at: Cursor<'_>, out: &mut Decoded) -> Done {
    // The high half of the type byte is 0 for Ethernet.
    if at.u8(5)? >> 4 != 0 {
        return Err(SkipReason::LinkControl);
    }
    // The VLAN stands above one bit that marks spanning tree.
    let vlan = (at.u16(20)? >> 1) & 0x0fff;
    out.vlan.get_or_insert(vlan);
    link::ethernet(at.skip(26), out)
}
