//! Prints what the flows of capture files say of their TCP: a line of JSON for each file.
//!
//!     cargo run --release --package capkeep-flow --example tcp_health FILE…

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "an example is a program")]

use std::sync::Mutex;

use capkeep_flow::{Event, Input, Options, TcpSide, analyze};

/// A sum over all sides of all flows.
type Column = (&'static str, fn(&TcpSide) -> u64);

const COLUMNS: &[Column] = &[
    ("data_segments", |side| side.data_segments),
    ("retransmissions", TcpSide::all_retransmissions),
    ("fast_retransmissions", |side| side.fast_retransmissions),
    ("spurious_retransmissions", |side| side.spurious_retransmissions),
    ("needless", |side| side.needless),
    ("lost", TcpSide::lost),
    ("timeouts", |side| side.timeouts),
    ("out_of_order", |side| side.out_of_order),
    ("ambiguous", |side| side.ambiguous),
    ("copies", |side| side.copies),
    ("lost_before", |side| side.lost_before),
    ("acked_unseen", |side| side.acked_unseen),
    ("duplicate_acks", |side| side.duplicate_acks),
];

fn main() {
    for file in std::env::args_os().skip(1) {
        let sums = Mutex::new(vec![0; COLUMNS.len()]);
        analyze(&[Input::File(file.into())], &Options::default(), &|event| {
            let Event::Flows(flows) = event else { return };
            let Ok(mut sums) = sums.lock() else { return };
            for tcp in flows.iter().filter_map(|flow| flow.tcp.as_ref()) {
                for (sum, (_, value)) in sums.iter_mut().zip(COLUMNS) {
                    *sum += value(&tcp.from_client) + value(&tcp.from_server);
                }
            }
        });
        let sums = sums.into_inner().unwrap_or_default();
        let pairs: Vec<_> =
            COLUMNS.iter().zip(sums).map(|((name, _), sum)| format!("\"{name}\":{sum}")).collect();
        println!("{{{}}}", pairs.join(","));
    }
}
