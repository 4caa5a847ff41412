//! TLS up to where it encrypts.

mod certificate;
mod fingerprint;
mod handshake;
mod hello;
mod talk;

use capkeep_pcap::Timestamp;
use tls_parser::{TlsAlertDescription, TlsCipherSuite};

use super::PacketRef;

pub(super) use handshake::{Handshake, When};
pub(super) use talk::{Talk, is_record};

/// What a flow said in TLS before it encrypted. In QUIC the same, out of its Initial packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Client hellos (two where the server asked for another one).
    pub client_hellos: u32,
    /// Server hellos, requests for another client hello among them.
    pub server_hellos: u32,
    /// Highest version that the client offered (0x0303 is TLS 1.2, 0x0304 TLS 1.3).
    pub version_offered: Option<u16>,
    /// Version that the server chose.
    pub version: Option<u16>,
    /// Cipher suite that the server chose (IANA's number); see [`tls_cipher_name`].
    pub cipher: Option<u16>,
    /// Name that the client asked for (SNI), not printable bytes as `\DDD`.
    pub sni: Option<Box<str>>,
    /// Protocols that the client offered (ALPN), the first few.
    pub alpn_offered: Vec<Box<str>>,
    /// Protocol that the server chose, if it said so in the clear (up to TLS 1.2).
    pub alpn: Option<Box<str>>,
    /// True if the client hello carries an encrypted one (ECH): the name is that of the front then.
    pub has_encrypted_hello: bool,
    /// JA3 of the client hello, 32 hexadecimal digits.
    pub ja3: Option<Box<str>>,
    /// JA3S of the server hello, 32 hexadecimal digits.
    pub ja3s: Option<Box<str>>,
    /// JA4 of the client hello.
    pub ja4: Option<Box<str>>,
    /// The server's certificates as it sent them, its own first (up to TLS 1.2: later ones are encrypted).
    pub certificates: Vec<Certificate>,
    /// Alerts in the clear.
    pub alerts: Vec<TlsAlert>,
    /// The packet that completed the first client hello.
    pub client_hello_packet: Option<PacketRef>,
    /// The packet that completed the last server hello.
    pub server_hello_packet: Option<PacketRef>,
    /// From the first client hello to the first server hello; nanoseconds.
    pub latency: Option<i64>,
}

impl Tls {
    /// Most certificates that are kept (chosen: a chain has two to four).
    pub const MOST_CERTIFICATES: usize = 4;
    /// Most alerts that are kept (chosen: a connection has one or two).
    pub const MOST_ALERTS: usize = 8;
    /// Most protocols that are kept of an offer (chosen: clients offer two or three).
    pub const MOST_PROTOCOLS: usize = 8;
    /// Most other names that are kept of a certificate (chosen: names enough to see what it is for).
    pub const MOST_NAMES: usize = 16;
}

/// What an X.509 certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is for (`CN=…, O=…`), not printable bytes as `\DDD`.
    pub subject: Box<str>,
    /// Who signed it.
    pub issuer: Box<str>,
    /// Not valid before; seconds since the epoch.
    pub not_before: i64,
    /// Not valid after; seconds since the epoch.
    pub not_after: i64,
    /// DNS names it is for, the first few.
    pub names: Vec<Box<str>>,
    /// The packet that completed it.
    pub packet: PacketRef,
}

impl Certificate {
    /// True if it says that it was signed by whom it is for.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// True if it is not valid at this time.
    pub fn is_invalid_at(&self, at: Timestamp) -> bool {
        let seconds = at.nanos().div_euclid(1_000_000_000);
        seconds < self.not_before || seconds > self.not_after
    }
}

/// An alert in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsAlert {
    /// 1 for a warning, 2 for the end.
    pub level: u8,
    /// What about (IANA's number); see [`tls_alert_name`].
    pub description: u8,
    /// True if the client sent it.
    pub from_client: bool,
    /// Its packet.
    pub packet: PacketRef,
}

/// IANA's name of a cipher suite.
pub fn tls_cipher_name(cipher: u16) -> Option<&'static str> {
    TlsCipherSuite::from_id(cipher).map(|suite| suite.name)
}

/// Name of a version (`TLS 1.2`).
pub const fn tls_version_name(version: u16) -> Option<&'static str> {
    Some(match version {
        0x0002 | 0x0200 => "SSL 2.0",
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        0x7f00..=0x7fff => "TLS 1.3 (draft)",
        _ => return None,
    })
}

/// Name of an alert in lower case (`handshake_failure`), `alert_99` where it has none.
pub fn tls_alert_name(description: u8) -> String {
    let known = format!("{}", TlsAlertDescription(description));
    if !known.starts_with(|c: char| c.is_ascii_uppercase())
        || known.contains(|c: char| !c.is_ascii_alphabetic())
    {
        return format!("alert_{description}");
    }
    let mut out = String::new();
    for c in known.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{tls_alert_name, tls_cipher_name, tls_version_name};

    #[test]
    fn numbers_have_names() {
        assert_eq!(tls_alert_name(40), "handshake_failure");
        assert_eq!(tls_alert_name(48), "unknown_ca");
        assert_eq!(tls_alert_name(200), "alert_200");
        assert_eq!(tls_cipher_name(0x1301), Some("TLS_AES_128_GCM_SHA256"));
        assert_eq!(tls_version_name(0x0303), Some("TLS 1.2"));
    }
}
