//! A flow over TCP that speaks TLS.

use super::handshake::{Handshake, When};
use crate::apps::gather::Gather;
use crate::apps::said::{Room, Said};

/// Longest record: 2^14 bytes and what encryption may add (RFC 5246, section 6.2.3).
const LONGEST_RECORD: usize = (1 << 14) + 2048;

/// TLS of a flow while it lives.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    handshake: Handshake,
    sides: [Side; 2],
    noted: u64,
}

/// One direction.
#[derive(Clone, Debug, Default)]
struct Side {
    gather: Option<Gather>,
    /// Handshake messages that are not whole yet.
    messages: Vec<u8>,
    /// What follows is encrypted, if it is no second hello.
    is_switched: bool,
    is_over: bool,
}

impl Side {
    fn held(&self) -> usize {
        self.messages.len() + self.gather.as_ref().map_or(0, Gather::held)
    }

    fn end(&mut self) {
        *self = Self { is_over: true, ..Self::default() };
    }
}

impl Talk {
    /// Begins with the packet that begins with a record.
    pub(crate) fn new(said: &Said<'_>) -> Self {
        let mut sides: [Side; 2] = Default::default();
        let [low, high] = &mut sides;
        let (mine, peer) = if said.from == 0 { (low, high) } else { (high, low) };
        mine.gather = Some(Gather::new(said.seq));
        // What the other end says next begins where it was acknowledged.
        peer.gather = said.ack.map(Gather::new);
        Self { handshake: Handshake::over_tcp(), sides, noted: 0 }
    }

    /// Takes what a packet says.
    pub(crate) fn take(&mut self, said: &Said<'_>, room: &mut Room) {
        let Some(side) = self.sides.get_mut(said.from) else { return };
        if side.is_over {
            return;
        }
        let when = When { at: said.at, packet: said.packet, from: said.from };
        let before = side.held();
        side.take(said, &mut self.handshake, when);
        room.waiting = (room.waiting + side.held() as u64).saturating_sub(before as u64);
        if side.is_over {
            let weight = self.handshake.weight();
            room.kept += weight.saturating_sub(self.noted);
            self.noted = self.noted.max(weight);
        }
    }

    /// True if nothing more will be said in the clear.
    pub(crate) fn is_over(&self) -> bool {
        self.sides.iter().all(|side| side.is_over)
    }

    /// Bytes that wait for the rest of a message.
    pub(crate) fn waiting(&self) -> usize {
        self.sides.iter().map(Side::held).sum()
    }

    /// Forgets what waits for the rest of a message.
    pub(crate) fn forget(&mut self) {
        self.sides.iter_mut().filter(|side| side.held() > 0).for_each(Side::end);
    }

    /// What was said, by the end that is the client.
    pub(crate) fn tell(self, client: usize) -> super::Tls {
        self.handshake.tell(client)
    }
}

impl Side {
    fn take(&mut self, said: &Said<'_>, handshake: &mut Handshake, when: When) {
        let mut gather = match self.gather.take() {
            Some(gather) => gather,
            None if is_record(said.payload) => Gather::new(said.seq),
            // The middle of something.
            None => return,
        };
        let is_full = gather.push(said.seq, said.payload).is_err();
        while let Some(used) = self.record(gather.ready(), handshake, when) {
            gather.consume(used);
        }
        if said.cut > 0 && !self.is_over {
            self.beginning(gather.ready(), handshake, when);
        }
        if is_full || said.cut > 0 || self.is_over {
            self.end();
        } else {
            self.gather = Some(gather);
        }
    }

    /// Takes a record; how many bytes it had, `None` if it is not whole or the last that is of use.
    fn record(&mut self, bytes: &[u8], handshake: &mut Handshake, when: When) -> Option<usize> {
        let [kind, major, _, a, b] = bytes.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*a, *b]));
        if !(20..=24).contains(kind) || *major != 3 || length > LONGEST_RECORD {
            self.is_over = true;
            return None;
        }
        if self.is_switched && *kind == 22 && bytes.len() < 9 {
            // What it is does not show yet.
            return None;
        }
        let is_second_hello = *kind == 22 && is_whole_client_hello(bytes, length);
        // Application data, or what is encrypted as it was announced.
        if *kind == 23 || (self.is_switched && !is_second_hello && *kind != 20) {
            self.is_over = true;
            return None;
        }
        let body = bytes.get(5..5 + length)?;
        match (*kind, body) {
            (20, _) => self.is_switched = true,
            (21, [level @ (1 | 2), description]) => handshake.alert(*level, *description, when),
            (22, _) => {
                self.messages.extend_from_slice(body);
                let Some(used) = handshake.messages(&self.messages, when) else {
                    self.is_over = true;
                    return None;
                };
                self.messages.drain(..used);
                if self.messages.len() > Gather::LIMIT {
                    self.is_over = true;
                    return None;
                }
                if self.messages.is_empty() {
                    self.messages = Vec::new();
                }
            }
            _ => {}
        }
        Some(5 + length)
    }

    /// Takes what is there of a record whose rest was cut off.
    fn beginning(&mut self, bytes: &[u8], handshake: &mut Handshake, when: When) {
        if let [22, 3, _, _, _, body @ ..] = bytes
            && !self.is_switched
        {
            self.messages.extend_from_slice(body);
            if let Some(used) = handshake.messages(&self.messages, when) {
                handshake.beginning(self.messages.get(used..).unwrap_or_default(), when);
            }
        }
    }
}

/// True if a handshake record consists of a client hello.
fn is_whole_client_hello(record: &[u8], length: usize) -> bool {
    matches!(record.get(5..9), Some([1, a, b, c])
        if u32::from_be_bytes([0, *a, *b, *c]) as usize + 4 == length)
}

/// True if this is the beginning of a handshake record in the clear, or an alert in the clear and nothing else.
pub(crate) fn is_record(payload: &[u8]) -> bool {
    match payload {
        [22, 3, 0..=4, a, b, kind, c, ..] => {
            let length = u16::from_be_bytes([*a, *b]);
            (4..=LONGEST_RECORD as u16).contains(&length)
                && matches!(kind, 1 | 2 | 4 | 11 | 12 | 13 | 14 | 16 | 22)
                && *c == 0
        }
        [21, 3, 0..=4, 0, 2, 1 | 2, _] => true,
        _ => false,
    }
}
