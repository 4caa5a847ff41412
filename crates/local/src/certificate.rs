//! The certificate of the server, which signs itself.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::service::ServiceError;

/// The certificate's file, for clients to trust.
pub(crate) const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";
/// What the certificate is good for.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// The certificate of a folder; made where there is none.
pub(crate) fn load_or_make(folder: &Path) -> Result<ServerConfig, ServiceError> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    if !certificate.is_file() || !key.is_file() {
        make(folder)?;
    }
    let wrong = |what: String| ServiceError::Certificate { what };
    let chain = CertificateDer::pem_file_iter(&certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| wrong(format!("{}: {error}", certificate.display())))?;
    let secret = PrivateKeyDer::from_pem_file(&key);
    let secret = secret.map_err(|error| wrong(format!("{}: {error}", key.display())))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|error| wrong(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn make(folder: &Path) -> Result<(), ServiceError> {
    let wrong = |error: rcgen::Error| ServiceError::Certificate { what: error.to_string() };
    let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(wrong)?;
    params.distinguished_name.push(DnType::CommonName, "capkeep on this machine");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(wrong)?;
    let certificate = params.self_signed(&key).map_err(wrong)?;
    fs::create_dir_all(folder).map_err(ServiceError::file(folder))?;
    write_private(&folder.join(KEY), key.serialize_pem().as_bytes())?;
    write_private(&folder.join(CERTIFICATE), certificate.pem().as_bytes())
}

/// Writes a file that only its owner can read, from the start.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), ServiceError> {
    if path.exists() {
        fs::remove_file(path).map_err(ServiceError::file(path))?;
    }
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = open.map_err(ServiceError::file(path))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(ServiceError::file(path))
}
