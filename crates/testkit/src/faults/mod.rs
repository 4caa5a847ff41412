//! TCP with injected faults: what was sent again, what came late, and what only the capture did, is known.
//!
//! Connections are simulated end by end: segments get lost on the way, receivers acknowledge what they have, senders
//! send again after three duplicate acknowledgements or when their timer runs out. A capture somewhere on the way then
//! sees it, or sees it badly. What happened is counted where it is made to happen.

mod cases;
mod end;
mod simulation;
mod view;

pub use cases::{FAULT_CASES, FaultCase};
pub use view::{FaultCapture, FaultEvent, FaultKind, FaultTruth};

/// How senders fill the identification of IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identification {
    /// One counter for each host, as Windows has it, and Linux within a connection. SYN-ACKs carry 0, as those of
    /// Linux.
    PerHost,
    /// One counter for each connection and direction, as Linux has it.
    PerFlow,
    /// Always 0: RFC 6864 allows it, for packets that must not be fragmented.
    Zero,
    /// Drawn for each packet.
    Random,
}

/// Which directions the capture sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Both.
    Both,
    /// Of every connection what the client sends.
    Client,
    /// Of every connection what the server sends.
    Server,
}

/// Connections with faults. The same values give the same packets, on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Which of all connections that could be.
    pub seed: u64,
    /// Connections; each has 500 to 600 packets.
    pub connections: u64,
    /// Data segments that get lost between the capture and the receiver, in 10,000.
    pub lost_behind: u64,
    /// Data segments that get lost between the sender and the capture, in 10,000.
    pub lost_before: u64,
    /// Acknowledgements that get lost behind the capture, in 10,000.
    pub lost_acks: u64,
    /// Data segments that change places with the one behind them, before the capture, in 10,000.
    pub swapped: u64,
    /// How senders count packets.
    pub identification: Identification,
    /// Both ends send timestamps (RFC 7323).
    pub has_timestamps: bool,
    /// IPv6, which has no identification.
    pub is_v6: bool,
    /// The capture begins after the handshake of every connection.
    pub is_midstream: bool,
    /// Packets that the capture misses, in 10,000.
    pub missing: u64,
    /// Every packet is captured again so many nanoseconds later.
    pub copied_after_ns: Option<i64>,
    /// What the capture sees.
    pub sides: Sides,
}

impl Faults {
    /// About 60,000 packets, about 200 of them sent again, nothing else wrong.
    pub const CLEAN: Self = Self {
        seed: 5,
        connections: 110,
        lost_behind: 48,
        lost_before: 0,
        lost_acks: 10,
        swapped: 0,
        identification: Identification::PerHost,
        has_timestamps: false,
        is_v6: false,
        is_midstream: false,
        missing: 0,
        copied_after_ns: None,
        sides: Sides::Both,
    };

    /// What the capture holds, and the truth about it.
    pub fn capture(&self) -> FaultCapture {
        view::look(self, simulation::run(self))
    }
}

#[cfg(test)]
mod tests {
    use super::{FAULT_CASES, Faults, Sides};

    #[test]
    fn the_clean_case_is_as_large_as_it_says() {
        let capture = Faults::CLEAN.capture();
        let truth = &capture.truth;
        assert!((55_000..66_000).contains(&truth.packets), "{}", truth.packets);
        assert!((150..280).contains(&truth.retransmissions), "{truth:?}");
        assert!(truth.fast > 50 && truth.timeouts > 10, "{} {}", truth.fast, truth.timeouts);
        assert_eq!((truth.reordered, truth.copies, truth.missing), (0, 0, 0));
        assert_eq!(truth.retransmissions, truth.fast + truth.timeouts);
        assert_eq!(truth.packets, capture.packets.len() as u64);
        assert!(capture.packets.is_sorted_by_key(|packet| packet.time_ns));
    }

    #[test]
    fn a_seed_gives_the_same_capture_again() {
        let faults = Faults { connections: 6, ..Faults::CLEAN };
        assert_eq!(faults.capture(), faults.capture());
        assert_ne!(faults.capture(), Faults { seed: 6, ..faults }.capture());
    }

    #[test]
    fn what_the_capture_does_changes_nothing_of_what_happened() {
        let clean = Faults { connections: 20, swapped: 200, ..Faults::CLEAN };
        let truth = clean.capture().truth;
        assert!(truth.reordered > 50, "{}", truth.reordered);
        let copied = Faults { copied_after_ns: Some(3_000), ..clean }.capture().truth;
        assert_eq!((copied.retransmissions, copied.reordered), (truth.retransmissions, truth.reordered));
        assert_eq!((copied.packets, copied.copies), (2 * truth.packets, truth.packets));
        let halves = [Sides::Client, Sides::Server].map(|sides| Faults { sides, ..clean }.capture().truth);
        let sum = |of: fn(&super::FaultTruth) -> u64| halves.iter().map(of).sum::<u64>();
        assert_eq!(sum(|half| half.packets), truth.packets);
        assert_eq!(sum(|half| half.retransmissions), truth.retransmissions);
        let fewer = Faults { missing: 100, ..clean }.capture().truth;
        assert_eq!(fewer.packets + fewer.missing, truth.packets);
    }

    #[test]
    fn events_name_packets_that_are_there() {
        let capture = Faults { connections: 20, swapped: 200, missing: 100, ..Faults::CLEAN }.capture();
        for event in &capture.truth.events {
            let packet = &capture.packets[event.packet as usize - 1];
            assert!(packet.origin.is_some_and(|origin| origin.flow == event.flow && origin.payload_len > 0));
        }
    }

    #[test]
    fn cases_have_names_of_their_own() {
        let mut names: Vec<_> = FAULT_CASES.iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULT_CASES.len());
    }
}
