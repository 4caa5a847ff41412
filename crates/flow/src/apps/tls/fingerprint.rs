//! JA3, JA3S and JA4: what a hello looks like, as a short text.
//!
//! Sources: <https://github.com/salesforce/ja3>, <https://github.com/FoxIO-LLC/ja4> (`technical_details/JA4.md`; of that
//! family only JA4 itself is under a free licence, so JA4S and the others are not here).

use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::hello::{Hello, is_grease};
use crate::apps::text::hex;

/// What carries the hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tcp,
    Quic,
}

fn joined(values: impl Iterator<Item = u16>) -> String {
    let mut out = String::new();
    for value in values.filter(|value| !is_grease(*value)) {
        let _ = write!(out, "{}{value}", if out.is_empty() { "" } else { "-" });
    }
    out
}

pub(super) fn ja3(hello: &Hello) -> Box<str> {
    let text = format!(
        "{},{},{},{},{}",
        hello.version,
        joined(hello.ciphers.iter().copied()),
        joined(hello.extensions.iter().copied()),
        joined(hello.groups.iter().copied()),
        joined(hello.point_formats.iter().map(|format| u16::from(*format))),
    );
    hex(&Md5::digest(text)).into_boxed_str()
}

pub(super) fn ja3s(hello: &Hello) -> Box<str> {
    let cipher = hello.ciphers.first().copied().unwrap_or_default();
    // Here every extension counts.
    let extensions: Vec<String> = hello.extensions.iter().map(u16::to_string).collect();
    hex(&Md5::digest(format!("{},{cipher},{}", hello.version, extensions.join("-")))).into_boxed_str()
}

pub(super) fn ja4(hello: &Hello, carrier: Carrier) -> Box<str> {
    let version = match hello.highest_version() {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let real = |values: &[u16]| -> Vec<u16> { values.iter().copied().filter(|v| !is_grease(*v)).collect() };
    let (mut ciphers, mut extensions) = (real(&hello.ciphers), real(&hello.extensions));
    let protocol = match hello.protocol_ends {
        None => "00".to_owned(),
        Some((first, last)) if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => {
            format!("{}{}", char::from(first), char::from(last))
        }
        Some((first, last)) => {
            let digits = hex(&[first, last]);
            format!("{}{}", digits.get(..1).unwrap_or("0"), digits.get(3..).unwrap_or("0"))
        }
    };
    let mut out = String::with_capacity(36);
    let _ = write!(
        out,
        "{}{version}{}{:02}{:02}{protocol}",
        if carrier == Carrier::Quic { 'q' } else { 't' },
        if hello.extensions.contains(&0) { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
    );
    ciphers.sort_unstable();
    // Server name and protocols are left out: they change with the destination.
    extensions.retain(|kind| !matches!(kind, 0 | 16));
    extensions.sort_unstable();
    let mut list = hex_list(&extensions);
    let signatures = hex_list(&real(&hello.signatures));
    if !signatures.is_empty() {
        let _ = write!(list, "_{signatures}");
    }
    let _ = write!(out, "_{}_{}", short_hash(&hex_list(&ciphers)), short_hash(&list));
    out.into_boxed_str()
}

fn hex_list(values: &[u16]) -> String {
    let words: Vec<String> = values.iter().map(|value| format!("{value:04x}")).collect();
    words.join(",")
}

fn short_hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    let mut digits = hex(&Sha256::digest(text));
    digits.truncate(12);
    digits
}

#[cfg(test)]
mod tests {
    use super::{Carrier, Hello, ja3, ja4};

    /// The example of the specification.
    fn example() -> Hello {
        Hello {
            version: 0x0303,
            ciphers: vec![
                0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
                0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0x3a3a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
                0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
            ],
            signatures: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            versions: vec![0x5a5a, 0x0304, 0x0303],
            protocol_ends: Some((b'h', b'2')),
            ..Hello::default()
        }
    }

    #[test]
    fn ja4_is_that_of_the_specification() {
        assert_eq!(&*ja4(&example(), Carrier::Tcp), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert!(ja4(&example(), Carrier::Quic).starts_with("q13d1516h2_"));
        assert_eq!(&*ja4(&Hello::default(), Carrier::Tcp), "t00i000000_000000000000_000000000000");
    }

    #[test]
    fn ja3_is_that_of_its_authors() {
        let hello = Hello {
            version: 769,
            ciphers: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: vec![0, 10, 11],
            groups: vec![23, 24, 25],
            point_formats: vec![0],
            ..Hello::default()
        };
        assert_eq!(&*ja3(&hello), "ada70206e40642a3e4461f35503241d5");
        let bare =
            Hello { version: 769, ciphers: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], ..Hello::default() };
        assert_eq!(&*ja3(&bare), "de350869b8c85de67a350c8d186f11e6");
    }
}
