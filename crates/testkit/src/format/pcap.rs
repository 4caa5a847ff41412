//! libpcap's format and its relatives (draft-ietf-opsawg-pcap).

use super::{Encoder, Order};
use crate::packet::Packet;

/// Which pcap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Microseconds, `a1b2c3d4`.
    Micros,
    /// Nanoseconds, `a1b23c4d`.
    Nanos,
    /// Microseconds and Alexey Kuznetzov's longer record header, `a1b2cd34`.
    Modified,
}

/// Writes pcap.
#[derive(Clone, Copy, Debug)]
pub struct Pcap {
    /// Which pcap.
    pub resolution: Resolution,
    /// Byte order of the numbers in headers.
    pub is_big_endian: bool,
    /// Number of the LINKTYPE registry.
    pub link_type: u32,
    /// Snap length in the header, bytes. Packets are written as they are.
    pub snap_len: u32,
}

impl Pcap {
    /// Ethernet, little-endian, microseconds, snap length 262,144: what tcpdump writes.
    pub const ETHERNET: Self =
        Self { resolution: Resolution::Micros, is_big_endian: false, link_type: 1, snap_len: 262_144 };
}

impl Encoder for Pcap {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let order = Order { is_big_endian: self.is_big_endian };
        let magic = match self.resolution {
            Resolution::Micros => 0xa1b2_c3d4,
            Resolution::Nanos => 0xa1b2_3c4d,
            Resolution::Modified => 0xa1b2_cd34,
        };
        order.put32(out, magic);
        order.put16(out, 2);
        order.put16(out, 4);
        order.put64(out, 0);
        order.put32(out, self.snap_len);
        order.put32(out, self.link_type);
    }

    fn packet(&mut self, packet: &Packet, out: &mut Vec<u8>) {
        let order = Order { is_big_endian: self.is_big_endian };
        let fraction = packet.time_ns.rem_euclid(1_000_000_000) as u32;
        order.put32(out, packet.time_ns.div_euclid(1_000_000_000) as u32);
        order.put32(out, if self.resolution == Resolution::Nanos { fraction } else { fraction / 1000 });
        order.put32(out, packet.data.len() as u32);
        order.put32(out, packet.wire_len);
        if self.resolution == Resolution::Modified {
            order.put32(out, 2); // interface index
            order.put16(out, 0x0800); // protocol
            out.extend_from_slice(&[0, 0]); // packet type, padding
        }
        out.extend_from_slice(&packet.data);
    }
}
