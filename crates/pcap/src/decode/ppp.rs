//! PPP and Cisco HDLC.

use super::{Cursor, Decoded, SkipReason, ip, link};

/// PPP, with or without the address and control bytes of HDLC framing (RFC 1662), or Cisco HDLC.
pub(super) fn frame(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    match at.bytes {
        [0xff, 0x03, ..] => protocol(at.skip(2), out),
        [0x0f | 0x8f, 0x00, ..] => cisco_hdlc(at, out),
        _ => protocol(at, out),
    }
}

/// PPP from its protocol field on, which may be compressed to one byte (RFC 1661, section 6.5).
pub(super) fn protocol(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    out.descend()?;
    let first = at.u8(0)?;
    let (number, rest) =
        if first & 1 == 1 { (u16::from(first), at.skip(1)) } else { (at.u16(0)?, at.skip(2)) };
    match number {
        0x0021 => ip::v4(rest, out),
        0x0057 => ip::v6(rest, out),
        0x0281 | 0x0283 => link::mpls(rest, out),
        // Multilink (RFC 1990) with 24-bit sequence numbers: both flags set mean a whole packet.
        0x003d if rest.u8(0)? & 0xc0 == 0xc0 => protocol(rest.skip(4), out),
        // Bridging (RFC 3518): flags, MAC type 1 is Ethernet.
        0x0031 if rest.u8(1)? == 1 => link::ethernet(rest.skip(2), out),
        _ => Err(SkipReason::Ppp(number)),
    }
}

/// Cisco HDLC: address, control, `EtherType`.
pub(super) fn cisco_hdlc(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    link::ether_type(at.u16(2)?, at.skip(4), out)
}
