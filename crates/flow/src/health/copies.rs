//! Copies: packets that the capture holds twice.
//!
//! Mirror ports and virtual switches hand the same packet to the capture twice, microseconds apart. A sender gives each
//! packet an identification of its own (RFC 6864 asks for it only where packets may be fragmented, but stacks count
//! on), a retransmission too; so the same bytes with the same identification within a moment are one packet seen twice.
//!
//! Missed: copies further apart than the window, or with rewritten headers; copies of packets without
//! identification (IPv6, or 0) that come later than [`Copies::BLIND_NANOS`], or [`Copies::EMPTY_NANOS`]. Wrongly taken for copies:
//! two packets without identification that a sender sent with the same payload and checksum at once.

use capkeep_pcap::Tcp;

use crate::hash::fold;
use crate::meta::Meta;

/// Whether a packet was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It was not.
    Never,
    /// It was; or it is an acknowledgement without identification that another like it followed at once. Where the flow
    /// has copies, it is one.
    Perhaps,
    /// It was.
    Before,
}

/// What was seen lately.
#[derive(Debug)]
pub(crate) struct Copies {
    /// Digest of a packet and the time at which it was seen, among those that the digest names. A row is a cache line;
    /// the oldest one makes room.
    seen: Vec<[(u64, i64); 4]>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { seen: vec![[(0, i64::MIN); 4]; Self::ROWS] }
    }
}

impl Copies {
    /// Rows that each shard remembers packets in (chosen: all shards remember 32,768 packets in 512 kB; with 130 packets
    /// of the same shard between a packet and its copy, 1 ms of a gigabit in one flow, one copy in 7,000 is missed).
    const ROWS: usize = 1 << 9;
    /// Longest time between a packet and its copy where the identification is the same: 100 ms (chosen: half of
    /// Linux's shortest retransmission timeout, `TCP_RTO_MIN`, for devices that send the same packet again). For SYNs
    /// without identification too, which nothing sends again within a second.
    const NANOS: i64 = 100_000_000;
    /// The same without identification: 100 µs (chosen: no retransmission is that early but in one data centre, where
    /// its timestamps option or its window has moved on).
    const BLIND_NANOS: i64 = 100_000;
    /// The same if it carries nothing: 1 µs (chosen: acknowledgements that repeat each other follow segments, and a full
    /// one takes longer than that at 10 Gbit/s; so do resets that answer segments).
    const EMPTY_NANOS: i64 = 1_000;

    /// A digest of what makes a packet that packet, the same in every run: which copies are found must not depend on it.
    /// Who makes packets collide on purpose only hides copies. Link layer, VLAN, and TTL may differ between copies. The checksum stands
    /// for the payload, which is not touched: fetching it from memory would cost more than all the rest.
    #[inline]
    pub(crate) fn digest(meta: &Meta) -> u64 {
        let direction = u64::from(meta.has(Meta::FROM_LOW));
        let lengths =
            u64::from(meta.payload_len) << 32 | u64::from(meta.ip_id) << 16 | u64::from(meta.checksum);
        let tcp = u64::from(meta.seq) << 32 | u64::from(meta.ack);
        let more = u64::from(meta.window) << 9 | u64::from(meta.flags) << 1 | direction;
        let ((low, low_port), (high, high_port)) = (meta.key.low(), meta.key.high());
        let addresses =
            (low as u64) ^ (low >> 64) as u64 ^ ((high as u64) ^ (high >> 64) as u64).rotate_left(32);
        let ports = u64::from(low_port) << 16 | u64::from(high_port);
        [meta.key.scope, ports, lengths, tcp, more].into_iter().fold(addresses, fold)
    }

    /// Fetches from memory what [`Copies::look`] will look at, so that several of them wait together.
    #[inline]
    pub(crate) fn fetch(&self, digest: u64) {
        let row = self.seen.get(digest as usize % Self::ROWS);
        std::hint::black_box(row.map_or(0, |[first, ..]| first.0));
    }

    /// Whether this packet, with its [digest](Copies::digest), was seen a moment ago.
    #[inline]
    pub(crate) fn look(&mut self, meta: &Meta, digest: u64) -> Seen {
        if meta.has(Meta::TIMELESS) {
            return Seen::Never;
        }
        let has_id = meta.has(Meta::IP_ID) && meta.ip_id != 0;
        // Linux sends SYN-ACKs without identification.
        let is_syn = meta.flags & Tcp::SYN != 0;
        let is_empty = meta.payload_len == 0 && meta.flags & (Tcp::SYN | Tcp::FIN) == 0;
        let window = match (has_id || is_syn, is_empty) {
            (true, _) => Self::NANOS,
            (false, true) => Self::EMPTY_NANOS,
            (false, false) => Self::BLIND_NANOS,
        };
        let now = meta.timestamp.nanos();
        let Some(row) = self.seen.get_mut(digest as usize % Self::ROWS) else { return Seen::Never };
        let mut oldest = &mut (0, i64::MAX);
        for place in row {
            if place.0 == digest {
                if now.saturating_sub(place.1) <= window && now >= place.1 {
                    return if has_id || !is_empty { Seen::Before } else { Seen::Perhaps };
                }
                oldest = place;
                break;
            }
            if place.1 < oldest.1 {
                oldest = place;
            }
        }
        *oldest = (digest, now);
        Seen::Never
    }
}
