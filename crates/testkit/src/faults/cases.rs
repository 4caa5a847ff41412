//! The cases of the truth table.

use super::{Faults, Identification, Sides};

/// A row of the truth table.
#[derive(Clone, Copy, Debug)]
pub struct FaultCase {
    /// Name, also of its file.
    pub name: &'static str,
    /// What is particular about it.
    pub doc: &'static str,
    /// The connections and their capture.
    pub faults: Faults,
    /// True if the packets themselves say what happened to them, so that a reader has no excuse.
    pub is_decidable: bool,
}

const fn case(name: &'static str, doc: &'static str, faults: Faults) -> FaultCase {
    FaultCase { name, doc, faults, is_decidable: true }
}

const fn hard(name: &'static str, doc: &'static str, faults: Faults) -> FaultCase {
    FaultCase { name, doc, faults, is_decidable: false }
}

const CLEAN: Faults = Faults::CLEAN;
const SWAPPED: Faults = Faults { swapped: 220, ..CLEAN };
const COPIED: Faults = Faults { copied_after_ns: Some(3_000), ..CLEAN };

/// Every case.
pub const FAULT_CASES: &[FaultCase] = &[
    case("clean", "segments lost behind the capture, nothing else", CLEAN),
    case("clean-timestamps", "the same, with timestamps", Faults { has_timestamps: true, ..CLEAN }),
    case(
        "clean-per-connection",
        "the same, identifications counted for each connection",
        Faults { identification: Identification::PerFlow, ..CLEAN },
    ),
    case(
        "lost-before",
        "segments lost before the capture, which sees only the second sending",
        Faults { lost_behind: 0, lost_before: 48, ..CLEAN },
    ),
    case("missing", "1 % of the packets missing from the capture only", Faults { missing: 100, ..CLEAN }),
    case("midstream", "the capture begins after every handshake", Faults { is_midstream: true, ..CLEAN }),
    case("copies", "every packet captured twice, 3 µs apart", COPIED),
    case(
        "copies-late",
        "every packet captured twice, 2 ms apart, others in between",
        Faults { copied_after_ns: Some(2_000_000), ..CLEAN },
    ),
    case("client-side", "only what clients send", Faults { sides: Sides::Client, ..CLEAN }),
    case("server-side", "only what servers send", Faults { sides: Sides::Server, ..CLEAN }),
    case("swapped", "neighbouring segments swapped", SWAPPED),
    case("swapped-timestamps", "the same, with timestamps", Faults { has_timestamps: true, ..SWAPPED }),
    case(
        "swapped-per-connection",
        "the same, identifications counted for each connection",
        Faults { identification: Identification::PerFlow, ..SWAPPED },
    ),
    case("swapped-midstream", "swapped, no handshake", Faults { is_midstream: true, ..SWAPPED }),
    case(
        "swapped-server-side",
        "swapped, only what servers send",
        Faults { sides: Sides::Server, ..SWAPPED },
    ),
    case("swapped-copies", "swapped, every packet captured twice", Faults { swapped: 220, ..COPIED }),
    case("swapped-missing", "swapped, 1 % missing", Faults { missing: 100, ..SWAPPED }),
    case(
        "everything",
        "swapped, lost before and behind, 1 % missing, captured twice, no handshake, timestamps",
        Faults {
            lost_before: 24,
            lost_behind: 24,
            missing: 100,
            is_midstream: true,
            has_timestamps: true,
            swapped: 220,
            ..COPIED
        },
    ),
    hard(
        "swapped-zero",
        "swapped, identification always 0",
        Faults { identification: Identification::Zero, ..SWAPPED },
    ),
    hard(
        "swapped-zero-timestamps",
        "swapped, identification always 0, timestamps",
        Faults { identification: Identification::Zero, has_timestamps: true, ..SWAPPED },
    ),
    hard(
        "swapped-random",
        "swapped, random identifications",
        Faults { identification: Identification::Random, ..SWAPPED },
    ),
    hard(
        "copies-zero",
        "captured twice, identification always 0",
        Faults { identification: Identification::Zero, ..COPIED },
    ),
    hard(
        "swapped-ipv6",
        "swapped, IPv6, timestamps",
        Faults { is_v6: true, has_timestamps: true, ..SWAPPED },
    ),
    hard(
        "copies-ipv6",
        "captured twice, IPv6, timestamps",
        Faults { is_v6: true, has_timestamps: true, ..COPIED },
    ),
];
