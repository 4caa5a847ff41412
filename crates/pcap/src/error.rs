//! What can go wrong with a capture file.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a capture file could not be read, or not to its end.
///
/// Offsets count bytes of the capture itself: of the file where it is not compressed, of what comes out of the
/// decompressor where it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file has no byte at all.
    #[error("file is empty (0 bytes)")]
    EmptyFile,
    /// The first bytes are those of no capture format.
    #[error("not a capture file: unknown first bytes {}", hex(.magic))]
    NotACapture {
        /// The first bytes, at most eight.
        magic: Vec<u8>,
    },
    /// The file ends inside a record.
    #[error("file is cut short at byte {offset}: {what} needs {needed} bytes, {available} are left")]
    CutShort {
        /// Where the record starts; the end of the file if that lies behind it.
        offset: u64,
        /// What was being read.
        what: &'static str,
        /// Bytes it needs.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// A record contradicts the format.
    #[error("file is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where the record starts.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The compressed stream around the capture is cut or damaged.
    #[error("{compression} stream ends or breaks after {offset} bytes of capture")]
    Compression {
        /// The compression, by name.
        compression: &'static str,
        /// Bytes of capture that came out before.
        offset: u64,
        /// What the decompressor said.
        source: std::io::Error,
    },
    /// The file is not there, or may not be read.
    #[error("can't be opened")]
    Open {
        /// The system's reason.
        source: std::io::Error,
    },
    /// The operating system refused.
    #[error("reading failed at byte {offset}")]
    Io {
        /// Bytes of capture read before.
        offset: u64,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// Where in the capture it happened, in bytes; `None` where that has no meaning.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::EmptyFile | Self::NotACapture { .. } | Self::Open { .. } => None,
            Self::CutShort { offset, .. }
            | Self::Damaged { offset, .. }
            | Self::Compression { offset, .. }
            | Self::Io { offset, .. } => Some(*offset),
        }
    }

    /// What happened and where in a few words, for a cell of a table; the message has the numbers and the causes.
    pub fn brief(&self) -> String {
        match self {
            Self::EmptyFile => "empty file".into(),
            Self::NotACapture { .. } => "not a capture file".into(),
            Self::CutShort { offset, .. } => format!("cut short at byte {offset}"),
            Self::Damaged { offset, .. } => format!("damaged at byte {offset}"),
            Self::Compression { compression, offset, .. } => {
                format!("{compression} breaks after {offset} bytes")
            }
            Self::Open { .. } => "can't be opened".into(),
            Self::Io { offset, .. } => format!("reading failed at byte {offset}"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_brief_form_with_its_offset() {
        let source = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        for (error, brief) in [
            (Error::EmptyFile, "empty file"),
            (Error::NotACapture { magic: vec![1, 2] }, "not a capture file"),
            (
                Error::CutShort { offset: 2_931, what: "packet record", needed: 16, available: 7 },
                "cut short at byte 2931",
            ),
            (Error::Damaged { offset: 24, what: "no such length".into() }, "damaged at byte 24"),
            (
                Error::Compression { compression: "gzip", offset: 2_584, source: source() },
                "gzip breaks after 2584 bytes",
            ),
            (Error::Open { source: source() }, "can't be opened"),
            (Error::Io { offset: 7, source: source() }, "reading failed at byte 7"),
        ] {
            assert_eq!(error.brief(), brief);
            assert!(error.offset().is_none_or(|offset| brief.contains(&offset.to_string())), "{brief}");
        }
    }
}
