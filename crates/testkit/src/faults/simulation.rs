//! Connections, from end to end.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{
    Faults, Identification,
    end::{Cause, End},
};
use crate::{
    random::{Random, mix},
    traffic::Traffic,
    wire::{
        ethernet,
        ip::Ip,
        tcp::{ACK, FIN, PSH, SYN, Tcp},
    },
};

/// Time between two full packets on a gigabit line.
const PACE_NS: i64 = 12_000;
/// Shortest retransmission timeout of Linux.
const TIMEOUT_NS: i64 = 200_000_000;
/// Delayed acknowledgement of Linux.
const DELAY_NS: i64 = 40_000_000;
/// Clients and servers (chosen: several connections share a counter).
const HOSTS: u64 = 8;

/// A packet where the capture could see it.
#[derive(Clone, Debug)]
pub(super) struct Passing {
    pub(super) at: i64,
    pub(super) flow: u64,
    pub(super) from_client: bool,
    /// Bytes of the stream from the SYN on: of the first and behind the last.
    pub(super) bytes: (u64, u64),
    pub(super) flags: u8,
    pub(super) cause: Cause,
    /// It changed places with the one sent after it.
    pub(super) was_held: bool,
    pub(super) data: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: u64,
    len: u32,
    ack: u64,
    flags: u8,
    sent_ms: u32,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Begin,
    Turn,
    Arrive { side: usize, segment: Segment },
    Timer { side: usize, epoch: u32 },
    Delay { side: usize, epoch: u32 },
}

/// What happens to a packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    LostBefore,
    LostBehind,
}

struct Flow {
    ends: [End; 2],
    addresses: [IpAddr; 2],
    ports: [u16; 2],
    hosts: [usize; 2],
    ids: [u16; 2],
    /// One way.
    delay: i64,
    /// Of it, from the client to the capture.
    near: i64,
    mss: u32,
    /// Who says how many bytes after what pause.
    script: Vec<(usize, u64, i64)>,
    turn: usize,
}

struct Simulation<'a> {
    faults: &'a Faults,
    random: Random,
    noise: Vec<u8>,
    flows: Vec<Flow>,
    due: BinaryHeap<Reverse<(i64, usize)>>,
    events: Vec<(usize, Event)>,
    counters: Vec<u16>,
    passed: Vec<Passing>,
}

/// Everything that passes the capture, in the order of time.
pub(super) fn run(faults: &Faults) -> Vec<Passing> {
    let mut random = Random::new(faults.seed);
    let mut noise = vec![0; 1 << 16];
    random.fill(&mut noise);
    let counters = (0..2 * HOSTS).map(|_| random.bits() as u16).collect();
    let mut all = Simulation {
        faults,
        random,
        noise,
        flows: Vec::new(),
        due: BinaryHeap::new(),
        events: Vec::new(),
        counters,
        passed: Vec::new(),
    };
    for number in 0..faults.connections {
        let flow = all.flow(number);
        all.flows.push(flow);
        let at = Traffic::START_NS + all.random.below(60_000) as i64 * 1_000_000;
        all.plan(at, number as usize, Event::Begin);
    }
    while let Some(Reverse((now, index))) = all.due.pop() {
        let (flow, event) = all.events[index];
        all.happen(now, flow, event);
    }
    let mut passed = all.passed;
    passed.sort_by_key(|packet| packet.at);
    passed
}

impl Simulation<'_> {
    fn flow(&mut self, number: u64) -> Flow {
        let random = &mut self.random;
        let (client, server) = (random.below(HOSTS), random.below(HOSTS));
        let addresses = if self.faults.is_v6 {
            let address = |net, host| Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, host as u16 + 1).into();
            [address(1, client), address(2, server)]
        } else {
            [
                Ipv4Addr::new(10, 1, 0, client as u8 + 10).into(),
                Ipv4Addr::new(198, 18, 0, server as u8 + 10).into(),
            ]
        };
        let end = |random: &mut Random| {
            let window = random.between(4, 20) as usize;
            End::new(random.bits() as u32, window)
        };
        let ends = [end(random), end(random)];
        let delay = random.between(500, 30_000) as i64 * 1000;
        let near = delay * random.between(1, 9) as i64 / 10;
        // Headers of 40 bytes (60 with IPv6), 12 more with timestamps, in 1,500.
        let mss = 1460 - 20 * u32::from(self.faults.is_v6) - 12 * u32::from(self.faults.has_timestamps);
        // About 340 full segments in all, with half as many acknowledgements.
        let mut left = random.between(330, 380) as i64;
        let talker = usize::from(random.per_mille(700));
        let mut script = Vec::new();
        while left > 0 {
            let pause = delay + random.between(1_000, 400_000) as i64 * 1000;
            script.push((1 - talker, random.between(50, 700), pause));
            let segments = random.between(8, 120) as i64;
            let bytes = segments as u64 * u64::from(mss) - random.below(1000);
            script.push((talker, bytes, delay + random.between(200, 40_000) as i64 * 1000));
            left -= segments;
        }
        Flow {
            ends,
            addresses,
            ports: [(32_768 + number) as u16, [443, 80, 8080, 1433][number as usize % 4]],
            hosts: [client as usize, (HOSTS + server) as usize],
            ids: [random.bits() as u16, random.bits() as u16],
            delay,
            near,
            mss,
            script,
            turn: 0,
        }
    }

    fn plan(&mut self, at: i64, flow: usize, event: Event) {
        self.due.push(Reverse((at, self.events.len())));
        self.events.push((flow, event));
    }

    fn happen(&mut self, now: i64, flow: usize, event: Event) {
        match event {
            Event::Begin => {
                let delay = self.flows[flow].delay;
                let round = 2 * delay;
                let at = |offset, ack, flags| Segment { offset, len: 0, ack, flags, sent_ms: 0 };
                self.quiet(now, flow, 0, at(0, 0, SYN));
                self.quiet(now + delay, flow, 1, at(0, 1, SYN | ACK));
                self.quiet(now + round, flow, 0, at(1, 1, ACK));
                self.plan(now + round, flow, Event::Turn);
            }
            Event::Turn => self.turn(now, flow),
            Event::Arrive { side, segment } => self.arrive(now, flow, side, segment),
            Event::Timer { side, epoch } => {
                let end = &mut self.flows[flow].ends[side];
                if end.timer == epoch
                    && let Some((offset, len)) = end.timed_out()
                {
                    self.data(now, flow, side, &[(offset, len)], Cause::Timeout);
                }
            }
            Event::Delay { side, epoch } => {
                let end = &self.flows[flow].ends[side];
                if end.owed > 0 && end.owed_since == epoch {
                    self.acknowledge(now, flow, side);
                }
            }
        }
    }

    /// The next one talks, or both say goodbye.
    fn turn(&mut self, now: i64, flow: usize) {
        let one = &mut self.flows[flow];
        let Some((side, bytes, _)) = one.script.get(one.turn).copied() else {
            let delay = one.delay;
            let (client, server) = (one.ends[0].next, one.ends[1].next);
            let at = |offset, ack, flags| Segment { offset, len: 0, ack, flags, sent_ms: 0 };
            self.quiet(now, flow, 0, at(client, server, FIN | ACK));
            self.quiet(now + delay, flow, 1, at(server, client + 1, FIN | ACK));
            self.quiet(now + 2 * delay, flow, 0, at(client + 1, server + 1, ACK));
            return;
        };
        one.turn += 1;
        one.ends[side].written += bytes;
        self.send(now, flow, side);
    }

    fn arrive(&mut self, now: i64, flow: usize, side: usize, segment: Segment) {
        let end = &mut self.flows[flow].ends[side];
        end.echo = end.echo.max(segment.sent_ms);
        let was_waiting = end.is_waiting();
        let again = end.acknowledged(segment.ack, segment.len == 0);
        let is_done = was_waiting && !end.is_waiting() && end.next == end.written;
        if segment.len > 0 {
            if end.receive(segment.offset, segment.len, segment.flags & PSH != 0) {
                self.acknowledge(now, flow, side);
            } else {
                let epoch = end.owed_since;
                self.plan(now + DELAY_NS, flow, Event::Delay { side, epoch });
            }
        }
        if let Some((offset, len, cause)) = again {
            self.data(now, flow, side, &[(offset, len)], cause);
        }
        if is_done {
            let one = &self.flows[flow];
            let pause = one.script.get(one.turn).map_or(50_000_000, |(_, _, pause)| *pause);
            self.plan(now + pause, flow, Event::Turn);
        } else {
            self.send(now, flow, side);
        }
    }

    /// Sends what the window lets through.
    fn send(&mut self, now: i64, flow: usize, side: usize) {
        let mss = self.flows[flow].mss;
        let ready = self.flows[flow].ends[side].ready(mss);
        self.data(now, flow, side, &ready, Cause::New);
    }

    /// Puts segments on the line, one after the other, and starts the timer.
    fn data(&mut self, now: i64, flow: usize, side: usize, segments: &[(u64, u32)], cause: Cause) {
        let mut held: Option<(Passing, Segment)> = None;
        for (index, (offset, len)) in segments.iter().enumerate() {
            let end = &mut self.flows[flow].ends[side];
            let is_last = offset + u64::from(*len) == end.written;
            let at = now.max(end.line_free) + PACE_NS;
            end.line_free = at;
            (end.owed, end.owed_since) = (0, end.owed_since + 1);
            let flags = if is_last { PSH | ACK } else { ACK };
            let segment =
                Segment { offset: *offset, len: *len, ack: end.received, flags, sent_ms: milliseconds(at) };
            let fate = match self.random.below(10_000) {
                draw if draw < self.faults.lost_behind => Fate::LostBehind,
                draw if draw < self.faults.lost_behind + self.faults.lost_before => Fate::LostBefore,
                _ => Fate::Arrives,
            };
            let is_held = self.random.below(10_000) < self.faults.swapped
                && cause == Cause::New
                && fate == Fate::Arrives
                && held.is_none()
                && index + 1 < segments.len();
            let packet = self.packet(at, flow, side, segment, cause);
            if is_held {
                held = Some((Passing { was_held: true, ..packet }, segment));
                continue;
            }
            self.carry(packet, side, segment, fate);
            if let Some((mut packet, segment)) = held.take() {
                let late = at + PACE_NS / 2;
                self.flows[flow].ends[side].line_free = late;
                packet.at = late;
                self.carry(packet, side, segment, Fate::Arrives);
            }
        }
        let one = &self.flows[flow];
        if !segments.is_empty() {
            let end = &one.ends[side];
            let (epoch, wait) = (end.timer, (TIMEOUT_NS + 4 * one.delay) << end.backoff.min(6));
            self.plan(now + wait, flow, Event::Timer { side, epoch });
        }
    }

    fn acknowledge(&mut self, now: i64, flow: usize, side: usize) {
        let end = &mut self.flows[flow].ends[side];
        (end.owed, end.owed_since) = (0, end.owed_since + 1);
        let at = now.max(end.line_free) + 1_000;
        end.line_free = at;
        let segment =
            Segment { offset: end.next, len: 0, ack: end.received, flags: ACK, sent_ms: milliseconds(at) };
        let is_lost = self.random.below(10_000) < self.faults.lost_acks;
        let packet = self.packet(at, flow, side, segment, Cause::New);
        self.carry(packet, side, segment, if is_lost { Fate::LostBehind } else { Fate::Arrives });
    }

    /// A packet that nothing happens to and nobody reacts to.
    fn quiet(&mut self, at: i64, flow: usize, side: usize, segment: Segment) {
        let segment = Segment { sent_ms: milliseconds(at), ..segment };
        let packet = self.packet(at, flow, side, segment, Cause::New);
        self.flows[flow].ends[1 - side].echo = segment.sent_ms;
        self.carry(packet, side, segment, Fate::LostBehind);
    }

    /// Takes a packet past the capture, from when it was sent, and to the other end.
    fn carry(&mut self, mut packet: Passing, side: usize, segment: Segment, fate: Fate) {
        let flow = packet.flow as usize;
        let one = &self.flows[flow];
        let (sent, delay) = (packet.at, one.delay);
        packet.at += if side == 0 { one.near } else { delay - one.near };
        if fate != Fate::LostBefore {
            self.passed.push(packet);
        }
        if fate == Fate::Arrives {
            self.plan(sent + delay, flow, Event::Arrive { side: 1 - side, segment });
        }
    }

    fn id(&mut self, flow: usize, side: usize, flags: u8) -> u16 {
        let one = &mut self.flows[flow];
        match self.faults.identification {
            Identification::Zero => 0,
            Identification::Random => self.random.bits() as u16,
            _ if flags & (SYN | ACK) == SYN | ACK => 0,
            Identification::PerFlow => {
                one.ids[side] = one.ids[side].wrapping_add(1);
                one.ids[side]
            }
            Identification::PerHost => {
                let counter = &mut self.counters[one.hosts[side]];
                *counter = counter.wrapping_add(1);
                *counter
            }
        }
    }

    fn packet(&mut self, at: i64, flow: usize, side: usize, segment: Segment, cause: Cause) -> Passing {
        let id = self.id(flow, side, segment.flags);
        let one = &self.flows[flow];
        let (end, peer) = (&one.ends[side], &one.ends[1 - side]);
        let tcp = Tcp {
            source_port: one.ports[side],
            target_port: one.ports[1 - side],
            sequence: end.initial.wrapping_add(segment.offset as u32),
            acknowledgement: if segment.flags & ACK == 0 {
                0
            } else {
                peer.initial.wrapping_add(segment.ack as u32)
            },
            flags: segment.flags,
            window: 64_240,
            mss: one.mss as u16,
            timestamps: self.faults.has_timestamps.then_some((segment.sent_ms, end.echo)),
        };
        let ip =
            Ip { source: one.addresses[side], target: one.addresses[1 - side], protocol: 6, ttl: 60, id };
        // The same bytes whenever they are sent.
        let start = mix(mix(flow as u64 * 2 + side as u64) ^ segment.offset) as usize
            % (self.noise.len() - segment.len as usize);
        let payload = &self.noise[start..start + segment.len as usize];
        let mut data = Vec::with_capacity(14 + 40 + tcp.header_len() + payload.len());
        ethernet::push_header(&mut data, ip.source, ip.target, None);
        ip.push(&mut data, tcp.header_len() + payload.len());
        tcp.push(&mut data, &ip, payload);
        let control = u64::from(segment.flags & (SYN | FIN) != 0);
        Passing {
            at,
            flow: flow as u64,
            from_client: side == 0,
            bytes: (segment.offset, segment.offset + u64::from(segment.len) + control),
            flags: segment.flags,
            cause,
            was_held: false,
            data,
        }
    }
}

/// The clock that timestamps are made of.
const fn milliseconds(at: i64) -> u32 {
    (at / 1_000_000) as u32
}
