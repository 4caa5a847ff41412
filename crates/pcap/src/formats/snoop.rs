//! Sun snoop files.
//!
//! Source: RFC 1761; link types from the IANA registry of snoop data link types. Shomiti Surveyor writes the
//! same records with a trailer in the padding and link type numbers of its own; as in Wireshark's
//! `wiretap/snoop.c`, a first record with room for that trailer gives it away.

use super::{FileFormat, Fill, MAX_PACKET, Sequential, Stop, Walk, Walked, cut_header};
use crate::bytes::words;
use crate::source::Source;
use crate::{Error, Facts, Format, Frame, Interface, LinkType, Result, Timestamp};

pub(super) const FORMAT: FileFormat = FileFormat { name: "snoop", recognise, open };

const MAGIC: [u8; 8] = *b"snoop\0\0\0";

/// Bytes of the file header.
const HEADER: usize = 16;

/// Bytes of a record header.
const RECORD: usize = 24;

/// Bytes of the trailer Shomiti hides in the padding.
const SHOMITI_TRAILER: u32 = 16;

fn recognise(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

fn open(mut source: Source, facts: &mut Facts) -> Result<Box<dyn Fill>> {
    let start = source.peek(HEADER + RECORD);
    let len = start.len();
    let Some([version, network]) = start.get(8..).and_then(|rest| words::<2>(rest, true)) else {
        return Err(cut_header(&mut source, HEADER, len));
    };
    // 3 to 5 are Shomiti's.
    if !(2..=5).contains(&version) {
        return Err(Error::Damaged { offset: 8, what: format!("snoop version {version} is unknown") });
    }
    let first = start.get(HEADER..).and_then(|rest| words::<3>(rest, true));
    let padding = first.map_or(0, |[_, captured_len, record_len]| {
        record_len.saturating_sub(captured_len.saturating_add(RECORD as u32))
    });
    let shomiti = padding >= SHOMITI_TRAILER;
    let link_type = link_type(network, shomiti);
    let wireless = shomiti && network == SHOMITI_WIRELESS;
    source.skip_peeked(HEADER);
    facts.format = Some(Format::Snoop);
    facts.sections = 1;
    facts.interfaces.push(Interface { link_type, ..Interface::default() });
    Ok(Box::new(Sequential::new(source, Records { link_type, wireless, drops: 0 })))
}

/// Shomiti's IEEE 802.11 with a radio header of its own.
const SHOMITI_WIRELESS: u32 = 18;

/// A snoop data link type in the LINKTYPE registry. What has no number there becomes one nobody decodes.
fn link_type(network: u32, shomiti: bool) -> LinkType {
    /// `LINKTYPE_IPNET` of the registry.
    const IPNET: LinkType = LinkType(226);
    match (network, shomiti) {
        // IEEE 802.3 and Ethernet.
        (0 | 4, _) | (10 | 12 | 19, true) => LinkType::ETHERNET,
        (2, _) | (11 | 13 | 14, true) => LinkType::TOKEN_RING,
        (8, _) => LinkType::FDDI,
        // "Other" and software loopback.
        (9 | 14, false) => LinkType::NULL,
        (16, false) => LinkType::IP_OVER_FC,
        (18, false) => LinkType::SUNATM,
        (SHOMITI_WIRELESS, true) => LinkType::IEEE802_11,
        (26, false) => LinkType::IPOIB,
        (0x8000_0005, false) => IPNET,
        _ => LinkType::UNKNOWN,
    }
}

/// Walks records.
#[derive(Debug)]
struct Records {
    link_type: LinkType,
    /// Packets start with Shomiti's radio header, whose fourth byte is its length.
    wireless: bool,
    /// Cumulative drops of the last record.
    drops: u32,
}

impl Records {
    /// Bytes of a header in front of the packet that is not part of it.
    fn radio_header(&self, packet: &[u8]) -> u32 {
        match packet.get(3) {
            Some(&len) if self.wireless => 4 + u32::from(len),
            _ => 0,
        }
    }
}

impl Walk for Records {
    fn walk(&mut self, data: &[u8], _offset: u64, frames: &mut Vec<Frame>, facts: &mut Facts) -> Walked {
        let before = frames.len();
        let mut used = 0;
        let stop = loop {
            let rest = data.get(used..).unwrap_or_default();
            let Some([wire_len, captured_len, record_len, drops, seconds, micros]) = words::<6>(rest, true)
            else {
                break Stop::Needs { bytes: RECORD, what: "snoop record header" };
            };
            if captured_len > MAX_PACKET
                || wire_len > MAX_PACKET
                || record_len > 2 * MAX_PACKET
                || record_len < captured_len.saturating_add(RECORD as u32)
            {
                break Stop::Damaged(format!(
                    "snoop record of {record_len} bytes with a packet of {captured_len}, {wire_len} on the wire"
                ));
            }
            let Some(record) = rest.get(..record_len as usize) else {
                // The padding of the last record may be missing.
                break Stop::Needs { bytes: record_len as usize, what: "snoop record" };
            };
            let radio = self.radio_header(record.get(RECORD..).unwrap_or_default()).min(captured_len);
            if drops > self.drops {
                facts.count_drops(0, u64::from(drops - self.drops));
            }
            self.drops = drops;
            frames.push(Frame {
                timestamp: Timestamp::from_parts(i64::from(seconds), i64::from(micros) * 1_000),
                start: (used + RECORD) as u32 + radio,
                captured_len: captured_len - radio,
                wire_len: wire_len.saturating_sub(radio),
                interface: 0,
                link_type: self.link_type,
                has_time: true,
            });
            used += record_len as usize;
        };
        facts.count_packets(0, (frames.len() - before) as u64);
        Walked { used, stop }
    }
}
