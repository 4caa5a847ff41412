//! Files by hand.

/// Integers in one byte order, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    pub(super) data: Vec<u8>,
    big: bool,
}

impl Bytes {
    pub(super) fn new(big: bool) -> Self {
        Self { data: Vec::new(), big }
    }

    pub(super) fn u16(mut self, value: u16) -> Self {
        self.data.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.data.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.data.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.data.extend(bytes);
        self
    }

    pub(super) fn pad4(mut self) -> Self {
        self.data.resize(self.data.len().next_multiple_of(4), 0);
        self
    }
}

/// A pcap file header.
pub(super) fn pcap(big: bool, magic: u32, version: (u16, u16), network: u32) -> Bytes {
    let head = Bytes::new(big).u32(magic).u16(version.0).u16(version.1);
    head.u32(0).u32(0).u32(65_535).u32(network)
}

/// A plain pcap record.
pub(super) fn record(file: Bytes, seconds: u32, fraction: u32, packet: &[u8], wire_len: u32) -> Bytes {
    file.u32(seconds).u32(fraction).u32(packet.len() as u32).u32(wire_len).bytes(packet)
}

/// A pcapng block.
pub(super) fn block(file: Bytes, kind: u32, body: &Bytes) -> Bytes {
    let body = body.clone().pad4();
    let len = body.data.len() as u32 + 12;
    file.u32(kind).u32(len).bytes(&body.data).u32(len)
}

/// A pcapng section header block with options.
pub(super) fn section(file: Bytes, options: &[(u16, &[u8])]) -> Bytes {
    let body = Bytes::new(file.big).u32(0x1a2b_3c4d).u16(1).u16(0).u64(u64::MAX);
    let body = with_options(body, options);
    block(file, 0x0a0d_0d0a, &body)
}

/// A pcapng interface description block with options.
pub(super) fn interface(file: Bytes, network: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Bytes {
    let body = with_options(Bytes::new(file.big).u16(network).u16(0).u32(snap_len), options);
    block(file, 1, &body)
}

/// A pcapng enhanced packet block with options.
pub(super) fn enhanced(
    file: Bytes,
    interface: u32,
    time: u64,
    packet: &[u8],
    options: &[(u16, &[u8])],
) -> Bytes {
    let body = Bytes::new(file.big).u32(interface).u32((time >> 32) as u32).u32(time as u32);
    let len = packet.len() as u32;
    let body = with_options(body.u32(len).u32(len + 5).bytes(packet).pad4(), options);
    block(file, 6, &body)
}

/// Options and their end mark, nothing if there are none.
pub(super) fn with_options(mut body: Bytes, options: &[(u16, &[u8])]) -> Bytes {
    if options.is_empty() {
        return body;
    }
    for (code, value) in options {
        body = body.u16(*code).u16(value.len() as u16).bytes(value).pad4();
    }
    body.u32(0)
}

/// A snoop file header.
pub(super) fn snoop(network: u32) -> Bytes {
    Bytes::new(true).bytes(b"snoop\0\0\0").u32(2).u32(network)
}

/// A snoop record with so many bytes of padding.
pub(super) fn snoop_record(file: Bytes, seconds: u32, packet: &[u8], padding: usize, drops: u32) -> Bytes {
    let len = packet.len() as u32;
    let file = file.u32(len + 1).u32(len).u32(24 + len + padding as u32).u32(drops);
    file.u32(seconds).u32(7).bytes(packet).bytes(&vec![0xee; padding])
}

/// A NetMon file: frames, each with the medium and the time its trailer has; the order of the table.
pub(super) fn netmon(version: (u8, u8), medium: u16, frames: &[(u16, &[u8])], order: &[usize]) -> Vec<u8> {
    let magic = if version.0 == 1 { b"RTSS" } else { b"GMBU" };
    let mut file = Bytes::new(false).bytes(magic).bytes(&[version.1, version.0]).u16(medium);
    // 2016-08-25 13:19:01.810
    for field in [2016, 8, 4, 25, 13, 19, 1, 810] {
        file = file.u16(field);
    }
    file.data.resize(128, 0);
    let mut offsets = Vec::new();
    for (number, (frame_medium, packet)) in frames.iter().enumerate() {
        offsets.push(file.data.len() as u32);
        let len = packet.len() as u32;
        file = if version.0 == 1 {
            file.u32(number as u32 * 2).u16(len as u16 + 1).u16(len as u16)
        } else {
            file.u64(number as u64 * 2).u32(len + 1).u32(len)
        };
        file = file.bytes(packet);
        let trailer = Bytes::new(false).u16(*frame_medium).u32(u32::MAX);
        // 2016-08-25 13:19:01.8108127 UTC and a tenth of a microsecond more for each.
        let trailer = trailer.u64(131_166_047_418_108_127 + number as u64).bytes(&[0]);
        let trailer_len = match version {
            (1, _) | (_, 0) => 0,
            (_, 1) => 2,
            (_, 2) => 6,
            _ => 15,
        };
        file = file.bytes(trailer.data.get(..trailer_len).unwrap());
    }
    let table = file.data.len() as u32;
    for &index in order {
        file = file.u32(*offsets.get(index).unwrap());
    }
    let mut data = file.data;
    data.splice(24..28, table.to_le_bytes());
    data.splice(28..32, (order.len() as u32 * 4).to_le_bytes());
    data
}

/// A small file of each format, with its packets' number.
pub(super) fn one_of_each() -> Vec<(usize, Vec<u8>)> {
    let mut files = Vec::new();
    for big in [false, true] {
        for magic in [0xa1b2_c3d4, 0xa1b2_3c4d] {
            let file = record(pcap(big, magic, (2, 4), 1), 1, 2, b"abcdefgh", 9);
            files.push((2, record(file, 3, 4, b"xyz", 3).data));
        }
        let mut file = section(Bytes::new(big), &[(1, b"hello"), (2, b"machine"), (3, b"os"), (4, b"me")]);
        file = interface(file, 1, 0, &[(2, b"eth0"), (9, &[9]), (11, b"\0tcp")]);
        file = enhanced(file, 0, 5, b"packet", &[(1, b"note")]);
        file = block(file, 3, &Bytes::new(big).u32(4).bytes(b"four"));
        let old = Bytes::new(big).u16(0).u16(3).u64(6).u32(2).u32(2).bytes(b"pb");
        file = block(file, 2, &old);
        file = block(file, 4, &Bytes::new(big).u16(1).u16(4).bytes(&[1, 2, 3, 4]).u32(0));
        let counters = Bytes::new(big).u32(0).u64(0);
        file = block(file, 5, &with_options(counters, &[(4, &[1; 8]), (5, &[0; 8])]));
        file = block(file, 0xbad, &Bytes::new(big).u32(1).bytes(b"any"));
        files.push((3, file.data));
    }
    let frames: &[(u16, &[u8])] = &[(1, b"one"), (1, b"two and"), (0xffff, b"filter"), (1, b"four")];
    for version in [(1, 1), (2, 0), (2, 1), (2, 2), (2, 3)] {
        files.push((4, netmon(version, 1, frames, &[0, 1, 2, 3])));
    }
    files.push((2, snoop_record(snoop_record(snoop(4), 1, b"abc", 1, 0), 2, b"defg", 0, 3).data));
    files
}
