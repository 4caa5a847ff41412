//! Traffic to order.

mod endpoints;
mod packets;
mod payload;
mod script;
mod tcp;

pub use packets::Packets;

/// How big the frames are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameSizes {
    /// As on the Internet: acknowledgements of 54 to 66 bytes, full segments of 1,514, queries, datagrams. On
    /// average about 490 bytes.
    #[default]
    Mixed,
    /// 64 bytes each, without IPv6 and TCP timestamps, which would not fit. Shorter packets are padded, so a
    /// reader that takes the frame's length for the packet's counts too much payload.
    Minimum,
}

/// How flows follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Flows begin and end all the time, at a constant rate of packets and flows. More packets with as many more
    /// flows take longer and keep as many flows alive at one time. No flow pauses longer than four seconds.
    Sustained {
        /// Packets per second over all flows.
        packets_per_second: u64,
    },
    /// All flows begin within [`Pace::WINDOW_NS`] and none ends before the last one has begun, if each has at
    /// least two packets; between the packets of a flow lie one to two windows.
    AllLive,
}

impl Pace {
    /// Five seconds in nanoseconds (chosen: no usual idle timeout is shorter than twice of it).
    pub const WINDOW_NS: i64 = 5_000_000_000;
}

/// What traffic to make. The same values give the same packets, on every machine.
///
/// The traffic is made of whole conversations: TCP (handshake with options, data both ways with consistent sequence
/// and acknowledgement numbers, FIN or RST, some refused, some unanswered), DNS, QUIC-like and one-way UDP, ICMP
/// echo. Sizes of flows are heavy-tailed, their packets interleaved, checksums correct, five-tuples unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Packets in all. Met exactly.
    pub packets: u64,
    /// Flows in all. Met exactly, where there are at least as many packets; at least 1 where there are packets.
    pub flows: u64,
    /// Which traffic of all that could be.
    pub seed: u64,
    /// Time of the first packet, nanoseconds since the epoch.
    pub start_ns: i64,
    /// Times are multiples of so many nanoseconds; at least 1.
    pub resolution_ns: i64,
    /// How flows follow each other.
    pub pace: Pace,
    /// How big the frames are.
    pub frame_sizes: FrameSizes,
    /// Flows over IPv6, in thousandths.
    pub ipv6_per_mille: u64,
    /// Flows with an 802.1Q tag, in thousandths.
    pub vlan_per_mille: u64,
    /// One ARP request with its reply for so many packets; 0 for none. They count as packets, not as flows.
    pub packets_per_arp_pair: u64,
    /// Keeps every flow in [`Truth::table`](crate::Truth::table): memory grows with all flows, not with the live
    /// ones.
    pub keep_table: bool,
}

impl Traffic {
    /// 2026-03-02T09:00:00Z, a Monday morning.
    pub const START_NS: i64 = 1_772_442_000_000_000_000;

    /// The mix of the benchmarks: sustained, 1,000 packets per second, microseconds, 15 % IPv6, 5 % tagged, ARP.
    pub const fn mix(packets: u64, flows: u64, seed: u64) -> Self {
        Self {
            packets,
            flows,
            seed,
            start_ns: Self::START_NS,
            resolution_ns: 1000,
            pace: Pace::Sustained { packets_per_second: 1000 },
            frame_sizes: FrameSizes::Mixed,
            ipv6_per_mille: 150,
            vlan_per_mille: 50,
            packets_per_arp_pair: 2000,
            keep_table: false,
        }
    }

    /// IP only, without tags, every flow known: what [`variants`](crate::variants) are made of.
    pub const fn plain(packets: u64, flows: u64, seed: u64) -> Self {
        Self {
            vlan_per_mille: 0,
            packets_per_arp_pair: 0,
            keep_table: true,
            ..Self::mix(packets, flows, seed)
        }
    }

    /// The packets, in the order of their times.
    pub fn packets(&self) -> Packets {
        Packets::new(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FrameSizes, Pace, Traffic};

    fn run(traffic: &Traffic) -> (crate::Truth, Vec<crate::Packet>) {
        let mut packets = traffic.packets();
        let all: Vec<_> = packets.by_ref().collect();
        (packets.truth().clone(), all)
    }

    #[test]
    fn packets_and_flows_are_met_exactly() {
        for (packets, flows) in [(0, 0), (1, 1), (7, 7), (100, 1), (2000, 132), (50_000, 2500), (9000, 4000)]
        {
            let traffic = Traffic { keep_table: true, ..Traffic::mix(packets, flows, 3) };
            let (truth, all) = run(&traffic);
            assert_eq!((truth.packets, truth.flows), (packets, flows), "{packets} packets, {flows} flows");
            let table = truth.table.unwrap_or_default();
            assert_eq!(
                table.iter().map(crate::FlowTruth::packets).sum::<u64>() + truth.without_flow,
                packets
            );
            assert_eq!(all.iter().map(|p| u64::from(p.wire_len)).sum::<u64>(), truth.wire_bytes);
        }
    }

    #[test]
    fn a_seed_gives_the_same_packets_again() {
        let traffic = Traffic::mix(3000, 200, 11);
        assert_eq!(run(&traffic), run(&traffic));
        assert_ne!(run(&traffic).0.digest, run(&Traffic { seed: 12, ..traffic }).0.digest);
    }

    #[test]
    fn times_rise_and_keep_the_resolution() {
        for resolution_ns in [1, 1000] {
            let (_, all) = run(&Traffic { resolution_ns, ..Traffic::mix(20_000, 1000, 5) });
            assert!(all.is_sorted_by(|a, b| a.time_ns < b.time_ns));
            assert!(all.iter().all(|p| p.time_ns % resolution_ns == 0));
        }
    }

    #[test]
    fn five_tuples_are_unique() {
        let (truth, _) = run(&Traffic::plain(60_000, 10_000, 5));
        let table = truth.table.unwrap_or_default();
        let tuples: BTreeSet<_> =
            table.iter().map(|f| (f.protocol, f.client, f.client_port, f.server, f.server_port)).collect();
        assert_eq!(tuples.len(), 10_000);
    }

    #[test]
    fn more_packets_keep_as_many_flows_alive() {
        let live = |times: u64| run(&Traffic::mix(150_000 * times, 7500 * times, 5)).0.most_live;
        let (one, four) = (live(1), live(4));
        assert!(four < one + one / 4, "{one} live flows became {four}");
    }

    #[test]
    fn all_flows_can_be_alive_at_once() {
        let traffic =
            Traffic { pace: Pace::AllLive, packets_per_arp_pair: 0, ..Traffic::mix(12_500, 5000, 5) };
        let (truth, _) = run(&traffic);
        assert_eq!(truth.flows, 5000);
        assert!(truth.most_live >= 4900, "{} of 5000", truth.most_live);
    }

    #[test]
    fn minimum_frames_have_64_bytes() {
        let (_, all) = run(&Traffic { frame_sizes: FrameSizes::Minimum, ..Traffic::mix(20_000, 1000, 5) });
        assert!(all.iter().all(|p| p.data.len() == 64 && p.wire_len == 64));
    }

    #[test]
    fn the_mix_weighs_about_490_bytes_a_packet() {
        let (truth, _) = run(&Traffic::mix(200_000, 10_000, 1));
        let average = truth.wire_bytes / truth.packets;
        assert!((440..540).contains(&average), "{average}");
    }
}
