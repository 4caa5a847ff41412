//! What applications said: names, versions and outcomes, from the first packets of each flow.
//!
//! A flow is listened to until what it speaks is recognised or a few packets went by; then only as long as it says
//! something of use in the clear. Nothing is allocated for a flow that speaks nothing known, and what is kept of the
//! others is bounded for each and, with [`Room`](said::Room), for all. Never kept: bodies, credentials, cookies.

mod dhcp;
mod dns;
mod gather;
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(fuzzing), allow(unreachable_pub, reason = "public where it is fuzzed"))]
mod hear;
#[cfg(test)]
mod hostile;
mod http;
mod lines;
mod ntp;
mod packet_ref;
mod quic;
mod rdp;
mod said;
mod smb;
mod speech;
mod ssh;
mod tally;
mod text;
mod tls;

use std::net::IpAddr;

pub use dhcp::{Dhcp, dhcp_type_name};
pub use dns::{Answer, AnswerData, Dns, DnsKind, Lookup, dns_rcode_name, dns_type_name};
#[cfg(fuzzing)]
pub use hear::{Utterance, hear};
pub use http::{Exchange, Http};
pub use ntp::Ntp;
pub use packet_ref::PacketRef;
pub use quic::{Quic, quic_version_name};
pub use rdp::Rdp;
pub(crate) use said::{Room, Said};
pub use smb::Smb;
pub(crate) use speech::Listener;
pub use ssh::{Ssh, ssh_software};
pub use tls::{Certificate, Tls, TlsAlert, tls_alert_name, tls_cipher_name, tls_version_name};

/// What the application of a flow said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apps {
    /// What is spoken, first things first: a mail server that goes on in TLS is `smtp`.
    service: Option<&'static str>,
    /// DNS, multicast DNS, LLMNR.
    pub dns: Option<Box<Dns>>,
    /// TLS, also where QUIC carries it or another protocol goes on in it.
    pub tls: Option<Box<Tls>>,
    /// QUIC.
    pub quic: Option<Box<Quic>>,
    /// HTTP/1.
    pub http: Option<Box<Http>>,
    /// SSH.
    pub ssh: Option<Box<Ssh>>,
    /// RDP.
    pub rdp: Option<Rdp>,
    /// SMB.
    pub smb: Option<Smb>,
    /// DHCP.
    pub dhcp: Option<Box<Dhcp>>,
    /// NTP.
    pub ntp: Option<Box<Ntp>>,
    /// First line of an FTP, SMTP, POP3 or IMAP server, not printable bytes as `\DDD`.
    pub banner: Option<Box<str>>,
    /// The first packet that carries a password or the like for anybody to read: FTP, SMTP, POP3, IMAP,
    /// Telnet, `Basic` authorization of HTTP. The credentials themselves are not kept.
    pub cleartext_login: Option<PacketRef>,
}

impl Apps {
    /// The service by what is spoken: `dns`, `mdns`, `llmnr`, `tls`, `quic`, `http`, `ssh`, `rdp`, `smb`, `dhcp`,
    /// `dhcpv6`, `ntp`, `ftp`, `smtp`, `pop3`, `imap`, `telnet`.
    pub const fn service(&self) -> Option<&'static str> {
        self.service
    }

    /// Addresses that an answer gives for a name, with the name that was asked for. Names of strangers: escape them
    /// where they are shown.
    pub fn names(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        let lookups = self.dns.iter().flat_map(|dns| &dns.lookups);
        lookups.flat_map(|lookup| lookup.addresses().map(|address| (address, &*lookup.name)))
    }
}

#[cfg(test)]
mod tests {
    use capkeep_pcap::Timestamp;

    use super::PacketRef;
    use super::said::Said;

    /// A packet of the lower end that says this.
    pub(super) fn said(payload: &[u8]) -> Said<'_> {
        Said {
            payload,
            cut: 0,
            seq: 1,
            ack: Some(1),
            at: Timestamp::from_nanos(0),
            packet: PacketRef { capture: 0, number: 1 },
            from: 0,
            ports: (67, 68),
            is_tcp: true,
        }
    }
}
