//! IPv4 and IPv6 headers.

use std::net::IpAddr;

use super::{checksum, put16, put32, set16};

/// Bytes of an IPv4 header without options.
pub(crate) const V4_LEN: usize = 20;
/// Bytes of the fixed IPv6 header.
pub(crate) const V6_LEN: usize = 40;

/// What an IP header says besides the addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ip {
    /// Sender.
    pub(crate) source: IpAddr,
    /// Receiver.
    pub(crate) target: IpAddr,
    /// Protocol number of what follows.
    pub(crate) protocol: u8,
    /// Identification (IPv4 only).
    pub(crate) id: u16,
    /// Hops left.
    pub(crate) ttl: u8,
}

impl Ip {
    /// Bytes of the header.
    pub(crate) const fn header_len(&self) -> usize {
        match self.source {
            IpAddr::V4(_) => V4_LEN,
            IpAddr::V6(_) => V6_LEN,
        }
    }

    /// Appends the header in front of `payload_len` bytes. Both addresses have to be of one family; where they
    /// are not, nothing is written. A length that the field cannot hold is written as 0, as offloading hosts do.
    pub(crate) fn push(&self, out: &mut Vec<u8>, payload_len: usize) {
        match (self.source, self.target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                let start = out.len();
                out.extend_from_slice(&[0x45, 0]);
                put16(out, u16::try_from(V4_LEN + payload_len).unwrap_or(0));
                put16(out, self.id);
                put16(out, 0x4000); // don't fragment
                out.extend_from_slice(&[self.ttl, self.protocol, 0, 0]);
                out.extend_from_slice(&source.octets());
                out.extend_from_slice(&target.octets());
                fix_checksum(&mut out[start..]);
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                put32(out, 0x6000_0000);
                put16(out, u16::try_from(payload_len).unwrap_or(0));
                out.extend_from_slice(&[self.protocol, self.ttl]);
                out.extend_from_slice(&source.octets());
                out.extend_from_slice(&target.octets());
            }
            _ => {}
        }
    }
}

/// Recalculates the checksum of the option-less IPv4 header that `packet` starts with.
pub(crate) fn fix_checksum(packet: &mut [u8]) {
    set16(packet, 10, 0);
    let sum = checksum(packet.get(..V4_LEN).unwrap_or_default());
    set16(packet, 10, sum);
}
