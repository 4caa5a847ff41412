//! Packet filters in tcpdump's words.
//!
//! The language is the one of [pcap-filter(7)](https://www.tcpdump.org/manpages/pcap-filter.7.html): the same
//! words, the same precedence (`not` binds tightest, `and` and `or` alike and from left to right), the same
//! inheritance of qualifiers (`port 80 or 443`). What it is asked of is different.
//!
//! # What differs from tcpdump, on purpose
//!
//! tcpdump looks at fixed places in the bytes of a frame. This filter looks at the *decoded* packet, the one flows
//! are made of:
//!
//! * Addresses, ports, protocols and flags are those of the innermost layer, inside VLAN tags, MPLS labels, `PPPoE`
//!   and tunnels. `port 53` finds DNS inside VXLAN; `udp port 4789` finds only datagrams whose inside could not be
//!   read. `tunnel vxlan` finds the packets that came in one.
//! * For the same reason `vlan` does not shift what stands behind it: `port 80` finds tagged packets too, and
//!   `vlan 5` asks for the outermost tag, wherever it stands in the expression. There is one such tag, so
//!   `vlan 5 and vlan 6` finds nothing.
//! * Protocols are found behind every IPv6 extension header and behind an authentication header; tcpdump looks
//!   behind the fragment header alone.
//! * `tcp[…]`, `udp[…]`, `sctp[…]` and `icmp[…]` work for what the decoded packet keeps, and for IPv6 as well as
//!   IPv4 (`icmp` and `icmp6` stay apart).
//! * Packets without addresses (LLDP, spanning tree, 802.11 beacons, …) are counted as skipped before any filter,
//!   so `not tcp` does not bring them back.
//! * A header cut off by the snap length makes the one test false that needs it; tcpdump refuses the packet.
//!
//! # What is left out
//!
//! Everything that needs what a decoded packet does not keep: link-layer addresses (`ether host`, `broadcast`,
//! `gateway`), bytes at arbitrary places (`ip[8:2]`), the link-layer protocols without IP (`stp`, `ipx`, `iso`),
//! `mpls`, `pppoes` and `geneve` as words that shift what follows, 802.11 and pflog fields, `protochain`,
//! `inbound` and `outbound`. Host and network names are not looked up: a filter means the same on every machine.
//! Port and protocol names come from a table of the usual ones. Each of these is refused with an error that says
//! where it stands and what to write instead.

mod id;
mod lex;
mod names;
mod parse;
mod program;
mod sum;

use crate::Decoded;
use program::Program;

/// A parsed filter expression.
///
/// ```
/// use capkeep_pcap::Filter;
///
/// let filter = Filter::parse("tcp port 443 and not net 10.0.0.0/8")?;
/// assert!(Filter::parse("tcp prt 443").is_err());
/// # Ok::<(), capkeep_pcap::FilterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    program: Program,
}

impl Filter {
    /// Longest expression, in bytes. Chosen: room for thousands of addresses, and a bound on what one packet can
    /// cost.
    pub const MAX_LEN: usize = 65_536;
    /// Most parentheses and negations inside each other. Chosen: more than a person can read.
    pub const MAX_DEPTH: usize = 64;

    /// Reads an expression; an empty one lets every packet through.
    ///
    /// # Errors
    /// What is not understood or not supported, where it stands, and what to write instead where there is something.
    pub fn parse(expression: &str) -> Result<Self, FilterError> {
        if expression.len() > Self::MAX_LEN {
            return Err(FilterError {
                what: format!(
                    "the expression is {} bytes long and may have {}; it is too long",
                    expression.len(),
                    Self::MAX_LEN
                ),
                position: 0,
            });
        }
        Ok(Self { program: parse::parse(expression)? })
    }

    /// True if the packet is wanted. `wire_len` is its length on the wire in bytes, link layer included.
    #[inline]
    pub fn matches(&self, packet: &Decoded, wire_len: u32) -> bool {
        self.program.run(packet, wire_len)
    }
}

/// Why an expression is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at position {position}")]
pub struct FilterError {
    /// What is wrong.
    pub what: String,
    /// Where, in characters from 0.
    pub position: usize,
}

#[cfg(test)]
mod tests;
