//! Above IP: ports, TCP, and the way into tunnels.

use etherparse::TcpHeaderSlice;

use super::{Cursor, Datagram, Decoded, Fragment, Tcp, Transport, icmp, tunnels};

/// Whatever the IP header says follows. Never fails: what cannot be read leaves the packet to its addresses.
#[inline]
pub(super) fn any(at: Cursor<'_>, out: &mut Decoded) {
    payload(out, at);
    if matches!(out.fragment, Fragment::Later { .. }) {
        return;
    }
    match out.protocol {
        6 => tcp(at, out),
        17 => udp(at, out),
        _ => other(at, out),
    }
}

fn other(at: Cursor<'_>, out: &mut Decoded) {
    match out.protocol {
        1 | 58 => icmp::message(at, out),
        // DCCP, SCTP, UDP-Lite: ports first.
        33 | 132 => ports_first(at, 12, out),
        136 => ports_first(at, 8, out),
        // Authentication header in front of something else (RFC 4302).
        51 if !out.is_v6 => {
            if let (Ok(next), Ok(length)) = (at.u8(0), at.u8(1))
                && out.descend().is_ok()
            {
                out.protocol = next;
                any(at.skip((usize::from(length) + 2) * 4), out);
            }
        }
        // The start of a fragmented tunnel packet stays with the rest of it, at the outer addresses.
        4 | 41 | 47 | 94 | 97 | 115 | 137 if out.fragment == Fragment::No => tunnels::over_ip(at, out),
        _ => {}
    }
}

/// TCP (RFC 9293).
#[inline]
fn tcp(at: Cursor<'_>, out: &mut Decoded) {
    let Ok(header) = TcpHeaderSlice::from_slice(at.bytes) else {
        return tcp_cut(at, out);
    };
    out.source_port = header.source_port();
    out.destination_port = header.destination_port();
    out.transport = Transport::Whole;
    let flags = at.bytes.get(13).copied().unwrap_or_default();
    out.tcp = Tcp {
        seq: header.sequence_number(),
        ack: header.acknowledgment_number(),
        window: header.window_size(),
        flags,
        ..Tcp::default()
    };
    out.checksum = header.checksum();
    payload(out, at.skip(usize::from(header.data_offset()) * 4));
    options(header.options(), &mut out.tcp);
}

/// Options. Read here because `etherparse`'s iterator ends at the first kind it does not know, and Multipath TCP or Fast
/// Open may stand before the ones wanted.
#[inline]
fn options(options: &[u8], tcp: &mut Tcp) {
    match options {
        [] => {}
        // What nearly every segment of a modern system has, and nothing else (RFC 7323, appendix A).
        [1, 1, 8, 10, stamps @ ..] if stamps.len() == 8 => tcp.timestamps = words(stamps),
        _ => any_options(options, tcp),
    }
}

/// The two words that bytes begin with.
fn words(bytes: &[u8]) -> Option<(u32, u32)> {
    let (first, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*first), u32::from_be_bytes(*rest.first_chunk()?)))
}

/// Options in any order. Those of a SYN mean nothing elsewhere.
fn any_options(options: &[u8], tcp: &mut Tcp) {
    let is_syn = tcp.flags & Tcp::SYN != 0;
    let mut rest = options;
    loop {
        match rest {
            // No operation.
            [1, tail @ ..] => {
                rest = tail;
                continue;
            }
            [8, 10, stamps @ ..] => tcp.timestamps = words(stamps).or(tcp.timestamps),
            [5, 10 | 18 | 26 | 34, blocks @ ..] => tcp.sack = words(blocks).or(tcp.sack),
            [2, 4, high, low, ..] if is_syn => tcp.mss = Some(u16::from_be_bytes([*high, *low])),
            [3, 3, shift, ..] if is_syn => tcp.window_scale = Some(*shift),
            [4, 2, ..] if is_syn => tcp.sack_permitted = true,
            _ => {}
        }
        match rest {
            [kind, length, ..] if *kind >= 2 && *length >= 2 => match rest.get(usize::from(*length)..) {
                Some(tail) => rest = tail,
                None => return,
            },
            // The end-of-options kind, a length that lies, or nothing left.
            _ => return,
        }
    }
}

/// A TCP header that is cut by the snap length, or whose length field lies.
#[cold]
fn tcp_cut(at: Cursor<'_>, out: &mut Decoded) {
    // Until the header has said how long it is, there is no telling where the payload starts.
    out.payload_len = 0;
    out.payload_captured = 0;
    if !ports(at, out) {
        return;
    }
    let (Ok(seq), Ok(ack), Ok(offset), Ok(flags)) = (at.u32(4), at.u32(8), at.u8(12), at.u8(13)) else {
        return;
    };
    out.tcp = Tcp { seq, ack, flags, window: at.u16(14).unwrap_or(u16::MAX), ..Tcp::default() };
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < 20 {
        return;
    }
    out.transport = Transport::Whole;
    out.datagram.header = header_len as u32;
    payload(out, at.skip(header_len));
}

/// UDP (RFC 768).
#[inline]
fn udp(at: Cursor<'_>, out: &mut Decoded) {
    let mut body = at.skip(8);
    payload(out, body);
    if !ports(at, out) {
        return;
    }
    let Ok(length) = at.u16(4) else { return };
    out.transport = Transport::Whole;
    out.checksum = at.u16(6).unwrap_or_default();
    // 0 is a jumbogram; a first fragment announces more than it has.
    if length >= 8 {
        body = body.trim(usize::from(length) - 8);
    }
    payload(out, body);
    if matches!(out.fragment, Fragment::First(_)) && length >= 8 {
        out.datagram = Datagram { header: 8, length: Some(u32::from(length)) };
    }
    if out.fragment == Fragment::No && tunnels::is_udp_tunnel(out.source_port, out.destination_port) {
        tunnels::over_udp(body, out);
    }
}

/// A header of which only the ports are read.
fn ports_first(at: Cursor<'_>, header_len: usize, out: &mut Decoded) {
    payload(out, at.skip(header_len));
    ports(at, out);
}

/// Reads the two ports; false if they were not captured.
#[inline]
fn ports(at: Cursor<'_>, out: &mut Decoded) -> bool {
    let (Ok(source), Ok(destination)) = (at.u16(0), at.u16(2)) else {
        return false;
    };
    out.source_port = source;
    out.destination_port = destination;
    out.transport = Transport::Ports;
    true
}

#[inline]
fn payload(out: &mut Decoded, rest: Cursor<'_>) {
    out.payload_len = rest.wire as u32;
    out.payload_captured = rest.bytes.len() as u32;
    out.payload_address = rest.bytes.as_ptr().addr();
}
