//! TCP as Zeek sees it: endpoint states, `history`, `conn_state`.

use capkeep_pcap::Tcp;

use crate::record::ConnState;

/// State of one end (Zeek's `TCP_*` endpoint states).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing seen of it.
    #[default]
    Inactive,
    /// Sent a SYN.
    SynSent,
    /// Seen in the middle of a connection.
    Partial,
    /// Handshake seen.
    Established,
    /// Sent a FIN.
    Closed,
    /// Sent a RST.
    Reset,
}

/// One end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct End {
    /// Sequence number right behind the highest byte seen, SYN and FIN counted.
    next_seq: u32,
    /// Initial sequence number: of the SYN, or inferred in midstream as Wireshark does.
    base_seq: u32,
    fin_seq: u32,
    rst_seq: u32,
    syn_seq: u32,
    retransmitted: u32,
    zero_windows: u32,
    pub(crate) state: State,
    /// `HAS_*` below.
    known: u8,
    /// History letters already written that are written once.
    once: u8,
}

impl End {
    /// An end nothing was seen of.
    pub(crate) const NEW: Self = Self {
        next_seq: 0,
        base_seq: 0,
        fin_seq: 0,
        rst_seq: 0,
        syn_seq: 0,
        retransmitted: 0,
        zero_windows: 0,
        state: State::Inactive,
        known: 0,
        once: 0,
    };
    const HAS_BASE: u8 = 1;
    const HAS_NEXT: u8 = 2;
    const HAS_SYN: u8 = 4;
    const HAS_FIN: u8 = 8;
    const HAS_RST: u8 = 16;
    /// A SYN, with or without ACK.
    const SENT_SYN: u8 = 32;
    const SENT_SYN_ACK: u8 = 64;

    const fn knows(&self, what: u8) -> bool {
        self.known & what != 0
    }

    /// Initial sequence number if its SYN was seen.
    pub(crate) const fn isn(&self) -> Option<u32> {
        if self.knows(Self::HAS_SYN) { Some(self.syn_seq) } else { None }
    }

    /// True if it sent a SYN without ACK.
    pub(crate) const fn sent_syn(&self) -> bool {
        self.knows(Self::SENT_SYN)
    }

    /// True if it sent a SYN-ACK.
    pub(crate) const fn sent_syn_ack(&self) -> bool {
        self.knows(Self::SENT_SYN_ACK)
    }
}

/// What of a segment matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) len: u32,
    pub(crate) window: u16,
    pub(crate) flags: u8,
}

impl Segment {
    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    const fn is_syn_only(&self) -> bool {
        self.has(Tcp::SYN) && !self.has(Tcp::ACK)
    }
}

/// True if a SYN starts a new connection on ports that another one used: its sequence number is not the initial one
/// of this flow, or the flow was already being closed (Wireshark's rule for reused ports).
#[inline]
pub(crate) fn starts_new(segment: &Segment, sender: &End, peer: &End) -> bool {
    if !segment.is_syn_only() || !sender.knows(End::HAS_BASE) {
        return false;
    }
    let closing = |end: &End| end.knows(End::HAS_FIN | End::HAS_RST);
    segment.seq != sender.base_seq || closing(sender) || closing(peer)
}

/// Takes a segment into the states of both ends and into the history (`from` 0 or 1 is written as letter case).
#[inline]
pub(crate) fn advance(segment: &Segment, sender: &mut End, peer: &mut End, from: u8, history: &mut History) {
    record(segment, sender, from, history);
    let state = sender.state;
    if segment.has(Tcp::RST) {
        if !(state == State::Closed && peer.state == State::Closed) {
            sender.state = State::Reset;
        }
    } else if segment.has(Tcp::FIN) {
        if state != State::Reset {
            sender.state = State::Closed;
        }
    } else if segment.has(Tcp::SYN) {
        if state == State::Inactive {
            sender.state = if segment.has(Tcp::ACK) { State::Established } else { State::SynSent };
        }
        if segment.has(Tcp::ACK) && peer.state == State::SynSent {
            (sender.state, peer.state) = (State::Established, State::Established);
        }
    } else if state == State::Inactive {
        // An acknowledgement of a SYN that is no SYN-ACK opens nothing.
        let stray = peer.state == State::SynSent && segment.len == 0;
        if !stray {
            sender.state = if peer.sent_syn_ack() { State::Established } else { State::Partial };
        }
    } else if state == State::SynSent && peer.state == State::SynSent && segment.has(Tcp::ACK) {
        // A simultaneous open.
        (sender.state, peer.state) = (State::Established, State::Established);
    }
    // Sequence numbers, as Wireshark keeps them.
    if !sender.knows(End::HAS_BASE) {
        sender.base_seq = if segment.has(Tcp::SYN) { segment.seq } else { segment.seq.wrapping_sub(1) };
        sender.known |= End::HAS_BASE;
    }
    if !peer.knows(End::HAS_BASE) && segment.has(Tcp::ACK) {
        peer.base_seq = segment.ack.wrapping_sub(1);
        peer.known |= End::HAS_BASE;
    }
    let end = segment
        .seq
        .wrapping_add(segment.len)
        .wrapping_add(u32::from(segment.has(Tcp::SYN)))
        .wrapping_add(u32::from(segment.has(Tcp::FIN)));
    if !sender.knows(End::HAS_NEXT) || (end.wrapping_sub(sender.next_seq) as i32) > 0 {
        sender.next_seq = end;
        sender.known |= End::HAS_NEXT;
    }
}

/// Writes what Zeek writes for a segment.
#[inline]
fn record(segment: &Segment, sender: &mut End, from: u8, history: &mut History) {
    let flags = segment.flags;
    // The common case first: nothing but ACK, maybe data, already written.
    if flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) == 0 {
        if segment.len == 0 {
            if segment.has(Tcp::ACK) {
                once(sender, from, history, 1, b'A');
            }
        } else {
            once(sender, from, history, 2, b'D');
            let end = segment.seq.wrapping_add(segment.len);
            if sender.knows(End::HAS_NEXT) && (end.wrapping_sub(sender.next_seq) as i32) <= 0 {
                scaled(&mut sender.retransmitted, from, history, b'T');
            }
        }
        if segment.window == 0 {
            scaled(&mut sender.zero_windows, from, history, b'W');
        }
        return;
    }
    let (syn, fin, rst) = (segment.has(Tcp::SYN), segment.has(Tcp::FIN), segment.has(Tcp::RST));
    // Flags that contradict each other are written as that alone.
    let odd = u8::from(syn) + u8::from(fin) + u8::from(rst) > 1;
    if odd && syn {
        once(sender, from, history, 4, b'Q');
    } else if odd {
        once(sender, from, history, 8, b'I');
    }
    if syn {
        let ack = segment.has(Tcp::ACK);
        if !odd && (!sender.knows(End::HAS_SYN) || sender.syn_seq != segment.seq) {
            history.push(from, if ack { b'H' } else { b'S' });
        }
        sender.syn_seq = segment.seq;
        sender.known |= End::HAS_SYN | if ack { End::SENT_SYN_ACK } else { End::SENT_SYN };
    }
    if segment.len > 0 {
        once(sender, from, history, 2, b'D');
    }
    if fin {
        if !odd && (!sender.knows(End::HAS_FIN) || sender.fin_seq != segment.seq) {
            history.push(from, b'F');
        }
        sender.fin_seq = segment.seq;
        sender.known |= End::HAS_FIN;
    }
    if rst {
        if !odd && (!sender.knows(End::HAS_RST) || sender.rst_seq != segment.seq) {
            history.push(from, b'R');
        }
        sender.rst_seq = segment.seq;
        sender.known |= End::HAS_RST;
    } else if segment.window == 0 && !syn {
        scaled(&mut sender.zero_windows, from, history, b'W');
    }
}

/// Written at most once for each end.
fn once(sender: &mut End, from: u8, history: &mut History, bit: u8, letter: u8) {
    if sender.once & bit == 0 {
        sender.once |= bit;
        history.push(from, letter);
    }
}

/// Written the first, the 10th, the 100th … time.
fn scaled(count: &mut u32, from: u8, history: &mut History, letter: u8) {
    *count = count.saturating_add(1);
    if matches!(*count, 1 | 10 | 100 | 1_000 | 10_000 | 100_000 | 1_000_000 | 10_000_000) {
        history.push(from, letter);
    }
}

/// Letters in order; upper case for one end, lower case for the other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    letters: [u8; History::MAX],
    len: u8,
}

impl History {
    /// Longest history kept (chosen: Zeek's longest common ones have about a dozen letters; a flow that resets a
    /// thousand times must not grow).
    const MAX: usize = 24;

    /// Appends a letter of end `from` (0 upper case, 1 lower case).
    pub(crate) fn push(&mut self, from: u8, letter: u8) {
        if let Some(slot) = self.letters.get_mut(usize::from(self.len)) {
            *slot = if from == 0 { letter } else { letter.to_ascii_lowercase() };
            self.len += 1;
        }
    }

    /// The letters with those of end `client` in upper case. As in Zeek, `^` comes first where the first packet was
    /// not the client's (`opener` sent it).
    pub(crate) fn text(&self, client: u8, opener: u8) -> String {
        let flipped = client == 1;
        let letters = self.letters.get(..usize::from(self.len)).unwrap_or_default();
        let mut text = String::with_capacity(letters.len() + 1);
        if client != opener {
            text.push('^');
        }
        for letter in letters {
            let letter = if flipped { letter ^ 0x20 } else { *letter };
            text.push(char::from(letter));
        }
        text
    }
}

/// Zeek's `conn_state` from the states of client and server (`conn_state()` in
/// `base/protocols/conn/main.zeek`).
pub(crate) fn conn_state(client: &End, server: &End, any_payload: bool) -> ConnState {
    let client_inactive = matches!(client.state, State::Inactive | State::Partial);
    let server_inactive = matches!(server.state, State::Inactive | State::Partial);
    match (client.state, server.state) {
        (State::SynSent, State::Reset) => ConnState::Rej,
        (State::Reset, State::Reset) if !any_payload => ConnState::Rej,
        (_, State::Reset) if client_inactive => ConnState::Rstrh,
        (_, State::Reset) => ConnState::Rstr,
        (State::Reset, _) if server_inactive => ConnState::Rstos0,
        (State::Reset, _) => ConnState::Rsto,
        (State::Closed, State::Closed) => ConnState::Sf,
        (State::Closed, _) if server_inactive => ConnState::Sh,
        (State::Closed, _) => ConnState::S2,
        (_, State::Closed) if client_inactive => ConnState::Shr,
        (_, State::Closed) => ConnState::S3,
        (State::SynSent, State::Inactive) => ConnState::S0,
        (State::Established, State::Established) => ConnState::S1,
        _ => ConnState::Oth,
    }
}
