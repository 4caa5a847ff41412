//! One end of a connection: what it sent and what it has.

use std::collections::{BTreeMap, VecDeque};

/// Duplicate acknowledgements after which a segment is sent again (RFC 5681).
const DUPLICATES: u32 = 3;

/// Why a segment travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// For the first time.
    New,
    /// Again, after duplicate acknowledgements.
    Fast,
    /// Again, because the timer ran out.
    Timeout,
}

/// Sender and receiver of one host. Offsets count bytes from the SYN, which is byte 0.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Initial sequence number.
    pub(super) initial: u32,
    /// First byte that is not acknowledged.
    pub(super) unacknowledged: u64,
    /// Next byte to be sent for the first time.
    pub(super) next: u64,
    /// Bytes that the application has handed over.
    pub(super) written: u64,
    /// Sent and not acknowledged: (offset, length).
    outstanding: VecDeque<(u64, u32)>,
    duplicates: u32,
    /// Until this is acknowledged, what is missing is sent again; and why it began.
    recovery: Option<(u64, Cause)>,
    /// Segments that may be on their way.
    window: usize,
    /// Goes up with every restart of the timer.
    pub(super) timer: u32,
    /// How often the timer ran out in a row.
    pub(super) backoff: u32,
    /// When the line is free for the next packet.
    pub(super) line_free: i64,
    /// Next byte expected from the other end.
    pub(super) received: u64,
    /// Received behind gaps.
    beyond: BTreeMap<u64, u64>,
    /// Segments received and not acknowledged.
    pub(super) owed: u32,
    /// Goes up with every acknowledgement.
    pub(super) owed_since: u32,
    /// Last timestamp of the other end.
    pub(super) echo: u32,
}

impl End {
    pub(super) fn new(initial: u32, window: usize) -> Self {
        Self {
            initial,
            unacknowledged: 1,
            next: 1,
            written: 1,
            outstanding: VecDeque::new(),
            duplicates: 0,
            recovery: None,
            window,
            timer: 0,
            backoff: 0,
            line_free: i64::MIN,
            received: 1,
            beyond: BTreeMap::new(),
            owed: 0,
            owed_since: 0,
            echo: 0,
        }
    }

    /// Segments that may be sent now, of at most `most` bytes.
    pub(super) fn ready(&mut self, most: u32) -> Vec<(u64, u32)> {
        let mut out = Vec::new();
        while self.next < self.written && self.outstanding.len() < self.window {
            let len = (self.written - self.next).min(u64::from(most)) as u32;
            self.outstanding.push_back((self.next, len));
            out.push((self.next, len));
            self.next += u64::from(len);
        }
        out
    }

    /// Takes an acknowledgement; returns what is to be sent again, and why.
    pub(super) fn acknowledged(&mut self, ack: u64, is_pure: bool) -> Option<(u64, u32, Cause)> {
        if ack > self.unacknowledged {
            self.unacknowledged = ack;
            while self.outstanding.front().is_some_and(|(at, len)| at + u64::from(*len) <= ack) {
                self.outstanding.pop_front();
            }
            (self.duplicates, self.backoff) = (0, 0);
            self.timer += 1;
            match self.recovery {
                Some((until, _)) if ack >= until => self.recovery = None,
                // RFC 6582: what is missing next.
                Some((_, cause)) => return self.outstanding.front().map(|(at, len)| (*at, *len, cause)),
                None => {}
            }
        } else if ack == self.unacknowledged && is_pure && !self.outstanding.is_empty() {
            self.duplicates += 1;
            if self.duplicates == DUPLICATES && self.recovery.is_none() {
                self.recovery = Some((self.next, Cause::Fast));
                return self.outstanding.front().map(|(at, len)| (*at, *len, Cause::Fast));
            }
        }
        None
    }

    /// The timer ran out.
    pub(super) fn timed_out(&mut self) -> Option<(u64, u32)> {
        let first = *self.outstanding.front()?;
        self.recovery = Some((self.next, Cause::Timeout));
        self.duplicates = 0;
        self.backoff += 1;
        self.timer += 1;
        Some(first)
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// Takes data; true if it has to be acknowledged at once.
    pub(super) fn receive(&mut self, at: u64, len: u32, is_last: bool) -> bool {
        let end = at + u64::from(len);
        if at != self.received {
            if at > self.received {
                self.beyond.insert(at, end);
            }
            return true;
        }
        let had_gap = !self.beyond.is_empty();
        self.received = end;
        while let Some((at, end)) = self.beyond.first_key_value().map(|(at, end)| (*at, *end)) {
            if at > self.received {
                break;
            }
            self.received = self.received.max(end);
            self.beyond.remove(&at);
        }
        self.owed += 1;
        had_gap || is_last || self.owed >= 2
    }
}
