//! One frame of a `NetMon` file: header, trailer, medium, time.

use super::MAX_PACKET;
use crate::bytes::{u16_at, u32_at, u64_at, words};
use crate::{Error, Frame, LinkType, Result, Timestamp};

/// Bytes in front of an ATM frame: two addresses, VPI, VCI. Not part of the packet.
const ATM_HEADER: u32 = 12;

/// Tenths of microseconds from 1601-01-01, where Windows starts, to 1970-01-01.
const WINDOWS_TO_UNIX: i128 = 116_444_736_000_000_000;

/// Version of a file, as far as it changes how frames look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    major: u8,
    minor: u8,
}

impl Version {
    /// `None` for one that does not exist.
    pub(super) fn new(major: u8, minor: u8) -> Option<Self> {
        matches!(major, 1 | 2).then_some(Self { major, minor })
    }

    /// Whether the fields of the file header for comments mean anything.
    pub(super) fn has_comments(self) -> bool {
        self.major == 2 && self.minor >= 2
    }

    /// Bytes before the packet: times are 32 or 64 bits, lengths 16 or 32.
    pub(super) const fn header_len(self) -> usize {
        if self.major == 1 { 8 } else { 16 }
    }

    /// Bytes behind the packet: its medium since 2.1, its process since 2.2, its time since 2.3.
    const fn trailer_len(self) -> usize {
        match (self.major, self.minor) {
            (1, _) | (_, 0) => 0,
            (_, 1) => 2,
            (_, 2) => 6,
            _ => 15,
        }
    }

    /// Wire length and captured length.
    fn lengths(self, record: &[u8]) -> Option<(u32, u32)> {
        if self.major == 1 {
            Some((u16_at(record, 4, false)?.into(), u16_at(record, 6, false)?.into()))
        } else {
            let [_, _, wire_len, captured_len] = words::<4>(record, false)?;
            Some((wire_len, captured_len))
        }
    }

    /// Bytes of the record that starts here, `None` if its header is not all there.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] for a packet longer than any can be.
    pub(super) fn record_len(self, record: &[u8], offset: u64) -> Result<Option<usize>> {
        let Some((_, captured_len)) = self.lengths(record) else { return Ok(None) };
        if captured_len > MAX_PACKET {
            let what = format!("NetMon frame of {captured_len} bytes, the limit is {MAX_PACKET}");
            return Err(Error::Damaged { offset, what });
        }
        Ok(Some(self.header_len() + captured_len as usize + self.trailer_len()))
    }

    /// The packet in a whole record, or what else it is. `file_link_type` is that of files without a medium in
    /// each frame, `start` the time they count from in nanoseconds.
    pub(super) fn frame(
        self,
        record: &[u8],
        start: i64,
        file_link_type: LinkType,
    ) -> std::result::Result<Frame, &'static str> {
        let (mut wire_len, mut captured_len) = self.lengths(record).unwrap_or_default();
        let header_len = self.header_len() as u32;
        let trailer = record.get((header_len + captured_len) as usize..).unwrap_or_default();
        let mut packet_start = header_len;
        let mut link_type = file_link_type;
        if self.trailer_len() > 0 {
            link_type = frame_link_type(u16_at(trailer, 0, false).unwrap_or_default())?;
        } else if file_link_type == LinkType::ATM_RFC1483 {
            let skipped = ATM_HEADER.min(captured_len);
            packet_start += skipped;
            captured_len -= skipped;
            wire_len = wire_len.saturating_sub(ATM_HEADER);
        }
        let nanos = match (u64_at(trailer, 6, false), self.major) {
            (Some(windows), _) => (i128::from(windows) - WINDOWS_TO_UNIX) * 100,
            (None, 1) => {
                i128::from(start) + i128::from(u32_at(record, 0, false).unwrap_or_default()) * 1_000_000
            }
            // Documented as unsigned microseconds, meant as tenths of them that wrap around and have a sign:
            // frames can be older than the start of the capture.
            (None, _) => {
                let micros = u64_at(record, 0, false).unwrap_or_default();
                i128::from(start) + i128::from(micros.wrapping_mul(10) as i64) * 100
            }
        };
        Ok(Frame {
            timestamp: Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64),
            start: packet_start,
            captured_len,
            wire_len,
            interface: 0,
            link_type,
            has_time: true,
        })
    }
}

/// The medium of a file, or of a frame that has one of the plain numbers: an NDIS medium, with the meanings
/// 2.x gave to those nobody used.
pub(super) fn medium_link_type(medium: u16) -> LinkType {
    match medium {
        // 0 stands in frames of VPN captures, which are Ethernet.
        0 | 1 => LinkType::ETHERNET,
        2 => LinkType::TOKEN_RING,
        3 => LinkType::FDDI,
        // NDIS WAN, used for ATM.
        4 => LinkType::ATM_RFC1483,
        6 => LinkType::NETMON_IEEE802_11,
        // Tunnels, wireless WAN, raw IP.
        7..=9 => LinkType::RAW,
        _ => LinkType::UNKNOWN,
    }
}

/// What a frame of 2.1 and later starts with, or what it is if it is no packet.
fn frame_link_type(medium: u16) -> std::result::Result<LinkType, &'static str> {
    Ok(match medium {
        // Exported from Message Analyzer: WiFi messages; the others have headers nobody documented.
        0xe080 => LinkType::IEEE802_11,
        0xe081..=0xe08a => LinkType::UNKNOWN,
        // Converted from pcap.
        0xe000..=0xefff => super::pcap::normalised(medium & 0x0fff),
        0xffe0 => LinkType::NETMON_EVENT,
        // Extended interface information and filter text, which Wireshark counts as packets.
        0xfffb | 0xffff => LinkType::NETMON_INFO,
        0xfffc => return Err("reassembled payload header"),
        0xfffd => return Err("interface information"),
        0xfffe => return Err("name resolution"),
        _ => medium_link_type(medium),
    })
}

/// The start of the capture in nanoseconds since the epoch: eight 16-bit fields of a Windows `SYSTEMTIME`.
///
/// It is local time and the file does not say whose; taken as UTC. Files of 2.3 have the time of each frame in
/// UTC.
pub(super) fn start_time(header: &[u8]) -> i64 {
    let field = |index: usize| i64::from(u16_at(header, 8 + 2 * index, false).unwrap_or_default());
    // The third field is the day of the week.
    let (year, month, day) = (field(0), field(1), field(3));
    let (hour, minute, second, milli) = (field(4), field(5), field(6), field(7));
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    seconds.saturating_mul(1_000_000_000).saturating_add(milli * 1_000_000)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; months and days beyond their range count on, as in
/// mktime(3).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years that start in March have their leap day at the end.
    let months = year * 12 + month - 3;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    let days_before_month = (153 * month + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::days_from_civil;

    #[test]
    fn days_are_counted_from_the_epoch() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(1969, 12, 31), -1);
        assert_eq!(days_from_civil(2000, 2, 29), 11_016);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        assert_eq!(days_from_civil(2016, 8, 25), 17_038);
        assert_eq!(days_from_civil(2015, 13, 1), days_from_civil(2016, 1, 1));
    }
}
