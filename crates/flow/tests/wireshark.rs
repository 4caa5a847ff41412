//! TCP events of real captures against those that Wireshark counts.
//!
//! The captures do not belong to this project and are not part of it. Set `CAPKEEP_CAPTURES` to a folder with
//! `key.jsonl` and `files/`, or have it beside the checkout; without it the test says so and passes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may panic, and speak of what it skips"
)]

mod common;

use capkeep_flow::{FlowRecord, TcpSide};

use common::{Keyed, captures, read};

/// Wireshark's events, and how they are counted here.
type Count = fn(&TcpSide) -> u64;
const EVENTS: &[(&str, Count)] = &[
    ("retransmission", TcpSide::all_retransmissions),
    ("fast_retransmission", |side| side.fast_retransmissions),
    ("spurious_retransmission", |side| side.spurious_retransmissions),
    ("out_of_order", |side| side.out_of_order),
    ("lost_segment", |side| side.gaps),
    ("ack_lost_segment", |side| side.acked_unseen),
    ("duplicate_ack", |side| side.duplicate_acks),
    ("zero_window", |side| side.zero_windows),
    ("zero_window_probe", |side| side.zero_window_probes),
    ("zero_window_probe_ack", |side| side.zero_window_probe_acks),
    ("window_full", |side| side.window_full),
    ("window_update", |side| side.window_updates),
    ("keep_alive", |side| side.keep_alives),
    ("keep_alive_ack", |side| side.keep_alive_acks),
    // Retransmissions that Wireshark gives a time since the original: all that are neither fast nor spurious.
    ("rto", |side| side.retransmissions),
];

/// The same for what is counted for each flow.
type FlowCount = fn(&FlowRecord) -> bool;
const FLOW_EVENTS: &[(&str, FlowCount)] = &[("reused_ports", |flow| flow.ports_reused)];

const COPIES: &str = "the capture holds packets twice (same identification and bytes within a moment), which Wireshark takes for \
     retransmissions and duplicate acknowledgements";

/// Where the numbers differ, and why: file name ending, event, reason.
const EXPLAINED: &[(&str, &str, &str)] = &[
    ("wireshark-retrans.pcap", "", COPIES),
    ("pptp.pcap", "", COPIES),
    ("nflog-http.pcap", "", COPIES),
    ("ssh-dups.pcap", "", COPIES),
    (
        "206_example_a.pcap",
        "retransmission out_of_order rto",
        "no handshake is seen, so Wireshark goes by 3 ms; the identification says that they were sent later",
    ),
    ("206_example_b.pcap", "retransmission out_of_order rto", "as 206_example_a.pcap"),
    (
        "tls2.pcap",
        "ack_lost_segment",
        "half of the server's segments are missing; Wireshark stops saying so until it sees the next one",
    ),
    ("reassembly.pcap", "ack_lost_segment", "as tls2.pcap"),
    (
        "reassembly.pcap",
        "fast_retransmission rto",
        "a FIN that is sent again with every acknowledgement; Wireshark takes that for fast",
    ),
    (
        "rst-inject-rae.pcap",
        "lost_segment ack_lost_segment reused_ports",
        "an injected reset with the sequence number of nobody; Wireshark begins a new stream with the SYN-ACK after it",
    ),
    (
        "pppoe-over-qinq.pcap",
        "spurious_retransmission rto",
        "segments of which only a part is acknowledged twice over; all are retransmissions in both",
    ),
];

#[test]
fn events_are_counted_as_wireshark_counts_them() {
    let Some(captures) = captures() else { return };
    let (mut cells, mut same, mut other) = (0, 0, Vec::new());
    let mut used = vec![false; EXPLAINED.len()];
    for Keyed { name, path, truth } in &captures {
        let (_, flows) = read(path);
        let sides: Vec<&TcpSide> = flows
            .iter()
            .filter_map(|flow| flow.tcp.as_deref())
            .flat_map(|tcp| [&tcp.from_client, &tcp.from_server])
            .collect();
        let copies: u64 = sides.iter().map(|side| side.copies).sum();
        let of_sides =
            EVENTS.iter().map(|(event, count)| (event, sides.iter().map(|side| count(side)).sum::<u64>()));
        let tcp: Vec<&FlowRecord> = flows.iter().filter(|flow| flow.tcp.is_some()).collect();
        let of_flows = FLOW_EVENTS
            .iter()
            .map(|(event, count)| (event, tcp.iter().filter(|flow| count(flow)).count() as u64));
        for (event, here) in of_sides.chain(of_flows) {
            let there = truth["tcp_analysis"][event].as_u64().unwrap();
            cells += 1;
            if here == there {
                same += 1;
                continue;
            }
            let explains = |(ending, events, _): &(&str, &str, &str)| {
                name.ends_with(ending)
                    && (events.is_empty() || events.split(' ').any(|known| known == *event))
            };
            if let Some(index) = EXPLAINED.iter().position(explains) {
                used[index] = true;
            } else {
                other.push(format!("{name}: {event}: here {here}, Wireshark {there}, copies {copies}"));
            }
        }
    }
    for ((ending, events, _), _) in EXPLAINED.iter().zip(used).filter(|(_, used)| !used && cells > 1_000) {
        other.push(format!("{ending}: {events}: explained, but there is no difference"));
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
    assert!(same * 100 >= cells * 98, "{same} of {cells} cells are the same");
}
