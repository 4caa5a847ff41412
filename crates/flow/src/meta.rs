//! One packet on its way from the decoder to a flow.

use capkeep_pcap::{Arp, Decoded, Fragment, Quote, Tcp, Timestamp, Transport, TunnelLayer, icmp_counterpart};

use crate::hash::mix;

/// Number of parts the flow table is split into. Chosen: enough to keep eight cores busy, few enough that a batch
/// still has several packets for each. It is fixed, so that nothing depends on the number of threads.
pub(crate) const SHARDS: usize = 16;

/// One end of a flow: address and port.
pub(crate) type End = (u128, u16);

/// What identifies a flow: its two ends in order, so that both directions have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Lower address, high and low half (two words: a `u128` would align everything to 16).
    low: [u64; 2],
    high: [u64; 2],
    pub(crate) scope: u64,
    pub(crate) low_port: u16,
    pub(crate) high_port: u16,
    pub(crate) protocol: u8,
    pub(crate) is_v6: bool,
    pub(crate) is_arp: bool,
}

/// What a key has besides its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Space {
    pub(crate) scope: u64,
    pub(crate) protocol: u8,
    pub(crate) is_v6: bool,
    pub(crate) is_arp: bool,
}

impl From<&Decoded> for Space {
    #[inline]
    fn from(packet: &Decoded) -> Self {
        Self { scope: packet.scope, protocol: packet.protocol, is_v6: packet.is_v6, is_arp: packet.is_arp }
    }
}

impl Key {
    /// The key, and whether the source is the lower end.
    #[inline]
    pub(crate) fn new(source: End, destination: End, of: Space) -> (Self, bool) {
        // ICMP messages that nothing answers go one way: both directions are flows of their own. Where the type was not
        // captured both ports are 0, which no message has.
        let one_way = matches!(of.protocol, 1 | 58)
            && !of.is_arp
            && (source.1, destination.1) != (0, 0)
            && icmp_counterpart(of.protocol == 58, source.1 as u8).map(u16::from) != Some(destination.1);
        let from_low = one_way || source <= destination;
        let (low, high) = if from_low { (source, destination) } else { (destination, source) };
        let key = Self {
            low: halves(low.0),
            high: halves(high.0),
            scope: of.scope,
            low_port: low.1,
            high_port: high.1,
            protocol: of.protocol,
            is_v6: of.is_v6,
            is_arp: of.is_arp,
        };
        (key, from_low)
    }

    /// The lower end.
    pub(crate) fn low(&self) -> End {
        (whole(self.low), self.low_port)
    }

    /// The higher end.
    pub(crate) fn high(&self) -> End {
        (whole(self.high), self.high_port)
    }

    /// The same for both directions.
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        // Words are mixed one after the other: two that are combined before they meet the seed could be made to
        // cancel out.
        let ports = u64::from(self.low_port)
            | u64::from(self.high_port) << 16
            | u64::from(self.protocol) << 32
            | u64::from(self.is_arp) << 40;
        let addresses = if self.is_v6 {
            let low = mix(self.low[1], self.low[0]);
            mix(mix(low, self.high[1]), self.high[0])
        } else {
            self.low[1] | self.high[1] << 32
        };
        let hash = mix(addresses, ports);
        if self.scope == 0 { hash } else { mix(hash, self.scope) }
    }
}

/// Which shard a hash belongs to: its middle bits, as the table uses the others.
#[inline]
pub(crate) const fn shard_of(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

const fn halves(address: u128) -> [u64; 2] {
    [(address >> 64) as u64, address as u64]
}

const fn whole(halves: [u64; 2]) -> u128 {
    (halves[0] as u128) << 64 | halves[1] as u128
}

/// One packet, or one note about a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) key: Key,
    pub(crate) hash: u64,
    pub(crate) timestamp: Timestamp,
    /// Number in its file, from 1.
    pub(crate) number: u64,
    /// Its place in the batch: packets are taken in this order.
    pub(crate) order: u32,
    pub(crate) wire_len: u32,
    pub(crate) captured_len: u32,
    pub(crate) payload_len: u32,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    /// Index of its file.
    pub(crate) capture: u32,
    /// Index into [`Decodes::extras`](crate::decodes::Decodes) plus 1; 0 for none.
    pub(crate) extra: u32,
    /// Where its payload lies in the bytes of its batch, and how much of it is there.
    pub(crate) payload_at: u32,
    pub(crate) payload_captured: u32,
    /// Value of the TCP timestamps, where it has them.
    pub(crate) ts_value: u32,
    pub(crate) window: u16,
    /// TCP or UDP checksum as in the header.
    pub(crate) checksum: u16,
    /// IPv4 identification, where it has one.
    pub(crate) ip_id: u16,
    /// VLAN id; [`NO_VLAN`] for none.
    pub(crate) vlan: u16,
    pub(crate) flags: u8,
    pub(crate) ttl: u8,
    pub(crate) bits: u8,
}

pub(crate) const NO_VLAN: u16 = u16::MAX;

impl Meta {
    /// Sent by the lower end.
    pub(crate) const FROM_LOW: u8 = 1;
    /// A fragment.
    pub(crate) const FRAGMENT: u8 = 2;
    /// TCP with a header that could be read.
    pub(crate) const TCP: u8 = 4;
    /// Not a packet: an ICMP error that quotes the flow of this key.
    pub(crate) const QUOTED: u8 = 8;
    /// Its record carries no time.
    pub(crate) const TIMELESS: u8 = 16;
    /// IPv4, with an identification.
    pub(crate) const IP_ID: u8 = 32;
    /// With TCP timestamps.
    pub(crate) const TIMESTAMPS: u8 = 64;
    /// No router may fragment it.
    pub(crate) const DONT_FRAGMENT: u8 = 128;

    #[inline]
    pub(crate) const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }
}

/// What few packets have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extra {
    pub(crate) tunnel: Option<TunnelLayer>,
    pub(crate) tunnel_depth: u8,
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
    pub(crate) icmp: Option<(u8, u8)>,
    pub(crate) quote: Option<Quote>,
    pub(crate) sack: Option<(u32, u32)>,
    pub(crate) arp: Option<Arp>,
}

impl Extra {
    /// What this packet has of it, if anything.
    #[inline]
    pub(crate) fn of(packet: &Decoded) -> Option<Self> {
        let syn = packet.tcp.flags & Tcp::SYN != 0;
        let is_rare = packet.tcp.sack.is_some() || packet.arp.is_some();
        if !syn && packet.tunnel.is_none() && packet.icmp.is_none() && !is_rare {
            return None;
        }
        Some(Self {
            tunnel: packet.tunnel,
            tunnel_depth: packet.tunnel_depth,
            mss: packet.tcp.mss,
            window_scale: packet.tcp.window_scale,
            sack_permitted: packet.tcp.sack_permitted,
            icmp: packet.icmp,
            quote: packet.quoted,
            sack: packet.tcp.sack,
            arp: packet.arp,
        })
    }
}

/// Where a packet lies: what its record says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) timestamp: Timestamp,
    pub(crate) has_time: bool,
    pub(crate) order: u32,
    pub(crate) number: u64,
    pub(crate) capture: u32,
    /// Where its bytes start in those of the batch.
    pub(crate) start: u32,
    pub(crate) wire_len: u32,
    pub(crate) captured_len: u32,
}

impl Meta {
    /// From a decoded packet.
    #[inline]
    pub(crate) fn new(packet: &Decoded, place: Place, extra: u32) -> Self {
        let source = (packet.source, packet.source_port);
        let destination = (packet.destination, packet.destination_port);
        let (key, from_low) = Key::new(source, destination, packet.into());
        let mut bits = if from_low { Self::FROM_LOW } else { 0 };
        if packet.fragment != Fragment::No {
            bits |= Self::FRAGMENT;
        }
        if !place.has_time {
            bits |= Self::TIMELESS;
        }
        if packet.protocol == 6 && packet.transport == Transport::Whole {
            bits |= Self::TCP;
        }
        if packet.ip_id.is_some() {
            bits |= Self::IP_ID;
        }
        if packet.tcp.timestamps.is_some() {
            bits |= Self::TIMESTAMPS;
        }
        if packet.dont_fragment {
            bits |= Self::DONT_FRAGMENT;
        }
        let (ts_value, _) = packet.tcp.timestamps.unwrap_or_default();
        Self {
            key,
            hash: key.hash(),
            timestamp: place.timestamp,
            number: place.number,
            order: place.order,
            wire_len: place.wire_len,
            captured_len: place.captured_len,
            payload_len: packet.payload_len,
            seq: packet.tcp.seq,
            ack: packet.tcp.ack,
            capture: place.capture,
            extra,
            payload_at: place.start + packet.payload_at,
            payload_captured: packet.payload_captured,
            ts_value,
            window: packet.tcp.window,
            checksum: packet.checksum,
            ip_id: packet.ip_id.unwrap_or_default(),
            vlan: packet.vlan.unwrap_or(NO_VLAN),
            flags: packet.tcp.flags,
            ttl: packet.ttl,
            bits,
        }
    }
}

/// A packet with all that a flow may want to see of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) meta: &'a Meta,
    pub(crate) extra: Option<&'a Extra>,
    /// What was captured of its payload.
    pub(crate) payload: &'a [u8],
}
