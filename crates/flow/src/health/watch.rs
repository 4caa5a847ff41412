//! The TCP health of one flow while it lives.

use capkeep_pcap::{Tcp, Timestamp};

use super::events::{Mark, MarkKind, Marks};
use super::samples::{Samples, Spread};
use super::segment::{Circumstances, Seen, Signs, classify};
use crate::meta::{Meta, Packet};
use crate::tcp::Segment;

/// TCP health of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpHealth {
    /// What the client sent.
    pub from_client: TcpSide,
    /// What the server sent.
    pub from_server: TcpSide,
    /// The handshake.
    pub handshake: Handshake,
    /// What of a whole connection was seen: SYN 1, SYN-ACK 2, ACK 4, data 8, FIN 16, RST 32 (Wireshark's
    /// `tcp.completeness`).
    pub completeness: u8,
    /// From the client's first payload to the server's first one after it; nanoseconds.
    pub first_byte: Option<i64>,
    /// Longest time without a packet.
    pub longest_silence: Option<Silence>,
    /// Packets in which something happened, the first few of each kind and direction, in packet order.
    pub marks: Vec<Mark>,
}

/// A time without a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// How long, nanoseconds.
    pub nanos: i64,
    /// Number of the packet that ended it.
    pub packet: u64,
    /// Time of that packet.
    pub end: Timestamp,
}

/// When the handshake happened, and the way in two parts, seen from where the capture was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// SYNs of the client.
    pub syns: u64,
    /// From the last SYN to the SYN-ACK: the way to the server and back; nanoseconds.
    pub server_rtt: Option<i64>,
    /// From the SYN-ACK to the acknowledgement of it: the way to the client and back; nanoseconds.
    pub client_rtt: Option<i64>,
}

/// What one direction of a TCP flow shows. Everything is counted in segments, copies left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpSide {
    /// Segments with payload.
    pub data_segments: u64,
    /// Segments that acknowledge.
    pub acks: u64,
    /// Sent again: neither fast nor spurious.
    pub retransmissions: u64,
    /// Sent again after duplicate acknowledgements.
    pub fast_retransmissions: u64,
    /// Sent again although acknowledged.
    pub spurious_retransmissions: u64,
    /// Segments that the receiver says to have had already (D-SACK, RFC 2883): most were sent again without need, such as
    /// tail loss probes (RFC 8985) that only a delayed acknowledgement provoked.
    pub needless: u64,
    /// Of [`TcpSide::retransmissions`], those that came so late that the retransmission timer sent them.
    pub timeouts: u64,
    /// Bytes that came late, not sent again.
    pub out_of_order: u64,
    /// Of those, the ones that nothing but the time tells from retransmissions.
    pub ambiguous: u64,
    /// Segments before which bytes were missing that did not merely come late.
    pub lost_before: u64,
    /// Segments before which bytes were missing, whether they came late or not.
    pub gaps: u64,
    /// Acknowledgements of bytes that are not in the capture.
    pub acked_unseen: u64,
    /// Duplicate acknowledgements.
    pub duplicate_acks: u64,
    /// Segments with selective acknowledgements.
    pub sacks: u64,
    /// Segments that take nothing.
    pub zero_windows: u64,
    /// How long nothing was taken; nanoseconds.
    pub zero_window_nanos: i64,
    /// Probes of a window of zero.
    pub zero_window_probes: u64,
    /// Their answers.
    pub zero_window_probe_acks: u64,
    /// Segments that fill the peer's window.
    pub window_full: u64,
    /// Window updates.
    pub window_updates: u64,
    /// Keep-alives.
    pub keep_alives: u64,
    /// Their answers.
    pub keep_alive_acks: u64,
    /// Resets.
    pub resets: u64,
    /// Packets that the capture holds twice, left out of everything else here.
    pub copies: u64,
    /// Most bytes sent and not acknowledged.
    pub most_in_flight: u32,
    /// From bytes of this side to their acknowledgement.
    pub rtt: Option<Spread>,
}

impl TcpSide {
    /// Segments that were sent again because they were lost, as far as the receiver does not say that it had them.
    pub fn lost(&self) -> u64 {
        let needless = self.needless.saturating_sub(self.spurious_retransmissions);
        (self.retransmissions + self.fast_retransmissions).saturating_sub(needless)
    }

    /// Everything that was sent again.
    pub fn all_retransmissions(&self) -> u64 {
        self.retransmissions + self.fast_retransmissions + self.spurious_retransmissions
    }
}

/// What few flows have, and what is kept of a direction once something happened in it.
#[derive(Clone, Debug, Default)]
struct Rare {
    sides: [TcpSide; 2],
    rtt: [Samples; 2],
    gaps: [Vec<(u32, u32)>; 2],
    /// Since when a side takes nothing.
    zero_since: [Option<Timestamp>; 2],
    marks: Marks,
}

impl Rare {
    /// Most gaps remembered in a direction (chosen: more are open at once only where the capture misses as much).
    const GAPS: usize = 32;

    /// True if the next segment of a side may fill a gap or end a stall.
    fn is_pending(&self, from: usize) -> bool {
        self.gaps.get(from).is_some_and(|gaps| !gaps.is_empty())
            || self.zero_since.get(from).is_some_and(Option::is_some)
    }
}

/// What is known of a TCP flow. `0` is what the lower end of the key sent.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    seen: [Seen; 2],
    /// Data segments of each side.
    data: [u32; 2],
    acks: [u32; 2],
    resets: [u16; 2],
    syns: [u16; 2],
    /// Times of the last SYN and the first SYN-ACK, and of the first acknowledgement after it.
    syn: Option<Timestamp>,
    /// Round trips of the handshake, microseconds; `u32::MAX` where not known.
    server_rtt: u32,
    client_rtt: u32,
    /// Microseconds, wrapping: of the SYN-ACK, of the last packet, of the first payload of the opener.
    syn_ack_time: u32,
    first_payload: [u32; 2],
    most_in_flight: [u32; 2],
    last: Timestamp,
    silence: u32,
    silence_packet: u64,
    silence_end: Timestamp,
    completeness: u8,
    /// Which of `first_payload` are set.
    has_payload: u8,
    rare: Option<Box<Rare>>,
}

/// Not known.
const NONE: u32 = u32::MAX;

impl Default for Watch {
    fn default() -> Self {
        Self {
            seen: [Seen::NEW; 2],
            data: [0; 2],
            acks: [0; 2],
            resets: [0; 2],
            syns: [0; 2],
            syn: None,
            server_rtt: NONE,
            client_rtt: NONE,
            syn_ack_time: 0,
            first_payload: [0; 2],
            most_in_flight: [0; 2],
            last: Timestamp::from_nanos(i64::MIN),
            silence: 0,
            silence_packet: 0,
            silence_end: Timestamp::default(),
            completeness: 0,
            has_payload: 0,
            rare: None,
        }
    }
}

/// Microseconds that wrap after 71 minutes.
const fn micros(at: Timestamp) -> u32 {
    (at.nanos() / 1_000) as u32
}

/// Signs that are marked.
const MARKED: &[(u32, MarkKind)] = &[
    (Signs::RETRANSMISSION | Signs::FAST | Signs::SPURIOUS, MarkKind::Retransmission),
    (Signs::OUT_OF_ORDER, MarkKind::OutOfOrder),
    (Signs::LOST_BEFORE, MarkKind::LostBefore),
    (Signs::ACKED_UNSEEN, MarkKind::AckedUnseen),
    (Signs::DUPLICATE_ACK, MarkKind::DuplicateAck),
    (Signs::ZERO_WINDOW, MarkKind::ZeroWindow),
    (Signs::ZERO_WINDOW_PROBE, MarkKind::ZeroWindowProbe),
    (Signs::WINDOW_FULL, MarkKind::WindowFull),
    (Signs::KEEP_ALIVE, MarkKind::KeepAlive),
];

impl Watch {
    /// From so many data segments on, round trips are kept (chosen: shorter flows have the one of the handshake).
    const RTT_FROM: u32 = 8;
    /// Copies from which on a flow is believed to have more of them (chosen).
    const COPIES: u64 = 2;

    /// True if the capture is known to hold packets of this flow twice.
    pub(crate) fn has_copies(&self) -> bool {
        let copies = self.rare.iter().flat_map(|rare| &rare.sides).map(|side| side.copies);
        copies.sum::<u64>() >= Self::COPIES
    }

    /// Notes a copy.
    #[cold]
    pub(crate) fn copy(&mut self, packet: &Packet<'_>, from: usize) {
        self.rare(from).copies += 1;
        self.mark(MarkKind::Copy, packet, from);
    }

    /// Takes a segment. `scales` are what the windows of both sides are shifted by, where their SYN was seen.
    #[inline]
    pub(crate) fn take(
        &mut self,
        packet: &Packet<'_>,
        segment: &Segment,
        from: usize,
        scales: [Option<u8>; 2],
    ) {
        let meta = packet.meta;
        let now = micros(meta.timestamp);
        self.silence(meta);
        let [low, high] = &mut self.seen;
        let (sender, peer) = if from == 0 { (low, high) } else { (high, low) };
        let has_sack = packet.extra.is_some_and(|extra| extra.sack.is_some());
        let gaps = self.rare.as_ref().and_then(|rare| rare.gaps.get(from)).map_or(&[][..], Vec::as_slice);
        let first_rtt = (self.server_rtt != NONE && self.client_rtt != NONE)
            .then(|| self.server_rtt.saturating_add(self.client_rtt));
        let of = Circumstances {
            now,
            id: meta.has(Meta::IP_ID).then_some(meta.ip_id).filter(|id| *id != 0),
            stamp: meta.has(Meta::TIMESTAMPS).then_some(meta.ts_value),
            peer_scale: scales.get(1 - from).copied().flatten(),
            first_rtt,
            gaps,
        };
        let expected = sender.next;
        let (signs, rtt) = classify(segment, of, sender, peer);
        if segment.flags & Tcp::ACK != 0
            && let Some(acks) = self.acks.get_mut(from)
        {
            *acks = acks.saturating_add(1);
        }
        if segment.len > 0 {
            let in_flight = sender.in_flight(peer).unwrap_or(0);
            if let (Some(most), Some(data)) = (self.most_in_flight.get_mut(from), self.data.get_mut(from)) {
                *most = in_flight.max(*most);
                *data = data.saturating_add(1);
            }
            self.payload(from, now);
        }
        self.stages(segment, meta, from, now);
        // Refused attempts need no mark: their reset is their last packet.
        if segment.flags & Tcp::RST != 0 && self.completeness & (4 | 8) != 0 {
            self.mark(MarkKind::Reset, packet, from);
        }
        let is_pending = self.rare.as_ref().is_some_and(|rare| rare.is_pending(from));
        if !signs.is_empty() || has_sack || is_pending {
            self.note(packet, segment, from, signs, expected);
        }
        if let Some(rtt) = rtt
            && self.data.get(1 - from).is_some_and(|data| *data >= Self::RTT_FROM)
            && let Some(samples) = self.rare.get_or_insert_default().rtt.get_mut(1 - from)
        {
            samples.add(i64::from(rtt) * 1_000);
        }
    }

    fn rare(&mut self, from: usize) -> &mut TcpSide {
        let [low, high] = &mut self.rare.get_or_insert_default().sides;
        if from == 0 { low } else { high }
    }

    fn mark(&mut self, kind: MarkKind, packet: &Packet<'_>, from: usize) {
        let meta = packet.meta;
        let (capture, number, at) = (meta.capture, meta.number, meta.timestamp);
        // Which end is the client is not known yet: the lower end stands for it until the flow is told.
        let mark = Mark {
            kind,
            from_client: from == 0,
            capture,
            packet: number,
            at,
            payload_bytes: meta.payload_len,
            ttl: meta.ttl,
        };
        self.rare.get_or_insert_default().marks.add(mark);
    }

    #[inline]
    fn silence(&mut self, meta: &Meta) {
        if meta.has(Meta::TIMELESS) {
            return;
        }
        if self.last.nanos() != i64::MIN {
            let silence = meta.timestamp.since(self.last) / 1_000;
            if silence > i64::from(self.silence) {
                self.silence = u32::try_from(silence).unwrap_or(u32::MAX);
                self.silence_packet = meta.number;
                self.silence_end = meta.timestamp;
            }
        }
        self.last = self.last.max(meta.timestamp);
    }

    /// First payload of each side; of the second one the first that follows one of the other.
    #[inline]
    fn payload(&mut self, from: usize, now: u32) {
        if self.has_payload == 3 {
            return;
        }
        if self.has_payload & 1 << from == 0 {
            self.has_payload |= 1 << from;
            if let Some(first) = self.first_payload.get_mut(from) {
                *first = now;
            }
        }
    }

    /// Handshake and completeness.
    #[inline]
    fn stages(&mut self, segment: &Segment, meta: &Meta, from: usize, now: u32) {
        let (syn, ack) = (segment.flags & Tcp::SYN != 0, segment.flags & Tcp::ACK != 0);
        if segment.flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) == 0 {
            if segment.len > 0 {
                self.completeness |= 8;
            }
            if self.completeness & 7 == 3 && ack && self.syns.get(from).is_some_and(|syns| *syns > 0) {
                self.completeness |= 4;
                let rtt = now.wrapping_sub(self.syn_ack_time);
                if rtt < 1 << 31 {
                    self.client_rtt = rtt;
                }
            }
            return;
        }
        if segment.len > 0 {
            self.completeness |= 8;
        }
        if syn && !ack {
            self.completeness |= 1;
            self.syn = Some(meta.timestamp);
            if let Some(syns) = self.syns.get_mut(from) {
                *syns = syns.saturating_add(1);
            }
        } else if syn && self.completeness & 2 == 0 {
            self.completeness |= 2;
            self.syn_ack_time = now;
            if let Some(sent) = self.syn {
                let rtt = now.wrapping_sub(micros(sent));
                if rtt < 1 << 31 {
                    self.server_rtt = rtt;
                }
            }
        }
        if segment.flags & Tcp::FIN != 0 {
            self.completeness |= 16;
        }
        if segment.flags & Tcp::RST != 0 {
            self.completeness |= 32;
            if let Some(resets) = self.resets.get_mut(from) {
                *resets = resets.saturating_add(1);
            }
        }
    }

    /// Counts what a segment is.
    fn note(&mut self, packet: &Packet<'_>, segment: &Segment, from: usize, signs: Signs, expected: u32) {
        let control = segment.flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) != 0;
        self.gaps(segment, from, signs, expected);
        let opened = self.stall(packet.meta, segment, from, control);
        let side = self.rare(from);
        if let Some((_, end)) = packet.extra.and_then(|extra| extra.sack) {
            side.sacks += 1;
            // What lies before the acknowledgement needs no selective one, unless it came twice.
            let is_double = segment.flags & Tcp::ACK != 0 && (segment.ack.wrapping_sub(end) as i32) >= 0;
            self.rare(1 - from).needless += u64::from(is_double);
        }
        let side = self.rare(from);
        let count = |sign| u64::from(signs.has(sign));
        side.retransmissions += count(Signs::RETRANSMISSION);
        side.fast_retransmissions += count(Signs::FAST);
        side.spurious_retransmissions += count(Signs::SPURIOUS);
        side.timeouts += count(Signs::TIMEOUT);
        side.out_of_order += count(Signs::OUT_OF_ORDER);
        side.ambiguous += count(Signs::AMBIGUOUS);
        side.gaps += count(Signs::LOST_BEFORE);
        side.lost_before += count(Signs::LOST_BEFORE);
        if signs.has(Signs::OUT_OF_ORDER) && signs.has(Signs::FILLS) {
            side.lost_before = side.lost_before.saturating_sub(1);
        }
        side.acked_unseen += count(Signs::ACKED_UNSEEN);
        side.duplicate_acks += count(Signs::DUPLICATE_ACK);
        side.zero_windows += count(Signs::ZERO_WINDOW);
        side.zero_window_probes += count(Signs::ZERO_WINDOW_PROBE);
        side.zero_window_probe_acks += count(Signs::ZERO_WINDOW_PROBE_ACK);
        side.window_full += count(Signs::WINDOW_FULL);
        side.window_updates += count(Signs::WINDOW_UPDATE);
        side.keep_alives += count(Signs::KEEP_ALIVE);
        side.keep_alive_acks += count(Signs::KEEP_ALIVE_ACK);
        for (sign, kind) in MARKED {
            if signs.has(*sign) {
                self.mark(*kind, packet, from);
            }
        }
        if opened {
            self.mark(MarkKind::WindowOpened, packet, from);
        }
    }

    /// Notes a gap that opened, and what fills one.
    fn gaps(&mut self, segment: &Segment, from: usize, signs: Signs, expected: u32) {
        let acked = self.seen.get(1 - from).map_or(0, |peer| peer.last_ack);
        let Some(gaps) = self.rare.get_or_insert_default().gaps.get_mut(from) else { return };
        let is_before = |a: u32, b: u32| (a.wrapping_sub(b) as i32) < 0;
        gaps.retain(|(_, to)| is_before(acked, *to));
        if signs.has(Signs::LOST_BEFORE) {
            if gaps.len() < Rare::GAPS {
                gaps.push((expected, segment.seq));
            }
            return;
        }
        let end = segment.seq.wrapping_add(segment.len);
        let mut split = None;
        for gap in gaps.iter_mut() {
            if is_before(segment.seq, gap.1) && is_before(gap.0, end) {
                if is_before(gap.0, segment.seq) {
                    if is_before(end, gap.1) {
                        split = Some((end, gap.1));
                    }
                    gap.1 = segment.seq;
                } else {
                    gap.0 = if is_before(end, gap.1) { end } else { gap.1 };
                }
            }
        }
        gaps.retain(|(from, to)| is_before(*from, *to));
        if gaps.len() < Rare::GAPS {
            gaps.extend(split);
        }
    }

    /// Measures how long a side takes nothing; true if it takes something again with this segment.
    fn stall(&mut self, meta: &Meta, segment: &Segment, from: usize, control: bool) -> bool {
        let rare = self.rare.get_or_insert_default();
        let (Some(since), Some(side)) = (rare.zero_since.get_mut(from), rare.sides.get_mut(from)) else {
            return false;
        };
        match *since {
            None if segment.window == 0 && !control => {
                *since = Some(meta.timestamp);
                false
            }
            Some(at) if segment.window != 0 || segment.flags & Tcp::RST != 0 => {
                *since = None;
                side.zero_window_nanos += meta.timestamp.since(at).max(0);
                segment.window != 0
            }
            _ => false,
        }
    }

    /// What there is to tell; `client` is 0 for the lower end.
    pub(crate) fn tell(&self, client: usize) -> TcpHealth {
        let rare = self.rare.as_deref();
        let side = |index: usize| {
            let mut side = rare.and_then(|rare| rare.sides.get(index)).cloned().unwrap_or_default();
            side.data_segments = self.data.get(index).copied().unwrap_or(0).into();
            side.acks = self.acks.get(index).copied().unwrap_or(0).into();
            side.resets = self.resets.get(index).copied().unwrap_or(0).into();
            side.most_in_flight = self.most_in_flight.get(index).copied().unwrap_or(0);
            side.rtt = rare.and_then(|rare| rare.rtt.get(index)).and_then(Samples::summary);
            if let Some(Some(since)) = rare.and_then(|rare| rare.zero_since.get(index)) {
                side.zero_window_nanos += self.last.since(*since).max(0);
            }
            side
        };
        let nanos = |micros: u32| (micros != NONE).then(|| i64::from(micros) * 1_000);
        let [low, high] = self.first_payload;
        let (asked, answered) = if client == 0 { (low, high) } else { (high, low) };
        let first_byte = answered.wrapping_sub(asked);
        let marks = rare.map_or(&[][..], |rare| rare.marks.as_slice());
        TcpHealth {
            from_client: side(client),
            from_server: side(1 - client),
            handshake: Handshake {
                syns: self.syns.get(client).copied().unwrap_or(0).into(),
                server_rtt: nanos(self.server_rtt),
                client_rtt: nanos(self.client_rtt),
            },
            completeness: self.completeness,
            first_byte: (self.has_payload == 3 && first_byte < 1 << 31)
                .then(|| i64::from(first_byte) * 1_000),
            longest_silence: (self.silence > 0).then(|| Silence {
                nanos: i64::from(self.silence) * 1_000,
                packet: self.silence_packet,
                end: self.silence_end,
            }),
            marks: marks
                .iter()
                .map(|mark| Mark { from_client: mark.from_client == (client == 0), ..*mark })
                .collect(),
        }
    }
}
