//! Sun snoop (RFC 1761).

use super::Encoder;
use crate::{
    packet::Packet,
    wire::{put16, put32},
};

/// Writes snoop, version 2, Ethernet, times in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snoop;

impl Encoder for Snoop {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"snoop\0\0\0");
        put32(out, 2);
        put16(out, 0);
        put16(out, 4); // Ethernet
    }

    fn packet(&mut self, packet: &Packet, out: &mut Vec<u8>) {
        let padded = packet.data.len().next_multiple_of(4);
        put32(out, packet.wire_len);
        put32(out, packet.data.len() as u32);
        put32(out, 24 + padded as u32);
        put32(out, 0);
        put32(out, packet.time_ns.div_euclid(1_000_000_000) as u32);
        put32(out, (packet.time_ns.rem_euclid(1_000_000_000) / 1000) as u32);
        out.extend_from_slice(&packet.data);
        out.resize(out.len() + padded - packet.data.len(), 0);
    }
}
