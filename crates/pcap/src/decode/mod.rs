//! The bytes of one packet → addresses, ports, tunnels.
//!
//! [`decode`] takes off layer after layer until nothing it knows is left; what describes the packet is the
//! *innermost* network layer that could be read, and what was around it is its [tunnel](Decoded::tunnel). A tunnel
//! whose inside cannot be read leaves the packet to the outer addresses: nothing is lost.
//!
//! Wireshark's innermost layer is the same, on purpose, with these exceptions: fragments are not put together (the
//! first one has the ports, none is looked into for tunnels); what an ICMP error quotes is not the packet; a tunnel
//! is recognised by its ports and its header, never by what was seen before; the first of several packets in one
//! frame (802.11 aggregates) stands for all; RARP is no ARP.
//!
//! Headers are read with `etherparse` where it has them; the tunnels and the rarer link layers, which it does not
//! have, are read here.

mod icmp;
mod ip;
mod juniper;
mod link;
mod names;
mod ppp;
mod skip;
mod transport;
mod tunnel;
mod tunnels;
mod wlan;
mod wrapped;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use icmp::icmp_counterpart;
pub use names::ip_protocol_name;
pub use skip::SkipReason;
pub use tunnel::{TunnelKind, TunnelLayer};

use crate::LinkType;

/// Most layers (tags, labels, tunnels, extension headers) taken off one packet. Chosen: deeper than any real
/// network, shallow enough that a packet made to be deep cannot exhaust the stack.
pub const MAX_DEPTH: u8 = 32;

/// A network address, comparable and hashable at the speed of an integer: an IPv4 address in the lowest 32 bits,
/// or an IPv6 address. Which of the two it is stands in [`Decoded::is_v6`].
pub type Address = u128;

/// What is known of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Source of the innermost network layer.
    pub source: Address,
    /// Destination of the innermost network layer.
    pub destination: Address,
    /// Source port; for ICMP the type; 0 where there is none or it was not captured.
    pub source_port: u16,
    /// Destination port; for ICMP the type that answers this one, else the code.
    pub destination_port: u16,
    /// True for IPv6 addresses.
    pub is_v6: bool,
    /// True for ARP: then the addresses are the sender's and the target's protocol addresses.
    pub is_arp: bool,
    /// IP protocol number.
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Bytes above the transport header, by what the headers say; 0 for TCP whose header was not captured far enough
    /// to say how long it is.
    pub payload_len: u32,
    /// Bytes of that payload which lie in front of the end of the captured bytes.
    pub payload_captured: u32,
    /// Where that payload starts among the captured bytes of the packet; 0 if nothing of it was captured.
    pub payload_at: u32,
    /// IPv4 identification (RFC 791, RFC 6864).
    pub ip_id: Option<u16>,
    /// True if no router may fragment it: IPv4 with the flag, IPv6 always.
    pub dont_fragment: bool,
    /// First fragments: what the transport header says of the whole datagram.
    pub datagram: Datagram,
    /// How much of the transport header could be read.
    pub transport: Transport,
    /// TCP header.
    pub tcp: Tcp,
    /// Checksum of a TCP or UDP header, as it stands there.
    pub checksum: u16,
    /// Fragmentation.
    pub fragment: Fragment,
    /// ICMP type and code.
    pub icmp: Option<(u8, u8)>,
    /// What an ICMP error quotes.
    pub quoted: Option<Quote>,
    /// What an ARP packet says besides its addresses.
    pub arp: Option<Arp>,
    /// Outermost VLAN id.
    pub vlan: Option<u16>,
    /// Innermost tunnel.
    pub tunnel: Option<TunnelLayer>,
    /// Tunnels taken off.
    pub tunnel_depth: u8,
    /// Distinguishes address spaces: a digest of the kinds and virtual network ids of the tunnels around the packet,
    /// 0 without a tunnel.
    pub scope: u64,
    /// Layers taken off so far.
    pub(crate) depth: u8,
    /// Address in memory at which the payload starts, until the place in the packet is known.
    pub(crate) payload_address: usize,
}

impl Decoded {
    /// Source as a standard address.
    pub fn source_ip(&self) -> IpAddr {
        ip_address(self.source, self.is_v6)
    }

    /// Destination as a standard address.
    pub fn destination_ip(&self) -> IpAddr {
        ip_address(self.destination, self.is_v6)
    }
}

/// An [`Address`] as a standard one.
pub fn ip_address(address: Address, is_v6: bool) -> IpAddr {
    if is_v6 { IpAddr::V6(Ipv6Addr::from(address)) } else { IpAddr::V4(Ipv4Addr::from(address as u32)) }
}

/// How much of the transport header could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// None: another protocol, a later fragment, or nothing of it was captured.
    #[default]
    None,
    /// The ports, but not the rest.
    Ports,
    /// The whole fixed header.
    Whole,
}

/// Fields of a TCP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Window as in the header, not scaled.
    pub window: u16,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub flags: u8,
    /// True if the SYN permits selective acknowledgements.
    pub sack_permitted: bool,
    /// Maximum segment size of a SYN.
    pub mss: Option<u16>,
    /// Window scale shift of a SYN.
    pub window_scale: Option<u8>,
    /// Value and echo reply of the timestamps option (RFC 7323).
    pub timestamps: Option<(u32, u32)>,
    /// First block of a selective acknowledgement (RFC 2018): left and right edge.
    pub sack: Option<(u32, u32)>,
}

impl Tcp {
    /// FIN.
    pub const FIN: u8 = 1;
    /// SYN.
    pub const SYN: u8 = 2;
    /// RST.
    pub const RST: u8 = 4;
    /// ACK.
    pub const ACK: u8 = 16;
}

/// Fragmentation of the innermost IP packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fragment {
    /// Not a fragment.
    #[default]
    No,
    /// The first fragment, with the transport header. Carries the identification.
    First(u32),
    /// A later fragment, without.
    Later {
        /// Identification.
        id: u32,
        /// Where it lies in the datagram, in bytes.
        offset: u32,
    },
}

/// What the transport header in a first fragment says of the whole datagram; bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Datagram {
    /// Length of the transport header.
    pub header: u32,
    /// Length of header and payload, where the header says it (UDP): what lies behind it is padding.
    pub length: Option<u32>,
}

/// What an ARP packet says besides its addresses (RFC 826).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u16,
    /// Hardware address of the sender, if it is one of 6 bytes.
    pub sender: Option<[u8; 6]>,
}

/// The packet that an ICMP error quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Its source.
    pub source: Address,
    /// Its destination.
    pub destination: Address,
    /// Its source port, 0 if not quoted.
    pub source_port: u16,
    /// Its destination port, 0 if not quoted.
    pub destination_port: u16,
    /// Its IP protocol.
    pub protocol: u8,
    /// True for IPv6.
    pub is_v6: bool,
    /// Largest packet that would have passed, where the error says it (RFC 1191, RFC 4443 section 3.2); bytes.
    pub mtu: Option<u32>,
}

/// Takes the packet apart. `wire_len` is what it had on the wire; `data` may be less.
///
/// # Errors
/// The reason why the packet has no network addresses to be counted under.
pub fn decode(link: LinkType, data: &[u8], wire_len: u32) -> Result<Decoded, SkipReason> {
    let mut out = Decoded::default();
    decode_into(link, data, wire_len, &mut out)?;
    Ok(out)
}

/// As [`decode`], into a value that is used again: what it held is dropped.
///
/// # Errors
/// As [`decode`]; then `out` holds nothing of use.
#[inline]
pub fn decode_into(link: LinkType, data: &[u8], wire_len: u32, out: &mut Decoded) -> Result<(), SkipReason> {
    *out = Decoded::default();
    let cursor = Cursor { bytes: data, wire: (wire_len as usize).max(data.len()) };
    if link == LinkType::ETHERNET {
        link::ethernet(cursor, out)?;
    } else {
        link::any(link, cursor, out)?;
    }
    let address = std::mem::take(&mut out.payload_address);
    if out.payload_captured > 0 {
        out.payload_at = address.wrapping_sub(data.as_ptr().addr()) as u32;
    }
    Ok(())
}

/// What is left of a packet: the captured bytes, and how many there were on the wire.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    bytes: &'a [u8],
    /// Never less than `bytes.len()`.
    wire: usize,
}

impl Cursor<'_> {
    /// Without its first `n` bytes; empty if there are fewer.
    #[inline]
    fn skip(self, n: usize) -> Self {
        Self { bytes: self.bytes.get(n..).unwrap_or_default(), wire: self.wire.saturating_sub(n) }
    }

    /// At most `n` bytes of it: drops padding and trailers.
    #[inline]
    fn trim(self, n: usize) -> Self {
        if n >= self.wire {
            return self;
        }
        Self { bytes: self.bytes.get(..n).unwrap_or(self.bytes), wire: n }
    }

    #[inline]
    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], SkipReason> {
        self.bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(SkipReason::TooShort)
    }

    #[inline]
    fn u8(self, at: usize) -> Result<u8, SkipReason> {
        self.bytes.get(at).copied().ok_or(SkipReason::TooShort)
    }

    #[inline]
    fn u16(self, at: usize) -> Result<u16, SkipReason> {
        self.array(at).map(u16::from_be_bytes)
    }

    #[inline]
    fn u32(self, at: usize) -> Result<u32, SkipReason> {
        self.array(at).map(u32::from_be_bytes)
    }

    #[inline]
    fn u16_le(self, at: usize) -> Result<u16, SkipReason> {
        self.array(at).map(u16::from_le_bytes)
    }

    #[inline]
    fn u32_le(self, at: usize) -> Result<u32, SkipReason> {
        self.array(at).map(u32::from_le_bytes)
    }
}

impl Decoded {
    /// Counts one more layer.
    #[inline]
    fn descend(&mut self) -> Result<(), SkipReason> {
        if self.depth >= MAX_DEPTH {
            return Err(SkipReason::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }
}
