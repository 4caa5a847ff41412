//! What Juniper routers write: a header of their own, a cookie of the interface card, then the link layer.
//! Source: tcpdump's `print-juniper.c`, the only public description.

use super::{Cursor, Decoded, SkipReason, ip, link, ppp};
use crate::LinkType;

/// A packet of one of Juniper's link types.
pub(super) fn any(link: LinkType, at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    /// `MGC`.
    const MAGIC: [u8; 3] = [0x4d, 0x47, 0x43];
    /// Flag: the packet starts with IP.
    const NO_L2: u8 = 0x02;
    /// Flag: extensions behind the header, with their length in front.
    const EXTENSIONS: u8 = 0x80;
    if at.array(0)? != MAGIC {
        return Err(SkipReason::LinkControl);
    }
    let flags = at.u8(3)?;
    let header = if flags & EXTENSIONS != 0 { 6 + usize::from(at.u16(4)?) } else { 4 };
    let rest = at.skip(header);
    if flags & NO_L2 != 0 {
        return ip::any(rest.skip(4), out);
    }
    match link {
        LinkType::JUNIPER_ETHER | LinkType::JUNIPER_PPPOE => link::ethernet(rest, out),
        LinkType::JUNIPER_PPP => ppp::frame(rest, out),
        LinkType::JUNIPER_CHDLC => ppp::cisco_hdlc(rest, out),
        LinkType::JUNIPER_FRELAY => link::frame_relay(rest, out),
        LinkType::JUNIPER_PPPOE_ATM => link::ether_type(rest.u16(0)?, rest.skip(2), out),
        LinkType::JUNIPER_GGSN | LinkType::JUNIPER_MONITOR | LinkType::JUNIPER_SERVICES => {
            ip::any(rest.skip(8), out)
        }
        // The packet as it is, or behind the addresses of the tunnel it belongs to.
        LinkType::JUNIPER_ES => {
            ip::any(if matches!(rest.u8(3)?, 1 | 2 | 4) { rest.skip(16) } else { rest }, out)
        }
        LinkType::JUNIPER_MLPPP => guess(rest.skip(cookie_len(rest, 0)?), out),
        LinkType::JUNIPER_MFR if rest.u8(0)? & 0xc0 == 0xc0 => link::multilink_frame_relay(rest, out),
        LinkType::JUNIPER_ATM1 if rest.u8(0)? == 0x80 => Err(SkipReason::LinkControl),
        LinkType::JUNIPER_ATM1 | LinkType::JUNIPER_MFR => guess(rest.skip(cookie_len(rest, 4)?), out),
        LinkType::JUNIPER_ATM2 if rest.u8(7)? & 0x70 != 0 => Err(SkipReason::LinkControl),
        LinkType::JUNIPER_ATM2 | LinkType::JUNIPER_MLFR => guess(rest.skip(cookie_len(rest, 8)?), out),
        _ => Err(SkipReason::LinkType(link)),
    }
}

/// Length of the cookie of an interface card whose own is `own` bytes long; services cards say which they are.
fn cookie_len(at: Cursor<'_>, own: usize) -> Result<usize, SkipReason> {
    Ok(match at.u8(0)? {
        // Link services, adaptive services.
        0x54 => own + 2,
        0x47 => 8,
        _ => own,
    })
}

/// Nothing says what follows; the first bytes of each possibility are different.
fn guess(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    match at.bytes {
        [0xaa, 0xaa, 0x03, ..] => link::llc(at, out),
        [0xfe, 0xfe, 0x03, ..] => link::nlpid(at.skip(3), out),
        [0x03, ..] => link::nlpid(at.skip(1), out),
        [0x40..=0x4f | 0x60..=0x6f, ..] => ip::any(at, out),
        _ => ppp::frame(at, out),
    }
}
