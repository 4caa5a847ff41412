//! IPv4 and IPv6.

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::{Cursor, Decoded, Fragment, SkipReason, transport};

/// IPv4 or IPv6, by the version nibble.
pub(super) fn any(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    match at.u8(0)? >> 4 {
        4 => v4(at, out),
        6 => v6(at, out),
        _ => Err(SkipReason::BadIpHeader),
    }
}

/// IPv4 (RFC 791).
#[inline]
pub(super) fn v4(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    out.descend()?;
    let Ok(header) = Ipv4HeaderSlice::from_slice(at.bytes) else {
        return v4_cut(at, out);
    };
    let header_len = usize::from(header.ihl()) * 4;
    let total_len = usize::from(header.total_len());
    // Segmentation offload leaves the length 0 where 16 bits cannot hold it: then everything is payload.
    if total_len < header_len && total_len != 0 {
        return Err(SkipReason::BadIpHeader);
    }
    let source = u32::from_be_bytes(header.source());
    let destination = u32::from_be_bytes(header.destination());
    network(out, u128::from(source), u128::from(destination), false, header.protocol().0, header.ttl());
    out.ip_id = Some(header.identification());
    out.dont_fragment = header.dont_fragment();
    out.fragment = if header.is_fragmenting_payload() {
        let id = u32::from(header.identification());
        match u32::from(header.fragments_offset().value()) * 8 {
            0 => Fragment::First(id),
            offset => Fragment::Later { id, offset },
        }
    } else {
        Fragment::No
    };
    let packet = if total_len == 0 { at } else { at.trim(total_len) };
    transport::any(packet.skip(header_len), out);
    Ok(())
}

/// An IPv4 header that is damaged, or cut inside its options.
#[cold]
fn v4_cut(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    let first = at.u8(0)?;
    // The layer below may say IPv4 and mean IP.
    if first >> 4 == 6 {
        return v6(at, out);
    }
    let header_len = usize::from(first & 0x0f) * 4;
    let total_len = usize::from(at.u16(2)?);
    if first >> 4 != 4 || header_len < 20 || total_len < header_len && total_len != 0 {
        return Err(SkipReason::BadIpHeader);
    }
    let source = at.u32(12)?;
    let destination = at.u32(16)?;
    network(out, u128::from(source), u128::from(destination), false, at.u8(9)?, at.u8(8)?);
    let fragment = at.u16(6)?;
    let id = u32::from(at.u16(4)?);
    out.ip_id = Some(id as u16);
    out.dont_fragment = fragment & 0x4000 != 0;
    out.fragment = match (fragment & 0x1fff, fragment & 0x2000 != 0) {
        (0, false) => Fragment::No,
        (0, true) => Fragment::First(id),
        (offset, _) => Fragment::Later { id, offset: u32::from(offset) * 8 },
    };
    let packet = if total_len == 0 { at } else { at.trim(total_len) };
    transport::any(packet.skip(header_len), out);
    Ok(())
}

/// IPv6 (RFC 8200) with its extension headers.
#[inline]
pub(super) fn v6(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    out.descend()?;
    let Ok(header) = Ipv6HeaderSlice::from_slice(at.bytes) else {
        // Shorter than the fixed header: the addresses are what it ends with.
        return Err(if at.bytes.first().is_some_and(|b| b >> 4 != 6) {
            SkipReason::BadIpHeader
        } else {
            SkipReason::TooShort
        });
    };
    let source = u128::from_be_bytes(header.source());
    let destination = u128::from_be_bytes(header.destination());
    network(out, source, destination, true, header.next_header().0, header.hop_limit());
    out.fragment = Fragment::No;
    let payload_len = usize::from(header.payload_length());
    // 0 is a jumbogram (RFC 2675) or segmentation offload: then everything is payload.
    let mut rest = at.skip(40);
    if payload_len != 0 {
        rest = rest.trim(payload_len);
    }
    if matches!(out.protocol, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140) {
        extensions(rest, out)
    } else {
        transport::any(rest, out);
        Ok(())
    }
}

/// Extension headers, until one that is not.
fn extensions(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    let mut rest = at;
    loop {
        let (Ok(next), Ok(length)) = (rest.u8(0), rest.u8(1)) else {
            // Cut inside the chain: counted under the header it ends in.
            return Ok(());
        };
        let length = match out.protocol {
            // Fragment header.
            44 => {
                let (Ok(offset), Ok(id)) = (rest.u16(2), rest.u32(4)) else {
                    return Ok(());
                };
                out.fragment = match (offset & 0xfff8, offset & 1 != 0) {
                    // An atomic fragment (RFC 6946) is a whole packet.
                    (0, false) => Fragment::No,
                    (0, true) => Fragment::First(id),
                    (offset, _) => Fragment::Later { id, offset: u32::from(offset) },
                };
                8
            }
            // Authentication header, in 4-byte words.
            51 => (usize::from(length) + 2) * 4,
            0 | 43 | 60 | 135 | 139 | 140 => (usize::from(length) + 1) * 8,
            _ => {
                transport::any(rest, out);
                return Ok(());
            }
        };
        out.descend()?;
        out.protocol = next;
        rest = rest.skip(length);
        if matches!(out.fragment, Fragment::Later { .. }) {
            // What follows is the middle of something; the protocol is the one the fragment header names, and a
            // chain behind it cannot be followed.
            transport::any(rest, out);
            return Ok(());
        }
        if !matches!(next, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140) {
            transport::any(rest, out);
            return Ok(());
        }
    }
}

/// Takes over the addresses of a network layer, and forgets what belonged to one further out.
#[inline]
fn network(out: &mut Decoded, source: u128, destination: u128, is_v6: bool, protocol: u8, ttl: u8) {
    out.source = source;
    out.destination = destination;
    out.is_v6 = is_v6;
    out.protocol = protocol;
    out.ttl = ttl;
    out.ip_id = None;
    out.dont_fragment = is_v6;
}
