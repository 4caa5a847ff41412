//! Microsoft Network Monitor (NetMon 3.4 help, "Capture File Format"; the 1.x record as Wireshark reads it).

use super::{Encoder, Order};
use crate::packet::Packet;

/// Bytes of the header, padded.
const HEADER_LEN: usize = 128;
/// Network type of Ethernet.
const ETHERNET: u16 = 1;
/// 100-nanosecond units from 1601 to 1970.
const FILETIME_EPOCH: u64 = 116_444_736_000_000_000;

const ORDER: Order = Order::LITTLE;

/// What both versions share: the start of the capture and the frame table.
#[derive(Clone, Debug, Default)]
struct Frames {
    start_ns: Option<i64>,
    table: Vec<u32>,
    position: usize,
}

impl Frames {
    /// Nanoseconds since the start, which is the first packet's time in whole milliseconds.
    fn since_start(&mut self, packet: &Packet) -> u64 {
        let start = *self.start_ns.get_or_insert_with(|| packet.time_ns.div_euclid(1_000_000) * 1_000_000);
        packet.time_ns.saturating_sub(start).max(0) as u64
    }

    fn end(&self, out: &mut Vec<u8>, magic: [u8; 4], version: [u8; 2]) -> Vec<u8> {
        for offset in &self.table {
            ORDER.put32(out, *offset);
        }
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend_from_slice(&magic);
        header.extend_from_slice(&version);
        ORDER.put16(&mut header, ETHERNET);
        for part in system_time(self.start_ns.unwrap_or(0)) {
            ORDER.put16(&mut header, part);
        }
        ORDER.put32(&mut header, self.position as u32);
        ORDER.put32(&mut header, (self.table.len() * 4) as u32);
        header.resize(HEADER_LEN, 0);
        header
    }

    /// Appends to `out` and keeps the books on where the record lies in the file.
    fn record(&mut self, out: &mut Vec<u8>, record: impl FnOnce(&mut Vec<u8>)) {
        self.table.push(self.position as u32);
        let before = out.len();
        record(out);
        self.position += out.len() - before;
    }
}

/// The instant as Windows' `SYSTEMTIME`: year, month, day of the week, day, hour, minute, second, millisecond.
fn system_time(time_ns: i64) -> [u16; 8] {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let millis = time_ns.rem_euclid(1_000_000_000) / 1_000_000;
    [
        year,
        month,
        (days + 4).rem_euclid(7), // 1970 began on a Thursday
        day,
        second / 3600,
        second / 60 % 60,
        second % 60,
        millis,
    ]
    .map(|part| part as u16)
}

/// Writes Network Monitor 1.1 with Ethernet: lengths of 16 bits, times in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct NetMon1 {
    frames: Frames,
}

impl Encoder for NetMon1 {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.resize(out.len() + HEADER_LEN, 0);
        self.frames.position = HEADER_LEN;
    }

    fn packet(&mut self, packet: &Packet, out: &mut Vec<u8>) {
        let millis = self.frames.since_start(packet) / 1_000_000;
        self.frames.record(out, |out| {
            ORDER.put32(out, millis as u32);
            ORDER.put16(out, packet.wire_len as u16);
            ORDER.put16(out, packet.data.len() as u16);
            out.extend_from_slice(&packet.data);
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Option<Vec<u8>> {
        Some(self.frames.end(out, *b"RTSS", [1, 1]))
    }
}

/// Writes Network Monitor 2.x with Ethernet: times in microseconds, or in 100 nanoseconds from minor version 3 on.
#[derive(Clone, Debug, Default)]
pub struct NetMon2 {
    minor: u8,
    frames: Frames,
}

impl NetMon2 {
    /// Version 2.`minor`, 0 to 3: each has a longer trailer behind its packets.
    pub fn new(minor: u8) -> Self {
        Self { minor, frames: Frames::default() }
    }
}

impl Encoder for NetMon2 {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.resize(out.len() + HEADER_LEN, 0);
        self.frames.position = HEADER_LEN;
    }

    fn packet(&mut self, packet: &Packet, out: &mut Vec<u8>) {
        let micros = self.frames.since_start(packet) / 1000;
        let minor = self.minor;
        self.frames.record(out, |out| {
            ORDER.put64(out, micros);
            ORDER.put32(out, packet.wire_len);
            ORDER.put32(out, packet.data.len() as u32);
            out.extend_from_slice(&packet.data);
            if minor >= 1 {
                ORDER.put16(out, ETHERNET);
            }
            if minor >= 2 {
                ORDER.put32(out, u32::MAX); // no process
            }
            if minor >= 3 {
                ORDER.put64(out, (packet.time_ns / 100) as u64 + FILETIME_EPOCH);
                out.push(0);
            }
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Option<Vec<u8>> {
        Some(self.frames.end(out, *b"GMBU", [self.minor, 2]))
    }
}

#[cfg(test)]
mod tests {
    use super::system_time;

    #[test]
    fn instants_become_calendar_dates() {
        assert_eq!(system_time(0), [1970, 1, 4, 1, 0, 0, 0, 0]);
        assert_eq!(system_time(951_827_696_789_000_000), [2000, 2, 2, 29, 12, 34, 56, 789]);
        assert_eq!(system_time(crate::Traffic::START_NS), [2026, 3, 1, 2, 9, 0, 0, 0]);
    }
}
