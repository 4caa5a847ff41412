//! How what flows measure is distributed.

use capkeep_flow::FlowRecord;
use serde::{Deserialize, Serialize};

use super::Histogram;

/// Measures of flows, counted by size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distributions {
    /// From the SYN to the acknowledgement of the SYN-ACK, one value a TCP flow; nanoseconds.
    pub handshake_ns: Histogram,
    /// Median time from bytes to their acknowledgement, one value a direction of a TCP flow; nanoseconds.
    pub rtt_median_ns: Histogram,
    /// Data segments that were sent again, one value a TCP flow with data; millionths.
    pub retransmitted_ppm: Histogram,
    /// Bytes on the wire a second in both directions, one value a flow with a duration; bytes per second.
    pub throughput: Histogram,
    /// From the client's first payload to the server's, one value a TCP flow; nanoseconds.
    pub first_byte_ns: Histogram,
    /// From the earliest to the latest packet, one value a flow; nanoseconds.
    pub duration_ns: Histogram,
    /// Bytes on the wire, one value a flow; bytes.
    pub wire_bytes: Histogram,
}

/// One distribution and what it shows.
#[derive(Clone, Copy, Debug)]
pub struct Distribution<'a> {
    /// Unique name, lower case.
    pub name: &'static str,
    /// Unit of the values: `ns`, `ppm`, `bytes`, `bytes/s`.
    pub unit: &'static str,
    /// What is counted, for a heading.
    pub about: &'static str,
    /// The values.
    pub histogram: &'a Histogram,
}

impl Distributions {
    /// All of them, in the order in which they are shown.
    pub const fn all(&self) -> [Distribution<'_>; 7] {
        [
            of("handshake", "ns", "time that the TCP handshake takes", &self.handshake_ns),
            of("rtt_median", "ns", "median round trip of each direction", &self.rtt_median_ns),
            of("retransmitted", "ppm", "share of data segments sent again, by flow", &self.retransmitted_ppm),
            of(
                "first_byte",
                "ns",
                "time from the request to the first byte of the answer",
                &self.first_byte_ns,
            ),
            of("throughput", "bytes/s", "throughput by flow", &self.throughput),
            of("duration", "ns", "duration by flow", &self.duration_ns),
            of("wire_bytes", "bytes", "bytes by flow", &self.wire_bytes),
        ]
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.handshake_ns.merge(&other.handshake_ns);
        self.rtt_median_ns.merge(&other.rtt_median_ns);
        self.retransmitted_ppm.merge(&other.retransmitted_ppm);
        self.throughput.merge(&other.throughput);
        self.first_byte_ns.merge(&other.first_byte_ns);
        self.duration_ns.merge(&other.duration_ns);
        self.wire_bytes.merge(&other.wire_bytes);
    }

    pub(super) fn add(&mut self, flow: &FlowRecord) {
        let duration = positive(flow.last.since(flow.first));
        self.duration_ns.add(duration);
        self.wire_bytes.add(flow.wire_bytes());
        if duration > 0 {
            let rate = u128::from(flow.wire_bytes()) * 1_000_000_000 / u128::from(duration);
            self.throughput.add(u64::try_from(rate).unwrap_or(u64::MAX));
        }
        let Some(tcp) = flow.tcp.as_deref() else { return };
        if let (Some(server), Some(client)) = (tcp.handshake.server_rtt, tcp.handshake.client_rtt) {
            self.handshake_ns.add(positive(server.saturating_add(client)));
        }
        for side in [&tcp.from_client, &tcp.from_server] {
            if let Some(rtt) = side.rtt {
                self.rtt_median_ns.add(positive(rtt.median));
            }
        }
        let data = tcp.from_client.data_segments + tcp.from_server.data_segments;
        let again = tcp.from_client.all_retransmissions() + tcp.from_server.all_retransmissions();
        let share = (u128::from(again) * 1_000_000).checked_div(u128::from(data));
        if let Some(share) = share {
            self.retransmitted_ppm.add(u64::try_from(share).unwrap_or(u64::MAX));
        }
        if let Some(first_byte) = tcp.first_byte {
            self.first_byte_ns.add(positive(first_byte));
        }
    }
}

const fn of<'a>(
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    histogram: &'a Histogram,
) -> Distribution<'a> {
    Distribution { name, unit, about, histogram }
}

/// Times that go back count as none.
pub(super) fn positive(nanos: i64) -> u64 {
    u64::try_from(nanos).unwrap_or(0)
}
