//! A conversation, packet by packet.

use super::{
    FrameSizes, Pace, Traffic,
    endpoints::{self, Endpoints},
    payload::{self, Pool},
    tcp::{Connection, Segment, Then},
};
use crate::{
    packet::{Origin, Packet},
    random::Random,
    truth::{ConnState, DirectionTruth, FlowTruth, Protocol},
    wire::{
        ethernet, icmp,
        ip::Ip,
        tcp::{ACK, FIN, SYN, Tcp},
        udp,
    },
};

/// Longest time a sustained flow pauses (chosen: shorter than any usual idle timeout).
const LONGEST_PAUSE_NS: u64 = 4_000_000_000;
/// Bytes of a minimum frame.
const MINIMUM_FRAME: usize = 64;
/// Payload that fills a minimum frame over IPv4 and TCP: 64 - 14 - 20 - 20.
const MINIMUM_PAYLOAD: usize = 10;

/// What the conversation is about.
#[derive(Clone, Copy, Debug)]
enum Script {
    Tcp(Connection),
    Dns,
    /// Datagrams in bursts; so many are left of this one, and whose it is.
    Quic {
        burst_left: u16,
        client_talks: bool,
    },
    /// Datagrams that nobody answers.
    OneWay,
    Echo,
}

/// A flow that has begun and not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conversation {
    pub(super) truth: FlowTruth,
    number: u64,
    script: Script,
    sent: u64,
    left: u64,
    one_way_ns: u64,
    per_packet_ns: u64,
    vlan: Option<u16>,
    is_held: bool,
    is_minimum: bool,
    /// Identification of the next IPv4 packet from the client and from the server.
    next_ids: [u16; 2],
    last_transaction: u16,
}

impl Conversation {
    /// The `number`-th flow, of `packets` packets. `echoes` counts the flows that got an echo's address.
    pub(super) fn new(
        random: &mut Random,
        traffic: &Traffic,
        number: u64,
        packets: u64,
        echoes: &mut u64,
    ) -> Self {
        let is_minimum = traffic.frame_sizes == FrameSizes::Minimum;
        let is_v6 = random.per_mille(traffic.ipv6_per_mille) && !is_minimum;
        let has_timestamps = random.per_mille(850) && !is_minimum;
        let connection = |random: &mut Random| Script::Tcp(Connection::new(random, packets, has_timestamps));
        let script = match (packets, random.below(100)) {
            (1, 0..75) => Script::OneWay,
            (2, 0..75) | (3, 0..45) | (4..=6, 0..40) => Script::Dns,
            (2, 75..85) | (3, 45..55) | (4..=6, 40..50) | (7..200, 0..2) => Script::Echo,
            (7.., 2..12) if !is_minimum => Script::Quic { burst_left: 1, client_talks: true },
            _ => connection(random),
        };
        let (protocol, ends) = match script {
            Script::Tcp(_) => (Protocol::Tcp, endpoints::service(random, number, is_v6)),
            Script::Dns => (Protocol::Udp, endpoints::resolver(number, is_v6)),
            Script::Quic { .. } | Script::OneWay => {
                let server_port = if matches!(script, Script::OneWay) { 514 } else { 443 };
                (Protocol::Udp, Endpoints { server_port, ..endpoints::service(random, number, is_v6) })
            }
            Script::Echo => {
                *echoes += 1;
                (if is_v6 { Protocol::Icmp6 } else { Protocol::Icmp }, endpoints::echo(*echoes, is_v6))
            }
        };
        // Flows live a few seconds to a minute, however many packets they have.
        let per_packet_ns = random.between(2_000_000_000, 60_000_000_000) / packets.max(1);
        Self {
            truth: truth(protocol, &ends, &script, packets),
            number,
            script,
            sent: 0,
            left: packets,
            one_way_ns: random.between(200_000, 60_000_000).min((per_packet_ns * 2).max(100_000)),
            per_packet_ns,
            vlan: random
                .per_mille(traffic.vlan_per_mille)
                .then(|| 100 + random.below(3) as u16)
                .filter(|_| !is_minimum),
            is_held: traffic.pace == Pace::AllLive,
            is_minimum,
            next_ids: [random.bits() as u16, random.bits() as u16],
            last_transaction: 0,
        }
    }

    /// True after the last packet.
    pub(super) const fn is_over(&self) -> bool {
        self.left == 0
    }

    /// The next packet, captured at `time_ns`, and nanoseconds until the one after it.
    pub(super) fn step(&mut self, random: &mut Random, pool: &Pool, time_ns: i64) -> (Packet, i64) {
        let (packet, then) = match self.script {
            Script::Tcp(connection) => self.tcp(random, pool, time_ns, connection),
            Script::Dns => self.dns(random, time_ns),
            Script::Quic { burst_left, client_talks } => {
                self.quic(random, pool, time_ns, burst_left, client_talks)
            }
            Script::OneWay => {
                let len = if self.is_minimum { 12 } else { random.between(40, 300) as usize };
                (self.udp(time_ns, true, pool.cut(random, len)), Then::Think(1))
            }
            Script::Echo => self.echo(pool, random, time_ns),
        };
        self.sent += 1;
        self.left -= 1;
        self.truth.count(&packet);
        (packet, self.pause(random, then))
    }

    fn pause(&self, random: &mut Random, then: Then) -> i64 {
        if self.is_held {
            return Pace::WINDOW_NS + random.below(Pace::WINDOW_NS as u64) as i64;
        }
        let pause = match then {
            Then::Burst => random.between(10_000, 200_000),
            Then::Network => random.between(self.one_way_ns, self.one_way_ns * 5 / 4),
            Then::Think(packets) => {
                let mean = self.per_packet_ns.saturating_mul(packets);
                self.one_way_ns + random.between(mean / 2, mean.saturating_mul(3) / 2)
            }
            Then::Retry(attempt) => 1_000_000_000 << attempt.min(2),
        };
        pause.min(LONGEST_PAUSE_NS) as i64
    }

    fn tcp(
        &mut self,
        random: &mut Random,
        pool: &Pool,
        time_ns: i64,
        mut connection: Connection,
    ) -> (Packet, Then) {
        let mss: u16 = if self.truth.client.is_ipv4() { 1460 } else { 1440 };
        let room = usize::from(mss) - if connection.has_timestamps { 12 } else { 0 };
        let room = if self.is_minimum { MINIMUM_PAYLOAD } else { room };
        let Segment { from_client, flags, payload_len, then } =
            connection.step(random, self.sent, self.left, room);
        let (sequence, acknowledgement) = if from_client {
            (connection.client_next, connection.server_next)
        } else {
            (connection.server_next, connection.client_next)
        };
        // Either side's clock ticks in milliseconds from a start of its own (RFC 7323 section 4.1).
        let tick = (time_ns / 1_000_000) as u32;
        let (mine, other) = if from_client {
            (tick, connection.server_first.wrapping_add(tick))
        } else {
            (connection.server_first.wrapping_add(tick), tick)
        };
        let tcp = Tcp {
            source_port: if from_client { self.truth.client_port } else { self.truth.server_port },
            target_port: if from_client { self.truth.server_port } else { self.truth.client_port },
            sequence,
            acknowledgement: if flags & ACK != 0 { acknowledgement } else { 0 },
            flags,
            window: 502,
            mss,
            timestamps: connection.has_timestamps.then_some((mine, if flags & ACK != 0 { other } else { 0 })),
        };
        let is_retry = flags == SYN && self.sent > 0;
        let advance = payload_len as u32 + u32::from(flags & (SYN | FIN) != 0 && !is_retry);
        let next = if from_client { &mut connection.client_next } else { &mut connection.server_next };
        *next = next.wrapping_add(advance);
        self.script = Script::Tcp(connection);

        let ip = self.ip(from_client, 6);
        let mut out = self.frame(&ip, tcp.header_len() + payload_len);
        // A repeated SYN repeats its sequence number, which has been counted already.
        let tcp = if is_retry { Tcp { sequence: sequence.wrapping_sub(1), ..tcp } } else { tcp };
        tcp.push(&mut out, &ip, pool.cut(random, payload_len));
        (self.finish(time_ns, out, from_client, payload_len, flags), then)
    }

    fn dns(&mut self, random: &mut Random, time_ns: i64) -> (Packet, Then) {
        let from_client = self.sent.is_multiple_of(2);
        if from_client {
            self.last_transaction = random.bits() as u16;
        }
        let is_v6 = self.truth.client.is_ipv6();
        let message = payload::dns(self.last_transaction, self.number, is_v6, !from_client);
        let message = if self.is_minimum { message.get(..22).unwrap_or_default() } else { &message };
        (self.udp(time_ns, from_client, message), if from_client { Then::Network } else { Then::Think(1) })
    }

    fn quic(
        &mut self,
        random: &mut Random,
        pool: &Pool,
        time_ns: i64,
        burst_left: u16,
        client_talks: bool,
    ) -> (Packet, Then) {
        let len = if self.sent < 2 {
            1250
        } else if client_talks {
            random.between(30, 120)
        } else {
            random.between(900, 1330)
        };
        let ends_turn = burst_left <= 1;
        self.script = Script::Quic {
            burst_left: match (ends_turn, client_talks) {
                (false, _) => burst_left - 1,
                (true, true) => random.between(1, 8) as u16,
                (true, false) => random.between(1, 2) as u16,
            },
            client_talks: client_talks != ends_turn,
        };
        let then = if ends_turn { Then::Think(4) } else { Then::Burst };
        (self.udp(time_ns, client_talks, pool.cut(random, len as usize)), then)
    }

    fn echo(&mut self, pool: &Pool, random: &mut Random, time_ns: i64) -> (Packet, Then) {
        let from_client = self.sent.is_multiple_of(2);
        let payload = pool.cut(random, if self.is_minimum { 22 } else { 56 });
        let ip = self.ip(from_client, icmp::protocol(self.truth.client));
        let mut out = self.frame(&ip, 8 + payload.len());
        let kind = icmp::echo_type(self.truth.client, !from_client);
        icmp::push(&mut out, &ip, kind, 0, [self.number as u16, (self.sent / 2) as u16], payload);
        let packet = self.finish(time_ns, out, from_client, payload.len(), 0);
        (packet, if from_client { Then::Network } else { Then::Think(1) })
    }

    fn udp(&mut self, time_ns: i64, from_client: bool, payload: &[u8]) -> Packet {
        let ip = self.ip(from_client, 17);
        let mut out = self.frame(&ip, udp::HEADER_LEN + payload.len());
        let (source, target) = if from_client {
            (self.truth.client_port, self.truth.server_port)
        } else {
            (self.truth.server_port, self.truth.client_port)
        };
        udp::push(&mut out, &ip, source, target, payload);
        self.finish(time_ns, out, from_client, payload.len(), 0)
    }

    fn ip(&mut self, from_client: bool, protocol: u8) -> Ip {
        let id = &mut self.next_ids[usize::from(!from_client)];
        *id = id.wrapping_add(1);
        let (id, ttl) = (*id, if from_client { 64 } else { 57 });
        let (client, server) = (self.truth.client, self.truth.server);
        let (source, target) = if from_client { (client, server) } else { (server, client) };
        Ip { source, target, protocol, id, ttl }
    }

    /// Link and IP headers in front of `len` bytes.
    fn frame(&self, ip: &Ip, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(ethernet::HEADER_LEN + 4 + ip.header_len() + len);
        ethernet::push_header(&mut out, ip.source, ip.target, self.vlan);
        ip.push(&mut out, len);
        out
    }

    fn finish(
        &self,
        time_ns: i64,
        mut data: Vec<u8>,
        from_client: bool,
        payload_len: usize,
        tcp_flags: u8,
    ) -> Packet {
        if self.is_minimum {
            data.resize(MINIMUM_FRAME, 0);
        }
        let payload_len = payload_len as u32;
        Packet::whole(time_ns, data, Some(Origin { flow: self.number, from_client, payload_len, tcp_flags }))
    }
}

/// What is known of a flow before its first packet.
fn truth(protocol: Protocol, ends: &Endpoints, script: &Script, packets: u64) -> FlowTruth {
    let (conn_state, sequences) = match script {
        Script::Tcp(c) => {
            let state = c.course().state();
            let has_server_syn = !matches!(state, ConnState::S0 | ConnState::Rej);
            (state, (Some(c.client_next), has_server_syn.then_some(c.server_first)))
        }
        Script::Dns | Script::Quic { .. } if packets > 1 => (ConnState::Sf, (None, None)),
        Script::Echo => (ConnState::Oth, (None, None)),
        _ => (ConnState::S0, (None, None)),
    };
    let direction = |initial_sequence| DirectionTruth { initial_sequence, ..DirectionTruth::default() };
    FlowTruth {
        protocol,
        client: ends.client,
        client_port: ends.client_port,
        server: ends.server,
        server_port: ends.server_port,
        to_server: direction(sequences.0),
        to_client: direction(sequences.1),
        first_ns: i64::MAX,
        last_ns: i64::MIN,
        conn_state,
    }
}
