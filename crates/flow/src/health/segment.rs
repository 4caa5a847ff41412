//! One segment: what it is, from what was seen of its flow before.

use std::cmp::Ordering;

use capkeep_pcap::Tcp;

use crate::tcp::Segment;

/// What a segment is, as bits; most are none of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signs(u32);

impl Signs {
    pub(crate) const RETRANSMISSION: u32 = 1;
    pub(crate) const FAST: u32 = 1 << 1;
    pub(crate) const SPURIOUS: u32 = 1 << 2;
    pub(crate) const OUT_OF_ORDER: u32 = 1 << 3;
    pub(crate) const LOST_BEFORE: u32 = 1 << 4;
    pub(crate) const ACKED_UNSEEN: u32 = 1 << 5;
    pub(crate) const DUPLICATE_ACK: u32 = 1 << 6;
    pub(crate) const ZERO_WINDOW: u32 = 1 << 7;
    pub(crate) const ZERO_WINDOW_PROBE: u32 = 1 << 8;
    pub(crate) const ZERO_WINDOW_PROBE_ACK: u32 = 1 << 9;
    pub(crate) const WINDOW_FULL: u32 = 1 << 10;
    pub(crate) const WINDOW_UPDATE: u32 = 1 << 11;
    pub(crate) const KEEP_ALIVE: u32 = 1 << 12;
    pub(crate) const KEEP_ALIVE_ACK: u32 = 1 << 13;
    /// Old bytes of which nothing but time says whether they were sent again or came late.
    pub(crate) const AMBIGUOUS: u32 = 1 << 14;
    /// Sent again after a silence that no round trip explains.
    pub(crate) const TIMEOUT: u32 = 1 << 15;
    /// Old bytes that fill a gap.
    pub(crate) const FILLS: u32 = 1 << 16;

    const OLD: u32 = Self::RETRANSMISSION | Self::FAST | Self::SPURIOUS | Self::OUT_OF_ORDER;

    pub(crate) const fn has(self, sign: u32) -> bool {
        self.0 & sign != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn add(&mut self, sign: u32) {
        self.0 |= sign;
    }

    const fn remove(&mut self, sign: u32) {
        self.0 &= !sign;
    }
}

/// What was seen of one direction. Times are microseconds, and wrap after 71 minutes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Sequence number right behind the highest byte (Wireshark's `nextseq`), and when it came.
    pub(crate) next: u32,
    pub(crate) next_time: u32,
    /// Right behind the last byte that may be acknowledged (`maxseqtobeacked`).
    pub(crate) most: u32,
    /// Last acknowledgement, and when it came.
    pub(crate) last_ack: u32,
    ack_time: u32,
    /// The byte whose acknowledgement is timed, and when it was sent.
    probe: u32,
    probe_time: u32,
    /// As in the last header, not scaled.
    pub(crate) window: u16,
    duplicate_acks: u16,
    /// Timestamp value and identification of the packet that reached `next`.
    stamp: u32,
    id: u16,
    /// What the last segment was, as far as the next one has to know: `LAST_*`.
    last: u8,
    known: u8,
    /// How often identifications went up by a little, less four for each time they did not; at most 15.
    trust: u8,
}

impl Seen {
    pub(crate) const NEW: Self = Self {
        next: 0,
        next_time: 0,
        most: 0,
        last_ack: 0,
        ack_time: 0,
        probe: 0,
        probe_time: 0,
        window: u16::MAX,
        duplicate_acks: 0,
        stamp: 0,
        id: 0,
        last: 0,
        known: 0,
        trust: 0,
    };
    const NEXT: u8 = 1;
    const MOST: u8 = 2;
    const ACK: u8 = 4;
    const PROBE: u8 = 8;
    const ID: u8 = 16;
    /// The last window stood in a SYN, where it is never scaled.
    const SYN_WINDOW: u8 = 32;
    const STAMP: u8 = 64;
    const LAST_KEEP_ALIVE: u8 = 1;
    const LAST_PROBE: u8 = 2;
    /// Steps of the identification that a counter takes between two packets of a flow (chosen: a busy host with one
    /// counter for all destinations sends hundreds of packets between two of one flow).
    const STEP: u16 = 1 << 10;
    /// Steps back that are believed of identifications that are not known to be a counter yet (chosen: one in 4,000
    /// random ones is as near).
    const NEAR: i16 = 16;
    /// Steps from which on identifications are believed to be a counter (chosen).
    const TRUSTED: u8 = 3;

    pub(crate) const fn knows(&self, what: u8) -> bool {
        self.known & what != 0
    }

    /// Bytes sent and not acknowledged by `peer`, if both are known.
    pub(crate) fn in_flight(&self, peer: &Self) -> Option<u32> {
        (self.knows(Self::NEXT) && peer.knows(Self::ACK))
            .then(|| self.next.wrapping_sub(peer.last_ack))
            .filter(|bytes| *bytes < 1 << 31)
    }
}

/// What is asked besides the segment itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    /// Time of the packet, microseconds, wrapping.
    pub(crate) now: u32,
    /// IPv4 identification.
    pub(crate) id: Option<u16>,
    /// Value of the timestamps option.
    pub(crate) stamp: Option<u32>,
    /// What the peer's window is shifted by; `None` if its SYN was not seen.
    pub(crate) peer_scale: Option<u8>,
    /// Round trip of the handshake, microseconds.
    pub(crate) first_rtt: Option<u32>,
    /// Gaps in what the sender sent.
    pub(crate) gaps: &'a [(u32, u32)],
}

/// What is less than this late was reordered, where no round trip is known: 3 ms (Wireshark).
const LATE: u32 = 3_000;
/// A fast retransmission follows the last duplicate acknowledgement within 20 ms (Wireshark).
const FAST: u32 = 20_000;
/// What is sent again later than this was sent by the retransmission timer: 200 ms, the least that Linux waits
/// (`TCP_RTO_MIN`); RFC 6298 wants a second.
const TIMEOUT: u32 = 200_000;

const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// Classifies a segment and notes it. Follows `tcp_analyze_sequence_number()` of Wireshark 4.0, then lets the
/// identification decide. The second value is the round trip that its acknowledgement completes, microseconds.
pub(crate) fn classify(
    s: &Segment,
    of: Circumstances<'_>,
    sender: &mut Seen,
    peer: &mut Seen,
) -> (Signs, Option<u32>) {
    let mut signs = Signs::default();
    let closing = s.flags & (Tcp::SYN | Tcp::FIN) != 0;
    let has_ack = s.flags & Tcp::ACK != 0;
    let is_next = sender.knows(Seen::NEXT) && s.seq == sender.next;
    let same_ack = s.ack == sender.last_ack && sender.knows(Seen::ACK);
    if s.len == 1 && is_next && peer.window == 0 {
        signs.add(Signs::ZERO_WINDOW_PROBE);
    } else {
        forward(s, &of, sender, peer, &mut signs);
    }
    if !same_ack {
        sender.duplicate_acks = 0;
    }
    if has_ack && peer.knows(Seen::MOST) && before(peer.most, s.ack) {
        signs.add(Signs::ACKED_UNSEEN);
        peer.most = peer.next;
    }
    if (s.len > 0 || closing) && !signs.has(Signs::KEEP_ALIVE) {
        old(s, &of, sender, peer, &mut signs);
    }
    let rtt = if has_ack { answered(s, of.now, peer) } else { None };
    advance(s, &of, sender, signs);
    sender.window = s.window;
    sender.known = if s.flags & Tcp::SYN != 0 {
        sender.known | Seen::SYN_WINDOW
    } else {
        sender.known & !Seen::SYN_WINDOW
    };
    // Wireshark takes what stands in the field, whether it means anything or not.
    sender.last_ack = s.ack;
    sender.known |= Seen::ACK;
    sender.ack_time = of.now;
    sender.last = 0;
    if signs.has(Signs::KEEP_ALIVE) {
        sender.last |= Seen::LAST_KEEP_ALIVE;
    }
    if signs.has(Signs::ZERO_WINDOW_PROBE) {
        sender.last |= Seen::LAST_PROBE;
    }
    (signs, rtt)
}

/// What depends on how far both ends are.
#[inline]
fn forward(s: &Segment, of: &Circumstances<'_>, sender: &mut Seen, peer: &Seen, signs: &mut Signs) {
    let control = s.flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) != 0;
    let knows_next = sender.knows(Seen::NEXT);
    let is_next = knows_next && s.seq == sender.next;
    let same_ack = s.ack == sender.last_ack && sender.knows(Seen::ACK);
    if s.window == 0 && !control {
        signs.add(Signs::ZERO_WINDOW);
    }
    if knows_next && before(sender.next, s.seq) && s.flags & Tcp::RST == 0 {
        signs.add(Signs::LOST_BEFORE);
    }
    if control {
        return;
    }
    if s.len <= 1 && knows_next && s.seq == sender.next.wrapping_sub(1) {
        signs.add(Signs::KEEP_ALIVE);
    }
    if s.len > 0 {
        if let Some(scale) = of.peer_scale {
            let scale = if peer.knows(Seen::SYN_WINDOW) { 0 } else { scale };
            let edge = peer.last_ack.wrapping_add(u32::from(peer.window) << scale.min(14));
            if peer.knows(Seen::ACK) && s.seq.wrapping_add(s.len) == edge {
                signs.add(Signs::WINDOW_FULL);
            }
        }
        return;
    }
    if !is_next || !same_ack {
        return;
    }
    if s.window != 0 && s.window != sender.window {
        signs.add(Signs::WINDOW_UPDATE);
    }
    if s.window == sender.window {
        if s.window != 0 && peer.last & Seen::LAST_KEEP_ALIVE != 0 {
            signs.add(Signs::KEEP_ALIVE_ACK);
            return;
        }
        if s.window == 0 && peer.last & Seen::LAST_PROBE != 0 {
            signs.add(Signs::ZERO_WINDOW_PROBE_ACK);
            return;
        }
    }
    if s.window != 0 && s.window == sender.window {
        sender.duplicate_acks = sender.duplicate_acks.saturating_add(1);
        signs.add(Signs::DUPLICATE_ACK);
    }
}

/// What is behind the highest byte: sent again, or late.
#[inline]
fn old(s: &Segment, of: &Circumstances<'_>, sender: &Seen, peer: &Seen, signs: &mut Signs) {
    if !sender.knows(Seen::NEXT) {
        return;
    }
    let end = s.seq.wrapping_add(s.len);
    let mut is_old = before(s.seq, sender.next);
    // A longer segment one byte back: what came before was probably a probe of a zero window.
    if s.len > 1 && s.seq == sender.next.wrapping_sub(1) {
        is_old = false;
    }
    let is_acked = s.len > 0 && peer.knows(Seen::ACK) && peer.last_ack != 0 && !before(peer.last_ack, end);
    if is_acked {
        signs.add(Signs::SPURIOUS);
    } else if is_old {
        let since_ack = of.now.wrapping_sub(peer.ack_time);
        let since_next = of.now.wrapping_sub(sender.next_time);
        let is_fast = peer.duplicate_acks >= 2 && peer.last_ack == s.seq && since_ack < FAST;
        let edge = end.wrapping_add(u32::from(s.flags & (Tcp::SYN | Tcp::FIN) != 0));
        let fills = of.gaps.iter().any(|(from, to)| !before(s.seq, *from) && !before(*to, edge));
        if is_fast {
            signs.add(Signs::FAST);
        } else if since_next < of.first_rtt.unwrap_or(LATE) && sender.next != edge && fills {
            signs.add(Signs::OUT_OF_ORDER);
        } else {
            signs.add(Signs::RETRANSMISSION);
        }
    }
    if signs.has(Signs::OLD) {
        decide(s, of, sender, signs);
    }
}

/// Lets the identification decide, where the sender counts packets with it.
fn decide(s: &Segment, of: &Circumstances<'_>, sender: &Seen, signs: &mut Signs) {
    let end = s.seq.wrapping_add(s.len);
    if of.gaps.iter().any(|(from, to)| !before(s.seq, *from) && !before(*to, end)) {
        signs.add(Signs::FILLS);
    }
    match order(of, sender) {
        // Sent before the one that reached the highest byte.
        Some(Ordering::Less) => {
            signs.remove(Signs::OLD);
            signs.add(Signs::OUT_OF_ORDER);
        }
        // Sent after it.
        Some(Ordering::Greater) => {
            if signs.has(Signs::OUT_OF_ORDER) {
                signs.remove(Signs::OUT_OF_ORDER);
                signs.add(Signs::RETRANSMISSION);
            }
        }
        _ => {
            if signs.has(Signs::OUT_OF_ORDER) {
                signs.add(Signs::AMBIGUOUS);
            }
        }
    }
    if signs.has(Signs::RETRANSMISSION) && of.now.wrapping_sub(sender.next_time) >= TIMEOUT {
        signs.add(Signs::TIMEOUT);
    }
}

/// When it was sent, compared with the packet that reached the highest byte: by the identification where the sender
/// counts packets with it, else by the timestamps option (RFC 7323), whose clock ticks every millisecond or so.
fn order(of: &Circumstances<'_>, sender: &Seen) -> Option<Ordering> {
    let is_trusted = sender.trust >= Seen::TRUSTED;
    let by_id = of.id.filter(|_| sender.knows(Seen::ID)).and_then(|id| {
        let step = id.wrapping_sub(sender.id) as i16;
        let is_known =
            if is_trusted { step > -(Seen::STEP as i16) } else { (-Seen::NEAR..0).contains(&step) };
        (step != 0 && is_known).then(|| step.cmp(&0))
    });
    by_id.or_else(|| {
        let stamp = of.stamp.filter(|_| sender.knows(Seen::STAMP))?;
        let step = stamp.wrapping_sub(sender.stamp) as i32;
        (step != 0).then(|| step.cmp(&0))
    })
}

/// Times the acknowledgement of the byte that is timed.
#[inline]
fn answered(s: &Segment, now: u32, peer: &mut Seen) -> Option<u32> {
    if !peer.knows(Seen::PROBE) || before(s.ack, peer.probe) {
        return None;
    }
    peer.known &= !Seen::PROBE;
    let rtt = now.wrapping_sub(peer.probe_time);
    // A packet whose time lies before is no answer.
    (rtt < 1 << 31).then_some(rtt)
}

/// Moves on.
#[inline]
fn advance(s: &Segment, of: &Circumstances<'_>, sender: &mut Seen, signs: Signs) {
    let closing = u32::from(s.flags & (Tcp::SYN | Tcp::FIN) != 0);
    let next = s.seq.wrapping_add(s.len).wrapping_add(closing);
    let is_probe = signs.has(Signs::ZERO_WINDOW_PROBE);
    if signs.has(Signs::OLD) {
        // What is sent twice has no round trip to be told (Karn's rule).
        sender.known &= !Seen::PROBE;
    }
    if is_probe {
        return;
    }
    if !sender.knows(Seen::NEXT) || before(sender.next, next) {
        if let Some(id) = of.id {
            if sender.knows(Seen::ID) {
                let step = id.wrapping_sub(sender.id);
                sender.trust = if (1..=Seen::STEP).contains(&step) {
                    (sender.trust + 1).min(15)
                } else {
                    sender.trust.saturating_sub(4)
                };
            }
            sender.id = id;
            sender.known |= Seen::ID;
        }
        if let Some(stamp) = of.stamp {
            sender.stamp = stamp;
            sender.known |= Seen::STAMP;
        }
        if s.len > 0 && !sender.knows(Seen::PROBE) && sender.knows(Seen::NEXT) {
            sender.probe = next;
            sender.probe_time = of.now;
            sender.known |= Seen::PROBE;
        }
        sender.next = next;
        sender.next_time = of.now;
        sender.known |= Seen::NEXT;
    }
    if !sender.knows(Seen::MOST) || s.seq == sender.most {
        sender.most = sender.next;
        sender.known |= Seen::MOST;
    }
}
