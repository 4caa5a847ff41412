//! Bytes of strangers as text.

use std::fmt::Write as _;

/// Longest text that is kept, in bytes of the original (chosen: a DNS name has 255, banners and distinguished names
/// seldom as many).
pub(super) const LONGEST: usize = 256;

/// The bytes as text: UTF-8 as it stands, a backslash doubled, and what is not UTF-8, controls something or changes
/// the direction of writing as `\DDD` for each byte (decimal, as in DNS master files).
pub(super) fn text(bytes: &[u8]) -> Box<str> {
    let mut out = String::with_capacity(bytes.len().min(LONGEST));
    append(&mut out, bytes.get(..LONGEST).unwrap_or(bytes));
    out.into_boxed_str()
}

/// Appends bytes to a text; see [`text`].
pub(super) fn append(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' {
                out.push_str("\\\\");
            } else if c.is_control() || is_invisible(c) {
                escape(out, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                out.push(c);
            }
        }
        escape(out, chunk.invalid());
    }
}

fn escape(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "\\{byte:03}");
    }
}

/// Zero-width characters, marks of direction, line and paragraph separators, the byte order mark.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, text};

    #[test]
    fn what_controls_a_terminal_is_escaped() {
        assert_eq!(&*text(b"\x1b[31mred\r\n\0"), "\\027[31mred\\013\\010\\000");
        assert_eq!(&*text("\u{202e}gpj.exe \u{9b}".as_bytes()), "\\226\\128\\174gpj.exe \\194\\155");
    }

    #[test]
    fn utf8_stays_and_other_bytes_are_numbers() {
        assert_eq!(&*text("grün\\x".as_bytes()), "grün\\\\x");
        assert_eq!(&*text(b"a\xff\xfeb"), "a\\255\\254b");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(text(&vec![b'a'; 100_000]).len(), LONGEST);
    }
}
