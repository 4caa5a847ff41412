//! SCTP packets (RFC 9260).

use super::{put16, put32};

/// Bytes of the common header.
pub(crate) const HEADER_LEN: usize = 12;

/// Appends the common header, the chunks and their checksum (CRC-32C).
pub(crate) fn push(out: &mut Vec<u8>, source_port: u16, target_port: u16, tag: u32, chunks: &[u8]) {
    let start = out.len();
    put16(out, source_port);
    put16(out, target_port);
    put32(out, tag);
    put32(out, 0);
    out.extend_from_slice(chunks);
    // Appendix A of RFC 9260: the CRC goes out least significant byte first.
    let crc = crc32c(&out[start..]).to_le_bytes();
    out[start + 8..start + 12].copy_from_slice(&crc);
}

/// A chunk: type, flags, length, value, padding to four bytes.
pub(crate) fn push_chunk(out: &mut Vec<u8>, kind: u8, flags: u8, value: &[u8]) {
    out.extend_from_slice(&[kind, flags]);
    put16(out, (4 + value.len()) as u16);
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Castagnoli's CRC, bit by bit: a few kilobytes in all.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & 0u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    #[test]
    fn crc_has_its_check_value() {
        assert_eq!(super::crc32c(b"123456789"), 0xe306_9283);
    }
}
