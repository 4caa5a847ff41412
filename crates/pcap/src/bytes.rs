//! Integers out of bytes, in either byte order.

/// The two bytes at `at`.
#[inline]
pub(crate) fn u16_at(data: &[u8], at: usize, big: bool) -> Option<u16> {
    let bytes = *data.get(at..)?.first_chunk()?;
    Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
}

/// The four bytes at `at`.
#[inline]
pub(crate) fn u32_at(data: &[u8], at: usize, big: bool) -> Option<u32> {
    let bytes = *data.get(at..)?.first_chunk()?;
    Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

/// The eight bytes at `at`.
#[inline]
pub(crate) fn u64_at(data: &[u8], at: usize, big: bool) -> Option<u64> {
    let bytes = *data.get(at..)?.first_chunk()?;
    Some(if big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
}

/// `N` 32-bit integers that follow each other, as record headers have them.
#[inline]
pub(crate) fn words<const N: usize>(data: &[u8], big: bool) -> Option<[u32; N]> {
    let mut words = [0; N];
    let (chunks, _) = data.get(..N * 4)?.as_chunks::<4>();
    for (word, bytes) in words.iter_mut().zip(chunks) {
        *word = if big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
    }
    Some(words)
}

/// Most bytes kept of a text: 1 KiB (chosen: names, filters and comments that a person reads are shorter; a file may
/// have thousands of 64 KiB each).
const MAX_TEXT: usize = 1024;

/// UTF-8 text as files have it: up to the first zero byte, what is not UTF-8 replaced, the rest of long ones left
/// out; `None` if empty.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    (!text.is_empty()).then_some(text)
}

/// UTF-16 text, little-endian, up to the first zero unit; `None` if empty.
pub(crate) fn utf16_text(bytes: &[u8]) -> Option<String> {
    let (units, _) = bytes.get(..MAX_TEXT).unwrap_or(bytes).as_chunks::<2>();
    let units: Vec<u16> =
        units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|&u| u != 0).collect();
    (!units.is_empty()).then(|| String::from_utf16_lossy(&units))
}
