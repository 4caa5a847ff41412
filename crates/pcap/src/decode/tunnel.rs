//! Tunnels.

use std::net::IpAddr;

/// Kind of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum TunnelKind {
    /// VXLAN (RFC 7348), VXLAN-GPE included; the id is the VNI.
    Vxlan = 1,
    /// Geneve (RFC 8926); the id is the VNI.
    Geneve,
    /// GRE (RFC 2784, 2890) and its version 1 for PPTP (RFC 2637); the id is the key or call id.
    Gre,
    /// NVGRE (RFC 7637); the id is the VSID.
    Nvgre,
    /// ERSPAN types I, II and III; the id is the session.
    Erspan,
    /// IPv4 in IPv4 (RFC 2003).
    IpInIp,
    /// IPv6 in IPv4 (RFC 4213), 6to4 and ISATAP included.
    SixInFour,
    /// IPv4 in IPv6 (RFC 2473).
    FourInSix,
    /// IPv6 in IPv6 (RFC 2473).
    SixInSix,
    /// GTP-U (3GPP TS 29.281); the id is the TEID, in version 0 the flow label.
    Gtp,
    /// Teredo (RFC 4380).
    Teredo,
    /// L2TP over UDP (RFC 2661, 3931); the id is the tunnel and session id.
    L2tp,
    /// MPLS in UDP (RFC 7510) or in IP (RFC 4023).
    Mpls,
    /// AYIYA.
    Ayiya,
    /// `EtherIP` (RFC 3378).
    EtherIp,
    /// CAPWAP data (RFC 5415).
    Capwap,
    /// LISP data (RFC 9300).
    Lisp,
}

impl TunnelKind {
    /// Name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Nvgre => "nvgre",
            Self::Erspan => "erspan",
            Self::IpInIp => "ipip",
            Self::SixInFour => "6in4",
            Self::FourInSix => "4in6",
            Self::SixInSix => "6in6",
            Self::Gtp => "gtp",
            Self::Teredo => "teredo",
            Self::L2tp => "l2tp",
            Self::Mpls => "mpls",
            Self::Ayiya => "ayiya",
            Self::EtherIp => "etherip",
            Self::Capwap => "capwap",
            Self::Lisp => "lisp",
        }
    }

    /// True if the id names a virtual network, the same in both directions: two tenants may use the same
    /// addresses, so it belongs to the identity of a flow. Keys, sessions and TEIDs differ by direction.
    pub const fn id_scopes_addresses(self) -> bool {
        matches!(self, Self::Vxlan | Self::Geneve | Self::Nvgre)
    }
}

/// One tunnel around a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelLayer {
    /// Kind.
    pub kind: TunnelKind,
    /// Identifier, if it has one.
    pub id: Option<u32>,
    /// Outer source address.
    pub source: IpAddr,
    /// Outer destination address.
    pub destination: IpAddr,
}
