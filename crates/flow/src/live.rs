//! A flow while it lives.

use capkeep_pcap::{Tcp, Timestamp, TunnelLayer, icmp_counterpart, ip_address};

use crate::apps::{Listener, PacketRef, Room, Said};
use crate::health::{Seen, Watch};
use crate::meta::{End as KeyEnd, Extra, Key, Meta, NO_VLAN, Packet};
use crate::options::Timeouts;
use crate::record::{
    ArpSender, ClientBy, ConnState, Direction, EndReason, Endpoint, FlowRecord, Protocol, Quoted, Tunnel,
};
use crate::services::server_rank;
use crate::tcp::{self, History, Segment};

/// One direction.
#[derive(Clone, Copy, Debug)]
struct Side {
    packets: u64,
    wire_bytes: u64,
    captured_bytes: u64,
    payload_bytes: u64,
    first: Timestamp,
    last: Timestamp,
    tcp: tcp::End,
    mss: Option<u16>,
    window_scale: Option<u8>,
    tcp_flags: u8,
    ttl_min: u8,
    ttl_max: u8,
    sack_permitted: bool,
}

impl Side {
    const UNSEEN: Self = Self {
        packets: 0,
        wire_bytes: 0,
        captured_bytes: 0,
        payload_bytes: 0,
        first: Timestamp::from_nanos(i64::MAX),
        last: Timestamp::from_nanos(i64::MIN),
        tcp: tcp::End::NEW,
        mss: None,
        window_scale: None,
        tcp_flags: 0,
        ttl_min: u8::MAX,
        ttl_max: 0,
        sack_permitted: false,
    };

    /// What its windows are shifted by, if its SYN was seen.
    fn scale(&self) -> Option<u8> {
        (self.tcp.sent_syn() || self.tcp.sent_syn_ack()).then(|| self.window_scale.unwrap_or(0))
    }
}

/// What few flows have.
#[derive(Clone, Debug, Default)]
struct Rare {
    tunnel: Option<(TunnelLayer, u8)>,
    /// True if the tunnel was noted from a packet of the lower end.
    tunnel_from_low: bool,
    quoted: Option<Quoted>,
    path_mtu: Option<u32>,
    /// Of the lower end where it says client.
    arp: Vec<ArpSender>,
}

impl Rare {
    /// Most hardware addresses kept of an ARP flow (chosen: two are one too many already).
    const ARP: usize = 4;

    fn add_arp(&mut self, hardware: [u8; 6], is_client: bool, meta: &Meta) {
        let at = meta.timestamp;
        let known = |sender: &&mut ArpSender| sender.hardware == hardware && sender.is_client == is_client;
        if let Some(sender) = self.arp.iter_mut().find(known) {
            sender.last = sender.last.max(at);
        } else if self.arp.len() < Self::ARP {
            let (capture, packet) = (meta.capture, meta.number);
            self.arp.push(ArpSender { is_client, hardware, capture, packet, first: at, last: at });
        }
    }
}

/// A live flow. `sides[0]` is what the lower end of the key sent.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) key: Key,
    pub(crate) hash: u64,
    /// Where its first packet lies: file, and number in it.
    pub(crate) origin: (u32, u64),
    /// The session's clock when its last packet came; see [`Session`](crate::engine).
    pub(crate) seen: Timestamp,
    sides: [Side; 2],
    history: History,
    icmp: Option<(u8, u8)>,
    vlan: u16,
    /// Sender of the first packet: 0 the lower end, 1 the higher.
    opener: u8,
    pub(crate) ports_reused: bool,
    fragments: u32,
    icmp_errors: u32,
    last_packet: u64,
    watch: Option<Box<Watch>>,
    rare: Option<Box<Rare>>,
    listener: Listener,
}

impl Flow {
    /// A flow without packets, for the packet given.
    pub(crate) fn new(meta: &Meta) -> Self {
        Self {
            key: meta.key,
            hash: meta.hash,
            origin: (meta.capture, meta.number),
            seen: Timestamp::from_nanos(i64::MIN),
            sides: [Side::UNSEEN, Side::UNSEEN],
            history: History::default(),
            icmp: None,
            vlan: meta.vlan,
            opener: u8::from(!meta.has(Meta::FROM_LOW)),
            ports_reused: false,
            fragments: 0,
            icmp_errors: 0,
            last_packet: 0,
            watch: None,
            rare: None,
            listener: Listener::default(),
        }
    }

    /// Time of its latest packet.
    pub(crate) fn last(&self) -> Timestamp {
        let [low, high] = &self.sides;
        low.last.max(high.last)
    }

    fn first(&self) -> Timestamp {
        let [low, high] = &self.sides;
        low.first.min(high.first)
    }

    /// Why it has ended by this time, if it has.
    #[inline]
    pub(crate) fn over(&self, now: Timestamp, timeouts: Timeouts) -> Option<EndReason> {
        self.over_after(now.since(self.last()), timeouts)
    }

    /// Why it has ended after so many nanoseconds of silence, if it has.
    #[inline]
    pub(crate) fn over_after(&self, silence: i64, timeouts: Timeouts) -> Option<EndReason> {
        if silence <= timeouts.closed {
            None
        } else if self.is_closed() {
            Some(EndReason::Closed)
        } else {
            (silence > timeouts.idle).then_some(EndReason::Idle)
        }
    }

    /// True if none of its packets had a time.
    fn is_timeless(&self) -> bool {
        self.last() == Timestamp::from_nanos(i64::MIN)
    }

    /// Why it has ended before this packet, if it has: by silence, or because its ports are taken over.
    #[inline]
    pub(crate) fn over_before(&self, meta: &Meta, timeouts: Timeouts) -> Option<EndReason> {
        if !meta.has(Meta::TIMELESS)
            && !self.is_timeless()
            && let Some(reason) = self.over(meta.timestamp, timeouts)
        {
            return Some(reason);
        }
        self.is_taken_over_by(meta).then_some(EndReason::PortsReused)
    }

    fn is_closed(&self) -> bool {
        use tcp::State::{Closed, Reset};
        let [low, high] = &self.sides;
        matches!((low.tcp.state, high.tcp.state), (Reset, _) | (_, Reset) | (Closed, Closed))
    }

    /// True if this packet begins another connection on the same ports.
    #[inline]
    fn is_taken_over_by(&self, meta: &Meta) -> bool {
        if !meta.has(Meta::TCP) {
            return false;
        }
        let [low, high] = &self.sides;
        let (sender, peer) = if meta.has(Meta::FROM_LOW) { (low, high) } else { (high, low) };
        tcp::starts_new(&segment(meta), &sender.tcp, &peer.tcp)
    }

    /// Counts a packet; `seen` says whether it was seen before, if its health is looked at.
    #[inline]
    pub(crate) fn add(&mut self, packet: &Packet<'_>, seen: Option<Seen>, room: &mut Room) {
        let meta = packet.meta;
        self.last_packet = meta.number;
        let from_low = meta.has(Meta::FROM_LOW);
        let [low, high] = &mut self.sides;
        let (side, peer, from) = if from_low { (low, high, 0) } else { (high, low, 1) };
        side.packets += 1;
        side.wire_bytes += u64::from(meta.wire_len);
        side.captured_bytes += u64::from(meta.captured_len);
        if !meta.has(Meta::TIMELESS) {
            side.first = side.first.min(meta.timestamp);
            side.last = side.last.max(meta.timestamp);
        }
        side.ttl_min = side.ttl_min.min(meta.ttl);
        side.ttl_max = side.ttl_max.max(meta.ttl);
        if has_payload(&self.key) {
            side.payload_bytes += u64::from(meta.payload_len);
        }
        if meta.has(Meta::TCP) {
            side.tcp_flags |= meta.flags;
            let segment = segment(meta);
            tcp::advance(&segment, &mut side.tcp, &mut peer.tcp, from, &mut self.history);
            if let Some(seen) = seen {
                let watch = self.watch.get_or_insert_default();
                if seen == Seen::Before || (seen == Seen::Perhaps && watch.has_copies()) {
                    watch.copy(packet, usize::from(from));
                } else {
                    let [low, high] = &self.sides;
                    watch.take(packet, &segment, usize::from(from), [low.scale(), high.scale()]);
                }
            }
        } else if side.packets == 1 && self.key.protocol != 6 && !self.key.is_arp {
            self.history.push(from, b'D');
        }
        if !packet.payload.is_empty()
            && self.listener.listens()
            && matches!(seen, Some(Seen::Never | Seen::Perhaps))
        {
            self.listen(packet, usize::from(from), room);
        }
        self.fragments += u32::from(meta.has(Meta::FRAGMENT));
        if let Some(extra) = packet.extra {
            self.add_extra(extra, meta, from_low);
        }
    }

    /// Listens to what a packet says.
    fn listen(&mut self, packet: &Packet<'_>, from: usize, room: &mut Room) {
        let meta = packet.meta;
        let is_tcp = meta.has(Meta::TCP);
        if !is_tcp && (self.key.protocol != 17 || self.key.is_arp) {
            return;
        }
        let (low, high) = (self.key.low_port, self.key.high_port);
        let said = Said {
            payload: packet.payload,
            cut: meta.payload_len.saturating_sub(packet.payload.len() as u32),
            // A SYN takes a number of its own (RFC 9293, section 3.4).
            seq: meta.seq.wrapping_add(u32::from(meta.flags & Tcp::SYN != 0)),
            ack: (is_tcp && meta.flags & Tcp::ACK != 0).then_some(meta.ack),
            at: meta.timestamp,
            packet: PacketRef { capture: meta.capture, number: meta.number },
            from,
            ports: if from == 0 { (low, high) } else { (high, low) },
            is_tcp,
        };
        self.listener.take(&said, room);
    }

    /// Nothing more will be said.
    pub(crate) fn end_listening(&mut self, room: &mut Room) {
        if self.listener.has_heard() {
            let (client, _) = self.client();
            self.listener.end(usize::from(client), room);
        }
    }

    /// Forgets the bytes that wait for the rest of a message of its application.
    pub(crate) fn forget_waiting(&mut self, room: &mut Room) {
        self.listener.forget(room);
    }

    /// Bytes that wait for the rest of a message of its application.
    pub(crate) fn waiting(&self) -> u64 {
        self.listener.waiting()
    }

    /// Counts an ICMP error that quotes this flow.
    pub(crate) fn add_icmp_error(&mut self, packet: &Packet<'_>) {
        self.icmp_errors = self.icmp_errors.saturating_add(1);
        if let Some(mtu) = packet.extra.and_then(|extra| extra.quote?.mtu) {
            let rare = self.rare.get_or_insert_default();
            rare.path_mtu = Some(rare.path_mtu.map_or(mtu, |known| known.min(mtu)));
        }
    }

    fn add_extra(&mut self, extra: &Extra, meta: &Meta, from_low: bool) {
        let side = if from_low { &mut self.sides[0] } else { &mut self.sides[1] };
        side.mss = extra.mss.or(side.mss);
        side.window_scale = extra.window_scale.or(side.window_scale);
        side.sack_permitted |= extra.sack_permitted;
        self.icmp = self.icmp.or(extra.icmp);
        if let Some(hardware) = extra.arp.and_then(|arp| arp.sender) {
            self.rare.get_or_insert_default().add_arp(hardware, from_low, meta);
        }
        if extra.tunnel.is_none() && extra.quote.is_none() {
            return;
        }
        let rare = self.rare.get_or_insert_default();
        if rare.tunnel.is_none() {
            rare.tunnel = extra.tunnel.map(|layer| (layer, extra.tunnel_depth));
            rare.tunnel_from_low = from_low;
        }
        if let (None, Some(quote)) = (&rare.quoted, &extra.quote) {
            let end = |address, port| Endpoint { ip: ip_address(address, quote.is_v6), port };
            rare.quoted = Some(Quoted {
                protocol: Protocol::Ip(quote.protocol),
                source: end(quote.source, quote.source_port),
                destination: end(quote.destination, quote.destination_port),
            });
        }
    }

    /// Which end is the client: 0 the lower, 1 the higher; and how that was told.
    fn client(&self) -> (u8, ClientBy) {
        let [low, high] = &self.sides;
        if self.key.protocol == 6 && !self.key.is_arp {
            match (low.tcp.sent_syn(), high.tcp.sent_syn()) {
                (true, false) => return (0, ClientBy::Syn),
                (false, true) => return (1, ClientBy::Syn),
                // Both: a simultaneous open, the first one counts.
                (true, true) => return (self.opener, ClientBy::Syn),
                (false, false) => {}
            }
            match (low.tcp.sent_syn_ack(), high.tcp.sent_syn_ack()) {
                (true, false) => return (1, ClientBy::SynAck),
                (false, true) => return (0, ClientBy::SynAck),
                _ => {}
            }
        }
        if matches!(self.key.protocol, 1 | 58) && !self.key.is_arp {
            let low_type = self.key.low_port as u8;
            let high_type = self.key.high_port as u8;
            let v6 = self.key.protocol == 58;
            if icmp_counterpart(v6, low_type) == Some(high_type) {
                // The request has the type that asks; of ICMPv6 pairs the even one, of ICMP pairs listed.
                let low_asks = asks(v6, low_type);
                return (u8::from(!low_asks), ClientBy::Request);
            }
            return (self.opener, ClientBy::FirstPacket);
        }
        let low_rank = server_rank(self.key.protocol, self.key.low_port);
        let high_rank = server_rank(self.key.protocol, self.key.high_port);
        match low_rank.cmp(&high_rank) {
            std::cmp::Ordering::Less => (0, ClientBy::Port),
            std::cmp::Ordering::Greater => (1, ClientBy::Port),
            std::cmp::Ordering::Equal => (self.opener, ClientBy::FirstPacket),
        }
    }

    /// The finished record.
    pub(crate) fn finish(&self, end: EndReason) -> FlowRecord {
        let (client_index, client_by) = self.client();
        let flipped = client_index == 1;
        let [low, high] = &self.sides;
        let (client_side, server_side) = if flipped { (high, low) } else { (low, high) };
        let (client_end, server_end) =
            if flipped { (self.key.high(), self.key.low()) } else { (self.key.low(), self.key.high()) };
        let is_v6 = self.key.is_v6;
        let endpoint = |(address, port): KeyEnd| Endpoint { ip: ip_address(address, is_v6), port };
        let protocol = if self.key.is_arp { Protocol::Arp } else { Protocol::Ip(self.key.protocol) };
        let tunnel = self.rare.as_ref().and_then(|rare| {
            let (layer, depth) = rare.tunnel?;
            let from_client = rare.tunnel_from_low != flipped;
            let (client_end, server_end) = if from_client {
                (layer.source, layer.destination)
            } else {
                (layer.destination, layer.source)
            };
            Some(Box::new(Tunnel { kind: layer.kind, id: layer.id, client_end, server_end, depth }))
        });
        FlowRecord {
            capture: self.origin.0,
            first_packet: self.origin.1,
            protocol,
            client: endpoint(client_end),
            server: endpoint(server_end),
            client_by,
            from_client: direction(client_side),
            from_server: direction(server_side),
            tunnel,
            vlan: (self.vlan != NO_VLAN).then_some(self.vlan),
            first: if self.is_timeless() { Timestamp::default() } else { self.first() },
            last: if self.is_timeless() { Timestamp::default() } else { self.last() },
            history: self.history.text(client_index, self.opener),
            conn_state: self.conn_state(client_side, server_side),
            fragments: u64::from(self.fragments),
            icmp_errors: u64::from(self.icmp_errors),
            icmp: self.icmp,
            quoted: self.rare.as_ref().and_then(|rare| rare.quoted).map(Box::new),
            ports_reused: self.ports_reused,
            end,
            last_packet: self.last_packet,
            path_mtu: self.rare.as_ref().and_then(|rare| rare.path_mtu),
            tcp: self.watch.as_ref().map(|watch| Box::new(watch.tell(usize::from(client_index)))),
            apps: self.listener.told(),
            arp: self.rare.as_ref().map_or_else(Vec::new, |rare| {
                let of_client = |sender: &ArpSender| sender.is_client != flipped;
                rare.arp.iter().map(|it| ArpSender { is_client: of_client(it), ..*it }).collect()
            }),
        }
    }

    fn conn_state(&self, client: &Side, server: &Side) -> ConnState {
        match self.key.protocol {
            _ if self.key.is_arp => ConnState::Oth,
            6 => {
                let payload = client.payload_bytes + server.payload_bytes > 0;
                tcp::conn_state(&client.tcp, &server.tcp, payload)
            }
            17 => match (client.packets > 0, server.packets > 0) {
                (true, true) => ConnState::Sf,
                (true, false) => ConnState::S0,
                (false, true) => ConnState::Shr,
                (false, false) => ConnState::Oth,
            },
            _ => ConnState::Oth,
        }
    }
}

/// TCP, UDP, UDP-Lite, SCTP, DCCP: protocols whose payload is counted.
#[inline]
const fn has_payload(key: &Key) -> bool {
    matches!(key.protocol, 6 | 17 | 33 | 132 | 136) && !key.is_arp
}

/// True for the ICMP type of a pair that asks.
const fn asks(is_v6: bool, kind: u8) -> bool {
    if is_v6 {
        matches!(kind, 128 | 130 | 133 | 135 | 139 | 144)
    } else {
        matches!(kind, 8 | 10 | 13 | 15 | 17)
    }
}

#[inline]
fn segment(meta: &Meta) -> Segment {
    Segment { seq: meta.seq, ack: meta.ack, len: meta.payload_len, window: meta.window, flags: meta.flags }
}

fn direction(side: &Side) -> Direction {
    let seen = side.packets > 0;
    Direction {
        packets: side.packets,
        wire_bytes: side.wire_bytes,
        captured_bytes: side.captured_bytes,
        payload_bytes: side.payload_bytes,
        tcp_flags: side.tcp_flags,
        first: (side.first <= side.last).then_some(side.first),
        last: (side.first <= side.last).then_some(side.last),
        ttl_min: (seen && side.ttl_max > 0).then_some(side.ttl_min),
        ttl_max: (seen && side.ttl_max > 0).then_some(side.ttl_max),
        isn: side.tcp.isn(),
        mss: side.mss,
        window_scale: side.window_scale,
        sack_permitted: side.sack_permitted,
    }
}
