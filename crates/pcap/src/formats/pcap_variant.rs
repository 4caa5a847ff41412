//! libpcap variants that share a magic number.
//!
//! In 1999 three patches lengthened the record header and Nokia added four bytes to it, two of them without a
//! magic number of their own. As Wireshark does (`libpcap_try_variants` in `wiretap/libpcap.c`), the first
//! records are read in the form of each variant and the form with the fewest oddities is taken.

use super::{BATCH_BYTES, MAX_PACKET};
use crate::Format;
use crate::bytes::{u16_at, u32_at, words};

/// Bytes looked at to tell variants apart: those of the first batch.
pub(super) const LOOK_AHEAD: usize = BATCH_BYTES;

/// Records looked at, as Wireshark does.
const RECORDS: usize = 3;

/// A form of the record header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// 16 bytes: time, captured length, wire length.
    Plain,
    /// 24 bytes, magic of [`Variant::Plain`]: Red Hat 6.1.
    RedHat,
    /// 20 bytes, magic of [`Variant::Plain`]: Nokia IPSO.
    Nokia,
    /// 24 bytes with interface, protocol and packet type.
    Modified,
    /// 28 bytes, magic of [`Variant::Modified`]: `SuSE` 6.3.
    Suse,
}

/// Variants with the usual magic; the first wins a tie.
pub(super) const STANDARD: &[Variant] = &[Variant::Plain, Variant::RedHat, Variant::Nokia];

/// Variants with the modified magic; the first wins a tie.
pub(super) const MODIFIED: &[Variant] = &[Variant::Modified, Variant::Suse];

impl Variant {
    /// Bytes of a record header.
    pub(super) const fn header_len(self) -> usize {
        match self {
            Self::Plain => 16,
            Self::Nokia => 20,
            Self::RedHat | Self::Modified => 24,
            Self::Suse => 28,
        }
    }

    /// The format it is reported as.
    pub(super) const fn format(self) -> Format {
        match self {
            Self::Plain => Format::Pcap,
            Self::RedHat => Format::PcapRedHat,
            Self::Nokia => Format::PcapNokia,
            Self::Modified => Format::PcapModified,
            Self::Suse => Format::PcapSuse,
        }
    }

    /// Whether its magic number was made for it.
    const fn is_usual(self) -> bool {
        matches!(self, Self::Plain | Self::Modified)
    }

    /// Oddities in what follows the sixteen bytes all variants have.
    fn oddities(self, record: &[u8], big: bool) -> Option<u32> {
        match self {
            // What Nokia's four bytes mean is not known.
            Self::Plain | Self::Nokia => Some(0),
            Self::RedHat | Self::Modified | Self::Suse => {
                let interface = u32_at(record, 16, big)?;
                let protocol = u16_at(record, 20, big)?;
                let packet_type = *record.get(22)?;
                // An Ethertype, or one of Linux's ETH_P_ numbers below them.
                let sane = protocol >= 0x0600 || matches!(protocol, 0x0060 | 0x0200 | 0x0400 | 0..=0x17);
                Some(u32::from(interface > 10_000) + u32::from(!sane) + u32::from(packet_type > 4))
            }
        }
    }
}

/// The variant in whose form the records look best.
///
/// Unlike Wireshark, the usual form is only left for one without any oddity: an ordinary file whose first records
/// are damaged must stay one.
pub(super) fn guess(variants: &[Variant], records: &[u8], big: bool, snap_len: u32) -> Variant {
    let complete = records.len() < LOOK_AHEAD;
    let marks = |variant: Variant| marks(variant, records, big, snap_len, complete);
    let spotless = variants.iter().copied().find(|variant| marks(*variant) == 0);
    // `min_by_key` returns the first of equal ones.
    let best = || variants.iter().copied().min_by_key(|variant| marks(*variant));
    let usual = variants.contains(&Variant::Plain).then_some(Variant::Plain);
    spotless.or(usual).or_else(best).unwrap_or(Variant::Plain)
}

/// Oddities of the first records read in the form of this variant; `complete` if nothing follows them.
fn marks(variant: Variant, mut records: &[u8], big: bool, snap_len: u32, complete: bool) -> u32 {
    let mut marks = 0;
    for index in 0..RECORDS {
        if records.is_empty() {
            break;
        }
        // An ordinary file may be cut behind a record at a place where it looks whole in another form.
        let cut = u32::from(complete && !(variant.is_usual() && index > 0));
        let Some([_, fraction, captured_len, wire_len]) = words::<4>(records, big) else {
            return marks + cut;
        };
        let Some(oddities) = variant.oddities(records, big) else { return marks + cut };
        marks += oddities
            + u32::from(fraction >= 1_000_000)
            + u32::from(captured_len > MAX_PACKET)
            + u32::from(captured_len > snap_len)
            + u32::from(wire_len > 128 << 20)
            + u32::from(captured_len > wire_len);
        if captured_len > MAX_PACKET {
            break;
        }
        let Some(rest) = records.get(variant.header_len() + captured_len as usize..) else {
            return marks + cut;
        };
        records = rest;
    }
    marks
}
