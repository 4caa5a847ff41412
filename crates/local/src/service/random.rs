//! Guids and signatures.

use std::fs;
use std::path::Path;

use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::ServiceError;
use crate::certificate;

/// A random guid (RFC 9562, version 4).
pub(super) fn guid() -> String {
    let mut bytes = [0u8; 16];
    // The kernel's randomness does not fail once it is there; zeros would only make ids collide.
    let _ = rand::fill(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut out = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        for digit in [byte >> 4, byte & 0x0f] {
            out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    out
}

/// An etag, weak as the service's.
pub(super) fn etag() -> String {
    format!("W/\"{}\"", guid())
}

/// File of the key that signs.
const KEY: &str = "signing.key";

/// A key that lives as long as the data folder, so that what it signed is good after a restart, and what it signs.
pub(super) struct Signer(hmac::Key);

impl Signer {
    /// The key of a data folder; made where there is none.
    pub(super) fn of(data: &Path) -> Result<Self, ServiceError> {
        let path = data.join(KEY);
        let known = fs::read(&path).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let key = if let Some(key) = known {
            key
        } else {
            let mut key = [0u8; 32];
            rand::fill(&mut key).map_err(|_| ServiceError::Randomness)?;
            certificate::write_private(&path, &key)?;
            key
        };
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// HMAC-SHA-256 in base64url.
    pub(super) fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, text.as_bytes()))
    }

    /// True if a signature is that of a text; takes as long for a wrong one.
    pub(super) fn verify(&self, text: &str, signature: &str) -> bool {
        same(&self.sign(text), signature)
    }

    /// Filler of a length, different for each seed: what a certificate is in the service's URLs.
    pub(super) fn filler(&self, seed: &str, length: usize) -> String {
        let mut out = String::new();
        let mut round = 0u32;
        while out.len() < length {
            out.push_str(&self.sign(&format!("{seed}/{round}")));
            round += 1;
        }
        out.truncate(length);
        out
    }
}

/// True if two texts are the same; how long it takes does not tell where they differ.
pub(super) fn same(a: &str, b: &str) -> bool {
    let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    constant_time::verify_slices_are_equal(hash(a).as_ref(), hash(b).as_ref()).is_ok()
}

/// A short name for a text.
pub(super) fn short(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..12).unwrap_or_default())
}

/// Text in base64url.
pub(super) fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Text out of base64url.
pub(super) fn decode(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
