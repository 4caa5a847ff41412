//! Packets → a pcapng file, just as they were.

use std::io::{self, Write};

use crate::{Interface, LinkType, Packet, Timestamp};

/// Longest text of an option; bytes. Its length field has 16 bits, and a comment of a page is enough.
const TEXT: usize = 4_096;
/// Where times before 1970 count from: the earliest whole second that a [`Timestamp`] holds.
const BEFORE: i64 = -9_223_372_036;

/// Writes pcapng (draft-ietf-opsawg-pcapng): packets keep their bytes, both lengths, link type and time.
///
/// One interface block for each link type, snap length and name; times in nanoseconds, which hold every time that was
/// read exactly. Packets without a time become simple packet blocks, in a section of their own interface.
#[derive(Debug)]
pub struct PcapNgWriter<W: Write> {
    out: W,
    comment: String,
    interfaces: Vec<Described>,
    packets: u64,
}

/// What an interface block says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Described {
    link_type: LinkType,
    snap_len: u32,
    name: Option<String>,
    is_before_1970: bool,
}

impl<W: Write> PcapNgWriter<W> {
    /// Begins a file; the comment says where the packets are from.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn new(out: W, comment: &str) -> io::Result<Self> {
        let mut writer = Self { out, comment: comment.to_owned(), interfaces: Vec::new(), packets: 0 };
        writer.section()?;
        Ok(writer)
    }

    /// Writes a packet that was read from an interface, with a comment of its own.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] for link types without a number in the registry (some of Network Monitor's), and what
    /// the writer says.
    pub fn packet(
        &mut self,
        packet: &Packet<'_>,
        interface: Option<&Interface>,
        comment: &str,
    ) -> io::Result<()> {
        let frame = &packet.frame;
        if frame.link_type.is_private() {
            let what = format!("link type {} has no number that other programs know", frame.link_type);
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        let captured = packet.data.len() as u32;
        // A snap length that the packet contradicts was none.
        let snap_len = interface.map_or(0, |interface| interface.snap_len);
        let described = Described {
            link_type: frame.link_type,
            snap_len: if captured > snap_len { 0 } else { snap_len },
            name: interface.and_then(|interface| interface.name.clone()),
            is_before_1970: frame.timestamp.nanos() < 0,
        };
        let cut_at = if described.snap_len == 0 { u32::MAX } else { described.snap_len };
        let mut body = Vec::with_capacity(packet.data.len() + 64);
        let kind = if !frame.has_time && frame.wire_len.min(cut_at) == captured {
            if self.interfaces.first() != Some(&described) {
                self.section()?;
                self.interface(described)?;
            }
            put(&mut body, &[frame.wire_len]);
            SIMPLE
        } else {
            let index = match self.interfaces.iter().position(|known| *known == described) {
                Some(index) => index,
                None => self.interface(described.clone())?,
            };
            let ticks = ticks(frame.timestamp, described.is_before_1970);
            put(&mut body, &[index as u32, (ticks >> 32) as u32, ticks as u32, captured, frame.wire_len]);
            ENHANCED
        };
        body.extend_from_slice(packet.data);
        pad(&mut body);
        if kind == ENHANCED {
            option(&mut body, COMMENT, text(comment));
            option(&mut body, END, &[]);
        }
        self.packets += 1;
        self.block(kind, &body)
    }

    /// Packets written.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Writes what is still held back, and hands the writer out.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn section(&mut self) -> io::Result<()> {
        self.interfaces.clear();
        let mut body = Vec::new();
        put(&mut body, &[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]);
        option(&mut body, COMMENT, text(&self.comment));
        option(&mut body, APPLICATION, b"capkeep");
        option(&mut body, END, &[]);
        self.block(SECTION, &body)
    }

    fn interface(&mut self, described: Described) -> io::Result<usize> {
        let mut body = Vec::new();
        put(&mut body, &[u32::from(described.link_type.0), described.snap_len]);
        if let Some(name) = described.name.as_deref().filter(|name| !name.is_empty()) {
            option(&mut body, NAME, text(name));
        }
        option(&mut body, RESOLUTION, &[9]);
        if described.is_before_1970 {
            option(&mut body, OFFSET, &BEFORE.to_le_bytes());
        }
        option(&mut body, END, &[]);
        self.interfaces.push(described);
        self.block(INTERFACE, &body)?;
        Ok(self.interfaces.len() - 1)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let len = body.len() as u32 + 12;
        for part in [&kind.to_le_bytes()[..], &len.to_le_bytes(), body, &len.to_le_bytes()] {
            self.out.write_all(part)?;
        }
        Ok(())
    }
}

/// Types of blocks, and codes of options (draft-ietf-opsawg-pcapng, sections 4.1 to 4.4).
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;
const END: u16 = 0;
const COMMENT: u16 = 1;
const NAME: u16 = 2;
const APPLICATION: u16 = 4;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;

/// Nanoseconds since 1970, or since [`BEFORE`].
const fn ticks(at: Timestamp, is_before_1970: bool) -> u64 {
    if is_before_1970 {
        at.nanos().saturating_sub(BEFORE * 1_000_000_000).unsigned_abs()
    } else {
        at.nanos() as u64
    }
}

fn put(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The start of a text that fits, cut between characters.
fn text(text: &str) -> &[u8] {
    text.get(..text.floor_char_boundary(TEXT)).unwrap_or_default().as_bytes()
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    if code != END && value.is_empty() {
        return;
    }
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    pad(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, Reader};

    fn frame(nanos: i64, link_type: LinkType, len: u32, has_time: bool) -> Frame {
        let timestamp = if has_time { Timestamp::from_nanos(nanos) } else { Timestamp::default() };
        Frame { timestamp, start: 0, captured_len: len, wire_len: len + 9, interface: 0, link_type, has_time }
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let data = [7u8; 61];
        let interface = Interface { snap_len: 60, name: Some("eth0".into()), ..Interface::default() };
        let mut frames = vec![
            frame(1_700_000_000_123_456_789, LinkType::ETHERNET, 60, true),
            frame(0, LinkType::RAW, 61, true),
            frame(-1, LinkType::ETHERNET, 5, true),
            frame(i64::MIN, LinkType::ETHERNET, 0, true),
            frame(0, LinkType::ETHERNET, 60, false),
            frame(5, LinkType::LINUX_SLL, 60, true),
        ];
        frames[3].timestamp = Timestamp::from_nanos(BEFORE * 1_000_000_000);
        let mut writer = PcapNgWriter::new(Vec::new(), "from somewhere").unwrap();
        for frame in &frames {
            let packet = Packet { frame: *frame, data: &data[..frame.captured_len as usize] };
            writer.packet(&packet, Some(&interface), "packet 5").unwrap();
        }
        assert_eq!(writer.packets(), 6);
        let bytes = writer.finish().unwrap();
        let mut reader = Reader::new(Box::new(io::Cursor::new(bytes))).unwrap();
        for frame in &frames {
            let packet = reader.next_packet().unwrap().unwrap();
            let read = packet.frame;
            assert_eq!(packet.data, &data[..frame.captured_len as usize]);
            assert_eq!(
                (read.timestamp, read.wire_len, read.link_type, read.has_time),
                (frame.timestamp, frame.wire_len, frame.link_type, frame.has_time)
            );
        }
        assert!(reader.next_packet().unwrap().is_none());
        assert_eq!(reader.facts().comments[0], "from somewhere");
    }

    #[test]
    fn link_types_without_a_number_are_refused() {
        let mut writer = PcapNgWriter::new(Vec::new(), "").unwrap();
        let packet = Packet { frame: frame(0, LinkType::NETMON_INFO, 0, true), data: &[] };
        assert_eq!(writer.packet(&packet, None, "").unwrap_err().kind(), io::ErrorKind::Unsupported);
    }
}
