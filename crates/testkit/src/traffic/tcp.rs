//! A TCP connection, step by step.

use crate::{
    random::Random,
    truth::ConnState,
    wire::tcp::{ACK, FIN, PSH, RST, SYN},
};

/// How the connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// SYNs that nobody answers.
    Silent,
    /// SYN, RST.
    Refused,
    /// Ends in order; the client closes first.
    ClientCloses,
    /// Ends in order; the server closes first.
    ServerCloses,
    /// The client resets.
    ClientResets,
    /// The server resets.
    ServerResets,
    /// The client closes its half, that is all.
    ClientHalf,
    /// The server closes its half, that is all.
    ServerHalf,
    /// Stays open.
    Open,
}

impl Course {
    /// Zeek's word for it.
    pub(super) const fn state(self) -> ConnState {
        match self {
            Self::Silent => ConnState::S0,
            Self::Refused => ConnState::Rej,
            Self::ClientCloses | Self::ServerCloses => ConnState::Sf,
            Self::ClientResets => ConnState::Rsto,
            Self::ServerResets => ConnState::Rstr,
            Self::ClientHalf => ConnState::S2,
            Self::ServerHalf => ConnState::S3,
            Self::Open => ConnState::S1,
        }
    }

    /// The last packets: (from client, flags).
    const fn ending(self) -> &'static [(bool, u8)] {
        match self {
            Self::Silent | Self::Open => &[],
            Self::ClientCloses => &[(true, FIN | ACK), (false, FIN | ACK), (true, ACK)],
            Self::ServerCloses => &[(false, FIN | ACK), (true, FIN | ACK), (false, ACK)],
            Self::ClientResets => &[(true, RST | ACK)],
            Self::Refused | Self::ServerResets => &[(false, RST | ACK)],
            Self::ClientHalf => &[(true, FIN | ACK), (false, ACK)],
            Self::ServerHalf => &[(false, FIN | ACK), (true, ACK)],
        }
    }

    /// A course that `packets` packets can take.
    pub(super) fn of_length(random: &mut Random, packets: u64) -> Self {
        match (packets, random.below(100)) {
            (1, _) | (2, 0..40) | (3, 0..20) => Self::Silent,
            (2, _) => Self::Refused,
            (3, _) => Self::Open,
            (4, 0..50) => Self::ClientResets,
            (5, 0..30) => Self::ClientHalf,
            (5, 30..60) => Self::ServerHalf,
            (4 | 5, _) | (6.., 90..94) => Self::ServerResets,
            (_, 0..45) => Self::ClientCloses,
            (_, 45..85) => Self::ServerCloses,
            (_, 85..90) => Self::ClientResets,
            (_, 94..96) => Self::ClientHalf,
            (_, 96..98) => Self::ServerHalf,
            _ => Self::Open,
        }
    }
}

/// One packet of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) from_client: bool,
    pub(super) flags: u8,
    pub(super) payload_len: usize,
    /// What lies before the next packet.
    pub(super) then: Then,
}

/// How long it takes until the next packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// It follows at once.
    Burst,
    /// One way through the network.
    Network,
    /// Somebody thinks first; so many packets came before.
    Think(u64),
    /// Nobody answers; the how-manieth attempt it was, from 0.
    Retry(u64),
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    course: Course,
    /// Large answers.
    is_bulk: bool,
    /// Whose turn it is to send.
    client_talks: bool,
    /// Data segments left of this turn.
    turn_left: u16,
    /// Packets since the last pause.
    since_pause: u16,
    /// Data segments the other side has not acknowledged.
    unacknowledged: u8,
    /// Both sides send timestamps (RFC 7323).
    pub(super) has_timestamps: bool,
    /// Next sequence number of the client.
    pub(super) client_next: u32,
    /// Next sequence number of the server.
    pub(super) server_next: u32,
    /// Initial sequence number of the server, for the truth.
    pub(super) server_first: u32,
}

impl Connection {
    pub(super) fn new(random: &mut Random, packets: u64, has_timestamps: bool) -> Self {
        let server_first = random.bits() as u32;
        Self {
            course: Course::of_length(random, packets),
            is_bulk: random.per_mille(if packets > 40 { 360 } else { 250 }),
            client_talks: true,
            turn_left: 1,
            since_pause: 0,
            unacknowledged: 0,
            has_timestamps,
            client_next: random.bits() as u32,
            server_next: server_first,
            server_first,
        }
    }

    pub(super) const fn course(&self) -> Course {
        self.course
    }

    /// The next of its packets, `sent` having gone before and `left` being to come with this one. Segments carry
    /// at most `mss` bytes.
    pub(super) fn step(&mut self, random: &mut Random, sent: u64, left: u64, mss: usize) -> Segment {
        let segment = |from_client, flags, then| Segment { from_client, flags, payload_len: 0, then };
        let ending = self.course.ending();
        match (self.course, sent) {
            (Course::Silent, _) => return segment(true, SYN, Then::Retry(sent)),
            (_, 0) => return segment(true, SYN, Then::Network),
            (Course::Refused, _) => return segment(false, RST | ACK, Then::Network),
            (_, 1) => return segment(false, SYN | ACK, Then::Network),
            (_, 2) => return segment(true, ACK, Then::Burst),
            _ => {}
        }
        if left <= ending.len() as u64 {
            let (from_client, flags) = ending[ending.len() - left as usize];
            return segment(from_client, flags, Then::Network);
        }
        self.data(random, mss)
    }

    /// A data segment, or the acknowledgement of two.
    fn data(&mut self, random: &mut Random, mss: usize) -> Segment {
        self.since_pause = self.since_pause.saturating_add(1);
        if self.unacknowledged >= 2 {
            self.unacknowledged = 0;
            let from_client = !self.client_talks;
            let then = if self.turn_left == 0 { self.turn(random) } else { Then::Burst };
            return Segment { from_client, flags: ACK, payload_len: 0, then };
        }
        let from_client = self.client_talks;
        let is_last = self.turn_left <= 1;
        let len = match (from_client, self.is_bulk, is_last) {
            (_, true, false) => mss as u64,
            (true, _, _) => random.between(20, 400),
            (false, _, _) => random.between(1, 600.min(mss as u64)),
        };
        let payload_len = (len as usize).min(mss);
        self.turn_left = self.turn_left.saturating_sub(1);
        self.unacknowledged += 1;
        let flags = if is_last { PSH | ACK } else { ACK };
        let then = if is_last && self.unacknowledged < 2 { self.turn(random) } else { Then::Burst };
        Segment { from_client, flags, payload_len, then }
    }

    /// Hands the turn over.
    fn turn(&mut self, random: &mut Random) -> Then {
        self.client_talks = !self.client_talks;
        self.unacknowledged = 0;
        self.turn_left = match (self.client_talks, self.is_bulk) {
            (true, _) => 1,
            (false, false) => random.between(1, 2) as u16,
            // Geometric: 4 to 7 segments, half of the time twice as many, and so on up to 64 to 127.
            (false, true) => {
                let octave = random.bits().leading_zeros().min(4) + 2;
                random.between(1 << octave, (2 << octave) - 1) as u16
            }
        };
        let packets = u64::from(self.since_pause);
        self.since_pause = 0;
        Then::Think(packets)
    }
}
