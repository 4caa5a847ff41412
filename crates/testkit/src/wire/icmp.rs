//! ICMP and ICMPv6 messages.

use std::net::IpAddr;

use super::{checksum, ip::Ip, put16, set16, transport_checksum};

/// Protocol number of the ICMP that belongs to an address.
pub(crate) const fn protocol(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 58,
    }
}

/// Type of an echo request or reply of the family of `address`.
pub(crate) const fn echo_type(address: IpAddr, is_reply: bool) -> u8 {
    match (address, is_reply) {
        (IpAddr::V4(_), false) => 8,
        (IpAddr::V4(_), true) => 0,
        (IpAddr::V6(_), false) => 128,
        (IpAddr::V6(_), true) => 129,
    }
}

/// Appends a message: type, code, checksum, `rest` of the header (identifier and sequence number of an echo),
/// payload.
pub(crate) fn push(out: &mut Vec<u8>, ip: &Ip, kind: u8, code: u8, rest: [u16; 2], payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[kind, code, 0, 0]);
    put16(out, rest[0]);
    put16(out, rest[1]);
    out.extend_from_slice(payload);
    let message = &out[start..];
    let sum = match ip.source {
        IpAddr::V4(_) => checksum(message),
        IpAddr::V6(_) => transport_checksum(ip.source, ip.target, 58, message),
    };
    set16(out, start + 2, sum);
}
