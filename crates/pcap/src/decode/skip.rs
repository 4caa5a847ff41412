//! Why a packet is in no flow.

use std::borrow::Cow;
use std::fmt;

use crate::LinkType;

/// Why a packet is in no flow. Counted, never silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its link type is not decoded.
    LinkType(LinkType),
    /// It carries a network protocol other than IP and ARP: its `EtherType`.
    EtherType(u16),
    /// It carries an IEEE 802.2 protocol: its DSAP.
    Llc(u8),
    /// It carries a PPP protocol other than IP.
    Ppp(u16),
    /// Management or control frame of the link layer, without a network packet.
    LinkControl,
    /// Payload that is encrypted below the network layer.
    Encrypted,
    /// Too few bytes were captured to reach the network addresses.
    TooShort,
    /// An IP header contradicts itself (version, header length).
    BadIpHeader,
    /// More tunnels in each other than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// Outside the times asked for.
    TimeRange,
    /// Left out by the filter.
    Filter,
}

impl SkipReason {
    /// Stable name for machines: lower case, underscores, the number or name of the protocol behind a colon.
    pub fn key(self) -> String {
        match self {
            Self::LinkType(link) => format!("link_type:{link}"),
            Self::EtherType(number) => format!("ether_type:{}", ether_type(number)),
            Self::Llc(sap) => format!("llc:{}", llc(sap)),
            Self::Ppp(number) => format!("ppp:{}", ppp(number)),
            Self::LinkControl => "link_control".into(),
            Self::Encrypted => "encrypted".into(),
            Self::TooShort => "too_short".into(),
            Self::BadIpHeader => "bad_ip_header".into(),
            Self::TooDeep => "too_deep".into(),
            Self::TimeRange => "time_range".into(),
            Self::Filter => "filter".into(),
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkType(link) => write!(f, "link type {link} is not decoded"),
            Self::EtherType(number) => write!(f, "not IP: {}", ether_type(*number)),
            Self::Llc(sap) => write!(f, "not IP: 802.2 {}", llc(*sap)),
            Self::Ppp(number) => write!(f, "not IP: PPP {}", ppp(*number)),
            Self::LinkControl => f.write_str("link layer management"),
            Self::Encrypted => f.write_str("encrypted below IP"),
            Self::TooShort => f.write_str("too few bytes captured to see addresses"),
            Self::BadIpHeader => f.write_str("broken IP header"),
            Self::TooDeep => f.write_str("too many tunnels in each other"),
            Self::TimeRange => f.write_str("outside --from/--to"),
            Self::Filter => f.write_str("left out by --filter"),
        }
    }
}

fn ether_type(number: u16) -> Cow<'static, str> {
    Cow::Borrowed(match number {
        0x0200 => "pup",
        0x0600 => "xns_idp",
        0x0800 => "ip",
        0x22f3 => "trill",
        0x6003 => "decnet",
        0x6558 => "trans_ether",
        0x8035 => "rarp",
        0x809b => "appletalk",
        0x80f3 => "aarp",
        0x8137 => "ipx",
        0x86dd => "ipv6",
        0x8808 => "flow_control",
        0x8809 => "slow_protocols",
        0x8863 => "pppoe_discovery",
        0x886f => "ms_nlb",
        0x8874 => "brcm_tag",
        0x887b => "homeplug",
        0x888e => "eapol",
        0x8892 => "profinet",
        0x88a2 => "ata_over_ethernet",
        0x88a4 => "ethercat",
        0x88b8 => "goose",
        0x88ba => "sampled_values",
        0x88cc => "lldp",
        0x88e1 => "homeplug_av",
        0x88e5 => "macsec",
        0x88f7 => "ptp",
        0x8902 => "cfm",
        0x8906 => "fcoe",
        0x8914 => "fip",
        0x894f => "nsh",
        0x9000 => "loopback",
        _ => return Cow::Owned(format!("0x{number:04x}")),
    })
}

fn llc(sap: u8) -> Cow<'static, str> {
    Cow::Borrowed(match sap {
        0x00 => "null",
        0x42 => "stp",
        0x7e => "x25",
        0xaa => "snap",
        0xe0 | 0xff => "ipx",
        0xf0 => "netbeui",
        0xfe => "osi",
        _ => return Cow::Owned(format!("0x{sap:02x}")),
    })
}

fn ppp(number: u16) -> Cow<'static, str> {
    Cow::Borrowed(match number {
        0x0023 => "osi",
        0x0029 => "appletalk",
        0x002b => "ipx",
        0x003d => "multilink",
        0x0053 => "encrypted",
        0x00fd => "compressed",
        0x8021 => "ipcp",
        0x8057 => "ipv6cp",
        0x80fd => "ccp",
        0x8281 => "mplscp",
        0xc021 => "lcp",
        0xc023 => "pap",
        0xc025 => "lqr",
        0xc223 => "chap",
        0xc227 => "eap",
        _ => return Cow::Owned(format!("0x{number:04x}")),
    })
}
