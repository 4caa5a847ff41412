//! Client and server hellos.
//!
//! The frame around the extensions is read here, because `tls-parser` takes a hello whole or not at all and captures are
//! cut by a snap length; what is in an extension is read by it.

use tls_parser::{TlsExtension, parse_tls_client_hello_extension, parse_tls_server_hello_extension};

use super::Tls;
use crate::apps::text::text;

/// A hello, as far as it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    /// Version as the field of old says.
    pub(super) version: u16,
    /// Those offered, or the one chosen.
    pub(super) ciphers: Vec<u16>,
    /// Kinds of extensions, in their order.
    pub(super) extensions: Vec<u16>,
    pub(super) groups: Vec<u16>,
    pub(super) point_formats: Vec<u8>,
    pub(super) signatures: Vec<u16>,
    pub(super) versions: Vec<u16>,
    pub(super) sni: Option<Box<str>>,
    pub(super) protocols: Vec<Box<str>>,
    /// First and last byte of the first protocol.
    pub(super) protocol_ends: Option<(u8, u8)>,
    pub(super) is_encrypted: bool,
    pub(super) is_whole: bool,
}

/// Takes bytes off the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|chunk| u16::from_be_bytes(*chunk))
    }
}

impl Hello {
    /// Reads what follows the header of a client hello.
    pub(super) fn client(body: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        let mut hello = Self { version: bytes.u16()?, ..Self::default() };
        bytes.take(32)?;
        let session = bytes.u8()?;
        bytes.take(usize::from(session))?;
        let length = usize::from(bytes.u16()?);
        let ciphers = bytes.take(length)?;
        hello.ciphers = ciphers
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |high, low| high << 8 | u16::from(*low)))
            .collect();
        let methods = bytes.u8()?;
        bytes.take(usize::from(methods))?;
        hello.is_whole = bytes.0.is_empty() || hello.read_extensions(bytes, true).is_some();
        Some(hello)
    }

    /// Reads what follows the header of a server hello.
    pub(super) fn server(body: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        let mut hello = Self { version: bytes.u16()?, ..Self::default() };
        bytes.take(32)?;
        // Drafts of TLS 1.3 had no session id.
        if hello.version >> 8 != 0x7f {
            let session = bytes.u8()?;
            bytes.take(usize::from(session))?;
        }
        hello.ciphers = vec![bytes.u16()?];
        if hello.version >> 8 != 0x7f {
            bytes.u8()?;
        }
        hello.is_whole = bytes.0.is_empty() || hello.read_extensions(bytes, false).is_some();
        Some(hello)
    }

    fn read_extensions(&mut self, mut bytes: Bytes<'_>, is_client: bool) -> Option<()> {
        let length = usize::from(bytes.u16()?);
        let is_cut = bytes.0.len() < length;
        let mut rest = Bytes(bytes.0.get(..length).unwrap_or(bytes.0));
        while !rest.0.is_empty() {
            let start = rest.0;
            let kind = rest.u16()?;
            let length = usize::from(rest.u16()?);
            rest.take(length)?;
            let extension = start.get(..4 + length)?;
            self.extensions.push(kind);
            self.note(kind, extension, is_client);
        }
        (!is_cut).then_some(())
    }

    fn note(&mut self, kind: u16, extension: &[u8], is_client: bool) {
        self.is_encrypted |= matches!(kind, 0xfe0d | 0xffce);
        // The others are not looked into: what cannot be read must not stop the rest.
        if !matches!(kind, 0 | 10 | 11 | 13 | 16 | 43) {
            return;
        }
        let read =
            if is_client { parse_tls_client_hello_extension } else { parse_tls_server_hello_extension };
        match read(extension) {
            Ok((_, TlsExtension::SNI(names))) if is_client => {
                let host = names.iter().find(|(kind, _)| kind.0 == 0);
                self.sni = host.map(|(_, name)| text(name));
            }
            Ok((_, TlsExtension::EllipticCurves(groups))) => {
                self.groups = groups.iter().map(|group| group.0).collect();
            }
            Ok((_, TlsExtension::EcPointFormats(formats))) => self.point_formats = formats.to_vec(),
            Ok((_, TlsExtension::SignatureAlgorithms(signatures))) => self.signatures = signatures,
            Ok((_, TlsExtension::SupportedVersions(versions))) => {
                self.versions = versions.iter().map(|version| version.0).collect();
            }
            Ok((_, TlsExtension::ALPN(protocols))) => {
                self.protocol_ends =
                    protocols.first().and_then(|first| Some((*first.first()?, *first.last()?)));
                self.protocols = protocols.iter().take(Tls::MOST_PROTOCOLS).map(|p| text(p)).collect();
            }
            _ => {}
        }
    }

    /// Highest version that is no GREASE.
    pub(super) fn highest_version(&self) -> u16 {
        let versions = self.versions.iter().copied().filter(|version| !is_grease(*version));
        versions.max().unwrap_or(self.version)
    }
}

/// A value that clients sprinkle in so that servers stay tolerant (RFC 8701).
pub(super) const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}
