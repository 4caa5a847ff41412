//! DNS messages on the wire (RFC 1035, section 4).
//!
//! Read here because every library takes a message whole or not at all and copies each of its records, where captures
//! are cut by a snap length and counts and names are all that is wanted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::text::append;

/// The twelve bytes that begin a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u16,
    pub(super) flags: u16,
    pub(super) questions: u16,
    pub(super) answers: u16,
    pub(super) authorities: u16,
    pub(super) additionals: u16,
}

impl Header {
    pub(super) const LEN: usize = 12;

    pub(super) fn read(message: &[u8]) -> Option<Self> {
        Some(Self {
            id: u16_at(message, 0)?,
            flags: u16_at(message, 2)?,
            questions: u16_at(message, 4)?,
            answers: u16_at(message, 6)?,
            authorities: u16_at(message, 8)?,
            additionals: u16_at(message, 10)?,
        })
    }

    pub(super) const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(super) const fn opcode(&self) -> u8 {
        (self.flags >> 11) as u8 & 15
    }

    pub(super) const fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    pub(super) const fn rcode(&self) -> u8 {
        self.flags as u8 & 15
    }
}

/// A name in a message: where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    message: &'a [u8],
    at: usize,
    /// Bytes of its labels with their lengths.
    length: usize,
}

/// Longest name, in bytes on the wire (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 255;

/// Most pointers that are followed in a name (chosen: as many as a name has labels at most).
const MOST_POINTERS: usize = 127;

impl<'a> Name<'a> {
    /// A name and where what follows it begins; `None` if it is cut, loops or is too long.
    pub(super) fn read(message: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let name = Self { message, at, length: 0 };
        let mut walk = name.walk();
        for label in &mut walk {
            label?;
        }
        Some((Self { length: walk.length, ..name }, walk.end?))
    }

    fn walk(self) -> Walk<'a> {
        Walk { message: self.message, at: self.at, length: 0, pointers: 0, end: None, is_over: false }
    }

    /// The name as tshark shows it: labels joined by dots, `<Root>` for none. Bytes that are no printable ASCII are
    /// escaped, and so are dots in labels.
    pub(super) fn shown(self) -> Box<str> {
        let mut out = String::with_capacity(self.length.saturating_sub(1));
        for label in self.walk().flatten() {
            if !out.is_empty() {
                out.push('.');
            }
            for part in label.split_inclusive(|byte| *byte == b'.') {
                match part {
                    [head @ .., b'.'] => {
                        append(&mut out, head);
                        out.push_str("\\.");
                    }
                    _ => append(&mut out, part),
                }
            }
        }
        if out.is_empty() { "<Root>".into() } else { out.into_boxed_str() }
    }

    /// The same for names that differ in case only.
    pub(super) fn hash(self) -> u64 {
        // FNV-1a: collisions disturb nothing but the flow they are in.
        let mut hash = 0xcbf2_9ce4_8422_2325;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        for label in self.walk().flatten() {
            add(label.len() as u8);
            for byte in label {
                add(byte.to_ascii_lowercase());
            }
        }
        hash
    }
}

/// The labels of a name; an inner `None` where it is broken.
struct Walk<'a> {
    message: &'a [u8],
    at: usize,
    /// Bytes of the name so far.
    length: usize,
    pointers: usize,
    /// Where what follows the name begins, once that is known.
    end: Option<usize>,
    is_over: bool,
}

impl<'a> Walk<'a> {
    /// The next label, `None` at the end of the name; an error where it is broken.
    fn label(&mut self) -> Result<Option<&'a [u8]>, Broken> {
        loop {
            let length = usize::from(*self.message.get(self.at).ok_or(Broken)?);
            match length {
                0 => {
                    self.end.get_or_insert(self.at + 1);
                    return Ok(None);
                }
                1..=63 => {
                    let label = self.message.get(self.at + 1..self.at + 1 + length).ok_or(Broken)?;
                    self.at += 1 + length;
                    self.length += 1 + length;
                    return if self.length < LONGEST_NAME { Ok(Some(label)) } else { Err(Broken) };
                }
                0xc0.. => {
                    let target = usize::from(u16_at(self.message, self.at).ok_or(Broken)? & 0x3fff);
                    self.end.get_or_insert(self.at + 2);
                    // A pointer leads to what was there before, or it could lead in a circle. So there are no more of
                    // them than bytes, and a ladder of them is as bad.
                    self.pointers += 1;
                    if target >= self.at || self.pointers > MOST_POINTERS {
                        return Err(Broken);
                    }
                    self.at = target;
                }
                _ => return Err(Broken),
            }
        }
    }
}

/// A name that is cut, loops or is too long.
struct Broken;

impl<'a> Iterator for Walk<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.label() {
            Ok(Some(label)) => Some(Some(label)),
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(Broken) => {
                self.is_over = true;
                Some(None)
            }
        }
    }
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) name: Name<'a>,
    pub(super) kind: u16,
}

impl<'a> Question<'a> {
    /// A question and where what follows it begins.
    pub(super) fn read(message: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let (name, at) = Name::read(message, at)?;
        let kind = u16_at(message, at)?;
        u16_at(message, at + 2)?;
        Some((Self { name, kind }, at + 4))
    }
}

/// A resource record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) name: Name<'a>,
    pub(super) kind: u16,
    pub(super) ttl: u32,
    message: &'a [u8],
    data_at: usize,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    /// A record and where what follows it begins.
    pub(super) fn read(message: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let (name, at) = Name::read(message, at)?;
        let kind = u16_at(message, at)?;
        let ttl = u32::from(u16_at(message, at + 4)?) << 16 | u32::from(u16_at(message, at + 6)?);
        let data_at = at + 10;
        let end = data_at + usize::from(u16_at(message, at + 8)?);
        let data = message.get(data_at..end)?;
        Some((Self { name, kind, ttl, message, data_at, data }, end))
    }

    /// The address of an A or AAAA record.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.kind {
            1 => <[u8; 4]>::try_from(self.data).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
            28 => <[u8; 16]>::try_from(self.data).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
            _ => None,
        }
    }

    /// The name that an NS, CNAME, PTR, MX or SRV record leads to.
    pub(super) fn target(&self) -> Option<Name<'a>> {
        let skip = match self.kind {
            2 | 5 | 12 => 0,
            15 => 2,
            33 => 6,
            _ => return None,
        };
        Name::read(self.message, self.data_at + skip).map(|(name, _)| name)
    }

    /// Bytes of its data.
    pub(super) fn data_len(&self) -> u16 {
        self.data.len() as u16
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::{Name, Record};

    fn name(bytes: &[u8], at: usize) -> Option<(String, usize)> {
        Name::read(bytes, at).map(|(name, end)| (name.shown().into_string(), end))
    }

    #[test]
    fn names_are_read_through_pointers() {
        let message = b"\x03com\x00\x07example\xc0\x00\x03www\xc0\x05";
        assert_eq!(name(message, 0), Some(("com".into(), 5)));
        assert_eq!(name(message, 5), Some(("example.com".into(), 15)));
        assert_eq!(name(message, 15), Some(("www.example.com".into(), 21)));
        assert_eq!(name(b"\x00", 0), Some(("<Root>".into(), 1)));
    }

    #[test]
    fn names_that_loop_or_lead_ahead_are_refused() {
        assert_eq!(name(b"\xc0\x00", 0), None);
        assert_eq!(name(b"\x01a\xc0\x00", 0), None);
        assert_eq!(name(b"\x01a\xc0\x06\x00\x00\x01b\x00", 0), None);
        assert_eq!(name(b"\xc0\x02\xc0\x00", 2), None);
        // Pointers that go back and back, and a name that is too long.
        let mut ladder = vec![1, b'a', 0];
        for step in 0..400u16 {
            ladder.extend([1, b'b']);
            ladder.extend((0xc000 | if step == 0 { 0 } else { 3 + 4 * (step - 1) }).to_be_bytes());
        }
        assert_eq!(name(&ladder, ladder.len() - 4), None);
        assert_eq!(name(&[63; 1000], 0), None);
    }

    #[test]
    fn labels_with_dots_and_controls_are_escaped() {
        assert_eq!(name(b"\x05a.b\x1b\xff\x01c\x00", 0), Some(("a\\.b\\027\\255.c".into(), 9)));
    }

    #[test]
    fn case_does_not_matter_to_the_hash() {
        let hash = |bytes: &[u8]| Name::read(bytes, 0).unwrap().0.hash();
        assert_eq!(hash(b"\x03wWw\x01A\x00"), hash(b"\x03www\x01a\x00"));
        assert_ne!(hash(b"\x03www\x01a\x00"), hash(b"\x04wwwa\x00"));
    }

    #[test]
    fn a_record_with_a_giant_length_is_refused() {
        assert!(Record::read(b"\x00\x00\x01\x00\x01\x00\x00\x00\x00\xff\xff\x01\x02\x03\x04", 0).is_none());
        let (record, end) =
            Record::read(b"\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x01\x02\x03\x04", 0).unwrap();
        assert_eq!((record.address(), record.ttl, end), (Some([1, 2, 3, 4].into()), 60, 15));
    }
}
