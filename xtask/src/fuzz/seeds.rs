//! What fuzzing starts with: small captures from the testkit and from `testdata`. Nobody else's.

use std::fs;

use capkeep_testkit::{Packet, Pcap, PcapNg, Traffic, encode, variants};
use flate2::{Compression, write::GzEncoder};

use crate::root;

/// Bytes of a seed: files are cut there (chosen: some ten packets; a cut file is a good seed too).
const SEED_LEN: usize = 6000;

/// Longest packet that becomes a seed, in bytes (chosen: the headers, and some payload).
const PACKET_LEN: usize = 300;

/// Packets taken out of each capture for the targets that take packets (chosen: one of each kind).
const PACKETS: usize = 12;

/// libpcap's magic, little-endian, microseconds.
const MAGIC: [u8; 4] = [0xd4, 0xc3, 0xb2, 0xa1];

/// Every variant and every capture in `testdata` with one of these extensions, cut short.
pub(super) fn files(extensions: &[&str]) -> Vec<Vec<u8>> {
    let variants = variants().iter().filter(|variant| extensions.contains(&variant.extension));
    let mut seeds: Vec<Vec<u8>> = variants.map(|variant| variant.bytes().0).collect();
    seeds.extend(testdata(extensions));
    if extensions.contains(&"cap") {
        // A NetMon file has its frame table at its end: cut short it says nothing.
        seeds.retain(|seed| !seed.starts_with(b"RTSS") && !seed.starts_with(b"GMBU"));
        seeds.extend(netmon());
    }
    for seed in &mut seeds {
        seed.truncate(SEED_LEN);
    }
    seeds.retain(|seed| !seed.is_empty());
    seeds.sort();
    seeds.dedup();
    seeds
}

fn small(seed: u64) -> Vec<Packet> {
    let mut packets: Vec<Packet> = Traffic::mix(60, 12, seed).packets().collect();
    packets.retain(|packet| packet.data.len() <= PACKET_LEN);
    packets
}

fn netmon() -> Vec<Vec<u8>> {
    let mut all = vec![encode(&mut capkeep_testkit::NetMon1::default(), &small(1))];
    all.extend(
        (0..4).map(|minor| encode(&mut capkeep_testkit::NetMon2::new(minor), &small(u64::from(minor)))),
    );
    all
}

/// Captures under `testdata`.
pub(super) fn testdata(extensions: &[&str]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("testdata")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if extensions.iter().any(|extension| name.ends_with(&format!(".{extension}"))) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().filter_map(|path| fs::read(path).ok()).collect()
}

/// Compressed captures, and plain ones behind a byte that says how the target is to compress them.
pub(super) fn compressed() -> Vec<Vec<u8>> {
    let mut seeds = testdata(&["gz", "zst", "lz4", "xz"]);
    seeds.retain(|seed| seed.len() <= 16_384);
    for number in 0..3 {
        let file = encode(&mut Pcap::ETHERNET.clone(), &small(u64::from(number)));
        seeds.push([&[number][..], &file].concat());
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        if std::io::Write::write_all(&mut gzip, &file).is_ok() {
            seeds.extend(gzip.finish());
        }
    }
    seeds.push([&[1][..], &encode(&mut PcapNg::ETHERNET.clone(), &small(9))].concat());
    seeds
}

/// Packets of all variants as the target takes them: link type, length on the wire, bytes.
pub(super) fn packets() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let captures = variants().iter().filter(|variant| variant.extension == "pcap").map(|v| v.bytes().0);
    for capture in captures.chain(testdata(&["pcap"])).filter(|capture| capture.starts_with(&MAGIC)) {
        let Some(link) = capture.get(20..22) else { continue };
        let mut packets = records(&capture);
        packets.retain(|(_, data)| data.len() <= PACKET_LEN);
        let step = (packets.len() / PACKETS).max(1);
        for (wire_len, data) in packets.iter().step_by(step) {
            seeds.push([link, &wire_len.to_le_bytes(), data].concat());
        }
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

/// Length on the wire and bytes of each packet.
pub(super) fn records(capture: &[u8]) -> Vec<(u32, &[u8])> {
    let mut all = Vec::new();
    let mut rest = capture.get(24..).unwrap_or_default();
    let word = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    while let (Some(len), Some(wire_len)) = (word(rest, 8), word(rest, 12))
        && let Some(data) = rest.get(16..).and_then(|rest| rest.get(..len as usize))
    {
        all.push((wire_len, data));
        rest = &rest[16 + data.len()..];
    }
    all
}

/// Filters behind a packet: a byte of its length, the packet, the words.
pub(super) fn filters() -> Vec<Vec<u8>> {
    let packets = packets();
    let mut packets = packets.iter().filter(|packet| packet.len() < 128).step_by(17).cycle();
    FILTERS
        .iter()
        .filter_map(|words| {
            let packet = packets.next()?;
            Some([&[packet.len() as u8][..], packet, words.as_bytes()].concat())
        })
        .collect()
}

/// Something of everything that the language has.
const FILTERS: &[&str] = &[
    "",
    "tcp port 80 or 443",
    "not (tcp or udp) and not arp",
    "src net 10.0.0.0/8 and dst portrange 1-1023",
    "host 192.168.1.1 || host fe80::1",
    "net 192.168 or net 172.16.0.0 mask 255.240.0.0",
    "ip6 and udp port domain",
    "ip proto 6 or 17",
    "src or dst port 53",
    "src and dst port 53",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[0:2] = 80 and tcp[14:2] >= 0x1000",
    "icmp[icmptype] == icmp-echo",
    "icmp6[icmp6type] = icmp6-neighborsolicit",
    "len % 2 = 0 and (len - 14) / 4 > 20",
    "less 60 or greater 1000",
    "vlan 5 and tunnel vxlan",
    "ip[12:4] & 0xff000000 = 0x0a000000",
    "port (80 or 443) and not host 10.0.0.1",
    "udp[2:2] = 53 << 0",
];

#[cfg(test)]
mod tests {
    use super::{files, packets};

    #[test]
    fn seeds_are_the_same_every_time() {
        assert_eq!(packets(), packets());
        assert_eq!(files(&["snoop"]), files(&["snoop"]));
    }
}
