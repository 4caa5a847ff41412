//! What fuzzing of applications starts with: what they said in `testdata`, and messages written by hand.

/// A seed of what is said on the first port of a target: its beginning, then packets behind bits and lengths.
fn seed(beginning: &[u8], said: &[(bool, &[u8])]) -> Vec<u8> {
    let mut out = beginning.to_vec();
    for (from_server, payload) in said {
        let payload = payload.get(..LONGEST).unwrap_or(payload);
        out.push(u8::from(*from_server));
        out.extend((payload.len() as u16).to_le_bytes());
        out.extend(payload);
    }
    out
}

/// Bytes of a packet that are kept (chosen: a hello, or most of a certificate; four of them are no longer than an input).
const LONGEST: usize = 1000;

/// Payloads of TCP and UDP over IPv4 and Ethernet in a capture, with their protocol and ports.
fn payloads<'a>(records: &[(u32, &'a [u8])]) -> Vec<(u8, u16, u16, &'a [u8])> {
    let payload = |data: &'a [u8]| {
        let ip = data.get(14..).filter(|_| data.get(12..14) == Some(&[8, 0]))?;
        let at = usize::from(ip.first()? & 15) * 4;
        let transport = ip.get(at..)?;
        let port = |at: usize| Some(u16::from_be_bytes(*transport.get(at..)?.first_chunk()?));
        let protocol = *ip.get(9)?;
        let length = if protocol == 6 { usize::from(transport.get(12)? >> 4) * 4 } else { 8 };
        let payload = transport.get(length..).filter(|payload| !payload.is_empty())?;
        matches!(protocol, 6 | 17).then_some((protocol, port(0)?, port(2)?, payload))
    };
    records.iter().filter_map(|(_, data)| payload(data)).collect()
}

/// Payloads of a conversation, each with whether the server said it.
type Said = Vec<(bool, Vec<u8>)>;

/// Conversations on a port in a capture, each with a few packets.
fn on_port(captures: &[Vec<u8>], protocol: u8, port: u16) -> Vec<Said> {
    let mut all: Vec<(u16, Said)> = Vec::new();
    for capture in captures {
        for (of, from, to, payload) in payloads(&super::seeds::records(capture)) {
            if of != protocol || (from != port && to != port) {
                continue;
            }
            let client = if to == port { from } else { to };
            let index = all.iter().position(|(known, _)| *known == client);
            let index = index.unwrap_or_else(|| {
                all.push((client, Vec::new()));
                all.len() - 1
            });
            if let Some((_, said)) = all.get_mut(index)
                && said.len() < 4
            {
                said.push((from == port, payload.to_vec()));
            }
        }
    }
    all.into_iter().map(|(_, said)| said).take(8).collect()
}

fn from_testdata(beginning: &[u8], protocol: u8, port: u16) -> Vec<Vec<u8>> {
    let conversations = on_port(&super::seeds::testdata(&["cap", "pcap"]), protocol, port);
    let seeds = conversations.iter().map(|said| {
        let said: Vec<(bool, &[u8])> = said.iter().map(|(server, payload)| (*server, &payload[..])).collect();
        seed(beginning, &said)
    });
    seeds.collect()
}

/// Queries and answers, over UDP and over TCP.
pub(super) fn dns() -> Vec<Vec<u8>> {
    const QUERY: &[u8] =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01";
    const ANSWER: &[u8] =
        b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03web\xc0\x10\xc0\x2d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x07";
    let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes()[..], message].concat();
    let mut seeds = from_testdata(&[0, 0], 17, 53);
    for port in 0..4 {
        seeds.push(seed(&[0, port], &[(false, QUERY), (true, ANSWER)]));
    }
    seeds.push(seed(&[1, 0], &[(false, &framed(QUERY)), (true, &framed(ANSWER))]));
    seeds
}

/// Handshakes.
pub(super) fn tls() -> Vec<Vec<u8>> {
    let mut seeds = from_testdata(&[0], 6, 443);
    seeds.push(seed(&[0], &[(true, b"\x15\x03\x03\x00\x02\x02\x28")]));
    seeds.retain(|seed| seed.len() <= 8192);
    seeds
}

/// Initial packets that carry the hellos of TLS; what is encrypted in them stands in the clear.
pub(super) fn quic() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for said in on_port(&super::seeds::testdata(&["cap", "pcap"]), 6, 443) {
        for version in [[0, 0, 0, 1], [0x6b, 0x33, 0x43, 0xcf]] {
            let first = if version[0] == 0 { 0xc0 } else { 0xd0 };
            let packet = |record: &[u8]| {
                let hello = record.get(5..).unwrap_or_default();
                let hello = hello.get(..1000).unwrap_or(hello);
                let length = |length: usize| (0x4000 | length as u16).to_be_bytes();
                // Padding where the packet number may be, and behind the frame for the tag.
                let frame = [&[0; 8][..], &[6, 0], &length(hello.len()), hello, &[0; 20]].concat();
                let header =
                    [&[first][..], &version, b"\x04\x01\x02\x03\x04\x00\x00", &length(frame.len())].concat();
                [header, frame].concat()
            };
            let packets: Vec<(bool, Vec<u8>)> =
                said.iter().take(2).map(|(server, record)| (*server, packet(record))).collect();
            let said: Vec<(bool, &[u8])> = packets.iter().map(|(server, p)| (*server, &p[..])).collect();
            seeds.push(seed(&[0], &said));
        }
    }
    seeds
}

/// Requests and responses, and greetings of protocols of lines.
pub(super) fn http() -> Vec<Vec<u8>> {
    let mut seeds = from_testdata(&[0], 6, 80);
    let get =
        b"GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\n\r\nHEAD /b HTTP/1.1\r\nHost: b\r\n\r\n";
    let ok =
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n";
    seeds.push(seed(&[0], &[(false, get), (true, ok)]));
    seeds.push(seed(&[1], &[(true, b"220 FTP\r\n"), (false, b"USER a\r\n"), (false, b"PASS b\r\n")]));
    seeds
        .push(seed(&[2], &[(true, b"220 ESMTP\r\n"), (false, b"EHLO a\r\n"), (false, b"AUTH PLAIN AA\r\n")]));
    seeds.push(seed(&[3], &[(true, b"+OK\r\n"), (false, b"USER a\r\n"), (false, b"PASS b\r\n")]));
    seeds.push(seed(&[4], &[(true, b"* OK a\r\n"), (false, b"a LOGIN b c\r\n")]));
    seeds.push(seed(&[5], &[(true, b"\xff\xfd\x18"), (true, b"Password: "), (false, b"x\r\n")]));
    seeds
}

/// One of each of the others.
pub(super) fn banners() -> Vec<Vec<u8>> {
    let mut smb = b"\0\0\0\x46\xfeSMB".to_vec();
    smb.resize(68, 0);
    smb[16] = 1;
    smb.extend(b"\x41\0\x03\0\x11\x03");
    let mut dhcp = vec![1, 1, 6, 0];
    dhcp.resize(236, 0);
    dhcp.extend(b"\x63\x82\x53\x63\x35\x01\x01\x0c\x04host\x36\x04\x0a\0\0\x01\xff");
    let connect = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0";
    let confirm = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x1f\x08\0\x02\0\0\0";
    let ntp = [&[0x24, 2][..], &[0; 46]].concat();
    vec![
        seed(&[1, 0], &[(false, b"SSH-2.0-a\r\n"), (true, b"SSH-2.0-b c\r\n")]),
        seed(&[1, 1], &[(false, connect), (true, confirm)]),
        seed(&[1, 2], &[(false, b"\0\0\0\x04\xffSMB\x72\0\0\0\0\0"), (true, &smb)]),
        seed(&[0, 3], &[(false, &dhcp), (true, &dhcp)]),
        seed(&[0, 4], &[(false, &[0x23; 48]), (true, &ntp)]),
        seed(&[0, 5], &[(false, b"\x01\0\0\0"), (true, b"\x02\0\0\0")]),
        seed(&[0, 6], &[(false, b"M-SEARCH * HTTP/1.1\r\nHOST: a\r\n\r\n")]),
    ]
}

/// Streams of TLS and DNS behind the bytes that say how they are cut.
pub(super) fn pieces() -> Vec<Vec<u8>> {
    let captures = super::seeds::testdata(&["cap", "pcap"]);
    let streams = on_port(&captures, 6, 443).into_iter().flatten();
    let mut seeds: Vec<Vec<u8>> = streams
        .map(|(_, payload)| {
            [&[3, 90, 1, 40, 7, 250, 0, 0][..], payload.get(..LONGEST).unwrap_or(&payload)].concat()
        })
        .collect();
    let message =
        b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x03com\x00\x00\x01\x00\x01";
    seeds.push([&[1, 2, 3, 4, 5, 6, 7, 1][..], message, message].concat());
    seeds
}
