//! Handshake messages of both directions, and what they say.

use capkeep_pcap::Timestamp;

use super::fingerprint::{self, Carrier};
use super::hello::Hello;
use super::{Tls, TlsAlert, certificate};
use crate::apps::PacketRef;
use crate::apps::gather::Gather;

/// What the handshake has said so far.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    told: Tls,
    carrier: Carrier,
    /// Which direction is the client's.
    client: Option<usize>,
    hello_at: Option<Timestamp>,
}

/// When and where a message was completed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    pub(crate) at: Timestamp,
    pub(crate) packet: PacketRef,
    /// Its direction.
    pub(crate) from: usize,
}

/// Longest message that is waited for, in bytes.
const LONGEST: usize = Gather::LIMIT;

impl Handshake {
    pub(crate) fn over_tcp() -> Self {
        Self { told: Tls::default(), carrier: Carrier::Tcp, client: None, hello_at: None }
    }

    pub(crate) fn over_quic() -> Self {
        Self { carrier: Carrier::Quic, ..Self::over_tcp() }
    }

    /// Takes whole messages off the front of these bytes. How many bytes that were; `None` if what is there is no
    /// message, or one that is too long.
    pub(crate) fn messages(&mut self, bytes: &[u8], when: When) -> Option<usize> {
        let mut used = 0;
        while let Some([kind, a, b, c]) = bytes.get(used..).and_then(|rest| rest.first_chunk()) {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if *kind > 24 || length > LONGEST {
                return None;
            }
            let Some(body) = bytes.get(used + 4..used + 4 + length) else { break };
            self.message(*kind, body, when);
            used += 4 + length;
        }
        Some(used)
    }

    /// Takes the beginning of a message whose rest will not come.
    pub(crate) fn beginning(&mut self, bytes: &[u8], when: When) {
        if let Some([kind @ (1 | 2 | 11), _, _, _, body @ ..]) = bytes.get(..) {
            self.message(*kind, body, when);
        }
    }

    fn message(&mut self, kind: u8, body: &[u8], when: When) {
        match kind {
            1 => self.client_hello(body, when),
            2 => self.server_hello(body, when),
            11 => self.certificates(body, when),
            _ => {}
        }
    }

    fn client_hello(&mut self, body: &[u8], when: When) {
        let Some(hello) = Hello::client(body) else { return };
        self.client = Some(when.from);
        let told = &mut self.told;
        told.client_hellos += 1;
        if told.client_hellos > 1 {
            return;
        }
        self.hello_at = Some(when.at);
        told.client_hello_packet = Some(when.packet);
        told.version_offered = Some(hello.highest_version());
        if hello.is_whole {
            told.ja3 = Some(fingerprint::ja3(&hello));
            told.ja4 = Some(fingerprint::ja4(&hello, self.carrier));
        }
        told.has_encrypted_hello = hello.is_encrypted;
        told.sni = hello.sni;
        told.alpn_offered = hello.protocols;
    }

    fn server_hello(&mut self, body: &[u8], when: When) {
        let Some(hello) = Hello::server(body) else { return };
        self.client = Some(1 - when.from.min(1));
        let told = &mut self.told;
        told.server_hellos += 1;
        told.server_hello_packet = Some(when.packet);
        told.latency = told.latency.or_else(|| Some(when.at.since(self.hello_at?)));
        told.version = Some(hello.versions.first().copied().unwrap_or(hello.version));
        told.cipher = hello.ciphers.first().copied();
        told.ja3s = hello.is_whole.then(|| fingerprint::ja3s(&hello));
        told.alpn = hello.protocols.into_iter().next();
    }

    /// A list of certificates behind their lengths (RFC 5246, section 7.4.2). The client's are not kept.
    fn certificates(&mut self, body: &[u8], when: When) {
        if self.client == Some(when.from) || !self.told.certificates.is_empty() {
            return;
        }
        let mut rest = body.get(3..).unwrap_or_default();
        while let Some([a, b, c]) = rest.first_chunk()
            && self.told.certificates.len() < Tls::MOST_CERTIFICATES
        {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let Some(der) = rest.get(3..3 + length) else { return };
            self.told.certificates.extend(certificate::read(der, when.packet));
            rest = rest.get(3 + length..).unwrap_or_default();
        }
    }

    /// Notes an alert.
    pub(crate) fn alert(&mut self, level: u8, description: u8, when: When) {
        if self.told.alerts.len() < Tls::MOST_ALERTS {
            // Which end is the client is known at the end only.
            let from_client = when.from == 0;
            self.told.alerts.push(TlsAlert { level, description, from_client, packet: when.packet });
        }
    }

    /// What was said, by the end that is the client: 0 the lower one, 1 the higher.
    pub(crate) fn tell(self, client: usize) -> Tls {
        let mut told = self.told;
        for alert in &mut told.alerts {
            alert.from_client = alert.from_client == (client == 0);
        }
        told
    }

    /// Bytes that what was told takes, about.
    pub(crate) fn weight(&self) -> u64 {
        let told = &self.told;
        let names = told.certificates.iter().map(|c| 256 + 32 * c.names.len()).sum::<usize>();
        (size_of::<Self>() + names + 256) as u64
    }
}
