//! What a certificate says, read by `x509-parser`.

use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use super::{Certificate, Tls};
use crate::apps::PacketRef;
use crate::apps::text::text;

/// Reads a certificate in DER.
pub(super) fn read(der: &[u8], packet: PacketRef) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names = Vec::new();
    for extension in certificate.extensions() {
        if let ParsedExtension::SubjectAlternativeName(other) = extension.parsed_extension() {
            for name in &other.general_names {
                if let GeneralName::DNSName(name) = name
                    && names.len() < Tls::MOST_NAMES
                {
                    names.push(text(name.as_bytes()));
                }
            }
        }
    }
    let validity = certificate.validity();
    Some(Certificate {
        subject: text(certificate.subject().to_string().as_bytes()),
        issuer: text(certificate.issuer().to_string().as_bytes()),
        not_before: validity.not_before.timestamp(),
        not_after: validity.not_after.timestamp(),
        names,
        packet,
    })
}
