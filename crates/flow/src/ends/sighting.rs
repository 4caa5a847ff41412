//! Packets as they are recognised again.

use std::collections::HashMap;
use std::path::Path;

use capkeep_pcap::{Batch, Decoded, Filter, Fragment, Reader, Result, Transport, decode_into, ip_address};

use crate::analysis::CaptureError;
use crate::hash::fold;
use crate::record::{Endpoint, Protocol};
use crate::source::told;

/// One packet of one capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// Digest of what stays the same on the way.
    pub(super) digest: u64,
    /// The same with the IP identification.
    pub(super) strict: u64,
    /// Nanoseconds since the epoch.
    pub(super) at: i64,
    /// Number in its file, from 1.
    pub(super) number: u64,
    /// Which direction of which flow: index into [`Sightings::lanes`].
    pub(super) lane: u32,
    /// What may be rewritten on the way.
    pub(super) fields: Fields,
}

/// What may be rewritten on the way, besides addresses and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) ttl: u8,
    pub(super) mss: u16,
    pub(super) window_scale: u8,
    pub(super) dont_fragment: bool,
}

/// One direction of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    pub(super) protocol: Protocol,
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
}

impl Lane {
    /// The other direction.
    pub(super) const fn reverse(self) -> Self {
        Self { protocol: self.protocol, source: self.destination, destination: self.source }
    }
}

/// All packets of a capture that can be recognised again.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// In the order of the file.
    pub(super) packets: Vec<Sighting>,
    pub(super) lanes: Vec<Lane>,
    /// Packets read, those that cannot be recognised again included.
    pub(super) read: u64,
    /// Why it could not be read to its end.
    pub(super) error: Option<CaptureError>,
}

/// A copy that the capture itself made comes this soon: 100 ms, as [`Copies`](crate::health::Copies) has it.
const COPY_NANOS: i64 = 100_000_000;

impl Sightings {
    /// Reads a capture, as far as it can be read.
    pub(super) fn read(path: &Path, filter: Option<&Filter>) -> Self {
        let mut out = Self::default();
        if let Err(error) = out.fill(path, filter) {
            out.error = Some(told(&error));
        }
        out
    }

    fn fill(&mut self, path: &Path, filter: Option<&Filter>) -> Result<()> {
        let mut reader = Reader::open(path)?;
        let mut known: HashMap<Lane, u32> = HashMap::new();
        let mut batch = Batch::default();
        let mut packet = Decoded::default();
        let mut latest: HashMap<u64, i64> = HashMap::new();
        while reader.next_batch(&mut batch)? {
            for (frame, number) in batch.frames.iter().zip(batch.first_number..) {
                self.read += 1;
                let bytes = batch.bytes(frame);
                let is_readable = frame.has_time
                    && decode_into(frame.link_type, bytes, frame.wire_len, &mut packet).is_ok();
                if !is_readable || filter.is_some_and(|filter| !filter.matches(&packet, frame.wire_len)) {
                    continue;
                }
                let Some((digest, strict)) = digests(&packet, bytes) else { continue };
                let at = frame.timestamp.nanos();
                let has_id = digest != strict;
                if has_id
                    && latest.insert(strict, at).is_some_and(|seen| (0..COPY_NANOS).contains(&(at - seen)))
                {
                    continue;
                }
                let lane = lane(&packet);
                let next = self.lanes.len() as u32;
                let index = *known.entry(lane).or_insert(next);
                if index == next {
                    self.lanes.push(lane);
                }
                let fields = Fields {
                    ttl: packet.ttl,
                    mss: packet.tcp.mss.unwrap_or(0),
                    window_scale: packet.tcp.window_scale.map_or(0, |scale| scale + 1),
                    dont_fragment: packet.dont_fragment,
                };
                self.packets.push(Sighting { digest, strict, at, number, lane: index, fields });
            }
        }
        Ok(())
    }

    pub(super) fn lane(&self, index: u32) -> Option<Lane> {
        self.lanes.get(index as usize).copied()
    }
}

fn lane(packet: &Decoded) -> Lane {
    let end = |address, port| Endpoint { ip: ip_address(address, packet.is_v6), port };
    let is_icmp = matches!(packet.protocol, 1 | 58);
    let (from, to) = if is_icmp { (0, 0) } else { (packet.source_port, packet.destination_port) };
    Lane {
        protocol: Protocol::Ip(packet.protocol),
        source: end(packet.source, from),
        destination: end(packet.destination, to),
    }
}

/// Digests without and with the identification; nothing for what cannot be told apart.
fn digests(packet: &Decoded, bytes: &[u8]) -> Option<(u64, u64)> {
    if packet.is_arp || packet.fragment != Fragment::No {
        return None;
    }
    let (at, length) = (packet.payload_at as usize, packet.payload_captured as usize);
    let payload = bytes.get(at..at + length).unwrap_or_default();
    // Two captures may have different snap lengths: the first bytes are in both.
    let payload = payload.get(..payload.len().min(PAYLOAD)).unwrap_or_default();
    let mut digest = fold(u64::from(packet.protocol), u64::from(packet.payload_len));
    match packet.protocol {
        6 if packet.transport == Transport::Whole => {
            digest = fold(digest, u64::from(packet.tcp.seq) << 32 | u64::from(packet.tcp.ack));
            let stamp = packet.tcp.timestamps.map_or(0, |(value, _)| u64::from(value) << 32);
            digest = fold(digest, u64::from(packet.tcp.flags) | u64::from(packet.tcp.window) << 8 | stamp);
        }
        17 | 132 => {}
        1 | 58 => {
            let (kind, code) = packet.icmp?;
            digest = fold(digest, u64::from(kind) << 8 | u64::from(code));
        }
        _ => return None,
    }
    for chunk in payload.chunks(8) {
        let mut word = [0; 8];
        word.get_mut(..chunk.len())?.copy_from_slice(chunk);
        digest = fold(digest, u64::from_le_bytes(word));
    }
    let id = packet.ip_id.filter(|id| *id != 0);
    // A datagram without payload and identification is like any other.
    if packet.protocol == 17 && payload.is_empty() && id.is_none() {
        return None;
    }
    Some((digest, id.map_or(digest, |id| fold(digest, u64::from(id) | 1 << 32))))
}

/// Payload that is looked at (chosen: what common snap lengths keep behind the headers).
const PAYLOAD: usize = 64;
