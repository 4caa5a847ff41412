//! What a finding is about.

use std::fmt;
use std::net::IpAddr;

use capkeep_flow::{FlowRecord, Protocol};

use crate::words;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Everything that was read.
    Everything,
    /// One capture file, by its index.
    Capture(u32),
    /// One host.
    Host(IpAddr),
    /// Two hosts: who does it, and to whom.
    Hosts(IpAddr, IpAddr),
    /// A service of one host.
    Service(Party),
    /// What one host says to a service of another.
    Conversation(IpAddr, Party),
    /// What one host does to the same port of many.
    Port(IpAddr, Protocol, u16),
}

/// A service of a host: who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party {
    /// The host.
    pub host: IpAddr,
    /// What it is asked over.
    pub protocol: Protocol,
    /// The port that is asked; 0 for protocols without.
    pub port: u16,
}

impl Party {
    /// The server of a flow.
    pub const fn server(flow: &FlowRecord) -> Self {
        Self { host: flow.server.ip, protocol: flow.protocol, port: flow.server.port }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host, self.port) {
            (host, 0) => write!(f, "{host} ({})", self.protocol.name()),
            (IpAddr::V4(host), port) => write!(f, "{host}:{port}/{}", self.protocol.name()),
            (IpAddr::V6(host), port) => write!(f, "[{host}]:{port}/{}", self.protocol.name()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("all captures"),
            Self::Capture(index) => write!(f, "capture {}", index + 1),
            Self::Host(host) => host.fmt(f),
            Self::Hosts(from, to) => write!(f, "{from} → {to}"),
            Self::Service(party) => party.fmt(f),
            Self::Conversation(client, party) => write!(f, "{client} → {party}"),
            Self::Port(client, protocol, port) => {
                write!(f, "{client} → port {}", words::service(*protocol, *port))
            }
        }
    }
}

impl Subject {
    /// The hosts it names.
    pub fn hosts(&self) -> Vec<IpAddr> {
        match self {
            Self::Everything | Self::Capture(_) => Vec::new(),
            Self::Host(host) | Self::Port(host, ..) => vec![*host],
            Self::Hosts(from, to) => vec![*from, *to],
            Self::Service(party) => vec![party.host],
            Self::Conversation(client, party) => vec![*client, party.host],
        }
    }

    /// Protocol and port it names; port 0 for protocols without.
    pub const fn port(&self) -> Option<(Protocol, u16)> {
        match self {
            Self::Service(party) | Self::Conversation(_, party) => Some((party.protocol, party.port)),
            Self::Port(_, protocol, port) => Some((*protocol, *port)),
            Self::Everything | Self::Capture(_) | Self::Host(_) | Self::Hosts(..) => None,
        }
    }

    /// A Wireshark display filter for its hosts and ports; `None` for whole captures.
    pub(crate) fn display_filter(&self) -> Option<String> {
        let is_arp = matches!(self.port(), Some((Protocol::Arp, _)));
        let mut parts: Vec<String> = self.hosts().into_iter().map(|host| address(host, is_arp)).collect();
        if let Some((protocol, port)) = self.port().filter(|(_, port)| *port != 0)
            && let Some(field) = port_field(protocol)
        {
            parts.push(format!("{field} == {port}"));
        }
        (!parts.is_empty()).then(|| parts.join(" && "))
    }
}

fn address(host: IpAddr, is_arp: bool) -> String {
    match host {
        IpAddr::V4(host) if is_arp => {
            format!("(arp.src.proto_ipv4 == {host} || arp.dst.proto_ipv4 == {host})")
        }
        IpAddr::V4(host) => format!("ip.addr == {host}"),
        IpAddr::V6(host) => format!("ipv6.addr == {host}"),
    }
}

/// Wireshark's field for a port.
const fn port_field(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Ip(6) => Some("tcp.port"),
        Protocol::Ip(17) => Some("udp.port"),
        Protocol::Ip(33) => Some("dccp.port"),
        Protocol::Ip(132) => Some("sctp.port"),
        Protocol::Ip(136) => Some("udplite.port"),
        _ => None,
    }
}
