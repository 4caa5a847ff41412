//! Whatever an application says, nothing panics and nothing runs away; and what it says right is understood.

use super::hear::{Utterance, hear};
use super::quic::seal;
use super::{Apps, DnsKind};
use crate::apps::text::hex;

/// A certificate of www.example.com and *.example.org, made for this test.
const CERTIFICATE: &[u8] = include_bytes!("testcert.der");

fn client_hello(name: &[u8]) -> Vec<u8> {
    let sni = [&[0, 0][..], &lengths(&[&[0], &length16(name)[..], name].concat(), 2)].concat();
    let alpn = [&[0, 16][..], &lengths(b"\x02h2\x08http/1.1", 2)].concat();
    let versions = b"\x00\x2b\x00\x05\x04\x03\x04\x03\x03";
    let groups = b"\x00\x0a\x00\x06\x00\x04\x00\x1d\x00\x17";
    let extensions = [&sni[..], &alpn, versions, groups].concat();
    let body = [
        &b"\x03\x03"[..],
        &[7; 32],
        b"\x00\x00\x06\x13\x01\xc0\x2f\x0a\x0a\x01\x00",
        &length16(&extensions),
        &extensions,
    ]
    .concat();
    handshake(1, &body)
}

fn server_hello() -> Vec<u8> {
    handshake(
        2,
        &[
            &b"\x03\x03"[..],
            &[9; 32],
            b"\x00\xc0\x2f\x00\x00\x05\x00\x10\x00\x05\x00\x03\x02h2"[..15].as_ref(),
        ]
        .concat(),
    )
}

fn length16(bytes: &[u8]) -> [u8; 2] {
    (bytes.len() as u16).to_be_bytes()
}

/// Bytes behind their length, twice if asked: an extension with a list in it.
fn lengths(bytes: &[u8], times: usize) -> Vec<u8> {
    (0..times).fold(bytes.to_vec(), |inner, _| [&length16(&inner)[..], &inner].concat())
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (body.len() as u32).to_be_bytes();
    [&[kind, a, b, c][..], body].concat()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1][..], &length16(body), body].concat()
}

fn certificates() -> Vec<u8> {
    let [_, a, b, c] = (CERTIFICATE.len() as u32).to_be_bytes();
    let one = [&[a, b, c][..], CERTIFICATE].concat();
    let [_, a, b, c] = (one.len() as u32).to_be_bytes();
    handshake(11, &[&[a, b, c][..], &one].concat())
}

fn dns(flags: u16, answers: &[u8], count: u16) -> Vec<u8> {
    [
        &b"\x12\x34"[..],
        &flags.to_be_bytes(),
        b"\x00\x01",
        &count.to_be_bytes(),
        b"\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01",
        answers,
    ]
    .concat()
}

const ALIAS: &[u8] = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03web\xc0\x10";
const ADDRESS: &[u8] = b"\xc0\x2d\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x07";

/// A flow of each protocol: over TCP or not, the port, what client and server say.
fn flows() -> Vec<(bool, u16, Vec<u8>, Vec<u8>)> {
    let query = dns(0x0100, b"", 0);
    let answer = dns(0x8180, &[ALIAS, ADDRESS].concat(), 2);
    let client = record(22, &client_hello(b"www.example.com"));
    let server = record(22, &[server_hello(), certificates()].concat());
    let mut dhcp = vec![1, 1, 6, 0];
    dhcp.resize(236, 0);
    dhcp.extend(b"\x63\x82\x53\x63\x35\x01\x01\x0c\x04host\xff");
    let mut smb = b"\0\0\0\x46\xfeSMB".to_vec();
    smb.resize(68, 0);
    smb[16] = 1;
    smb.extend(b"\x41\0\x03\0\x11\x03");
    let connect = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0".to_vec();
    let confirm = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x1f\x08\0\x02\0\0\0".to_vec();
    let get = b"GET /a HTTP/1.1\r\nHost: example.com\r\n\r\nPOST /b HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc";
    let ok =
        b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi";
    vec![
        (false, 53, query.clone(), answer.clone()),
        (false, 9999, query.clone(), answer.clone()),
        (false, 5353, query.clone(), answer.clone()),
        (true, 53, lengths(&query, 1), lengths(&answer, 1)),
        (true, 443, client, server),
        (false, 443, seal(&client_hello(b"quic.example.com"), true), seal(&server_hello(), false)),
        (true, 80, get.to_vec(), ok.to_vec()),
        (false, 1900, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n".to_vec(), Vec::new()),
        (true, 22, b"SSH-2.0-PuTTY\r\n".to_vec(), b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        (true, 3389, connect, confirm),
        (true, 445, b"\0\0\0\x04\xfeSMB".to_vec(), smb),
        (false, 67, dhcp.clone(), dhcp),
        (false, 547, b"\x01\0\0\0".to_vec(), b"\x02\0\0\0".to_vec()),
        (false, 123, [&[0x23][..], &[0; 47]].concat(), [&[0x24, 2][..], &[0; 46]].concat()),
        (true, 21, b"USER a\r\nPASS b\r\n".to_vec(), b"220 FTP here\r\n".to_vec()),
        (true, 23, b"\xff\xfb\x18".to_vec(), b"\xff\xfd\x18\xff\xfd\x20Password: ".to_vec()),
    ]
}

fn both<'a>(client: &'a [u8], server: &'a [u8]) -> [Utterance<'a>; 2] {
    [
        Utterance { ack: Some(9), ..Utterance::client(5, client) },
        Utterance { ack: Some(5 + client.len() as u32), ..Utterance::server(9, server) },
    ]
}

fn heard(index: usize) -> Apps {
    let (is_tcp, port, client, server) = flows().swap_remove(index);
    Apps::clone(&hear(is_tcp, port, &both(&client, &server)).unwrap())
}

#[test]
fn every_protocol_is_recognised() {
    let services: Vec<_> = (0..flows().len()).map(|index| heard(index).service().unwrap()).collect();
    let dns = ["dns", "dns", "mdns", "dns"];
    let others = ["tls", "quic", "http", "http", "ssh", "rdp", "smb", "dhcp", "dhcpv6", "ntp"];
    assert_eq!(services[..14], [&dns[..], &others].concat());
    // FTP begins with what the server says.
    let (_, _, client, server) = &flows()[14];
    let ftp = hear(true, 21, &[Utterance::server(0, server), Utterance::client(0, client)]).unwrap();
    assert_eq!((ftp.service(), ftp.banner.as_deref()), (Some("ftp"), Some("220 FTP here")));
}

#[test]
fn a_lookup_is_told_with_its_answers() {
    for index in [0, 1, 3] {
        let apps = heard(index);
        let dns = apps.dns.as_deref().unwrap();
        assert_eq!((dns.queries, dns.responses, dns.answered, dns.unanswered), (1, 1, 1, 0));
        assert_eq!((&*dns.rcodes, &*dns.types), (&[(0, 1)][..], &[(1, 1)][..]));
        let [lookup] = &*dns.lookups else { panic!("{dns:?}") };
        assert_eq!((&*lookup.name, lookup.latency, lookup.answers.len()), ("www.example.com", Some(0), 2));
        let names: Vec<_> = apps.names().collect();
        assert_eq!(names, [([10, 0, 0, 7].into(), "www.example.com")]);
    }
    // What is asked of a group is not unanswered.
    let (_, _, query, _) = &flows()[0];
    let apps = hear(false, 5355, &[Utterance::client(0, query)]).unwrap();
    let dns = apps.dns.clone().unwrap();
    assert_eq!((dns.kind, dns.unanswered), (DnsKind::Llmnr, 0));
    let again = hear(false, 53, &[Utterance::client(0, query), Utterance::client(0, query)])
        .unwrap()
        .dns
        .clone()
        .unwrap();
    assert_eq!((again.queries, again.repeats, again.unanswered, again.lookups[0].repeats), (2, 1, 1, 1));
}

#[test]
fn a_handshake_is_told_with_its_certificate() {
    let tls = heard(4).tls.unwrap();
    assert_eq!(tls.sni.as_deref(), Some("www.example.com"));
    assert_eq!((tls.version_offered, tls.version, tls.cipher), (Some(0x0304), Some(0x0303), Some(0xc02f)));
    assert_eq!(tls.alpn_offered, ["h2".into(), "http/1.1".into()]);
    assert!(tls.ja4.unwrap().starts_with("t13d0204h2_"));
    assert_eq!(tls.ja3.unwrap().len(), 32);
    let [certificate] = &*tls.certificates else { panic!("no certificate") };
    assert_eq!(&*certificate.subject, "O=Example, CN=www.example.com");
    assert_eq!(certificate.names, ["www.example.com".into(), "*.example.org".into()]);
    assert!(certificate.is_self_issued() && certificate.not_before < certificate.not_after);
}

#[test]
fn a_quic_hello_is_read_in_spite_of_its_encryption() {
    let apps = heard(5);
    let (quic, tls) = (apps.quic.clone().unwrap(), apps.tls.clone().unwrap());
    assert_eq!((quic.version, quic.initials), (1, 2));
    assert_eq!((tls.sni.as_deref(), tls.server_hellos), (Some("quic.example.com"), 1));
    assert!(tls.ja4.unwrap().starts_with("q13d0204h2_"));
}

#[test]
fn messages_that_follow_each_other_in_a_segment_all_count() {
    let http = heard(6).http.unwrap();
    assert_eq!((http.requests, http.responses), (2, 2));
    assert_eq!(http.hosts, [("example.com".into(), 1), ("b".into(), 1)]);
    assert_eq!(http.codes, [(204, 1), (404, 1)]);
    assert_eq!(http.exchanges[1].status, Some(404));
    assert_eq!((http.exchanges[1].path_len, http.server.as_deref()), (2, Some("x")));
}

#[test]
fn messages_in_pieces_are_those_in_one() {
    for (is_tcp, port, client, server) in
        flows().into_iter().filter(|(is_tcp, port, ..)| *is_tcp && matches!(port, 53 | 80 | 443))
    {
        let whole = hear(is_tcp, port, &both(&client, &server));
        // A message of HTTP that begins inside of a segment is found if what shows it is there.
        for size in [7, 13, 20, 100].into_iter().filter(|size| port != 80 || *size == 100) {
            // The first piece has to show what it is.
            let pieces = |bytes: &[u8]| -> Vec<(u32, Vec<u8>)> {
                let (head, tail) = bytes.split_at(bytes.len().min(20));
                let mut at = head.len() as u32;
                let mut all = vec![(0, head.to_vec())];
                for piece in tail.chunks(size) {
                    all.push((at, piece.to_vec()));
                    at += piece.len() as u32;
                }
                all
            };
            let (of_client, of_server) = (pieces(&client), pieces(&server));
            let mut said: Vec<Utterance<'_>> = Vec::new();
            for (offset, piece) in &of_client {
                said.push(Utterance { ack: Some(9), ..Utterance::client(5 + offset, piece) });
            }
            for (offset, piece) in &of_server {
                said.push(Utterance { ack: Some(5), ..Utterance::server(9 + offset, piece) });
            }
            assert_eq!(hear(is_tcp, port, &said), whole, "port {port} in pieces of {size}");
            // What was sent again says nothing new, and neighbours that are swapped say the same.
            let twice: Vec<_> = said.iter().flat_map(|one| [*one, *one]).collect();
            assert_eq!(hear(is_tcp, port, &twice), whole, "port {port}, twice");
            if port == 443 {
                said[1..of_client.len()].chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
                assert_eq!(hear(is_tcp, port, &said), whole, "port {port}, swapped");
            }
        }
    }
}

#[test]
fn every_truncation_and_every_wrong_byte_is_survived() {
    for (is_tcp, port, client, server) in flows() {
        for (client_end, server_end) in (0..=client.len())
            .map(|end| (end, server.len()))
            .chain((0..=server.len()).map(|end| (client.len(), end)))
        {
            let (head, tail) = (&client[..client_end], &server[..server_end]);
            let mut said = both(head, tail);
            hear(is_tcp, port, &said);
            said[0].cut = (client.len() - client_end) as u32;
            said[1].cut = (server.len() - server_end) as u32;
            hear(is_tcp, port, &said);
            said.reverse();
            hear(is_tcp, port, &said);
        }
        for at in 0..client.len().max(server.len()) {
            for value in [0, 1, 0x3f, 0x7f, 0x80, 0xc0, 0xff] {
                let (mut client, mut server) = (client.clone(), server.clone());
                client.get_mut(at).into_iter().chain(server.get_mut(at)).for_each(|byte| *byte = value);
                hear(is_tcp, port, &both(&client, &server));
            }
        }
    }
}

#[test]
fn a_cut_hello_still_names_its_server() {
    let hello = record(22, &client_hello(b"www.example.com"));
    let said = Utterance { cut: 30, ..Utterance::client(0, &hello[..hello.len() - 30]) };
    let tls = hear(true, 443, &[said]).unwrap().tls.clone().unwrap();
    assert_eq!((tls.sni.as_deref(), tls.ja4), (Some("www.example.com"), None));
}

#[test]
fn hostile_names_are_text_without_controls() {
    let name = b"\x1b]0;x\x07=cmd|' /C calc'!A0\n\xff\xfe\xe2\x80\xae";
    let hello = record(22, &client_hello(name));
    let host = [&b"GET / HTTP/1.1\r\nHost: \x1b[31m\xff=1+1\r\n\r\n"[..]].concat();
    let banner = b"SSH-2.0-\x1b[2J\xff\r\n".to_vec();
    let mut query = dns(0x0100, b"", 0);
    query[13..16].copy_from_slice(b"\x1b\n\xff");
    let texts = [
        hear(true, 443, &[Utterance::client(0, &hello)]).unwrap().tls.clone().unwrap().sni.unwrap(),
        hear(true, 22, &[Utterance::client(0, &banner)]).unwrap().ssh.clone().unwrap().client.unwrap(),
        hear(false, 53, &[Utterance::client(0, &query)]).unwrap().dns.clone().unwrap().lookups[0]
            .name
            .clone(),
    ];
    for text in texts.iter().chain(
        hear(true, 80, &[Utterance::client(0, &host)])
            .unwrap()
            .http
            .clone()
            .unwrap()
            .hosts
            .iter()
            .map(|(host, _)| host),
    ) {
        assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text:?}");
        assert!(text.contains("\\027") && text.contains("\\255"), "{text:?}");
    }
}

#[test]
fn giant_lengths_and_floods_stay_small() {
    // A record, a message and a handshake that announce more than there ever is.
    let giants: [(bool, u16, &[u8]); 4] = [
        (true, 443, b"\x16\x03\x01\x40\x00\x01\x00\xff\xff\x03\x03"),
        (true, 53, b"\xff\xff\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
        (true, 80, b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        (false, 53, b"\x12\x34\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x01\x00\x01"),
    ];
    for (is_tcp, port, start) in giants {
        let filler = vec![b'a'; 1400];
        let mut said = vec![Utterance::client(0, start)];
        for index in 0..400 {
            said.push(Utterance::client(start.len() as u32 + 1400 * index, &filler));
        }
        hear(is_tcp, port, &said);
    }
    // Ten thousand questions over one flow.
    let queries: Vec<Vec<u8>> = (0..10_000u16)
        .map(|id| {
            let mut query = dns(0x0100, b"", 0);
            query[..2].copy_from_slice(&id.to_be_bytes());
            query[13..15].copy_from_slice(&hex(&id.to_be_bytes()).as_bytes()[..2]);
            query
        })
        .collect();
    let said: Vec<_> = queries.iter().map(|query| Utterance::client(0, query)).collect();
    let dns = hear(false, 53, &said).unwrap().dns.clone().unwrap();
    assert_eq!((dns.queries, dns.unanswered), (10_000, 10_000));
    assert_eq!(dns.lookups.len() as u64 + dns.lookups_omitted, 10_000);
}

#[test]
fn a_mail_server_that_goes_on_in_tls_is_a_mail_server() {
    let hello = record(22, &client_hello(b"mail.example.com"));
    let said = [
        Utterance::server(0, b"220 mail ESMTP\r\n"),
        Utterance::client(0, b"STARTTLS\r\n"),
        Utterance::server(16, b"220 go\r\n"),
        Utterance { ack: Some(24), ..Utterance::client(10, &hello) },
    ];
    let apps = hear(true, 25, &said).unwrap();
    assert_eq!(apps.service(), Some("smtp"));
    assert_eq!(apps.tls.clone().unwrap().sni.as_deref(), Some("mail.example.com"));
}

#[test]
fn what_waits_when_tls_begins_is_given_up() {
    let hello = record(22, &client_hello(b"proxy.example.com"));
    let said = [Utterance::client(0, b"GET /half HTTP/1.1"), Utterance::client(18, &hello)];
    let apps = hear(true, 80, &said).unwrap();
    assert_eq!((apps.service(), apps.http.as_ref().unwrap().requests), (Some("http"), 1));
    assert_eq!(apps.tls.as_ref().unwrap().sni.as_deref(), Some("proxy.example.com"));
}
