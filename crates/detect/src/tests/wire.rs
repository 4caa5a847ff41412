//! Small captures made by hand, packet by packet: raw IPv4 in a big-endian pcap.

use std::sync::Mutex;

use capkeep_flow::{Event, Input, Options, analyze};

use super::common::START;
use crate::{Detection, Finding, Findings, Settings};

/// A host of 10.0.0.0/24 and a port.
pub(super) type End = (u8, u16);

const HEADER: &[u8] = &[0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101];
const SYN: u8 = 2;
const ACK: u8 = 16;
const PSH: u8 = 8;

/// A capture in the making.
pub(super) struct Wire {
    file: Vec<u8>,
    /// Time of the next packet, nanoseconds since the epoch; each takes a millisecond.
    pub(super) at: i64,
    packets: u64,
}

/// A TCP connection: both ends, the client first, and what each has sent.
pub(super) struct Talk {
    ends: [End; 2],
    sent: [u32; 2],
}

impl Wire {
    pub(super) fn new() -> Self {
        Self { file: HEADER.to_vec(), at: START, packets: 0 }
    }

    /// Adds a packet and tells its number.
    fn packet(&mut self, from: u8, to: u8, protocol: u8, transport: &[u8]) -> u64 {
        self.packets += 1;
        let length = 20 + transport.len() as u32;
        let (seconds, nanos) = (self.at / 1_000_000_000, self.at % 1_000_000_000);
        for word in [seconds as u32, nanos as u32, length, length] {
            self.file.extend(word.to_be_bytes());
        }
        let [high, low] = (length as u16).to_be_bytes();
        let [id_high, id_low] = (self.packets as u16).to_be_bytes();
        self.file.extend([0x45, 0, high, low, id_high, id_low, 0x40, 0, 64, protocol, 0, 0]);
        self.file.extend([10, 0, 0, from, 10, 0, 0, to]);
        self.file.extend(transport);
        self.at += 1_000_000;
        self.packets
    }

    /// A datagram.
    pub(super) fn udp(&mut self, from: End, to: End, payload: &[u8]) -> u64 {
        let length = 8 + payload.len() as u16;
        let header = [from.1, to.1, length, 0].map(u16::to_be_bytes).concat();
        self.packet(from.0, to.0, 17, &[&header, payload].concat())
    }

    fn segment(&mut self, talk: &mut Talk, from: usize, flags: u8, payload: &[u8]) -> u64 {
        let (mine, other) = (talk.ends[from], talk.ends[1 - from]);
        let ports = [mine.1, other.1].map(u16::to_be_bytes).concat();
        let numbers = [talk.sent[from], talk.sent[1 - from]].map(u32::to_be_bytes).concat();
        let rest = [0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
        talk.sent[from] = talk.sent[from].wrapping_add(payload.len() as u32 + u32::from(flags & SYN != 0));
        self.packet(mine.0, other.0, 6, &[&ports, &numbers, &rest[..], payload].concat())
    }

    /// A handshake.
    pub(super) fn connect(&mut self, client: End, server: End) -> Talk {
        let mut talk = Talk { ends: [client, server], sent: [self.packets as u32 * 100_000, 9_000] };
        self.segment(&mut talk, 0, SYN, &[]);
        self.segment(&mut talk, 1, SYN | ACK, &[]);
        self.segment(&mut talk, 0, ACK, &[]);
        talk
    }

    /// What the client says.
    pub(super) fn ask(&mut self, talk: &mut Talk, payload: &[u8]) -> u64 {
        self.segment(talk, 0, PSH | ACK, payload)
    }

    /// What the server says.
    pub(super) fn answer(&mut self, talk: &mut Talk, payload: &[u8]) -> u64 {
        self.segment(talk, 1, PSH | ACK, payload)
    }

    /// What all detectors say of it.
    pub(super) fn findings(self) -> Findings {
        let detection = Mutex::new(Detection::new(Settings::default()));
        let input = Input::Bytes(self.file.into());
        let analysis = analyze(&[input], &Options::default(), &|event| {
            if let Event::Flows(flows) = event {
                detection.lock().unwrap().observe(flows);
            }
        });
        assert_eq!((analysis.totals.packets, analysis.totals.skipped), (self.packets, 0));
        detection.into_inner().unwrap().finish(&analysis)
    }

    /// What one detector says of it.
    pub(super) fn found(self, id: &str) -> Vec<Finding> {
        self.findings().list.into_iter().filter(|finding| finding.detector == id).collect()
    }
}

/// A question of DNS (RFC 1035).
pub(super) fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut out = [id, 0x0100, 1, 0, 0, 0].map(u16::to_be_bytes).concat();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
    out.extend([kind, 1].map(u16::to_be_bytes).concat());
    out
}

/// The answer to a question, without records.
pub(super) fn reply(question: &[u8], rcode: u8) -> Vec<u8> {
    let mut out = question.to_vec();
    (out[2], out[3]) = (0x81, 0x80 | rcode);
    out
}

/// A record of TLS.
pub(super) fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1][..], &(content.len() as u16).to_be_bytes(), content].concat()
}

/// A handshake message of TLS in a record.
pub(super) fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    record(22, &[&[kind], &length[1..], body].concat())
}

/// A hello of a client that offers up to TLS 1.2 and a few suites.
pub(super) fn client_hello() -> Vec<u8> {
    let suites = [0xc02f_u16, 0x0005, 0x000a, 0x002f].map(u16::to_be_bytes).concat();
    handshake(1, &[&[3, 3][..], &[7; 32], &[0, 0, 8], &suites, &[1, 0]].concat())
}

/// A hello of a server, with extensions where there are any.
pub(super) fn server_hello(version: u16, cipher: u16, extensions: &[u8]) -> Vec<u8> {
    let mut body = [&version.to_be_bytes()[..], &[9; 32], &[0], &cipher.to_be_bytes(), &[0]].concat();
    if !extensions.is_empty() {
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
    }
    handshake(2, &body)
}
