//! Both ends: two captures of the same traffic, matched packet by packet.
//!
//! A packet is recognised by what no router and no address translation changes: protocol, sequence and acknowledgement
//! numbers, flags, lengths, payload, and the IP identification where it has one. From the times of the pairs come
//! offset and drift of the two clocks, from what has no partner the losses.
//!
//! Assumed: the fastest packets take as long in one direction as in the other; without a clock of their own two
//! captures cannot say more (NTP assumes the same, RFC 5905). The sum of both directions is exact in any case.
//! Needs about 100 bytes of memory for each packet of both captures.

mod clock;
mod compare;
mod matching;
mod sighting;

pub use clock::Clocks;
pub use compare::{Comparison, Missing, Pair, Rewritten, Way, compare};
