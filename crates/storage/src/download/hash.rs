//! Digests of a file, taken in order behind the bytes that arrive in any.

use std::fmt::Write;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use md5::Md5;
use sha2::{Digest, Sha256};

/// Read at once: fits the second-level cache (chosen).
const BUFFER_BYTES: usize = 128 << 10;

/// A digest, how far it has come, and the file it reads back.
#[derive(Debug)]
pub(super) struct Hashing {
    digest: Kind,
    file: Arc<File>,
    at: u64,
    /// The same, for others to see.
    reached: Arc<AtomicU64>,
}

/// SHA-256 and MD5 are taken side by side on two cores: MD5 is three times slower where the processor has SHA-256.
#[derive(Debug)]
enum Kind {
    Sha256(Sha256),
    Md5(Md5),
}

impl Hashing {
    /// SHA-256 of a file from its beginning.
    pub(super) fn sha256(file: Arc<File>) -> Self {
        Self::new(Kind::Sha256(Sha256::new()), file)
    }

    /// MD5 of a file from its beginning.
    pub(super) fn md5(file: Arc<File>) -> Self {
        Self::new(Kind::Md5(Md5::new()), file)
    }

    fn new(digest: Kind, file: Arc<File>) -> Self {
        Self { digest, file, at: 0, reached: Arc::default() }
    }

    /// How far it has come, to be looked at while it goes on.
    pub(super) fn reached(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.reached)
    }

    /// How far it has come.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Goes on as long as `next` gives an end behind where it is; the file has to reach there.
    pub(super) fn go_on(&mut self, next: impl Fn(u64) -> Option<u64>) -> io::Result<()> {
        let mut buffer = Vec::new();
        while let Some(end) = next(self.at) {
            // Most files are small: no more is cleared than is read.
            let wanted = usize::try_from(end.saturating_sub(self.at)).unwrap_or(BUFFER_BYTES);
            if buffer.len() < wanted.min(BUFFER_BYTES) {
                buffer.resize(wanted.min(BUFFER_BYTES), 0);
            }
            self.go_to(end, &mut buffer)?;
            self.reached.store(self.at, Ordering::Relaxed);
        }
        Ok(())
    }

    fn go_to(&mut self, end: u64, buffer: &mut [u8]) -> io::Result<()> {
        while self.at < end {
            let wanted = usize::try_from(end - self.at).map_or(buffer.len(), |left| left.min(buffer.len()));
            let bytes = &mut buffer[..wanted];
            self.file.read_exact_at(bytes, self.at)?;
            match &mut self.digest {
                Kind::Sha256(digest) => digest.update(bytes),
                Kind::Md5(digest) => digest.update(bytes),
            }
            self.at += wanted as u64;
        }
        Ok(())
    }

    /// The digest.
    pub(super) fn finish(self) -> Hash {
        match self.digest {
            Kind::Sha256(digest) => Hash::Sha256(hex(&digest.finalize())),
            Kind::Md5(digest) => Hash::Md5(digest.finalize().into()),
        }
    }
}

/// A digest that is complete.
pub(super) enum Hash {
    /// SHA-256 in hexadecimal digits.
    Sha256(String),
    /// MD5.
    Md5([u8; 16]),
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
