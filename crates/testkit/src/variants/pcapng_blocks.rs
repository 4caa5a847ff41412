//! pcapng with all that it allows.

use super::{Expected, Variant, base::base, base::ip};
use crate::{
    format::{Blocks, TimeUnit},
    traffic::Traffic,
};

/// An interface of [`SECTIONS`]: link type, unit of time, offset in seconds.
type Interface = (u16, TimeUnit, i64);

const START_S: i64 = Traffic::START_NS / 1_000_000_000;

/// Picoseconds since 1970 would not fit 64 bits: they need the offset.
const FIRST_SECTION: [Interface; 3] = [
    (1, TimeUnit::Decimal(3), 0),
    (1, TimeUnit::Decimal(9), START_S - 5),
    (1, TimeUnit::Decimal(12), START_S),
];
const SECOND_SECTION: [Interface; 3] =
    [(1, TimeUnit::Binary(10), 0), (101, TimeUnit::Binary(32), START_S), (1, TimeUnit::Decimal(4), -1000)];

/// Two sections of three interfaces each; `second` writes the second one.
fn sections(second: Blocks) -> (Vec<u8>, Expected) {
    let mut capture = base();
    let mut out = Vec::new();
    let half = capture.packets.len() / 2;
    for (index, packet) in capture.packets.iter_mut().enumerate() {
        let (blocks, interfaces) =
            if index < half { (Blocks::LITTLE, FIRST_SECTION) } else { (second, SECOND_SECTION) };
        if index == 0 || index == half {
            blocks.section(&mut out, &[]);
            for (link_type, unit, offset_s) in interfaces {
                blocks.timed_interface(&mut out, link_type, unit, offset_s);
            }
        }
        let interface = index % 3;
        let (link_type, unit, offset_s) = interfaces[interface];
        if link_type == 101 {
            packet.data = ip(packet).to_vec();
            packet.wire_len = packet.data.len() as u32;
        }
        let origin_ns = offset_s * 1_000_000_000;
        let time_ns = packet.time_ns + (index as i64 * 37) % 1000;
        packet.time_ns = unit.rounded(time_ns - origin_ns) + origin_ns;
        blocks.enhanced(&mut out, interface as u32, unit.ticks(time_ns - origin_ns), packet, &[]);
    }
    (out, capture.expected())
}

pub(super) const SECTIONS: Variant = Variant {
    name: "pcapng-sections",
    extension: "pcapng",
    doc: "Two sections of three interfaces: 10^-3, 10^-9, 10^-12, 2^-10, 2^-32, 10^-4 s, offsets, one raw IP.",
    make: || sections(Blocks::LITTLE),
};

pub(super) const TURNING: Variant = Variant {
    name: "pcapng-turning",
    extension: "pcapng",
    doc: "The two sections again, the first little-endian and the second big-endian.",
    make: || sections(Blocks::BIG),
};

pub(super) const SIMPLE: Variant = Variant {
    name: "pcapng-simple",
    extension: "pcapng",
    doc: "Simple packet blocks, which carry no time.",
    make: || {
        let capture = base().retime(|_, _| 0);
        let mut out = Vec::new();
        Blocks::LITTLE.section(&mut out, &[]);
        Blocks::LITTLE.interface(&mut out, 1, 0, &[]);
        for packet in &capture.packets {
            Blocks::LITTLE.simple(&mut out, packet);
        }
        (out, Expected { first_ns: None, last_ns: None, ..capture.expected() })
    },
};

pub(super) const OBSOLETE: Variant = Variant {
    name: "pcapng-obsolete",
    extension: "pcapng",
    doc: "Obsolete packet blocks with drop counts.",
    make: || {
        let capture = base();
        let mut out = Vec::new();
        Blocks::LITTLE.section(&mut out, &[]);
        Blocks::LITTLE.interface(&mut out, 1, 65_535, &[]);
        for (index, packet) in capture.packets.iter().enumerate() {
            let ticks = TimeUnit::MICROS.ticks(packet.time_ns);
            Blocks::LITTLE.obsolete(&mut out, 0, (index % 2) as u16, ticks, packet);
        }
        (out, capture.expected())
    },
};

pub(super) const EXTRAS: Variant = Variant {
    name: "pcapng-extras",
    extension: "pcapng",
    doc: "Comments, packet options, and name resolution, statistics, secrets and unknown blocks in between.",
    make: extras,
};

/// Every tenth packet has a comment, an empty one or one in Greek.
const COMMENTS: [&[u8]; 3] = ["a comment".as_bytes(), b"", "σχόλιο".as_bytes()];

fn extras() -> (Vec<u8>, Expected) {
    let capture = base();
    let blocks = Blocks::LITTLE;
    let mut out = Vec::new();
    blocks.section(
        &mut out,
        &[(1, b"first comment"), (1, b"second comment"), (2, b"hardware"), (3, b"system"), (4, b"testkit")],
    );
    blocks.interface(
        &mut out,
        1,
        262_144,
        &[(2, b"eth0"), (3, b"front"), (11, b"\0ip or ip6"), (9, &[6]), (12, b"Linux")],
    );
    let mut comments = 2;
    for (index, packet) in capture.packets.iter().enumerate() {
        if index % 100 == 50 {
            in_between(&mut out, blocks, index / 100);
        }
        let ticks = TimeUnit::MICROS.ticks(packet.time_ns);
        let comment = COMMENTS[index / 10 % 3];
        // Comment, flags (inbound, unicast), drop count, and a custom option of enterprise 32473.
        let options: &[(u16, &[u8])] = match index % 10 {
            0 => &[(1, comment)],
            3 => &[(2, &[5, 0, 0, 0]), (4, &[1, 0, 0, 0, 0, 0, 0, 0])],
            7 => &[(2988, b"\xd9\x7e\0\0custom")],
            _ => &[],
        };
        comments += u64::from(index % 10 == 0);
        blocks.enhanced(&mut out, 0, ticks, packet, options);
    }
    let time = TimeUnit::MICROS.ticks(capture.packets.last().map_or(0, |p| p.time_ns));
    statistics(&mut out, blocks, time, 2000);
    (out, Expected { comments, ..capture.expected() })
}

/// A block that is no packet.
fn in_between(out: &mut Vec<u8>, blocks: Blocks, number: usize) {
    match number % 4 {
        0 => {
            // Name resolution: 192.0.2.1 is "gateway", 2001:db8::1 is "six", end of records.
            let mut records = Vec::new();
            for (kind, value) in [
                (1u16, &b"\xc0\0\x02\x01gateway\0"[..]),
                (2, b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01six\0"),
            ] {
                records.extend_from_slice(&kind.to_le_bytes());
                records.extend_from_slice(&(value.len() as u16).to_le_bytes());
                records.extend_from_slice(value);
                records.resize(records.len().next_multiple_of(4), 0);
            }
            records.extend_from_slice(&[0; 4]);
            blocks.block(out, 4, &records, &[]);
        }
        1 => statistics(out, blocks, TimeUnit::MICROS.ticks(Traffic::START_NS), number as u64 * 100),
        2 => {
            // Decryption secrets: a TLS key log without keys.
            let secrets = b"# nothing secret\n";
            let mut fixed = 0x544c_534bu32.to_le_bytes().to_vec();
            fixed.extend_from_slice(&(secrets.len() as u32).to_le_bytes());
            fixed.extend_from_slice(secrets);
            blocks.block(out, 0x0a, &fixed, &[]);
        }
        _ => blocks.block(out, 0x0000_7a7a, b"a block of a kind that nobody knows", &[]),
    }
}

/// Interface statistics: received, dropped by the interface (3), dropped by the system (1).
fn statistics(out: &mut Vec<u8>, blocks: Blocks, ticks: u64, received: u64) {
    let mut fixed = 0u32.to_le_bytes().to_vec();
    fixed.extend_from_slice(&((ticks >> 32) as u32).to_le_bytes());
    fixed.extend_from_slice(&(ticks as u32).to_le_bytes());
    blocks.block(
        out,
        5,
        &fixed,
        &[(4, &received.to_le_bytes()), (5, &3u64.to_le_bytes()), (7, &1u64.to_le_bytes())],
    );
}
