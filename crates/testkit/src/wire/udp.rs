//! UDP datagrams.

use super::{ip::Ip, put16, set16, transport_checksum};

/// Bytes of a UDP header.
pub(crate) const HEADER_LEN: usize = 8;

/// Appends header and payload, with the checksum that `ip` makes.
pub(crate) fn push(out: &mut Vec<u8>, ip: &Ip, source_port: u16, target_port: u16, payload: &[u8]) {
    let start = out.len();
    push_header(out, source_port, target_port, payload.len());
    out.extend_from_slice(payload);
    let sum = transport_checksum(ip.source, ip.target, 17, &out[start..]);
    // 0 would mean "not calculated" (RFC 768).
    set16(out, start + 6, if sum == 0 { 0xffff } else { sum });
}

/// Appends a header without checksum, as most tunnels over IPv4 have it.
pub(crate) fn push_header(out: &mut Vec<u8>, source_port: u16, target_port: u16, payload_len: usize) {
    put16(out, source_port);
    put16(out, target_port);
    put16(out, (HEADER_LEN + payload_len) as u16);
    put16(out, 0);
}
