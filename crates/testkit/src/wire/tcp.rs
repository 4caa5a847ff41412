//! TCP segments.

use super::{ip::Ip, put16, put32, set16, transport_checksum};

/// FIN.
pub(crate) const FIN: u8 = 0x01;
/// SYN.
pub(crate) const SYN: u8 = 0x02;
/// RST.
pub(crate) const RST: u8 = 0x04;
/// PSH.
pub(crate) const PSH: u8 = 0x08;
/// ACK.
pub(crate) const ACK: u8 = 0x10;

/// A TCP segment without its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp {
    /// Port of the sender.
    pub(crate) source_port: u16,
    /// Port of the receiver.
    pub(crate) target_port: u16,
    /// Sequence number.
    pub(crate) sequence: u32,
    /// Acknowledgement number.
    pub(crate) acknowledgement: u32,
    /// Flags byte.
    pub(crate) flags: u8,
    /// Window as in the header.
    pub(crate) window: u16,
    /// Largest segment, for a SYN.
    pub(crate) mss: u16,
    /// Timestamp value and echo, where the connection uses them (RFC 7323).
    pub(crate) timestamps: Option<(u32, u32)>,
}

impl Tcp {
    /// Appends header and payload, with the checksum that `ip` makes.
    pub(crate) fn push(&self, out: &mut Vec<u8>, ip: &Ip, payload: &[u8]) {
        let start = out.len();
        put16(out, self.source_port);
        put16(out, self.target_port);
        put32(out, self.sequence);
        put32(out, self.acknowledgement);
        out.extend_from_slice(&[0, self.flags]);
        put16(out, self.window);
        put32(out, 0); // checksum and urgent pointer
        self.push_options(out);
        let header_len = out.len() - start;
        out[start + 12] = (header_len / 4 * 16) as u8;
        out.extend_from_slice(payload);
        let sum = transport_checksum(ip.source, ip.target, 6, &out[start..]);
        set16(out, start + 16, sum);
    }

    /// Bytes of the header with its options.
    pub(crate) const fn header_len(&self) -> usize {
        match (self.flags & SYN != 0, self.timestamps.is_some()) {
            (true, true) => 40,
            (true, false) => 24,
            (false, true) => 32,
            (false, false) => 20,
        }
    }

    fn push_options(&self, out: &mut Vec<u8>) {
        let is_syn = self.flags & SYN != 0;
        if is_syn {
            out.extend_from_slice(&[2, 4]);
            put16(out, self.mss);
        }
        let Some((value, echo)) = self.timestamps else { return };
        // As Linux orders them: SACK permitted before the timestamps of a SYN, two NOPs before those of the rest.
        out.extend_from_slice(if is_syn { &[4, 2] } else { &[1, 1] });
        out.extend_from_slice(&[8, 10]);
        put32(out, value);
        put32(out, echo);
        if is_syn {
            out.extend_from_slice(&[1, 3, 3, 7]);
        }
    }
}
