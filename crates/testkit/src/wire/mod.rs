//! Headers as they are on the wire, written by hand: the oracle shares no code with what it judges.

pub(crate) mod ethernet;
pub(crate) mod icmp;
pub(crate) mod ip;
pub(crate) mod sctp;
pub(crate) mod tcp;
pub(crate) mod udp;

use std::net::IpAddr;

/// Appends a number in network byte order.
pub(crate) fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a number in network byte order.
pub(crate) fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Overwrites two bytes at `at` in network byte order; does nothing past the end.
pub(crate) fn set16(out: &mut [u8], at: usize, value: u16) {
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// Two bytes in network byte order, 0 past the end.
pub(crate) fn get16(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some([a, b]) => u16::from_be_bytes([*a, *b]),
        _ => 0,
    }
}

/// Sum of the 16-bit words of `bytes`, an odd last byte padded with zero (RFC 1071), not yet folded.
fn sum(bytes: &[u8]) -> u64 {
    let mut total = 0u64;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        if let [a, b, c, d] = chunk {
            total += u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
        }
    }
    let mut last = [0u8; 4];
    let rest = chunks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    total + u64::from(u32::from_be_bytes(last))
}

/// Folds a sum of words into the Internet checksum (RFC 1071).
fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

/// Internet checksum of `bytes` (RFC 1071).
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    fold(sum(bytes))
}

/// Checksum of a transport segment with its pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1).
pub(crate) fn transport_checksum(source: IpAddr, target: IpAddr, protocol: u8, segment: &[u8]) -> u16 {
    let address = |ip| match ip {
        IpAddr::V4(ip) => sum(&ip.octets()),
        IpAddr::V6(ip) => sum(&ip.octets()),
    };
    fold(address(source) + address(target) + u64::from(protocol) + segment.len() as u64 + sum(segment))
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn checksum_is_that_of_rfc_1071() {
        // The example of section 3: the sum is ddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0xff]), 0x00ff);
    }
}
