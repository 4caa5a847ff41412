//! pcapng blocks, and what those hold that are not packets: options, comments, interface descriptions.

use super::Stop;
use super::pcapng::{ENHANCED_PACKET, INTERFACE, SECTION_HEADER, STATISTICS};
use super::pcapng_clock::Clock;
use crate::bytes::{text, u16_at, u32_at, u64_at, words};
use crate::{Facts, LinkType};

/// Name resolution block.
const NAME_RESOLUTION: u32 = 4;
/// systemd journal export block.
const JOURNAL: u32 = 9;
/// Decryption secrets block.
const SECRETS: u32 = 10;
/// Custom block that may be copied to other files.
const CUSTOM: u32 = 0x0000_0bad;
/// Custom block that may not.
const CUSTOM_PRIVATE: u32 = 0x4000_0bad;
/// macOS process information block.
const PROCESS: u32 = 0x8000_0001;

/// Bytes of the smallest block: type, length, length again.
pub(super) const SMALLEST: usize = 12;

/// Most bytes of a block: 16 MiB (chosen: the limit Wireshark had until D-Bus captures asked for more; longer
/// ones are damage in all likelihood).
const MAX_BLOCK: u32 = 16 << 20;

/// The byte-order magic as the section's own byte order reads it.
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// The block at the front of some bytes.
pub(super) struct Block<'a> {
    pub(super) kind: u32,
    /// Bytes with padding.
    pub(super) len: usize,
    /// What lies between the two lengths.
    pub(super) body: &'a [u8],
}

impl<'a> Block<'a> {
    /// # Errors
    ///
    /// Why the walk has to stop here: too few bytes, or lengths that make no sense.
    #[inline]
    pub(super) fn at(rest: &'a [u8], big: bool) -> std::result::Result<Self, Stop> {
        let Some([kind, len]) = words::<2>(rest, big) else {
            return Err(Stop::Needs { bytes: SMALLEST, what: "pcapng block" });
        };
        if len < SMALLEST as u32 || len > MAX_BLOCK {
            return Err(Stop::Damaged(format!(
                "pcapng block of {len} bytes, allowed are {SMALLEST} to {MAX_BLOCK}"
            )));
        }
        // Some writers don't count the padding.
        let whole = (len as usize).next_multiple_of(4);
        let Some(block) = rest.get(..whole) else {
            return Err(Stop::Needs { bytes: whole, what: "pcapng block" });
        };
        let again = u32_at(block, whole - 4, big).unwrap_or_default();
        if again != len && again as usize != whole {
            return Err(Stop::Damaged(format!("pcapng block has two lengths, {len} and {again}")));
        }
        Ok(Self { kind, len: whole, body: block.get(8..whole - 4).unwrap_or_default() })
    }
}

/// Byte order of the section whose header block is at the front of these bytes: true for big-endian.
pub(super) fn section_order(block: &[u8]) -> Option<bool> {
    match u32_at(block, 8, true)? {
        BYTE_ORDER_MAGIC => Some(true),
        magic if magic.swap_bytes() == BYTE_ORDER_MAGIC => Some(false),
        _ => None,
    }
}

/// What a block is called in [`Facts::other_records`].
pub(super) fn kind_name(kind: u32) -> &'static str {
    match kind {
        SECTION_HEADER => "section header",
        INTERFACE => "interface description",
        ENHANCED_PACKET => "enhanced packet",
        NAME_RESOLUTION => "name resolution",
        STATISTICS => "interface statistics",
        JOURNAL => "journal",
        SECRETS => "decryption secrets",
        CUSTOM | CUSTOM_PRIVATE => "custom",
        PROCESS => "process information",
        _ => "unknown",
    }
}

/// Whether nothing is known of the inside of such a block.
pub(super) fn is_unknown(kind: u32) -> bool {
    !matches!(kind, NAME_RESOLUTION | STATISTICS | SECRETS)
}

/// The options of a block that is neither packet, section nor interface.
pub(super) fn options_of(kind: u32, body: &[u8], big: bool) -> &[u8] {
    let start = match kind {
        STATISTICS => Some(12),
        SECRETS => u32_at(body, 4, big).map(|len| 8 + (len as usize).next_multiple_of(4)),
        NAME_RESOLUTION => names_end(body, big),
        _ => None,
    };
    start.and_then(|start| body.get(start..)).unwrap_or_default()
}

/// Where the records of a name resolution block end.
fn names_end(body: &[u8], big: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        let (kind, len) = (u16_at(body, at, big)?, u16_at(body, at + 2, big)?);
        at += 4 + usize::from(len).next_multiple_of(4);
        if kind == 0 {
            return Some(at);
        }
    }
}

/// Options one after the other, up to the end mark or the first that is not whole.
pub(super) struct Options<'a> {
    rest: &'a [u8],
    big: bool,
}

impl<'a> Options<'a> {
    pub(super) fn new(options: &'a [u8], big: bool) -> Self {
        Self { rest: options, big }
    }
}

impl<'a> Iterator for Options<'a> {
    /// Code and value.
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (code, len) = (u16_at(self.rest, 0, self.big)?, u16_at(self.rest, 2, self.big)?);
        if code == 0 {
            self.rest = &[];
            return None;
        }
        let len = usize::from(len);
        let value = self.rest.get(4..4 + len)?;
        // The padding of the last one may be missing.
        self.rest = self.rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}

/// Counts and keeps the comments among these options.
pub(super) fn note_comments(options: &[u8], big: bool, facts: &mut Facts) {
    /// `opt_comment`.
    const COMMENT: u16 = 1;
    for (_, value) in Options::new(options, big).filter(|(code, _)| *code == COMMENT) {
        facts.count_comment(|| text(value));
    }
}

/// What an interface description block says.
pub(super) struct InterfaceDescription {
    pub(super) link_type: LinkType,
    pub(super) snap_len: u32,
    pub(super) clock: Clock,
    pub(super) name: Option<String>,
    pub(super) text: Option<String>,
    pub(super) filter: Option<String>,
}

impl InterfaceDescription {
    /// Bytes before the options: link type, two unused ones, snap length.
    pub(super) const FIELDS: usize = 8;

    /// `None` if the body is too short.
    pub(super) fn parse(body: &[u8], big: bool) -> Option<Self> {
        let network = u16_at(body, 0, big)?;
        let snap_len = u32_at(body, 4, big)?;
        let link_type = super::pcap::normalised(network);
        let (mut name, mut about, mut filter) = (None, None, None);
        let (mut resolution, mut offset) = (Clock::DEFAULT_RESOLUTION, 0);
        for (code, value) in Options::new(body.get(Self::FIELDS..).unwrap_or_default(), big) {
            match code {
                2 => name = text(value),
                3 => about = text(value),
                9 => resolution = value.first().copied().unwrap_or(resolution),
                // The first byte says what follows: 0 = a libpcap expression, 1 = BPF instructions.
                11 => {
                    if let Some((0, expression)) = value.split_first() {
                        filter = text(expression);
                    }
                }
                14 => offset = u64_at(value, 0, big).map_or(offset, |seconds| seconds as i64),
                _ => {}
            }
        }
        let clock = Clock::new(resolution, offset);
        Some(Self { link_type, snap_len, clock, name, text: about, filter })
    }
}
