//! Makes capture files whose truth is known.
//!
//! An oracle for readers of captures: it shares no code with them. [`Traffic`] makes packets to order, as many as
//! wanted, and counts what it makes into a [`Truth`]; an [`Encoder`] writes them to a file. [`variants`] are one small
//! set of packets written in many ways, each with what a reader has to find in it.
//!
//! ```
//! use capkeep_testkit::{Pcap, Traffic, encode, variants};
//!
//! let mut packets = Traffic::mix(1000, 50, 42).packets();
//! let file = encode(&mut Pcap::ETHERNET.clone(), &packets.by_ref().collect::<Vec<_>>());
//! assert_eq!((packets.truth().packets, packets.truth().flows), (1000, 50));
//! assert_eq!(file.len() as u64, 24 + 16 * 1000 + packets.truth().wire_bytes);
//!
//! for variant in variants() {
//!     let (_bytes, expected) = variant.bytes();
//!     assert!(expected.flows.len() <= 140, "{}", variant.name);
//! }
//! ```

mod faults;
mod format;
mod packet;
mod random;
mod traffic;
mod truth;
mod variants;
mod wire;

pub use faults::{
    FAULT_CASES, FaultCapture, FaultCase, FaultEvent, FaultKind, FaultTruth, Faults, Identification, Sides,
};
pub use format::{
    Encoder, NetMon1, NetMon2, Pcap, PcapNg, Resolution, Snoop, encode, stream, stream_forward,
};
pub use packet::{Origin, Packet};
pub use random::Random;
pub use traffic::{FrameSizes, Pace, Packets, Traffic};
pub use truth::{ConnState, DirectionTruth, FlowTruth, Protocol, Truth};
pub use variants::{BASE, Detail, Ending, Expected, Variant, variants};
