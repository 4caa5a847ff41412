//! Rows of a unit's tables.

use std::collections::BTreeMap;
use std::net::IpAddr;

use capkeep_detect::Quality;
use capkeep_flow::{
    Analysis, Capture, ConversationCounts, HostCounts, Protocol, ServiceCounts, Tally, TcpTotals, Top, TopKey,
};
use capkeep_pcap::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Makes a row that is written as an array: there may be tens of thousands.
macro_rules! row {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type,)+
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ($(self.$field,)+).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let ($($field,)+) = <($($type,)+)>::deserialize(deserializer)?;
                Ok(Self { $($field,)+ })
            }
        }
    };
}

/// Makes sums of the same names as those of another type.
macro_rules! sums {
    ($(#[$about:meta])* $name:ident of $of:ty { $($(#[$field_about:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type,)+
        }

        impl From<$of> for $name {
            fn from(of: $of) -> Self {
                Self { $($field: of.$field,)+ }
            }
        }

        impl $name {
            /// Adds another's.
            pub fn merge(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)+
            }
        }
    };
}

row! {
    /// What one host did.
    HostRow {
        /// Its address.
        ip: IpAddr,
        /// Flows it took part in.
        flows: u64,
        /// Flows in which it was the client.
        as_client: u64,
        /// Packets it sent.
        sent_packets: u64,
        /// Packets it received.
        received_packets: u64,
        /// Bytes on the wire it sent.
        sent_wire_bytes: u64,
        /// Bytes on the wire it received.
        received_wire_bytes: u64,
    }
}

row! {
    /// What two hosts exchanged.
    ConversationRow {
        /// The lower address.
        a: IpAddr,
        /// The higher address.
        b: IpAddr,
        /// Flows between them.
        flows: u64,
        /// Packets from a to b.
        a_to_b_packets: u64,
        /// Packets from b to a.
        b_to_a_packets: u64,
        /// Bytes on the wire from a to b.
        a_to_b_wire_bytes: u64,
        /// Bytes on the wire from b to a.
        b_to_a_wire_bytes: u64,
    }
}

row! {
    /// What a service port saw.
    ServiceRow {
        /// IP protocol number; `None` for ARP.
        number: Option<u8>,
        /// Port of the server; 0 for protocols without.
        port: u16,
        /// Flows.
        flows: u64,
        /// Packets in both directions.
        packets: u64,
        /// Bytes on the wire in both directions.
        wire_bytes: u64,
        /// Payload bytes in both directions.
        payload_bytes: u64,
    }
}

row! {
    /// What a protocol carried.
    ProtocolRow {
        /// IP protocol number; `None` for ARP.
        number: Option<u8>,
        /// Flows.
        flows: u64,
        /// Packets.
        packets: u64,
        /// Bytes on the wire.
        wire_bytes: u64,
    }
}

/// A protocol by its number; `None` is ARP.
pub fn protocol_of(number: Option<u8>) -> Protocol {
    number.map_or(Protocol::Arp, Protocol::Ip)
}

impl HostRow {
    /// From counts.
    pub const fn new(ip: IpAddr, of: &HostCounts) -> Self {
        Self {
            ip,
            flows: of.flows,
            as_client: of.as_client,
            sent_packets: of.sent_packets,
            received_packets: of.received_packets,
            sent_wire_bytes: of.sent_wire_bytes,
            received_wire_bytes: of.received_wire_bytes,
        }
    }

    /// Its counts.
    pub const fn counts(&self) -> HostCounts {
        HostCounts {
            flows: self.flows,
            as_client: self.as_client,
            sent_packets: self.sent_packets,
            received_packets: self.received_packets,
            sent_wire_bytes: self.sent_wire_bytes,
            received_wire_bytes: self.received_wire_bytes,
        }
    }
}

impl ConversationRow {
    /// From counts; the lower address first.
    pub const fn new((a, b): (IpAddr, IpAddr), of: &ConversationCounts) -> Self {
        Self {
            a,
            b,
            flows: of.flows,
            a_to_b_packets: of.up_packets,
            b_to_a_packets: of.down_packets,
            a_to_b_wire_bytes: of.up_wire_bytes,
            b_to_a_wire_bytes: of.down_wire_bytes,
        }
    }

    /// Its counts.
    pub const fn counts(&self) -> ConversationCounts {
        ConversationCounts {
            flows: self.flows,
            up_packets: self.a_to_b_packets,
            down_packets: self.b_to_a_packets,
            up_wire_bytes: self.a_to_b_wire_bytes,
            down_wire_bytes: self.b_to_a_wire_bytes,
        }
    }
}

impl ServiceRow {
    /// From counts.
    pub const fn new((protocol, port): (Protocol, u16), of: &ServiceCounts) -> Self {
        Self {
            number: protocol.number(),
            port,
            flows: of.flows,
            packets: of.packets,
            wire_bytes: of.wire_bytes,
            payload_bytes: of.payload_bytes,
        }
    }

    /// Its protocol.
    pub fn protocol(&self) -> Protocol {
        protocol_of(self.number)
    }

    /// Its counts.
    pub const fn counts(&self) -> ServiceCounts {
        ServiceCounts {
            flows: self.flows,
            packets: self.packets,
            wire_bytes: self.wire_bytes,
            payload_bytes: self.payload_bytes,
        }
    }
}

impl ProtocolRow {
    /// Its protocol.
    pub fn protocol(&self) -> Protocol {
        protocol_of(self.number)
    }

    pub(crate) fn all(analysis: &Analysis) -> Vec<Self> {
        let row = |(protocol, counts): (&Protocol, &capkeep_flow::Counts)| Self {
            number: protocol.number(),
            flows: analysis.flows_by_protocol.get(protocol).copied().unwrap_or(0),
            packets: counts.packets,
            wire_bytes: counts.wire_bytes,
        };
        analysis.protocols.iter().map(row).collect()
    }
}

/// Rows that are exact up to [`Top::MAX_KEYS`], and what was dropped beyond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows<R> {
    /// The rows in the order of their keys.
    pub rows: Vec<R>,
    /// Sum of the rows that were dropped, under a key that means nothing (address `::`, ARP); `None` if none was.
    pub others: Option<R>,
    /// How many times a row was dropped.
    pub dropped: u64,
}

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), others: None, dropped: 0 }
    }
}

impl<R> Rows<R> {
    pub(crate) fn of<K: TopKey, T: Tally>(top: &Top<K, T>, no_key: K, row: fn(K, &T) -> R) -> Self {
        let mut rows = top.heaviest(usize::MAX);
        rows.sort_unstable_by_key(|(key, _)| *key);
        let (others, dropped) = top.others();
        Self {
            rows: rows.iter().map(|(key, counts)| row(*key, counts)).collect(),
            others: (dropped > 0).then(|| row(no_key, others)),
            dropped,
        }
    }

    /// The rows, and the one of those that were dropped.
    pub fn all(&self) -> impl Iterator<Item = &R> {
        self.rows.iter().chain(&self.others)
    }
}

sums! {
    /// What TCP flows show together; see [`TcpTotals`].
    TcpRow of TcpTotals {
        /// Flows with a header that could be read.
        flows: u64,
        /// Flows that go on although one of their directions is not in the capture.
        one_sided: u64,
        /// Segments with payload.
        data_segments: u64,
        /// Segments that acknowledge.
        acks: u64,
        /// Everything that was sent again.
        retransmissions: u64,
        /// Of those, sent by the retransmission timer.
        timeouts: u64,
        /// Of those, sent although acknowledged.
        spurious: u64,
        /// Came late, not sent again.
        out_of_order: u64,
        /// Of those, the ones that nothing but the time tells from retransmissions.
        ambiguous: u64,
        /// Segments before which bytes were missing that did not merely come late.
        lost_before: u64,
        /// Acknowledgements of bytes that are not in the capture.
        acked_unseen: u64,
        /// Duplicate acknowledgements.
        duplicate_acks: u64,
        /// Segments that take nothing.
        zero_windows: u64,
        /// How long nothing was taken, over all flows; nanoseconds.
        zero_window_nanos: i64,
        /// Segments that fill the peer's window.
        window_full: u64,
        /// Keep-alives.
        keep_alives: u64,
        /// Resets.
        resets: u64,
        /// Packets that the capture holds twice.
        copies: u64,
    }
}

sums! {
    /// How far the captures of a unit can be trusted; see [`Quality`].
    QualityRow of Quality {
        /// TCP flows.
        tcp_flows: u64,
        /// TCP flows that got further than an attempt.
        progressing: u64,
        /// Of those, the ones of which one direction is absent.
        one_sided: u64,
        /// TCP packets.
        tcp_packets: u64,
        /// Of those, copies that the capture made.
        copies: u64,
        /// Acknowledgements of bytes that are not in the capture.
        acked_unseen: u64,
        /// Segments before which bytes were missing that did not come late.
        lost_before: u64,
    }
}

impl QualityRow {
    /// As the detectors know it, for its shares.
    pub const fn quality(&self) -> Quality {
        Quality {
            tcp_flows: self.tcp_flows,
            progressing: self.progressing,
            one_sided: self.one_sided,
            tcp_packets: self.tcp_packets,
            copies: self.copies,
            acked_unseen: self.acked_unseen,
            lost_before: self.lost_before,
        }
    }
}

/// Sums over the captures of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalsRow {
    /// Capture files.
    pub captures: u64,
    /// Of those, the ones that could not be read, or not to their end.
    pub captures_with_errors: u64,
    /// Packets read.
    pub packets: u64,
    /// Bytes on the wire.
    pub wire_bytes: u64,
    /// Bytes captured.
    pub captured_bytes: u64,
    /// Packets in flows.
    pub packets_in_flows: u64,
    /// Packets in no flow.
    pub skipped: u64,
    /// Flows.
    pub flows: u64,
    /// Earliest time of a packet; nanoseconds since the epoch.
    pub first_ns: Option<i64>,
    /// Latest time.
    pub last_ns: Option<i64>,
}

impl TotalsRow {
    pub(crate) fn of(analysis: &Analysis) -> Self {
        let totals = &analysis.totals;
        Self {
            captures: analysis.captures.len() as u64,
            captures_with_errors: analysis.captures.iter().filter(|capture| capture.error.is_some()).count()
                as u64,
            packets: totals.packets,
            wire_bytes: totals.wire_bytes,
            captured_bytes: totals.captured_bytes,
            packets_in_flows: totals.packets_in_flows,
            skipped: totals.skipped,
            flows: totals.flows,
            first_ns: totals.first.map(Timestamp::nanos),
            last_ns: totals.last.map(Timestamp::nanos),
        }
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.captures += other.captures;
        self.captures_with_errors += other.captures_with_errors;
        self.packets += other.packets;
        self.wire_bytes += other.wire_bytes;
        self.captured_bytes += other.captured_bytes;
        self.packets_in_flows += other.packets_in_flows;
        self.skipped += other.skipped;
        self.flows += other.flows;
        self.first_ns = self.first_ns.into_iter().chain(other.first_ns).min();
        self.last_ns = self.last_ns.max(other.last_ns);
    }
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsRow {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub wire_bytes: u64,
}

/// Loss counters of a capture, summed over its interfaces; `None` where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropsRow {
    /// Packets that the interface received.
    pub received: Option<u64>,
    /// Packets that the interface lost.
    pub by_interface: Option<u64>,
    /// Packets that the operating system lost.
    pub by_system: Option<u64>,
    /// Packets lost between packets, as their records count them.
    pub between_packets: Option<u64>,
}

/// Why a capture could not be read, or not to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRow {
    /// The whole reason.
    pub message: String,
    /// What happened and where, in a few words.
    pub brief: String,
    /// Byte offset in the (uncompressed) capture.
    pub offset: Option<u64>,
}

/// One capture file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureRow {
    /// Its format.
    pub format: Option<String>,
    /// Compression around it.
    pub compression: Option<String>,
    /// Size of the file that was read.
    pub file_bytes: Option<u64>,
    /// Packets by link type.
    pub link_types: BTreeMap<String, u64>,
    /// Names of its interfaces, the first 64.
    pub interfaces: Vec<String>,
    /// Capture filters of its interfaces, the first 64, without doubles.
    pub filters: Vec<String>,
    /// Most bytes kept of a packet; 0 = no limit.
    pub snap_len: Option<u32>,
    /// Packets read.
    pub packets: u64,
    /// Bytes they had on the wire.
    pub wire_bytes: u64,
    /// Bytes of them in the file.
    pub captured_bytes: u64,
    /// Packets that were cut by the snap length.
    pub truncated_packets: u64,
    /// Earliest time of a packet; nanoseconds since the epoch.
    pub first_ns: Option<i64>,
    /// Latest time.
    pub last_ns: Option<i64>,
    /// Packets whose time lies before that of the packet before them.
    pub time_goes_back: u64,
    /// Of those, packets before which the clock was set.
    pub clock_jumps: u64,
    /// Packets without a time.
    pub without_time: u64,
    /// Longest time between two packets; nanoseconds.
    pub longest_silence_ns: i64,
    /// Packets longer than an Ethernet frame.
    pub oversized_packets: u64,
    /// Packets in no flow, by reason (stable names).
    pub skipped: BTreeMap<String, u64>,
    /// Its loss counters.
    pub drops: DropsRow,
    /// Capturing hardware.
    pub hardware: Option<String>,
    /// Operating system it was captured on.
    pub os: Option<String>,
    /// Application that wrote it.
    pub application: Option<String>,
    /// The first comments in it.
    pub comments: Vec<String>,
    /// Why it could not be read to its end.
    pub error: Option<ErrorRow>,
}

impl CaptureRow {
    /// Most interfaces named (chosen: more than are ever looked at).
    const INTERFACES: usize = 64;

    pub(crate) fn of(capture: &Capture) -> Self {
        let facts = &capture.facts;
        let sum = |each: fn(&capkeep_pcap::Drops) -> Option<u64>| {
            facts.interfaces.iter().filter_map(|interface| each(&interface.drops)).reduce(u64::saturating_add)
        };
        let mut link_types: BTreeMap<String, u64> = BTreeMap::new();
        for interface in &facts.interfaces {
            link_types.entry(interface.link_type.to_string()).or_default();
        }
        for (link, packets) in &capture.link_types {
            *link_types.entry(link.to_string()).or_default() += packets;
        }
        let some = || facts.interfaces.iter().take(Self::INTERFACES);
        let mut filters: Vec<String> = Vec::new();
        for filter in some().filter_map(|interface| interface.filter.as_ref()) {
            if !filters.contains(filter) {
                filters.push(filter.clone());
            }
        }
        let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
        for (reason, packets) in &capture.skipped {
            *skipped.entry(reason.key()).or_default() += packets;
        }
        Self {
            format: facts.format.map(|format| format.name().to_owned()),
            compression: facts.compression.map(|compression| compression.name().to_owned()),
            file_bytes: capture.file_bytes,
            link_types,
            interfaces: some().filter_map(|interface| interface.name.clone()).collect(),
            filters,
            // No limit (0) is the largest.
            snap_len: facts
                .interfaces
                .iter()
                .map(|interface| interface.snap_len)
                .max_by_key(|len| len.wrapping_sub(1)),
            packets: capture.packets,
            wire_bytes: capture.wire_bytes,
            captured_bytes: capture.captured_bytes,
            truncated_packets: capture.truncated_packets,
            first_ns: capture.first.map(Timestamp::nanos),
            last_ns: capture.last.map(Timestamp::nanos),
            time_goes_back: capture.time_goes_back,
            clock_jumps: capture.clock_jumps,
            without_time: facts.without_time,
            longest_silence_ns: capture.longest_silence,
            oversized_packets: capture.oversized,
            skipped,
            drops: DropsRow {
                received: sum(|drops| drops.received),
                by_interface: sum(|drops| drops.by_interface),
                by_system: sum(|drops| drops.by_system),
                between_packets: sum(|drops| drops.between_packets),
            },
            hardware: facts.hardware.clone(),
            os: facts.os.clone(),
            application: facts.application.clone(),
            comments: facts.comments.clone(),
            error: capture.error.as_ref().map(|error| ErrorRow {
                message: error.message.clone(),
                brief: error.brief.clone(),
                offset: error.offset,
            }),
        }
    }

    /// Packets in no flow.
    pub fn skipped_packets(&self) -> u64 {
        self.skipped.values().sum()
    }
}
