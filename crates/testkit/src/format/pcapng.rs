//! pcapng (draft-ietf-opsawg-pcapng).

use super::{Encoder, Order};
use crate::packet::Packet;

/// Unit of an interface's timestamps: what option `if_tsresol` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// 10 to the power of minus this, in seconds.
    Decimal(u8),
    /// 2 to the power of minus this, in seconds.
    Binary(u8),
}

impl TimeUnit {
    /// Microseconds, what holds without the option.
    pub(crate) const MICROS: Self = Self::Decimal(6);

    const fn option(self) -> u8 {
        match self {
            Self::Decimal(power) => power,
            Self::Binary(power) => 0x80 | power,
        }
    }

    const fn per_second(self) -> i128 {
        match self {
            Self::Decimal(power) => 10i128.pow(power as u32),
            Self::Binary(power) => 1 << power,
        }
    }

    /// Whole units in so many nanoseconds, rounded down.
    pub(crate) const fn ticks(self, nanos: i64) -> u64 {
        (nanos as i128 * self.per_second()).div_euclid(1_000_000_000) as u64
    }

    /// The time that a reader gets back, rounded down to nanoseconds.
    pub(crate) const fn rounded(self, nanos: i64) -> i64 {
        (self.ticks(nanos) as i128 * 1_000_000_000 / self.per_second()) as i64
    }
}

/// Writes blocks in one byte order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub(crate) order: Order,
}

/// Options as they follow a block's fixed part: (code, value).
pub(crate) type Options<'a> = &'a [(u16, &'a [u8])];

impl Blocks {
    pub(crate) const LITTLE: Self = Self { order: Order::LITTLE };
    pub(crate) const BIG: Self = Self { order: Order { is_big_endian: true } };

    /// Any block.
    pub(crate) fn block(self, out: &mut Vec<u8>, kind: u32, fixed: &[u8], options: Options<'_>) {
        let start = out.len();
        self.order.put32(out, kind);
        self.order.put32(out, 0);
        out.extend_from_slice(fixed);
        out.resize(start + (out.len() - start).next_multiple_of(4), 0);
        for (code, value) in options {
            self.order.put16(out, *code);
            self.order.put16(out, value.len() as u16);
            out.extend_from_slice(value);
            out.resize(start + (out.len() - start).next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            self.order.put32(out, 0);
        }
        let total = (out.len() - start + 4) as u32;
        self.order.put32(out, total);
        let mut length = Vec::with_capacity(4);
        self.order.put32(&mut length, total);
        out[start + 4..start + 8].copy_from_slice(&length);
    }

    /// Section header, of unknown length.
    pub(crate) fn section(self, out: &mut Vec<u8>, options: Options<'_>) {
        let mut fixed = Vec::with_capacity(16);
        self.order.put32(&mut fixed, 0x1a2b_3c4d);
        self.order.put16(&mut fixed, 1);
        self.order.put16(&mut fixed, 0);
        self.order.put64(&mut fixed, u64::MAX);
        self.block(out, 0x0a0d_0d0a, &fixed, options);
    }

    /// Interface description.
    pub(crate) fn interface(self, out: &mut Vec<u8>, link_type: u16, snap_len: u32, options: Options<'_>) {
        let mut fixed = Vec::with_capacity(8);
        self.order.put16(&mut fixed, link_type);
        self.order.put16(&mut fixed, 0);
        self.order.put32(&mut fixed, snap_len);
        self.block(out, 1, &fixed, options);
    }

    /// Interface description whose times have a unit and an offset in seconds.
    pub(crate) fn timed_interface(self, out: &mut Vec<u8>, link_type: u16, unit: TimeUnit, offset_s: i64) {
        let mut offset = Vec::with_capacity(8);
        self.order.put64(&mut offset, offset_s as u64);
        self.interface(out, link_type, 0, &[(9, &[unit.option()]), (14, &offset)]);
    }

    /// Enhanced packet.
    pub(crate) fn enhanced(
        self,
        out: &mut Vec<u8>,
        interface: u32,
        ticks: u64,
        packet: &Packet,
        options: Options<'_>,
    ) {
        let mut fixed = Vec::with_capacity(20 + packet.data.len());
        self.order.put32(&mut fixed, interface);
        self.order.put32(&mut fixed, (ticks >> 32) as u32);
        self.order.put32(&mut fixed, ticks as u32);
        self.order.put32(&mut fixed, packet.data.len() as u32);
        self.order.put32(&mut fixed, packet.wire_len);
        fixed.extend_from_slice(&packet.data);
        self.block(out, 6, &fixed, options);
    }

    /// Simple packet; the reader takes the captured length from the snap length of the first interface.
    pub(crate) fn simple(self, out: &mut Vec<u8>, packet: &Packet) {
        let mut fixed = Vec::with_capacity(4 + packet.data.len());
        self.order.put32(&mut fixed, packet.wire_len);
        fixed.extend_from_slice(&packet.data);
        self.block(out, 3, &fixed, &[]);
    }

    /// Obsolete packet.
    pub(crate) fn obsolete(self, out: &mut Vec<u8>, interface: u16, drops: u16, ticks: u64, packet: &Packet) {
        let mut fixed = Vec::with_capacity(20 + packet.data.len());
        self.order.put16(&mut fixed, interface);
        self.order.put16(&mut fixed, drops);
        self.order.put32(&mut fixed, (ticks >> 32) as u32);
        self.order.put32(&mut fixed, ticks as u32);
        self.order.put32(&mut fixed, packet.data.len() as u32);
        self.order.put32(&mut fixed, packet.wire_len);
        fixed.extend_from_slice(&packet.data);
        self.block(out, 2, &fixed, &[]);
    }
}

/// Writes pcapng: one section, one interface, enhanced packet blocks.
#[derive(Clone, Copy, Debug)]
pub struct PcapNg {
    /// Byte order of the numbers in blocks.
    pub is_big_endian: bool,
    /// Number of the LINKTYPE registry.
    pub link_type: u16,
    /// Times in nanoseconds, not microseconds.
    pub has_nanos: bool,
}

impl PcapNg {
    /// Ethernet, little-endian, microseconds.
    pub const ETHERNET: Self = Self { is_big_endian: false, link_type: 1, has_nanos: false };

    const fn blocks(self) -> Blocks {
        Blocks { order: Order { is_big_endian: self.is_big_endian } }
    }

    const fn unit(self) -> TimeUnit {
        if self.has_nanos { TimeUnit::Decimal(9) } else { TimeUnit::MICROS }
    }
}

impl Encoder for PcapNg {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.blocks().section(out, &[(4, b"capkeep-testkit")]);
        let unit = [self.unit().option()];
        let options: Options<'_> = if self.has_nanos { &[(9, &unit)] } else { &[] };
        self.blocks().interface(out, self.link_type, 262_144, options);
    }

    fn packet(&mut self, packet: &Packet, out: &mut Vec<u8>) {
        let ticks = self.unit().ticks(packet.time_ns);
        self.blocks().enhanced(out, 0, ticks, packet, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::TimeUnit;

    #[test]
    fn units_round_down() {
        assert_eq!(TimeUnit::Decimal(3).rounded(1_999_999), 1_000_000);
        assert_eq!(TimeUnit::Decimal(9).rounded(1_999_999), 1_999_999);
        assert_eq!(TimeUnit::Binary(10).rounded(1_000_000_000), 1_000_000_000);
        assert_eq!(TimeUnit::Binary(10).rounded(999_999_999), 999_023_437);
    }
}
