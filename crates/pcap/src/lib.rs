//! Capture file bytes → packets.
//!
//! [`Reader`] opens any capture file this crate knows (recognised by its first bytes, never by its name) and
//! yields its packets in file order, one at a time ([`Reader::next_packet`]) or by the [`Batch`].
//! [`decode`] takes the bytes of one packet apart: link layer, tags, tunnels, addresses, ports.

mod batch;
mod bytes;
mod compression;
mod decode;
mod error;
mod facts;
mod filter;
mod formats;
mod link_type;
mod reader;
#[cfg(test)]
mod reader_tests;
mod source;
mod stretch;
mod timestamp;
mod writer;

pub use batch::{Batch, Frame, Packet};
pub use compression::is_compressed;
pub use decode::{
    Address, Arp, Datagram, Decoded, Fragment, MAX_DEPTH, Quote, SkipReason, Tcp, Transport, TunnelKind,
    TunnelLayer, decode, decode_into, icmp_counterpart, ip_address, ip_protocol_name,
};
pub use error::{Error, Result};
pub use facts::{Compression, Drops, Facts, Format, Interface};
pub use filter::{Filter, FilterError};
pub use link_type::LinkType;
pub use reader::Reader;
pub use stretch::Stretch;
pub use timestamp::Timestamp;
pub use writer::PcapNgWriter;
