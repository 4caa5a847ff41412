//! How TLS is spoken: whom to trust, and with which ciphers.

use std::sync::Arc;

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{CipherSuite, ClientConfig, RootCertStore};

use crate::error::{Error, Result};

/// Ciphers that are asked for first. AES with 128 bits is what browsers ask for first, too: nobody breaks it any sooner,
/// and ten rounds instead of fourteen are less work on both sides.
const FIRST: &[CipherSuite] = &[
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// AWS-LC, as `reqwest` brings it, but for the ciphers, which are ring's: AWS-LC's AES-GCM uses the wide instructions of a
/// processor only together with AVX-512, ring's with AVX2 as well (measured without AVX-512: twice as fast). Keys are
/// agreed upon, and certificates checked, by AWS-LC, which knows the exchange that withstands quantum computers.
fn provider() -> CryptoProvider {
    let mut cipher_suites = ring::default_provider().cipher_suites;
    cipher_suites.sort_by_key(|suite| !FIRST.contains(&suite.suite()));
    CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() }
}

/// Trusts what the system trusts, or the certificates in a PEM and no others: whoever names one talks to a service of
/// their own.
pub(super) fn trusting(certificate: Option<&[u8]>) -> Result<ClientConfig> {
    let wrong = |error: &dyn std::fmt::Display| Error::Setting(format!("TLS: {error}"));
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?;
    let config = match certificate {
        Some(pem) => config.with_root_certificates(roots(pem)?),
        None => config.with_platform_verifier().map_err(|error| wrong(&error))?,
    };
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(pem: &[u8]) -> Result<RootCertStore> {
    let wrong = |error: String| Error::Setting(format!("the certificate to trust: {error}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("there is none in the file".into())) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::SupportedCipherSuite;

    use super::*;

    #[test]
    fn aes_with_128_bits_is_asked_for_first_and_nothing_is_left_out() {
        let config = trusting(None).unwrap();
        let suites: Vec<_> =
            config.crypto_provider().cipher_suites.iter().map(SupportedCipherSuite::suite).collect();
        assert!(suites.iter().take(FIRST.len()).all(|suite| FIRST.contains(suite)));
        let all: Vec<_> =
            aws_lc_rs::default_provider().cipher_suites.iter().map(SupportedCipherSuite::suite).collect();
        assert!(suites.len() == all.len() && all.iter().all(|suite| suites.contains(suite)));
    }

    #[test]
    fn a_file_without_a_certificate_is_a_wrong_setting() {
        assert!(matches!(trusting(Some(b"no PEM")), Err(Error::Setting(_))));
    }
}
