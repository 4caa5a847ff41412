//! IEEE 802.11.

use super::{Cursor, Decoded, SkipReason, link};

/// An 802.11 frame; `padded` if the driver aligned the payload to four bytes (radiotap says so).
pub(super) fn frame(at: Cursor<'_>, padded: bool, out: &mut Decoded) -> Result<(), SkipReason> {
    data(at, at.array(0)?, padded, out)
}

/// An 802.11 frame whose first two bytes may be in the wrong order, as some access points send them to their
/// controllers: the version in the lowest bits is 0 in the right one.
pub(super) fn swapped_frame(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    let [first, second] = at.array(0)?;
    let control = if first & 3 != 0 { [second, first] } else { [first, second] };
    data(at, control, false, out)
}

fn data(
    at: Cursor<'_>,
    [control, flags]: [u8; 2],
    padded: bool,
    out: &mut Decoded,
) -> Result<(), SkipReason> {
    out.descend()?;
    let kind = (control >> 2) & 3;
    let subtype = control >> 4;
    // Only data frames carry packets, and of them not the null ones.
    if kind != 2 || subtype & 4 != 0 {
        return Err(SkipReason::LinkControl);
    }
    if flags & 0x40 != 0 {
        return Err(SkipReason::Encrypted);
    }
    let mut header = 24;
    if flags & 3 == 3 {
        header += 6;
    }
    if subtype & 8 != 0 {
        // A-MSDU: several frames in one; the first one names the packet.
        let aggregated = at.u8(header)? & 0x80 != 0;
        header += 2;
        if flags & 0x80 != 0 {
            header += 4;
        }
        if aggregated {
            header += 14;
        }
    }
    if padded {
        header = (header + 3) & !3;
    }
    link::llc(at.skip(header), out)
}

/// Behind a radiotap header (radiotap.org).
pub(super) fn radiotap(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    /// Flag: data pad between header and payload.
    const DATA_PAD: u8 = 0x20;
    let length = usize::from(at.u16_le(2)?);
    let present = at.u32_le(4)?;
    // Further bitmaps follow while bit 31 is set.
    let mut offset = 8;
    let mut bitmap = present;
    while bitmap & 0x8000_0000 != 0 && offset < length {
        bitmap = at.u32_le(offset)?;
        offset += 4;
    }
    if present & 1 != 0 {
        // TSFT, eight bytes, aligned to eight.
        offset = ((offset + 7) & !7) + 8;
    }
    let padded = present & 2 != 0 && at.u8(offset).is_ok_and(|flags| flags & DATA_PAD != 0);
    frame(at.skip(length.max(8)), padded, out)
}

/// Behind a Prism monitoring header, or the AVS header that some drivers put in its place.
pub(super) fn prism(at: Cursor<'_>, out: &mut Decoded) -> Result<(), SkipReason> {
    /// The AVS header's magic, its version in the last byte.
    const AVS: u32 = 0x8021_1000;
    if at.u32(0)? & 0xffff_f000 == AVS {
        return frame(at.skip(at.u32(4)? as usize), false, out);
    }
    let length = at.u32_le(4)?;
    let length = if length > 0xffff { length.swap_bytes() } else { length };
    frame(at.skip(length as usize), false, out)
}
