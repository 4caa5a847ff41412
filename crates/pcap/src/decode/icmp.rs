//! ICMP (RFC 792) and ICMPv6 (RFC 4443).

use super::{Cursor, Decoded, Quote, Transport};

/// The message type that answers this one, or that this one answers (Community ID specification); `None` for
/// messages that go one way.
pub const fn icmp_counterpart(is_v6: bool, kind: u8) -> Option<u8> {
    Some(match (is_v6, kind) {
        (false, 0) => 8,
        (false, 8) => 0,
        (false, 9) => 10,
        (false, 10) => 9,
        (false, 13) => 14,
        (false, 14) => 13,
        (false, 15) => 16,
        (false, 16) => 15,
        (false, 17) => 18,
        (false, 18) => 17,
        (true, 128) => 129,
        (true, 129) => 128,
        (true, 130) => 131,
        (true, 131) => 130,
        (true, 133) => 134,
        (true, 134) => 133,
        (true, 135) => 136,
        (true, 136) => 135,
        (true, 139) => 140,
        (true, 140) => 139,
        (true, 144) => 145,
        (true, 145) => 144,
        _ => return None,
    })
}

/// A message: its type and code, and what it quotes if it is an error.
pub(super) fn message(at: Cursor<'_>, out: &mut Decoded) {
    let (Ok(kind), Ok(code)) = (at.u8(0), at.u8(1)) else {
        return;
    };
    let v6 = out.protocol == 58;
    out.icmp = Some((kind, code));
    out.source_port = u16::from(kind);
    out.destination_port = u16::from(icmp_counterpart(v6, kind).unwrap_or(code));
    out.transport = Transport::Whole;
    let body = at.skip(8);
    out.payload_len = body.wire as u32;
    out.payload_captured = body.bytes.len() as u32;
    let is_error = if v6 { matches!(kind, 1..=4) } else { matches!(kind, 3 | 4 | 5 | 11 | 12) };
    out.payload_address = body.bytes.as_ptr().addr();
    if is_error {
        // RFC 1191 has it in the second half of the word that other errors leave unused.
        let mtu = match (v6, kind, code) {
            (false, 3, 4) => at.u16(6).ok().filter(|mtu| *mtu > 0).map(u32::from),
            (true, 2, _) => at.u32(4).ok(),
            _ => None,
        };
        out.quoted = quote(body).map(|quote| Quote { mtu, ..quote });
    }
}

/// The packet an error quotes; enough of it are the addresses.
fn quote(at: Cursor<'_>) -> Option<Quote> {
    let mut quote = Quote::default();
    let mut rest;
    match at.u8(0).ok()? >> 4 {
        4 => {
            quote.protocol = at.u8(9).ok()?;
            quote.source = u128::from(at.u32(12).ok()?);
            quote.destination = u128::from(at.u32(16).ok()?);
            rest = at.skip(usize::from(at.u8(0).ok()? & 0x0f) * 4);
            if at.u16(6).ok()? & 0x1fff != 0 {
                return Some(quote);
            }
        }
        6 => {
            quote.is_v6 = true;
            quote.protocol = at.u8(6).ok()?;
            quote.source = u128::from_be_bytes(at.array(8).ok()?);
            quote.destination = u128::from_be_bytes(at.array(24).ok()?);
            rest = at.skip(40);
            // Extension headers, at most as many as can stand in 64 kB.
            while matches!(quote.protocol, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140) {
                let (Ok(next), Ok(length), Ok(offset)) = (rest.u8(0), rest.u8(1), rest.u16(2)) else {
                    return Some(quote);
                };
                let is_fragment = quote.protocol == 44;
                rest = rest.skip(match quote.protocol {
                    44 => 8,
                    51 => (usize::from(length) + 2) * 4,
                    _ => (usize::from(length) + 1) * 8,
                });
                quote.protocol = next;
                // What follows the header of a later fragment is the middle of something.
                if is_fragment && offset & 0xfff8 != 0 {
                    return Some(quote);
                }
            }
        }
        _ => return None,
    }
    if matches!(quote.protocol, 6 | 17 | 33 | 132 | 136)
        && let (Ok(source), Ok(destination)) = (rest.u16(0), rest.u16(2))
    {
        quote.source_port = source;
        quote.destination_port = destination;
    } else if matches!(quote.protocol, 1 | 58)
        && let (Ok(kind), Ok(code)) = (rest.u8(0), rest.u8(1))
    {
        quote.source_port = u16::from(kind);
        quote.destination_port = u16::from(icmp_counterpart(quote.is_v6, kind).unwrap_or(code));
    }
    Some(quote)
}
