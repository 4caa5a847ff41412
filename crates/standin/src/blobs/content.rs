//! Bytes, kept or made when they are asked for.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};

/// Content of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Kept.
    Bytes(Bytes),
    /// Made when asked for: bytes that differ by place and seed, and that nothing compresses.
    Pattern {
        /// What makes it differ from others.
        seed: u64,
        /// Bytes.
        size: u64,
    },
    /// The same byte again and again.
    Repeated {
        /// Which.
        byte: u8,
        /// How many.
        size: u64,
    },
}

impl Default for Content {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl Content {
    /// Bytes of it.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Pattern { size, .. } | Self::Repeated { size, .. } => *size,
        }
    }

    /// A range of it; what lies behind its end is left out.
    pub fn range(&self, range: Range<u64>) -> Bytes {
        let (start, end) = (range.start.min(self.size()), range.end.min(self.size()));
        match self {
            Self::Bytes(bytes) => bytes.slice(start as usize..end.max(start) as usize),
            Self::Repeated { byte, .. } => vec![*byte; end.saturating_sub(start) as usize].into(),
            Self::Pattern { seed, .. } => {
                let mut made = BytesMut::with_capacity(end.saturating_sub(start) as usize + 16);
                for word in start / 8..end.div_ceil(8) {
                    made.extend_from_slice(&mixed(seed.wrapping_add(word)).to_le_bytes());
                }
                let _ = made.split_to(((start % 8) as usize).min(made.len()));
                made.truncate(end.saturating_sub(start) as usize);
                made.freeze()
            }
        }
    }

    /// All of it.
    pub fn all(&self) -> Bytes {
        self.range(0..self.size())
    }

    /// Its MD5.
    pub fn md5(&self) -> [u8; 16] {
        let mut hash = Md5::new();
        let mut at = 0;
        while at < self.size() {
            let piece = self.range(at..at + PIECE);
            hash.update(&piece);
            at += piece.len() as u64;
        }
        hash.finalize().into()
    }
}

/// Bytes that are made at once (chosen).
pub(crate) const PIECE: u64 = 64 << 10;

/// Another number that looks like none in particular (`SplitMix64`, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// CRC-64 as Azure has it: the polynomial of `NVMe`, reflected, inverted before and after.
pub(super) fn crc64(bytes: &[u8]) -> u64 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0x9A6C_9329_AC4B_C9B5 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_range_of_a_pattern_is_that_range_of_the_whole() {
        let content = Content::Pattern { seed: 3, size: 1_003 };
        let all = content.all();
        assert_eq!(all.len(), 1_003);
        for (start, end) in [(0, 0), (0, 1), (5, 8), (7, 9), (8, 16), (995, 1_003), (1_000, 2_000)] {
            let expected = &all[start as usize..(end as usize).min(1_003)];
            assert_eq!(content.range(start..end), expected, "{start}..{end}");
        }
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // Catalogue of parametrised CRC algorithms, CRC-64/NVME.
        assert_eq!(crc64(b"123456789"), 0xAE8B_1486_0A79_9888);
    }
}
