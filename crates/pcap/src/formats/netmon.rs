//! Microsoft Network Monitor files, 1.x and 2.x.
//!
//! Source: "Capture File Format" in the help of Network Monitor 3.4; where it is silent, what Wireshark's
//! `wiretap/netmon.c` makes of real files.
//!
//! A table of frame offsets, usually at the end of the file, gives the order of the frames. They mostly lie one
//! after the other, so they are read in spans of many frames, and one by one only where the table jumps.

use super::netmon_frame::{Version, medium_link_type, start_time};
use super::netmon_table::Table;
use super::{BATCH_BYTES, FileFormat, Fill, Filled, cut_header};
use crate::bytes::{u16_at, u32_at, utf16_text};
use crate::source::{Seekable, Source};
use crate::{Batch, Error, Facts, Format, Frame, Interface, LinkType, Result};

pub(super) const FORMAT: FileFormat = FileFormat { name: "netmon", recognise, open };

/// Magic of 1.x and of 2.x.
const MAGICS: [[u8; 4]; 2] = [*b"RTSS", *b"GMBU"];

/// Bytes of the file header that are looked at; it is padded to 128.
const HEADER: usize = 64;

/// Most bytes copied to a temporary file where the source can't be read at any place: offsets have 32 bits, so
/// nothing behind 4 GiB and one frame is ever asked for.
const SPOOL_LIMIT: u64 = (1 << 32) + (1 << 20);

/// Bytes of a span after a jump in the frame table (chosen: a page).
const SMALLEST_SPAN: usize = 4096;

/// Most bytes of comments looked at (chosen: more than the comments that are kept can need).
const COMMENT_BYTES: u32 = 1 << 20;

fn recognise(start: &[u8]) -> bool {
    MAGICS.iter().any(|magic| start.starts_with(magic))
}

fn open(mut source: Source, facts: &mut Facts) -> Result<Box<dyn Fill>> {
    let start = source.peek(HEADER);
    let len = start.len();
    let Some(&header) = start.first_chunk::<HEADER>() else {
        return Err(cut_header(&mut source, HEADER, len));
    };
    let damaged = |offset, what| Error::Damaged { offset, what };
    let word = |at| u32_at(&header, at, false).unwrap_or_default();
    let [_, _, _, _, minor, major, ..] = header;
    let version = Version::new(major, minor)
        .ok_or_else(|| damaged(4, format!("NetMon version {major}.{minor} is unknown")))?;
    let medium = u16_at(&header, 6, false).unwrap_or_default();
    let (table_offset, table_len) = (u64::from(word(24)), u64::from(word(28)));
    let (comment_offset, comment_len) = (u64::from(word(40)), word(44));

    let mut file = source.into_seekable(SPOOL_LIMIT)?;
    let table = Table::new(table_offset, table_len, file.len())?;
    facts.format = Some(if major == 1 { Format::NetMon1 } else { Format::NetMon2 });
    facts.sections = 1;
    let link_type = medium_link_type(medium);
    facts.interfaces.push(Interface { link_type, ..Interface::default() });
    if version.has_comments() {
        read_comments(&mut file, comment_offset, comment_len.min(COMMENT_BYTES), facts);
    }
    Ok(Box::new(Frames {
        file,
        version,
        link_type,
        start: start_time(&header),
        table,
        window: BATCH_BYTES,
        span: None,
        last: 0..0,
        delivered: 0,
    }))
}

/// Comments of 2.2 and later: for each a number of frames, the frame's offset, a title and a description, both
/// with their length in bytes. A list that makes no sense ends there.
fn read_comments(file: &mut Seekable, offset: u64, len: u32, facts: &mut Facts) {
    let mut comments = Vec::new();
    if file.read_at(offset, len as usize, &mut comments).is_err() {
        return;
    }
    let mut rest = comments.as_slice();
    while let Some(title_len) = u32_at(rest, 8, false) {
        let Some(title) = rest.get(12..).and_then(|rest| rest.get(..title_len as usize)) else { return };
        rest = rest.get(12 + title.len()..).unwrap_or_default();
        let Some(description_len) = u32_at(rest, 0, false) else { return };
        rest = rest.get(4..).and_then(|rest| rest.get(description_len as usize..)).unwrap_or_default();
        facts.count_comment(|| utf16_text(title));
    }
}

/// A piece of the file in the batch at hand.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// Where it starts in the file.
    offset: u64,
    /// Where it starts in the batch.
    start: usize,
    /// Bytes of it that frames have taken.
    taken: usize,
}

/// Reads frames in the order of the frame table.
#[derive(Debug)]
struct Frames {
    file: Seekable,
    version: Version,
    /// Of all frames before 2.1.
    link_type: LinkType,
    /// When the capture started, in nanoseconds since the epoch.
    start: i64,
    table: Table,
    /// Bytes to read for the next span.
    window: usize,
    span: Option<Span>,
    /// Where the last frame lay.
    last: std::ops::Range<u64>,
    /// Bytes of all frames so far. More than the file has means that the table uses some twice.
    delivered: u64,
}

impl Frames {
    /// The next frame, or `None` where the batch is full or the table at its end.
    fn next(&mut self, batch: &mut Batch, facts: &mut Facts) -> Result<Option<()>> {
        let Some(offset) = self.table.peek(&mut self.file)? else { return Ok(None) };
        if offset >= self.file.len() {
            let what = format!("frame table points to byte {offset} of {}", self.file.len());
            return Err(Error::Damaged { offset: self.table.offset(), what });
        }
        if self.last.contains(&offset) {
            let what = "frame overlaps the one before".to_owned();
            return Err(Error::Damaged { offset, what });
        }
        let Some((span, len)) = self.locate(offset, batch)? else { return Ok(None) };
        self.delivered += len as u64;
        if self.delivered > self.file.len() {
            let what = "frame table uses the same bytes more than once".to_owned();
            return Err(Error::Damaged { offset, what });
        }
        let start = span.start + (offset - span.offset) as usize;
        let record = batch.data.get(start..).and_then(|rest| rest.get(..len)).unwrap_or_default();
        match self.version.frame(record, self.start, self.link_type) {
            Ok(parsed) => {
                batch.frames.push(Frame { start: parsed.start + start as u32, ..parsed });
                facts.count_packets(0, 1);
            }
            Err(kind) => facts.count_other(kind),
        }
        self.last = offset..offset + len as u64;
        self.span = Some(Span { taken: start + len - span.start, ..span });
        self.table.advance();
        Ok(Some(()))
    }

    /// Brings the whole record at `offset` into the batch: its span and its length. `None` if the batch is full.
    fn locate(&mut self, offset: u64, batch: &mut Batch) -> Result<Option<(Span, usize)>> {
        let mut follows = false;
        if let Some(span) = self.span
            && offset >= span.offset
        {
            let inside =
                usize::try_from(offset - span.offset).unwrap_or(usize::MAX).saturating_add(span.start);
            let rest = batch.data.get(inside..).unwrap_or_default();
            follows = inside <= batch.data.len();
            if let Some(len) = self.version.record_len(rest, offset)?
                && len <= rest.len()
            {
                return Ok(Some((span, len)));
            }
        }
        let room = BATCH_BYTES.saturating_sub(batch.data.len());
        if room < SMALLEST_SPAN && !batch.frames.is_empty() {
            return Ok(None);
        }
        // Reading on in the file, so read much; after a jump as much as the last one was good for.
        let good = self.span.map_or(self.window, |span| span.taken);
        self.window = if follows { self.window.saturating_mul(2) } else { good.saturating_mul(2) }
            .clamp(SMALLEST_SPAN, BATCH_BYTES);
        let start = batch.data.len();
        let span = Span { offset, start, taken: 0 };
        self.span = Some(span);
        let window = self.window.min(room.max(SMALLEST_SPAN));
        batch.data.reserve(window);
        self.file.read_at(offset, window, &mut batch.data)?;
        let have = batch.data.len() - start;
        let header = batch.data.get(start..).unwrap_or_default();
        let needed = self.version.record_len(header, offset)?;
        let len = needed.unwrap_or_else(|| self.version.header_len());
        if len > have {
            self.file.read_at(offset + have as u64, len - have, &mut batch.data)?;
        }
        let have = batch.data.len() - start;
        if needed.is_none() || len > have {
            let (needed, available) = (len as u64, have as u64);
            return Err(Error::CutShort { offset, what: "NetMon frame", needed, available });
        }
        Ok(Some((span, len)))
    }
}

impl Fill for Frames {
    fn fill(&mut self, batch: &mut Batch, facts: &mut Facts) -> Filled {
        // What the next batch reads does not lie in this one.
        self.span = None;
        loop {
            // Records that are no packets leave nothing in the batch that is needed.
            if batch.frames.is_empty() && batch.data.len() >= BATCH_BYTES {
                batch.data.clear();
                self.span = None;
            }
            match self.next(batch, facts) {
                Ok(Some(())) => {}
                Ok(None) if self.table.at_end() => return Filled::End,
                Ok(None) => return Filled::Some,
                Err(error) => return Filled::Failed(error),
            }
        }
    }

    fn offset(&self) -> u64 {
        self.last.end
    }

    fn batch_offset(&self) -> Option<u64> {
        None
    }
}
